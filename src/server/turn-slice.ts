/** Main works for a while, then gives the event loop a turn: probes, metrics and timers wait no longer than this, ms. */
const SLICE_MS = 10;
/** Steps at whose end nobody looks at the time: most changes take no more, and to be told of the end of the turn costs as much as one. */
const FREE_STEPS = 4;

export class TurnSlice {
  #startMs = 0;
  #isRunning = false;

  /** Whether the work since the event loop had its last turn has taken its time, whoever asked for it. */
  get isOver(): boolean {
    if (this.#isRunning) return performance.now() - this.#startMs >= SLICE_MS;
    this.#isRunning = true;
    this.#startMs = performance.now();
    setImmediate(() => {
      this.#isRunning = false;
    });
    return false;
  }

  /** Step through work to its end. */
  async run<Result>(steps: Generator<void, Result>): Promise<Result> {
    return this.runSoon(steps);
  }

  /** As run, without a promise where the work is as little as most changes are. */
  runSoon<Result>(steps: Generator<void, Result>): Result | Promise<Result> {
    for (let count = 1; count <= FREE_STEPS; count++) {
      const { done, value } = steps.next();
      if (done) return value;
    }
    return this.#runOn(steps);
  }

  async #runOn<Result>(steps: Generator<void, Result>): Promise<Result> {
    for (;;) {
      if (this.isOver) await new Promise((resolve) => setImmediate(resolve));
      const { done, value } = steps.next();
      if (done) return value;
    }
  }
}
