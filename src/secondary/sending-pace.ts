/**
 * How fast a primary has to send: who lets octets drip takes a place from all who wait for theirs. Time counts only while
 * something is waited for, so nobody is slow because the server is.
 */

export interface PaceLimits {
  /** how long a message may take after the one before, ms */
  readonly messageMs: number;
  /** how much has to come in how long, octets and ms */
  readonly windowSize: number;
  readonly windowMs: number;
}

/** A line of 8 kbit/s; a message of 64 KiB takes ten seconds at 50 kbit/s. */
export const PACE_LIMITS: PaceLimits = { messageMs: 10_000, windowSize: 32 * 1024, windowMs: 30_000 };

export class SendingPace {
  readonly #limits: PaceLimits;
  #messageMs = 0;
  #windowMs = 0;
  #windowSize = 0;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
  }

  /** How long it may be waited for more, ms. */
  get leftMs(): number {
    return Math.max(0, this.#limits.messageMs - this.#messageMs);
  }

  /**
   * Octets came.
   *
   * @param waitedMs  how long they were waited for
   * @returns what is wrong with the pace, undefined if nothing is
   */
  came(size: number, waitedMs: number): string | undefined {
    const { messageMs, windowSize, windowMs } = this.#limits;
    this.#messageMs += waitedMs;
    this.#windowMs += waitedMs;
    this.#windowSize += size;
    if (this.#messageMs >= messageMs) return `a message takes longer than ${messageMs / 1000} s`;
    if (this.#windowMs < windowMs) return undefined;
    if (this.#windowSize < windowSize) return `it sends less than ${windowSize} octets in ${windowMs / 1000} s`;
    this.#windowMs = 0;
    this.#windowSize = 0;
    return undefined;
  }

  /** A message is complete. */
  completed(): void {
    this.#messageMs = 0;
  }
}
