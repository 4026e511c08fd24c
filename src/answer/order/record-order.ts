/**
 * `loadbalance`: the order of records in a message that is otherwise done. CNAME records come first, then others, then
 * addresses, then MX; addresses and MX records are shuffled, or addresses are ordered as an AddressOrder says.
 *
 * Mostly that is done in place: addresses of one name and type change places without anything else being touched. Where
 * records of other sizes have to move, the message is written anew, because their names point to each other.
 */
import { TYPE } from '../../dns/iana.ts';
import { NameCompressor } from '../../dns/name-compressor.ts';
import { RDATA_NAMES } from '../../dns/records/rdata-names.ts';
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  NSCOUNT_AT,
  POINTER_BITS,
  POINTER_OFFSET_MAX,
  QDCOUNT_AT,
} from '../../dns/wire-header.ts';

const RECORD_FIXED_SIZE = 10;
/** From the type on: TTL, size and data of a record are what changes places. */
const CONTENT_AT = 4;
const DATA_AT = 10;
const MESSAGE_MAX = 65_535;
/** Records that are looked at, as many addresses as a message can have; a section with more stays as it is. */
export const RECORDS_MAX = 4096;

/** The sections' kinds of records, in their order. */
const KIND = { ALIAS: 0, OTHER: 1, ADDRESS: 2, EXCHANGE: 3, PSEUDO: 4 } as const;

/** Addresses by something else than chance. */
export interface AddressOrder {
  /** records are shuffled first; if not, MX records and the authority section stay as they are, as does what nobody asked an address for */
  readonly isShuffled: boolean;
  /**
   * Put the numbers of address records into the order they are to have.
   *
   * @param order    their numbers, from `from` to `to`
   * @param records  where each has its name and data
   */
  arrange(order: Uint16Array, from: number, to: number, records: RecordPlaces): void;
}

/** Records of a section, by number: offsets in `octets`. */
export interface RecordPlaces {
  readonly octets: Uint8Array;
  readonly messageAt: number;
  /** where it starts, that is its owner name */
  readonly start: Uint32Array;
  /** where its type is */
  readonly typeAt: Uint32Array;
  readonly end: Uint32Array;
  /** 31 bits */
  nextRandom(): number;
}

export class RecordOrder implements RecordPlaces {
  readonly octets: Uint8Array;
  messageAt = 0;
  readonly start: Uint32Array = new Uint32Array(RECORDS_MAX);
  readonly typeAt: Uint32Array = new Uint32Array(RECORDS_MAX);
  readonly end: Uint32Array = new Uint32Array(RECORDS_MAX);

  readonly #view: DataView;
  readonly #kind: Uint8Array = new Uint8Array(RECORDS_MAX);
  readonly #order: Uint16Array = new Uint16Array(RECORDS_MAX);
  /** the message written anew, or contents that change places */
  readonly #copy: Uint8Array = new Uint8Array(MESSAGE_MAX);
  readonly #copyView: DataView = new DataView(this.#copy.buffer);
  readonly #names: NameCompressor = new NameCompressor(this.#copy);
  #messageEnd = 0;
  #recordCount = 0;
  #random: number;

  /**
   * @param arena  the messages lie in it
   * @param seed   any number
   */
  constructor(arena: ArrayBuffer, seed: number) {
    this.octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
    this.#random = seed | 1;
  }

