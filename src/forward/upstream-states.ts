/**
 * What a shard knows of the upstream servers: their round-trip times, which of them fail, and whose turn it is.
 *
 * Each shard has its own view: it sees enough of the traffic to know, and nothing has to be agreed upon. An upstream is
 * *suspect* from its first missing response until a probe is answered, and *down* after more than `failsMax` failed
 * probes in a row. A suspect one is passed over while another will do.
 */
import { machineTick } from '../base/machine-clock.ts';
import { FORWARD_HEADER, PLACES } from './forward-buffer.ts';
import { GROUPS_MAX, UPSTREAMS_TOTAL_MAX, type ForwardGroup } from './forward-group.ts';
import type { RandomPool } from './random-pool.ts';

/** First attempt at an upstream no response has come from yet: another one is asked after this. */
const TIMEOUT_INITIAL_MS = 800;
/** An upstream that mostly answers from its cache still has to look up what is not there. */
const TIMEOUT_MIN_MS = 400;
const TIMEOUT_MAX_MS = 2000;
/** A second try before that: not for what is late by no more than this … */
const HEDGE_MIN_MS = 40;
/** … and at the first question an upstream is asked, when nothing is known of it. */
const HEDGE_INITIAL_MS = 300;
/** Of so many questions one may be tried a second time early, and so many at once where there were none before. */
const HEDGE_SHARE = 32;
const HEDGE_BURST = 16;
/** Early tries in a row that another upstream answered first: it is probed. */
const LOST_MAX = 3;
export const PROBE_TIMEOUT_MS = 1000;
/** Failed probes of an upstream that is never asked. */
const DISABLED = 0xff_ff_ff_ff;

const POLICY = { RANDOM: 0, ROUND_ROBIN: 1, SEQUENTIAL: 2 } as const;
const POLICY_OF = { random: POLICY.RANDOM, round_robin: POLICY.ROUND_ROBIN, sequential: POLICY.SEQUENTIAL };

export class UpstreamStates {
  /** upstreams from here on were never known */
  upstreamEnd = 0;
  /** by group: how many upstreams it has */
  readonly count: Uint16Array = new Uint16Array(GROUPS_MAX);
  /** by upstream: index of its group, and its place there */
  readonly groupOf: Uint16Array = new Uint16Array(UPSTREAMS_TOTAL_MAX);
  readonly placeOf: Uint8Array = new Uint8Array(UPSTREAMS_TOTAL_MAX);
  /** upstreams that are probed: from the first failure to the first response */
  probedCount = 0;
  /** by upstream: when to send its next probe, ms; 0: not probed, Infinity: a probe is under way */
  readonly probeAtMs: Float64Array = new Float64Array(UPSTREAMS_TOTAL_MAX);
  /** by upstream: it sends our own queries back to us */
  readonly isLoop: Uint8Array = new Uint8Array(UPSTREAMS_TOTAL_MAX);
  /** by upstream: failed probes in a row */
  readonly fails: Uint32Array = new Uint32Array(UPSTREAMS_TOTAL_MAX);

  readonly #random: RandomPool;
  /** by group and place */
  readonly #members = new Uint16Array(GROUPS_MAX * PLACES);
  readonly #policy = new Uint8Array(GROUPS_MAX);
  /** of all shards, by group */
  readonly #turns: Uint32Array;
  readonly #failsMax = new Uint32Array(GROUPS_MAX);
  readonly #probeIntervalMs = new Float64Array(GROUPS_MAX);
  /** by upstream: when its last probe was sent, ms */
  readonly #probeSentMs = new Float64Array(UPSTREAMS_TOTAL_MAX);
  readonly #readTimeoutMs = new Float64Array(GROUPS_MAX);
  /** by group: no upstream of it answers, not even probes */
  readonly #broken = new Uint8Array(GROUPS_MAX);
  /** by group: early tries that are allowed, times HEDGE_SHARE */
  readonly #hedges = new Uint16Array(GROUPS_MAX);
  readonly #lost = new Uint8Array(UPSTREAMS_TOTAL_MAX);
  /** of all shards, by group: tick at which an upstream answered again that had not answered probes */
  readonly #recoveries: Int32Array;
  /** below 0: no response has come yet */
  readonly #roundTripMs = new Float64Array(UPSTREAMS_TOTAL_MAX);
  readonly #deviationMs = new Float64Array(UPSTREAMS_TOTAL_MAX);

  /** @param buffer  from createForwardBuffer */
  constructor(random: RandomPool, buffer: SharedArrayBuffer) {
    this.#random = random;
    this.#turns = new Uint32Array(buffer, FORWARD_HEADER.at.turns * 4, GROUPS_MAX);
    this.#recoveries = new Int32Array(buffer, FORWARD_HEADER.at.recoveries * 4, GROUPS_MAX);
  }

