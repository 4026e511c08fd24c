/**
 * Counters of one shard: incremented in private memory, published to the shard's own cells of shared memory
 * (counter-layout.ts). The thread that owns them is their only writer.
 */
import { assert } from '../../base/assert.ts';
import {
  COUNTERS_HEADER,
  COUNTERS_MAGIC,
  DROP_REASONS,
  DURATION_BOUNDS,
  FAMILY_LABELS,
  PROTO_LABELS,
  RCODE_OTHER,
  SCOPE_CELLS,
  SHARD_CELLS,
  SIZE_BOUNDS,
  SIZE_CELLS,
  TYPE_INDEX,
  TYPE_LABELS,
  TYPE_OTHER,
  WIDE_MODULUS,
  WIDE_UNIT,
  regionAt,
  regionWords,
  wideValue,
  templateTextAt,
} from './counter-layout.ts';

export { DROP, DROP_REASONS, PLUGIN, PLUGIN_LABELS } from './counter-layout.ts';
export type { MetricScope } from './counter-layout.ts';

/**
 * Counters of one shard. Incremented in private memory, published to the shard's own cells of shared memory by
 * `publish` with Atomics.store, only what changed. No method allocates.
 */
export interface ShardCounters {
  /** @param proto 0 udp, 1 tcp; @param family 0 IPv4, 1 IPv6; sizes in octets */
  countRequest(scope: number, proto: number, family: number, qtype: number, size: number, isDo: number): void;
  countResponse(scope: number, proto: number, rcode: number, plugin: number, size: number, isTruncated: number): void;
  /** `count` queries of `scope` took `durationMs` each, from receive to send */
  countDuration(scope: number, count: number, durationMs: number): void;
  /** a datagram that gets no answer; `reason` is an index into DROP_REASONS */
  countDrop(reason: number): void;
  /** a query that `acl` decided; `action` is an ACL_ACTION */
  countAcl(scope: number, action: number): void;
  /** a query that was answered out of other answers; `what` is a COMPOSED */
  countComposed(scope: number, what: number): void;
  /** what a `template` did; `what` is a TEMPLATE_COUNT, FAILED and NO_RECORD plus the number of the section */
  countTemplate(scope: number, what: number, qtype: number): void;
  /** which text of a template failed; `what` is FAILED or NO_RECORD, `cell` of templateTextCell */
  countTemplateText(scope: number, what: number, cell: number): void;
  /** a name below or beginning with localhost that `local` answered */
  countLocalhost(): void;
  publish(): void;
}

const SCOPE_WORDS = SCOPE_CELLS.words;
const REQUESTS_AT = SCOPE_CELLS.at.requests;
const REQUEST_SIZES_AT = SCOPE_CELLS.at.requestSizes;
const REQUEST_SIZE_SUM_AT = SCOPE_CELLS.at.requestSizeSum;
const RESPONSE_SIZES_AT = SCOPE_CELLS.at.responseSizes;
const RESPONSE_SIZE_SUM_AT = SCOPE_CELLS.at.responseSizeSum;
const RESPONSES_AT = SCOPE_CELLS.at.responses;
const TRUNCATED_AT = SCOPE_CELLS.at.truncated;
const DNSSEC_OK_AT = SCOPE_CELLS.at.dnssecOk;
const DURATIONS_AT = SCOPE_CELLS.at.durations;
const DURATION_SUM_AT = SCOPE_CELLS.at.durationSum;
const TYPES = TYPE_LABELS.length;
const FAMILIES = FAMILY_LABELS.length;
const RCODES = RCODE_OTHER + 1;

/** Wide sums of a scope, in this order: request sizes by proto, response sizes by proto, durations. */
const PROTOS = PROTO_LABELS.length;
const WIDE_COUNT = 2 * PROTOS + 1;
const WIDE_RESPONSE = PROTOS;
const WIDE_DURATION = 2 * PROTOS;

/** Cell of the histogram by size, for the sizes that occur on UDP; what is larger is searched. */
const SIZE_TABLE = new Uint8Array(4096);
for (let size = 0; size < SIZE_TABLE.length; size++) SIZE_TABLE[size] = searchSizeCell(size);

