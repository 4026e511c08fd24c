/** A clock that all threads of a process read alike: performance.now() of each begins when that thread began. */

/** What is to be added to performance.now() of this thread, ms. */
const OFFSET_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

const TICK_MS = 100;

/** Tenths of a second of the machine's monotonic clock, mod 2³². */
export function machineTick(nowMs: number = performance.now()): number {
  return ((nowMs + OFFSET_MS) / TICK_MS) >>> 0;
}
