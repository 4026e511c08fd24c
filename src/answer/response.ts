/**
 * A response while it is written over its query: position, section counts, and one writer per shape of record.
 *
 * One object a thread. Every writer keeps within `limit` and says how much it wrote; nothing here allocates or throws.
 * Owner names are compression pointers to the question, or to the CNAME target that is being followed.
 */
import { TYPE } from '../dns/iana.ts';
import { POINTER_BITS, POINTER_OFFSET_MAX } from '../dns/wire-header.ts';

/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 10;
const POINTER_SIZE = 2;
export const A_RECORD_SIZE = POINTER_SIZE + RECORD_FIXED_SIZE + 4;
export const AAAA_RECORD_SIZE = POINTER_SIZE + RECORD_FIXED_SIZE + 16;
/** SRV without its target: priority, weight, port. */
const SRV_FIXED_SIZE = 6;
/** `ns.dns` and `hostmaster`, each with a pointer to the zone, and five numbers. */
const SOA_DATA_SIZE = 7 + POINTER_SIZE + 11 + POINTER_SIZE + 20;
export const SOA_RECORD_SIZE = POINTER_SIZE + RECORD_FIXED_SIZE + SOA_DATA_SIZE;

export const SECTION = { ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2 } as const;

/** SOA numbers of the Kubernetes zones, seconds (kubernetes DNS records, apex). */
export const SOA_REFRESH_SECONDS = 7200;
export const SOA_RETRY_SECONDS = 1800;
export const SOA_EXPIRE_SECONDS = 86_400;

const NO_TEXT = new Uint8Array(0);

export class Response {
  /** another one for each response, so that what a step keeps of one is not taken for that of the next */
  number = 0;
  /** start of the message in the arena */
  messageAt = 0;
  /** where the next record goes */
  position = 0;
  /** records end here at the latest: the size limit less what EDNS needs */
  limit = 0;
  /** section that the record writers count */
  section: number = SECTION.ANSWER;
  answerCount = 0;
  authorityCount = 0;
  additionalCount = 0;
  isAuthoritative = false;
  isTruncated = false;
  rcode = 0;
  /** AD and RA as an upstream set them */
  upstreamFlags = 0;
  /** extended DNS error, -1: none */
  extendedError = -1;
  /** what goes with it, UTF-8; left out where there is no room */
  extendedErrorText: Uint8Array = NO_TEXT;
  /** offset in the message of the name the records belong to */
  ownerOffset = 0;
  /** offset in the message of the target to look up, after STEP_RESULT.FOLLOW and GLUE */
  followOffset = 0;

  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(arena: ArrayBuffer) {
    this.bytes = new Uint8Array(arena);
    this.view = new DataView(arena);
  }

  begin(messageAt: number, position: number, limit: number, ownerOffset: number): void {
    this.number = (this.number + 1) | 0;
    this.messageAt = messageAt;
    this.position = position;
    this.limit = limit;
    this.section = SECTION.ANSWER;
    this.answerCount = 0;
    this.authorityCount = 0;
    this.additionalCount = 0;
    this.isAuthoritative = false;
    this.isTruncated = false;
    this.rcode = 0;
    this.upstreamFlags = 0;
    this.extendedError = -1;
    this.extendedErrorText = NO_TEXT;
    this.ownerOffset = ownerOffset;
  }

  private count(records: number): void {
    if (this.section === SECTION.ANSWER) this.answerCount += records;
    else if (this.section === SECTION.AUTHORITY) this.authorityCount += records;
    else this.additionalCount += records;
  }

  /** Owner pointer, TYPE, CLASS IN, TTL, RDLENGTH. */
  private writeFixed(at: number, ownerOffset: number, type: number, ttlSeconds: number, dataSize: number): void {
    const view = this.view;
    view.setUint32(at, ((0xc000 | ownerOffset) << 16) | type);
    view.setUint32(at + 4, 0x0001_0000 | (ttlSeconds >>> 16));
    view.setUint32(at + 8, (ttlSeconds << 16) | dataSize);
  }

