import type { ChunkSource } from './direct-request.ts';

/**
 * The octets of an answer as they come. While what came is worked on, nothing more is read, so that a slow reader slows the
 * server down instead of filling memory; that time is not counted as silence. No generators: an event of a watch went through two
 * of them, which took as long as to decode it.
 */
export class ChunkReader {
  readonly #body: ChunkSource;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #silenceMs: () => number;
  readonly #onSilence: () => Error;
  #limitMs: number;
  #timer: NodeJS.Timeout;
  #isWaiting = true;
  /** performance.now() */
  #waitingSinceMs: number;

  /**
   * @param silenceMs  how long may pass without an octet, as things stand
   * @param onSilence  the error to end with then
   */
  constructor(body: ChunkSource, silenceMs: () => number, onSilence: () => Error) {
    this.#body = body;
    this.#chunks = body[Symbol.asyncIterator]();
    this.#silenceMs = silenceMs;
    this.#onSilence = onSilence;
    this.#limitMs = silenceMs();
    this.#waitingSinceMs = performance.now();
    this.#timer = setTimeout(this.#endIfSilent, this.#limitMs);
  }

  /**
   * @returns undefined at the end
   * @throws what ended the connection
   */
  async next(): Promise<Buffer | undefined> {
    this.#isWaiting = true;
    this.#waitingSinceMs = performance.now();
    const limitMs = this.#silenceMs();
    // A timer that runs is left alone, and looks when it is over: to set it anew for each piece takes long.
    if (this.#limitMs !== limitMs) this.#arm(limitMs, limitMs);
    const { done, value } = await this.#chunks.next();
    this.#isWaiting = false;
    return done === true ? undefined : value;
  }

  /** To be called however the reading ends; what is still to come is not wanted. */
  end(): void {
    clearTimeout(this.#timer);
    this.#body.destroy();
  }

  #arm(limitMs: number, waitMs: number): void {
    clearTimeout(this.#timer);
    this.#limitMs = limitMs;
    this.#timer = setTimeout(this.#endIfSilent, waitMs);
  }

  readonly #endIfSilent = (): void => {
    // What is worked on is not silence; whatever is waited for next has the whole time.
    const waitedMs = this.#isWaiting ? performance.now() - this.#waitingSinceMs : 0;
    // A timer may be early by a fraction of a millisecond.
    if (waitedMs + 1 >= this.#limitMs) this.#body.destroy(this.#onSilence());
    else this.#arm(this.#limitMs, this.#limitMs - waitedMs);
  };
}
