/**
 * Real threads that store and look up in one cache, small enough that memory is taken again all the time; some are killed.
 * SKYSHARD_STRESS_SECONDS lets it run for longer than the few seconds of `npm test`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { EpochWriter } from '../../src/memory/epochs.ts';
import { cacheOf, CacheThread, snapshotBuffer, total } from '../unit/cache/cache-bench.ts';
import { CACHE_CONTROL, isBodyOf, NAME_COUNT, type CacheStressData } from './cache-stress-content.ts';

const SECONDS = Number(process.env['SKYSHARD_STRESS_SECONDS'] ?? 4);
const THREADS = 3;
const STORED_BETWEEN_KILLS = 10_000;

test('threads that share a cache', { timeout: (SECONDS + 60) * 1000 }, async (context) => {
  const buffer = cacheOf(THREADS + 1, 4000, 0);
  const snapshot = snapshotBuffer();
  const epochs = new EpochWriter(snapshot, { free: () => undefined, sizeOf: () => 0 });
  const controlBuffer = new SharedArrayBuffer(CACHE_CONTROL.WORDS * 4);
  const control = new Int32Array(controlBuffer);
  const faults: string[] = [];
  const workers: Worker[] = [];
  let seed = 1;
  const start = (writer: number): void => {
    assert.equal(epochs.claimSlot(writer + 1), writer);
    const data: CacheStressData = { buffer, snapshot, control: controlBuffer, writer, seed: seed++ };
    const worker = new Worker(new URL('./cache-thread.worker.ts', import.meta.url), { workerData: data });
    worker.on('message', (fault: string) => faults.push(fault));
    worker.on('error', (error) => faults.push(String(error)));
    workers[writer] = worker;
  };
  context.after(() => Promise.all(workers.map((worker) => worker.terminate())));
  for (let writer = 0; writer < THREADS; writer++) start(writer);
  while (Atomics.load(control, CACHE_CONTROL.FOUND) < 1000) await delay(20);
  const end = performance.now() + SECONDS * 500;
  let killed = 0;
  do {
    // Until the last one that was started takes part, and for a while.
    const target = Atomics.load(control, CACHE_CONTROL.STORED) + STORED_BETWEEN_KILLS;
    while (Atomics.load(control, CACHE_CONTROL.STORED) < target) await delay(10);
    const writer = killed % THREADS;
    await workers[writer]!.terminate();
    epochs.releaseSlot(writer);
    start(writer);
    killed++;
  } while (performance.now() < end);
  Atomics.store(control, CACHE_CONTROL.STOP, 1);
  Atomics.notify(control, CACHE_CONTROL.STOP);
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));

  assert.deepEqual(faults.slice(0, 5), []);
  const [found, stored] = [control[CACHE_CONTROL.FOUND]!, control[CACHE_CONTROL.STORED]!];
  assert.ok(stored > 5000, `${stored} stored`);
  // Afterwards every entry that can be found is whole.
  const after = new CacheThread(buffer, THREADS, snapshot);
  let alive = 0;
  for (let name = 0; name < NAME_COUNT; name++) {
    const body = after.find({ name: `n${name}.test.` });
    if (body === undefined) continue;
    alive++;
    assert.ok(isBodyOf(body, name));
  }
  assert.ok(alive > 100);
  context.diagnostic(
    `${killed} killed, ${stored} stored, ${found} found, ${total(buffer, THREADS, 'drops')} dropped, ${alive} alive`,
  );
});