  /**
   * A records from `words[first]` on, starting at `start` and round: as many as fit.
   *
   * @param ownerOffset  offset of the owner name in the message
   * @param start        index of the first record to write, 0 … count - 1
   * @returns number of records written
   */
  writeA(
    words: Uint32Array,
    first: number,
    count: number,
    start: number,
    ownerOffset: number,
    ttlSeconds: number,
  ): number {
    const view = this.view;
    const head = ((0xc000 | ownerOffset) << 16) | TYPE.A;
    const middle = 0x0001_0000 | (ttlSeconds >>> 16);
    const end = (ttlSeconds << 16) | 4;
    let at = this.position;
    const room = ((this.limit - at) / A_RECORD_SIZE) | 0;
    const written = room < count ? (room > 0 ? room : 0) : count;
    let index = start;
    for (let left = written; left > 0; left--) {
      view.setUint32(at, head);
      view.setUint32(at + 4, middle);
      view.setUint32(at + 8, end);
      view.setUint32(at + 12, words[first + index]!);
      at += A_RECORD_SIZE;
      index++;
      if (index === count) index = 0;
    }
    this.position = at;
    this.count(written);
    return written;
  }

  /** The same for AAAA records: four words an address. */
  writeAaaa(
    words: Uint32Array,
    first: number,
    count: number,
    start: number,
    ownerOffset: number,
    ttlSeconds: number,
  ): number {
    const view = this.view;
    const head = ((0xc000 | ownerOffset) << 16) | TYPE.AAAA;
    const middle = 0x0001_0000 | (ttlSeconds >>> 16);
    const end = (ttlSeconds << 16) | 16;
    let at = this.position;
    const room = ((this.limit - at) / AAAA_RECORD_SIZE) | 0;
    const written = room < count ? (room > 0 ? room : 0) : count;
    let index = start;
    for (let left = written; left > 0; left--) {
      const word = first + index * 4;
      view.setUint32(at, head);
      view.setUint32(at + 4, middle);
      view.setUint32(at + 8, end);
      view.setUint32(at + 12, words[word]!);
      view.setUint32(at + 16, words[word + 1]!);
      view.setUint32(at + 20, words[word + 2]!);
      view.setUint32(at + 24, words[word + 3]!);
      at += AAAA_RECORD_SIZE;
      index++;
      if (index === count) index = 0;
    }
    this.position = at;
    this.count(written);
    return written;
  }

  /**
   * One SRV record whose target is a label of the snapshot (or none) followed by a part of the owner name: what lies
   * left of the zone in lower case, as the objects are named, the zone as the client wrote it. Not compressed: RFC 2782.
   *
   * @param labelAt    word index of the label with its length octet
   * @param labelSize  its octets, 0: none
   * @param name       the owner name, lower-cased; from `skip` to `zoneStart` it is copied, on to `nameSize` the message is
   * @returns offset of the target in the message, 0 if the record does not fit
   */
  writeSrv(
    weight: number,
    port: number,
    ttlSeconds: number,
    words: Uint32Array,
    labelAt: number,
    labelSize: number,
    name: Uint8Array,
    skip: number,
    zoneStart: number,
    nameSize: number,
  ): number {
    const dataSize = SRV_FIXED_SIZE + labelSize + nameSize - skip;
    const start = this.position;
    if (start + POINTER_SIZE + RECORD_FIXED_SIZE + dataSize > this.limit) return 0;
    const view = this.view;
    const bytes = this.bytes;
    this.writeFixed(start, this.ownerOffset, TYPE.SRV, ttlSeconds, dataSize);
    view.setUint32(start + 12, weight);
    view.setUint16(start + 16, port);
    let at = start + 18;
    const target = at - this.messageAt;
    at = this.copyWords(words, labelAt, labelSize, at);
    for (let index = skip; index < zoneStart; index++) bytes[at++] = name[index]!;
    const owner = this.messageAt + this.ownerOffset;
    for (let index = zoneStart; index < nameSize; index++) bytes[at++] = bytes[owner + index]!;
    this.position = at;
    this.count(1);
    return target;
  }

