/** Questions in flight and the cache: what is kept, what is given when no upstream has an answer, what nobody waits for. */
import assert from 'node:assert/strict';
import test from 'node:test';
import dnsPacket from 'dns-packet';
import { machineTick } from '../../../src/base/machine-clock.ts';
import { openCache, type CacheAccess } from '../../../src/cache/cache-access.ts';
import { CacheProfileTable, type CacheProfile } from '../../../src/cache/cache-profiles.ts';
import { KIND } from '../../../src/cache/cache-layout.ts';
import { cacheOf, CacheThread, snapshotBuffer, total } from '../cache/cache-bench.ts';
import { FakeForwarding } from './fake-transport.ts';

const A = 1;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const EDE_STALE = 3;
const BOUNDS = { max: 3600, min: 5, isMinSaid: false, isDisabled: false };
const PROFILE: CacheProfile = {
  instance: { key: 'block', capacity: 100, labels: { server: '', zones: '', view: '' } },
  success: BOUNDS,
  denial: BOUNDS,
  failureMs: 5000,
  keepsTtl: false,
  prefetch: undefined,
  stale: undefined,
};
const STALE = { upToMs: 60_000, ttlSeconds: 30, verifyMs: 500, recheckMs: 0, prefersPositive: false };
const QUESTION = { name: 'a.test', type: A, edns: {} };

class Bench {
  readonly fake: FakeForwarding;
  readonly #buffer = cacheOf(2);
  readonly #reader: CacheThread;
  readonly profile: number;