function searchSizeCell(size: number): number {
  let cell = 0;
  while (cell < SIZE_BOUNDS.length && size > SIZE_BOUNDS[cell]!) cell++;
  return cell;
}

const DURATION_BOUNDS_MS = Float64Array.from(DURATION_BOUNDS, (seconds) => seconds * 1000);

class SharedShardCounters implements ShardCounters {
  private readonly cells: Uint32Array;
  private readonly shared: Uint32Array;
  private readonly wide: Float64Array;
  private readonly scopeMax: number;
  /**
   * What changed since the last publish, once each: cells, and behind them the wide sums (`cells.length` + index).
   * A list, because comparing the cells of a scope (some 220) took 0.4 µs a publish and a batch touches eight of them.
   */
  private readonly changed: Uint32Array;
  private readonly isChanged: Uint8Array;
  private changedCount: number;

  constructor(shared: Uint32Array, scopeMax: number) {
    this.shared = shared;
    this.scopeMax = scopeMax;
    this.cells = new Uint32Array(shared.length);
    this.wide = new Float64Array(scopeMax * WIDE_COUNT);
    const changeMax = this.cells.length + this.wide.length;
    this.changed = new Uint32Array(changeMax);
    this.isChanged = new Uint8Array(changeMax);
    this.changedCount = 0;
    for (let cell = 0; cell < shared.length; cell++) this.cells[cell] = Atomics.load(shared, cell);
    for (let index = 0; index < this.wide.length; index++) {
      const at = wideCellAt(index);
      this.wide[index] = wideValue(this.cells[at]!, this.cells[at + 1]!);
    }
  }

  countRequest(scope: number, proto: number, family: number, qtype: number, size: number, isDo: number): void {
    if (scope >= this.scopeMax) assert(false, 'metric scope out of range');
    const base = scope * SCOPE_WORDS;
    const type = qtype < 256 ? TYPE_INDEX[qtype]! : TYPE_OTHER;
    this.add(base + REQUESTS_AT + (proto * FAMILIES + family) * TYPES + type, 1);
    const sizeCell = size < SIZE_TABLE.length ? SIZE_TABLE[size]! : searchSizeCell(size);
    this.add(base + REQUEST_SIZES_AT + proto * SIZE_CELLS + sizeCell, 1);
    if (isDo !== 0) this.add(base + DNSSEC_OK_AT, 1);
    this.addWide(scope * WIDE_COUNT + proto, size);
  }

  countResponse(scope: number, proto: number, rcode: number, plugin: number, size: number, isTruncated: number): void {
    if (scope >= this.scopeMax) assert(false, 'metric scope out of range');
    const base = scope * SCOPE_WORDS;
    this.add(base + RESPONSES_AT + plugin * RCODES + (rcode < RCODE_OTHER ? rcode : RCODE_OTHER), 1);
    const sizeCell = size < SIZE_TABLE.length ? SIZE_TABLE[size]! : searchSizeCell(size);
    this.add(base + RESPONSE_SIZES_AT + proto * SIZE_CELLS + sizeCell, 1);
    if (isTruncated !== 0) this.add(base + TRUNCATED_AT + proto, 1);
    this.addWide(scope * WIDE_COUNT + WIDE_RESPONSE + proto, size);
  }

  countDuration(scope: number, count: number, durationMs: number): void {
    if (scope >= this.scopeMax) assert(false, 'metric scope out of range');
    let cell = 0;
    while (cell < DURATION_BOUNDS_MS.length && durationMs > DURATION_BOUNDS_MS[cell]!) cell++;
    this.add(scope * SCOPE_WORDS + DURATIONS_AT + cell, count);
    // a clock that steps back would make the sum fall, and a counter that falls reads as a restart
    if (durationMs > 0) this.addWide(scope * WIDE_COUNT + WIDE_DURATION, count * durationMs * 1e6);
  }

  countDrop(reason: number): void {
    if (reason >= DROP_REASONS.length) assert(false, 'drop reason out of range');
    this.add(this.scopeMax * SCOPE_WORDS + reason, 1);
  }

  countAcl(scope: number, action: number): void {
    if (scope >= this.scopeMax) assert(false, 'metric scope out of range');
    this.add(scope * SCOPE_WORDS + SCOPE_CELLS.at.acl + action, 1);
  }

