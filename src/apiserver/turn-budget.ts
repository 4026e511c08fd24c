/**
 * How long main may work before it lets others have their turn. One for all watches of the process: several that get data in
 * one turn of the event loop share it.
 */
const TURN_MS = 8;
/** What takes less than this counts for itself: to be told of the end of the turn costs as much as a small change. */
const COUNTED_MS = 1;

export class TurnBudget {
  readonly #nowMs: () => number;
  #startMs = 0;
  /** the turn counts from its first work on, until it is over */
  #isCounted = false;

  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Work begins: in this turn, or in one that has begun already. */
  begin(): void {
    if (!this.#isCounted) this.#startMs = this.#nowMs();
  }

  get isSpent(): boolean {
    const spentMs = this.#nowMs() - this.#startMs;
    if (!this.#isCounted && spentMs >= COUNTED_MS) {
      this.#isCounted = true;
      setImmediate(() => {
        this.#isCounted = false;
        this.#startMs = this.#nowMs();
      });
    }
    return spentMs >= TURN_MS;
  }

  /** Wait for the next turn, and begin it. */
  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.begin();
  }
}
