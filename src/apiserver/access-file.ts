/** Files that say how the API server is reached: read whole, and every fault names the file and what asked for it. */
import { readFileSync } from 'node:fs';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { SkyshardError } from '../base/skyshard-error.ts';

export function accessFault(file: string, message: string, cause?: unknown): SkyshardError {
  return new SkyshardError('API_ACCESS', message, { place: { file }, cause });
}

/** @param what  the option or field that names the file */
export function readAccessFile(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw accessFault(file, `cannot read the file that ${what} names: ${(error as Error).message}`, error);
  }
}

/** A token has no line end, but its file may. */
export function readTokenFile(file: string, what: string): string {
  const token = readAccessFile(file, what).trim();
  if (token === '') throw accessFault(file, `${what}: the file is empty, expected a token`);
  if (!/^[\x21-\x7e]+$/.test(token)) throw accessFault(file, `${what}: not a token, it has spaces or signs in it`);
  return token;
}

/** @returns `text`, if it is at least one certificate in PEM */
export function checkCertificates(text: string, file: string, what: string): string {
  const blocks = text.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END [A-Z0-9 ]*CERTIFICATE-----/g);
  if (blocks === null) throw accessFault(file, `${what}: no certificate in PEM`);
  for (const [index, block] of blocks.entries()) {
    try {
      void new X509Certificate(block);
    } catch (error) {
      throw accessFault(file, `${what}: certificate ${index + 1} cannot be read: ${(error as Error).message}`, error);
    }
  }
  return text;
}

/** @returns `text`, if it is a private key in PEM without a passphrase */
export function checkPrivateKey(text: string, file: string, what: string): string {
  try {
    createPrivateKey(text);
    return text;
  } catch (error) {
    throw accessFault(file, `${what}: no private key in PEM, or one with a passphrase`, error);
  }
}

/** A certificate and its key have to belong together: TLS would say so only with each connection. */
export function checkPair(certificate: string, key: string, file: string, what: string): void {
  if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return;
  throw accessFault(file, `${what}: the key is not that of the certificate`);
}
