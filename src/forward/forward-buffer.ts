/**
 * What the shards' forwarders share with main: the groups of upstreams, which only grow, and each shard's counters.
 *
 *   header │ ends of the groups' texts │ texts │ shard 0: cells, groups, upstreams │ shard 1: …
 *
 * A shard reads a group when a route first names it, so a configuration can be published together with its routes. Equal
 * groups have one index, so that reloading does not fill the table. Memory that is not used is not touched.
 */
import { randomFillSync } from 'node:crypto';
import { SkyshardError } from '../base/skyshard-error.ts';
import { layout } from '../memory/layout.ts';
import { DURATION_CELLS } from '../observability/counters/counter-layout.ts';
import { GROUPS_MAX, UPSTREAMS_TOTAL_MAX, type ForwardGroup } from './forward-group.ts';

const TEXT_SIZE = 512 * 1024;

export const FORWARD_HEADER = layout('forward header', [
  ['shardMax', 1, 'number of shard regions'],
  ['groupCount', 1, 'groups whose text is complete'],
  ['upstreamCount', 1, 'their upstreams'],
  ['loopChanges', 1, 'changes whenever a loop is found or gone'],
  ['loopKey', 2, 'random: what the names that look for loops begin with'],
  ['sightings', UPSTREAMS_TOTAL_MAX, 'by upstream: how often a name sent there came back'],
  ['loops', UPSTREAMS_TOTAL_MAX, 'by upstream: 1 while it is part of a loop and not asked'],
  ['recoveries', GROUPS_MAX, 'by group: tick at which an upstream answered again that had answered no probes'],
  ['turns', GROUPS_MAX, 'by group with round_robin: the index after that of the upstream asked last, by any shard'],
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

/** Cells of a group in a shard. */
export const GROUP_CELLS = layout('forward group cells', [['waiting', 1, 'queries of clients under way']]);

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

const ENDS_AT = FORWARD_HEADER.words;
const TEXTS_AT = (ENDS_AT + GROUPS_MAX) * 4;
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

/** Kept free of what changes by itself, host names that have other addresses, for what operators change. */
const SPARE_GROUPS = 32;
const SPARE_UPSTREAMS = 128;
/** a group's, octets */
const SPARE_TEXT_SIZE = 2048;

/** Main's side of the groups. */
export class ForwardGroupTable {
  readonly #words: Int32Array;
  readonly #octets: Uint8Array;
  readonly #indexes = new Map<string, number>();
  /** all groups so far, by index */
  readonly groups: ForwardGroup[] = [];
  /** by what the configuration says: the index that it has had last */
  readonly #lastOf = new Map<string, number>();
  readonly #onFull: () => void;
  #isFull = false;
  #textEnd = 0;

  /** @param onFull  the first time that other addresses than before cannot be taken over */
  constructor(buffer: SharedArrayBuffer, onFull: () => void = () => undefined) {
    this.#onFull = onFull;
    this.#words = new Int32Array(buffer);
    this.#octets = new Uint8Array(buffer, TEXTS_AT, TEXT_SIZE);
  }

  /**
   * The index routes name a group by; the shards know it from now on. Where a process has had nearly as many as it can, what
   * the configuration has said before keeps the addresses that it had last: the rest is for what it says newly.
   *
   * @param origin  what the configuration says of the group, host names as they are; not given: nothing but its addresses
   * @throws SkyshardError CONFIG_ARGUMENT if a process has had more groups than it can
   */
  indexOf(group: ForwardGroup, origin?: string): number {
    const text = JSON.stringify(group);
    const last = origin === undefined ? undefined : this.#lastOf.get(origin);
    let index = this.#indexes.get(text);
    if (index === undefined && last !== undefined && !this.#hasRoom(group, text, SPARE_GROUPS, SPARE_UPSTREAMS)) {
      if (!this.#isFull) this.#onFull();
      this.#isFull = true;
      return last;
    }
    index ??= this.#add(group, text);
    if (origin !== undefined) this.#lastOf.set(origin, index);
    return index;
  }

  #hasRoom(group: ForwardGroup, text: string, spareGroups: number, spareUpstreams: number): boolean {
    const upstreamCount = this.#words[FORWARD_HEADER.at.upstreamCount]! + group.upstreams.length;
    if (this.groups.length + spareGroups >= GROUPS_MAX) return false;
    if (upstreamCount + spareUpstreams > UPSTREAMS_TOTAL_MAX) return false;
    return this.#textEnd + Buffer.byteLength(text) <= TEXT_SIZE - spareGroups * SPARE_TEXT_SIZE;
  }

  #add(group: ForwardGroup, text: string): number {
    if (!this.#hasRoom(group, text, 0, 0)) {
      const limits = `${GROUPS_MAX} groups of upstreams or ${UPSTREAMS_TOTAL_MAX} upstreams`;
      const message = `plugin/forward: the configurations of this process have named more than ${limits}; restart it`;
      throw new SkyshardError('CONFIG_ARGUMENT', message);
    }
    const index = this.groups.length;
    const octets = new TextEncoder().encode(text);
    const upstreamCount = this.#words[FORWARD_HEADER.at.upstreamCount]! + group.upstreams.length;
    this.#octets.set(octets, this.#textEnd);
    this.#textEnd += octets.length;
    Atomics.store(this.#words, ENDS_AT + index, this.#textEnd);
    Atomics.store(this.#words, FORWARD_HEADER.at.upstreamCount, upstreamCount);
    Atomics.store(this.#words, FORWARD_HEADER.at.groupCount, index + 1);
    this.#indexes.set(text, index);
    this.groups.push(group);
    return index;
  }
}

/** Number of groups a shard can read. */
export function forwardGroupCount(buffer: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(buffer), FORWARD_HEADER.at.groupCount);
}

/** A group as a shard reads it. `index` is below forwardGroupCount. */
export function readForwardGroup(buffer: SharedArrayBuffer, index: number): ForwardGroup {
  const words = new Int32Array(buffer);
  const start = index === 0 ? 0 : Atomics.load(words, ENDS_AT + index - 1);
  const end = Atomics.load(words, ENDS_AT + index);
  // TextDecoder takes no shared memory
  const octets = new Uint8Array(end - start);
  octets.set(new Uint8Array(buffer, TEXTS_AT + start, end - start));
  return JSON.parse(new TextDecoder().decode(octets)) as ForwardGroup;
}
