/**
 * Writes RRsets of a zone from the snapshot into the response: owner as a pointer, names in rdata compressed where that is
 * allowed, signatures behind what they cover. Nothing here allocates or throws.
 */
import { TYPE } from '../../dns/iana.ts';
import { POINTER_OFFSET_MAX } from '../../dns/wire-header.ts';
import { NOT_FOUND } from '../../snapshot/reader.ts';
import { ENTRY_KEY_SIZE_MASK, ENTRY_KIND_SHIFT, KIND, RRSETS } from '../../snapshot/snapshot-layout.ts';
import { NamePlaces } from '../name-places.ts';
import { type Response, SECTION } from '../response.ts';

/** Owner pointer, TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 12;
/** TTL and RDLENGTH, in the snapshot. */
const STORED_FIXED_SIZE = 6;
const TYPE_TABLE_SIZE = 66;
/** By type: octets before the first name, number of names. Of others, and of types from TYPE_TABLE_SIZE on, rdata is octets. */
const OCTETS_BEFORE = new Uint8Array(TYPE_TABLE_SIZE);
const NAME_COUNTS = new Uint8Array(TYPE_TABLE_SIZE);
/** They may be compressed: the types of RFC 1035 alone (RFC 3597 §4). */
const IS_COMPRESSIBLE = new Uint8Array(TYPE_TABLE_SIZE);
for (const type of [TYPE.NS, 3, 4, TYPE.CNAME, 7, 8, 9, TYPE.PTR]) setNames(type, 0, 1, 1);
for (const type of [TYPE.SOA, 14]) setNames(type, 0, 2, 1);
setNames(TYPE.MX, 2, 1, 1);
setNames(TYPE.SRV, 6, 1, 0);
for (const type of [TYPE.SVCB, TYPE.HTTPS]) setNames(type, 2, 1, 0);

function setNames(type: number, before: number, count: number, isCompressible: number): void {
  OCTETS_BEFORE[type] = before;
  NAME_COUNTS[type] = count;
  IS_COMPRESSIBLE[type] = isCompressible;
}

/** Targets of one response whose addresses may follow. */
const TARGETS_MAX = 64;
export const NO_TTL_MAX = 0xffff_ffff;

export class RrsetWriter {
  /** targets of the records written since `forgetTargets`: where they stand in the snapshot, and their offset in the message */
  readonly targetWords = new Uint32Array(TARGETS_MAX);
  readonly targetOctets = new Uint32Array(TARGETS_MAX);
  readonly targetOffsets = new Uint16Array(TARGETS_MAX);
  targetCount = 0;
  readonly places: NamePlaces;
  private readonly words: Uint32Array;
  private readonly response: Response;
  /** no TTL is larger, seconds */
  private ttlMax = NO_TTL_MAX;

  constructor(words: Uint32Array, response: Response) {
    this.words = words;
    this.response = response;
    this.places = new NamePlaces(response.bytes);
  }

  /** Records of another step follow. */
  begin(ttlMax: number): void {
    this.ttlMax = ttlMax;
    this.targetCount = 0;
    this.places.begin(this.response.messageAt);
  }

  forgetTargets(): void {
    this.targetCount = 0;
  }

  /** @returns word index of an RRset of an entry, or NOT_FOUND */
  find(entryAt: number, type: number): number {
    const words = this.words;
    if (((words[entryAt]! >>> ENTRY_KIND_SHIFT) & 0xf) !== KIND.RRSETS) return NOT_FOUND;
    let at = entryAt + 1 + (((words[entryAt]! & ENTRY_KEY_SIZE_MASK) + 3) >>> 2) + RRSETS.at.rrsets;
    for (let left = words[at - 1]!; left > 0; left--) {
      const found = words[at]! & 0xffff;
      if (found === type) return at;
      if (found > type) return NOT_FOUND;
      at += 2 + ((words[at + 1]! + 3) >>> 2);
    }
    return NOT_FOUND;
  }

  /** Number of records of an RRset. */
  countOf(rrsetAt: number): number {
    return this.words[rrsetAt]! >>> 16;
  }

