/**
 * What an upstream sent: where its sections lie. One object a thread, reused.
 *
 * Records are passed on as octets, so all that is looked at is where each ends and which one is OPT.
 */
import { EDNS_OPTION, TYPE } from '../dns/iana.ts';
import { RDATA_NAMES } from '../dns/records/rdata-names.ts';
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  LABELS_MAX,
  NAME_SIZE_MAX,
  NSCOUNT_AT,
  POINTER_BITS,
} from '../dns/wire-header.ts';

const RECORD_FIXED_SIZE = 10;
const SOA_NUMBERS_SIZE = 20;

export class Reply {
  at = 0;
  end = 0;
  questionEnd = 0;
  /** end of the answer section, and of the authority section */
  answerEnd = 0;
  authorityEnd = 0;
  /** end of the records that can be copied as they are: before OPT where that is the last one */
  recordsEnd = 0;
  answerCount = 0;
  authorityCount = 0;
  /** without OPT */
  additionalCount = 0;
  /** the extended one */
  rcode = 0;
  flagsHigh = 0;
  flagsLow = 0;
  hasOpt = false;
  /** nothing stands behind OPT: the records before it can be copied in one piece */
  isContiguous = true;
  /** the first EDE option, its head included; edeSize 0: none */
  edeAt = 0;
  edeSize = 0;

  readonly #octets: Uint8Array;
  readonly #view: DataView;

  constructor(arena: ArrayBuffer) {
    this.#octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
  }

  /**
   * Read the records behind the question, which the caller has compared.
   *
   * @returns false if they are not well-formed
   */
  parse(at: number, size: number, questionEnd: number): boolean {
    const view = this.#view;
    this.at = at;
    this.end = at + size;
    this.questionEnd = questionEnd;
    this.flagsHigh = this.#octets[at + FLAGS_HIGH_AT]!;
    this.flagsLow = this.#octets[at + FLAGS_LOW_AT]!;
    this.rcode = this.flagsLow & 0x0f;
    this.answerCount = view.getUint16(at + ANCOUNT_AT);
    this.authorityCount = view.getUint16(at + NSCOUNT_AT);
    this.additionalCount = view.getUint16(at + ARCOUNT_AT);
    this.hasOpt = false;
    this.isContiguous = true;
    this.edeSize = 0;
    let position = questionEnd;
    for (let left = this.answerCount; left > 0; left--) {
      position = this.#checkRecord(position);
      if (position === 0) return false;
    }
    this.answerEnd = position;
    for (let left = this.authorityCount; left > 0; left--) {
      position = this.#checkRecord(position);
      if (position === 0) return false;
    }
    this.authorityEnd = position;
    this.recordsEnd = position;
    return this.#parseAdditional(position);
  }

  #parseAdditional(from: number): boolean {
    let position = from;
    for (let left = this.additionalCount; left > 0; left--) {
      const start = position;
      position = this.#checkRecord(start);
      if (position === 0) return false;
      if (this.#octets[start] === 0 && this.#view.getUint16(start + 1) === TYPE.OPT) {
        if (this.hasOpt) return false;
        this.hasOpt = true;
        this.isContiguous = left === 1;
        this.rcode |= this.#octets[start + 5]! << 4;
        this.#findExtendedError(start + 1 + RECORD_FIXED_SIZE, position);
        this.recordsEnd = start;
      } else {
        this.recordsEnd = position;
      }
    }
    if (this.hasOpt) this.additionalCount--;
    return true;
  }

  #findExtendedError(from: number, end: number): void {
    const view = this.#view;
    for (let at = from; at + 4 <= end;) {
      const size = 4 + view.getUint16(at + 2);
      if (view.getUint16(at) === EDNS_OPTION.EDE && at + size <= end && size >= 6) {
        this.edeAt = at;
        this.edeSize = size;
        return;
      }
      at += size;
    }
  }

  /** Look at a record as its readers will. @returns its end, 0 if they could not read it */
  #checkRecord(at: number): number {
    const view = this.#view;
    const end = this.recordEnd(at);
    if (end === 0 || !this.#isNameSound(at)) return 0;
    const fixedAt = this.nameEnd(at);
    const type = view.getUint16(fixedAt);
    const dataAt = fixedAt + RECORD_FIXED_SIZE;
    if (type === TYPE.A) return end - dataAt === 4 ? end : 0;
    if (type === TYPE.AAAA) return end - dataAt === 16 ? end : 0;
    const names = RDATA_NAMES.get(type);
    if (names === undefined) return end;
    let nameAt = dataAt + names.before;
    for (let left = names.names; left > 0; left--) {
      const nameEnd = nameAt < end && this.#isNameSound(nameAt) ? this.nameEnd(nameAt) : 0;
      if (nameEnd === 0 || nameEnd > end) return 0;
      nameAt = nameEnd;
    }
    return end - nameAt === (type === TYPE.SOA ? SOA_NUMBERS_SIZE : 0) ? end : 0;
  }

  /** Whether a name can be read: its pointers lead backwards, to labels, and it is no longer than a name may be. */
  #isNameSound(from: number): boolean {
    const octets = this.#octets;
    let at = from;
    let lowest = from - this.at;
    let total = 0;
    for (let steps = 0; steps <= 2 * LABELS_MAX; steps++) {
      if (at >= this.end) return false;
      const size = octets[at]!;
      if (size >= POINTER_BITS) {
        if (at + 1 >= this.end) return false;
        const target = ((size & 0x3f) << 8) | octets[at + 1]!;
        if (target >= lowest || target < HEADER_SIZE) return false;
        // The name that was asked has been compared.
        if (target === HEADER_SIZE) return total + this.questionEnd - this.at - HEADER_SIZE - 4 <= NAME_SIZE_MAX;
        lowest = target;
        at = this.at + target;
        continue;
      }
      total += size + 1;
      if (size > 63 || total > NAME_SIZE_MAX) return false;
      if (size === 0) return true;
      at += size + 1;
    }
    return false;
  }

  /** @returns end of the record that starts at `at`, 0 if it passes the message's end */
  recordEnd(at: number): number {
    const dataAt = this.nameEnd(at) + RECORD_FIXED_SIZE;
    if (dataAt === RECORD_FIXED_SIZE || dataAt > this.end) return 0;
    const end = dataAt + this.#view.getUint16(dataAt - 2);
    return end <= this.end ? end : 0;
  }

  /** @returns end of a name that may end in a compression pointer, 0 if it is none */
  nameEnd(at: number): number {
    let position = at;
    for (let labels = 0; labels <= LABELS_MAX; labels++) {
      if (position >= this.end) return 0;
      const size = this.#octets[position]!;
      if (size === 0) return position + 1;
      if (size >= POINTER_BITS) return position + 2;
      if (size > 63) return 0;
      position += size + 1;
    }
    return 0;
  }

  /** Last end of a record of the answer section at or before `limit`, and how many records end there (`fitCount`). */
  lastAnswerEnd(limit: number): number {
    let position = this.questionEnd;
    this.fitCount = 0;
    while (this.fitCount < this.answerCount) {
      const next = this.recordEnd(position);
      if (next === 0 || next > limit) break;
      position = next;
      this.fitCount++;
    }
    return position;
  }

  /** filled by lastAnswerEnd */
  fitCount = 0;
}
