/**
 * Server cookies (RFC 9018): version 1, three reserved octets, a timestamp, and SipHash-2-4 over client cookie, these
 * eight octets and the client's address. Replicas that share the secret accept each other's.
 *
 * SipHash works on 64-bit words; here each is two 32-bit halves in a Uint32Array, since BigInt allocates.
 */

export const CLIENT_COOKIE_SIZE = 8;
/** The server cookie made here. */
export const SERVER_COOKIE_SIZE = 16;
/** A server cookie is taken from this old to this far in the future, seconds (RFC 9018 §4.3). */
export const COOKIE_PAST_SECONDS = 3600;
export const COOKIE_FUTURE_SECONDS = 300;

const VERSION = 1;
/** client cookie, version, reserved, timestamp, IPv6 address */
const INPUT_SIZE_MAX = CLIENT_COOKIE_SIZE + 8 + 16;

export class ServerCookies {
  private readonly key: Uint32Array;
  private readonly input = new Uint8Array(INPUT_SIZE_MAX);
  private readonly state = new Uint32Array(8);
  private hashLow = 0;
  private hashHigh = 0;

  /** @param secret  16 octets */
  constructor(secret: Uint8Array) {
    const view = new DataView(secret.buffer, secret.byteOffset, 16);
    this.key = new Uint32Array([
      view.getUint32(0, true),
      view.getUint32(4, true),
      view.getUint32(8, true),
      view.getUint32(12, true),
    ]);
  }

  /**
   * Write client and server cookie, 24 octets, at `out[at]`.
   *
   * @param cookie       the client's COOKIE option: its first 8 octets count
   * @param peer         octets of the client's address from peerAt on, peerSize of them (4 or 16)
   * @param timeSeconds  Unix time
   */
  write(
    out: Uint8Array,
    at: number,
    cookie: Uint8Array,
    peer: Uint8Array,
    peerAt: number,
    peerSize: number,
    timeSeconds: number,
  ): void {
    const input = this.input;
    for (let index = 0; index < CLIENT_COOKIE_SIZE; index++) input[index] = cookie[index]!;
    input[8] = VERSION;
    input[9] = 0;
    input[10] = 0;
    input[11] = 0;
    input[12] = (timeSeconds >>> 24) & 0xff;
    input[13] = (timeSeconds >>> 16) & 0xff;
    input[14] = (timeSeconds >>> 8) & 0xff;
    input[15] = timeSeconds & 0xff;
    this.hashInput(peer, peerAt, peerSize);
    for (let index = 0; index < CLIENT_COOKIE_SIZE + 8; index++) out[at + index] = input[index]!;
    this.writeHash(out, at + 16);
  }

  /** Whether a COOKIE option of 24 octets holds a server cookie of ours for this client that is not out of date. */
  isValid(
    cookie: Uint8Array,
    size: number,
    peer: Uint8Array,
    peerAt: number,
    peerSize: number,
    nowSeconds: number,
  ): boolean {
    if (size !== CLIENT_COOKIE_SIZE + SERVER_COOKIE_SIZE || cookie[8] !== VERSION) return false;
    const time = ((cookie[12]! << 24) | (cookie[13]! << 16) | (cookie[14]! << 8) | cookie[15]!) >>> 0;
    // Serial arithmetic (RFC 9018 §4.3): the timestamp wraps.
    const age = (nowSeconds - time) | 0;
    if (age > COOKIE_PAST_SECONDS || age < -COOKIE_FUTURE_SECONDS) return false;
    for (let index = 0; index < CLIENT_COOKIE_SIZE + 8; index++) this.input[index] = cookie[index]!;
    this.hashInput(peer, peerAt, peerSize);
    let difference = 0;
    for (let index = 0; index < 4; index++) {
      difference |= cookie[16 + index]! ^ ((this.hashLow >>> (index * 8)) & 0xff);
      difference |= cookie[20 + index]! ^ ((this.hashHigh >>> (index * 8)) & 0xff);
    }
    return difference === 0;
  }

  private writeHash(out: Uint8Array, at: number): void {
    for (let index = 0; index < 4; index++) {
      out[at + index] = (this.hashLow >>> (index * 8)) & 0xff;
      out[at + 4 + index] = (this.hashHigh >>> (index * 8)) & 0xff;
    }
  }

  /** SipHash-2-4 of the 16 octets in `input` and the address. */
  private hashInput(peer: Uint8Array, peerAt: number, peerSize: number): void {
    const input = this.input;
    for (let index = 0; index < peerSize; index++) input[16 + index] = peer[peerAt + index]!;
    const size = 16 + peerSize;
    const state = this.state;
    const key = this.key;
    state[0] = key[0]! ^ 0x70736575;
    state[1] = key[1]! ^ 0x736f6d65;
    state[2] = key[2]! ^ 0x6e646f6d;
    state[3] = key[3]! ^ 0x646f7261;
    state[4] = key[0]! ^ 0x6e657261;
    state[5] = key[1]! ^ 0x6c796765;
    state[6] = key[2]! ^ 0x79746573;
    state[7] = key[3]! ^ 0x74656462;
    let at = 0;
    for (; at + 8 <= size; at += 8) this.mix(this.inputWord(at, 4), this.inputWord(at + 4, 4));
    const rest = size - at;
    const low = this.inputWord(at, rest < 4 ? rest : 4);
    const high = rest > 4 ? this.inputWord(at + 4, rest - 4) : 0;
    this.mix(low, high | ((size & 0xff) << 24));
    state[4]! ^= 0xff;
    for (let round = 0; round < 4; round++) this.round();
    this.hashLow = state[0]! ^ state[2]! ^ state[4]! ^ state[6]!;
    this.hashHigh = state[1]! ^ state[3]! ^ state[5]! ^ state[7]!;
  }

  private inputWord(at: number, size: number): number {
    let word = 0;
    for (let index = 0; index < size; index++) word |= this.input[at + index]! << (index * 8);
    return word;
  }

  private mix(low: number, high: number): void {
    const state = this.state;
    state[6]! ^= low;
    state[7]! ^= high;
    this.round();
    this.round();
    state[0]! ^= low;
    state[1]! ^= high;
  }

  private round(): void {
    this.add(0, 2);
    this.rotate(2, 13);
    this.xor(2, 0);
    this.rotate(0, 32);
    this.add(4, 6);
    this.rotate(6, 16);
    this.xor(6, 4);
    this.add(0, 6);
    this.rotate(6, 21);
    this.xor(6, 0);
    this.add(4, 2);
    this.rotate(2, 17);
    this.xor(2, 4);
    this.rotate(4, 32);
  }

  /** state[a] += state[b], as 64-bit words whose low half comes first */
  private add(a: number, b: number): void {
    const state = this.state;
    const low = state[a]! + state[b]!;
    state[a + 1] = state[a + 1]! + state[b + 1]! + (low > 0xffff_ffff ? 1 : 0);
    state[a] = low;
  }

  private xor(a: number, b: number): void {
    this.state[a]! ^= this.state[b]!;
    this.state[a + 1]! ^= this.state[b + 1]!;
  }

  private rotate(a: number, bits: number): void {
    const state = this.state;
    const low = state[a]!;
    const high = state[a + 1]!;
    if (bits === 32) {
      state[a] = high;
      state[a + 1] = low;
    } else {
      state[a] = (low << bits) | (high >>> (32 - bits));
      state[a + 1] = (high << bits) | (low >>> (32 - bits));
    }
  }
}
