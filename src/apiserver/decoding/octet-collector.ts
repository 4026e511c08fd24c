import { SkyshardError } from '../../base/skyshard-error.ts';

/** Largest object that is taken: etcd refuses more than 1.5 MiB by default, whatever the encoding. */
export const OBJECT_SIZE_MAX = 16 * 1024 * 1024;
const CAPACITY_MIN = 4096;
/** What is kept between objects; more is given back. */
const CAPACITY_KEPT = 256 * 1024;

/** Puts together an object that comes in several chunks. Grows with what arrives, not with what was announced. */
export class OctetCollector {
  #octets: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @throws SkyshardError API_RESPONSE if it would be more than OBJECT_SIZE_MAX */
  append(chunk: Uint8Array, start: number, end: number): void {
    const size = this.#size + end - start;
    if (size > OBJECT_SIZE_MAX) throw tooLarge(size);
    if (size > this.#octets.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.max(CAPACITY_MIN, size, Math.min(2 * this.#octets.length, OBJECT_SIZE_MAX)),
      );
      grown.set(this.#octets.subarray(0, this.#size));
      this.#octets = grown;
    }
    this.#octets.set(chunk.subarray(start, end), this.#size);
    this.#size = size;
  }

  /** What has been collected; valid until `clear` or `append`. */
  view(): Buffer {
    return this.#octets.subarray(0, this.#size);
  }

  clear(): void {
    this.#size = 0;
    if (this.#octets.length > CAPACITY_KEPT) this.#octets = Buffer.alloc(0);
  }
}

export function tooLarge(size: number): SkyshardError {
  return new SkyshardError(
    'API_RESPONSE',
    `an object of the API server is larger than ${OBJECT_SIZE_MAX} octets (${size} so far or announced)`,
  );
}
