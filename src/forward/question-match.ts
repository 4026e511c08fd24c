/** Which question is which: equal ones in flight, and the one that a message from upstream is the reply to. */
import type { Query } from '../answer/query.ts';
import { OPCODE, RCODE } from '../dns/iana.ts';
import {
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  OPCODE_MASK,
  OPCODE_SHIFT,
  QDCOUNT_AT,
  QR,
} from '../dns/wire-header.ts';
import { ATTEMPTS_MAX } from './forward-group.ts';
import type { RandomPool } from './random-pool.ts';
import { ASKED, ASKED_KEY, type TransactionTable } from './transaction-table.ts';
import type { Waiters } from './waiters.ts';

export class QuestionMatch {
  readonly #table: TransactionTable;
  readonly #waiters: Waiters;
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #hashSeed: number;

  /** @param arena  where messages from upstream and the waiters' questions lie */
  constructor(table: TransactionTable, waiters: Waiters, arena: ArrayBuffer, random: RandomPool) {
    this.#table = table;
    this.#waiters = waiters;
    this.#octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
    this.#hashSeed = (random.next() << 16) | random.next();
  }

  hash(group: number, query: Query, flags: number): number {
    let hash = this.#hashSeed ^ ((group << 20) | (flags << 16) | query.qtype);
    const words = query.nameWords;
    const count = (query.nameSize + 3) >>> 2;
    for (let index = 0; index < count; index++) {
      hash = Math.imul(hash ^ words[index]!, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0x85ebca6b);
    return (hash ^ (hash >>> 13)) | 0;
  }

  isEqual(slot: number, group: number, query: Query, flags: number): boolean {
    const table = this.#table;
    const size = query.nameSize;
    if (table.group[slot] !== group || table.qtype[slot] !== query.qtype || table.qclass[slot] !== query.qclass) {
      return false;
    }
    if (table.nameSize[slot] !== size || (table.flags[slot]! & ASKED_KEY) !== flags) return false;
    const octets = this.#octets;
    const at = this.nameAt(slot);
    for (let index = 0; index < size; index++) {
      if (lowerCase(octets[at + index]!) !== query.nameBytes[index]) return false;
    }
    return true;
  }

  /** Where the name of a question in flight lies: with the first who asked. */
  nameAt(slot: number): number {
    const waiter = this.#table.firstWaiter[slot]!;
    return this.#waiters.dataAt[waiter]! + this.#waiters.nameOffset[waiter]!;
  }

  /** EDNS options that are sent with a question in flight; undefined: none */
  optionsOf(slot: number): Uint8Array | undefined {
    return this.#waiters.optionsOf(this.#table.firstWaiter[slot]!);
  }

  isResponse(at: number, size: number): boolean {
    if (size < HEADER_SIZE) return false;
    const high = this.#octets[at + FLAGS_HIGH_AT]!;
    return (high & QR) !== 0 && ((high >> OPCODE_SHIFT) & OPCODE_MASK) === OPCODE.QUERY;
  }

  /** Whether the question is the one that was asked; a header may stand alone. */
  isReplyTo(attempt: number, at: number, size: number): boolean {
    const view = this.#view;
    const octets = this.#octets;
    const table = this.#table;
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    const questionCount = view.getUint16(at + QDCOUNT_AT);
    if (questionCount === 0 && size === HEADER_SIZE) return true;
    if (questionCount !== 1) return false;
    const nameSize = table.nameSize[slot]!;
    const typeAt = at + HEADER_SIZE + nameSize;
    if (typeAt + 4 > at + size) return false;
    if (view.getUint16(typeAt) !== table.qtype[slot] || view.getUint16(typeAt + 2) !== table.qclass[slot]) return false;
    const nameAt = this.nameAt(slot);
    for (let index = 0; index < nameSize; index++) {
      const asked = octets[nameAt + index]!;
      const replied = octets[at + HEADER_SIZE + index]!;
      if (asked !== replied && lowerCase(asked) !== lowerCase(replied)) return false;
    }
    return true;
  }

  /** A header alone is what servers send that do not know OPT. Nothing else without a question is believed. */
  isEdnsRefused(at: number, slot: number): boolean {
    const rcode = this.#octets[at + FLAGS_LOW_AT]! & 0x0f;
    if (rcode !== RCODE.FORMERR && rcode !== RCODE.NOTIMP) return false;
    return (this.#table.flags[slot]! & ASKED.PLAIN) === 0;
  }
}

function lowerCase(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}
