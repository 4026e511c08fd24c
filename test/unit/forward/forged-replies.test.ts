/**
 * A million messages that are no replies to what was asked, or say more than was asked: none ends a wait, nothing of them is
 * in the cache. The same ones in every run.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { openCache } from '../../../src/cache/cache-access.ts';
import { CacheProfileTable } from '../../../src/cache/cache-profiles.ts';
import { nameToWire } from '../../wire/names.ts';
import { u16 } from '../../wire/query.ts';
import { cacheOf, snapshotBuffer, total } from '../cache/cache-bench.ts';
import { FakeForwarding, type SentQuery } from './fake-transport.ts';

const MESSAGES = Number(process.env['SKYSHARD_FORGED_MESSAGES'] ?? 1_000_000);
const SEED = 20_261_125;
const QUESTIONS = 40;
const TURN = 20_000;
const UPSTREAMS = 2;
const HEADER_SIZE = 12;
/** Octets of every forged record: an address, a name's label. */
const FORGED = Buffer.from([0x66, 0x66, 0x66, 0x66]);
const FORGED_LABEL = [4, ...FORGED];
const BOUNDS = { max: 3600, min: 5, isMinSaid: false, isDisabled: false };

/** Numbers that are the same in every run (xorshift). */
class Sequence {
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

/** A transport that says which socket a message came to, and only counts responses. */
class CountingForwarding extends FakeForwarding {
  count = 0;
  override replySocket = 1;

