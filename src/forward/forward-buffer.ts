/**
 * What the threads that forward share with main: the groups of upstreams there are, and each thread's counters.
 *
 *   header │ texts of the groups │ thread 0: cells, groups, upstreams │ thread 1: …
 *
 * Main gives a group an index, its upstreams one each, and takes them back when no configuration names the group any more
 * (group-table.ts). An index is used again, so whoever keeps a group for longer than it is held keeps its *number*: the index, and
 * which use of it is meant. Memory that is not used is not touched.
 */
import { randomFillSync } from 'node:crypto';
import { layout } from '../memory/layout.ts';
import { DURATION_CELLS } from '../observability/counters/counter-layout.ts';
import { GROUPS_MAX, UPSTREAMS_TOTAL_MAX, type ForwardGroup } from './forward-group.ts';

export const TEXT_SIZE: number = 1024 * 1024;

/** Places for upstreams in a group, a power of two above UPSTREAMS_MAX. */
export const PLACES = 16;
const PLACE_BITS = 4;
const INDEX_BITS = 9;
const INDEX_MASK = GROUPS_MAX - 1;
/** Of a use, what a number has room for: after as many uses of one index a number means another group again. */
const USE_MASK = (1 << (32 - INDEX_BITS - PLACE_BITS)) - 1;

export const FORWARD_HEADER = layout('forward header', [
  ['shardMax', 1, 'number of thread regions'],
  ['changes', 1, 'changes with each group that is added or closed'],
  ['loopChanges', 1, 'changes whenever a loop is found or gone'],
  ['loopKey', 2, 'random: what the names that look for loops begin with'],
  [
    'uses',
    GROUPS_MAX,
    'by group: odd while it is open, even while there is none or it is being given up; never the same again',
  ],
  ['textAt', GROUPS_MAX, 'by group: where its text begins among the texts, octets'],
  ['textSize', GROUPS_MAX, 'by group: octets of its text'],
  ['members', GROUPS_MAX * PLACES, 'by group and place: index of the upstream'],
  ['sightings', UPSTREAMS_TOTAL_MAX, 'by upstream: how often a name sent there came back'],
  ['loops', UPSTREAMS_TOTAL_MAX, 'by upstream: 1 while it is part of a loop and not asked'],
  ['recoveries', GROUPS_MAX, 'by group: tick at which an upstream answered again that had answered no probes'],
  ['turns', GROUPS_MAX, 'by group with round_robin: the index after that of the upstream asked last, by any thread'],
]);

/** Cells of a shard. */
export const FORWARD_CELLS = layout('forward cells', [
  [
    'mismatched',
    1,
    'messages that are no response to what was asked: wrong id, question, source or socket, or too late',
  ],
  ['malformed', 1, 'responses whose records are not well-formed'],
  ['coalesced', 1, 'queries that waited for an equal one'],
  ['full', 1, 'queries refused because the transaction table was full'],
  ['clientFull', 1, 'queries refused because too many of one client waited'],
  ['shed', 1, 'queries not taken up while the kernel dropped others'],
  ['hedges', 1, 'second tries before the first was given up'],
  ['late', 1, 'responses that came after clients had theirs, and were kept for the next'],
  ['concurrentRejects', 1, 'queries refused because of max_concurrent'],
  ['allDown', 1, 'queries that found all upstreams down'],
  ['truncated', 1, 'responses that came with TC set'],
  ['handoffFull', 1, 'queries to be asked over a stream that nobody could take'],
  ['handoffDropped', 1, 'replies that came over a stream and could not be handed back'],
]);

/** Cells of a group in a thread. */
export const GROUP_CELLS = layout('forward group cells', [
  ['waiting', 1, 'queries of clients under way'],
  ['known', 1, 'the use of it that the thread holds something of; 0: none'],
]);

/** The `rcode` label of responses, by index. The last stands for all others. */
export const UPSTREAM_RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'other'] as const;

/** Cells of an upstream in a shard. */
export const UPSTREAM_CELLS = layout('forward upstream cells', [
  ['probeFailures', 1, 'health probes without a response'],
  ['timeouts', 1, 'attempts without a response'],
  ['unreachable', 1, 'attempts that ended with a network error'],
  ['datagrams', 1, 'queries sent over UDP'],
  ['streamHits', 1, 'queries sent over a connection that was there'],
  ['streamMisses', 1, 'queries for which a connection was opened'],
  ['durations', UPSTREAM_RCODES.length * DURATION_CELLS, 'responses, by rcode and time'],
  ['durationSums', UPSTREAM_RCODES.length * 2, 'microseconds, by rcode: bits 0–31, bits 16–47'],
]);

