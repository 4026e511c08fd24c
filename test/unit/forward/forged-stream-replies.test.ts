/**
 * A million messages on connections that carry several queries at a time, none of them the reply to one: none ends a wait, the
 * reply that comes behind them all counts, and nothing of them is in the cache. The same ones in every run.
 */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import test from 'node:test';
import { openCache } from '../../../src/cache/cache-access.ts';
import { CacheProfileTable } from '../../../src/cache/cache-profiles.ts';
import { FORWARD_CELLS } from '../../../src/forward/counts/forward-counters.ts';
import { type StreamQuery, streamQuery, UpstreamStream } from '../../../src/forward/connections/upstream-stream.ts';
import { cacheOf, snapshotBuffer, total } from '../cache/cache-bench.ts';
import { FakeForwarding, type SentQuery } from './fake-transport.ts';
import { FORGED, FORGERIES, type Forgery, questionEnd, Sequence, writeForged } from './forgeries.ts';

const MESSAGES = Number(process.env['SKYSHARD_FORGED_MESSAGES'] ?? 1_000_000);
const SEED = 20_261_126;
const QUESTIONS = 40;
const TURN = 20_000;
const PIECE_MAX = 4000;
const BOUNDS = { max: 3600, min: 5, isMinSaid: false, isDisabled: false };

/** A connection's other end: what it is sent is kept, what it says is the test's. */
class FakeConnection extends Duplex {
  readonly received: Buffer[] = [];

  override _read(): void {
    // What comes is pushed.
  }

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.received.push(piece);
    done();
  }
}

/** A forwarder whose stream queries go over one real connection object. */
class StreamForwarding extends FakeForwarding {
  count = 0;
  readonly connection = new FakeConnection();
  readonly stream = new UpstreamStream({
    connect: () => this.connection as unknown as Socket,
    idleMaxMs: 10_000,
    ageMaxMs: 0,
    onMismatch: () => this.forwarder.counters.count(FORWARD_CELLS.at.mismatched),
    onGone: () => assert.fail('the connection is given up'),
  });

  override queueResponse(): void {
    this.count++;
  }

  override queueStream(upstream: number, size: number, attempt: number, generation: number): boolean {
    const isTaken = super.queueStream(upstream, size, attempt, generation);
    const arena = Buffer.from(this.forwarder.arena);
    const asker = {
      receiveReply: (query: StreamQuery, message: Uint8Array) => {
        arena.set(message, 0);
        this.forwarder.receiveStream(query.attempt, query.generation, 0, message.length);
      },
      failQuery: () => assert.fail('a wait was ended'),
    };
    this.stream.ask(streamQuery(asker, upstream, attempt, generation, this.sent.at(-1)!.octets));
    return isTaken;
  }
}

/** What can come over a connection: whoever is at its other end, socket and source are as they should be. */
const STREAM_FORGERIES: readonly (readonly [string, Forgery])[] = Object.entries(FORGERIES).filter(
  ([name]) => name !== 'another socket' && name !== 'another source',
);
/** They have the right id and the right question, so they are the reply: one that is worth nothing. */
const UNREADABLE = new Set(['what can’t be read', 'more records than there are', 'oversized']);

test(`${MESSAGES} forged messages on a pipelined connection end no wait and leave nothing in the cache`, () => {
  const sequence = new Sequence(SEED);
  const buffer = cacheOf(1);
  const profiles = new CacheProfileTable();
  const instance = { key: 'block', capacity: 100, labels: { server: '', zones: '', view: '' } };
  const kept = { keepsTtl: false, prefetch: undefined, stale: undefined, failureMs: 5000 };
  const profile = profiles.indexOf({ instance, success: BOUNDS, denial: BOUNDS, ...kept });
  profiles.attach(buffer);
  const cache = openCache(buffer, 0, snapshotBuffer(), 0);
  const fake = new StreamForwarding([{ upstreamCount: 1, failsMax: 0, forcesTcp: true }], { cache });
  fake.setCache(profile);
  const forgeries = STREAM_FORGERIES.filter(([name]) => !UNREADABLE.has(name));
  const used = new Set<string>();
  const message = Buffer.alloc(4096);
  let piece = Buffer.alloc(0);
  let left = MESSAGES;
  for (let turn = 0, sentBefore = 0; left > 0; turn++, sentBefore = fake.sent.length) {
    fake.connection.received.length = 0;
    for (let number = 0; number < QUESTIONS; number++) {
      assert.ok(fake.ask({ name: `n${number}.turn${turn}.example.org`, type: 1, edns: {} }));
    }
    // With the ids of the connection.
    const asked = fake.connection.received.map((octets, index): SentQuery => {
      const wire = octets.subarray(2);
      const sent = fake.sent[sentBefore + index]!;
      return { ...sent, octets: wire, message: { ...sent.message, id: wire.readUInt16BE(0) } };
    });
    assert.equal(asked.length, QUESTIONS);
    for (let count = Math.min(TURN, left); count > 0; count--, left--) {
      const sent = asked[sequence.below(QUESTIONS)]!;
      const [name, forge] = forgeries[sequence.below(forgeries.length)]!;
      used.add(name);
      let size = forge(message, writeForged(message, sent), sent, sequence, fake);
      // Ids of a connection follow each other: one that is in use is no other one.
      if (name === 'another id')
        message.writeUInt16BE((asked[0]!.message.id + 1000 + sequence.below(60_000)) & 0xffff, 0);
      // What has the whole question is the reply, if one that is worth nothing; and a header alone is believed.
      if (name === 'cut short' && size >= questionEnd(sent)) size -= questionEnd(sent) - sequence.below(12);
      if (size === 12) size = 11;
      const frame = Buffer.alloc(2 + size);
      frame.writeUInt16BE(size, 0);
      message.copy(frame, 2, 0, size);
      piece = Buffer.concat([piece, frame]);
      if (piece.length < PIECE_MAX && count > 1) continue;
      fake.connection.emit('data', piece);
      piece = Buffer.alloc(0);
      if (fake.count > 0) assert.fail(`${name}: ${frame.toString('hex')}`);
    }
    assert.equal(total(buffer, 1, 'entriesSuccess', 0) + total(buffer, 1, 'entriesDenial', 0), 0);
    // All of them still wait for what was asked.
    for (const { octets } of asked) {
      const reply = Buffer.concat([Buffer.from([0, octets.length - 11]), octets.subarray(0, octets.length - 11)]);
      reply.writeUInt16BE(0x8180, 4);
      reply.writeUInt16BE(0, 12);
      fake.connection.emit('data', reply);
    }
    assert.equal(fake.count, QUESTIONS);
    fake.count = 0;
  }
  assert.equal(used.size, forgeries.length);
  assert.equal(Buffer.from(buffer).includes(FORGED), false);
  assert.equal(fake.cell('mismatched') + fake.cell('malformed'), MESSAGES);
});