  /** Copy `size` octets that are stored as words. @returns the end of the copy */
  copyWords(words: Uint32Array, wordAt: number, size: number, to: number): number {
    const bytes = this.bytes;
    for (let index = 0; index < size; index++) {
      bytes[to + index] = (words[wordAt + (index >>> 2)]! >>> ((index & 3) << 3)) & 0xff;
    }
    return to + size;
  }

  /**
   * A record whose data is a name: octets of the snapshot, then optionally a second part, then optionally a pointer.
   *
   * @param tailAt         word index of the second part; tailSize octets, 0: none
   * @param pointerOffset  offset of the name the pointer at the end leads to, 0: none
   * @returns offset of the target in the message, 0 if the record does not fit
   */
  writeNameRecord(
    type: number,
    ttlSeconds: number,
    words: Uint32Array,
    nameAt: number,
    nameSize: number,
    tailAt: number,
    tailSize: number,
    pointerOffset: number,
  ): number {
    const usesPointer = pointerOffset !== 0 && pointerOffset <= POINTER_OFFSET_MAX;
    const dataSize = nameSize + (usesPointer ? POINTER_SIZE : tailSize);
    const start = this.position;
    if (start + POINTER_SIZE + RECORD_FIXED_SIZE + dataSize > this.limit) return 0;
    this.writeFixed(start, this.ownerOffset, type, ttlSeconds, dataSize);
    let at = this.copyWords(words, nameAt, nameSize, start + 12);
    if (usesPointer) {
      this.view.setUint16(at, 0xc000 | pointerOffset);
      at += POINTER_SIZE;
    } else {
      at = this.copyWords(words, tailAt, tailSize, at);
    }
    this.position = at;
    this.count(1);
    return start + 12 - this.messageAt;
  }

  /** The SOA of a Kubernetes zone; `zoneOffset` is where the zone name stands in the message. @returns whether it fits */
  writeSoa(zoneOffset: number, ttlSeconds: number, serial: number, minimumSeconds: number): boolean {
    const at = this.position;
    if (at + SOA_RECORD_SIZE > this.limit) return false;
    const view = this.view;
    const pointer = 0xc000 | zoneOffset;
    this.writeFixed(at, zoneOffset, TYPE.SOA, ttlSeconds, SOA_DATA_SIZE);
    view.setUint32(at + 12, 0x02_6e_73_03);
    view.setUint32(at + 16, (0x64_6e_73_00 | (pointer >>> 8)) >>> 0);
    view.setUint32(at + 20, ((pointer & 0xff) << 24) | 0x0a_68_6f);
    view.setUint32(at + 24, 0x73_74_6d_61);
    view.setUint32(at + 28, 0x73_74_65_72);
    view.setUint16(at + 32, pointer);
    view.setUint32(at + 34, serial);
    view.setUint32(at + 38, SOA_REFRESH_SECONDS);
    view.setUint32(at + 42, SOA_RETRY_SECONDS);
    view.setUint32(at + 46, SOA_EXPIRE_SECONDS);
    view.setUint32(at + 50, minimumSeconds);
    this.position = at + SOA_RECORD_SIZE;
    this.count(1);
    return true;
  }

