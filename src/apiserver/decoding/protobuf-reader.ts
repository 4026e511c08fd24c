/**
 * Protobuf's wire format, as far as the Kubernetes API uses it: varints, octet strings, and two kinds of number that are
 * only passed over. A message is walked in place, fields nobody wants are skipped by their wire type.
 */
import { SkyshardError } from '../../base/skyshard-error.ts';

export const WIRE = { VARINT: 0, I64: 1, LEN: 2, I32: 5 } as const;
/** octets of the longest varint */
export const VARINT_SIZE_MAX = 10;

/** Offsets in the buffer that was opened. */
export interface OctetRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Walks one message and the messages in it. Each read moves forward and never past the end of the message it is in, so that
 * a walk ends whatever the octets are.
 */
export class ProtobufReader {
  readonly #what: string;
  #octets: Buffer = Buffer.alloc(0);
  /** the octets as Latin-1, of which short texts are cut: one call an object instead of one a string */
  #text = '';
  #start = 0;
  #at = 0;
  #end = 0;
  #wireType: number = WIRE.VARINT;

  /** @param what  names the response in errors */
  constructor(what: string) {
    this.#what = what;
  }

  /** Start over with a message that lies from `start` to `end`. */
  open(octets: Buffer, start: number, end: number): void {
    this.#octets = octets;
    this.#text = octets.toString('latin1', start, end);
    this.#start = start;
    this.#at = start;
    this.#end = end;
  }

  /** Where it is, for `rewind`. */
  get at(): number {
    return this.#at;
  }

  /** Go back to where it was, in the same message. */
  rewind(at: number): void {
    this.#at = at;
  }

  /** @returns number of the next field, 0 at the end of the message */
  nextField(): number {
    if (this.#at === this.#end) return 0;
    const tag = this.#readVarint();
    this.#wireType = tag & 7;
    // Numbers have 29 bits; shifting is right for what fits 32 bits, and more is refused.
    if (tag > 0xffff_ffff || tag < 8) throw this.error(`no field has tag ${tag}`);
    return tag >>> 3;
  }

  /**
   * The field is a message: its fields are next.
   *
   * @returns for `leave`, once they have been read
   */
  enter(): number {
    const end = this.#readLength();
    const outerEnd = this.#end;
    this.#end = end;
    return outerEnd;
  }

  /** @param outerEnd  what `enter` returned */
  leave(outerEnd: number): void {
    this.#at = this.#end;
    this.#end = outerEnd;
  }

  /** Pass over the octets of the field, and say where they are. */
  skipOctets(): OctetRange {
    const end = this.#readLength();
    const start = this.#at;
    this.#at = end;
    return { start, end };
  }

  /** Go on at octets that were passed over: they are the message now. */
  seek({ start, end }: OctetRange): void {
    this.#at = start;
    this.#end = end;
  }

  /** Whether the octets at this point are the given ones; passes over them if they are. */
  takePrefix(prefix: Uint8Array): boolean {
    if (prefix.length > this.#end - this.#at) return false;
    for (let i = 0; i < prefix.length; i++) if (this.#octets[this.#at + i] !== prefix[i]) return false;
    this.#at += prefix.length;
    return true;
  }

  /** What is no UTF-8 is replaced, as in JSON. */
  readText(): string {
    const end = this.#readLength();
    const start = this.#at;
    this.#at = end;
    const octets = this.#octets;
    for (let i = start; i < end; i++) if (octets[i]! > 0x7f) return octets.toString('utf8', start, end);
    return this.#text.slice(start - this.#start, end - this.#start);
  }

  /** A 32-bit integer with sign: a negative one is written as if it had 64 bits. */
  readInt32(): number {
    this.#expect(WIRE.VARINT);
    const start = this.#at;
    this.#readVarint();
    let value = 0;
    for (let at = start, shift = 0; at < this.#at && shift < 32; at++, shift += 7) {
      value |= (this.#octets[at]! & 0x7f) << shift;
    }
    return value;
  }

  /** A 64-bit integer with sign, from −2⁵³ to 2⁵³. */
  readInt64(): number {
    this.#expect(WIRE.VARINT);
    const value = this.#readVarint();
    return value < 2 ** 63 ? value : value - 2 ** 64;
  }

  readBoolean(): boolean {
    this.#expect(WIRE.VARINT);
    return this.#readVarint() !== 0;
  }

  skip(): void {
    switch (this.#wireType) {
      case WIRE.VARINT:
        this.#readVarint();
        return;
      case WIRE.LEN:
        this.#at = this.#readLength();
        return;
      case WIRE.I64:
        return this.#advance(8);
      case WIRE.I32:
        return this.#advance(4);
      default:
        throw this.error(`unknown wire type ${this.#wireType}`);
    }
  }

  error(fault: string): SkyshardError {
    const offset = this.#at - this.#start;
    return new SkyshardError('API_RESPONSE', `${this.#what}: octet ${offset} of a message: ${fault}`);
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) throw this.error(`expected wire type ${wireType}, found ${this.#wireType}`);
  }

  /** @returns where the field ends */
  #readLength(): number {
    this.#expect(WIRE.LEN);
    const size = this.#readVarint();
    const end = this.#at + size;
    if (end > this.#end) throw this.error(`a field of ${size} octets where ${this.#end - this.#at} are left`);
    return end;
  }

  #advance(size: number): void {
    if (size > this.#end - this.#at) throw this.error('the message ends inside a number');
    this.#at += size;
  }

  /** Exact up to 2⁵³, which no size and no time comes near. */
  #readVarint(): number {
    const octets = this.#octets;
    const end = this.#end;
    // Nearly all have one octet.
    if (this.#at < end && octets[this.#at]! < 0x80) return octets[this.#at++]!;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_SIZE_MAX; count++) {
      if (this.#at === end) throw this.error('the message ends inside a number');
      const octet = octets[this.#at++]!;
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) return value;
      scale *= 128;
    }
    throw this.error(`a number of more than ${VARINT_SIZE_MAX} octets`);
  }
}
