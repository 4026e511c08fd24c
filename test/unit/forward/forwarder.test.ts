/** The forwarder with a clock of the test's own: time-outs, whom it asks next, probes, limits. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { TRANSACTIONS_MAX, WAITERS_MAX } from '../../../src/forward/transaction-table.ts';
import { QUERY_ERROR } from '../../../src/observability/queries/query-error.ts';
import { FakeForwarding } from './fake-transport.ts';

const A = 1;
const SERVFAIL = 2;
const REFUSED = 5;
/** QR, TC, RD, RA */
const TRUNCATED = 0x8380;

test('three attempts, each with an id of its own, then SERVFAIL before the client gives up', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, failsMax: 0 }]);
  const startMs = fake.nowMs;
  assert.ok(fake.ask({ name: 'a.org', type: A }));
  fake.pass(4300);
  assert.equal(fake.responses.length, 0);
  fake.pass(200);
  assert.deepEqual(
    fake.responses.map(({ rcode }) => rcode),
    [SERVFAIL],
  );
  assert.equal(fake.asked.length, 4, 'and an early second one');
  assert.equal(new Set(fake.asked.map(({ message }) => message.id)).size, 4);
  assert.ok(fake.asked[2]!.atMs - startMs <= 2000);
  assert.equal(fake.forwarder.inFlight, 0);
});

test('the reply to an earlier attempt still counts', () => {
  const fake = new FakeForwarding([{ upstreamCount: 2, policy: 'sequential', failsMax: 0 }]);
  fake.ask({ name: 'a.org', type: A });
  fake.pass(900);
  assert.deepEqual(
    fake.asked.map(({ upstream }) => upstream),
    [0, 0, 1],
  );
  fake.reply(0);
  assert.equal(fake.responses.length, 1);
  fake.reply(2);
  assert.equal(fake.responses.length, 1);
  assert.equal(fake.cell('mismatched'), 1);
});

test('an upstream that is asked is a fast one soon: it is waited for less long', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, failsMax: 0 }]);
  for (let number = 0; number < 20; number++) {
    fake.ask({ name: `n${number}.org`, type: A });
    fake.reply(number);
  }
  const startMs = fake.nowMs;
  fake.ask({ name: 'slow.org', type: A });
  fake.pass(1000);
  assert.deepEqual(
    fake.asked.slice(20).map(({ atMs }) => atMs - startMs),
    [0, 40, 400],
  );
});

test('policies: sequential starts at the first, round_robin takes turns, random spreads', () => {
  const counts = (policy: 'sequential' | 'round_robin' | 'random'): number[] => {
    const fake = new FakeForwarding([{ upstreamCount: 3, policy }]);
    for (let number = 0; number < 300; number++) {
      fake.ask({ name: `n${number}.org`, type: A });
      fake.reply(number);
    }
    return [0, 1, 2].map((upstream) => fake.sent.filter((sent) => sent.upstream === upstream).length);
  };
  assert.deepEqual(counts('sequential'), [300, 0, 0]);
  assert.deepEqual(counts('round_robin'), [100, 100, 100]);
  assert.ok(counts('random').every((count) => count > 40));
});

test('round_robin goes round over all shards', () => {
  const first = new FakeForwarding([{ upstreamCount: 2, policy: 'round_robin' }]);
  const second = new FakeForwarding([], { buffer: first.buffer, shard: 1 });
  const asked = [first, second, second, first].map((shard, number) => {
    shard.ask({ name: `n${number}.org`, type: A });
    return shard.sent.at(-1)!.upstream;
  });
  assert.deepEqual(asked, [0, 1, 0, 1]);
});

test('a silent upstream is probed, down after more than max_fails probes, and up with the first response', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, failsMax: 2, failsFast: true }]);
  fake.ask({ name: 'a.org', type: A });
  fake.pass(4500);
  const probes = fake.sent.filter(({ message }) => message.questions[0]!.type === 2);
  assert.ok(probes.length >= 2, `${probes.length} probes`);
  assert.equal(probes[0]!.message.questions[0]!.name.length, 0);
  assert.equal(probes[0]!.message.rd, true);
  fake.pass(2000);
  assert.equal(fake.ask({ name: 'b.org', type: A }), false, 'down, and failing fast');
  assert.equal(fake.cell('allDown'), 1);
  const before = fake.sent.length;
  while (fake.sent.length === before) fake.pass(10);
  fake.reply(before);
  assert.equal(fake.forwarder.isProbing, false);
  assert.ok(fake.ask({ name: 'c.org', type: A }));
});

