/** Each micro-benchmark, tiny: it runs, computes the same each time, and prints what it computed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchAnswer } from '../../../native-free-bench/micro/answer.bench.ts';
import { benchDecodeManifest } from '../../../native-free-bench/micro/decode-manifest.bench.ts';
import { benchDecodeMemory, formatDecodeMemory } from '../../../native-free-bench/micro/decode-memory.bench.ts';
import { benchDecodeResponse } from '../../../native-free-bench/micro/decode-response.bench.ts';
import { benchLoadCluster, formatLoadResult } from '../../../native-free-bench/micro/load-cluster.bench.ts';
import { formatMicroResults, runMicroBenchmark } from '../../../native-free-bench/micro/micro-benchmark.ts';
import { benchPublishEndpointChange } from '../../../native-free-bench/micro/publish-endpoint-change.bench.ts';

test('a figure is per call, in ns, and the checksum is what the case computes', async () => {
  const waitTwoMs = (): number => {
    const end = performance.now() + 2;
    while (performance.now() < end);
    return 1;
  };
  const cases = [
    { name: 'a thousand calls', callsPerRun: 1_000, run: waitTwoMs, check: () => 42 },
    { name: 'a promise', callsPerRun: 1, run: async () => waitTwoMs() },
  ];
  const [thousandCalls, promise] = await runMicroBenchmark(cases, 10);
  assert.ok(thousandCalls!.medianNsPerCall >= 1.98e3, `${thousandCalls!.medianNsPerCall} ns`);
  assert.ok(thousandCalls!.medianNsPerCall * 50 < promise!.medianNsPerCall, 'the runs are not divided by their calls');
  assert.equal(thousandCalls!.checksum, 42);
  assert.ok(promise!.medianNsPerCall >= 1.98e6, `${promise!.medianNsPerCall} ns`);
  assert.equal(promise!.checksum, 1);
});

test('answers of every kind', async (t) => {
  const options = { services: 60, endpointsPerService: 3, queries: 300, durationMs: 1 };
  const results = await benchAnswer(options);
  assert.equal(results.length, 7);
  t.diagnostic(formatMicroResults('answers', results));
  const again = await benchAnswer(options);
  const checksums = (from: typeof results): number[] => from.map(({ checksum }) => checksum);
  assert.deepEqual(checksums(again), checksums(results));
});

test('publishing the change of one endpoint writes as much in a large cluster as in a small one', async (t) => {
  const results = await benchPublishEndpointChange({
    serviceCounts: [100, 1_000],
    endpointsPerService: 3,
    durationMs: 1,
  });
  t.diagnostic(formatMicroResults('publish', results));
  const [small, smallHeadless, large, largeHeadless] = results.map(({ checksum }) => checksum);
  // Octets of the blocks that one change wrote.
  assert.ok(large! < 2 * small!, `${small} → ${large} octets`);
  assert.ok(largeHeadless! < 2 * smallHeadless!, `${smallHeadless} → ${largeHeadless} octets`);
});

test('decoding manifests finds every object, in JSON and in YAML', async (t) => {
  const results = await benchDecodeManifest({ services: 4, durationMs: 1 });
  t.diagnostic(formatMicroResults('decode', results));
  const [json, yaml, event] = results.map(({ checksum }) => checksum);
  assert.ok(json! > 10);
  assert.equal(yaml, json);
  assert.equal(event, json);
});

test('decoding responses finds every endpoint that is ready, in JSON and in protobuf', async (t) => {
  const results = await benchDecodeResponse({ slices: 20, endpointsPerSlice: 15, durationMs: 1 });
  t.diagnostic(formatMicroResults('decode responses', results));
  const [json, protobuf, jsonItems, protobufItems] = results.map(({ checksum }) => checksum);
  assert.ok(json! > 20 * 13 && json! <= 20 * 15, `${json} endpoints`);
  assert.equal(protobuf, json);
  assert.deepEqual([jsonItems, protobufItems], [20, 20]);
});

test('a list is never held whole while it is decoded', { skip: process.platform !== 'linux' && 'no /proc' }, (t) => {
  const results = benchDecodeMemory(10_000, 15);
  t.diagnostic(formatDecodeMemory(results));
  const { json, protobuf } = results;
  assert.deepEqual([json.objectCount, protobuf.objectCount], [10_000, 10_000]);
  // Some 3 MiB, all of it what waits for collection, however long the list is: more where the collector comes late.
  for (const { responseMiB, peakMiB } of [json, protobuf]) {
    assert.ok(responseMiB > 14, `${responseMiB} MiB`);
    assert.ok(peakMiB < 12, `${peakMiB} MiB`);
  }
});

test('loading a cluster counts its objects and octets', (t) => {
  const result = benchLoadCluster(200, 3);
  t.diagnostic(formatLoadResult(result));
  assert.ok(result.objectCount > 400);
  assert.ok(result.stateMiB > 0 && result.snapshotMiB > 0);
});
