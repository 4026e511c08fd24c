/** A whole response as the parts that another one is made of. */
import { EDNS_OPTION, RCODE, TYPE } from '../dns/iana.ts';
import type { Response } from '../answer/response.ts';
import {
  AA,
  AD,
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  NSCOUNT_AT,
  POINTER_BITS,
  QDCOUNT_AT,
  RA,
  TC,
} from '../dns/wire-header.ts';

/** From the type of a record on. */
const TTL_AT = 4;
const SIZE_AT = 8;
export const DATA_AT = 10;

export interface MessageRecord {
  /** 0 answer, 1 authority, 2 additional */
  readonly section: number;
  /** offsets in the message */
  readonly nameAt: number;
  readonly typeAt: number;
  readonly end: number;
  readonly type: number;
  readonly ttlSeconds: number;
}

/** A message that this server has written, or that it has looked through. */
export class MessageRecords {
  readonly octets: Uint8Array;
  readonly view: DataView;
  /** without OPT */
  readonly records: readonly MessageRecord[];
  /** the extended one */
  readonly rcode: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  /** RA and AD */
  readonly upstreamFlags: number;
  /** extended DNS error, -1: none */
  extendedError = -1;
  extendedErrorText: Uint8Array = new Uint8Array(0);

  constructor(octets: Uint8Array) {
    this.octets = octets;
    this.view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    const high = octets[FLAGS_HIGH_AT]!;
    const low = octets[FLAGS_LOW_AT]!;
    this.isAuthoritative = (high & AA) !== 0;
    this.isTruncated = (high & TC) !== 0;
    this.upstreamFlags = low & (RA | AD);
    const records: MessageRecord[] = [];
    let rcode = low & 0x0f;
    let at = HEADER_SIZE;
    if (this.view.getUint16(QDCOUNT_AT) > 0) at = nameEnd(octets, at) + 4;
    for (const [section, countAt] of [ANCOUNT_AT, NSCOUNT_AT, ARCOUNT_AT].entries()) {
      for (let left = this.view.getUint16(countAt); left > 0; left--) {
        const record = this.#read(section, at);
        at = record.end;
        if (record.type !== TYPE.OPT) {
          records.push(record);
          continue;
        }
        rcode |= octets[record.typeAt + TTL_AT]! << 4;
        this.#readOptions(record);
      }
    }
    this.records = records;
    this.rcode = rcode;
  }

  get answers(): readonly MessageRecord[] {
    return this.records.filter(({ section }) => section === 0);
  }

  /** TTL of the SOA record of a denial, s; undefined: there is none. */
  get soaTtlSeconds(): number | undefined {
    return this.records.find(({ section, type }) => section === 1 && type === TYPE.SOA)?.ttlSeconds;
  }

  #read(section: number, nameAt: number): MessageRecord {
    const { view, octets } = this;
    const typeAt = nameEnd(octets, nameAt);
    const end = typeAt + DATA_AT + view.getUint16(typeAt + SIZE_AT);
    return { section, nameAt, typeAt, end, type: view.getUint16(typeAt), ttlSeconds: view.getUint32(typeAt + TTL_AT) };
  }

  #readOptions({ typeAt, end }: MessageRecord): void {
    const { view, octets } = this;
    for (let at = typeAt + DATA_AT; at + 4 <= end;) {
      const size = view.getUint16(at + 2);
      if (view.getUint16(at) === EDNS_OPTION.EDE && size >= 2) {
        this.extendedError = view.getUint16(at + 4);
        this.extendedErrorText = octets.slice(at + 6, at + 4 + size);
      }
      at += 4 + size;
    }
  }
}

/** What is written of a response, as a message of its own. */
export function messageOf(response: Response, questionEnd: number): Uint8Array {
  const { messageAt } = response;
  const octets = response.bytes.slice(messageAt, response.position);
  const view = new DataView(octets.buffer);
  octets[FLAGS_HIGH_AT] = (response.isAuthoritative ? AA : 0) | (response.isTruncated ? TC : 0);
  // An extended rcode is of the OPT record, which is not written yet; none comes from a chain.
  octets[FLAGS_LOW_AT] = (response.upstreamFlags & (RA | AD)) | Math.min(response.rcode, RCODE.REFUSED + 10);
  view.setUint16(QDCOUNT_AT, questionEnd > messageAt + HEADER_SIZE ? 1 : 0);
  view.setUint16(ANCOUNT_AT, response.answerCount);
  view.setUint16(NSCOUNT_AT, response.authorityCount);
  view.setUint16(ARCOUNT_AT, response.additionalCount);
  return octets;
}

/** Whether a response that is being written has a record of a type among its answers. Allocates nothing. */
export function findAnswer(response: Response, questionEnd: number, type: number): number {
  const { bytes, view } = response;
  let at = questionEnd;
  for (let left = response.answerCount; left > 0; left--) {
    const typeAt = nameEnd(bytes, at);
    if (view.getUint16(typeAt) === type) return typeAt;
    at = typeAt + DATA_AT + view.getUint16(typeAt + SIZE_AT);
  }
  return 0;
}

/** @returns end of a name that may end in a pointer */
export function nameEnd(octets: Uint8Array, at: number): number {
  let position = at;
  while (octets[position]! > 0 && octets[position]! < POINTER_BITS) position += octets[position]! + 1;
  return position + (octets[position] === 0 ? 1 : 2);
}

/** A name without pointers, wire form. They lead backwards, so following them ends. */
export function expandName(octets: Uint8Array, nameAt: number): Uint8Array {
  const name: number[] = [];
  for (let at = nameAt; ;) {
    const size = octets[at]!;
    if (size >= POINTER_BITS) {
      at = ((size & 0x3f) << 8) | octets[at + 1]!;
      continue;
    }
    for (const end = at + size; at <= end; at++) name.push(octets[at]!);
    if (size === 0) return Uint8Array.from(name);
  }
}
