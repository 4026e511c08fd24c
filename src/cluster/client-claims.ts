/**
 * Which pod an address belongs to, for those that belong to one alone: not to a pod of the host's network, which shares
 * it with everything on the node, and not to two pods that live at the same time.
 *
 * An address holds the sum of the rows of its pods and how often it is claimed, so that the pod that is left when the
 * others go is known again, in 12 octets a slot and without a list.
 */
import type { Address } from './address.ts';
import type { OctetPool } from './octet-pool.ts';
import { PairIndex } from './pair-index.ts';

const IPV4 = 0;
const IPV6 = 1;
/** A pod of the host's network makes an address one that belongs to several. */
const HOST_CLAIMS = 2;

export class ClientClaims {
  readonly #pool: OctetPool;
  /** (address or pooled address, family) → sum of the pods' rows; an IPv6 address holds one reference to its string */
  readonly #sums = new PairIndex();
  /** (address or pooled address, family) → number of claims, where it is not 1 */
  readonly #counts = new PairIndex();

  constructor(pool: OctetPool) {
    this.#pool = pool;
  }

  get byteSize(): number {
    return this.#sums.byteSize + this.#counts.byteSize;
  }

  /** @param pod  its row, below 2²⁰ */
  add(address: Address, pod: number, isHostNetwork: boolean): void {
    const first = typeof address === 'number' ? address : this.#pool.intern(address);
    const family = typeof address === 'number' ? IPV4 : IPV6;
    const sum = this.#sums.get(first, family);
    if (sum !== 0 && family === IPV6) this.#pool.release(first);
    this.#sums.set(first, family, sum + pod);
    this.#setCount(first, family, this.#countOf(first, family, sum) + (isHostNetwork ? HOST_CLAIMS : 1));
  }

  /** Requires that it was added so. */
  remove(address: Address, pod: number, isHostNetwork: boolean): void {
    const first = typeof address === 'number' ? address : this.#pool.find(address);
    const family = typeof address === 'number' ? IPV4 : IPV6;
    const sum = this.#sums.get(first, family);
    this.#setCount(first, family, this.#countOf(first, family, sum) - (isHostNetwork ? HOST_CLAIMS : 1));
    if (sum !== pod) return this.#sums.set(first, family, sum - pod);
    this.#sums.delete(first, family);
    if (family === IPV6) this.#pool.release(first);
  }

  /** The row of the pod that alone has the address; 0 if there is none. */
  ownerOf(address: Address): number {
    const first = typeof address === 'number' ? address : this.#pool.find(address);
    const family = typeof address === 'number' ? IPV4 : IPV6;
    if (family === IPV6 && first <= 0) return 0;
    const sum = this.#sums.get(first, family);
    return this.#countOf(first, family, sum) === 1 ? sum : 0;
  }

  #countOf(first: number, family: number, sum: number): number {
    return sum === 0 ? 0 : this.#counts.get(first, family) || 1;
  }

  #setCount(first: number, family: number, count: number): void {
    if (count <= 1) this.#counts.delete(first, family);
    else this.#counts.set(first, family, count);
  }
}
