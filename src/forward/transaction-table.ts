/**
 * What is asked upstream and who waits for it: slots in typed arrays, with free lists.
 *
 *   transaction  one question in flight, queries for it with an id each, the ATTEMPTS_MAX made last; equal questions share it
 *     └ waiters  the clients' queries it will answer, in the order they came
 *
 * Slots of both kinds are numbered from 1, so that 0 is «none» and fresh memory is an empty table. Free slots are taken
 * last in, first out: memory that was never needed is never touched.
 */
import { ATTEMPTS_MAX } from './forward-group.ts';
import type { RandomPool } from './random-pool.ts';

/** Questions in flight. */
export const TRANSACTIONS_MAX = 16_384;
/** Client queries that wait. */
export const WAITERS_MAX = 16_384;

const BUCKET_MASK = TRANSACTIONS_MAX - 1;
/** Ids that are drawn before one is free; three quarters of them may be taken. */
const DRAWS_MAX = 200;

/** Bits of `flags`. */
export const ASKED = {
  DO: 1,
  CD: 2,
  /** a health probe: nobody waits */
  PROBE: 4,
  /** without OPT: the upstream did not understand it */
  PLAIN: 8,
  /** RD is not set */
  NO_RECURSION: 16,
  /** another upstream was asked because of an rcode */
  RETRIED: 32,
  /** a network error was reported */
  UNREACHABLE: 64,
  /** over a stream, because a reply came truncated */
  WHOLE: 128,
  /** it is to come back if there is a loop: nobody waits */
  SEARCH: 256,
  /** an answer that has ended is in the cache */
  HAS_STALE: 512,
  /** what is due next is a second try, not the end of the first */
  HEDGE: 1024,
  /** clients have had their answer: what comes is for the cache */
  LATE: 2048,
  /** one attempt was such a second try */
  HEDGED: 4096,
  /** the network error was that nobody listens there */
  REFUSED: 8192,
  /** PROBE or SEARCH */
  UNASKED: 4 | 256,
} as const;
/** The bits that make two questions different. */
export const ASKED_KEY: number = ASKED.DO | ASKED.CD | ASKED.UNASKED;

export class TransactionTable {
  /** transactions in use */
  inFlight = 0;

  readonly group: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly qtype: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly qclass: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly nameSize: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly flags: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  /** by which the answer is kept in the cache, plus 1; 0: it is not */
  readonly cacheProfile: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  /** upstreams of the group that were asked, one bit each */
  readonly tried: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly firstWaiter: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly lastWaiter: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly startMs: Float64Array = new Float64Array(TRANSACTIONS_MAX + 1);
  /** places of attempts in use */
  readonly attempts: Uint8Array = new Uint8Array(TRANSACTIONS_MAX + 1);
  /** how many attempts there were, and after how many time-outs and network errors another was made */
  readonly asked: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly failed: Uint16Array = new Uint16Array(TRANSACTIONS_MAX + 1);

  /** by attempt: slot * ATTEMPTS_MAX + place; when all places are in use, the next attempt has that of the oldest */
  readonly attemptId: Uint16Array = new Uint16Array((TRANSACTIONS_MAX + 1) * ATTEMPTS_MAX);
  readonly attemptUpstream: Uint16Array = new Uint16Array((TRANSACTIONS_MAX + 1) * ATTEMPTS_MAX);
  readonly attemptSocket: Uint32Array = new Uint32Array((TRANSACTIONS_MAX + 1) * ATTEMPTS_MAX);
  readonly attemptMs: Float64Array = new Float64Array((TRANSACTIONS_MAX + 1) * ATTEMPTS_MAX);

  readonly nextWaiter: Uint16Array = new Uint16Array(WAITERS_MAX + 1);

  readonly #random: RandomPool;
  /** what generations begin at: those of a predecessor are others */
  readonly #firstGeneration: number;
  /** by attempt: how often its place was used */
  readonly #uses = new Uint32Array((TRANSACTIONS_MAX + 1) * ATTEMPTS_MAX);
  readonly #slotOfId = new Uint16Array(65_536);
  readonly #buckets = new Uint16Array(TRANSACTIONS_MAX);
  readonly #hash = new Int32Array(TRANSACTIONS_MAX + 1);
  readonly #hashNext = new Uint16Array(TRANSACTIONS_MAX + 1);
  readonly #freeNext = new Uint16Array(TRANSACTIONS_MAX + 1);
  #free = 0;
  /** slots from here on were never used */
  #fresh = 1;
  #freeWaiter = 0;
  #freshWaiter = 1;

  constructor(random: RandomPool) {
    this.#random = random;
    this.#firstGeneration = (random.next() << 14) ^ random.next();
  }

