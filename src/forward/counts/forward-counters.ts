/** One shard's cells of the forward buffer: counted by the thread that owns them, each stored as it changes. */
import { DURATION_BOUNDS, DURATION_CELLS, WIDE_UNIT } from '../../observability/counters/counter-layout.ts';
import { RCODE } from '../../dns/iana.ts';
import {
  FORWARD_CELLS,
  forwardCellsAt,
  FORWARD_HEADER,
  GROUP_CELLS,
  groupCellsAt,
  UPSTREAM_CELLS,
  UPSTREAM_RCODES,
  upstreamCellsAt,
} from '../forward-buffer.ts';

const BOUNDS_MS = Float64Array.from(DURATION_BOUNDS, (seconds) => seconds * 1000);
const RCODE_OTHER = UPSTREAM_RCODES.length - 1;
/** Index into UPSTREAM_RCODES. */
const RCODE_CELL = new Uint8Array(16).fill(RCODE_OTHER);
RCODE_CELL[RCODE.NOERROR] = 0;
RCODE_CELL[RCODE.FORMERR] = 1;
RCODE_CELL[RCODE.SERVFAIL] = 2;
RCODE_CELL[RCODE.NXDOMAIN] = 3;
RCODE_CELL[RCODE.NOTIMP] = 4;
RCODE_CELL[RCODE.REFUSED] = 5;

export class ForwardCounters {
  readonly #words: Uint32Array;
  readonly #shard: number;
  readonly #shardMax: number;
  readonly #cellsAt: number;

  /** The counts of a predecessor go on; its queries under way are gone with it. */
  constructor(buffer: SharedArrayBuffer, shard: number) {
    this.#words = new Uint32Array(buffer);
    this.#shard = shard;
    this.#shardMax = this.#words[FORWARD_HEADER.at.shardMax]!;
    this.#cellsAt = forwardCellsAt(shard);
  }

  /** @param cell  of FORWARD_CELLS */
  count(cell: number): void {
    this.#add(this.#cellsAt + cell);
  }

  /** @param cell  of UPSTREAM_CELLS: probeFailures, timeouts or unreachable */
  countUpstream(upstream: number, cell: number): void {
    this.#add(upstreamCellsAt(this.#shard, upstream) + cell);
  }

  countResponse(upstream: number, rcode: number, tookMs: number): void {
    const at = upstreamCellsAt(this.#shard, upstream);
    const index = rcode < RCODE_CELL.length ? RCODE_CELL[rcode]! : RCODE_OTHER;
    let cell = 0;
    while (cell < BOUNDS_MS.length && tookMs > BOUNDS_MS[cell]!) cell++;
    this.#add(at + UPSTREAM_CELLS.at.durations + index * DURATION_CELLS + cell);
    const sumAt = at + UPSTREAM_CELLS.at.durationSums + index * 2;
    const low = this.#words[sumAt]!;
    const sum = low + (tookMs > 0 ? Math.round(tookMs * 1000) : 0);
    Atomics.store(this.#words, sumAt, sum >>> 0);
    // The cells overlap in bits 16 to 31: what the low one gained there, the high one gains.
    const gained = Math.floor(sum / WIDE_UNIT) - (low >>> 16);
    if (gained > 0) Atomics.store(this.#words, sumAt + 1, (this.#words[sumAt + 1]! + gained) >>> 0);
  }

  setWaiting(group: number, count: number): void {
    Atomics.store(this.#words, groupCellsAt(this.#shard, group) + GROUP_CELLS.at.waiting, count);
  }

  /** Queries of a group under way in all shards. */
  waitingEverywhere(group: number): number {
    let sum = 0;
    for (let shard = 0; shard < this.#shardMax; shard++) {
      sum += Atomics.load(this.#words, groupCellsAt(shard, group) + GROUP_CELLS.at.waiting);
    }
    return sum;
  }

  /** Say which use of a group this thread holds something of, 0: of none. */
  setKnown(group: number, use: number): void {
    Atomics.store(this.#words, groupCellsAt(this.#shard, group) + GROUP_CELLS.at.known, use);
  }

  /** Whether another thread holds something of a use of a group. */
  isKnownElsewhere(group: number, use: number): boolean {
    for (let shard = 0; shard < this.#shardMax; shard++) {
      if (shard === this.#shard) continue;
      if (Atomics.load(this.#words, groupCellsAt(shard, group) + GROUP_CELLS.at.known) === use) return true;
    }
    return false;
  }

  #add(cell: number): void {
    // The only writer of the cell reads what it stored.
    Atomics.store(this.#words, cell, (this.#words[cell]! + 1) >>> 0);
  }
}

export { FORWARD_CELLS, UPSTREAM_CELLS };