  override queueResponse(): void {
    this.count++;
  }
}

type Forgery = (message: Buffer, size: number, sent: SentQuery, sequence: Sequence, fake: CountingForwarding) => number;

function record(owner: readonly number[], type: number, data: readonly number[]): number[] {
  return [...owner, ...u16(type), 0, 1, 0, 0, 14, 16, ...u16(data.length), ...data];
}

const AT_QUESTION = [0xc0, HEADER_SIZE];
const ADDRESS = record(AT_QUESTION, 1, [...FORGED]);

/** Put records behind the question; what does not fit the counts is the forgery's to say. */
function append(message: Buffer, size: number, records: readonly number[], counts: readonly number[]): number {
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

const FORGERIES: Readonly<Record<string, Forgery>> = {
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

function questionEnd(sent: SentQuery): number {
  const { name } = sent.message.questions[0]!;
  return HEADER_SIZE + nameToWire(name).length + 4;
}

/** A reply to `sent` from its upstream with one forged address. @returns its size */
function writeForged(message: Buffer, sent: SentQuery): number {
  const end = questionEnd(sent);
  sent.octets.copy(message, 0, 0, end);
  message.writeUInt16BE(0x8180, 2);
  return append(message, end, ADDRESS, [1, 0, 0]);
}

interface Bench {
  readonly fake: CountingForwarding;
  readonly buffer: SharedArrayBuffer;
}

function bench(): Bench {
  const buffer = cacheOf(1);
  const profiles = new CacheProfileTable();
  const instance = { key: 'block', capacity: 100, labels: { server: '', zones: '', view: '' } };
  const kept = { keepsTtl: false, prefetch: undefined, stale: undefined, failureMs: 5000 };
  const profile = profiles.indexOf({ instance, success: BOUNDS, denial: BOUNDS, ...kept });
  profiles.attach(buffer);
  const cache = openCache(buffer, 0, snapshotBuffer(), 0);
  const fake = new CountingForwarding([{ upstreamCount: UPSTREAMS, failsMax: 0 }], { cache });
  fake.setCache(profile);
  return { fake, buffer };
}

function entries({ buffer }: Bench): number {
  return total(buffer, 1, 'entriesSuccess', 0) + total(buffer, 1, 'entriesDenial', 0);
}

/** Whether an octet sequence that only forged records have is anywhere in the cache. */
function isForgedInCache({ buffer }: Bench): boolean {
  return Buffer.from(buffer).includes(FORGED);
}

test(`${MESSAGES} forged messages end no wait and leave nothing in the cache`, () => {
  const sequence = new Sequence(SEED);
  const forgeries = Object.values(FORGERIES);
  const used = new Map<string, number>();
  const started = bench();
  const { fake } = started;
  const message = Buffer.alloc(4096);
  let sentBefore = 0;
  for (let turn = 0, left = MESSAGES; left > 0; turn++) {
    for (let number = 0; number < QUESTIONS; number++) {
      assert.ok(fake.ask({ name: `n${number}.turn${turn}.example.org`, type: 1, edns: {} }));
    }
    for (let count = Math.min(TURN, left); count > 0; count--, left--) {
      const sent = fake.sent[sentBefore + sequence.below(QUESTIONS)]!;
      const index = sequence.below(forgeries.length);
      fake.replySocket = 1;
      const size = forgeries[index]!(message, writeForged(message, sent), sent, sequence, fake);
      const isOtherSource = forgeries[index] === FORGERIES['another source'];
      fake.receive(message.subarray(0, size), isOtherSource ? (sent.upstream + 1) % UPSTREAMS : sent.upstream);
      if (fake.count > 0) assert.fail(`${Object.keys(FORGERIES)[index]}: ${message.subarray(0, size).toString('hex')}`);
      used.set(String(index), (used.get(String(index)) ?? 0) + 1);
    }
    assert.equal(entries(started), 0);
    // All of them still wait for what was asked.
    fake.replySocket = 1;
    for (let number = 0; number < QUESTIONS; number++) fake.reply(sentBefore + number);
    assert.equal(fake.count, QUESTIONS);
    fake.count = 0;
    sentBefore = fake.sent.length;
  }
  assert.equal(used.size, forgeries.length);
  assert.equal(isForgedInCache(started), false);
  assert.equal(fake.cell('mismatched') + fake.cell('malformed'), MESSAGES);
});

test('records of other names come into the cache neither with an answer nor alone', () => {
  const sequence = new Sequence(SEED);
  const started = bench();
  const { fake } = started;
  const message = Buffer.alloc(4096);
  const other = [...FORGED_LABEL, 0];
  const forged = [record(other, 1, [...FORGED]), record(other, 2, [...FORGED_LABEL, 0])];
  const genuine = record(AT_QUESTION, 1, [192, 0, 2, 1]);
  const rounds = Math.ceil(MESSAGES / 50);
  for (let round = 0; round < rounds; round++) {
    fake.sent.length = 0;
    assert.ok(fake.ask({ name: `n${round % 100}.example.org`, type: 1, edns: {} }));
    const sent = fake.sent[0]!;
    const end = questionEnd(sent);
    sent.octets.copy(message, 0, 0, end);
    message.writeUInt16BE(0x8180, 2);
    const more = Array.from({ length: 1 + sequence.below(3) }, () => forged[sequence.below(forged.length)]!);
    const records = [genuine, ...more];
    const place = sequence.below(4);
    const counts = [
      [1 + more.length, 0, 0],
      [1, more.length, 0],
      [1, 0, more.length],
      [more.length, 0, 0],
    ][place]!;
    const size = append(message, end, (place === 3 ? more : records).flat(), counts);
    fake.receive(message.subarray(0, size), sent.upstream);
    assert.equal(fake.count, 1);
    fake.count = 0;
  }
  assert.equal(isForgedInCache(started), false);
  assert.equal(entries(started), new Set(Array.from({ length: rounds }, (_, round) => round % 100)).size);
});

test('of a denial the SOA is kept, whatever stands beside it in the authority section', () => {
  for (const isDnssec of [false, true]) {
    for (const isFirst of [false, true]) {
      const started = bench();
      const { fake } = started;
      const message = Buffer.alloc(4096);
      assert.ok(fake.ask({ name: 'none.example.org', type: 1, edns: { dnssecOk: isDnssec } }));
      const sent = fake.sent[0]!;
      const end = questionEnd(sent);
      sent.octets.copy(message, 0, 0, end);
      message.writeUInt16BE(0x8183, 2);
      // `example.org` stands in the question
      const zone = [0xc0, HEADER_SIZE + 5];
      const soa = record(zone, 6, [1, 97, ...zone, 1, 98, ...zone, ...Array<number>(20).fill(1)]);
      const servers = record(zone, 2, [...FORGED_LABEL, 0]);
      const size = append(message, end, isFirst ? [...servers, ...soa] : [...soa, ...servers], [0, 2, 0]);
      fake.receive(message.subarray(0, size), sent.upstream);
      assert.equal(fake.count, 1);
      assert.equal(entries(started), 1, `DO ${isDnssec}, first ${isFirst}`);
      assert.equal(isForgedInCache(started), false, `DO ${isDnssec}, first ${isFirst}`);
    }
  }
});
