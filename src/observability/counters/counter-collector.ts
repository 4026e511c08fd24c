/**
 * The shards' counters, summed on main: differences of the u32 cells modulo 2^32, added up in doubles.
 *
 * A wrap loses nothing as long as no cell turns once around between two collections: COLLECT_INTERVAL_MS would take 400
 * million queries a second. A shard's restart loses nothing, because its successor counts on from the same cells.
 */
import { assert } from '../../base/assert.ts';
import {
  COUNTERS_HEADER,
  COUNTERS_MAGIC,
  PROTO_LABELS,
  SCOPE_CELLS,
  SHARD_CELLS,
  WIDE_MODULUS,
  regionAt,
  regionWords,
  wideValue,
} from './counter-layout.ts';

export const COLLECT_INTERVAL_MS = 10_000;

const SCOPE_WORDS = SCOPE_CELLS.words;
/** Offsets in a scope of the low halves of the wide sums. */
const WIDE_AT: readonly number[] = [
  ...PROTO_LABELS.map((_, proto) => SCOPE_CELLS.at.requestSizeSum + proto * 2),
  ...PROTO_LABELS.map((_, proto) => SCOPE_CELLS.at.responseSizeSum + proto * 2),
  SCOPE_CELLS.at.durationSum,
];

/** What a cell is to the collector. */
const PLAIN = 0;
const REQUESTS = 1;
const WIDE = 2;

export class CounterCollector {
  readonly shardMax: number;
  readonly scopeMax: number;
  private readonly cells: Uint32Array;
  /** what was read last, by shard and cell; of a wide sum its value, in the cell of its low half */
  private readonly last: Float64Array;
  /** sums over all shards, by cell */
  private readonly totals: Float64Array;
  private readonly requestsOfShard: Float64Array;
  /** PLAIN, REQUESTS or WIDE, by cell */
  private readonly roles: Uint8Array;
  private timer: NodeJS.Timeout | undefined;

  /** @param buffer of createCounterBuffer; what its cells hold already counts */
  constructor(buffer: SharedArrayBuffer) {
    this.cells = new Uint32Array(buffer);
    assert(this.cells[COUNTERS_HEADER.at.magic] === COUNTERS_MAGIC, 'no counter buffer');
    this.shardMax = this.cells[COUNTERS_HEADER.at.shardMax]!;
    this.scopeMax = this.cells[COUNTERS_HEADER.at.scopeMax]!;
    const words = regionWords(this.scopeMax);
    this.last = new Float64Array(this.shardMax * words);
    this.totals = new Float64Array(words);
    this.requestsOfShard = new Float64Array(this.shardMax);
    this.roles = new Uint8Array(words).fill(PLAIN);
    for (let scope = 0; scope < this.scopeMax; scope++) {
      const base = scope * SCOPE_WORDS;
      this.roles.fill(REQUESTS, base + SCOPE_CELLS.at.requests, base + SCOPE_CELLS.at.requestSizes);
      for (const at of WIDE_AT) this.roles[base + at] = WIDE;
    }
  }

  /** Collect now and then, so that no cell turns around unseen. */
  start(): void {
    this.timer ??= setInterval(() => this.collect(), COLLECT_INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Add what the shards published since the last call. */
  collect(): void {
    for (let shard = 0; shard < this.shardMax; shard++) this.collectShard(shard);
  }

  private collectShard(shard: number): void {
    const words = this.totals.length;
    const at = regionAt(this.scopeMax, shard);
    for (let cell = 0; cell < words; cell++) {
      const index = shard * words + cell;
      const low = Atomics.load(this.cells, at + cell);
      if (this.roles[cell] === WIDE) {
        const value = wideValue(low, Atomics.load(this.cells, at + cell + 1));
        const count = value - this.last[index]!;
        this.totals[cell]! += count >= 0 ? count : count + WIDE_MODULUS;
        this.last[index] = value;
        cell++;
      } else {
        const count = (low - this.last[index]!) >>> 0;
        this.totals[cell]! += count;
        if (this.roles[cell] === REQUESTS) this.requestsOfShard[shard]! += count;
        this.last[index] = low;
      }
    }
  }

  /** Sum over all shards of a cell of a scope (SCOPE_CELLS), as of the last collection; of a wide sum, at its first cell. */
  total(scope: number, offset: number): number {
    return this.totals[scope * SCOPE_WORDS + offset]!;
  }

  /** Datagrams without answer, for an index into DROP_REASONS. */
  drops(reason: number): number {
    return this.totals[this.scopeMax * SCOPE_WORDS + SHARD_CELLS.at.drops + reason]!;
  }

  /** Questions that `local` answered for names below or beginning with localhost. */
  get localhostRequests(): number {
    return this.totals[this.scopeMax * SCOPE_WORDS + SHARD_CELLS.at.localhost]!;
  }

  /** Queries that one shard took. */
  shardRequests(shard: number): number {
    return this.requestsOfShard[shard]!;
  }
}