  /** @returns a slot without attempts and waiters, 0 if the table is full */
  take(): number {
    let slot = this.#free;
    if (slot !== 0) this.#free = this.#freeNext[slot]!;
    else if (this.#fresh <= TRANSACTIONS_MAX) slot = this.#fresh++;
    else return 0;
    this.inFlight++;
    this.tried[slot] = 0;
    this.attempts[slot] = 0;
    this.asked[slot] = 0;
    this.failed[slot] = 0;
    this.firstWaiter[slot] = 0;
    this.lastWaiter[slot] = 0;
    return slot;
  }

  /** Tells what an attempt's place is used for from what it was used for before, by this thread or one before it: 30 bits. */
  generationOf(attempt: number): number {
    return (this.#firstGeneration + this.#uses[attempt]!) & 0x3fff_ffff;
  }

  /** Slots from 1 up to this were used at some time. */
  get slotEnd(): number {
    return this.#fresh;
  }

  /** Its ids are free again; the waiters are the caller's to release before. */
  release(slot: number): void {
    const first = slot * ATTEMPTS_MAX;
    for (let at = first + this.attempts[slot]! - 1; at >= first; at--) this.#slotOfId[this.attemptId[at]!] = 0;
    this.attempts[slot] = 0;
    this.flags[slot] = 0;
    this.#freeNext[slot] = this.#free;
    this.#free = slot;
    this.inFlight--;
  }

  /** Let equal questions find it. */
  publish(slot: number, hash: number): void {
    const bucket = hash & BUCKET_MASK;
    this.#hash[slot] = hash;
    this.#hashNext[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = slot;
  }

  /** Equal questions do not find it any more; nothing happens if they did not. */
  hide(slot: number): void {
    const bucket = this.#hash[slot]! & BUCKET_MASK;
    let at = this.#buckets[bucket]!;
    if (at === slot) {
      this.#buckets[bucket] = this.#hashNext[slot]!;
      return;
    }
    while (at !== 0) {
      const next = this.#hashNext[at]!;
      if (next === slot) {
        this.#hashNext[at] = this.#hashNext[slot]!;
        return;
      }
      at = next;
    }
  }

  /** @returns the first published slot with this hash, 0: none. What is equal is the caller's to compare. */
  findFirst(hash: number): number {
    return this.#sameHash(this.#buckets[hash & BUCKET_MASK]!, hash);
  }

  findNext(slot: number): number {
    return this.#sameHash(this.#hashNext[slot]!, this.#hash[slot]!);
  }

  #sameHash(from: number, hash: number): number {
    let slot = from;
    while (slot !== 0 && this.#hash[slot] !== hash) slot = this.#hashNext[slot]!;
    return slot;
  }

  /** Index of the next attempt of a slot: a place that was not used yet, or that of the oldest attempt. */
  nextAttempt(slot: number): number {
    return slot * ATTEMPTS_MAX + (this.asked[slot]! % ATTEMPTS_MAX);
  }

  /** Index of the attempt that was made last. */
  lastAttempt(slot: number): number {
    return slot * ATTEMPTS_MAX + ((this.asked[slot]! - 1) % ATTEMPTS_MAX);
  }

  /**
   * One more query for a slot, with an unpredictable id that no other has.
   *
   * @returns its index (slot * ATTEMPTS_MAX + place), -1 if no id was found
   */
  addAttempt(slot: number): number {
    const at = this.nextAttempt(slot);
    for (let draws = 0; draws < DRAWS_MAX; draws++) {
      const id = this.#random.next();
      if (this.#slotOfId[id] !== 0) continue;
      if (this.attempts[slot] === ATTEMPTS_MAX) this.#slotOfId[this.attemptId[at]!] = 0;
      else this.attempts[slot]!++;
      this.#slotOfId[id] = slot;
      this.attemptId[at] = id;
      this.#uses[at]!++;
      this.asked[slot]!++;
      return at;
    }
    return -1;
  }

  /** @returns index of the attempt that has this id, -1: none */
  attemptOf(id: number): number {
    const slot = this.#slotOfId[id]!;
    if (slot === 0) return -1;
    let at = slot * ATTEMPTS_MAX;
    while (this.attemptId[at] !== id) at++;
    return at;
  }

  /** @returns 0 if all are taken */
  takeWaiter(): number {
    let waiter = this.#freeWaiter;
    if (waiter !== 0) this.#freeWaiter = this.nextWaiter[waiter]!;
    else if (this.#freshWaiter <= WAITERS_MAX) waiter = this.#freshWaiter++;
    else return 0;
    this.nextWaiter[waiter] = 0;
    return waiter;
  }

  addWaiter(slot: number, waiter: number): void {
    const last = this.lastWaiter[slot]!;
    if (last === 0) this.firstWaiter[slot] = waiter;
    else this.nextWaiter[last] = waiter;
    this.lastWaiter[slot] = waiter;
  }

  releaseWaiter(waiter: number): void {
    this.nextWaiter[waiter] = this.#freeWaiter;
    this.#freeWaiter = waiter;
  }
}
