/** How a question in flight ends: everyone who waited has a response, the cache what it may keep, and the slot is free. */
import { RCODE } from '../dns/iana.ts';
import type { Attempts, FlightParts } from './attempts.ts';
import type { FlightCache } from './flight-cache.ts';
import type { ForwardCounters } from './forward-counters.ts';
import { ATTEMPTS_MAX, GROUPS_MAX } from './forward-group.ts';
import type { ForwardReports } from './forward-reports.ts';
import type { KnownGroups } from './known-groups.ts';
import type { Reply } from './reply.ts';
import type { ResponseDelivery } from './response-delivery.ts';
import type { TransactionTable } from './transaction-table.ts';
import type { TruncatedReplies } from './truncated-replies.ts';
import type { UpstreamStates } from './upstream-states.ts';
import type { Waiters } from './waiters.ts';

/** What is only needed in the end. */
export interface EndingParts {
  readonly waiters: Waiters;
  readonly reply: Reply;
  readonly truncated: TruncatedReplies;
  readonly delivery: ResponseDelivery;
  readonly reports: ForwardReports;
}

export class FlightEnds {
  readonly #attempts: Attempts;
  readonly #table: TransactionTable;
  readonly #states: UpstreamStates;
  readonly #groups: KnownGroups;
  readonly #counters: ForwardCounters;
  readonly #cache: FlightCache | undefined;
  readonly #waiters: Waiters;
  readonly #reply: Reply;
  readonly #truncated: TruncatedReplies;
  readonly #delivery: ResponseDelivery;
  readonly #reports: ForwardReports;
  /** by group: clients that wait */
  readonly #waiting: Uint32Array = new Uint32Array(GROUPS_MAX);

  constructor(parts: FlightParts, ending: EndingParts, attempts: Attempts) {
    this.#attempts = attempts;
    this.#table = parts.table;
    this.#states = parts.states;
    this.#groups = parts.groups;
    this.#counters = parts.counters;
    this.#cache = parts.cache;
    this.#waiters = ending.waiters;
    this.#reply = ending.reply;
    this.#truncated = ending.truncated;
    this.#delivery = ending.delivery;
    this.#reports = ending.reports;
  }

  /** clients that wait for a group */
  waiting(group: number): number {
    return this.#waiting[group]!;
  }

  /** Everyone who waits for a question of one group waits for another from now on. */
  moveWaiting(slot: number, from: number, to: number): void {
    const table = this.#table;
    let count = 0;
    for (let waiter = table.firstWaiter[slot]!; waiter !== 0; waiter = table.nextWaiter[waiter]!) count++;
    this.setWaiting(from, this.#waiting[from]! - count);
    this.setWaiting(to, this.#waiting[to]! + count);
  }

  setWaiting(group: number, count: number): void {
    this.#waiting[group] = count;
    this.#counters.setWaiting(group, count);
  }

  /** Everyone who waits gets the reply. */
  respond(slot: number): void {
    const isFailure = this.#reply.rcode === RCODE.SERVFAIL;
    if (!isFailure || this.#cache?.loadStale(slot, this.#reply) !== true) this.#cache?.keep(slot, this.#reply);
    this.#respondWithReply(slot);
  }

  #respondWithReply(slot: number): void {
    this.#delivery.nowMs = this.#attempts.nowMs;
    this.#delivery.sendReply(slot, this.#reply);
    this.#finish(slot);
  }

  /** @param error  QUERY_ERROR; it speaks of the upstream that was asked last */
  fail(slot: number, extendedError: number, error: number): void {
    const table = this.#table;
    if (this.#cache !== undefined) {
      if (this.#cache.loadStale(slot, this.#reply)) {
        this.#respondWithReply(slot);
        return;
      }
      this.#cache.keepFailure(slot);
    }
    const last = table.attemptUpstream[slot * ATTEMPTS_MAX + table.attempts[slot]! - 1]!;
    const group = this.#states.groupOf[last]!;
    const upstream = this.#groups.of(group).upstreams[last - this.#states.first[group]!]!;
    this.#reports.setFailed(error, upstream.address, upstream.port);
    this.#delivery.nowMs = this.#attempts.nowMs;
    this.#delivery.sendFailure(slot, extendedError);
    this.#finish(slot);
  }

  #finish(slot: number): void {
    const table = this.#table;
    table.hide(slot);
    let count = 0;
    for (let waiter = table.firstWaiter[slot]!; waiter !== 0;) {
      const next = table.nextWaiter[waiter]!;
      this.#waiters.release(waiter);
      table.releaseWaiter(waiter);
      waiter = next;
      count++;
    }
    const group = table.group[slot]!;
    this.setWaiting(group, this.#waiting[group]! - count);
    this.#truncated.release(slot);
    this.#attempts.release(slot);
  }
}
