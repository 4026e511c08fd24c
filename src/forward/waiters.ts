/**
 * The clients' queries that wait: what their responses need, by number of the waiter.
 *
 * A waiter's place in the arena holds its way back (the transport's), the head of its response (header as asked, question
 * as the client wrote it, CNAME records of our own that led here) and the OPT record of its response.
 */
import type { Continuation, QueryClient } from '../answer/answerer-options.ts';
import type { Query } from '../answer/query.ts';
import type { AddressOrder } from '../answer/order/record-order.ts';
import type { Response } from '../answer/response.ts';
import type { Rewriting } from '../answer/rewrite/response-restorer.ts';
import { AD, FLAGS_LOW_AT, HEADER_SIZE } from '../dns/wire-header.ts';
import { POLICY_FLAG } from '../snapshot/snapshot-layout.ts';
import type { TsigSession } from '../tsig/tsig-session.ts';
import { WAITERS_MAX } from './transaction-table.ts';

/** Octets of the way back. */
export const WAITER_PATH_SIZE = 80;
const STRIDE = 512;
const DATA_MAX = STRIDE - WAITER_PATH_SIZE;
/** Heads that are longer, because of a chain of CNAME records. */
const LARGE_COUNT = 64;
const LARGE_SIZE = 4096;
/** Queries of clients that are kept whole, with the responses that their answers are made of. */
export const CONTINUED_MAX = 4096;

export const WAITERS_SIZE: number = (WAITERS_MAX + 1) * STRIDE + LARGE_COUNT * LARGE_SIZE;

/** Bits of `flags`. */
export const WAITER = {
  STREAM: 1,
  HAS_OPT: 2,
  DO: 4,
  /** AD may be set: the client asked for it (RFC 6840 §5.8) */
  AD: 8,
  /** positive answers without authority and additional records */
  MINIMAL: 16,
  /** the CNAME records are our own data */
  AA: 32,
  /** no client: the answer is for the cache alone */
  NOBODY: 64,
  /** records are shuffled, or ordered by `addressOrder` */
  ORDERED: 128,
} as const;

export class Waiters {
  readonly headSize: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  readonly optSize: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  /** offset in the head of the name that is asked */
  readonly nameOffset: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  /** records in the head */
  readonly aliasCount: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  /** largest response, octets */
  readonly sizeMax: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  readonly flags: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  /** POLICY.headerFlags */
  readonly headerFlags: Uint32Array = new Uint32Array(WAITERS_MAX + 1);
  /** what the addresses of its response are ordered by */
  readonly addressOrder: (AddressOrder | undefined)[] = Array.from<AddressOrder | undefined>({
    length: WAITERS_MAX + 1,
  });
  readonly scope: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  /** when the query came, ms (performance.now); the caller's to set */
  readonly startMs: Float64Array = new Float64Array(WAITERS_MAX + 1);
  /** what `rewrite` changed about the query */
  readonly rewriting: (Rewriting | undefined)[] = Array.from({ length: WAITERS_MAX + 1 }, () => undefined);
  /** by what its response is signed */
  readonly tsig: (TsigSession | undefined)[] = Array.from({ length: WAITERS_MAX + 1 }, () => undefined);
  /** what is answered when the response is there: it is none of the client's */
  readonly continuation: (Continuation | undefined)[] = Array.from({ length: WAITERS_MAX + 1 }, () => undefined);
  /** offset in the arena of head and OPT */
  readonly dataAt: Uint32Array = new Uint32Array(WAITERS_MAX + 1);

  /** EDNS options of the query that goes upstream for it, where there are any: most have none */
  readonly #options = new Map<number, Uint8Array>();

  readonly #octets: Uint8Array;
  readonly #at: number;
  readonly #freeLarge: Uint16Array;
  #freeLargeCount = LARGE_COUNT;
  /** waiters that have a continuation */
  #continuedCount = 0;

  /** @param at  where their memory lies in the arena, WAITERS_SIZE octets from a multiple of 64 on */
  constructor(arena: ArrayBuffer, at: number) {
    this.#octets = new Uint8Array(arena);
    this.#at = at;
    this.#freeLarge = Uint16Array.from({ length: LARGE_COUNT }, (_, index) => index);
  }

  /** Offset in the arena of a waiter's way back. */
  pathAt(waiter: number): number {
    return this.#at + waiter * STRIDE;
  }

