/** What `skyshard serve` was asked to do: its flags, checked and typed. */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ServerOptions } from '../server/server-options.ts';
import { type FlagSpec, type FlagValues, parseFlags } from './parse-flags.ts';

export const MANIFESTS_FLAG: FlagSpec = {
  name: 'manifests',
  value: 'FILE|DIR',
  isRepeatable: true,
  help: 'Kubernetes objects to serve: YAML or JSON files, watched for changes',
};

export const SERVE_FLAGS: readonly FlagSpec[] = [
  {
    name: 'conf',
    value: 'FILE',
    help: 'the Corefile; stdin is the standard input (default: Corefile if there is one, else the built-in configuration)',
  },
  MANIFESTS_FLAG,
  {
    name: 'kubeconfig',
    value: 'FILE',
    help: 'how to reach the API server where the Corefile does not say it (default: that of the cluster around the process)',
  },
  { name: 'context', value: 'NAME', help: 'the context to take from that file (default: its current one)' },
  {
    name: 'bind',
    value: 'ADDR',
    isRepeatable: true,
    help: 'IPv4 or IPv6 address to listen on (default: all addresses of both families)',
  },
  {
    name: 'log-format',
    value: 'text|json',
    help: 'form of the lines of log and errors (default: text, as CoreDNS has it)',
  },
  { name: 'dns.port', value: 'N', help: 'port to listen on where none is named, 1 to 65535 (default: 53)' },
  { name: 'p', value: 'N', help: 'the same as --dns.port' },
  { name: 'quiet', value: undefined, help: 'say nothing at the start' },
  { name: 'pidfile', value: 'FILE', help: 'file to write the process id to' },
  {
    name: 'shards',
    value: 'auto|N',
    help: 'answering threads, 1 to 64 (default: auto, by the CPUs and the memory there are)',
  },
  {
    name: 'transport',
    value: 'auto|mmsg|dgram',
    help: 'mmsg: recvmmsg and sendmmsg, Linux; dgram: no native code (default: auto, mmsg where it loads)',
  },
  {
    name: 'cookie-secret-file',
    value: 'FILE',
    help: '32 hexadecimal digits, the key of DNS cookies that replicas share (default: random)',
  },
];

/** In the working directory, as CoreDNS looks for it. */
const DEFAULT_COREFILE = 'Corefile';
const DNS_PORT_DEFAULT = 53;
export const SHARDS_MAX = 64;

/** What the flags say beside the server's options. */
export interface ServeOptions extends ServerOptions {
  readonly isQuiet: boolean;
  /** undefined: none */
  readonly pidFile: string | undefined;
  readonly lineFormat: 'text' | 'json';
}

/** @throws SkyshardError CLI_USAGE */
export function parseServeOptions(args: readonly string[]): ServeOptions {
  const flags = parseFlags('serve', SERVE_FLAGS, args);
  const secretFile = lastValue(flags, 'cookie-secret-file');
  const bindAddresses = parseBindAddresses(flags);
  const conf = lastValue(flags, 'conf');
  const hasOwn = bindAddresses.length === 0 && existsSync(DEFAULT_COREFILE);
  const corefile = conf ?? (hasOwn ? DEFAULT_COREFILE : undefined);
  if (conf !== undefined && bindAddresses.length > 0) {
    throw new SkyshardError('CLI_USAGE', '--bind is for the built-in configuration: in a Corefile write bind ADDRESS');
  }
  return {
    corefile,
    ...parseObjectSource(flags, corefile),
    bindAddresses,
    dnsPort: parseDnsPort(lastValue(flags, 'p') ?? lastValue(flags, 'dns.port')),
    isQuiet: flags.has('quiet'),
    pidFile: lastValue(flags, 'pidfile'),
    shards: parseShards(lastValue(flags, 'shards')),
    transport: parseTransport(lastValue(flags, 'transport')),
    lineFormat: parseLineFormat(lastValue(flags, 'log-format')),
    cookieSecret: secretFile === undefined ? undefined : readCookieSecret(secretFile),
  };
}

