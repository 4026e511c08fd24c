/** The client's side of TSIG (RFC 8945), written apart from the server's: signs a query, and says whether responses are signed right. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';

export interface ClientKey {
  /** wire form of the name, lower-cased */
  readonly name: Buffer;
  /** wire form of the algorithm's name */
  readonly algorithm: Buffer;
  readonly hash: string;
  readonly secret: Buffer;
}

export interface ResponseSignature {
  readonly error: number;
  readonly macSize: number;
  readonly timeSigned: number;
  readonly originalId: number;
  readonly other: Buffer;
  /** false where it is wrong, or there is no MAC */
  readonly isRight: boolean;
}

export function clientKey(name: string, hash: string, secret: string): ClientKey {
  const algorithm = hash === 'md5' ? 'hmac-md5.sig-alg.reg.int' : `hmac-${hash}`;
  return {
    name: wireName(name.toLowerCase()),
    algorithm: wireName(algorithm),
    hash,
    secret: Buffer.from(secret, 'base64'),
  };
}

/** @param macSize  octets of the MAC that are sent; all if not given */
export function signQuery(
  query: Buffer,
  key: ClientKey,
  nowSeconds = Math.floor(Date.now() / 1000),
  macSize?: number,
): { readonly message: Buffer; readonly mac: Buffer } {
  const timers = Buffer.alloc(8);
  timers.writeUIntBE(nowSeconds, 0, 6);
  timers.writeUInt16BE(300, 6);
  const mac = createHmac(key.hash, key.secret)
    .update(query)
    .update(variables(key, timers, 0, Buffer.alloc(0)))
    .digest()
    .subarray(0, macSize);
  const data = Buffer.concat([key.algorithm, timers, u16(mac.length), mac, query.subarray(0, 2), Buffer.alloc(4)]);
  const fixed = Buffer.from('00fa00ff00000000', 'hex');
  const message = Buffer.concat([query, key.name, fixed, u16(data.length), data]);
  message.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
  return { message, mac };
}

/** Reads the responses to one query, in their order. */
export class ResponseVerifier {
  readonly #key: ClientKey;
  #macBefore: Buffer;
  #isFirst = true;

  constructor(key: ClientKey, requestMac: Buffer) {
    this.#key = key;
    this.#macBefore = requestMac;
  }

  /** @returns undefined if the message has no TSIG record at its end */
  verify(response: Buffer): ResponseSignature | undefined {
    const recordAt = lastRecordOf(response);
    const fixedAt = recordAt === undefined ? 0 : skipName(response, recordAt);
    if (recordAt === undefined || response.readUInt16BE(fixedAt) !== 250) return undefined;
    assert.equal(response.readUInt16BE(fixedAt + 2), 255, 'class ANY');
    assert.equal(response.readUInt32BE(fixedAt + 4), 0, 'TTL 0');
    assert.equal(fixedAt + 10 + response.readUInt16BE(fixedAt + 8), response.length, 'it is the last of the message');
    const timersAt = skipName(response, fixedAt + 10);
    const macSize = response.readUInt16BE(timersAt + 8);
    const mac = response.subarray(timersAt + 10, timersAt + 10 + macSize);
    const behind = response.subarray(timersAt + 10 + macSize);
    const other = behind.subarray(6);
    assert.equal(behind.readUInt16BE(4), other.length);
    const signed = Buffer.from(response.subarray(0, recordAt));
    behind.copy(signed, 0, 0, 2);
    signed.writeUInt16BE(signed.readUInt16BE(10) - 1, 10);
    const timers = response.subarray(timersAt, timersAt + 8);
    const error = behind.readUInt16BE(2);
    const expected = createHmac(this.#key.hash, this.#key.secret)
      .update(u16(this.#macBefore.length))
      .update(this.#macBefore)
      .update(signed)
      .update(this.#isFirst ? variables(this.#key, timers, error, other) : timers)
      .digest();
    this.#isFirst = false;
    this.#macBefore = mac;
    return {
      error,
      macSize,
      timeSigned: timers.readUIntBE(0, 6),
      originalId: behind.readUInt16BE(0),
      other,
      isRight: mac.equals(expected),
    };
  }
}

function variables(key: ClientKey, timers: Buffer, error: number, other: Buffer): Buffer {
  const classAndTtl = Buffer.from('00ff00000000', 'hex');
  return Buffer.concat([key.name, classAndTtl, key.algorithm, timers, u16(error), u16(other.length), other]);
}

function lastRecordOf(message: Buffer): number | undefined {
  let at = 12;
  for (let left = message.readUInt16BE(4); left > 0; left--) at = skipName(message, at) + 4;
  let last: number | undefined;
  for (let left = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10); left > 0; left--) {
    last = at;
    at = skipName(message, at);
    at += 10 + message.readUInt16BE(at + 8);
  }
  return last;
}

function skipName(message: Buffer, start: number): number {
  let at = start;
  while (message[at]! !== 0) {
    if (message[at]! >= 0xc0) return at + 2;
    at += message[at]! + 1;
  }
  return at + 1;
}

function wireName(text: string): Buffer {
  const labels = text.replace(/\.$/, '').split('.');
  return Buffer.concat([
    ...labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`)),
    Buffer.alloc(1),
  ]);
}

function u16(number: number): Buffer {
  return Buffer.of(number >>> 8, number & 0xff);
}
