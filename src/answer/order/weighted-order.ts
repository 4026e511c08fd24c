/**
 * `loadbalance weighted`: one address is drawn to be the first, each as likely as its share in the sum of the weights. An
 * address without a weight has 1. The others stay as they are: the one that was first takes the place of that drawn.
 */
import { lowerCaseName, parseName } from '../../dns/name.ts';
import { POINTER_BITS } from '../../dns/wire-header.ts';
import { RecordAddress } from './record-address.ts';
import { RECORDS_MAX, type AddressOrder, type RecordPlaces } from './record-order.ts';

/** Addresses of a name: one word (IPv4) or four big-endian words (IPv6). */
export interface WeightedName {
  /** as text */
  readonly name: string;
  readonly addresses: readonly { readonly words: readonly number[]; readonly weight: number }[];
}

const WEIGHT_DEFAULT = 1;
const NOT_FOUND = -1;
/** More than a message can have without a loop. */
const POINTERS_MAX = 128;
const NAME_SIZE_MAX = 255;

export class WeightedOrder implements AddressOrder {
  readonly isShuffled = false;
  /** wire form, lower-cased; the addresses of each */
  readonly #names: { readonly octets: Uint8Array; readonly addresses: WeightedName['addresses'] }[] = [];
  /** open addressing by hash: index of the name + 1 */
  readonly #slots: Uint32Array;
  readonly #address = new RecordAddress();
  readonly #weights = new Uint8Array(RECORDS_MAX);
  /** the owner looked at, lower-cased */
  readonly #owner = new Uint8Array(NAME_SIZE_MAX + 1);

  constructor(weights: readonly WeightedName[]) {
    let slotCount = 2;
    while (slotCount < weights.length * 2) slotCount *= 2;
    this.#slots = new Uint32Array(slotCount);
    for (const { name, addresses } of weights) {
      const wire = parseName(name);
      if (wire === null) continue;
      const octets = lowerCaseName(wire);
      let slot = hashOf(octets, octets.length) & (slotCount - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (slotCount - 1);
      this.#slots[slot] = this.#names.push({ octets, addresses });
    }
  }

  arrange(order: Uint16Array, from: number, to: number, records: RecordPlaces): void {
    let sum = 0;
    let lastPointer = 0;
    let name = NOT_FOUND;
    for (let index = from; index < to; index++) {
      const record = order[index]!;
      const pointer = pointerAt(records.octets, records.start[record]!);
      if (pointer === 0 || pointer !== lastPointer) name = this.#findName(records, records.start[record]!);
      lastPointer = pointer;
      const weight = name === NOT_FOUND ? WEIGHT_DEFAULT : this.#weightOf(name, record, records);
      this.#weights[index] = weight;
      sum += weight;
    }
    let drawn = records.nextRandom() % sum;
    let first = from;
    while (drawn >= this.#weights[first]!) drawn -= this.#weights[first++]!;
    const moved = order[from]!;
    order[from] = order[first]!;
    order[first] = moved;
  }

  #weightOf(name: number, record: number, { octets, typeAt, end }: RecordPlaces): number {
    const address = this.#address;
    address.read(octets, typeAt[record]!, end[record]!);
    const { addresses } = this.#names[name]!;
    for (let index = 0; index < addresses.length; index++) {
      const { words, weight } = addresses[index]!;
      if (words.length !== address.size) continue;
      let difference = 0;
      for (let word = 0; word < words.length; word++) difference |= address.words[word]! ^ words[word]!;
      if (difference === 0) return weight;
    }
    return WEIGHT_DEFAULT;
  }

  #findName(records: RecordPlaces, at: number): number {
    const owner = this.#owner;
    const size = readName(records, at, owner);
    const mask = this.#slots.length - 1;
    let slot = hashOf(owner, size) & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const { octets } = this.#names[this.#slots[slot]! - 1]!;
      if (octets.length === size && isEqual(octets, owner, size)) return this.#slots[slot]! - 1;
    }
    return NOT_FOUND;
  }
}

/** The compression pointer that a name begins with, 0: it begins with a label. */
function pointerAt(octets: Uint8Array, at: number): number {
  return octets[at]! >= POINTER_BITS ? (octets[at]! << 8) | octets[at + 1]! : 0;
}

/** Write a name uncompressed and lower-cased. @returns its size, 0 if it is broken */
function readName({ octets, messageAt }: RecordPlaces, from: number, owner: Uint8Array): number {
  let at = from;
  let size = 0;
  for (let pointers = 0; pointers <= POINTERS_MAX && at < octets.length;) {
    const length = octets[at]!;
    if (length >= POINTER_BITS) {
      at = messageAt + (pointerAt(octets, at) & 0x3fff);
      pointers++;
      continue;
    }
    if (size + length + 1 > NAME_SIZE_MAX) return 0;
    owner[size++] = length;
    if (length === 0) return size;
    for (let index = 1; index <= length; index++) {
      const octet = octets[at + index]!;
      owner[size++] = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
    }
    at += length + 1;
  }
  return 0;
}

/** FNV-1a. */
function hashOf(octets: Uint8Array, size: number): number {
  let hash = 0x811c_9dc5 | 0;
  for (let index = 0; index < size; index++) hash = Math.imul(hash ^ octets[index]!, 0x0100_0193);
  return (hash ^ (hash >>> 15)) & 0x7fff_ffff;
}

function isEqual(one: Uint8Array, other: Uint8Array, size: number): boolean {
  for (let index = 0; index < size; index++) if (one[index] !== other[index]) return false;
  return true;
}
