/**
 * A million messages that are no replies to what was asked, or say more than was asked: none ends a wait, nothing of them is
 * in the cache. The same ones in every run.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { openCache } from '../../../src/cache/cache-access.ts';
import { CacheProfileTable } from '../../../src/cache/cache-profiles.ts';
import { cacheOf, snapshotBuffer, total } from '../cache/cache-bench.ts';
import { FakeForwarding } from './fake-transport.ts';
import {
  append,
  AT_QUESTION,
  FORGED,
  FORGED_LABEL,
  FORGERIES,
  HEADER_SIZE,
  questionEnd,
  record,
  Sequence,
  writeForged,
} from './forgeries.ts';

const MESSAGES = Number(process.env['SKYSHARD_FORGED_MESSAGES'] ?? 1_000_000);
const SEED = 20_261_125;
const QUESTIONS = 40;
const TURN = 20_000;
const UPSTREAMS = 2;
const BOUNDS = { max: 3600, min: 5, isMinSaid: false, isDisabled: false };

/** A transport that says which socket a message came to, and only counts responses. */
class CountingForwarding extends FakeForwarding {
  count = 0;
  override replySocket = 1;

  override queueResponse(): void {
    this.count++;
  }
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
