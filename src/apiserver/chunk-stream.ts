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
    this.#timer = setTimeout(this.#endIfWaiting, this.#limitMs);
  }

  /**
   * @returns undefined at the end
   * @throws what ended the connection
   */
  async next(): Promise<Buffer | undefined> {
    this.#isWaiting = true;
    if (this.#limitMs === this.#silenceMs()) {
      this.#timer.refresh();
    } else {
      clearTimeout(this.#timer);
      this.#limitMs = this.#silenceMs();
      this.#timer = setTimeout(this.#endIfWaiting, this.#limitMs);
    }
    const { done, value } = await this.#chunks.next();
    this.#isWaiting = false;
    return done === true ? undefined : value;
  }

  /** To be called however the reading ends; what is still to come is not wanted. */
  end(): void {
    clearTimeout(this.#timer);
    this.#body.destroy();
  }

  readonly #endIfWaiting = (): void => {
    if (this.#isWaiting) this.#body.destroy(this.#onSilence());
  };
}