  constructor(profile: Partial<CacheProfile> = {}, upstreamCount = 1, failsMax = 0) {
    const profiles = new CacheProfileTable();
    this.profile = profiles.indexOf({ ...PROFILE, ...profile });
    profiles.attach(this.#buffer);
    const snapshot = snapshotBuffer();
    const cache: CacheAccess | undefined = openCache(this.#buffer, 0, snapshot, 0);
    this.#reader = new CacheThread(this.#buffer, 1, snapshot);
    this.fake = new FakeForwarding([{ upstreamCount, failsMax }], { cache });
    this.fake.setCache(this.profile);
  }

  /** The upstream answers what was sent as number `index`. */
  answer(index: number, ttl = 60, data = '192.0.2.7'): void {
    const sent = this.fake.sent[index]!;
    const { name } = dnsPacket.decode(sent.octets).questions![0]!;
    const octets = dnsPacket.encode({
      type: 'response',
      id: sent.message.id,
      questions: [{ type: 'A', name }],
      answers: [{ type: 'A', name, ttl, data }],
    });
    this.fake.receive(octets, sent.upstream);
  }

  /** The upstream says that there is no such name. */
  deny(index: number): void {
    const sent = this.fake.sent[index]!;
    const { name } = dnsPacket.decode(sent.octets).questions![0]!;
    const soa = { mname: 'ns.test', rname: 'host.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 };
    const octets = dnsPacket.encode({
      type: 'response',
      id: sent.message.id,
      flags: NXDOMAIN,
      questions: [{ type: 'A', name }],
      authorities: [{ type: 'SOA', name: 'test', ttl: 60, data: soa }],
    });
    this.fake.receive(octets, sent.upstream);
  }

  has(kind: number, name = 'a.test.'): boolean {
    return this.#reader.find({ name, instance: 0 }, kind) !== undefined;
  }

  /** Put an answer there that has ended. */
  putStale(): void {
    const record = Buffer.from('c00c000100010000000000040a000001', 'hex');
    this.#reader.storeRecords({ name: 'a.test.', instance: 0 }, record, 1, [6], machineTick() - 100, 50);
  }

  count(cell: Parameters<typeof total>[2]): number {
    return total(this.#buffer, 2, cell, 0);
  }
}

test('a reply is kept and passed on; without a profile it is only passed on', () => {
  const bench = new Bench();
  bench.fake.ask(QUESTION);
  bench.answer(0);
  assert.equal(bench.fake.responses.length, 1);
  assert.ok(bench.has(KIND.SUCCESS));
  bench.fake.setCache(-1);
  bench.fake.ask({ ...QUESTION, name: 'b.test' });
  bench.answer(1);
  assert.equal(bench.fake.responses.length, 2);
  assert.ok(!bench.has(KIND.SUCCESS, 'b.test.'));
});

test('equal questions of two profiles are two questions', () => {
  const bench = new Bench();
  bench.fake.ask(QUESTION);
  bench.fake.setCache(-1);
  bench.fake.ask(QUESTION);
  assert.equal(bench.fake.asked.length, 2);
});

test('that no upstream answers is kept as a failure', () => {
  const bench = new Bench();
  bench.fake.ask(QUESTION);
  bench.fake.pass(4500);
  assert.deepEqual(
    bench.fake.responses.map(({ rcode }) => rcode),
    [SERVFAIL],
  );
  assert.ok(bench.has(KIND.FAILURE));
});

test('a refresh asks upstream, answers nobody, and is shared by who asks meanwhile', () => {
  const bench = new Bench();
  bench.fake.refresh(QUESTION, bench.profile);
  bench.fake.refresh(QUESTION, bench.profile);
  assert.equal(bench.fake.asked.length, 1);
  bench.answer(0);
  assert.equal(bench.fake.responses.length, 0);
  assert.equal(bench.fake.forwarder.inFlight, 0);
  assert.ok(bench.has(KIND.SUCCESS));

  bench.fake.refresh({ ...QUESTION, name: 'b.test' }, bench.profile);
  bench.fake.ask({ ...QUESTION, name: 'b.test' });
  assert.equal(bench.fake.asked.length, 2);
  bench.answer(1);
  assert.equal(bench.fake.responses.length, 1);

  bench.fake.refresh({ ...QUESTION, name: 'c.test' }, bench.profile);
  bench.fake.pass(4500);
  assert.equal(bench.fake.responses.length, 1);
  bench.fake.pass(5200);
  assert.equal(bench.fake.forwarder.inFlight, 0);
});

test('what comes after clients have had their answer is kept for the next, and not sent', () => {
  const bench = new Bench();
  bench.fake.ask(QUESTION);
  bench.fake.ask(QUESTION);
  bench.fake.pass(4500);
  assert.deepEqual(
    bench.fake.responses.map(({ rcode }) => rcode),
    [SERVFAIL, SERVFAIL],
  );
  assert.equal(bench.fake.forwarder.hasClients, false);
  bench.answer(1);
  assert.equal(bench.fake.responses.length, 2);
  assert.ok(bench.has(KIND.SUCCESS));
  assert.equal(bench.fake.forwarder.inFlight, 0);
  assert.equal(bench.fake.cell('late'), 1);

  // Not for ever, and not where nothing is kept.
  bench.fake.ask({ ...QUESTION, name: 'b.test' });
  const index = bench.fake.sent.length - 1;
  bench.fake.pass(9800);
  bench.answer(index);
  assert.ok(!bench.has(KIND.SUCCESS, 'b.test.'));
  bench.fake.setCache(-1);
  bench.fake.ask({ ...QUESTION, name: 'c.test' });
  bench.fake.pass(4500);
  assert.equal(bench.fake.forwarder.inFlight, 0);
});

test('upstreams that are too late for a client who can have a stale answer are heard all the same', () => {
  const bench = new Bench({ stale: STALE });
  bench.putStale();
  bench.fake.setCache(bench.profile, true);
  bench.fake.ask(QUESTION);
  bench.fake.pass(600);
  assert.equal(bench.fake.responses.length, 1);
  bench.answer(0, 60, '192.0.2.99');
  assert.equal(bench.fake.responses.length, 1);
  bench.fake.setCache(bench.profile, true);
  bench.fake.ask(QUESTION);
  bench.fake.pass(600);
  assert.deepEqual(
    bench.fake.responses[1]?.answer.map(({ ttlSeconds }) => ttlSeconds),
    [30],
    'the stale one is the new one by now',
  );
  assert.equal(bench.fake.responses[1]!.answer[0]!.rdata, '192.0.2.99');
});

test('who can have a stale answer waits no longer for others who ask the same', () => {
  const bench = new Bench({ stale: STALE });
  bench.putStale();
  bench.fake.ask(QUESTION);
  bench.fake.pass(300);
  bench.fake.setCache(bench.profile, true);
  bench.fake.ask(QUESTION);
  bench.fake.pass(300);
  assert.equal(bench.fake.responses.length, 2);
});

test('that no upstream answered is over when one that was gone answers again, for every shard', () => {
  const bench = new Bench({}, 1, 2);
  const tick = machineTick();
  assert.equal(bench.fake.forwarder.isFailureOver(0, tick), false);
  bench.fake.ask(QUESTION);
  bench.fake.pass(500);
  // One probe that is answered is no outage.
  bench.fake.pass(500);
  const isProbe = ({ message }: { message: { questions: readonly { type: number }[] } }): boolean =>
    message.questions[0]!.type === 2;
  bench.fake.reply(bench.fake.sent.findIndex(isProbe));
  assert.equal(bench.fake.forwarder.isFailureOver(0, tick), false);
  bench.fake.ask({ ...QUESTION, name: 'b.test' });
  bench.fake.pass(4500);
  const other = new FakeForwarding([], { buffer: bench.fake.buffer, shard: 1 });
  assert.equal(other.forwarder.isFailureOver(0, tick), false);
  bench.fake.reply(bench.fake.sent.findLastIndex(isProbe));
  assert.equal(other.forwarder.isFailureOver(0, tick), true);
  assert.equal(other.forwarder.isFailureOver(0, machineTick() + 1), false, 'what failed since has failed');
});

test('a stale answer is given when upstreams have none in time, with its TTL and the extended error', () => {
  const bench = new Bench({ stale: STALE });
  bench.putStale();
  bench.fake.setCache(bench.profile, true);
  bench.fake.ask(QUESTION);
  bench.fake.pass(450);
  assert.equal(bench.fake.responses.length, 0);
  bench.fake.pass(100);
  const [response] = bench.fake.responses;
  assert.equal(response?.rcode, 0);
  assert.deepEqual(
    response?.answer.map(({ ttlSeconds: ttl }) => ttl),
    [30],
  );
  assert.deepEqual(
    response?.opt?.options.map(({ code, data }) => [code, [...data]]),
    [[15, [0, EDE_STALE]]],
  );
  assert.equal(bench.count('servedStale'), 1);
});

test('a stale answer is given instead of SERVFAIL, and a fresh one instead of the stale', () => {
  const failing = new Bench({ stale: STALE });
  failing.putStale();
  failing.fake.setCache(failing.profile, true);
  failing.fake.ask(QUESTION);
  failing.fake.reply(0, 0x8182);
  assert.equal(failing.fake.responses[0]?.rcode, 0);
  assert.ok(!failing.has(KIND.FAILURE));

  const fresh = new Bench({ stale: STALE });
  fresh.putStale();
  fresh.fake.setCache(fresh.profile, true);
  fresh.fake.ask(QUESTION);
  fresh.answer(0, 60);
  assert.deepEqual(
    fresh.fake.responses[0]?.answer.map(({ ttlSeconds: ttl }) => ttl),
    [60],
  );
});

test('an answer that has ended too long ago is not given', () => {
  const bench = new Bench({ stale: { ...STALE, upToMs: 1000 } });
  bench.putStale();
  bench.fake.setCache(bench.profile, true);
  bench.fake.ask(QUESTION);
  bench.fake.pass(4500);
  assert.equal(bench.fake.responses[0]?.rcode, SERVFAIL);
});

test('prefer_positive: a denial is kept, and who asked gets the stale answer all the same', () => {
  for (const prefersPositive of [false, true]) {
    const bench = new Bench({ stale: { ...STALE, prefersPositive } });
    bench.putStale();
    bench.fake.setCache(bench.profile, true);
    bench.fake.ask(QUESTION);
    bench.deny(0);
    assert.equal(bench.fake.responses[0]?.rcode, prefersPositive ? 0 : NXDOMAIN);
    assert.ok(bench.has(KIND.DENIAL));
    assert.ok(bench.has(KIND.SUCCESS));
  }
});

test('REFUSED is no answer where there is a stale one', () => {
  const bench = new Bench({ stale: STALE });
  bench.putStale();
  bench.fake.setCache(bench.profile, true);
  bench.fake.ask(QUESTION);
  bench.fake.reply(0, 0x8185);
  assert.equal(bench.fake.responses[0]?.rcode, 0);
});
