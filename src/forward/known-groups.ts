/** The groups of upstreams that a thread knows, and what it has worked out of their options: arrays by index. */
import { parseName } from '../dns/name.ts';
import { forwardGroupCount, readForwardGroup } from './forward-buffer.ts';
import { ASKED_MAX, type ForwardGroup, GROUPS_MAX, UPSTREAMS_TOTAL_MAX } from './forward-group.ts';
import type { UpstreamRegistrar } from './forward-transport.ts';
import type { LoopSearch } from './loop-search.ts';
import type { UpstreamStates } from './upstream-states.ts';

/** A client gives up after 5 s: it has its SERVFAIL before. */
const TOTAL_MAX_MS = 4400;
/** More attempts than there is time for. */
const NO_LIMIT = 0xff_ff_ff_ff;

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

  readonly #buffer: SharedArrayBuffer;
  readonly #states: UpstreamStates;
  readonly #loops: LoopSearch;
  readonly #groups: ForwardGroup[] = [];

  /** @param buffer  of createForwardBuffer */
  constructor(buffer: SharedArrayBuffer, states: UpstreamStates, loops: LoopSearch) {
    this.#buffer = buffer;
    this.#states = states;
    this.#loops = loops;
  }

  get count(): number {
    return this.#groups.length;
  }

  /** @param index  below `count` */
  of(index: number): ForwardGroup {
    return this.#groups[index]!;
  }

  /** Read the groups that were added since. */
  learn(nowMs: number): void {
    const count = forwardGroupCount(this.#buffer);
    for (let index = this.#groups.length; index < count; index++) {
      const group = readForwardGroup(this.#buffer, index);
      this.#groups.push(group);
      this.#states.add(group);
      this.#workOut(index, group);
      const first = this.#states.first[index]!;
      for (const [offset, address] of group.upstreams.entries()) {
        this.isStreamOnly[first + offset] = group.forcesTcp || (address.scheme ?? 'dns') !== 'dns' ? 1 : 0;
        if (!this.transport!.addUpstream(first + offset, address, group)) this.#states.disable(first + offset);
        this.#loops.addUpstream(first + offset, group.loopZone, nowMs);
      }
    }
  }

  #workOut(index: number, group: ForwardGroup): void {
    const attemptsMax = group.attemptsMax === 0 ? NO_LIMIT : (group.attemptsMax ?? ASKED_MAX);
    this.attemptsMax[index] = attemptsMax;
    this.totalMs[index] = Math.min(TOTAL_MAX_MS, attemptsMax * group.readTimeoutMs);
    this.failoverRcodes[index] = rcodeBits(group.failoverRcodes);
    this.nextRcodes[index] = rcodeBits(group.nextRcodes);
    this.prefersUdp[index] = group.prefersUdp ? 1 : 0;
    this.probeNames.push(parseName(group.probe.name) ?? new Uint8Array(1));
  }
}

function rcodeBits(rcodes: readonly number[]): number {
  let bits = 0;
  for (const rcode of rcodes) if (rcode < 32) bits |= 1 << rcode;
  return bits;
}
