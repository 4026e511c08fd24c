/** Who transfers zones in at the same time: a server with thousands of them does not ask for all at once. */
const AT_ONCE_MAX = 8;

export class CheckTurns {
  readonly #max: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number = AT_ONCE_MAX) {
    this.#max = max;
  }

  /** Run work when fewer than the most are at it, in the order in which it was asked for. Rejects as it does. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#taken < this.#max) this.#taken++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The turn goes to the next, or ends.
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
    }
  }
}
