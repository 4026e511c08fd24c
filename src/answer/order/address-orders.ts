/**
 * `loadbalance` with `prefer` or with weights: the thread's own form of what the snapshot says about it, made once. An order
 * lives as long as a query that waits for an upstream remembers it, whatever is published meanwhile.
 */
import type { SnapshotReader } from '../../snapshot/reader.ts';
import { ADDRESS_ORDER, ORDER, POLICY } from '../../snapshot/snapshot-layout.ts';
import { PreferredOrder, type PreferredNetwork } from './preferred-order.ts';
import { octetsAt } from '../programs.ts';
import type { AddressOrder } from './record-order.ts';
import { WeightedOrder, type WeightedName } from './weighted-order.ts';

/** One of the two, as JSON. */
export interface AddressOrderProgram {
  /** in the order in which they are preferred */
  readonly prefer?: readonly PreferredNetwork[];
  readonly weights?: readonly WeightedName[];
}

/** More than a configuration has server blocks with one; what is left over from earlier ones goes when it is reached. */
const ORDERS_MAX = 256;

export class AddressOrders {
  readonly #reader: SnapshotReader;
  /** by number, which no other order ever has */
  readonly #orders = new Map<number, AddressOrder>();

  constructor(reader: SnapshotReader) {
    this.#reader = reader;
  }

  /** @param policyAt  word index of the POLICY */
  at(policyAt: number): AddressOrder | undefined {
    const { words } = this.#reader;
    const number = words[policyAt + POLICY.at.order]!;
    if (number < ORDER.FIRST_OF_ADDRESSES) return undefined;
    let order = this.#orders.get(number);
    if (order === undefined) {
      order = readOrder(words, words[policyAt + POLICY.at.addressOrder]! * 2);
      if (this.#orders.size === ORDERS_MAX) this.#orders.clear();
      this.#orders.set(number, order);
    }
    return order;
  }
}

function readOrder(words: Uint32Array, orderAt: number): AddressOrder {
  const octets = octetsAt(words, orderAt + ADDRESS_ORDER.at.program, words[orderAt + ADDRESS_ORDER.at.size]!);
  // What the server itself has written.
  const program = JSON.parse(new TextDecoder().decode(octets)) as AddressOrderProgram;
  return program.weights === undefined ? new PreferredOrder(program.prefer ?? []) : new WeightedOrder(program.weights);
}
