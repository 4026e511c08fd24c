/** The entry of a shard's thread. */
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parentPort, receiveMessageOnPort, threadId, workerData } from 'node:worker_threads';
import { pinThread } from '../native/cpu-affinity.ts';
import { loadLibc, nativeUnavailableReason } from '../native/libc.ts';
import { BATCH_ARENA_SIZE, MESSAGE_CAPACITY, MessageBatch } from '../native/message-batch.ts';
import { restoreDefaultPriority } from '../native/thread-priority.ts';
import { BatchLoop } from './batch-loop.ts';
import { MMSG_IO_SIZE } from './mmsg-upstreams.ts';
import { SHARD_CONTROL, shardControlAt } from './shard-options.ts';
import type { ShardCommand, ShardMessage, ShardOptions, ShardWork, ShardWorkModule } from './shard-options.ts';

/** How often a thread that waits for main looks whether it is to end, ms. */
const LOOK_MS = 100;
const LOOK_OFTEN_MS = 5;

// Before it is told what to serve: a thread may be made long before.
if ((workerData as Partial<ShardOptions> | null)?.transport === 'mmsg') nativeUnavailableReason();

/**
 * Serve until the stop flag is set. Resolves then; rejects with what the answerer threw, or with what kept the shard
 * from starting.
 */
export default async function runShard(options: ShardOptions | undefined): Promise<void> {
  // Somebody only waits until the thread has come up.
  if (options === undefined) return;
  // Not imported: in dist/ it is no module of its own.
  const module = createRequire(import.meta.url)(fileURLToPath(options.workModule)) as ShardWorkModule;
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
    commands: {
      receive: () => receiveMessageOnPort(options.commands)?.message as ShardCommand | undefined,
      confirm: ({ number }) => post({ kind: 'heard', shard: options.shard, number, fault: undefined }),
    },
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
  post({ kind: 'opened', shard: options.shard, ports: [] });
  // Without an event loop turn: what would be lost is in the sockets, which are main's.
  while (!mayBegin(options)) {
    const words = new Int32Array(options.control);
    Atomics.wait(words, shardControlAt(options.shard) + SHARD_CONTROL.at.open, 0, LOOK_MS);
  }
  announce(options, []);
  loop.run();
}

/** Whether queries may be taken, or the thread is to end. */
function mayBegin({ control, shard }: ShardOptions): boolean {
  const words = new Int32Array(control);
  const at = shardControlAt(shard);
  return Atomics.load(words, at + SHARD_CONTROL.at.open) !== 0 || Atomics.load(words, at + SHARD_CONTROL.at.stop) !== 0;
}

async function runDgramLoop(options: ShardOptions, module: ShardWorkModule): Promise<void> {
  // Loaded here: the modules of node that only this transport needs are a tenth of a thread's start.
  const [{ DgramLoop }, { DGRAM_IO_SIZE }] = await Promise.all([
    import('./dgram-loop.ts'),
    import('./dgram-upstreams.ts'),
  ]);
  const arena = new ArrayBuffer(DgramLoop.ARENA_SIZE);
  const { shard } = options;
  const work = createWork(options, module, arena, DGRAM_IO_SIZE);
  const loop = new DgramLoop(options, work, arena, (text) => post({ kind: 'log', shard, text }));
  const ports = await loop.open();
  post({ kind: 'opened', shard: options.shard, ports });
  while (!mayBegin(options)) await sleep(LOOK_OFTEN_MS);
  options.commands.on('message', (command: ShardCommand) => {
    void loop.listen(command.listeners).then((fault) => {
      post({ kind: 'heard', shard: options.shard, number: command.number, fault });
    });
  });
  announce(options, ports);
  try {
    await loop.run();
  } finally {
    options.commands.close();
  }
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
