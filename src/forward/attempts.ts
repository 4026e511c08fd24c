/**
 * The queries that go upstream for a question in flight: whom to ask, over what, until when. Who waits for the question and
 * what its reply is worth is the business of others.
 */
import { FORWARD_CELLS, type ForwardCounters, UPSTREAM_CELLS } from './counts/forward-counters.ts';
import { ATTEMPTS_MAX, UPSTREAMS_MAX } from './forward-group.ts';
import { type ForwardTransport, STREAM_SOCKET } from './forward-transport.ts';
import type { FlightCache } from './flight-cache.ts';
import type { KnownGroups } from './known-groups.ts';
import type { QuestionMatch } from './question-match.ts';
import { deadlineTickOf, tickOf, TimerWheel } from './timer-wheel.ts';
import { ASKED, type TransactionTable, TRANSACTIONS_MAX } from './transaction-table.ts';
import { UpstreamQuery } from './upstream-query.ts';
import type { UpstreamStates } from './upstream-states.ts';

/** A second try has to come as much before the end of the first. */
const HEDGE_GAIN_MIN_MS = 20;
/** How long is tried where probes say that no upstream answers: one attempt, for the moment that one is back. */
const BROKEN_TOTAL_MS = 900;
/** Attempts that follow each other as fast as networks say that nobody is there; later ones come this far apart. */
const AT_ONCE_MAX = 2 * UPSTREAMS_MAX;
const ATTEMPT_PAUSE_MS = 100;

/** What all who work on questions in flight share. */
export interface FlightParts {
  /** replies, queries and waiters lie in it */
  readonly arena: ArrayBuffer;
  readonly table: TransactionTable;
  readonly states: UpstreamStates;
  readonly groups: KnownGroups;
  readonly questions: QuestionMatch;
  readonly counters: ForwardCounters;
  readonly cache: FlightCache | undefined;
}

export class Attempts {
  /** the time of this turn, ms (performance.now) */
  nowMs = 0;
  /** queries that went over streams, and have neither a reply nor failed nor become useless */
  openStreams = 0;
  /** the last `ask` failed because nobody can take a stream's query now */
  isHandoffFull = false;
  transport: ForwardTransport | undefined;

  readonly #table: TransactionTable;
  readonly #states: UpstreamStates;
  readonly #groups: KnownGroups;
  readonly #questions: QuestionMatch;
  readonly #counters: ForwardCounters;
  readonly #cache: FlightCache | undefined;
  readonly #query: UpstreamQuery;
  readonly #wheel: TimerWheel = new TimerWheel(TRANSACTIONS_MAX);
  /** by slot: what its deadline was set to last */
  readonly #deadlineTick: Int32Array = new Int32Array(TRANSACTIONS_MAX + 1);
  /** by slot: attempts that had their reply or an error, one bit each */
  readonly #closed: Uint8Array = new Uint8Array(TRANSACTIONS_MAX + 1);
  readonly #prefersStreams: boolean;

  /** @param prefersStreams  upstreams that can be asked either way are asked over streams, but for groups with `prefer_udp` */
  constructor(parts: FlightParts, prefersStreams: boolean) {
    this.#table = parts.table;
    this.#states = parts.states;
    this.#groups = parts.groups;
    this.#questions = parts.questions;
    this.#counters = parts.counters;
    this.#cache = parts.cache;
    this.#query = new UpstreamQuery(parts.arena);
    this.#prefersStreams = prefersStreams;
  }

  /** A slot was taken: it has no attempts. */
  start(slot: number): void {
    this.#table.startMs[slot] = this.nowMs;
    this.#closed[slot] = 0;
  }