/** Where objects come from: manifests, a kubeconfig file, what the Corefile says, or the cluster around the process. */
function parseObjectSource(
  flags: FlagValues,
  corefile: string | undefined,
): Pick<ServerOptions, 'manifests' | 'kubeconfig'> {
  const manifests = flags.get('manifests') ?? [];
  const file = lastValue(flags, 'kubeconfig');
  const context = lastValue(flags, 'context') ?? null;
  if (file === undefined && context !== null) {
    throw new SkyshardError('CLI_USAGE', '--context names a part of a kubeconfig file: give --kubeconfig FILE too');
  }
  if (file !== undefined && manifests.length > 0) {
    throw new SkyshardError(
      'CLI_USAGE',
      '--manifests takes the place of the API server: without it or without --kubeconfig',
    );
  }
  const isInCluster = process.env['KUBERNETES_SERVICE_HOST'] !== undefined;
  if (corefile === undefined && manifests.length === 0 && file === undefined && !isInCluster) {
    throw new SkyshardError(
      'CLI_USAGE',
      'there is nothing to serve: outside of a cluster name a kubeconfig file, as in --kubeconfig ~/.kube/config, or Kubernetes manifests, as in --manifests deploy/demo',
    );
  }
  return { manifests, kubeconfig: file === undefined ? undefined : { file: path.resolve(file), context } };
}

/** The paths behind --manifests, which are the only source of objects. */
export function parseManifests(flags: FlagValues, command: string): readonly string[] {
  const paths = flags.get('manifests');
  if (paths !== undefined) return paths;
  throw new SkyshardError(
    'CLI_USAGE',
    `there is nothing to serve: name Kubernetes manifests, as in skyshard ${command} --manifests deploy/demo`,
  );
}

function lastValue(flags: FlagValues, name: string): string | undefined {
  return flags.get(name)?.at(-1);
}

function parseBindAddresses(flags: FlagValues): readonly string[] {
  const addresses = flags.get('bind') ?? [];
  for (const address of addresses) {
    if (isIP(address) === 0) throw valueError('bind', address, 'an IPv4 or IPv6 address, as in 127.0.0.1 or ::1');
  }
  return [...new Set(addresses)];
}

function parseDnsPort(text: string | undefined): number {
  if (text === undefined) return DNS_PORT_DEFAULT;
  const port = parseDecimal(text);
  if (port === undefined || port < 1 || port > 65_535) throw valueError('dns.port', text, 'a port, 1 to 65535');
  return port;
}

export function parseShards(text: string | undefined): number | 'auto' {
  if (text === undefined || text === 'auto') return 'auto';
  const count = parseDecimal(text);
  if (count === undefined || count < 1 || count > SHARDS_MAX) {
    throw valueError('shards', text, `auto, or a number of threads from 1 to ${SHARDS_MAX}`);
  }
  return count;
}

export function parseTransport(text: string | undefined): ServerOptions['transport'] {
  if (text === undefined) return 'auto';
  if (text === 'auto' || text === 'mmsg' || text === 'dgram') return text;
  throw valueError('transport', text, 'auto, mmsg or dgram');
}

export function parseLineFormat(text: string | undefined): ServeOptions['lineFormat'] {
  if (text === undefined) return 'text';
  if (text === 'text' || text === 'json') return text;
  throw new SkyshardError('CLI_USAGE', `unknown log format "${text}": expected text or json`);
}

function readCookieSecret(file: string): Uint8Array {
  let text: string;
  try {
    text = readFileSync(file, 'latin1').trim();
  } catch (cause) {
    throw new SkyshardError('CLI_USAGE', `--cookie-secret-file ${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (!/^[0-9a-f]{32}$/i.test(text)) {
    // The text is a secret, even a malformed one: it is not repeated.
    throw new SkyshardError(
      'CLI_USAGE',
      `--cookie-secret-file ${file} holds no secret: expected 32 hexadecimal digits, as openssl rand -hex 16 prints`,
    );
  }
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

function parseDecimal(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function valueError(flag: string, found: string, expected: string): SkyshardError {
  return new SkyshardError('CLI_USAGE', `--${flag} "${found}": expected ${expected}`);
}
