/**
 * The groups of upstreams that a thread knows, and what it has worked out of their options: arrays by index.
 *
 * A group is learned when a route first names it, or with the next look. It is forgotten when main has closed it and nothing in
 * flight here needs it any more; `known` says so to main, which uses the index for another then (group-table.ts has the protocol).
 */
import { parseName } from '../dns/name.ts';
import type { ForwardCounters } from './counts/forward-counters.ts';
import {
  FORWARD_HEADER,
  groupIndexOf,
  groupNumber,
  groupOfUpstream,
  openUse,
  PLACES,
  placeOfUpstream,
  readForwardGroup,
  upstreamNumber,
} from './forward-buffer.ts';
import { ASKED_MAX, type ForwardGroup, GROUPS_MAX, UPSTREAMS_TOTAL_MAX } from './forward-group.ts';
import type { UpstreamRegistrar } from './forward-transport.ts';
import type { LoopSearch } from './loop-search.ts';
import type { UpstreamStates } from './upstream-states.ts';

/** A client gives up after 5 s: it has its SERVFAIL before. */
const TOTAL_MAX_MS = 4400;
/** More attempts than there is time for. */
const NO_LIMIT = 0xff_ff_ff_ff;
/** How often it is looked whether a group that was closed is needed no more, ms. */
const LEAVE_LOOK_MS = 100;

const AT = FORWARD_HEADER.at;

/** What a thread has in flight. */
export interface FlightsInHand {
  /**
   * End what is asked of a group's upstreams for no client.
   *
   * @returns false if something is asked for a client, who gets the reply
   */
  endUnasked(group: number): boolean;
}

export class KnownGroups {
  /** how long a query may take with all its attempts */
  readonly totalMs: Float64Array = new Float64Array(GROUPS_MAX);
  /** after so many attempts without a response a query fails */
  readonly attemptsMax: Uint32Array = new Uint32Array(GROUPS_MAX);
  /** bits of rcodes below 32 */
  readonly failoverRcodes: Int32Array = new Int32Array(GROUPS_MAX);
  readonly nextRcodes: Int32Array = new Int32Array(GROUPS_MAX);
  readonly prefersUdp: Uint8Array = new Uint8Array(GROUPS_MAX);
  /** by upstream: it is never asked with a datagram */
  readonly isStreamOnly: Uint8Array = new Uint8Array(UPSTREAMS_TOTAL_MAX);
  readonly probeNames: Uint8Array[] = [];
  transport: UpstreamRegistrar | undefined;
  flights: FlightsInHand | undefined;
  /** the time of this turn, ms (performance.now): as an argument of each query it would be boxed */
  clock: { readonly nowMs: number } | undefined;

  readonly #buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #counters: ForwardCounters;
  readonly #states: UpstreamStates;
  readonly #loops: LoopSearch;
  readonly #asksForOthers: boolean;
  readonly #groups: (ForwardGroup | undefined)[] = [];
  /** by index: number of the group that is known, -1: none is */
  readonly #numberOf = new Int32Array(GROUPS_MAX).fill(-1);
  /** by index: the use that is known, 0: none */
  readonly #uses = new Int32Array(GROUPS_MAX);
  /** as of the last look */
  #changes = -1;
  #leavingCount = 0;
  #lookAgainMs = 0;

  /**
   * What a predecessor knew is known no more: it is gone with all it had in flight.
   *
   * @param buffer         of createForwardBuffer
   * @param asksForOthers  other threads hand over what goes over streams
   */
  constructor(
    buffer: SharedArrayBuffer,
    counters: ForwardCounters,
    states: UpstreamStates,
    loops: LoopSearch,
    asksForOthers: boolean,
  ) {
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#counters = counters;
    this.#states = states;
    this.#loops = loops;
    this.#asksForOthers = asksForOthers;
    for (let index = 0; index < GROUPS_MAX; index++) {
      counters.setWaiting(index, 0);
      counters.setKnown(index, 0);
    }
  }

  /** Whether groups that were closed are still known. */
  get isLeaving(): boolean {
    return this.#leavingCount > 0;
  }

  /** @param index  of a group that is known */
  of(index: number): ForwardGroup {
    return this.#groups[index]!;
  }

  /** Whether a group is there to be asked. @param number  as routes name it */
  isKnown(number: number): boolean {
    const index = groupIndexOf(number);
    return this.#numberOf[index] === number || this.#isLearned(index, number);
  }

