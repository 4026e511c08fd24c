/**
 * How many queries of each client wait: one client may take up a part of the table, so that there is room for the others.
 *
 * Clients are counted by a secret hash of their address. Two that fall together share what one may have; nobody can choose
 * whom to fall together with.
 */
import type { QueryClient } from '../answer/answerer-options.ts';
import type { RandomPool } from './random-pool.ts';
import { WAITERS_MAX } from './transaction-table.ts';

/** Queries of one client that wait in one thread. */
export const CLIENT_SHARE_MAX: number = WAITERS_MAX / 8;
const CELLS = 8192;

export class ClientShares {
  readonly #seed: number;
  readonly #counts: Uint16Array = new Uint16Array(CELLS);
  /** by waiter: the cell it is counted in + 1, 0: in none */
  readonly #cellOf: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  #cell = 0;

  constructor(random: RandomPool) {
    this.#seed = (random.next() << 16) | random.next();
  }

  /**
   * Whether one more query of a client may wait; `take` speaks of the client asked about last.
   *
   * @param octets  the memory that its address lies in
   */
  hasRoom(octets: Uint8Array, client: QueryClient): boolean {
    let hash = this.#seed;
    const end = client.peerOffset + client.peerSize;
    for (let at = client.peerOffset; at < end; at++) {
      hash = Math.imul(hash ^ octets[at]!, 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    this.#cell = (hash >>> 8) & (CELLS - 1);
    return this.#counts[this.#cell]! < CLIENT_SHARE_MAX;
  }

  take(waiter: number): void {
    this.#counts[this.#cell]!++;
    this.#cellOf[waiter] = this.#cell + 1;
  }

  /** Nothing happens for a waiter that was not counted. */
  release(waiter: number): void {
    const cell = this.#cellOf[waiter]! - 1;
    if (cell < 0) return;
    this.#counts[cell]!--;
    this.#cellOf[waiter] = 0;
  }
}