  /**
   * A group that nothing is known of yet.
   *
   * @param members  indexes of its upstreams, by place
   */
  add(index: number, members: readonly number[], group: ForwardGroup): void {
    this.count[index] = members.length;
    for (const [place, upstream] of members.entries()) {
      this.#members[index * PLACES + place] = upstream;
      this.groupOf[upstream] = index;
      this.placeOf[upstream] = place;
      this.fails[upstream] = 0;
      this.isLoop[upstream] = 0;
      this.#lost[upstream] = 0;
      this.#roundTripMs[upstream] = -1;
      this.upstreamEnd = Math.max(this.upstreamEnd, upstream + 1);
    }
    this.#broken[index] = 0;
    this.#hedges[index] = HEDGE_BURST * HEDGE_SHARE;
    this.#policy[index] = POLICY_OF[group.policy];
    this.#failsMax[index] = group.failsMax;
    this.#probeIntervalMs[index] = group.probe.intervalMs;
    this.#readTimeoutMs[index] = Math.min(group.readTimeoutMs, TIMEOUT_MAX_MS);
  }

  /** Its upstreams are probed no more. */
  remove(index: number): void {
    for (let place = 0; place < this.count[index]!; place++) this.#endProbes(this.memberAt(index, place));
    this.count[index] = 0;
  }

  /** Index of the upstream at a place of a group. */
  memberAt(group: number, place: number): number {
    return this.#members[group * PLACES + place]!;
  }

  /**
   * Whom to ask: by policy among those that work and were not asked yet, then among the rest.
   *
   * @param tried  bits of the group's upstreams that were asked
   * @returns index of the upstream, -1 if all are down
   */
  choose(group: number, tried: number): number {
    const count = this.count[group]!;
    const start = this.#startOf(group, count);
    let untried = -1;
    let up = -1;
    for (let step = 0; step < count; step++) {
      let index = start + step;
      if (index >= count) index -= count;
      const upstream = this.memberAt(group, index);
      if (this.isDown(upstream)) continue;
      if ((tried & (1 << index)) === 0) {
        if (this.probeAtMs[upstream] === 0) return this.#took(group, upstream, index);
        if (untried < 0) untried = upstream;
      }
      if (up < 0) up = upstream;
    }
    const chosen = untried >= 0 ? untried : up;
    return chosen < 0 ? -1 : this.#took(group, chosen, this.placeOf[chosen]!);
  }

  /** It can't be asked from here: it is passed over, and a query whose only upstream it is fails. */
  disable(upstream: number): void {
    this.fails[upstream] = DISABLED;
    this.#noteBroken(this.groupOf[upstream]!);
  }

  /** Whether no client's query may go there: it can't be asked, or would send the query back. */
  isDisabled(upstream: number): boolean {
    return this.fails[upstream] === DISABLED || this.isLoop[upstream] === 1;
  }

