/**
 * One writer and real reading threads: readers check every word they read, some are killed in the middle of a batch,
 * one hangs. SKYSHARD_STRESS_SECONDS lets it run for longer than the few seconds of `npm test`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { SkyshardError } from '../../src/base/skyshard-error.ts';
import type { StalledReader } from '../../src/memory/epochs.ts';
import { reserveSharedBuffer } from '../../src/memory/shared-buffer.ts';
import { SnapshotBuilder } from '../../src/snapshot/builder.ts';
import { verifySnapshot } from '../../src/snapshot/verify.ts';
import { CONTROL, PAIR_COUNT, pairContent, pairName } from './stress-content.ts';
import type { StressWorkerData } from './stress-content.ts';

const SECONDS = Number(process.env['SKYSHARD_STRESS_SECONDS'] ?? 4);
const READERS = 3;
/** Small, so that a freed block is taken again within a few publications. */
const BUFFER_SIZE = 2 << 20;

class StressReader {
  readonly slot: number;
  readonly worker: Worker;
  readonly ended: Promise<unknown>;

  constructor(run: StressRun, seed: number) {
    this.slot = run.builder.epochs.claimSlot(seed + 1);
    const data: StressWorkerData = { buffer: run.buffer, slot: this.slot, control: run.controlBuffer, seed };
    this.worker = new Worker(new URL('./snapshot-reader.worker.ts', import.meta.url), { workerData: data });
    this.worker.on('message', (fault: string) => run.faults.push(fault));
    this.worker.on('error', (error) => run.faults.push(String(error)));
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', resolve);
    });
  }
}

class StressRun {
  readonly buffer = reserveSharedBuffer({ sizeMax: BUFFER_SIZE });
  readonly builder = new SnapshotBuilder(this.buffer);
  readonly controlBuffer = new SharedArrayBuffer(CONTROL.WORDS * 4);
  readonly control = new Int32Array(this.controlBuffer);
  readonly faults: string[] = [];
  readers: StressReader[] = [];
  version = 0;
  fullCount = 0;
  #seed = 1;
  #random = 12_345;

  constructor(context: TestContext) {
    // A test that failed must not leave threads running.
    context.after(() => Promise.all(this.readers.map(({ worker }) => worker.terminate())));
    for (let count = 0; count < 50; count++) this.change();
  }

