/** Trying a second time before the first attempt is given up, upstreams that are gone, one client's share, late replies. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { CLIENT_SHARE_MAX } from '../../../src/forward/client-shares.ts';
import { QUERY_ERROR } from '../../../src/observability/queries/query-error.ts';
import { FakeForwarding, type GroupSpec } from './fake-transport.ts';

const A = 1;
const NS = 2;
const SERVFAIL = 2;
const REFUSED = 5;

/** Forwarding whose upstreams have answered a few questions at once. */
function swift(group: GroupSpec): FakeForwarding {
  const fake = new FakeForwarding([group]);
  for (let number = 0; number < 20; number++) {
    fake.ask({ name: `swift${number}.org`, type: A });
    fake.reply(number);
  }
  fake.sent.length = 0;
  fake.responses.length = 0;
  return fake;
}

test('an upstream that is later than it ever was: another one is asked beside it, and the first reply counts', () => {
  for (const answering of [0, 1]) {
    const fake = swift({ upstreamCount: 2, policy: 'round_robin' });
    fake.ask({ name: 'a.org', type: A });
    fake.pass(30);
    assert.equal(fake.asked.length, 1);
    fake.pass(20);
    assert.deepEqual(new Set(fake.asked.map(({ upstream }) => upstream)), new Set([0, 1]));
    assert.equal(fake.cell('hedges'), 1);
    fake.reply(answering);
    assert.equal(fake.responses.length, 1);
    assert.equal(fake.forwarder.isProbing, false, 'late once is not missing');
  }
});

test('early second tries stay a small part of the load', () => {
  const fake = swift({ upstreamCount: 2, failsMax: 0 });
  const asked = 3000;
  for (let number = 0; number < asked; number++) {
    fake.setClient(number % 1000);
    assert.ok(fake.ask({ name: `n${number}.org`, type: A }));
    if (number % 200 === 0) fake.pass(10);
  }
  fake.pass(200);
  const early = fake.sent.length - asked;
  assert.equal(early, fake.cell('hedges'));
  assert.ok(early >= 16 && early <= 16 + (asked + 20) / 32, `${early} of ${asked}`);
});

test('of a sequence the first is asked again: the second may know other things', () => {
  const fake = swift({ upstreamCount: 2, policy: 'sequential' });
  fake.ask({ name: 'a.org', type: A });
  fake.pass(390);
  assert.deepEqual(
    fake.asked.map(({ upstream }) => upstream),
    [0, 0],
  );
  fake.pass(20);
  assert.deepEqual(
    fake.asked.map(({ upstream }) => upstream),
    [0, 0, 1],
    'with the time-out of the first, no later',
  );
});

test('over a stream nothing is lost: what was asked is not asked again early', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, forcesTcp: true, failsMax: 0 }]);
  fake.ask({ name: 'a.org', type: A });
  fake.pass(700);
  assert.equal(fake.sent.length, 1);
  fake.pass(200);
  assert.equal(fake.sent.length, 2);
});

test('an upstream that others are faster than three times in a row is probed, and passed over until it answers', () => {
  const fake = swift({ upstreamCount: 2, policy: 'round_robin', failsMax: 2 });
  let lost = 0;
  for (let number = 0; lost < 3; number++) {
    assert.ok(number < 10);
    assert.equal(fake.forwarder.isProbing, false);
    fake.sent.length = 0;
    fake.ask({ name: `n${number}.org`, type: A });
    if (fake.sent[0]!.upstream === 0) {
      fake.pass(50);
      fake.reply(fake.sent.findIndex(({ upstream }) => upstream === 1));
      lost++;
    } else {
      fake.reply(0);
    }
  }
  assert.equal(fake.forwarder.isProbing, true);
  fake.sent.length = 0;
  for (let number = 0; number < 20; number++) {
    fake.ask({ name: `m${number}.org`, type: A });
    fake.reply(fake.sent.length - 1);
  }
  assert.ok(fake.asked.every(({ upstream }) => upstream === 1));
  fake.pass(20);
  const probe = fake.sent.findIndex(({ message }) => message.questions[0]!.type === NS);
  assert.equal(fake.sent[probe]!.upstream, 0);
  fake.reply(probe);
  assert.equal(fake.forwarder.isProbing, false);
});

test('SERVFAIL of one upstream waits for what the other, asked early, has to say', () => {
  const fake = swift({ upstreamCount: 2, policy: 'round_robin' });
  fake.ask({ name: 'a.org', type: A });
  fake.pass(50);
  assert.equal(fake.asked.length, 2);
  fake.reply(1, 0x8180 | SERVFAIL);
  assert.equal(fake.responses.length, 0);
  fake.reply(0);
  assert.deepEqual(
    fake.responses.map(({ rcode }) => rcode),
    [0],
  );
});

