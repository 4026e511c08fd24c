/**
 * Forwarding loops: an upstream that sends our own queries back to us, itself or through others.
 *
 * One shard sends each upstream of a group with `loop` a question of type HINFO for `<key and upstream>.<number>.<zone>`,
 * again and again. Any shard that is asked for such a name knows which upstream it came through: that one is not asked by
 * any shard until a question sent there no longer comes back.
 */
import { parseName } from '../dns/name.ts';
import type { Query } from '../answer/query.ts';
import { FORWARD_HEADER } from './forward-buffer.ts';
import type { ForwardGroupTable } from './forward-buffer.ts';
import { UPSTREAMS_TOTAL_MAX } from './forward-group.ts';

export const HINFO = 13;
/** When the first questions go out after the start, and how long after each the next: the network may need a while. */
const FIRST_SEARCH_MS = 500;
const SEARCH_STEPS_MS = [2000, 8000, 20_000];
/** How often a loop is looked for later, and how often it is seen whether a known one is gone. */
const SEARCH_INTERVAL_MS = 600_000;
const RECHECK_INTERVAL_MS = 15_000;
/** A question that has not come back after this will not. */
const RETURN_MAX_MS = 10_000;
/** key (16 digits), upstream (4 digits) */
const KEY_SIZE = 16;
const LABEL_SIZE = KEY_SIZE + 4;
const NUMBER_DIGITS = 8;

const AT = FORWARD_HEADER.at;

export class LoopSearch {
  readonly #words: Int32Array;
  readonly #key: string;
  readonly #keyOctets: Uint8Array;
  readonly #isSearching: boolean;
  /** by upstream: zone, when to ask next, and the sightings there were when it was asked last */
  readonly #zones: string[] = [];
  readonly #searchAtMs: number[] = [];
  readonly #searches: number[] = [];
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

  /** @param zone  presentation form, '': loops through this upstream are not looked for */
  addUpstream(upstream: number, zone: string, nowMs: number): void {
    this.#zones[upstream] = zone;
    this.#searches[upstream] = 0;
    this.#searchAtMs[upstream] = zone === '' || !this.#isSearching ? Infinity : nowMs + FIRST_SEARCH_MS;
  }

  /** Whether a query is one of ours that came back; it is noted then. */
  isOwn(query: Query): boolean {
    const name = query.nameBytes;
    if (name[0] !== LABEL_SIZE) return false;
    for (let index = 0; index < KEY_SIZE; index++) if (name[1 + index] !== this.#keyOctets[index]) return false;
    const digits = String.fromCharCode(...name.slice(1 + KEY_SIZE, 1 + LABEL_SIZE));
    const upstream = Number.parseInt(digits, 16);
    if (!(upstream < UPSTREAMS_TOTAL_MAX)) return false;
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
      if (wasLoop === 0 && isLoop[upstream] === 1 && this.#sentMs[upstream] !== 0) {
        this.#searchAtMs[upstream] = nowMs + RECHECK_INTERVAL_MS;
      }
    }
  }

  /** The next upstream a question is due for, -1: none. */
  dueUpstream(nowMs: number): number {
    for (let upstream = 0; upstream < this.#searchAtMs.length; upstream++) {
      if (this.#searchAtMs[upstream]! <= nowMs) return upstream;
    }
    return -1;
  }

  /** The name to ask `upstream` for now, in wire form. */
  nextName(upstream: number, nowMs: number, random: number): Uint8Array {
    this.#endQuarantine(upstream, nowMs);
    const isLoop = Atomics.load(this.#words, AT.loops + upstream) === 1;
    const step = SEARCH_STEPS_MS[this.#searches[upstream]!++] ?? SEARCH_INTERVAL_MS;
    this.#searchAtMs[upstream] = nowMs + (isLoop ? RECHECK_INTERVAL_MS : step);
    this.#sentMs[upstream] = nowMs;
    this.#sightingsBefore[upstream] = Atomics.load(this.#words, AT.sightings + upstream);
    const label = this.#key + upstream.toString(16).padStart(4, '0');
    const number = (random >>> 0).toString(16).padStart(NUMBER_DIGITS, '0');
    const zone = this.#zones[upstream]!;
    return parseName(`${label}.${number}.${zone === '.' ? '' : zone}`) ?? new Uint8Array(1);
  }

  /** What was sent there last has not come back. */
  #endQuarantine(upstream: number, nowMs: number): void {
    if (Atomics.load(this.#words, AT.loops + upstream) === 0) return;
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
  readonly #known = new Set<number>();
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
    let index = 0;
    for (const { upstreams, loopZone: zone } of this.#table.groups) {
      for (const { address, port } of upstreams) {
        const isFound = Atomics.load(this.#words, AT.loops + index) === 1;
        if (isFound !== this.#known.has(index)) {
          const upstream = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
          if (isFound) this.#known.add(index);
          else this.#known.delete(index);
          changes.push({ isFound, upstream, zone, text: loopText(isFound, upstream, zone) });
        }
        index++;
      }
    }
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
