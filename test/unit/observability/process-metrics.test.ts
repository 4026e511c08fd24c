/** Metrics of the process: what the system does not tell is missing, and nothing else is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processMetrics } from '../../../src/observability/counters/process-metrics.ts';

test('memory that cannot be read is left out, and the other figures are there', (t) => {
  const valuesOf = (name: string): number[] => {
    const family = processMetrics().find((found) => found.name === name)!;
    return [...family.samples()].map(({ value }) => value);
  };
  assert.equal(valuesOf('process_resident_memory_bytes').length, 1);
  t.mock.method(process.memoryUsage, 'rss', () => {
    throw new Error('EMFILE: too many open files, uv_resident_set_memory');
  });
  assert.deepEqual(valuesOf('process_resident_memory_bytes'), []);
  assert.ok(valuesOf('process_cpu_seconds_total')[0]! > 0);
});
