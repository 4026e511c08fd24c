/** How hard the API server is asked: requests a second with a burst, and requests at a time. */
import { setTimeout } from 'node:timers/promises';

/** client-go's, which hold where a Corefile does not say `apiserver_qps` and `apiserver_burst`. */
export const DEFAULT_QPS = 5;
export const DEFAULT_BURST = 10;

/** A bucket of tokens: `burst` of them at first, `queriesPerSecond` new ones a second. Who comes first is served first. */
export class RateLimiter {
  readonly #tokenMs: number;
  readonly #burst: number;
  readonly #nowMs: () => number;
  /** when the bucket was, or will be, empty but for those who wait */
  #emptyAtMs: number;

  constructor(queriesPerSecond: number, burst: number, nowMs = () => performance.now()) {
    this.#tokenMs = 1000 / queriesPerSecond;
    this.#burst = Math.max(1, burst);
    this.#nowMs = nowMs;
    this.#emptyAtMs = -Infinity;
  }

  /** Take a token. @returns milliseconds until it may be used */
  reserve(): number {
    const nowMs = this.#nowMs();
    const full = nowMs - this.#burst * this.#tokenMs;
    this.#emptyAtMs = Math.max(this.#emptyAtMs, full) + this.#tokenMs;
    return Math.max(0, this.#emptyAtMs - nowMs);
  }

  /** Wait for a token. @throws if the signal aborts */
  async wait(signal: AbortSignal): Promise<void> {
    const waitMs = this.reserve();
    if (waitMs > 0) await setTimeout(waitMs, undefined, { signal });
  }
}

/** At most so many at a time; who comes first is served first. */
export class InflightLimit {
  readonly #max: number;
  #inflight = 0;
  readonly #waiters: (() => void)[] = [];

  /** @param max  0: no limit */
  constructor(max: number) {
    this.#max = max === 0 ? Infinity : max;
  }

  /** @returns a function that gives the place back; calling it again does nothing */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (this.#inflight < this.#max) this.#inflight++;
    else await this.#wait(signal);
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      const next = this.#waiters.shift();
      if (next === undefined) this.#inflight--;
      else next();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        const index = this.#waiters.indexOf(take);
        if (index >= 0) this.#waiters.splice(index, 1);
        reject(signal.reason as Error);
      };
      if (signal.aborted) {
        giveUp();
        return;
      }
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiters.push(take);
    });
  }
}
