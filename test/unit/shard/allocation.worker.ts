/**
 * The batch loop with the real answerer, snapshot and counters, on a kernel that costs nothing: a million queries for the
 * compilers, then a million while the collector is watched. The queries are those of the table of cases: every type,
 * EDNS option, cookie and kind of broken packet.
 */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import type { PerformanceEntry } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { Answerer } from '../../../src/answer/answerer.ts';
import { BATCH_ARENA_SIZE, BATCH_MAX, MESSAGE_CAPACITY, MessageBatch } from '../../../src/native/message-batch.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { BatchLoop } from '../../../src/shard/batch-loop.ts';
import { createShardControl, SHARD_CONTROL } from '../../../src/shard/shard-options.ts';
import { LISTENER, SCOPE_COUNT, SnapshotSource } from '../../cases/snapshot-source.ts';
import { WIRE_CASES, WIRE_OBJECTS, WIRE_OPTIONS } from '../../cases/wire-cases.ts';
import { FakeKernel } from './fake-kernel.ts';

export interface AllocationReport {
  readonly queries: number;
  readonly responses: number;
  readonly minorCollections: number;
  readonly majorCollections: number;
  /** octets */
  readonly oldGrowth: number;
}

const FD = 1;
const TURNS = Math.ceil(1_000_000 / BATCH_MAX);

const source = new SnapshotSource();
source.load(WIRE_OBJECTS, WIRE_OPTIONS);
const kernel = new FakeKernel();
const arena = new ArrayBuffer(BATCH_ARENA_SIZE);
kernel.attach(arena);
kernel.queries = WIRE_CASES.map(({ query }) => query).filter((query) => query.length < MESSAGE_CAPACITY);
const counters = createShardCounters(createCounterBuffer(1, SCOPE_COUNT), SCOPE_COUNT, 0);
const answerer = new Answerer({
  buffer: source.buffer,
  readerSlot: source.builder.epochs.claimSlot(1),
  arena,
  messageCapacity: MESSAGE_CAPACITY,
  counters,
  cookieSecret: new Uint8Array(16),
});
const control = createShardControl(1);
const loop = new BatchLoop({
  libc: kernel.libc,
  batch: new MessageBatch(kernel.libc, arena),
  sockets: [{ fd: FD, listener: LISTENER, isWildcard: false }],
  epollFd: -1,
  control,
  shard: 0,
  work: { answerer, counters },
});

const collections: { readonly startMs: number; readonly isMajor: boolean }[] = [];
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries() as (PerformanceEntry & { readonly detail: { readonly kind: number } })[]) {
    const isMajor = entry.detail.kind !== constants.NODE_PERFORMANCE_GC_MINOR;
    collections.push({ startMs: entry.startTime, isMajor });
  }
});
observer.observe({ entryTypes: ['gc'] });

let turns = 0;
let startMs = 0;
let endMs = 0;
let oldSizeBefore = 0;
let oldSizeAfter = 0;
let sentBefore = 0;
kernel.onEmpty = () => {
  turns++;
  kernel.waiting[FD] = BATCH_MAX;
  if (turns === TURNS) {
    oldSizeBefore = oldSize();
    sentBefore = kernel.sent;
    startMs = performance.now();
  } else if (turns === 2 * TURNS) {
    endMs = performance.now();
    oldSizeAfter = oldSize();
    Atomics.store(new Int32Array(control), SHARD_CONTROL.at.stop, 1);
  }
};
loop.run();
// What was collected is told by the event loop.
await setImmediate();
await setImmediate();
const during = collections.filter((collection) => collection.startMs >= startMs && collection.startMs <= endMs);
const report: AllocationReport = {
  queries: TURNS * BATCH_MAX,
  responses: kernel.sent - sentBefore,
  minorCollections: during.filter(({ isMajor }) => !isMajor).length,
  majorCollections: during.filter(({ isMajor }) => isMajor).length,
  oldGrowth: oldSizeAfter - oldSizeBefore,
};
parentPort?.postMessage(report);

function oldSize(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size;
}
