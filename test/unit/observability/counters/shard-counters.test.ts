import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE } from '../../../../src/dns/iana.ts';
import {
  DURATION_CELLS,
  FAMILY_LABELS,
  RCODE_OTHER,
  SCOPE_CELLS,
  SHARD_CELLS,
  SIZE_BOUNDS,
  SIZE_CELLS,
  TYPE_INDEX,
  TYPE_LABELS,
  WIDE_MODULUS,
  createCounterBuffer,
  regionAt,
  regionWords,
  wideValue,
} from '../../../../src/observability/counters/counter-layout.ts';
import {
  DROP,
  DROP_REASONS,
  PLUGIN,
  createShardCounters,
} from '../../../../src/observability/counters/shard-counters.ts';

const SCOPES = 3;

function setup(shards = 2) {
  const buffer = createCounterBuffer(shards, SCOPES);
  const words = new Uint32Array(buffer);
  const cell = (shard: number, scope: number, offset: number) =>
    words[regionAt(SCOPES, shard) + scope * SCOPE_CELLS.words + offset]!;
  const sum = (shard: number, scope: number, offset: number) =>
    wideValue(cell(shard, scope, offset), cell(shard, scope, offset + 1));
  return { buffer, words, cell, sum };
}

test('the regions of two shards lie at least 128 octets apart and inside the buffer', () => {
  for (const scopes of [1, 3, 4, 7]) {
    const end = regionAt(scopes, 0) + regionWords(scopes);
    assert.ok((regionAt(scopes, 1) - end) * 4 >= 128, `${scopes} scopes`);
    assert.ok(regionAt(scopes, 0) * 4 >= 128);
    assert.ok(createCounterBuffer(2, scopes).byteLength >= (regionAt(scopes, 1) + regionWords(scopes)) * 4 + 128);
  }
});

test('every type with a label has an index of its own, all others share one', () => {
  for (const [index, label] of TYPE_LABELS.entries()) {
    if (label !== 'other') assert.equal(TYPE_INDEX[TYPE[label]], index, label);
  }
  assert.equal(TYPE_INDEX.filter((index) => TYPE_LABELS[index] !== 'other').length, TYPE_LABELS.length - 1);
});

test('nothing is visible before publish, and exactly what was counted after it', () => {
  const { buffer, words, cell, sum } = setup();
  const before = words.slice();
  const counters = createShardCounters(buffer, SCOPES, 1);
  counters.countRequest(2, 1, 1, TYPE.AAAA, 100, 1);
  counters.countRequest(2, 1, 1, 4242, 101, 0);
  counters.countResponse(2, 1, 3, PLUGIN.KUBERNETES, 70_000, 1);
  counters.countResponse(2, 1, 4095, PLUGIN.SERVER, 0, 0);
  counters.countDuration(2, 5, 0.25);
  counters.countDuration(2, 1, 1e9);
  counters.countDrop(DROP.RESPONSE);
  assert.deepEqual(words, before);
  counters.publish();

  const at = SCOPE_CELLS.at;
  const requests = at.requests + (1 * FAMILY_LABELS.length + 1) * TYPE_LABELS.length;
  const expected: [number, number][] = [
    [requests + TYPE_LABELS.indexOf('AAAA'), 1],
    [requests + TYPE_LABELS.indexOf('other'), 1],
    [at.requestSizes + SIZE_CELLS + 1, 1],
    [at.requestSizes + SIZE_CELLS + 2, 1],
    [at.responseSizes + SIZE_CELLS + SIZE_BOUNDS.length, 1],
    [at.responseSizes + SIZE_CELLS, 1],
    [at.responses + (RCODE_OTHER + 1) + 3, 1],
    [at.responses + RCODE_OTHER, 1],
    [at.truncated + 1, 1],
    [at.dnssecOk, 1],
    [at.durations, 5],
    [at.durations + DURATION_CELLS - 1, 1],
  ];
  for (const [offset, value] of expected) assert.equal(cell(1, 2, offset), value, `offset ${offset}`);
  assert.equal(sum(1, 2, at.requestSizeSum + 2), 201);
  assert.equal(sum(1, 2, at.responseSizeSum + 2), 70_000);
  assert.equal(sum(1, 2, at.durationSum), 5 * 250_000 + 1e15 - WIDE_MODULUS * Math.floor(1e15 / WIDE_MODULUS));
  assert.equal(words[regionAt(SCOPES, 1) + SCOPES * SCOPE_CELLS.words + SHARD_CELLS.at.drops + DROP.RESPONSE], 1);

  const touched = words.filter((word, index) => word !== before[index]).length;
  assert.equal(touched, expected.length + 1 + 1 + 2 + 2, 'cells changed: counts, a drop, and the halves of three sums');
});

