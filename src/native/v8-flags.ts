/** V8's flags, which are the whole process's. */
import { setFlagsFromString } from 'node:v8';

/**
 * Keep what waits for collection small: main has a budget of octets, and what it reads is garbage a moment later. The young
 * generation stays at its first size (it would grow to three times 16 MiB while objects are read), the old one is collected
 * when it has grown by a fifth. For all threads of the process, which may also collect when they are asked to.
 */
export function boundGarbage(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=20');
  exposeCollector();
}

/** Let new contexts have `gc`. It is never taken back: what was compiled under other flags is not taken (scripts/chunk-loader.cjs). */
export function exposeCollector(): void {
  setFlagsFromString('--expose-gc');
}
