import { OBJECT_SIZE_MAX, OctetCollector, tooLarge } from './octet-collector.ts';

/** So many octets as were announced: in place if one chunk has them all, else put together. */
export class SizedOctets {
  readonly #collector = new OctetCollector();
  #missing = 0;
  #octets: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  /** @throws SkyshardError API_RESPONSE if that is more than OBJECT_SIZE_MAX */
  begin(size: number): void {
    if (size > OBJECT_SIZE_MAX) throw tooLarge(size);
    this.#missing = size;
    this.#collector.clear();
    this.#start = 0;
    this.#end = 0;
  }

  /**
   * Take what the chunk has, from `start` on.
   *
   * @returns offset behind what was taken
   */
  take(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#missing);
    this.#missing -= end - start;
    if (this.#missing > 0 || this.#collector.size > 0) {
      this.#collector.append(chunk, start, end);
      this.#octets = this.#collector.view();
      this.#start = 0;
      this.#end = this.#octets.length;
    } else {
      this.#octets = chunk;
      this.#start = start;
      this.#end = end;
    }
    return end;
  }

  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** Of what was taken, once it is complete; valid until the next `begin`, and as long as the chunk is. */
  get octets(): Buffer {
    return this.#octets;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }
}
