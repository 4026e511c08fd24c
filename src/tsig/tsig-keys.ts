/** The secrets two servers share, by key name, and the hash functions a MAC may be made with (RFC 8945 §6). */
import { createHmac, type Hmac } from 'node:crypto';
import { lowerCaseName, parseName } from '../dns/name.ts';

/** Algorithm names, as presentation text, and what they are called here; MD5 is for those who have nothing else. */
const ALGORITHMS = [
  ['hmac-md5.sig-alg.reg.int.', 'md5', 16],
  ['hmac-sha1.', 'sha1', 20],
  ['hmac-sha224.', 'sha224', 28],
  ['hmac-sha256.', 'sha256', 32],
  ['hmac-sha384.', 'sha384', 48],
  ['hmac-sha512.', 'sha512', 64],
] as const;

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export interface TsigAlgorithm {
  /** of node:crypto */
  readonly hash: string;
  /** octets of a whole MAC */
  readonly macSize: number;
}

const BY_NAME: ReadonlyMap<string, TsigAlgorithm> = new Map(
  ALGORITHMS.map(([name, hash, macSize]) => [keyOf(parseName(name)!), { hash, macSize }]),
);

/** A key as it is configured. */
export interface TsigSecret {
  /** presentation text */
  readonly name: string;
  /** base64 */
  readonly secret: string;
}

export class TsigKeys {
  readonly #secrets = new Map<string, Uint8Array>();

  /** Keys of the same name: the last one counts. A secret that is not base64 is none. */
  constructor(secrets: readonly TsigSecret[]) {
    for (const { name, secret } of secrets) {
      const wire = parseName(name);
      if (wire !== null && BASE64.test(secret)) this.#secrets.set(keyOf(wire), Buffer.from(secret, 'base64'));
    }
  }

  /** @param name  wire form with root label, in any letter case */
  secretOf(name: Uint8Array): Uint8Array | undefined {
    return this.#secrets.get(keyOf(name));
  }
}

/** @param name  wire form with root label, in any letter case */
export function tsigAlgorithmOf(name: Uint8Array): TsigAlgorithm | undefined {
  return BY_NAME.get(keyOf(name));
}

/** @returns undefined where the system has no such function: MD5, where rules forbid it */
export function startMac({ hash }: TsigAlgorithm, secret: Uint8Array): Hmac | undefined {
  try {
    return createHmac(hash, secret);
  } catch {
    return undefined;
  }
}

function keyOf(name: Uint8Array): string {
  return Buffer.from(lowerCaseName(name.slice())).toString('latin1');
}