  /**
   * Order the records of a positive response.
   *
   * @param sizeMax       octets the message may have afterwards; if that is not enough, the order stays
   * @param addressOrder  undefined: addresses are shuffled
   * @returns size of the message
   */
  apply(messageAt: number, size: number, sizeMax: number, addressOrder?: AddressOrder): number {
    const view = this.#view;
    if (size < HEADER_SIZE || (this.octets[messageAt + FLAGS_LOW_AT]! & 0x0f) !== 0) return size;
    if (view.getUint16(messageAt + QDCOUNT_AT) !== 1) return size;
    this.messageAt = messageAt;
    this.#messageEnd = messageAt + size;
    const nameEnd = this.#nameEnd(messageAt + HEADER_SIZE);
    const isShuffled = addressOrder === undefined || addressOrder.isShuffled;
    if (!isShuffled && !isAddressQuestion(view.getUint16(nameEnd))) return size;
    let at = nameEnd + 4;
    for (let countAt: number = ANCOUNT_AT; countAt <= ARCOUNT_AT; countAt += NSCOUNT_AT - ANCOUNT_AT) {
      const sectionAt = at;
      const count = view.getUint16(messageAt + countAt);
      at = this.#readSection(at, count);
      if (at === 0) break;
      if (count < 2 || !(isShuffled || (countAt !== NSCOUNT_AT && this.#hasAddresses()))) continue;
      const isInPlace = this.#isInPlace();
      this.#arrange(countAt === NSCOUNT_AT ? undefined : addressOrder);
      if (isInPlace) this.#exchange();
      else if (countAt === ANCOUNT_AT) at = this.#rewrite(sectionAt, at, sizeMax);
      else if (this.#isMovable(sectionAt)) this.#move(sectionAt);
    }
    return this.#messageEnd - messageAt;
  }

  /** @returns where the next section starts, 0 if this one is not to be touched */
  #readSection(from: number, count: number): number {
    this.#recordCount = 0;
    if (count > RECORDS_MAX) return 0;
    let at = from;
    for (let index = 0; index < count; index++) {
      this.start[index] = at;
      const typeAt = this.#nameEnd(at);
      if (typeAt === 0 || typeAt + RECORD_FIXED_SIZE > this.#messageEnd) return 0;
      this.typeAt[index] = typeAt;
      at = typeAt + RECORD_FIXED_SIZE + this.#view.getUint16(typeAt + 8);
      if (at > this.#messageEnd) return 0;
      this.end[index] = at;
      this.#kind[index] = kindOf(this.#view.getUint16(typeAt));
      this.#order[index] = index;
    }
    this.#recordCount = count;
    return at;
  }

  #nameEnd(at: number): number {
    const { octets } = this;
    while (at < this.#messageEnd) {
      const size = octets[at]!;
      if (size === 0) return at + 1;
      if (size >= POINTER_BITS) return at + 2;
      at += size + 1;
    }
    return 0;
  }

  #hasAddresses(): boolean {
    for (let index = 0; index < this.#recordCount; index++) if (this.#kind[index] === KIND.ADDRESS) return true;
    return false;
  }

  /** Whether nothing has to move but addresses of one owner and type among themselves. */
  #isInPlace(): boolean {
    let first = -1;
    for (let index = 0; index < this.#recordCount; index++) {
      const kind = this.#kind[index]!;
      if (index > 0 && kind < this.#kind[index - 1]!) return false;
      if (kind === KIND.EXCHANGE && index > 0 && this.#kind[index - 1] === KIND.EXCHANGE) return false;
      if (kind !== KIND.ADDRESS) continue;
      if (first < 0) first = index;
      else if (!this.#isAlike(first, index)) return false;
    }
    return true;
  }

  #isAlike(one: number, other: number): boolean {
    const { octets } = this;
    const start = this.start[one]!;
    const otherStart = this.start[other]!;
    // Owner as it is written, and type.
    const size = this.typeAt[one]! + 2 - start;
    if (this.typeAt[other]! + 2 - otherStart !== size) return false;
    if (this.end[one]! - start !== this.end[other]! - otherStart) return false;
    for (let index = 0; index < size; index++) {
      if (octets[start + index] !== octets[otherStart + index]) return false;
    }
    return true;
  }

  /** Put the numbers of the records into their new order. */
  #arrange(addressOrder: AddressOrder | undefined): void {
    const order = this.#order;
    let to = 0;
    for (let kind: number = KIND.ALIAS; kind <= KIND.PSEUDO; kind++) {
      const from = to;
      for (let index = 0; index < this.#recordCount; index++) if (this.#kind[index] === kind) order[to++] = index;
      if (kind !== KIND.ADDRESS && kind !== KIND.EXCHANGE) continue;
      if (addressOrder?.isShuffled !== false) this.#shuffle(from, to);
      if (kind === KIND.ADDRESS && to - from > 1) addressOrder?.arrange(order, from, to, this);
    }
  }

  #shuffle(from: number, to: number): void {
    const order = this.#order;
    for (let index = to - 1; index > from; index--) {
      const other = from + (this.nextRandom() % (index - from + 1));
      const moved = order[index]!;
      order[index] = order[other]!;
      order[other] = moved;
    }
  }

  /** @returns 31 bits: what has 32 is boxed */
  nextRandom(): number {
    let state = this.#random;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#random = state;
    return state >>> 1;
  }

  /** Addresses change places, all of one size. */
  #exchange(): void {
    const { octets } = this;
    const copy = this.#copy;
    let at = 0;
    for (let index = 0; index < this.#recordCount; index++) {
      if (this.#kind[index] !== KIND.ADDRESS) continue;
      for (let from = this.typeAt[index]! + CONTENT_AT; from < this.end[index]!; from++) copy[at++] = octets[from]!;
    }
    let first = 0;
    while (first < this.#recordCount && this.#kind[first] !== KIND.ADDRESS) first++;
    const size = first < this.#recordCount ? this.end[first]! - this.typeAt[first]! - CONTENT_AT : 0;
    for (let index = first; index < this.#recordCount && this.#kind[index] === KIND.ADDRESS; index++) {
      let from = (this.#order[index]! - first) * size;
      const to = this.typeAt[index]! + CONTENT_AT;
      for (let octet = 0; octet < size; octet++) octets[to + octet] = copy[from++]!;
    }
  }

  /** Whether the records of a section can change places as they are: addresses whose owners' names stand before it. */
  #isMovable(sectionAt: number): boolean {
    const { octets, messageAt } = this;
    for (let index = 0; index < this.#recordCount; index++) {
      if (this.#kind[index] === KIND.PSEUDO) continue;
      const at = this.start[index]!;
      if (this.#kind[index] !== KIND.ADDRESS || octets[at]! < POINTER_BITS) return false;
      if ((this.#view.getUint16(at) & POINTER_OFFSET_MAX) >= sectionAt - messageAt) return false;
    }
    return true;
  }

  #move(sectionAt: number): void {
    const { octets } = this;
    const copy = this.#copy;
    let size = 0;
    for (let index = 0; index < this.#recordCount; index++) {
      const record = this.#order[index]!;
      for (let from = this.start[record]!; from < this.end[record]!; from++) copy[size++] = octets[from]!;
    }
    for (let index = 0; index < size; index++) octets[sectionAt + index] = copy[index]!;
  }

  /**
   * Write the message with its answers in their new order, unless that does not fit.
   *
   * @returns where the answers end
   */
  #rewrite(answersAt: number, answersEnd: number, sizeMax: number): number {
    const { octets, messageAt } = this;
    const copy = this.#copy;
    this.#names.begin();
    copy.set(octets.subarray(messageAt, messageAt + HEADER_SIZE));
    let to = this.#writeName(messageAt + HEADER_SIZE, HEADER_SIZE, false);
    if (to === 0) return answersEnd;
    copy.set(octets.subarray(answersAt - 4, answersAt), to);
    to += 4;
    for (let index = 0; index < this.#recordCount && to !== 0; index++) {
      to = this.#writeRecord(this.start[this.#order[index]!]!, to);
    }
    const newEnd = to;
    let rest = answersEnd;
    let left = this.#view.getUint16(messageAt + NSCOUNT_AT) + this.#view.getUint16(messageAt + ARCOUNT_AT);
    for (; left > 0 && to !== 0; left--) {
      to = this.#writeRecord(rest, to);
      const typeAt = this.#nameEnd(rest);
      rest = typeAt + RECORD_FIXED_SIZE + this.#view.getUint16(typeAt + 8);
      if (typeAt === 0 || rest > this.#messageEnd) return answersEnd;
    }
    if (to === 0 || to > sizeMax) return answersEnd;
    octets.set(copy.subarray(0, to), messageAt);
    this.#messageEnd = messageAt + to;
    return messageAt + newEnd;
  }

  #writeName(from: number, to: number, isCompressed: boolean): number {
    return this.#names.write(this.octets, this.messageAt, this.#messageEnd, from, to, isCompressed);
  }

  /** @returns its end, 0 if it is broken or has no room */
  #writeRecord(from: number, to: number): number {
    const { octets } = this;
    const copy = this.#copy;
    let at = this.#writeName(from, to, true);
    const typeAt = this.#names.sourceEnd;
    if (at === 0 || typeAt + DATA_AT > this.#messageEnd || at + DATA_AT > MESSAGE_MAX) return 0;
    const dataEnd = typeAt + DATA_AT + this.#view.getUint16(typeAt + 8);
    if (dataEnd > this.#messageEnd) return 0;
    for (let index = 0; index < DATA_AT; index++) copy[at + index] = octets[typeAt + index]!;
    at += DATA_AT;
    const dataAt = at;
    let source = typeAt + DATA_AT;
    const names = RDATA_NAMES.get(this.#view.getUint16(typeAt));
    if (names !== undefined) {
      if (source + names.before > dataEnd || at + names.before > MESSAGE_MAX) return 0;
      for (let left = names.before; left > 0; left--) copy[at++] = octets[source++]!;
      for (let left = names.names; left > 0; left--) {
        at = this.#writeName(source, at, names.isCompressible);
        source = this.#names.sourceEnd;
        if (at === 0 || source > dataEnd) return 0;
      }
    }
    if (at + dataEnd - source > MESSAGE_MAX) return 0;
    while (source < dataEnd) copy[at++] = octets[source++]!;
    this.#copyView.setUint16(dataAt - 2, at - dataAt);
    return at;
  }
}

/** Only who asks for these is after addresses. */
function isAddressQuestion(type: number): boolean {
  return type === TYPE.A || type === TYPE.AAAA || type === TYPE.SRV;
}

function kindOf(type: number): number {
  if (type === TYPE.CNAME) return KIND.ALIAS;
  if (type === TYPE.A || type === TYPE.AAAA) return KIND.ADDRESS;
  if (type === TYPE.OPT) return KIND.PSEUDO;
  return type === TYPE.MX ? KIND.EXCHANGE : KIND.OTHER;
}
