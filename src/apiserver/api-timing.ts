/** How long things may take, and how long to wait before they are tried again. */

export interface ApiTiming {
  /** the first wait after a failure; it doubles with each one that follows */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** the longest wait while no connection comes about: trying costs the server nothing */
  readonly connectBackoffMaxMs: number;
  /** the longest wait that a server may ask for with Retry-After */
  readonly retryAfterMaxMs: number;
  /** when to look again for a resource that a cluster need not have */
  readonly missingRetryMs: number;
  /** when to ask again for a streaming list, where the server had none: it may have been updated */
  readonly streamingRetryMs: number;
  /** a request that is not answered within this has failed; a proxy may keep the headers of a watch until its first event */
  readonly answerMs: number;
  /** a watch that says nothing for so long is not trusted: bookmarks come once a minute */
  readonly silenceMs: number;
  /** a list that says nothing for so long */
  readonly listSilenceMs: number;
  /** the server is asked to end each watch after a random time between the two, so that those of many clients spread */
  readonly watchMinSeconds: number;
  readonly watchMaxSeconds: number;
  /** all is listed again after so long and up to half of it more: clients have met watches that lost an event */
  readonly reconcileMs: number;
  /** a watch that lasted so long was a success, even if nothing happened */
  readonly steadyMs: number;
  /** faults of a kind that was synced are passed over for so long: servers restart, proxies cut what is idle */
  readonly logGraceMs: number;
  /** how often a fault that lasts is logged again */
  readonly logAgainMs: number;
}

export const API_TIMING: ApiTiming = {
  backoffMinMs: 100,
  backoffMaxMs: 30_000,
  connectBackoffMaxMs: 5000,
  retryAfterMaxMs: 60_000,
  missingRetryMs: 60_000,
  streamingRetryMs: 3_600_000,
  answerMs: 90_000,
  silenceMs: 150_000,
  listSilenceMs: 60_000,
  watchMinSeconds: 300,
  watchMaxSeconds: 600,
  reconcileMs: 3_600_000,
  steadyMs: 5000,
  logGraceMs: 5000,
  logAgainMs: 300_000,
};

/** Waits that double from the first failure on, each drawn between half of it and all of it. */
export class Backoff {
  readonly #minMs: number;
  #failures = 0;

  constructor(minMs: number) {
    this.#minMs = minMs;
  }

  /** failures since the last success */
  get failures(): number {
    return this.#failures;
  }

  /** Count a failure. @returns how long to wait now, less than `maxMs` */
  next(maxMs: number): number {
    const fullMs = Math.min(maxMs, this.#minMs * 2 ** Math.min(this.#failures++, 30));
    return fullMs / 2 + (Math.random() * fullMs) / 2;
  }

  reset(): void {
    this.#failures = 0;
  }
}