test('sizes on each bound fall into its bucket, one more into the next', () => {
  for (const [index, bound] of SIZE_BOUNDS.entries()) {
    const { buffer, cell } = setup(1);
    const counters = createShardCounters(buffer, SCOPES, 0);
    counters.countRequest(0, 0, 0, 1, bound, 0);
    counters.countRequest(0, 0, 0, 1, bound + 1, 0);
    counters.publish();
    assert.equal(cell(0, 0, SCOPE_CELLS.at.requestSizes + index), 1, `${bound}`);
    assert.equal(cell(0, 0, SCOPE_CELLS.at.requestSizes + index + 1), 1, `${bound + 1}`);
  }
});

test('a shard that takes the place of another goes on from its cells', () => {
  const { buffer, cell, sum } = setup();
  const first = createShardCounters(buffer, SCOPES, 0);
  for (let n = 0; n < 70_000; n++) first.countRequest(1, 0, 0, TYPE.A, 70_001, 0);
  first.countDrop(DROP.SHORT);
  first.publish();
  const second = createShardCounters(buffer, SCOPES, 0);
  second.countRequest(1, 0, 0, TYPE.A, 70_001, 0);
  second.publish();
  assert.equal(cell(0, 1, SCOPE_CELLS.at.requests), 70_001);
  assert.equal(sum(0, 1, SCOPE_CELLS.at.requestSizeSum), 70_001 * 70_001);
});

test('a cell that was published is published again, and long sums stay exact to the nanosecond', () => {
  const { buffer, cell, sum } = setup(1);
  const counters = createShardCounters(buffer, SCOPES, 0);
  for (let n = 1; n <= 30; n++) {
    counters.countDuration(1, 1, 1e9);
    counters.publish();
    assert.equal(cell(0, 1, SCOPE_CELLS.at.durations + DURATION_CELLS - 1), n);
  }
  const before = sum(0, 1, SCOPE_CELLS.at.durationSum);
  counters.countDuration(1, 1, 1e-6);
  counters.publish();
  assert.equal(sum(0, 1, SCOPE_CELLS.at.durationSum), before + 1);
});

test('a wide sum is read right between the stores of its halves, around every carry', () => {
  const halves = (sum: number): [number, number] => [sum % 2 ** 32, Math.floor(sum / 65_536) % 2 ** 32];
  for (const old of [0, 65_535, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 12_345, WIDE_MODULUS - 5]) {
    for (const step of [0, 1, 6, 65_536, 2 ** 31 - 65_536]) {
      const now = (old + step) % WIDE_MODULUS;
      assert.equal(wideValue(...halves(now)), now);
      assert.equal(wideValue(halves(now)[0], halves(old)[1]), now, `low ahead: ${old} + ${step}`);
      assert.equal(wideValue(halves(old)[0], halves(now)[1]), old, `high ahead: ${old} + ${step}`);
    }
  }
});

test('what is not a counter buffer, and what lies outside it, is refused', () => {
  const { buffer } = setup();
  assert.throws(() => createShardCounters(new SharedArrayBuffer(buffer.byteLength), SCOPES, 0), /no counter buffer/);
  assert.throws(() => createShardCounters(buffer, SCOPES + 1, 0), /more metric scopes/);
  assert.throws(() => createShardCounters(buffer, SCOPES, 2), /more shards/);
  const counters = createShardCounters(buffer, SCOPES, 0);
  assert.throws(() => counters.countRequest(SCOPES, 0, 0, 1, 1, 0), /scope out of range/);
  assert.throws(() => counters.countDrop(DROP_REASONS.length), /drop reason out of range/);
});
