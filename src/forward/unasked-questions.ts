/** Questions that no client asked: probes of upstreams that fail, and searches for forwarding loops. */
import { CLASS, TYPE } from '../dns/iana.ts';
import type { Attempts, FlightParts } from './attempts.ts';
import { type ForwardCounters, UPSTREAM_CELLS } from './counts/forward-counters.ts';
import type { KnownGroups } from './known-groups.ts';
import { HINFO, type LoopSearch } from './loop-search.ts';
import type { RandomPool } from './random-pool.ts';
import { ASKED, type TransactionTable } from './transaction-table.ts';
import { PROBE_TIMEOUT_MS, type UpstreamStates } from './upstream-states.ts';
import type { Waiters } from './waiters.ts';

export class UnaskedQuestions {
  readonly #attempts: Attempts;
  readonly #table: TransactionTable;
  readonly #waiters: Waiters;
  readonly #states: UpstreamStates;
  readonly #groups: KnownGroups;
  readonly #loops: LoopSearch;
  readonly #counters: ForwardCounters;
  readonly #random: RandomPool;

  constructor(parts: FlightParts, attempts: Attempts, waiters: Waiters, loops: LoopSearch, random: RandomPool) {
    this.#attempts = attempts;
    this.#table = parts.table;
    this.#waiters = waiters;
    this.#states = parts.states;
    this.#groups = parts.groups;
    this.#loops = loops;
    this.#counters = parts.counters;
    this.#random = random;
  }

  /** Ask what is due. */
  tick(): void {
    const { nowMs } = this.#attempts;
    if (this.#states.probedCount > 0) this.#sendProbes();
    this.#loops.follow(this.#states.isLoop, nowMs);
    const upstream = this.#loops.dueUpstream(nowMs);
    if (upstream >= 0) {
      const number = (this.#random.next() << 16) | this.#random.next();
      this.#ask(upstream, this.#loops.nextName(upstream, nowMs, number), HINFO, ASKED.SEARCH);
    }
  }

  /** No reply came. */
  timeOut(slot: number, upstream: number): void {
    if ((this.#table.flags[slot]! & ASKED.PROBE) !== 0) {
      const group = this.#states.groupOf[upstream]!;
      const wasBroken = this.#states.isBroken(group);
      this.#states.noteProbeFailed(upstream, this.#attempts.nowMs);
      if (!wasBroken && this.#states.isBroken(group)) this.#attempts.hurry(group);
      this.#counters.countUpstream(upstream, UPSTREAM_CELLS.at.probeFailures);
    }
    this.release(slot);
  }

  #sendProbes(): void {
    const states = this.#states;
    for (let upstream = 0; upstream < states.upstreamEnd; upstream++) {
      const atMs = states.probeAtMs[upstream]!;
      if (atMs !== 0 && atMs <= this.#attempts.nowMs) this.#sendProbe(upstream);
    }
  }

  /** One NS query; where there is no slot for it now, the next turn has one. */
  #sendProbe(upstream: number): void {
    const group = this.#states.groupOf[upstream]!;
    const flags = this.#groups.of(group).probe.isRecursionDesired ? ASKED.PROBE : ASKED.PROBE | ASKED.NO_RECURSION;
    if (this.#ask(upstream, this.#groups.probeNames[group]!, TYPE.NS, flags)) {
      this.#states.noteProbeSent(upstream, this.#attempts.nowMs);
    }
  }

  /** Ask a question that no client asked. @returns false if there is no slot for it */
  #ask(upstream: number, name: Uint8Array, qtype: number, flags: number): boolean {
    const table = this.#table;
    const waiter = table.takeWaiter();
    const slot = waiter === 0 ? 0 : table.take();
    if (slot === 0) {
      if (waiter !== 0) table.releaseWaiter(waiter);
      return false;
    }
    this.#waiters.keepQuestion(waiter, name, name.length);
    table.group[slot] = this.#states.groupOf[upstream]!;
    table.qtype[slot] = qtype;
    table.qclass[slot] = CLASS.IN;
    table.nameSize[slot] = name.length;
    table.flags[slot] = flags;
    table.cacheProfile[slot] = 0;
    this.#attempts.start(slot);
    table.addWaiter(slot, waiter);
    if (!this.#attempts.ask(slot, upstream)) {
      this.release(slot);
      return false;
    }
    this.#attempts.setDeadline(slot, this.#attempts.nowMs + PROBE_TIMEOUT_MS);
    return true;
  }

  release(slot: number): void {
    this.#table.releaseWaiter(this.#table.firstWaiter[slot]!);
    this.#attempts.release(slot);
  }
}