  random(bound: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return (this.#random >>> 8) % bound;
  }

  addReader(): void {
    this.readers.push(new StressReader(this, this.#seed++));
  }

  /** What the supervisor does with a reader that is gone or hangs: end the thread, then clear its slot. */
  async replaceReader(reader: StressReader): Promise<void> {
    await reader.worker.terminate();
    await reader.ended;
    this.builder.epochs.releaseSlot(reader.slot);
    this.readers = this.readers.filter((other) => other !== reader);
    this.addReader();
  }

  /** One change set: a few pairs written, a few removed. */
  change(): void {
    const dataset = this.builder.dataset(0);
    this.version++;
    try {
      for (let count = 1 + this.random(20); count > 0; count--) {
        const pair = this.random(PAIR_COUNT);
        for (const side of [0, 1]) {
          if (pair % 5 === this.version % 5) dataset.remove(pairName(pair, side));
          else dataset.put(pairName(pair, side), pairContent(pair, side, this.version));
        }
      }
      this.builder.publish(this.version);
    } catch (error) {
      if (!(error instanceof SkyshardError) || error.code !== 'SNAPSHOT_FULL') throw error;
      this.fullCount++;
      this.builder.abort();
    }
  }

  async writeFor(durationMs: number, onTurn?: () => void): Promise<void> {
    const end = performance.now() + durationMs;
    while (performance.now() < end) {
      for (let count = 0; count < 20; count++) this.change();
      onTurn?.();
      await nextTurn();
    }
  }

  async waitForBatches(count: number): Promise<void> {
    const target = Atomics.load(this.control, CONTROL.BATCHES) + count;
    while (Atomics.load(this.control, CONTROL.BATCHES) < target) {
      assert.deepEqual(this.faults, []);
      await nextTurn();
    }
  }

  async end(): Promise<void> {
    Atomics.store(this.control, CONTROL.STOP, 1);
    Atomics.notify(this.control, CONTROL.STOP);
    await Promise.all(this.readers.map(({ ended }) => ended));
    for (const { slot } of this.readers) this.builder.epochs.releaseSlot(slot);
    this.builder.epochs.reclaim();
  }

  assertSound(): void {
    assert.deepEqual(this.faults.slice(0, 5), []);
    assert.equal(Atomics.load(this.control, CONTROL.FAULTS), 0);
    const extent = verifySnapshot(this.buffer);
    const { blocks, retainedCount } = this.builder.statistics();
    assert.equal(retainedCount, 0);
    assert.equal(blocks.liveCount, extent.blockCount, 'a block was lost');
  }
}

test('readers see whole snapshots while a writer publishes', { timeout: (SECONDS + 60) * 1000 }, async (context) => {
  const run = new StressRun(context);
  for (let index = 0; index < READERS; index++) run.addReader();
  await run.waitForBatches(READERS);
  await run.writeFor(SECONDS * 500);
  await run.waitForBatches(10);
  await run.end();
  run.assertSound();
  assert.ok(Atomics.load(run.control, CONTROL.FOUND) > 100, 'the readers found names');
  context.diagnostic(
    `${run.version} versions, ${run.fullCount} refused, ${Atomics.load(run.control, CONTROL.BATCHES)} batches`,
  );
});

test(
  'readers killed in the middle of a batch leave nothing behind',
  { timeout: (SECONDS + 60) * 1000 },
  async (context) => {
    const run = new StressRun(context);
    for (let index = 0; index < READERS; index++) run.addReader();
    const end = performance.now() + SECONDS * 500;
    let killed = 0;
    do {
      await run.waitForBatches(5);
      await run.writeFor(20);
      const killing = run.replaceReader(run.readers[run.random(run.readers.length)]!);
      await run.writeFor(20);
      await killing;
      killed++;
    } while (performance.now() < end);
    await run.waitForBatches(5);
    await run.end();
    run.assertSound();
    context.diagnostic(`${killed} readers killed, ${run.version} versions, ${run.fullCount} refused`);
  },
);

test(
  'a reader that hangs is reported, costs bounded memory, and none once it is replaced',
  { timeout: 120_000 },
  async (context) => {
    const run = new StressRun(context);
    for (let index = 0; index < 2; index++) run.addReader();
    await run.writeFor(50);
    await run.waitForBatches(10);
    const hanging = run.readers[0]!;
    Atomics.store(run.control, CONTROL.HANG, hanging.slot + 1);
    let stalled: readonly StalledReader[] = [];
    while (!stalled.some(({ slot }) => slot === hanging.slot)) {
      await run.writeFor(100);
      stalled = run.builder.epochs.stalledReaders(performance.now());
    }
    assert.ok(run.fullCount > 0, 'the buffer was full while everything was retained');
    const { retainedSize } = run.builder.statistics();
    assert.ok(retainedSize > BUFFER_SIZE / 4 && retainedSize < BUFFER_SIZE, String(retainedSize));
    assert.equal(run.faults.length, 0);
    verifySnapshot(run.buffer);
    Atomics.store(run.control, CONTROL.HANG, 0);
    await run.replaceReader(hanging);
    // Readers that hold a snapshot for long on a busy machine may still have a change refused now and then.
    const { generation } = run.builder.epochs;
    await run.writeFor(500);
    assert.ok(run.builder.epochs.generation - generation > 20, 'changes are published again');
    await run.waitForBatches(10);
    await run.end();
    run.assertSound();
  },
);
