/** Main works for a while, then gives the event loop a turn: probes, metrics and timers wait no longer than this, ms. */
const SLICE_MS = 10;
/** Steps at whose end nobody looks: most changes take no more, and to be told of the end of the turn costs as much as one. */
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
    for (let count = 1; ; count++) {
      const { done, value } = steps.next();
      if (done) return value;
      if (count > FREE_STEPS && this.isOver) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
