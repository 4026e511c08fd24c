/**
 * Forwarding loops: an upstream that sends our own queries back to us, itself or through others.
 *
 * One shard sends each upstream of a group with `loop` a question of type HINFO for `<key and upstream>.<number>.<zone>`,
 * again and again. Any shard that is asked for such a name knows which upstream it came through: that one is not asked by
 * any shard until a question sent there no longer comes back. An upstream that is gone by then is no other one's.
 */
import { parseName } from '../dns/name.ts';
import type { Query } from '../answer/query.ts';
import { FORWARD_HEADER, memberOf, upstreamNumber } from './forward-buffer.ts';
import { UPSTREAMS_TOTAL_MAX } from './forward-group.ts';
import type { ForwardGroupTable } from './group-table.ts';

export const HINFO = 13;
/** When the first questions go out after the start, and how long after each the next: the network may need a while. */
const FIRST_SEARCH_MS = 500;
const SEARCH_STEPS_MS = [2000, 8000, 20_000];
/** How often a loop is looked for later, and how often it is seen whether a known one is gone. */
const SEARCH_INTERVAL_MS = 600_000;
const RECHECK_INTERVAL_MS = 15_000;
/** A question that has not come back after this will not. */
const RETURN_MAX_MS = 10_000;
/** key (16 digits), number of the upstream (8 digits) */
const KEY_SIZE = 16;
const UPSTREAM_DIGITS = 8;
const LABEL_SIZE = KEY_SIZE + UPSTREAM_DIGITS;
const NUMBER_DIGITS = 8;

const AT = FORWARD_HEADER.at;

export class LoopSearch {
  readonly #words: Int32Array;
  readonly #key: string;
  readonly #keyOctets: Uint8Array;
  readonly #isSearching: boolean;
  /** by upstream that loops are looked for through: its number and zone, how often it was asked, and when to ask next */
  readonly #searched = new Map<number, { number: number; zone: string; count: number; atMs: number }>();
  /** the first of these times */
  #nextMs = Infinity;
  /** by upstream: the sightings there were when it was asked last, and when that was */
  readonly #sightingsBefore: Int32Array = new Int32Array(UPSTREAMS_TOTAL_MAX);
  readonly #sentMs: Float64Array = new Float64Array(UPSTREAMS_TOTAL_MAX);
  #lastChange = 0;

