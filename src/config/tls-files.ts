import type { BlockContext } from './corefile/block-context.ts';
import { quoteText, type CorefileToken } from './corefile/corefile-token.ts';
import { argumentFault } from './corefile/line-reader.ts';

/** The files of a TLS end: absolute paths, null where nothing was given. */
export interface TlsFiles {
  readonly certificateFile: string | null;
  readonly keyFile: string | null;
  /** certificates of those who are trusted; null: the system's */
  readonly authorityFile: string | null;
}

/**
 * Arguments of a client: nothing, `CA`, `CERT KEY` or `CERT KEY CA`; each file has to be there and to be PEM.
 *
 * @param tokens  three at most
 */
export function readTlsFiles(tokens: readonly CorefileToken[], block: BlockContext): TlsFiles {
  const [first, second, third] = tokens;
  const file = (token: CorefileToken | undefined, kind: RegExp, what: string): string | null =>
    token === undefined ? null : readPemFile(token, block, kind, what);
  if (second === undefined) {
    return { certificateFile: null, keyFile: null, authorityFile: file(first, CERTIFICATE, 'CA certificate file') };
  }
  return {
    certificateFile: file(first, CERTIFICATE, 'certificate file'),
    keyFile: file(second, KEY, 'key file'),
    authorityFile: file(third, CERTIFICATE, 'CA certificate file'),
  };
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;
const KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/;

function readPemFile(token: CorefileToken, block: BlockContext, kind: RegExp, what: string): string {
  const text = block.readFile(token, what);
  if (!kind.test(text))
    throw argumentFault(
      token,
      `${what} ${quoteText(token.text)} holds no ${kind === KEY ? 'private key' : 'certificate'} in PEM`,
    );
  return block.resolvePath(token.text);
}