export const TEXTS_AT: number = FORWARD_HEADER.words * 4;
const REGIONS_AT = (TEXTS_AT + TEXT_SIZE) / 4;
const REGION_WORDS =
  (FORWARD_CELLS.words + GROUPS_MAX * GROUP_CELLS.words + UPSTREAMS_TOTAL_MAX * UPSTREAM_CELLS.words + 63) & ~31;

export function createForwardBuffer(shardMax: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer((REGIONS_AT + shardMax * REGION_WORDS) * 4);
  const words = new Uint32Array(buffer);
  words[FORWARD_HEADER.at.shardMax] = shardMax;
  const key = new Uint32Array(2);
  randomFillSync(key);
  words.set(key, FORWARD_HEADER.at.loopKey);
  return buffer;
}

/** Word of the first cell of a shard. */
export function forwardCellsAt(shard: number): number {
  return REGIONS_AT + shard * REGION_WORDS;
}

export function groupCellsAt(shard: number, group: number): number {
  return forwardCellsAt(shard) + FORWARD_CELLS.words + group * GROUP_CELLS.words;
}

export function upstreamCellsAt(shard: number, upstream: number): number {
  return forwardCellsAt(shard) + FORWARD_CELLS.words + GROUPS_MAX * GROUP_CELLS.words + upstream * UPSTREAM_CELLS.words;
}

/**
 * What names a group where it may be used for another meanwhile: 28 bits.
 *
 * @param use  odd
 */
export function groupNumber(index: number, use: number): number {
  return (((use >>> 1) & USE_MASK) << INDEX_BITS) | index;
}

export function groupIndexOf(number: number): number {
  return number & INDEX_MASK;
}

/** What names an upstream to other threads, and to oneself later: 32 bits, signed. */
export function upstreamNumber(group: number, place: number): number {
  return (group << PLACE_BITS) | place;
}

/** Number of the group of an upstream. */
export function groupOfUpstream(upstream: number): number {
  return upstream >>> PLACE_BITS;
}

export function placeOfUpstream(upstream: number): number {
  return upstream & (PLACES - 1);
}

/** The use of a group that is open, 0: it is closed, or there is none. */
export function openUse(words: Int32Array, index: number): number {
  const use = Atomics.load(words, FORWARD_HEADER.at.uses + index);
  return (use & 1) === 1 ? use : 0;
}

/** Index of the upstream that a number names, -1: that is gone. */
export function memberOf(words: Int32Array, upstream: number): number {
  const group = groupOfUpstream(upstream);
  const index = groupIndexOf(group);
  const use = openUse(words, index);
  if (use === 0 || groupNumber(index, use) !== group) return -1;
  return Atomics.load(words, FORWARD_HEADER.at.members + index * PLACES + placeOfUpstream(upstream));
}

/** A group as a thread reads it. @returns undefined if main took it back meanwhile, which cannot be while the thread holds it */
export function readForwardGroup(buffer: SharedArrayBuffer, index: number): ForwardGroup | undefined {
  const words = new Int32Array(buffer);
  const use = openUse(words, index);
  if (use === 0) return undefined;
  const at = Atomics.load(words, FORWARD_HEADER.at.textAt + index);
  // TextDecoder takes no shared memory
  const octets = new Uint8Array(Atomics.load(words, FORWARD_HEADER.at.textSize + index));
  octets.set(new Uint8Array(buffer, TEXTS_AT + at, octets.length));
  if (openUse(words, index) !== use) return undefined;
  return JSON.parse(new TextDecoder().decode(octets)) as ForwardGroup;
}

/** What a thread with an event loop sleeps on until groups are added or closed. */
export class GroupChanges {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /** What to give to `sleep`: taken before looking, so that nothing is slept over. */
  get value(): number {
    return Atomics.load(this.#words, FORWARD_HEADER.at.changes);
  }

  /** Resolves when there was a change since `value` was taken. It does not keep the thread. */
  async sleep(value: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#words, FORWARD_HEADER.at.changes, value);
    if (wait.async) await wait.value;
  }
}
