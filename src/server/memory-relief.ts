/**
 * Gives memory back that lists and the start took: while objects are listed what the C library holds free, after it
 * garbage and the pages of code as well. Lists of a large cluster leave tens of MiB, and the limit is hard.
 */
import type { Libc } from '../native/libc.ts';
import { discardCode, shrinkHeap } from '../native/process-memory.ts';

/** How often is looked whether something is listed, ms; while nothing has been for some time, less often: a look wakes main. */
const LOOK_MS = 250;
const IDLE_LOOK_MS = 500;
/** How often the C library gives back while it is, ms: that takes up to 20 ms, and the pages that are used again as long. */
const TRIM_MS = 1_000;
/** When all is given back, ms after a list has ended: queries of the first moment, and a list that follows, go first. */
const REST_MS = 500;

export interface MemoryReliefOptions {
  /** undefined: without native calls only garbage is collected */
  readonly libc: Libc | undefined;
  /** whether a list has begun that has not ended */
  readonly isListing: () => boolean;
}

export class MemoryRelief {
  readonly #options: MemoryReliefOptions;
  #timer: NodeJS.Timeout | undefined;
  /** when the C library gave back last, by performance.now */
  #trimmedAtMs = performance.now();
  /** when the last list was seen, by performance.now; undefined: all is given back */
  #busyAtMs: number | undefined;

  constructor(options: MemoryReliefOptions) {
    this.#options = options;
  }

  /** Look from now on. Once more does nothing. */
  start(): void {
    if (this.#timer === undefined) this.#lookAfter(LOOK_MS);
  }

  /** For the moment at which threads and modules are loaded: most of the code that did that is not used again. */
  releaseCode(): void {
    // What is given back for good waits until the rest of the start is over.
    this.#busyAtMs = performance.now();
    const { libc } = this.#options;
    if (libc === undefined) return;
    libc.malloc_trim?.(0);
    discardCode(libc);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #lookAfter(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#look();
      this.#lookAfter(this.#busyAtMs === undefined ? IDLE_LOOK_MS : LOOK_MS);
    }, delayMs).unref();
  }

  #look(): void {
    const { libc, isListing } = this.#options;
    const nowMs = performance.now();
    if (isListing()) {
      this.#busyAtMs = nowMs;
      if (nowMs - this.#trimmedAtMs < TRIM_MS) return;
      this.#trimmedAtMs = nowMs;
      libc?.malloc_trim?.(0);
      return;
    }
    if (this.#busyAtMs === undefined || nowMs - this.#busyAtMs < REST_MS) return;
    this.#busyAtMs = undefined;
    shrinkHeap(libc);
    if (libc !== undefined) discardCode(libc);
  }
}
