/** A shard's thread over a million queries: what its heap and its collector did meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import type { AllocationReport } from './allocation.worker.ts';

/** Collections of the young generation that two clock readings a batch may cause; an object a query would make 20 and more. */
const MINOR_MAX = 6;
/** Octets the old generation may grow by: what the compilers learn late. */
const OLD_GROWTH_MAX = 128 * 1024;

test('a million queries of all kinds: the heap does not grow, the old generation is not collected', async () => {
  const worker = new Worker(new URL('./allocation.worker.ts', import.meta.url), {
    // as the shards have it
    resourceLimits: { maxYoungGenerationSizeMb: 1 },
  });
  const [report] = (await once(worker, 'message')) as [AllocationReport];
  await worker.terminate();
  assert.ok(report.queries >= 1_000_000 && report.responses > report.queries * 0.8, JSON.stringify(report));
  assert.ok(report.minorCollections <= MINOR_MAX, `${report.minorCollections} collections of the young generation`);
  assert.equal(report.majorCollections, 0, 'collections of the old generation');
  assert.ok(report.oldGrowth <= OLD_GROWTH_MAX, `the old generation has grown by ${report.oldGrowth} octets`);
});
