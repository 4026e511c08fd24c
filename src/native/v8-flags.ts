/**
 * V8's flags, which are the whole process's. Compiled code is only taken under the flags that it was compiled under: while threads start
 * they are what Node was built with, or all that Node brings along compiled is compiled anew, 35 ms a thread.
 */
import { setFlagsFromString } from 'node:v8';

/** Each takes some milliseconds, and a few threads at most begin at the same time. */
const COLLECTOR_TRIES = 10;

/**
 * Keep what waits for collection small: main has a budget of octets, and what it reads is garbage a moment later. The young
 * generation stays at its size (it would grow to three times 16 MiB while objects are read), the old one is collected
 * when it has grown by a fifth. For all threads of the process. What is in dist/ is taken under these flags too (scripts/chunk-loader.cjs).
 */
export function boundGarbage(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=20');
}

/**
 * The function that collects garbage of this thread. Others may look for theirs at the same time, and take the flag away in between.
 *
 * @param findCollector  makes a context and looks for it there
 */
export function withCollector<Found>(findCollector: () => Found | undefined): Found | undefined {
  for (let triesLeft = COLLECTOR_TRIES; triesLeft > 0; triesLeft--) {
    setFlagsFromString('--expose-gc');
    const found = findCollector();
    setFlagsFromString('--no-expose-gc');
    if (found !== undefined) return found;
  }
  return undefined;
}
