/** A pause of the calling thread, shorter than timers of an event loop can make one. */
import type { Libc } from './libc.ts';

/** What a pause asks for; the kernel adds its timer slack of 50 µs and the way back to the CPU: 100 to 150 µs in all. */
export const PAUSE_NS = 50_000;

export class ThreadPause {
  readonly #libc: Libc;
  readonly #duration: BigInt64Array;
  readonly #address: bigint;

  constructor(libc: Libc, durationNs: number = PAUSE_NS) {
    this.#libc = libc;
    // struct timespec; referenced for as long as its address is used
    const memory = new ArrayBuffer(64);
    this.#duration = new BigInt64Array(memory);
    this.#duration[1] = BigInt(durationNs);
    this.#address = libc.addressOf(memory);
  }

  pause(): void {
    this.#libc.nanosleep(this.#address, 0);
  }
}
