/** Asks for /health again and again, as kubelet does, only oftener. */
const INTERVAL_MS = 100;

export class HealthProbe {
  readonly #url: string;
  readonly #timer: NodeJS.Timeout;
  readonly #asked = new Set<Promise<void>>();
  #worstMs = 0;

  constructor(url: string) {
    this.#url = url;
    this.#timer = setInterval(() => {
      const asked = this.#ask().finally(() => this.#asked.delete(asked));
      this.#asked.add(asked);
    }, INTERVAL_MS);
  }

  /** @returns how long an answer took at the most, ms; Infinity if one was not 200 */
  async end(): Promise<number> {
    clearInterval(this.#timer);
    await Promise.all(this.#asked);
    return this.#worstMs;
  }

  async #ask(): Promise<void> {
    const startMs = performance.now();
    const isWell = await fetch(this.#url).then(
      (response) => response.ok,
      () => false,
    );
    this.#worstMs = Math.max(this.#worstMs, isWell ? performance.now() - startMs : Infinity);
  }
}
