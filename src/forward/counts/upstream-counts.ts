/**
 * Main's sums of what threads count of upstreams, by the address that metrics name them by: one may be in several groups, of
 * configurations before too.
 *
 * Series end when no group has the address any more: where names have ever other addresses, there would be ever more. Its counts
 * are remembered, and go on where they were when it is back, so that its series does not fall. Of more than REMEMBERED_MAX such
 * addresses those that went first are forgotten: back again, their series begin anew, as after a restart.
 */
import { wideValue } from '../../observability/counters/counter-layout.ts';
import { FORWARD_HEADER, UPSTREAM_CELLS, UPSTREAM_RCODES, upstreamCellsAt } from '../forward-buffer.ts';
import type { UpstreamAddress } from '../forward-group.ts';
import type { ForwardGroupTable, PlacedGroup } from '../group-table.ts';

/** Addresses without a group whose counts are remembered. */
const REMEMBERED_MAX = 256;
const { durationSums } = UPSTREAM_CELLS.at;

/** What an address was counted under indexes that are another's now, by cell of UPSTREAM_CELLS; sums of durations in µs, at their first word. */
type Former = Float64Array;

/** Upstreams of one address; asked over TLS they are counted apart. */
export interface CountedUpstreams {
  /** `192.0.2.1:53` */
  readonly to: string;
  readonly isTls: boolean;
  /** their indexes */
  readonly members: number[];
}

export class UpstreamCounts {
  readonly #words: Uint32Array;
  readonly #table: ForwardGroupTable;
  readonly #shardMax: number;
  /** by cell of a thread: what was read last; by cell of the first thread: the sum of all differences */
  readonly #last = new Map<number, number>();
  readonly #totals = new Map<number, number>();
  /** by address and kind, those that had a group last at the end */
  readonly #former = new Map<string, Former>();

  /** @param table  of the same buffer; what becomes free is noted from now on */
  constructor(buffer: SharedArrayBuffer, table: ForwardGroupTable) {
    this.#words = new Uint32Array(buffer);
    this.#table = table;
    this.#shardMax = this.#words[FORWARD_HEADER.at.shardMax]!;
    table.onFree = (group) => this.#keepCounts(group);
  }

  /** All that have a group. */
  upstreams(): readonly CountedUpstreams[] {
    const found = new Map<string, CountedUpstreams>();
    for (const { group, members } of this.#table.groups) {
      for (const [place, address] of group.upstreams.entries()) {
        const counted = found.get(keyOf(address)) ?? { to: labelOf(address), isTls: isTls(address), members: [] };
        found.set(keyOf(address), counted);
        counted.members.push(members[place]!);
      }
    }
    return [...found.values()];
  }

  /** @param cell  of UPSTREAM_CELLS */
  sum({ to, isTls, members }: CountedUpstreams, cell: number): number {
    let sum = this.#former.get(`${isTls} ${to}`)?.[cell] ?? 0;
    for (const upstream of members) sum += this.total((shard) => upstreamCellsAt(shard, upstream), cell);
    return sum;
  }

  /** @param rcode  index into UPSTREAM_RCODES */
  seconds({ to, isTls, members }: CountedUpstreams, rcode: number): number {
    const cell = durationSums + rcode * 2;
    let sum = this.#former.get(`${isTls} ${to}`)?.[cell] ?? 0;
    for (const upstream of members) sum += this.#microseconds(upstream, cell);
    return sum / 1e6;
  }

  /** Sum over all threads of a cell that wraps at 2^32; read at least once a turn of it. */
  total(cellsAt: (shard: number) => number, cell: number): number {
    const key = cellsAt(0) + cell;
    let total = this.#totals.get(key) ?? 0;
    for (let shard = 0; shard < this.#shardMax; shard++) {
      const at = cellsAt(shard) + cell;
      const value = Atomics.load(this.#words, at);
      total += (value - (this.#last.get(at) ?? 0)) >>> 0;
      this.#last.set(at, value);
    }
    this.#totals.set(key, total);
    return total;
  }

  /** Microseconds in 48 bits last for years; they are not followed round. */
  #microseconds(upstream: number, cell: number): number {
    let sum = 0;
    for (let shard = 0; shard < this.#shardMax; shard++) {
      const at = upstreamCellsAt(shard, upstream) + cell;
      sum += wideValue(Atomics.load(this.#words, at), Atomics.load(this.#words, at + 1));
    }
    return sum;
  }

  /** The cells of its upstreams are about to be cleared. */
  #keepCounts({ group, members }: PlacedGroup): void {
    for (const [place, address] of group.upstreams.entries()) {
      const key = keyOf(address);
      const former = this.#former.get(key) ?? new Float64Array(UPSTREAM_CELLS.words);
      this.#former.delete(key);
      this.#former.set(key, former);
      this.#moveCounts(members[place]!, former);
    }
    this.#forgetOldest();
  }

  #moveCounts(upstream: number, former: Former): void {
    const cellsAt = (shard: number): number => upstreamCellsAt(shard, upstream);
    for (let cell = 0; cell < durationSums; cell++) {
      former[cell]! += this.total(cellsAt, cell);
      this.#totals.delete(cellsAt(0) + cell);
      for (let shard = 0; shard < this.#shardMax; shard++) this.#last.delete(cellsAt(shard) + cell);
    }
    for (let cell = durationSums; cell < durationSums + UPSTREAM_RCODES.length * 2; cell += 2) {
      former[cell]! += this.#microseconds(upstream, cell);
    }
  }

  #forgetOldest(): void {
    if (this.#former.size <= REMEMBERED_MAX) return;
    const present = new Set(this.#table.groups.flatMap(({ group }) => group.upstreams.map(keyOf)));
    for (const key of this.#former.keys()) {
      if (this.#former.size <= REMEMBERED_MAX) return;
      if (!present.has(key)) this.#former.delete(key);
    }
  }
}

function isTls({ scheme }: UpstreamAddress): boolean {
  return (scheme ?? 'dns') !== 'dns';
}

function labelOf({ address, port }: UpstreamAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function keyOf(address: UpstreamAddress): string {
  return `${isTls(address)} ${labelOf(address)}`;
}