  /** @param isSearching  this shard is the one that sends */
  constructor(buffer: SharedArrayBuffer, isSearching: boolean) {
    this.#words = new Int32Array(buffer);
    const key = [this.#words[AT.loopKey]!, this.#words[AT.loopKey + 1]!];
    this.#key = key.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    this.#keyOctets = new TextEncoder().encode(this.#key);
    this.#isSearching = isSearching;
  }

  /**
   * @param number  upstreamNumber
   * @param zone    presentation form, '': loops through this upstream are not looked for
   */
  addUpstream(upstream: number, number: number, zone: string, nowMs: number): void {
    this.#sentMs[upstream] = 0;
    if (zone === '' || !this.#isSearching) return;
    this.#searched.set(upstream, { number, zone, count: 0, atMs: nowMs + FIRST_SEARCH_MS });
    this.#planNext();
  }

  removeUpstream(upstream: number): void {
    if (this.#searched.delete(upstream)) this.#planNext();
  }

  #planNext(): void {
    this.#nextMs = Infinity;
    for (const { atMs } of this.#searched.values()) if (atMs < this.#nextMs) this.#nextMs = atMs;
  }

  /** Whether an upstream is part of a loop, in the eyes of any shard. */
  isLoop(upstream: number): boolean {
    return Atomics.load(this.#words, AT.loops + upstream) === 1;
  }

  /** Whether a query is one of ours that came back; it is noted then. */
  isOwn(query: Query): boolean {
    const name = query.nameBytes;
    if (name[0] !== LABEL_SIZE) return false;
    for (let index = 0; index < KEY_SIZE; index++) if (name[1 + index] !== this.#keyOctets[index]) return false;
    const digits = String.fromCharCode(...name.slice(1 + KEY_SIZE, 1 + LABEL_SIZE));
    const number = Number.parseInt(digits, 16);
    if (Number.isNaN(number)) return false;
    const upstream = memberOf(this.#words, number | 0);
    if (upstream < 0) return true;
    Atomics.add(this.#words, AT.sightings + upstream, 1);
    if (Atomics.exchange(this.#words, AT.loops + upstream, 1) === 0) Atomics.add(this.#words, AT.loopChanges, 1);
    return true;
  }

  /** Bring `isLoop` up to date. */
  follow(isLoop: Uint8Array, nowMs: number): void {
    const change = Atomics.load(this.#words, AT.loopChanges);
    if (change === this.#lastChange) return;
    this.#lastChange = change;
    for (let upstream = 0; upstream < isLoop.length; upstream++) {
      const wasLoop = isLoop[upstream];
      isLoop[upstream] = Atomics.load(this.#words, AT.loops + upstream);
      const searched = this.#searched.get(upstream);
      if (wasLoop === 0 && isLoop[upstream] === 1 && searched !== undefined && searched.count > 0) {
        searched.atMs = nowMs + RECHECK_INTERVAL_MS;
      }
    }
    this.#planNext();
  }

  /** The next upstream a question is due for, -1: none. */
  dueUpstream(nowMs: number): number {
    if (nowMs < this.#nextMs) return -1;
    for (const [upstream, { atMs }] of this.#searched) if (atMs <= nowMs) return upstream;
    return -1;
  }

  /** The name to ask `upstream` for now, in wire form. It is one that is due. */
  nextName(upstream: number, nowMs: number, random: number): Uint8Array {
    this.#endQuarantine(upstream, nowMs);
    const searched = this.#searched.get(upstream)!;
    const step = SEARCH_STEPS_MS[searched.count++] ?? SEARCH_INTERVAL_MS;
    searched.atMs = nowMs + (this.isLoop(upstream) ? RECHECK_INTERVAL_MS : step);
    this.#planNext();
    this.#sentMs[upstream] = nowMs;
    this.#sightingsBefore[upstream] = Atomics.load(this.#words, AT.sightings + upstream);
    const label = this.#key + (searched.number >>> 0).toString(16).padStart(UPSTREAM_DIGITS, '0');
    const number = (random >>> 0).toString(16).padStart(NUMBER_DIGITS, '0');
    const { zone } = searched;
    return parseName(`${label}.${number}.${zone === '.' ? '' : zone}`) ?? new Uint8Array(1);
  }

  /** What was sent there last has not come back. */
  #endQuarantine(upstream: number, nowMs: number): void {
    if (!this.isLoop(upstream)) return;
    const sentMs = this.#sentMs[upstream]!;
    if (sentMs === 0 || nowMs - sentMs < RETURN_MAX_MS) return;
    if (Atomics.load(this.#words, AT.sightings + upstream) !== this.#sightingsBefore[upstream]) return;
    Atomics.store(this.#words, AT.loops + upstream, 0);
    Atomics.add(this.#words, AT.loopChanges, 1);
  }
}

/** A loop that was found or is gone. */
export interface LoopChange {
  readonly isFound: boolean;
  /** `192.0.2.1:53` */
  readonly upstream: string;
  readonly zone: string;
  /** what to tell the operator */
  readonly text: string;
}

/** Main's side: what changed since the last look. */
export class LoopWatch {
  readonly #words: Int32Array;
  readonly #table: ForwardGroupTable;
  /** numbers of the upstreams that are part of one */
  #known = new Set<number>();
  #lastChange = 0;

  constructor(buffer: SharedArrayBuffer, table: ForwardGroupTable) {
    this.#words = new Int32Array(buffer);
    this.#table = table;
  }

  changes(): readonly LoopChange[] {
    const change = Atomics.load(this.#words, AT.loopChanges);
    if (change === this.#lastChange) return [];
    this.#lastChange = change;
    const changes: LoopChange[] = [];
    // Of those that are gone nothing more is told.
    const found = new Set<number>();
    for (const { number: groupNumber, members, group } of this.#table.openGroups) {
      for (const [place, { address, port }] of group.upstreams.entries()) {
        const number = upstreamNumber(groupNumber, place);
        const isFound = Atomics.load(this.#words, AT.loops + members[place]!) === 1;
        if (isFound) found.add(number);
        if (isFound === this.#known.has(number)) continue;
        const upstream = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
        const zone = group.loopZone;
        changes.push({ isFound, upstream, zone, text: loopText(isFound, upstream, zone) });
      }
    }
    this.#known = found;
    return changes;
  }
}

function loopText(isFound: boolean, upstream: string, zone: string): string {
  if (!isFound) return `plugin/loop: ${upstream} no longer sends queries back and is asked again`;
  return (
    `plugin/loop: Loop detected for zone "${zone}": ${upstream} sends our own queries back to us and is not asked any more. ` +
    "Where it came from /etc/resolv.conf, that file names this server or the node's own cache: let the kubelet's resolvConf " +
    'be the real one (/run/systemd/resolve/resolv.conf with systemd-resolved), or name other upstreams in forward'
  );
}