  /**
   * Write the records of an RRset, as many as fit.
   *
   * @param ownerOffset  offset of the owner name in the message, at most POINTER_OFFSET_MAX
   * @param ttlMax       of these records, beside that of the step
   * @param start        index of the first record to write, 0 … count - 1; it goes on round
   * @returns whether all fit
   */
  write(rrsetAt: number, ownerOffset: number, ttlMax: number, start: number): boolean {
    const type = this.words[rrsetAt]! & 0xffff;
    const size = this.words[rrsetAt + 1]!;
    let startAt = 0;
    for (let left = start; left > 0; left--) startAt += STORED_FIXED_SIZE + this.dataSizeAt(rrsetAt, startAt);
    for (let at = startAt; at < size; at += STORED_FIXED_SIZE + this.dataSizeAt(rrsetAt, at)) {
      if (!this.writeRecord(rrsetAt, at, type, ownerOffset, ttlMax)) return false;
    }
    for (let at = 0; at < startAt; at += STORED_FIXED_SIZE + this.dataSizeAt(rrsetAt, at)) {
      if (!this.writeRecord(rrsetAt, at, type, ownerOffset, ttlMax)) return false;
    }
    return true;
  }

  /** Write the signatures of an entry that cover a type. @returns whether all fit */
  writeSignatures(entryAt: number, type: number, ownerOffset: number, ttlMax: number): boolean {
    const rrsetAt = this.find(entryAt, TYPE.RRSIG);
    if (rrsetAt === NOT_FOUND) return true;
    const size = this.words[rrsetAt + 1]!;
    for (let at = 0; at < size; at += STORED_FIXED_SIZE + this.dataSizeAt(rrsetAt, at)) {
      if (this.u16At(rrsetAt, at + STORED_FIXED_SIZE) !== type) continue;
      if (!this.writeRecord(rrsetAt, at, TYPE.RRSIG, ownerOffset, ttlMax)) return false;
    }
    return true;
  }

  /**
   * Write the first record of an RRset whose data has no name that may be compressed, with its owner written out: octets of
   * the snapshot, then a pointer.
   *
   * @param nameAt  word index of `nameSize` octets
   * @param base    offset of the name they are relative to
   */
  writeWithOwner(rrsetAt: number, nameAt: number, nameSize: number, base: number): boolean {
    const { response, words } = this;
    const start = response.position;
    const dataSize = this.dataSizeAt(rrsetAt, 0);
    const fixedAt = start + nameSize + 2;
    if (fixedAt + RECORD_FIXED_SIZE - 2 + dataSize > response.limit || base > POINTER_OFFSET_MAX) return false;
    const { view } = response;
    response.copyWords(words, nameAt, nameSize, start);
    view.setUint16(fixedAt - 2, 0xc000 | base);
    const ttl = this.ttlOf(rrsetAt);
    view.setUint16(fixedAt, words[rrsetAt]! & 0xffff);
    view.setUint16(fixedAt + 2, 1);
    view.setUint32(fixedAt + 4, ttl);
    view.setUint16(fixedAt + 8, dataSize);
    response.position = this.copy(rrsetAt, STORED_FIXED_SIZE, dataSize, fixedAt + RECORD_FIXED_SIZE - 2);
    this.count();
    return true;
  }

  /** TTL of the first record of an RRset, seconds. */
  ttlOf(rrsetAt: number): number {
    const ttl = this.u32At(rrsetAt, 0);
    return ttl < this.ttlMax ? ttl : this.ttlMax;
  }

  /** MINIMUM of a SOA RRset. */
  minimumOf(rrsetAt: number): number {
    return this.u32At(rrsetAt, STORED_FIXED_SIZE + this.dataSizeAt(rrsetAt, 0) - 4);
  }

  /** SERIAL of a SOA RRset. */
  serialOf(rrsetAt: number): number {
    return this.u32At(rrsetAt, STORED_FIXED_SIZE + this.dataSizeAt(rrsetAt, 0) - 20);
  }

  private octetAt(rrsetAt: number, at: number): number {
    return (this.words[rrsetAt + 2 + (at >>> 2)]! >>> ((at & 3) << 3)) & 0xff;
  }

