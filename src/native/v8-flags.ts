/**
 * V8's flags, which are the whole process's. Compiled code is only taken under the flags that it was compiled under: while threads start
 * they are what Node was built with, or all that Node brings along compiled is compiled anew, 35 ms a thread.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * Keep what waits for collection small: main has a budget of octets, and what it reads is garbage a moment later. The young
 * generation stays at its size (it would grow to three times 16 MiB while objects are read), the old one is collected
 * when it has grown by a fifth. For all threads of the process. What is in dist/ is taken under these flags too (scripts/chunk-loader.cjs).
 */
export function boundGarbage(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=20');
}

/** Run something that makes a context with `gc`; another thread that does the same at the same time may take it away. */
export function withCollector<Found>(makeContext: () => Found): Found {
  setFlagsFromString('--expose-gc');
  try {
    return makeContext();
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
