/** A process that lowers main's priority and starts a thread: prints what each has. */
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { loadLibc } from '../../../src/native/libc.ts';
import { lowerMainPriority, restoreDefaultPriority } from '../../../src/native/thread-priority.ts';

/** nice value and policy of the calling thread */
function priority(): number[] {
  const fields = readFileSync('/proc/thread-self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return [Number(fields[16]), Number(fields[38])];
}

if (isMainThread) {
  const lowered = lowerMainPriority(loadLibc());
  const main = priority();
  new Worker(new URL(import.meta.url)).once('message', (shard: object) => {
    process.stdout.write(JSON.stringify({ lowered, main, ...shard }));
  });
} else {
  const inherited = priority();
  const isRestored = restoreDefaultPriority(loadLibc());
  parentPort?.postMessage({ inherited, isRestored, restored: priority() });
}
