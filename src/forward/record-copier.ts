/**
 * Copies records from an upstream's message to a place where its compression pointers mean nothing: names are written out,
 * but for the owner that equals the name that was asked.
 */
import { RDATA_NAMES } from '../dns/records/rdata-names.ts';
import { LABELS_MAX, NAME_SIZE_MAX, POINTER_BITS } from '../dns/wire-header.ts';
import type { Reply } from './reply.ts';

const RECORD_FIXED_SIZE = 10;
const QUESTION_POINTER = 0xc00c;

export class RecordCopier {
  readonly #octets: Uint8Array;
  readonly #view: DataView;

  constructor(arena: ArrayBuffer) {
    this.#octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
  }

  /**
   * Copy one record.
   *
   * @param reply        the message it lies in
   * @param from         offset of the record in the arena
   * @param to           where it goes
   * @param ownerOffset  offset in the new message of the name that was asked
   * @param limit        end of the room
   * @returns the end of the copy, 0 if there is no room or the record is broken
   */
  copy(reply: Reply, from: number, to: number, ownerOffset: number, limit: number): number {
    const octets = this.#octets;
    const view = this.#view;
    const fixedAt = reply.nameEnd(from);
    if (fixedAt === 0) return 0;
    let at = to;
    if (at + 2 + RECORD_FIXED_SIZE > limit) return 0;
    if (fixedAt === from + 2 && view.getUint16(from) === QUESTION_POINTER) {
      view.setUint16(at, 0xc000 | ownerOffset);
      at += 2;
    } else {
      at = this.#copyName(reply, from, at, limit);
      if (at === 0 || at + RECORD_FIXED_SIZE > limit) return 0;
    }
    const type = view.getUint16(fixedAt);
    octets.copyWithin(at, fixedAt, fixedAt + RECORD_FIXED_SIZE);
    const sizeAt = at + RECORD_FIXED_SIZE - 2;
    at += RECORD_FIXED_SIZE;
    const dataAt = fixedAt + RECORD_FIXED_SIZE;
    const dataEnd = dataAt + view.getUint16(dataAt - 2);
    const end = this.#copyRdata(reply, type, dataAt, dataEnd, at, limit);
    if (end !== 0) view.setUint16(sizeAt, end - at);
    return end;
  }

  #copyRdata(reply: Reply, type: number, from: number, end: number, to: number, limit: number): number {
    const shape = RDATA_NAMES.get(type);
    let position = from;
    let at = to;
    if (shape !== undefined) {
      const before = shape.before;
      if (position + before > end || at + before > limit) return 0;
      this.#octets.copyWithin(at, position, position + before);
      position += before;
      at += before;
      for (let left = shape.names; left > 0; left--) {
        const nameEnd = reply.nameEnd(position);
        if (nameEnd === 0 || nameEnd > end) return 0;
        at = this.#copyName(reply, position, at, limit);
        if (at === 0) return 0;
        position = nameEnd;
      }
    }
    const rest = end - position;
    if (at + rest > limit) return 0;
    this.#octets.copyWithin(at, position, end);
    return at + rest;
  }

  /** Write a name out. Pointers lead backwards only, so following them ends. @returns end of the copy, 0 if it fails */
  #copyName(reply: Reply, from: number, to: number, limit: number): number {
    const octets = this.#octets;
    let position = from;
    let at = to;
    let lowest = from - reply.at;
    for (let steps = 0; steps <= 2 * LABELS_MAX; steps++) {
      if (position >= reply.end) return 0;
      const size = octets[position]!;
      if (size >= POINTER_BITS) {
        const target = ((size & 0x3f) << 8) | octets[position + 1]!;
        if (target >= lowest) return 0;
        lowest = target;
        position = reply.at + target;
        continue;
      }
      const next = position + size + 1;
      if (size > 63 || next > reply.end) return 0;
      if (at + size + 1 > limit || at + size + 1 - to > NAME_SIZE_MAX) return 0;
      for (; position < next; position++) octets[at++] = octets[position]!;
      if (size === 0) return at;
    }
    return 0;
  }
}