test('without failfast a down upstream is tried all the same', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, failsMax: 1 }]);
  fake.ask({ name: 'a.org', type: A });
  fake.pass(9000);
  assert.ok(fake.ask({ name: 'b.org', type: A }));
});

test('SERVFAIL and REFUSED are taken to one other upstream, then passed on', () => {
  for (const rcode of [SERVFAIL, REFUSED]) {
    const fake = new FakeForwarding([{ upstreamCount: 3, policy: 'sequential' }]);
    fake.ask({ name: 'a.org', type: A });
    fake.reply(0, 0x8180 | rcode);
    assert.equal(fake.responses.length, 0);
    fake.reply(1, 0x8180 | rcode);
    assert.equal(fake.responses[0]!.rcode, rcode);
    assert.deepEqual(
      fake.sent.map(({ upstream }) => upstream),
      [0, 1],
    );
  }
});

test('failover asks on, next goes to the group behind', () => {
  const fake = new FakeForwarding([
    { upstreamCount: 2, policy: 'sequential', failoverRcodes: [3], nextRcodes: [3], nextGroup: 1 },
    { upstreamCount: 1 },
  ]);
  fake.ask({ name: 'a.org', type: A });
  fake.reply(0, 0x8183);
  fake.reply(1, 0x8183);
  assert.deepEqual(
    fake.sent.map(({ upstream }) => upstream),
    [0, 1, 2],
  );
  fake.reply(2, 0x8180);
  assert.equal(fake.responses[0]!.rcode, 0);
});

test('a network error moves to the next upstream at once', () => {
  const fake = new FakeForwarding([{ upstreamCount: 2, policy: 'sequential', failsMax: 0 }]);
  fake.ask({ name: 'a.org', type: A });
  fake.forwarder.failAttempt(fake.sent[0]!.attempt);
  fake.pass(20);
  assert.deepEqual(
    fake.sent.map(({ upstream }) => upstream),
    [0, 1],
  );
});

test('an upstream of a family that is not there is passed over', () => {
  const fake = new (class extends FakeForwarding {
    override addUpstream(upstream: number): boolean {
      return upstream !== 0;
    }
  })([{ upstreamCount: 2, policy: 'sequential' }]);
  fake.ask({ name: 'a.org', type: A });
  assert.equal(fake.sent[0]!.upstream, 1);
});

test('the table is bounded, one group leaves room to others, and all of it is free again', () => {
  const fake = new FakeForwarding([
    { upstreamCount: 1, failsMax: 0 },
    { upstreamCount: 1, failsMax: 0, readTimeoutMs: 9 },
  ]);
  let taken = 0;
  for (let number = 0; number < TRANSACTIONS_MAX; number++) {
    fake.setClient(number % 100);
    if (fake.ask({ name: `n${number}.org`, type: A })) taken++;
  }
  assert.equal(taken, (TRANSACTIONS_MAX * 3) / 4);
  assert.ok(fake.ask({ name: 'other.org', type: A }, 1));
  assert.ok(fake.cell('full') > 0);
  fake.sent.length = 0;
  fake.pass(4500);
  assert.equal(fake.responses.length, taken + 1);
  assert.equal(fake.forwarder.inFlight, 0);
  fake.sent.length = 0;
  // Ids and waiters too: another full turn works.
  for (let number = 0; number < WAITERS_MAX / 2; number++) {
    fake.setClient(number % 100);
    assert.ok(fake.ask({ name: `m${number}.org`, type: A }));
  }
});

test('what comes truncated is asked for again over a stream, and the whole is passed on', () => {
  const fake = new FakeForwarding([{ upstreamCount: 2, policy: 'sequential' }]);
  fake.ask({ name: 'a.org', type: A });
  fake.reply(0, TRUNCATED);
  assert.deepEqual(
    fake.sent.map(({ upstream, isStream }) => [upstream, isStream]),
    [
      [0, false],
      [0, true],
    ],
  );
  assert.equal(fake.responses.length, 0);
  fake.replyOverStream(1, 0x8180, fake.sent[1]!.generation + 1);
  assert.equal(fake.responses.length, 0, 'a reply to what the slot was used for before');
  fake.reply(1);
  assert.equal(fake.responses.length, 0, 'a datagram with the id that went over the stream');
  assert.equal(fake.forwarder.openStreams, 1);
  fake.replyOverStream(1);
  fake.replyOverStream(1);
  assert.deepEqual(
    fake.responses.map(({ tc, rcode }) => [tc, rcode]),
    [[false, 0]],
  );
  assert.equal(fake.forwarder.openStreams, 0);
});