  countComposed(scope: number, what: number): void {
    if (scope >= this.scopeMax) assert(false, 'metric scope out of range');
    this.add(scope * SCOPE_WORDS + SCOPE_CELLS.at.composed + what, 1);
  }

  countTemplate(scope: number, what: number, qtype: number): void {
    if (scope >= this.scopeMax) assert(false, 'metric scope out of range');
    const type = qtype < 256 ? TYPE_INDEX[qtype]! : TYPE_OTHER;
    this.add(scope * SCOPE_WORDS + RESPONSES_AT + what * TYPES + type, 1);
  }

  countTemplateText(scope: number, what: number, cell: number): void {
    if (scope >= this.scopeMax) assert(false, 'metric scope out of range');
    this.add(scope * SCOPE_WORDS + RESPONSES_AT + templateTextAt(what) + cell, 1);
  }

  countLocalhost(): void {
    this.add(this.scopeMax * SCOPE_WORDS + SHARD_CELLS.at.localhost, 1);
  }

  publish(): void {
    const count = this.changedCount;
    const cellCount = this.cells.length;
    for (let n = 0; n < count; n++) {
      const index = this.changed[n]!;
      this.isChanged[index] = 0;
      if (index < cellCount) Atomics.store(this.shared, index, this.cells[index]!);
      else this.publishWide(index - cellCount);
    }
    this.changedCount = 0;
  }

  private add(cell: number, count: number): void {
    this.cells[cell]! += count;
    if (this.isChanged[cell] === 0) this.noteChange(cell);
  }

  private addWide(index: number, count: number): void {
    this.wide[index]! += count;
    const change = this.cells.length + index;
    if (this.isChanged[change] === 0) this.noteChange(change);
  }

  private noteChange(index: number): void {
    this.isChanged[index] = 1;
    this.changed[this.changedCount++] = index;
  }

  private publishWide(index: number): void {
    let sum = this.wide[index]!;
    if (sum >= WIDE_MODULUS) this.wide[index] = sum %= WIDE_MODULUS;
    const at = wideCellAt(index);
    // >>> is modulo 2^32 for any sum below 2^53
    const low = sum >>> 0;
    const high = (sum / WIDE_UNIT) >>> 0;
    if (low !== this.cells[at]!) Atomics.store(this.shared, at, (this.cells[at] = low));
    if (high !== this.cells[at + 1]!) Atomics.store(this.shared, at + 1, (this.cells[at + 1] = high));
  }
}

/** Cell of the low half of a wide sum: `index` counts the sums of all scopes. */
function wideCellAt(index: number): number {
  const inScope = index % WIDE_COUNT;
  const base = ((index - inScope) / WIDE_COUNT) * SCOPE_WORDS;
  if (inScope < WIDE_RESPONSE) return base + REQUEST_SIZE_SUM_AT + inScope * 2;
  if (inScope < WIDE_DURATION) return base + RESPONSE_SIZE_SUM_AT + (inScope - WIDE_RESPONSE) * 2;
  return base + DURATION_SUM_AT;
}

/**
 * The counters of shard `shard` in a buffer of createCounterBuffer. They go on from what the cells hold, so a shard that
 * takes another's place counts on where that one published last.
 *
 * @param scopeCount number of metric scopes this shard counts under; at most what the buffer was made for
 * @param shard      index of the shard, from 0
 * @throws SkyshardError INTERNAL_ASSERTION if the buffer is not one of these, or too small
 */
export function createShardCounters(buffer: SharedArrayBuffer, scopeCount: number, shard: number): ShardCounters {
  const words = new Uint32Array(buffer);
  assert(words[COUNTERS_HEADER.at.magic] === COUNTERS_MAGIC, 'no counter buffer');
  const scopeMax = words[COUNTERS_HEADER.at.scopeMax]!;
  assert(scopeCount <= scopeMax, 'more metric scopes than the counter buffer has');
  assert(shard >= 0 && shard < words[COUNTERS_HEADER.at.shardMax]!, 'more shards than the counter buffer has');
  const shared = new Uint32Array(buffer, regionAt(scopeMax, shard) * 4, regionWords(scopeMax));
  return new SharedShardCounters(shared, scopeMax);
}
