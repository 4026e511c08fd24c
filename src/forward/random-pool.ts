/** Unpredictable numbers for ids and sockets (RFC 5452 §9.2): octets of the system's generator, drawn in advance. */
import { randomFillSync } from 'node:crypto';

const POOL_SIZE = 4096;

export class RandomPool {
  readonly #numbers = new Uint16Array(POOL_SIZE);
  #used = 0;

  constructor() {
    randomFillSync(this.#numbers);
  }

  /** @returns 0 … 65,535 */
  next(): number {
    if (this.#used === POOL_SIZE) this.#fill();
    return this.#numbers[this.#used++]!;
  }

  /** @returns 0 … count - 1, for a count far below 65,536 */
  below(count: number): number {
    return (this.next() * count) >>> 16;
  }

  /** Off the hot path: draw anew what was used, so that `next` does not have to. */
  refill(): void {
    if (this.#used > POOL_SIZE / 2) this.#fill();
  }

  #fill(): void {
    randomFillSync(this.#numbers);
    this.#used = 0;
  }
}