  private u16At(rrsetAt: number, at: number): number {
    return (this.octetAt(rrsetAt, at) << 8) | this.octetAt(rrsetAt, at + 1);
  }

  private u32At(rrsetAt: number, at: number): number {
    return ((this.u16At(rrsetAt, at) << 16) | this.u16At(rrsetAt, at + 2)) >>> 0;
  }

  private dataSizeAt(rrsetAt: number, at: number): number {
    return this.u16At(rrsetAt, at + 4);
  }

  /** @returns whether it fits; nothing is written else */
  private writeRecord(rrsetAt: number, recordAt: number, type: number, ownerOffset: number, ttlMax: number): boolean {
    const { response, places } = this;
    const { view, limit } = response;
    const start = response.position;
    const dataStart = start + RECORD_FIXED_SIZE;
    if (dataStart > limit || ownerOffset > POINTER_OFFSET_MAX) return false;
    const dataSize = this.dataSizeAt(rrsetAt, recordAt);
    const from = recordAt + STORED_FIXED_SIZE;
    const names = type < TYPE_TABLE_SIZE ? NAME_COUNTS[type]! : 0;
    let end = dataStart;
    if (names === 0) {
      if (dataStart + dataSize > limit) return false;
      end = this.copy(rrsetAt, from, dataSize, dataStart);
    } else {
      const mark = places.mark;
      end = this.writeNames(rrsetAt, from, dataSize, type, names, dataStart);
      if (end === 0) {
        places.rollBack(mark);
        return false;
      }
    }
    let ttl = this.u32At(rrsetAt, recordAt);
    if (ttl > ttlMax) ttl = ttlMax;
    if (ttl > this.ttlMax) ttl = this.ttlMax;
    view.setUint32(start, ((0xc000 | ownerOffset) << 16) | type);
    view.setUint32(start + 4, 0x0001_0000 | (ttl >>> 16));
    view.setUint32(start + 8, (ttl << 16) | (end - dataStart));
    response.position = end;
    this.count();
    return true;
  }

  private count(): void {
    const response = this.response;
    if (response.section === SECTION.ANSWER) response.answerCount++;
    else if (response.section === SECTION.AUTHORITY) response.authorityCount++;
    else response.additionalCount++;
  }

  /** @returns the end of the rdata, 0: it does not fit */
  private writeNames(rrsetAt: number, from: number, size: number, type: number, names: number, to: number): number {
    const { places, response } = this;
    const { limit } = response;
    const before = OCTETS_BEFORE[type]!;
    // A target of an alias is looked up where it stands: whole.
    const isCompressed = IS_COMPRESSIBLE[type] === 1 && type !== TYPE.CNAME;
    if (to + before > limit) return 0;
    let at = this.copy(rrsetAt, from, before, to);
    let read = from + before;
    this.noteTarget(rrsetAt, read, at);
    for (let left = names; left > 0; left--) {
      read += places.load(this.words, rrsetAt + 2, read);
      at = places.write(at, limit, isCompressed);
      if (at === 0) return 0;
    }
    const rest = from + size - read;
    if (at + rest > limit) return 0;
    return this.copy(rrsetAt, read, rest, at);
  }

  private noteTarget(rrsetAt: number, octetAt: number, position: number): void {
    const offset = position - this.response.messageAt;
    if (this.targetCount === TARGETS_MAX || offset > POINTER_OFFSET_MAX) return;
    this.targetWords[this.targetCount] = rrsetAt + 2;
    this.targetOctets[this.targetCount] = octetAt;
    this.targetOffsets[this.targetCount++] = offset;
  }

  /** @returns the end of the copy */
  private copy(rrsetAt: number, from: number, size: number, to: number): number {
    const { bytes } = this.response;
    const words = this.words;
    const base = rrsetAt + 2;
    for (let index = 0; index < size; index++) {
      const at = from + index;
      bytes[to + index] = (words[base + (at >>> 2)]! >>> ((at & 3) << 3)) & 0xff;
    }
    return to + size;
  }
}