test('without a reply over the stream, what came truncated is what there is', () => {
  const fails: ((fake: FakeForwarding) => void)[] = [
    (fake) => fake.forwarder.failStream(fake.sent[1]!.attempt, fake.sent[1]!.generation, false),
    (fake) => fake.pass(2000),
    (fake) => (fake.isHandoffFull = true),
  ];
  for (const [index, fail] of fails.entries()) {
    const fake = new FakeForwarding([{ upstreamCount: 1 }]);
    fake.ask({ name: 'a.org', type: A });
    if (index === 2) fail(fake);
    fake.reply(0, TRUNCATED);
    if (index < 2) fail(fake);
    fake.pass(20);
    assert.deepEqual(
      fake.responses.map(({ tc, rcode }) => [tc, rcode]),
      [[true, 0]],
    );
    assert.deepEqual([fake.forwarder.inFlight, fake.forwarder.openStreams], [0, 0]);
    assert.equal(fake.forwarder.isProbing, false, 'it answers datagrams');
    assert.equal(fake.cell('handoffFull'), index === 2 ? 1 : 0);
  }
});

test('the whole has the time of a second attempt: it needs a connection first', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1 }]);
  for (let number = 0; number < 20; number++) {
    fake.ask({ name: `n${number}.org`, type: A });
    fake.reply(number);
  }
  fake.responses.length = 0;
  fake.ask({ name: 'a.org', type: A });
  fake.reply(20, TRUNCATED);
  fake.pass(780);
  assert.equal(fake.responses.length, 0);
  fake.pass(40);
  assert.equal(fake.responses[0]!.tc, true);
});

test('while the whole is asked for, what is kept is bounded and free again afterwards', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, failsMax: 0 }]);
  for (let round = 0; round < 2; round++) {
    fake.sent.length = 0;
    fake.responses.length = 0;
    for (let number = 0; number < 300; number++) {
      fake.ask({ name: `n${number}.org`, type: A });
      fake.reply(fake.sent.length - 1, TRUNCATED);
    }
    fake.pass(4500);
    const kept = fake.responses.filter(({ tc }) => tc).length;
    assert.deepEqual([kept, fake.responses.length], [256, 300]);
  }
});

test('a group with force_tcp is asked over streams alone; a full ring is SERVFAIL', () => {
  const fake = new FakeForwarding([{ upstreamCount: 2, policy: 'sequential', forcesTcp: true, readTimeoutMs: 500 }]);
  assert.ok(fake.ask({ name: 'a.org', type: A }));
  fake.pass(600);
  assert.deepEqual(
    fake.asked.map(({ upstream, isStream }) => [upstream, isStream]),
    [
      [0, true],
      [1, true],
    ],
  );
  fake.replyOverStream(fake.sent.indexOf(fake.asked[0]!));
  assert.equal(fake.responses[0]!.rcode, 0, 'the first attempt is answered after the second was made');
  assert.ok(
    fake.sent.every(({ isStream }) => isStream),
    'probes too',
  );
  fake.isHandoffFull = true;
  assert.ok(!fake.ask({ name: 'b.org', type: A }));
  assert.deepEqual([fake.refusal, fake.clientError], [SERVFAIL, QUERY_ERROR.NO_CAPACITY]);
  assert.ok(fake.cell('handoffFull') >= 1);
});

test('clients over streams are asked for over streams, but with prefer_udp', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1 }, { upstreamCount: 1, prefersUdp: true, readTimeoutMs: 9 }], {
    prefersStreams: true,
  });
  fake.ask({ name: 'a.org', type: A }, 0);
  fake.ask({ name: 'b.org', type: A }, 1);
  assert.deepEqual(
    fake.sent.map(({ isStream }) => isStream),
    [true, false],
  );
  fake.reply(1, TRUNCATED);
  assert.equal(fake.sent[2]!.isStream, true);
});
