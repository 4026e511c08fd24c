/**
 * How long main may work before it lets others have their turn. One for all watches of the process: several that get data in
 * one turn of the event loop share it.
 */
const TURN_MS = 8;

export class TurnBudget {
  readonly #nowMs: () => number;
  #startMs = -1;

  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Work begins: in this turn, or in one that has begun already. */
  begin(): void {
    if (this.#startMs >= 0) return;
    this.#startMs = this.#nowMs();
    setImmediate(() => {
      this.#startMs = -1;
    });
  }

  get isSpent(): boolean {
    return this.#startMs >= 0 && this.#nowMs() - this.#startMs >= TURN_MS;
  }

  /** Wait for the next turn, and begin it. */
  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.begin();
  }
}
