/** How long the next thread waits when one ends again and again before it is of use: half a minute in the end. */
const WAIT_MAX_MS = 30_000;

export interface RestartPaceOptions {
  /** the first wait, ms; each further one is twice as long */
  readonly waitMs: number;
  /** so many ends in a row cost no wait */
  readonly freeEnds: number;
}

export class RestartPace {
  readonly #options: RestartPaceOptions;
  #ends = 0;

  constructor(options: RestartPaceOptions) {
    this.#options = options;
  }

  /**
   * A thread ended.
   *
   * @param wasOfUse  it worked for a while
   * @returns how long the next one waits, ms
   */
  ended(wasOfUse: boolean): number {
    const { waitMs, freeEnds } = this.#options;
    if (wasOfUse) {
      this.#ends = 0;
      return 0;
    }
    const doublings = this.#ends++ - freeEnds;
    return doublings < 0 ? 0 : Math.min(waitMs * 2 ** doublings, WAIT_MAX_MS);
  }
}

/** End of a line that says that a thread has ended. */
export function successorText(waitMs: number): string {
  return waitMs < 1000 ? 'its successor starts' : `its successor starts in ${Math.round(waitMs / 1000)} s`;
}
