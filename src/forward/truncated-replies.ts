/**
 * Replies that came truncated, kept while the whole is asked for: clients that know no TCP live on what is in them, so where
 * nothing better comes they are passed on.
 */
import { HEADER_SIZE } from '../dns/wire-header.ts';
import type { Reply } from './reply.ts';
import { TRANSACTIONS_MAX } from './transaction-table.ts';

/** What upstreams are told that we take, and what some send all the same. */
const REPLY_MAX = 1472;
/** Replies at a time; what finds no place here is not passed on if its upstream has no TCP. */
const COUNT = 256;
/** Octets of the arena. */
export const TRUNCATED_SIZE: number = COUNT * REPLY_MAX;

export class TruncatedReplies {
  readonly #octets: Uint8Array;
  readonly #at: number;
  /** by transaction: place + 1, 0: none */
  readonly #placeOf = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly #size = new Uint16Array(COUNT);
  readonly #free = Uint16Array.from({ length: COUNT }, (_, index) => COUNT - 1 - index);
  #freeCount = COUNT;

  /** @param at  where they lie in the arena, TRUNCATED_SIZE octets */
  constructor(arena: ArrayBuffer, at: number) {
    this.#octets = new Uint8Array(arena);
    this.#at = at;
  }

  /** Keep the reply that lies at `at` for a transaction. */
  keep(slot: number, at: number, size: number): void {
    if (size > REPLY_MAX || this.#freeCount === 0 || this.#placeOf[slot] !== 0) return;
    const place = this.#free[--this.#freeCount]!;
    this.#octets.copyWithin(this.#at + place * REPLY_MAX, at, at + size);
    this.#size[place] = size;
    this.#placeOf[slot] = place + 1;
  }

  /**
   * Read what was kept for a transaction.
   *
   * @param nameSize  octets of the name that was asked
   * @returns false if nothing was
   */
  restore(slot: number, reply: Reply, nameSize: number): boolean {
    const place = this.#placeOf[slot]! - 1;
    if (place < 0) return false;
    const at = this.#at + place * REPLY_MAX;
    return reply.parse(at, this.#size[place]!, at + HEADER_SIZE + nameSize + 4);
  }

  release(slot: number): void {
    const place = this.#placeOf[slot]!;
    if (place === 0) return;
    this.#placeOf[slot] = 0;
    this.#free[this.#freeCount++] = place - 1;
  }
}