  /**
   * Send a query for this slot.
   *
   * @param again  the upstream to ask, -1: whose turn it is
   * @returns false if there is nobody to ask
   */
  ask(slot: number, again: number): boolean {
    const table = this.#table;
    const states = this.#states;
    const group = table.group[slot]!;
    table.flags[slot]! &= ~ASKED.HEDGE;
    const flags = table.flags[slot]!;
    let upstream = again >= 0 ? again : states.choose(group, table.tried[slot]!);
    if (upstream < 0) {
      this.#counters.count(FORWARD_CELLS.at.allDown);
      if (this.#groups.of(group).failsFast) return false;
      upstream = states.chooseAny(group);
    }
    if (states.isDisabled(upstream) && (flags & ASKED.SEARCH) === 0) return false;
    const attempt = this.#takePlace(slot);
    if (attempt < 0) return false;
    table.tried[slot]! |= 1 << states.placeOf[upstream]!;
    table.attemptUpstream[attempt] = upstream;
    table.attemptMs[attempt] = this.nowMs;
    if (!this.#send(slot, attempt, upstream)) return false;
    this.#setWait(slot, upstream);
    return true;
  }

  /**
   * Send another query because nobody answered the last one, or the network said that it did not arrive.
   *
   * @returns false if there is nobody to ask, or that was the last attempt
   */
  askAgain(slot: number): boolean {
    const table = this.#table;
    const group = table.group[slot]!;
    if (++table.failed[slot]! >= this.#groups.attemptsMax[group]!) return false;
    // Each has had its turn: in another round each has one again.
    if (table.tried[slot] === (1 << this.#states.count[group]!) - 1) table.tried[slot] = 0;
    return this.ask(slot, -1);
  }

  /** Whether there were as many attempts as may fail, whatever became of them. */
  hasAskedAll(slot: number): boolean {
    const table = this.#table;
    return table.asked[slot]! - uncounted(table.flags[slot]!) >= this.#groups.attemptsMax[table.group[slot]!]!;
  }

  /** @returns index of an attempt that is open, -1 if there is no id for it */
  #takePlace(slot: number): number {
    const table = this.#table;
    const next = table.nextAttempt(slot);
    const bit = 1 << (next % ATTEMPTS_MAX);
    // The oldest attempt makes room: its reply counts no more.
    if (table.attempts[slot] === ATTEMPTS_MAX && (this.#closed[slot]! & bit) === 0) this.close(slot, next);
    const attempt = table.addAttempt(slot);
    if (attempt >= 0) this.#closed[slot]! &= ~bit;
    return attempt;
  }

  /** When something is done about the attempt just made, if no reply comes. */
  #setWait(slot: number, upstream: number): void {
    const table = this.#table;
    const states = this.#states;
    const group = table.group[slot]!;
    const flags = table.flags[slot]!;
    let waitMs = table.startMs[slot]! + this.totalMs(slot) - this.nowMs;
    if (table.failed[slot]! + 1 < this.#groups.attemptsMax[group]! || (flags & ASKED.WHOLE) !== 0) {
      // What asks for the whole needs a connection first: it has the time of a second attempt.
      const before = table.asked[slot]! - 1 - ((flags & ASKED.HEDGED) === 0 ? 0 : 1);
      let timeoutMs = states.timeoutMs(upstream, before > 0 ? before : 0);
      if (table.asked[slot]! > AT_ONCE_MAX && timeoutMs < ATTEMPT_PAUSE_MS) timeoutMs = ATTEMPT_PAUSE_MS;
      if (timeoutMs < waitMs) waitMs = timeoutMs;
      if (table.asked[slot] === 1 && (flags & ASKED.UNASKED) === 0) {
        states.noteQuestion(group);
        const hedgeMs = states.hedgeMs(upstream);
        if (hedgeMs < waitMs - HEDGE_GAIN_MIN_MS) {
          table.flags[slot]! |= ASKED.HEDGE;
          waitMs = hedgeMs;
        }
      }
    }
    this.#setDeadlineTick(slot, deadlineTickOf(this.nowMs + waitMs));
  }

  /**
   * A first attempt takes longer than others did: try a second time, if that is allowed, and wait for both. Where it is not,
   * the first has the rest of its time.
   */
  hedge(slot: number): void {
    const table = this.#table;
    const states = this.#states;
    table.flags[slot]! &= ~ASKED.HEDGE;
    const group = table.group[slot]!;
    const first = slot * ATTEMPTS_MAX;
    const asked = table.attemptUpstream[first]!;
    const timeoutMs = states.timeoutMs(asked, 0);
    const upstream = states.chooseHedge(group, asked, table.tried[slot]!);
    // Over a stream nothing is lost: what was asked is asked.
    const isUseful = upstream !== asked || table.attemptSocket[first] !== STREAM_SOCKET;
    if (isUseful && !states.isDown(upstream) && states.takeHedge(group)) {
      table.flags[slot]! |= ASKED.HEDGED;
      if (this.ask(slot, upstream)) {
        this.#counters.count(FORWARD_CELLS.at.hedges);
        if (upstream !== asked) return;
      } else {
        table.flags[slot]! &= ~ASKED.HEDGED;
      }
    }
    const totalMs = this.totalMs(slot);
    this.setDeadline(slot, table.attemptMs[first]! + (timeoutMs < totalMs ? timeoutMs : totalMs));
  }

  /** Upstreams of a slot's open attempts have not answered in time. */
  noteMissing(slot: number): void {
    const first = slot * ATTEMPTS_MAX;
    const last = this.#table.lastAttempt(slot);
    for (let attempt = first + this.#table.attempts[slot]! - 1; attempt >= first; attempt--) {
      const upstream = this.#table.attemptUpstream[attempt]!;
      if (attempt === last || this.isOpen(attempt)) this.#states.noteMissing(upstream, this.nowMs);
    }
  }

  /** An attempt was answered: those before it, of other upstreams, were slower. */
  noteLost(attempt: number): void {
    const table = this.#table;
    const upstream = table.attemptUpstream[attempt]!;
    const first = attempt - (attempt % ATTEMPTS_MAX);
    const end = first + table.attempts[(attempt / ATTEMPTS_MAX) | 0]!;
    for (let other = first; other < end; other++) {
      const isBefore = other !== attempt && table.attemptMs[other]! < table.attemptMs[attempt]!;
      if (!isBefore || table.attemptUpstream[other] === upstream || !this.isOpen(other)) continue;
      this.#states.noteLost(table.attemptUpstream[other]!, this.nowMs);
    }
  }

  /** A slot may take less long than was thought. */
  shorten(slot: number): void {
    const endTick = deadlineTickOf(this.#table.startMs[slot]! + this.totalMs(slot));
    if (((endTick - this.#deadlineTick[slot]!) | 0) < 0) this.#setDeadlineTick(slot, endTick);
  }

  /** No upstream of a group answers any more: who waits for it has waited long enough soon. */
  hurry(group: number): void {
    const table = this.#table;
    for (let slot = 1; slot < table.slotEnd; slot++) {
      const flags = table.flags[slot]!;
      if (table.attempts[slot] === 0 || table.group[slot] !== group || (flags & (ASKED.UNASKED | ASKED.LATE)) !== 0)
        continue;
      this.shorten(slot);
    }
  }

  /** @returns false if nobody takes what has to go over a stream */
  #send(slot: number, attempt: number, upstream: number): boolean {
    const table = this.#table;
    const transport = this.transport!;
    const isStream = this.#isOverStream(slot, upstream);
    const size = this.#query.write(
      isStream ? transport.streamRoom() : transport.queryRoom(upstream),
      table.attemptId[attempt]!,
      table.flags[slot]!,
      this.#questions.nameAt(slot),
      table.nameSize[slot]!,
      table.qtype[slot]!,
      table.qclass[slot]!,
      this.#questions.optionsOf(slot),
    );
    if (!isStream) {
      table.attemptSocket[attempt] = transport.queueQuery(upstream, size, attempt);
      this.#counters.countUpstream(upstream, UPSTREAM_CELLS.at.datagrams);
      return true;
    }
    table.attemptSocket[attempt] = STREAM_SOCKET;
    this.openStreams++;
    if (transport.queueStream(upstream, size, attempt, table.generationOf(attempt))) return true;
    this.close(slot, attempt);
    this.#counters.count(FORWARD_CELLS.at.handoffFull);
    this.isHandoffFull = true;
    return false;
  }

  /** Nothing more is expected of an attempt that is open. */
  close(slot: number, attempt: number): void {
    this.#closed[slot]! |= 1 << (attempt % ATTEMPTS_MAX);
    if (this.#table.attemptSocket[attempt] === STREAM_SOCKET) this.openStreams--;
  }

  /** The slot is free again. */
  release(slot: number): void {
    const table = this.#table;
    if (this.openStreams > 0) {
      const first = slot * ATTEMPTS_MAX;
      for (let index = table.attempts[slot]! - 1; index >= 0; index--) {
        if ((this.#closed[slot]! & (1 << index)) === 0) this.close(slot, first + index);
      }
    }
    this.#wheel.clear(slot);
    table.release(slot);
  }

  #isOverStream(slot: number, upstream: number): boolean {
    const table = this.#table;
    if (this.#groups.isStreamOnly[upstream] === 1 || (table.flags[slot]! & ASKED.WHOLE) !== 0) return true;
    return this.#prefersStreams && this.#groups.prefersUdp[table.group[slot]!] === 0;
  }

  isOpen(attempt: number): boolean {
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    return (this.#closed[slot]! & (1 << (attempt % ATTEMPTS_MAX))) === 0;
  }

  /** Whether one of a slot's attempts may still be answered. */
  hasOpen(slot: number): boolean {
    return this.#closed[slot] !== (1 << this.#table.attempts[slot]!) - 1;
  }

  /** Whether an attempt is one over a stream, of the question it was made for, and open. */
  isOpenStream(attempt: number, generation: number): boolean {
    const table = this.#table;
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    if (slot > TRANSACTIONS_MAX || table.generationOf(attempt) !== generation) return false;
    const index = attempt % ATTEMPTS_MAX;
    if (index >= table.attempts[slot]! || table.attemptSocket[attempt] !== STREAM_SOCKET) return false;
    return (this.#closed[slot]! & (1 << index)) === 0;
  }

  /** How long a question may take, ms. */
  totalMs(slot: number): number {
    const group = this.#table.group[slot]!;
    let totalMs = this.#groups.totalMs[group]! | 0;
    const isBroken = this.#states.isBroken(group);
    if (isBroken && totalMs > BROKEN_TOTAL_MS) totalMs = BROKEN_TOTAL_MS;
    return this.#cache === undefined ? totalMs : this.#cache.totalMs(slot, totalMs, isBroken);
  }

  /** The last attempt failed before its time: the next one is due. */
  endWait(slot: number): void {
    // Due at once is with the next turn: by then whoever is sending has finished.
    const pauseMs = this.#table.asked[slot]! > AT_ONCE_MAX ? ATTEMPT_PAUSE_MS : 0;
    this.setDeadline(slot, this.nowMs + pauseMs);
  }

  setDeadline(slot: number, deadlineMs: number): void {
    this.#setDeadlineTick(slot, deadlineTickOf(deadlineMs));
  }

  #setDeadlineTick(slot: number, deadlineTick: number): void {
    this.#deadlineTick[slot] = deadlineTick;
    this.#wheel.set(slot, deadlineTick, tickOf(this.nowMs));
  }

  /** @returns a slot whose deadline is over, 0: there is none */
  takeDue(): number {
    return this.#wheel.takeDue(tickOf(this.nowMs));
  }

  /** How long nothing has to be done, unless something comes. */
  waitMs(nowMs: number, maxMs: number): number {
    return this.#wheel.waitMs(nowMs, maxMs);
  }
}

/** Attempts that do not count: what asks for the whole of a truncated reply, and an early second try. */
function uncounted(flags: number): number {
  return ((flags & ASKED.WHOLE) === 0 ? 0 : 1) + ((flags & ASKED.HEDGED) === 0 ? 0 : 1);
}
