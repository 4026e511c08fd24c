/** Messages that are no replies to what was asked, or can't be read, in an order that is the same in every run. */
import { nameToWire } from '../../wire/names.ts';
import { u16 } from '../../wire/query.ts';
import type { SentQuery } from './fake-transport.ts';

export const HEADER_SIZE = 12;
/** Octets of every forged record: an address, a name's label. */
export const FORGED: Buffer = Buffer.from([0x66, 0x66, 0x66, 0x66]);
export const FORGED_LABEL: number[] = [4, ...FORGED];

/** Numbers that are the same in every run (xorshift). */
export class Sequence {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  below(count: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % count;
  }
}

/** @returns the size of what it made of a forged reply of `size` octets */
export type Forgery = (
  message: Buffer,
  size: number,
  sent: SentQuery,
  sequence: Sequence,
  fake: { replySocket: number },
) => number;

export function record(owner: readonly number[], type: number, data: readonly number[]): number[] {
  return [...owner, ...u16(type), 0, 1, 0, 0, 14, 16, ...u16(data.length), ...data];
}

export const AT_QUESTION = [0xc0, HEADER_SIZE];
const ADDRESS = record(AT_QUESTION, 1, [...FORGED]);

/** Put records behind the question; what does not fit the counts is the forgery's to say. */
export function append(message: Buffer, size: number, records: readonly number[], counts: readonly number[]): number {
  message.set(records, size);
  counts.forEach((count, index) => message.writeUInt16BE(count, 6 + 2 * index));
  return size + records.length;
}

/** What comes from where it should and with its id and question, but can't be read. */
const MALFORMED: readonly (() => readonly number[])[] = [
  () => record(AT_QUESTION, 1, [...FORGED, 0]),
  () => record(AT_QUESTION, 28, [...FORGED]),
  () => record([0xc0, HEADER_SIZE - 4], 1, [...FORGED]),
  () => record([0xff, 0xff], 1, [...FORGED]),
  () => record([64, ...FORGED, 0], 1, [...FORGED]),
  () => record(AT_QUESTION, 5, [...FORGED_LABEL]),
  () => record(AT_QUESTION, 5, [...FORGED_LABEL, 0xc3, 0xff]),
  () => record(AT_QUESTION, 5, [...FORGED_LABEL, 0, 0]),
  () => record(AT_QUESTION, 15, [0]),
  () => record(AT_QUESTION, 6, [...FORGED_LABEL, 0, ...FORGED_LABEL, 0, 1, 2, 3]),
  // one label after the other, 260 octets
  () => record(Array<number[]>(52).fill(FORGED_LABEL).flat().concat(0), 1, [...FORGED]),
  () => ADDRESS.slice(0, -1),
  () => [...AT_QUESTION, 0, 1, 0, 1],
  () => [],
];

export const FORGERIES: Readonly<Record<string, Forgery>> = {
  'another id': (message, size, sent, sequence) => {
    message.writeUInt16BE((sent.message.id + 1 + sequence.below(0xfffe)) & 0xffff, 0);
    return size;
  },
  'another socket': (_message, size, _sent, sequence, fake) => {
    fake.replySocket = 2 + sequence.below(20);
    return size;
  },
  'another source': (_message, size) => size,
  'another name': (message, size, _sent, sequence) => {
    // any octet of the first label but for letter case
    const at = HEADER_SIZE + 1 + sequence.below(message[HEADER_SIZE]!);
    message[at] = 0x21 + (message[at]! % 8);
    return size;
  },
  'a longer name': (message, size, sent) => {
    message.copyWithin(HEADER_SIZE + FORGED_LABEL.length, HEADER_SIZE, size);
    message.set(FORGED_LABEL, HEADER_SIZE);
    return size + (sent.octets.length > 0 ? FORGED_LABEL.length : 0);
  },
  'another type': (message, _size, sent, sequence) => {
    const end = questionEnd(sent);
    message.writeUInt16BE(2 + sequence.below(300), end - 4);
    return append(message, end, ADDRESS, [1, 0, 0]);
  },
  'another class': (message, size, sent) => {
    message.writeUInt16BE(3, questionEnd(sent) - 2);
    return size;
  },
  'no question': (message, _size) => {
    message.writeUInt16BE(0, 4);
    return append(message, HEADER_SIZE, ADDRESS, [1, 0, 0]);
  },
  'two questions': (message, size) => {
    message.writeUInt16BE(2, 4);
    return size;
  },
  'a query': (message, size) => {
    message[2]! &= 0x7f;
    return size;
  },
  'another opcode': (message, size, _sent, sequence) => {
    message[2] = 0x81 | ((1 + sequence.below(15)) << 3);
    return size;
  },
  'cut short': (message, size, _sent, sequence) => {
    // A header alone with FORMERR or NOTIMP is what servers older than EDNS send.
    if (message[3]! === 0x81 || message[3]! === 0x84) message[3] = 0x80;
    return sequence.below(size);
  },
  'what can’t be read': (message, _size, sent, sequence) =>
    append(message, questionEnd(sent), MALFORMED[sequence.below(MALFORMED.length)]!(), [1, 0, 0]),
  'more records than there are': (message, size, _sent, sequence) => {
    message.writeUInt16BE(2 + sequence.below(60_000), 6 + 2 * sequence.below(3));
    return size;
  },
  garbage: (message, _size, _sent, sequence) => {
    const size = sequence.below(600);
    for (let at = 2; at < size; at++) message[at] = sequence.below(256);
    // Whatever it says, it can't be the question.
    if (size > HEADER_SIZE) message[HEADER_SIZE] = 70;
    return size;
  },
  oversized: (message, _size, sent) => {
    const end = questionEnd(sent);
    // 3,900 octets that claim to be more
    const filling = Array<number[]>(200)
      .fill(record(AT_QUESTION, 1, [...FORGED]))
      .flat();
    return append(message, end, filling, [250, 0, 0]);
  },
};

export function questionEnd(sent: SentQuery): number {
  const { name } = sent.message.questions[0]!;
  return HEADER_SIZE + nameToWire(name).length + 4;
}

/** A reply to `sent` from its upstream with one forged address. @returns its size */
export function writeForged(message: Buffer, sent: SentQuery): number {
  const end = questionEnd(sent);
  sent.octets.copy(message, 0, 0, end);
  message.writeUInt16BE(0x8180, 2);
  return append(message, end, ADDRESS, [1, 0, 0]);
}
