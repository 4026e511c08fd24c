/** Waiting before something is tried again, cut short when somebody else reached the server meanwhile. */
export class Contact {
  readonly #waiting = new Set<() => void>();

  /** The server answers: those who wait only for that need not wait longer. */
  signal(): void {
    for (const wake of this.#waiting) wake();
  }

  /**
   * @param wakesOnContact  whether `signal` ends the wait
   * @returns when the time is up, or `signal` or `abort` came
   */
  wait(timeMs: number, wakesOnContact: boolean, abort: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        abort.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, timeMs);
      if (wakesOnContact) this.#waiting.add(end);
      abort.addEventListener('abort', end, { once: true });
      if (abort.aborted) end();
    });
  }
}
