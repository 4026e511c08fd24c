/** The batch loop on a kernel that costs nothing: order of its calls, what it counts, what it allocates. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { BATCH_ARENA_SIZE, BATCH_MAX, MessageBatch } from '../../../src/native/message-batch.ts';
import type { ShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { BatchLoop } from '../../../src/shard/batch-loop.ts';
import { createShardControl, SHARD_CONTROL } from '../../../src/shard/shard-options.ts';
import { FakeKernel } from './fake-kernel.ts';

interface TestLoop {
  readonly kernel: FakeKernel;
  readonly loop: BatchLoop;
  readonly stop: () => void;
  /** what was counted, in order */
  readonly counted: { publishes: number; durations: [scope: number, count: number][] };
}

function createLoop(
  socketCount: number,
  scopeOf: (listener: number) => number = () => 1,
  onAnswer: () => void = () => undefined,
): TestLoop {
  const kernel = new FakeKernel();
  const arena = new ArrayBuffer(BATCH_ARENA_SIZE);
  kernel.attach(arena);
  const control = createShardControl(1);
  const stop = () => void Atomics.store(new Int32Array(control), SHARD_CONTROL.at.stop, 1);
  const counted: TestLoop['counted'] = { publishes: 0, durations: [] };
  const counters: ShardCounters = {
    countRequest: () => undefined,
    countResponse: () => undefined,
    countDrop: () => undefined,
    countLocalhost: () => undefined,
    countAcl: () => undefined,
    countComposed: () => undefined,
    countTemplate: () => undefined,
    countTemplateText: () => undefined,
    countDuration: (scope, count) => {
      if (kernel.isRecording) counted.durations.push([scope, count]);
    },
    publish: () => void counted.publishes++,
  };
  const answerer = {
    scope: 0,
    client: { proxyVector: undefined },
    enterBatch: () => undefined,
    leaveBatch: () => undefined,
    answer(listener: number, _offset: number, size: number) {
      this.scope = scopeOf(listener);
      onAnswer();
      return size;
    },
  };
  const loop = new BatchLoop({
    libc: kernel.libc,
    batch: new MessageBatch(kernel.libc, arena),
    sockets: Array.from({ length: socketCount }, (_, i) => ({ fd: i + 1, listener: i, isWildcard: false })),
    epollFd: 0,
    control,
    shard: 0,
    work: { answerer, counters },
  });
  return { kernel, loop, stop, counted };
}

test('a million queries, one and 64 at a time, allocate nothing each', () => {
  const { kernel, loop, stop } = createLoop(1);
  let turns = 0;
  let allocated = 0;
  let heapBefore = 0;
  kernel.onEmpty = () => {
    kernel.waiting[1] = ++turns % 2 === 0 ? 1 : BATCH_MAX;
    // The first million warms the compilers up.
    if (turns < 32_000 || turns % 1000 > 1) return;
    // From turn 1 to turn 0 of each thousand; a collection in between shows as less than nothing.
    const heap = process.memoryUsage().heapUsed;
    if (turns % 1000 === 0 && heapBefore > 0) allocated += Math.max(0, heap - heapBefore);
    else heapBefore = heap;
    if (turns === 64_000) stop();
  };
  loop.run();
  assert.ok(kernel.sent > 2_000_000);
  // A turn's two clock readings are 1 MB; the smallest object a query would be 12 MB and more.
  assert.ok(allocated < 4_000_000, `${allocated} octets for a million queries`);
});

test('a socket that always has more gets one batch a turn, as its neighbour does', () => {
  const { kernel, loop, stop } = createLoop(2);
  kernel.isRecording = true;
  kernel.waiting[1] = BATCH_MAX * 3;
  kernel.waiting[2] = 1;
  kernel.onEmpty = stop;
  loop.run();
  assert.deepEqual(kernel.calls, [1, -1, 2, -2, 1, -1, 1, -1]);
});

test('one socket is read without a wait for readiness, two calls a batch', () => {
  const { kernel, loop, stop } = createLoop(1);
  kernel.isRecording = true;
  kernel.waiting[1] = BATCH_MAX + 3;
  kernel.onEmpty = stop;
  loop.run();
  assert.deepEqual(kernel.calls, [1, -1, 1, -1, 1]);
});

test('counters are published every 64 queries, and when nothing comes', () => {
  const { kernel, loop, stop, counted } = createLoop(1);
  let empties = 0;
  kernel.onEmpty = () => {
    empties++;
    if (empties <= 64) kernel.waiting[1] = 1;
    // With 64 queries done the next receive blocks: nothing new to publish.
    if (empties === 66) assert.equal(counted.publishes, 64);
    if (empties === 67) stop();
  };
  loop.run();
  assert.ok(counted.publishes >= 64);
});

test('counters are published though a query now and then is all that comes, and there is never a moment without one', () => {
  let answered = 0;
  const { kernel, loop, stop, counted } = createLoop(
    1,
    () => 1,
    () => {
      for (const endMs = performance.now() + 15; performance.now() < endMs;);
      if (++answered < 5) kernel.waiting[1] = 1;
      else stop();
    },
  );
  kernel.waiting[1] = 1;
  loop.run();
  assert.equal(answered, 5);
  // The end publishes too.
  assert.ok(counted.publishes > 1, `published ${counted.publishes} times`);
});

test('time is counted by scope', () => {
  const { kernel, loop, stop, counted } = createLoop(2, (listener) => listener + 5);
  kernel.isRecording = true;
  kernel.waiting[1] = 3;
  kernel.waiting[2] = 2;
  kernel.onEmpty = stop;
  loop.run();
  assert.deepEqual(counted.durations, [
    [5, 3],
    [6, 2],
  ]);
});

test('full batches need no pause', () => {
  const { kernel, loop, stop } = createLoop(1);
  kernel.waiting[1] = BATCH_MAX * 40_000;
  kernel.onEmpty = stop;
  loop.run();
  assert.equal(kernel.sent, BATCH_MAX * 40_000);
  assert.equal(kernel.pauses, 0);
});

test('small batches in quick succession are made larger by a pause, few queries are not', () => {
  const { kernel, loop, stop } = createLoop(1);
  kernel.batchMax = 1;
  kernel.waiting[1] = 1_000_000;
  let pausesWhenQuiet = 0;
  let quietTurns = 0;
  kernel.onEmpty = () => {
    // From here on one query at a time, with nothing in between.
    if (quietTurns++ === 0) pausesWhenQuiet = kernel.pauses;
    kernel.waiting[1] = 1;
    if (quietTurns === 100) stop();
  };
  loop.run();
  assert.ok(pausesWhenQuiet > 1000, 'while they come quickly');
  assert.equal(kernel.pauses, pausesWhenQuiet, 'not once the socket ran empty');
});