  /** One of the group, whatever its state. */
  chooseAny(group: number): number {
    return this.memberAt(group, this.#random.below(this.count[group]!));
  }

  #startOf(group: number, count: number): number {
    if (count === 1 || this.#policy[group] === POLICY.SEQUENTIAL) return 0;
    return this.#policy[group] === POLICY.RANDOM ? this.#random.below(count) : Atomics.load(this.#turns, group) % count;
  }

  #took(group: number, upstream: number, index: number): number {
    // Two shards at a time may ask the same one; what one client asks in a row goes round.
    if (this.#policy[group] === POLICY.ROUND_ROBIN) Atomics.store(this.#turns, group, index + 1);
    return upstream;
  }

  isDown(upstream: number): boolean {
    if (this.isDisabled(upstream)) return true;
    const failsMax = this.#failsMax[this.groupOf[upstream]!]!;
    return failsMax > 0 && this.fails[upstream]! > failsMax;
  }

  /** How long to wait for an upstream before another is asked; twice as long for each further attempt. */
  timeoutMs(upstream: number, attempt: number): number {
    const roundTripMs = this.#roundTripMs[upstream]!;
    let timeoutMs = roundTripMs < 0 ? TIMEOUT_INITIAL_MS : 2 * roundTripMs + 4 * this.#deviationMs[upstream]!;
    if (timeoutMs < TIMEOUT_MIN_MS) timeoutMs = TIMEOUT_MIN_MS;
    timeoutMs *= attempt < 8 ? 1 << attempt : 256;
    const limit = this.#readTimeoutMs[this.groupOf[upstream]!]!;
    return timeoutMs < limit ? timeoutMs : limit;
  }

  /** Whether no upstream of a group answers, not even probes: nobody is to wait long for it. */
  isBroken(group: number): boolean {
    return this.#broken[group] === 1;
  }

  /** Whether an upstream of a group, in the eyes of any shard, answered again since a tick, the tick included. */
  hasRecoveredSince(group: number, tick: number): boolean {
    const recovery = Atomics.load(this.#recoveries, group);
    return recovery !== 0 && ((recovery - tick) | 0) >= 0;
  }

  #noteBroken(group: number): void {
    let isBroken = 1;
    for (let place = 0; place < this.count[group]!; place++) {
      const upstream = this.memberAt(group, place);
      if (this.fails[upstream] === 0 && this.isLoop[upstream] === 0) isBroken = 0;
    }
    this.#broken[group] = isBroken;
  }

  /** How long to wait before a second try that does not give up the first: later than nearly all responses. */
  hedgeMs(upstream: number): number {
    const roundTripMs = this.#roundTripMs[upstream]!;
    if (roundTripMs < 0) return HEDGE_INITIAL_MS;
    const hedgeMs = roundTripMs + 4 * this.#deviationMs[upstream]!;
    return hedgeMs < HEDGE_MIN_MS ? HEDGE_MIN_MS : hedgeMs;
  }

  /** A question was asked: some of them may be tried early. */
  noteQuestion(group: number): void {
    if (this.#hedges[group]! < HEDGE_BURST * HEDGE_SHARE) this.#hedges[group]!++;
  }

  /** @returns false if there were too many early tries: they may not double the load of upstreams that are slow */
  takeHedge(group: number): boolean {
    if (this.#hedges[group]! < HEDGE_SHARE) return false;
    this.#hedges[group]! -= HEDGE_SHARE;
    return true;
  }

  /** Whom to ask early beside `upstream`: another that works, itself if it is the only one or the first of a sequence. */
  chooseHedge(group: number, upstream: number, tried: number): number {
    if (this.count[group] === 1 || this.#policy[group] === POLICY.SEQUENTIAL) return upstream;
    const other = this.choose(group, tried);
    return other >= 0 && this.probeAtMs[other] === 0 ? other : upstream;
  }

  /** Another upstream that was asked later answered first. */
  noteLost(upstream: number, nowMs: number): void {
    if (++this.#lost[upstream]! < LOST_MAX) return;
    this.#lost[upstream] = 0;
    this.noteMissing(upstream, nowMs);
  }

  /** A response came after `tookMs` (RFC 6298's smoothing). */
  noteResponse(upstream: number, tookMs: number): void {
    const roundTripMs = this.#roundTripMs[upstream]!;
    if (roundTripMs < 0) {
      this.#roundTripMs[upstream] = tookMs;
      this.#deviationMs[upstream] = tookMs / 2;
    } else {
      const error = tookMs - roundTripMs;
      this.#roundTripMs[upstream] = roundTripMs + error / 8;
      this.#deviationMs[upstream]! += ((error < 0 ? -error : error) - this.#deviationMs[upstream]!) / 4;
    }
    this.#lost[upstream] = 0;
    const fails = this.fails[upstream]!;
    if (fails !== 0 && fails !== DISABLED) {
      const group = this.groupOf[upstream]!;
      this.fails[upstream] = 0;
      this.#broken[group] = 0;
      Atomics.store(this.#recoveries, group, machineTick() | 0 || 1);
    }
    this.#endProbes(upstream);
  }

  #endProbes(upstream: number): void {
    if (this.probeAtMs[upstream] === 0) return;
    this.probeAtMs[upstream] = 0;
    this.probedCount--;
  }

  /** No response came: from now on it is probed. */
  noteMissing(upstream: number, nowMs: number): void {
    if (this.probeAtMs[upstream] !== 0 || this.#failsMax[this.groupOf[upstream]!] === 0) return;
    this.probeAtMs[upstream] = nowMs;
    this.probedCount++;
  }

  noteProbeSent(upstream: number, nowMs: number): void {
    this.#probeSentMs[upstream] = nowMs;
    this.probeAtMs[upstream] = Infinity;
  }

  /** Nothing happens where a response to something else came in the meantime. */
  noteProbeFailed(upstream: number, nowMs: number): void {
    if (this.probeAtMs[upstream] !== Infinity) return;
    this.fails[upstream]!++;
    const group = this.groupOf[upstream]!;
    this.#noteBroken(group);
    // The interval is one between probes; what was waited for this one is part of it. A host that says at once that nobody
    // listens there is asked no more often than one that says nothing.
    this.probeAtMs[upstream] = Math.max(nowMs, this.#probeSentMs[upstream]! + this.#probeIntervalMs[group]!);
  }
}