  /** The same for an external zone: its server is `ns1.APEX`, its mailbox `hostmaster.APEX`. */
  writeExternalSoa(
    zoneOffset: number,
    ttlSeconds: number,
    serial: number,
    minimumSeconds: number,
    words: Uint32Array,
    apexAt: number,
    apexSize: number,
  ): boolean {
    const start = this.position;
    const dataSize = 4 + apexSize + POINTER_SIZE + 11 + POINTER_SIZE + 20;
    if (start + POINTER_SIZE + RECORD_FIXED_SIZE + dataSize > this.limit) return false;
    const view = this.view;
    this.writeFixed(start, zoneOffset, TYPE.SOA, ttlSeconds, dataSize);
    view.setUint32(start + 12, 0x03_6e_73_31);
    const apexOffset = start + 16 - this.messageAt;
    let at = this.copyWords(words, apexAt, apexSize, start + 16);
    view.setUint16(at, 0xc000 | zoneOffset);
    view.setUint32(at + 2, 0x0a_68_6f_73);
    view.setUint32(at + 6, 0x74_6d_61_73);
    view.setUint32(at + 10, 0x74_65_72_00);
    at += 13;
    // Behind a chain of CNAME records the apex may be out of a pointer's reach.
    view.setUint16(at, 0xc000 | (apexOffset <= POINTER_OFFSET_MAX ? apexOffset : zoneOffset));
    view.setUint32(at + 2, serial);
    view.setUint32(at + 6, SOA_REFRESH_SECONDS);
    view.setUint32(at + 10, SOA_RETRY_SECONDS);
    view.setUint32(at + 14, SOA_EXPIRE_SECONDS);
    view.setUint32(at + 18, minimumSeconds);
    this.position = at + 22;
    this.count(1);
    return true;
  }

  /** Rendered records, as many as fit. @returns how many that are */
  writeRaw(words: Uint32Array, wordAt: number, size: number, count: number): number {
    const start = this.position;
    const room = this.limit - start;
    let written = count;
    if (size <= room) {
      this.position = this.copyWords(words, wordAt, size, start);
    } else {
      written = room <= 0 ? 0 : this.keepWhole(start, this.copyWords(words, wordAt, room, start));
    }
    if (this.ownerOffset !== 12) this.moveOwners(start, written);
    this.count(written);
    return written;
  }

  /** Of records that are cut at `end`, keep those that are not. @returns how many that are */
  private keepWhole(start: number, end: number): number {
    const { bytes, view } = this;
    let kept = 0;
    this.position = start;
    while (true) {
      let at = this.position;
      while (at < end && bytes[at]! > 0 && bytes[at]! < POINTER_BITS) at += bytes[at]! + 1;
      if (at >= end) return kept;
      at += bytes[at] === 0 ? 1 : POINTER_SIZE;
      if (at + RECORD_FIXED_SIZE > end) return kept;
      at += RECORD_FIXED_SIZE + view.getUint16(at + 8);
      if (at > end) return kept;
      this.position = at;
      kept++;
    }
  }

  /** Take back all that stands behind the answer section. @param questionEnd  where it starts in the arena */
  keepAnswersOnly(questionEnd: number): void {
    const { bytes, view } = this;
    let at = questionEnd;
    for (let left = this.answerCount; left > 0; left--) {
      while (bytes[at]! > 0 && bytes[at]! < POINTER_BITS) at += 1 + bytes[at]!;
      at += bytes[at] === 0 ? 1 : POINTER_SIZE;
      at += RECORD_FIXED_SIZE + view.getUint16(at + 8);
    }
    this.position = at;
    this.authorityCount = 0;
    this.additionalCount = 0;
  }

  /** Rendered records point to the question; those of a CNAME's target belong to another name. */
  private moveOwners(at: number, count: number): void {
    const { bytes, view } = this;
    let position = at;
    for (let left = count; left > 0; left--) {
      if (view.getUint16(position) === 0xc00c) view.setUint16(position, 0xc000 | this.ownerOffset);
      while (bytes[position]! > 0 && bytes[position]! < POINTER_BITS) position += bytes[position]! + 1;
      position += bytes[position] === 0 ? 1 : POINTER_SIZE;
      position += RECORD_FIXED_SIZE + view.getUint16(position + 8);
    }
  }
}
