/**
 * Whether a shard lets a moment pass before it receives (docs/decisions/0004-…): a pause makes the next batch larger where
 * batches are small and queries come quickly.
 */

/** A batch this small was hardly worth its two calls … */
const PAUSE_BATCH_MAX = 16;
/** … and where more than this many queries come a millisecond, a pause makes the next one larger. */
const PAUSE_RATE_MIN_PER_MS = 5;
/**
 * The same where one query in four or more is asked upstream: such a one would wait twice, for itself and for its reply, and
 * another server's time between is spent waiting anyway.
 */
const FORWARDING_PAUSE_RATE_MIN_PER_MS = 25;
const FORWARDING_SHARE = 1 / 4;
/** Over what time the rate is taken, ms. */
const RATE_WINDOW_MS = 20;

export class BatchPace {
  /** queries of this window */
  queries = 0;
  #startMs = 0;
  #isBusy = false;

  /** Whether a pause is worth while, after a batch of so many. */
  isPauseDue(received: number): boolean {
    return this.#isBusy && received < PAUSE_BATCH_MAX;
  }

  /** So many queries more. @returns whether the window is over: `next` begins another one */
  add(queries: number, nowMs: number): boolean {
    this.queries += queries;
    return nowMs - this.#startMs >= RATE_WINDOW_MS;
  }

  /** @param asked  queries of this window that were for upstreams */
  next(asked: number, nowMs: number): void {
    const isForwarding = asked > this.queries * FORWARDING_SHARE;
    const rateMin = isForwarding ? FORWARDING_PAUSE_RATE_MIN_PER_MS : PAUSE_RATE_MIN_PER_MS;
    this.#isBusy = this.queries > (nowMs - this.#startMs) * rateMin;
    this.#startMs = nowMs;
    this.queries = 0;
  }

  /** Nothing came: what comes next is not waited for. The window goes on. */
  rest(): void {
    this.#isBusy = false;
  }
}
