/** X.509 certificates made on the spot: an authority, and what it signs. Elliptic keys, because they take no time. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';

export interface KeyPair {
  /** PEM */
  readonly certificate: string;
  readonly key: string;
}

export class CertificateAuthority {
  readonly certificate: string;
  readonly #name: string;
  readonly #key: KeyObject;

  constructor(name = 'test authority') {
    this.#name = name;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    this.#key = privateKey;
    const basicConstraints = extension('2.5.29.19', sequence(BOOLEAN_TRUE), true);
    this.certificate = this.#sign(name, publicKey, [basicConstraints]);
  }

  /**
   * @param name  common name of the subject
   * @param hosts  addresses and names it is valid for; none for a client
   */
  issue(name: string, hosts: readonly string[] = []): KeyPair {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const extensions = hosts.length === 0 ? [] : [extension('2.5.29.17', sequence(...hosts.map(generalName)), false)];
    return {
      certificate: this.#sign(name, publicKey, extensions),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    };
  }

  #sign(subject: string, publicKey: KeyObject, extensions: readonly Buffer[]): string {
    const algorithm = sequence(objectId('1.2.840.10045.4.3.2'));
    const body = sequence(
      tagged(0xa0, tagged(0x02, Buffer.from([2]))),
      tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      algorithm,
      commonName(this.#name),
      sequence(time('20200101000000Z'), time('21200101000000Z')),
      commonName(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      ...(extensions.length === 0 ? [] : [tagged(0xa3, sequence(...extensions))]),
    );
    const signature = sign('sha256', body, this.#key);
    const der = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
    const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

// DER

const BOOLEAN_TRUE = Buffer.from([0x01, 1, 0xff]);

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function objectId(text: string): Buffer {
  const [first, second, ...others] = text.split('.').map(Number);
  const octets = [first! * 40 + second!];
  for (const number of others) {
    const groups = [number & 0x7f];
    for (let rest = number >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80);
    octets.push(...groups);
  }
  return tagged(0x06, Buffer.from(octets));
}

function commonName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(objectId('2.5.4.3'), tagged(0x0c, Buffer.from(name)))));
}

/** GeneralizedTime; years from 2050 on have no other form. */
function time(text: string): Buffer {
  return tagged(0x18, Buffer.from(text));
}

function extension(id: string, value: Buffer, isCritical: boolean): Buffer {
  return sequence(objectId(id), ...(isCritical ? [BOOLEAN_TRUE] : []), tagged(0x04, value));
}

function generalName(host: string): Buffer {
  if (isIP(host) === 0) return tagged(0x82, Buffer.from(host));
  if (!isIPv4(host)) throw new Error('only IPv4 addresses and names');
  return tagged(0x87, Buffer.from(host.split('.').map(Number)));
}