  #isLearned(index: number, number: number): boolean {
    // What is known by another number is on its way out.
    if (this.#uses[index] === 0) this.#learn(index);
    return this.#numberOf[index] === number;
  }

  /** Index of the upstream that another thread names, -1: it is gone. */
  upstreamOf(number: number): number {
    const group = groupOfUpstream(number);
    return this.isKnown(group) ? this.#states.memberAt(groupIndexOf(group), placeOfUpstream(number)) : -1;
  }

  /**
   * Learn the groups that were added, and forget those that were closed. Not while a reply is in hand; a query may be, whose group
   * is looked up afterwards.
   */
  follow(): void {
    const { nowMs } = this.clock!;
    const changes = Atomics.load(this.#words, AT.changes);
    if (changes === this.#changes && (this.#leavingCount === 0 || nowMs < this.#lookAgainMs)) return;
    // Before looking: what changes meanwhile is looked at again.
    this.#changes = changes;
    this.#lookAgainMs = nowMs + LEAVE_LOOK_MS;
    this.#leavingCount = 0;
    for (let index = 0; index < GROUPS_MAX; index++) {
      if (this.#uses[index] === Atomics.load(this.#words, AT.uses + index)) continue;
      if (this.#uses[index] !== 0 && !this.#forget(index)) this.#leavingCount++;
      if (this.#uses[index] === 0) this.#learn(index);
    }
  }

  #learn(index: number): void {
    const use = openUse(this.#words, index);
    if (use === 0) return;
    this.#counters.setKnown(index, use);
    const group = openUse(this.#words, index) === use ? readForwardGroup(this.#buffer, index) : undefined;
    if (group === undefined) {
      this.#counters.setKnown(index, 0);
      return;
    }
    const number = groupNumber(index, use);
    this.#uses[index] = use;
    this.#numberOf[index] = number;
    this.#groups[index] = group;
    const members = group.upstreams.map((_, place) => Atomics.load(this.#words, AT.members + index * PLACES + place));
    this.#states.add(index, members, group);
    this.#workOut(index, group);
    for (const [place, address] of group.upstreams.entries()) {
      const upstream = members[place]!;
      const name = upstreamNumber(number, place);
      this.isStreamOnly[upstream] = group.forcesTcp || (address.scheme ?? 'dns') !== 'dns' ? 1 : 0;
      this.#states.isLoop[upstream] = this.#loops.isLoop(upstream) ? 1 : 0;
      if (this.transport!.addUpstream(upstream, address, group, name)) {
        this.#loops.addUpstream(upstream, name, group.loopZone, this.clock!.nowMs);
      } else {
        this.#states.disable(upstream);
      }
    }
  }

  /** @returns false if it is still needed */
  #forget(index: number): boolean {
    // What the others have handed over comes first.
    if (this.#asksForOthers && this.#counters.isKnownElsewhere(index, this.#uses[index]!)) return false;
    if (!this.flights!.endUnasked(index)) return false;
    for (let place = 0; place < this.#states.count[index]!; place++) {
      const upstream = this.#states.memberAt(index, place);
      this.#loops.removeUpstream(upstream);
      this.transport!.removeUpstream(upstream);
    }
    this.#states.remove(index);
    this.#groups[index] = undefined;
    this.#numberOf[index] = -1;
    this.#uses[index] = 0;
    this.#counters.setKnown(index, 0);
    return true;
  }

  #workOut(index: number, group: ForwardGroup): void {
    const attemptsMax = group.attemptsMax === 0 ? NO_LIMIT : (group.attemptsMax ?? ASKED_MAX);
    this.attemptsMax[index] = attemptsMax;
    this.totalMs[index] = Math.min(TOTAL_MAX_MS, attemptsMax * group.readTimeoutMs);
    this.failoverRcodes[index] = rcodeBits(group.failoverRcodes);
    this.nextRcodes[index] = rcodeBits(group.nextRcodes);
    this.prefersUdp[index] = group.prefersUdp ? 1 : 0;
    this.probeNames[index] = parseName(group.probe.name) ?? new Uint8Array(1);
  }
}

function rcodeBits(rcodes: readonly number[]): number {
  let bits = 0;
  for (const rcode of rcodes) if (rcode < 32) bits |= 1 << rcode;
  return bits;
}