test('while no upstream answers even probes, nobody waits for a second, also who has waited already', () => {
  const fake = swift({ upstreamCount: 2, policy: 'round_robin' });
  fake.ask({ name: 'a.org', type: A });
  // Time-outs, then probes that time out.
  fake.pass(1000);
  fake.ask({ name: 'b.org', type: A });
  const before = fake.nowMs;
  while (fake.responses.length < 1) fake.pass(10);
  fake.pass(1000);
  assert.deepEqual(
    fake.responses.map(({ rcode }) => rcode),
    [SERVFAIL, SERVFAIL],
  );
  assert.ok(fake.nowMs - before < 2500, `${fake.nowMs - before} ms`);
  for (let number = 0; number < 3; number++) {
    fake.responses.length = 0;
    assert.ok(fake.ask({ name: `c${number}.org`, type: A }));
    fake.pass(920);
    assert.equal(fake.responses.length, 1);
  }
});

test('one probe at a time goes to an upstream that is gone, a second apart', () => {
  const fake = swift({ upstreamCount: 1 });
  fake.ask({ name: 'a.org', type: A });
  fake.pass(10_500);
  const probes = fake.sent.filter(({ message }) => message.questions[0]!.type === NS);
  assert.ok(probes.length >= 9 && probes.length <= 11, `${probes.length} probes`);
});

test('an upstream whose host says at once that nobody listens is probed no more often than the interval says', () => {
  const fake = swift({ upstreamCount: 1 });
  fake.ask({ name: 'a.org', type: A });
  for (let turn = 0, from = 0; turn < 1000; turn++) {
    const upTo = fake.sent.length;
    for (; from < upTo; from++) fake.forwarder.failAttempt(fake.sent[from]!.attempt, true);
    fake.pass(10);
  }
  // every 500 ms
  const probes = fake.sent.filter(({ message }) => message.questions[0]!.type === NS);
  assert.ok(probes.length >= 15 && probes.length <= 21, `${probes.length} probes`);
  assert.equal(fake.responses[0]!.rcode, SERVFAIL);
});

test('one upstream that answers: the other one’s silence shortens nothing', () => {
  const fake = swift({ upstreamCount: 2, policy: 'sequential' });
  fake.ask({ name: 'a.org', type: A });
  fake.pass(450);
  fake.reply(fake.sent.findIndex(({ upstream, message }) => upstream === 1 && message.questions[0]!.type === A));
  fake.pass(3000);
  assert.equal(fake.forwarder.isProbing, true);
  fake.sent.length = 0;
  fake.responses.length = 0;
  fake.ask({ name: 'slow.org', type: A });
  for (let turn = 0; turn < 150; turn++) {
    fake.pass(10);
    const last = fake.sent.at(-1)!;
    if (last.upstream === 1 && last.message.questions[0]!.type === NS) fake.reply(fake.sent.length - 1);
  }
  assert.equal(fake.responses.length, 0);
  fake.reply(fake.sent.findIndex(({ upstream, message }) => upstream === 1 && message.questions[0]!.type === A));
  assert.equal(fake.responses.length, 1);
});

test('one client has its share of the table; beyond it REFUSED with the reason, others are served', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, failsMax: 0 }]);
  fake.setClient(1);
  let taken = 0;
  while (taken <= CLIENT_SHARE_MAX && fake.ask({ name: `n${taken}.org`, type: A })) taken++;
  assert.equal(taken, CLIENT_SHARE_MAX);
  assert.deepEqual([fake.refusal, fake.clientError], [REFUSED, QUERY_ERROR.CLIENT_SHARE]);
  assert.equal(fake.refusalText, 'too many queries of this client wait');
  assert.equal(fake.cell('clientFull'), 1);
  fake.setClient(2);
  assert.ok(fake.ask({ name: 'other.org', type: A }));
  fake.setClient(1);
  fake.reply(0);
  assert.ok(fake.ask({ name: 'again.org', type: A }), 'room again when one was answered');
  assert.ok(!fake.ask({ name: 'more.org', type: A }));
});

test('max_concurrent says why it refuses', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, concurrentMax: 1 }]);
  assert.ok(fake.ask({ name: 'a.org', type: A }));
  assert.ok(!fake.ask({ name: 'b.org', type: A }));
  assert.deepEqual(
    [fake.refusal, fake.clientError, fake.refusalText],
    [REFUSED, QUERY_ERROR.MAX_CONCURRENT, 'max_concurrent'],
  );
});
