/**
 * The pool of a shard's thread: piscina makes the thread, and another one when it ends.
 *
 * A thread takes as long to come up as main does to know what it serves, so the first one may be made before anything else is loaded
 * (`startEarly`): this module and what it imports is a chunk of its own in dist/.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina } from 'piscina';
import type { Transport } from '../../shard/shard-options.ts';
import { threadModule } from './thread-module.ts';

/** How long a thread may take to come up before it is ended nevertheless, ms. */
const COME_UP_MAX_MS = 10_000;

let early: Piscina | undefined;

/** Make the thread that the first shard will take, for the transport of Linux; one that nobody takes does not keep the process alive. */
export function startEarly(): void {
  if (process.platform !== 'linux' || early !== undefined) return;
  early = createShardPool('mmsg');
  // Who takes it is told what goes wrong from then on; that it does not start at all is found out by then too.
  early.on('error', () => undefined);
}

/** A thread for a shard: that made early, once, or a new one. */
export function takeShardPool(transport: Transport): Piscina {
  const made = early;
  early = undefined;
  if (made !== undefined && transport === 'mmsg') return made;
  if (made !== undefined) void endPool(made);
  return createShardPool(transport);
}

/** Resolves when the thread that was made early is gone, if nobody took it: to be waited for before the process ends. */
export async function discardEarly(): Promise<void> {
  const made = early;
  early = undefined;
  if (made !== undefined) await endPool(made);
}

/** Not before the thread has come up: koffi ends the process where the thread that loads it is ended meanwhile. */
async function endPool(pool: Piscina): Promise<void> {
  const late = new AbortController();
  // An idle thread does not keep the process alive, this does.
  const timeout = sleep(COME_UP_MAX_MS, undefined, { signal: late.signal }).catch(() => undefined);
  await Promise.race([pool.run(undefined).catch(() => undefined), timeout]);
  await pool.destroy();
  late.abort();
}

function createShardPool(transport: Transport): Piscina {
  return new Piscina({
    filename: threadModule('shard/shard-thread').href,
    workerData: { transport },
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    // The default parks an idle thread in Atomics.wait; a shard is one task that never ends.
    atomics: 'disabled',
    idleTimeout: Infinity,
    // A shard allocates nothing per query: 1 MiB of young generation is enough and saves 3 MiB a thread.
    ...(transport === 'mmsg' && { resourceLimits: { maxYoungGenerationSizeMb: 1 } }),
    workerHistogram: false,
    recordTiming: false,
  });
}
