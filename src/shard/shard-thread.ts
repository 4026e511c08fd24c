/** The entry of a shard's thread. */
import { parentPort, threadId } from 'node:worker_threads';
import { pinThread } from '../native/cpu-affinity.ts';
import { loadLibc } from '../native/libc.ts';
import { BATCH_ARENA_SIZE, MESSAGE_CAPACITY, MessageBatch } from '../native/message-batch.ts';
import { restoreDefaultPriority } from '../native/thread-priority.ts';
import { BatchLoop } from './batch-loop.ts';
import { MMSG_IO_SIZE } from './mmsg-upstreams.ts';
import { SHARD_CONTROL, shardControlAt } from './shard-options.ts';
import type { ShardMessage, ShardOptions, ShardWork, ShardWorkModule } from './shard-options.ts';

/**
 * Serve until the stop flag is set. Resolves then; rejects with what the answerer threw, or with what kept the shard
 * from starting.
 */
export default async function runShard(options: ShardOptions): Promise<void> {
  const module = (await import(options.workModule)) as ShardWorkModule;
  if (options.transport === 'mmsg') runBatchLoop(options, module);
  else await runDgramLoop(options, module);
}

function runBatchLoop(options: ShardOptions, module: ShardWorkModule): void {
  const libc = loadLibc();
  const arena = libc.viewOf(options.arenaAddress, BATCH_ARENA_SIZE);
  const batch = new MessageBatch(libc, arena);
  const loop = new BatchLoop({
    libc,
    batch,
    sockets: options.sockets,
    epollFd: options.epollFd,
    control: options.control,
    shard: options.shard,
    work: createWork(options, module, arena, MMSG_IO_SIZE),
  });
  if (options.cpu >= 0 && !pinThread(options.cpu)) {
    post({ kind: 'log', shard: options.shard, text: `cannot be pinned to CPU ${options.cpu}` });
  }
  if (options.hasDefaultPriority && !restoreDefaultPriority(libc)) {
    post({ kind: 'log', shard: options.shard, text: 'keeps the low priority of the thread that made it' });
  }
  announce(options, []);
  loop.run();
}

async function runDgramLoop(options: ShardOptions, module: ShardWorkModule): Promise<void> {
  // Loaded here: the modules of node that only this transport needs are a tenth of a thread's start.
  const [{ DgramLoop }, { DGRAM_IO_SIZE }] = await Promise.all([
    import('./dgram-loop.ts'),
    import('./dgram-upstreams.ts'),
  ]);
  const arena = new ArrayBuffer(DgramLoop.ARENA_SIZE);
  const loop = new DgramLoop(options, createWork(options, module, arena, DGRAM_IO_SIZE), arena);
  const ports = await loop.open();
  announce(options, ports);
  await loop.run();
}

function createWork(
  options: ShardOptions,
  module: ShardWorkModule,
  arena: ArrayBuffer,
  forwardIoSize: number,
): ShardWork {
  return module.createShardWork({
    shard: options.shard,
    readerSlot: options.readerSlot,
    arena,
    messageCapacity: MESSAGE_CAPACITY,
    forwardIoSize,
    data: options.workData,
  });
}

function announce(options: ShardOptions, ports: readonly number[]): void {
  Atomics.add(new Int32Array(options.control), shardControlAt(options.shard) + SHARD_CONTROL.at.starts, 1);
  post({ kind: 'ready', shard: options.shard, threadId, ports });
}

function post(message: ShardMessage): void {
  parentPort?.postMessage(message);
}