  /** Keep what the response will need. @returns false if there is no room for it */
  keep(waiter: number, query: Query, response: Response, client: QueryClient): boolean {
    const messageAt = response.messageAt;
    const headSize = response.position - messageAt;
    const size = headSize + client.optSize;
    let dataAt = this.pathAt(waiter) + WAITER_PATH_SIZE;
    if (client.composing !== undefined && this.#continuedCount === CONTINUED_MAX) return false;
    if (size > DATA_MAX) {
      if (size > LARGE_SIZE || this.#freeLargeCount === 0) return false;
      dataAt = this.#largeAt + this.#freeLarge[--this.#freeLargeCount]! * LARGE_SIZE;
    }
    const from = response.bytes;
    const to = this.#octets;
    for (let index = 0; index < size; index++) to[dataAt + index] = from[messageAt + index]!;
    this.dataAt[waiter] = dataAt;
    this.headSize[waiter] = headSize;
    this.optSize[waiter] = client.optSize;
    this.nameOffset[waiter] = query.nameAt - messageAt;
    this.aliasCount[waiter] = response.answerCount;
    // A long signature may leave no room for anything.
    this.sizeMax[waiter] = Math.max(0, response.limit - messageAt + client.optSize);
    this.scope[waiter] = client.scope;
    this.addressOrder[waiter] = client.addressOrder;
    this.rewriting[waiter] = client.rewriting;
    if (client.upstreamOptions !== undefined) this.#options.set(waiter, client.upstreamOptions);
    this.tsig[waiter] = client.composing === undefined ? client.tsig : undefined;
    this.continuation[waiter] = client.composing?.suspend();
    if (client.composing !== undefined) this.#continuedCount++;
    this.headerFlags[waiter] = client.headerFlags;
    let flags = client.isStream ? WAITER.STREAM : 0;
    if (client.isShuffled || client.addressOrder !== undefined) flags |= WAITER.ORDERED;
    if (client.optSize > 0) flags |= WAITER.HAS_OPT;
    if (query.isDo !== 0) flags |= WAITER.DO | WAITER.AD;
    else if ((from[messageAt + FLAGS_LOW_AT]! & AD) !== 0) flags |= WAITER.AD;
    if (response.isAuthoritative) flags |= WAITER.AA;
    if ((client.policyFlags & POLICY_FLAG.MINIMAL) !== 0) flags |= WAITER.MINIMAL;
    this.flags[waiter] = flags;
    return true;
  }

  /** Keep a question that no client asked. @param nameSize  octets of the name, which may be followed by others */
  keepQuestion(waiter: number, name: Uint8Array, nameSize: number): void {
    const octets = this.#octets;
    const dataAt = this.pathAt(waiter) + WAITER_PATH_SIZE;
    for (let index = 0; index < HEADER_SIZE; index++) octets[dataAt + index] = 0;
    const nameAt = dataAt + HEADER_SIZE;
    for (let index = 0; index < nameSize; index++) octets[nameAt + index] = name[index]!;
    this.dataAt[waiter] = dataAt;
    this.nameOffset[waiter] = HEADER_SIZE;
    this.flags[waiter] = WAITER.NOBODY;
    this.rewriting[waiter] = undefined;
    this.tsig[waiter] = undefined;
  }

  /** @param options  as they go on the wire */
  keepOptions(waiter: number, options: Uint8Array): void {
    this.#options.set(waiter, options);
  }

  optionsOf(waiter: number): Uint8Array | undefined {
    return this.#options.size === 0 ? undefined : this.#options.get(waiter);
  }

  release(waiter: number): void {
    if (this.#options.size > 0) this.#options.delete(waiter);
    this.rewriting[waiter] = undefined;
    this.tsig[waiter] = undefined;
    if (this.continuation[waiter] !== undefined) {
      this.continuation[waiter] = undefined;
      this.#continuedCount--;
    }
    const dataAt = this.dataAt[waiter]!;
    if (dataAt >= this.#largeAt) {
      this.#freeLarge[this.#freeLargeCount++] = (dataAt - this.#largeAt) / LARGE_SIZE;
      this.dataAt[waiter] = 0;
    }
  }

  get #largeAt(): number {
    return this.#at + (WAITERS_MAX + 1) * STRIDE;
  }
}
