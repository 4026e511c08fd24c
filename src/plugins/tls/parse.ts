import { isIP } from 'node:net';
import type { BlockContext } from '../../config/corefile/block-context.ts';
import { faultAt, quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import {
  argumentFault,
  countFault,
  readOptions,
  readWord,
  takeArgument,
  takeArguments,
} from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readTlsFiles, type TlsFiles } from '../../config/tls-files.ts';
import { parsePort, splitHostPort } from '../../config/upstream-address.ts';
import { canonicalName } from '../../config/zone-name.ts';

export type TlsOptions = TlsFilesOptions | TlsAcmeOptions;

export interface TlsFilesOptions extends TlsFiles {
  readonly kind: 'files';
  readonly clientAuth: ClientAuth;
  /** absolute; session keys are written there, for debugging only */
  readonly keyLogFile: string | null;
}

/** Certificates from a certificate authority, by a challenge over DNS. */
export interface TlsAcmeOptions {
  readonly kind: 'acme';
  readonly domains: readonly string[];
  readonly email: string | null;
  readonly directoryUrl: string | null;
  /** absolute */
  readonly storage: string;
  /** absolute; trusted for the authority itself */
  readonly authorityRootFile: string | null;
  /** HOST:PORT that is asked whether the challenge can be seen */
  readonly resolver: string | null;
}

const CLIENT_AUTH = ['nocert', 'request', 'require', 'verify_if_given', 'require_and_verify'] as const;
export type ClientAuth = (typeof CLIENT_AUTH)[number];

/** `tls CERT KEY [CA] { client_auth MODE; keylog FILE }` or `tls { acme DOMAIN…; … }`; the last one counts. */
export default definePlugin('tls', (lines, block): TlsOptions => {
  let options: TlsOptions | undefined;
  for (const line of lines) options = line.arguments.length === 0 ? readAcme(line, block) : readFiles(line, block);
  block.settings.tlsIdentity = JSON.stringify(options);
  return options!;
});

function readFiles(line: CorefileLine, block: BlockContext): TlsFilesOptions {
  const tokens = takeArguments(line, 2, 3, 'tls CERT KEY [CA]');
  let clientAuth: ClientAuth = 'nocert';
  let keyLogFile: string | null = null;
  readOptions(
    line,
    {
      client_auth: (option) => {
        const token = takeArgument(option, 'client_auth MODE');
        clientAuth = readWord(token, CLIENT_AUTH, 'unknown authentication type');
      },
      keylog: (option) => {
        const token = takeArgument(option, 'keylog FILE');
        keyLogFile = block.resolvePath(token.text);
        block.warn(token, `TLS session keys are written to ${keyLogFile}`);
      },
    },
    (name) => `unknown option '${name}'`,
  );
  return { kind: 'files', ...readTlsFiles(tokens, block), clientAuth, keyLogFile };
}

function readAcme(line: CorefileLine, block: BlockContext): TlsAcmeOptions {
  const seen = new Map<string, readonly CorefileToken[]>();
  const readOnce = (option: CorefileLine): void => {
    const name = option.name.text;
    if (seen.has(name)) throw argumentFault(option.name, `ACME option "${name}" can only be specified once`);
    const max = name === 'acme' ? Infinity : 1;
    seen.set(name, takeArguments(option, 1, max, name === 'acme' ? 'acme DOMAIN…' : `${name} VALUE`));
  };
  const names = ['acme', 'email', 'ca', 'storage', 'ca_root', 'resolver'];
  readOptions(
    line,
    Object.fromEntries(names.map((name) => [name, readOnce])),
    (name) => `unknown ACME option "${name}"`,
  );
  const domains = seen.get('acme');
  if (domains === undefined) throw countFault(line.name, 'tls CERT KEY [CA], or a block with acme DOMAIN…');
  const value = (name: string): CorefileToken | undefined => seen.get(name)?.[0];
  const directory = value('ca');
  if (directory !== undefined && !isHttpUrl(directory.text)) {
    throw argumentFault(directory, `invalid ACME CA URL ${quoteText(directory.text)}, expected https://HOST/…`);
  }
  const resolver = value('resolver');
  if (resolver !== undefined) checkResolver(resolver);
  const root = value('ca_root');
  if (root !== undefined) readTlsFiles([root], block);
  const served = block.keys.find(({ scheme }) => scheme === 'tls' || scheme === 'https');
  if (served !== undefined) {
    const message = `certificates by ACME are not what skyshard does: ${quoteText(served.token.text)} needs tls CERT KEY [CA]`;
    throw faultAt(seen.get('acme')![0]!, 'CONFIG_UNSUPPORTED', message);
  }
  return {
    kind: 'acme',
    domains: [...new Set(domains.map(readAcmeDomain))],
    email: value('email')?.text ?? null,
    directoryUrl: directory?.text ?? null,
    storage: block.resolvePath(value('storage')?.text ?? '.skyshard/acme'),
    authorityRootFile: root === undefined ? null : block.resolvePath(root.text),
    resolver: resolver?.text ?? null,
  };
}

function readAcmeDomain(token: CorefileToken): string {
  const bare = token.text.toLowerCase().replace(/\.$/, '').replace(/^\*\./, '');
  const name = bare.includes('*') || isIP(bare) !== 0 ? undefined : canonicalName(bare);
  if (name === undefined || name === '.') throw argumentFault(token, `invalid ACME domain ${quoteText(token.text)}`);
  return (token.text.startsWith('*.') ? '*.' : '') + name.slice(0, -1);
}

function checkResolver(token: CorefileToken): void {
  const split = splitHostPort(token.text);
  const port = parsePort(split?.port ?? '');
  if (split === undefined || split.host === '' || port === undefined || port === 0) {
    throw argumentFault(token, `invalid ACME resolver ${quoteText(token.text)}, expected HOST:PORT`);
  }
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).host !== '';
}
