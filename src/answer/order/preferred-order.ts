/** `loadbalance { prefer … }`: addresses in the first network come first, then those in the second, then all others. */
import { RecordAddress } from './record-address.ts';
import { RECORDS_MAX, type AddressOrder, type RecordPlaces } from './record-order.ts';

/** One word (IPv4) or four big-endian words (IPv6). */
export interface PreferredNetwork {
  readonly words: readonly number[];
  readonly prefixLength: number;
}

export class PreferredOrder implements AddressOrder {
  /** those that are preferred alike are as likely as each other to be the first */
  readonly isShuffled = true;
  readonly #networks: readonly { readonly words: Uint32Array; readonly masks: Uint32Array }[];
  readonly #address = new RecordAddress();
  readonly #rank = new Uint32Array(RECORDS_MAX);
  readonly #sorted = new Uint16Array(RECORDS_MAX);

  constructor(networks: readonly PreferredNetwork[]) {
    this.#networks = networks.map(({ words, prefixLength }) => {
      const masks = Uint32Array.from(words, (_, index) => maskWord(prefixLength - 32 * index));
      return { words: Uint32Array.from(words, (word, index) => word & masks[index]!), masks };
    });
  }

  arrange(order: Uint16Array, from: number, to: number, records: RecordPlaces): void {
    for (let index = from; index < to; index++) this.#rank[index] = this.#rankOf(order[index]!, records);
    let count = from;
    for (let rank = 0; rank <= this.#networks.length && count < to; rank++) {
      for (let index = from; index < to; index++) if (this.#rank[index] === rank) this.#sorted[count++] = order[index]!;
    }
    for (let index = from; index < to; index++) order[index] = this.#sorted[index]!;
  }

  /** Number of the first network that an address lies in; of networks, if it is in none. */
  #rankOf(record: number, { octets, typeAt, end }: RecordPlaces): number {
    const address = this.#address;
    address.read(octets, typeAt[record]!, end[record]!);
    const networks = this.#networks;
    for (let rank = 0; rank < networks.length; rank++) {
      const { words, masks } = networks[rank]!;
      if (words.length !== address.size) continue;
      let difference = 0;
      for (let index = 0; index < words.length; index++) {
        difference |= (address.words[index]! & masks[index]!) ^ words[index]!;
      }
      if (difference === 0) return rank;
    }
    return networks.length;
  }
}

/** The word whose first `bits` bits are set; none below 0, all from 32 on. */
function maskWord(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffff_ffff : (0xffff_ffff << (32 - bits)) >>> 0;
}
