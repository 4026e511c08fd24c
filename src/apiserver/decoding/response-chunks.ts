import { assert } from '../../base/assert.ts';
import { SkyshardError } from '../../base/skyshard-error.ts';

/** Where a splitter is in a response: it takes one chunk at a time, and names the octet in errors. */
export class ResponseChunks {
  readonly #what: string;
  /** octets of the response before the chunk */
  #offset = 0;
  #isReading = false;

  /** @param what  names the response in errors */
  constructor(what: string) {
    this.#what = what;
  }

  /** The chunk before has to be at its end: what was left of it would be lost. After an error there is no way on. */
  begin(chunk: Uint8Array): Buffer {
    assert(!this.#isReading, 'the chunk before was read to its end, without an error');
    this.#isReading = true;
    return chunk instanceof Buffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }

  end(chunk: Uint8Array): void {
    this.#isReading = false;
    this.#offset += chunk.length;
  }

  /** @param at  in the chunk */
  error(fault: string, at: number, cause?: unknown): SkyshardError {
    return new SkyshardError('API_RESPONSE', `${this.#what}: octet ${this.#offset + at}: ${fault}`, { cause });
  }

  cutError(): SkyshardError {
    return new SkyshardError('API_RESPONSE', `${this.#what}: cut off after ${this.#offset} octets`);
  }
}
