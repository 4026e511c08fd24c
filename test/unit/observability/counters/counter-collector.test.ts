import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TYPE } from '../../../../src/dns/iana.ts';
import { CounterCollector } from '../../../../src/observability/counters/counter-collector.ts';
import {
  SCOPE_CELLS,
  SIZE_CELLS,
  WIDE_MODULUS,
  createCounterBuffer,
  regionAt,
} from '../../../../src/observability/counters/counter-layout.ts';
import { DROP, PLUGIN, createShardCounters } from '../../../../src/observability/counters/shard-counters.ts';

const AT = SCOPE_CELLS.at;

test('the sum over shards, by scope, and each shard by itself', () => {
  const buffer = createCounterBuffer(3, 2);
  const collector = new CounterCollector(buffer);
  const counters = [0, 1, 2].map((shard) => createShardCounters(buffer, 2, shard));
  for (const [shard, shardCounters] of counters.entries()) {
    for (let n = 0; n <= shard; n++) {
      shardCounters.countRequest(1, 0, 0, TYPE.A, 40, 1);
      shardCounters.countResponse(1, 0, 0, PLUGIN.KUBERNETES, 90, 0);
      shardCounters.countRequest(0, 1, 1, TYPE.ANY, 20, 0);
    }
    shardCounters.countDuration(1, shard + 1, 0.5);
    shardCounters.countDrop(DROP.SEND_REFUSED);
    shardCounters.publish();
  }
  collector.collect();
  assert.equal(collector.total(1, AT.requests), 6);
  assert.equal(collector.total(0, AT.requests), 0);
  assert.equal(collector.total(1, AT.requestSizeSum), 240);
  assert.equal(collector.total(0, AT.requestSizeSum + 2), 120);
  assert.equal(collector.total(1, AT.responseSizeSum), 540);
  assert.equal(collector.total(1, AT.dnssecOk), 6);
  assert.equal(collector.total(1, AT.durations + 1), 6);
  assert.equal(collector.total(1, AT.durationSum), 3_000_000);
  assert.equal(collector.drops(DROP.SEND_REFUSED), 3);
  assert.equal(collector.drops(DROP.SHORT), 0);
  assert.deepEqual(
    [0, 1, 2].map((shard) => collector.shardRequests(shard)),
    [2, 4, 6],
  );
});

test('cells that wrap between two collections lose nothing', () => {
  const buffer = createCounterBuffer(1, 1);
  const words = new Uint32Array(buffer);
  const at = regionAt(1, 0);
  // as a shard leaves them that has counted for months
  words[at + AT.requests] = words[at + AT.requestSizes + 1] = 2 ** 32 - 2;
  words[at + AT.requestSizeSum] = 2 ** 32 - 60;
  words[at + AT.requestSizeSum + 1] = 2 ** 32 - 1;
  const collector = new CounterCollector(buffer);
  collector.collect();
  const before = [AT.requests, AT.requestSizeSum].map((offset) => collector.total(0, offset));
  assert.deepEqual(before, [2 ** 32 - 2, WIDE_MODULUS - 60]);
  const counters = createShardCounters(buffer, 1, 0);
  for (let n = 0; n < 5; n++) counters.countRequest(0, 0, 0, TYPE.A, 50, 0);
  counters.publish();
  assert.equal(words[at + AT.requests], 3);
  collector.collect();
  assert.equal(collector.total(0, AT.requests), 2 ** 32 + 3);
  assert.equal(collector.total(0, AT.requestSizeSum), WIDE_MODULUS - 60 + 250);
  assert.equal(collector.shardRequests(0), 2 ** 32 + 3);
});

test('any history of counts, publishes, restarts and collections adds up', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('request'), size: fc.integer({ min: 0, max: 65_535 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('publish'), size: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart'), size: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('collect'), size: fc.constant(0) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(2 ** 32 - 1), (steps, start) => {
      const buffer = createCounterBuffer(1, 2);
      const at = regionAt(2, 0) + SCOPE_CELLS.words;
      const words = new Uint32Array(buffer);
      words.fill(start, at + AT.requests, at + AT.requests + 1);
      words[at + AT.requestSizeSum] = start;
      words[at + AT.requestSizeSum + 1] = Math.floor(start / 65_536) + 0xffff_0000;
      const collector = new CounterCollector(buffer);
      collector.collect();
      const [startCount, startSum] = [collector.total(1, AT.requests), collector.total(1, AT.requestSizeSum)];
      let counters = createShardCounters(buffer, 2, 0);
      let count = 0;
      let sum = 0;
      for (const { do: action, size } of steps) {
        if (action === 'request') {
          counters.countRequest(1, 0, 0, TYPE.A, size, 0);
          count++;
          sum += size;
        } else if (action === 'collect') collector.collect();
        else {
          counters.publish();
          if (action === 'restart') counters = createShardCounters(buffer, 2, 0);
        }
      }
      counters.publish();
      collector.collect();
      assert.equal(collector.total(1, AT.requests) - startCount, count);
      assert.equal(collector.total(1, AT.requestSizeSum) - startSum, sum);
      let buckets = 0;
      for (let cell = 0; cell < SIZE_CELLS; cell++) buckets += collector.total(1, AT.requestSizes + cell);
      assert.equal(buckets, count);
    }),
    { numRuns: 300 },
  );
});
