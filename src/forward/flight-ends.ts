/** How a question in flight ends: everyone who waited has a response, the cache what it may keep, and the slot is free. */
import { RCODE } from '../dns/iana.ts';
import type { Attempts, FlightParts } from './attempts.ts';
import type { ClientShares } from './client-shares.ts';
import type { FlightCache } from './flight-cache.ts';
import { FORWARD_CELLS, type ForwardCounters } from './counts/forward-counters.ts';
import { ATTEMPTS_MAX, GROUPS_MAX, type UpstreamAddress } from './forward-group.ts';
import type { ForwardReports } from './counts/forward-reports.ts';
import { STREAM_SOCKET } from './forward-transport.ts';
import type { KnownGroups } from './known-groups.ts';
import type { Reply } from './reply.ts';
import type { ResponseDelivery } from './response-delivery.ts';
import { ASKED, type TransactionTable } from './transaction-table.ts';
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
  readonly shares: ClientShares;
}

/** Questions that are kept for a reply that comes too late for clients, and how long, ms. */
const LATE_MAX = 2048;
const LATE_MS = 5000;

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
  readonly #shares: ClientShares;
  #lateCount = 0;
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
    this.#shares = ending.shares;
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

  /** whether clients wait for any group */
  get isWaitedFor(): boolean {
    return this.#waiting.some((count) => count > 0);
  }

  setWaiting(group: number, count: number): void {
    this.#waiting[group] = count;
    this.#counters.setWaiting(group, count);
  }

  /** Everyone who waits gets the reply, or a stale answer that goes before it. */
  respond(slot: number): void {
    const reply = this.#reply;
    const cache = this.#cache;
    if (cache !== undefined) {
      const isFailure = reply.rcode !== RCODE.NOERROR && reply.rcode !== RCODE.NXDOMAIN;
      // What is kept is not the reply any more that a stale one takes the place of.
      if (!isFailure || !cache.loadStale(slot, reply, false)) {
        const isPositive = cache.keep(slot, reply);
        if (!isFailure && !isPositive) cache.loadStale(slot, reply, true);
      }
    }
    this.#respondWithReply(slot, true);
  }

  #respondWithReply(slot: number, isAnswered: boolean): void {
    if (this.#reports.hasMetadata) {
      const { address, port } = this.#lastUpstream(slot);
      this.#reports.setUpstream(address, port);
    }
    this.#delivery.nowMs = this.#attempts.nowMs;
    this.#delivery.sendReply(slot, this.#reply);
    this.#finish(slot, isAnswered);
  }

  /** @param error  QUERY_ERROR; it speaks of the upstream that was asked last */
  fail(slot: number, extendedError: number, error: number): void {
    if (this.#cache !== undefined) {
      if (this.#cache.loadStale(slot, this.#reply, false)) {
        this.#respondWithReply(slot, false);
        return;
      }
      this.#cache.keepFailure(slot);
    }
    const { address, port } = this.#lastUpstream(slot);
    const isStream = this.#table.attemptSocket[this.#table.lastAttempt(slot)] === STREAM_SOCKET;
    this.#reports.setFailed(error, address, port, isStream);
    this.#delivery.nowMs = this.#attempts.nowMs;
    this.#delivery.sendFailure(slot, extendedError);
    this.#finish(slot, false);
  }

  /** That was asked last. */
  #lastUpstream(slot: number): UpstreamAddress {
    const table = this.#table;
    const last = table.attemptUpstream[table.lastAttempt(slot)]!;
    const group = this.#states.groupOf[last]!;
    return this.#groups.of(group).upstreams[this.#states.placeOf[last]!]!;
  }

  /** A reply came when clients had given up waiting: the next who asks has it. */
  keepLate(slot: number): void {
    this.#counters.count(FORWARD_CELLS.at.late);
    if (this.#reply.rcode !== RCODE.SERVFAIL) this.#cache?.keep(slot, this.#reply);
    this.releaseLate(slot);
  }

  releaseLate(slot: number): void {
    this.#lateCount--;
    this.#table.releaseWaiter(this.#table.firstWaiter[slot]!);
    this.#waiters.release(this.#table.firstWaiter[slot]!);
    this.#attempts.release(slot);
  }

  /**
   * What is asked of a group's upstreams for no client ends, when no client waits for the group.
   *
   * @returns false if something is asked for a client, who gets the reply
   */
  endUnasked(group: number): boolean {
    const table = this.#table;
    // There are many slots, and this is asked often.
    if (this.#waiting[group]! > 0) return false;
    if (table.inFlight === 0) return true;
    // One of another group may have an attempt at an upstream of this one.
    let isNeeded = false;
    for (let slot = 1; slot < table.slotEnd; slot++) {
      if (table.attempts[slot] === 0 || !this.#isOf(slot, group)) continue;
      const flags = table.flags[slot]!;
      if ((flags & ASKED.LATE) !== 0) {
        this.releaseLate(slot);
      } else if ((flags & ASKED.UNASKED) !== 0) {
        table.releaseWaiter(table.firstWaiter[slot]!);
        this.#attempts.release(slot);
      } else {
        isNeeded = true;
      }
    }
    return !isNeeded;
  }

  /** Whether an upstream of a group was asked for this slot: one of the group before, perhaps. */
  #isOf(slot: number, group: number): boolean {
    const table = this.#table;
    if (table.group[slot] === group) return true;
    const first = slot * ATTEMPTS_MAX;
    for (let attempt = first + table.attempts[slot]! - 1; attempt >= first; attempt--) {
      if (this.#states.groupOf[table.attemptUpstream[attempt]!] === group) return true;
    }
    return false;
  }

  /**
   * Clients have their responses.
   *
   * @param isAnswered  by an upstream; else what is still under way may be of use to the next who asks
   */
  #finish(slot: number, isAnswered: boolean): void {
    const table = this.#table;
    table.hide(slot);
    const isKept = table.cacheProfile[slot] !== 0 && this.#lateCount < LATE_MAX;
    // An answer that goes on takes its waiter with it.
    const isFree = this.#waiters.continuation[table.firstWaiter[slot]!] === undefined;
    const isLate = !isAnswered && isKept && isFree && this.#attempts.hasOpen(slot);
    let count = 0;
    for (let waiter = table.firstWaiter[slot]!; waiter !== 0;) {
      const next = table.nextWaiter[waiter]!;
      this.#shares.release(waiter);
      // The first has the question's name; an answer that goes on needs the way back to its client.
      const isNeeded = isLate && count === 0;
      if (!isNeeded && this.#waiters.continuation[waiter] === undefined) {
        this.#waiters.release(waiter);
        table.releaseWaiter(waiter);
      }
      waiter = next;
      count++;
    }
    const group = table.group[slot]!;
    this.setWaiting(group, this.#waiting[group]! - count);
    this.#truncated.release(slot);
    if (isLate) this.#awaitLate(slot);
    else this.#attempts.release(slot);
  }

  #awaitLate(slot: number): void {
    this.#lateCount++;
    const table = this.#table;
    table.nextWaiter[table.firstWaiter[slot]!] = 0;
    table.flags[slot]! |= ASKED.LATE;
    this.#attempts.setDeadline(slot, this.#attempts.nowMs + LATE_MS);
  }
}
