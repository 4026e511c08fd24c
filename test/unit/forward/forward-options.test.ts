/** Options of `forward` that say how often, how long and with what: each makes a difference. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FLAGS_HIGH_AT, QR } from '../../../src/dns/wire-header.ts';
import { DEFAULT_FORWARD_GROUP, type ForwardGroup } from '../../../src/forward/forward-group.ts';
import { StreamPool } from '../../../src/forward/connections/stream-pool.ts';
import { streamQuery } from '../../../src/forward/connections/upstream-stream.ts';
import { buildQuery } from '../../wire/query.ts';
import { FakeForwarding, type GroupSpec } from './fake-transport.ts';

const A = 1;
const NS = 2;
const NODATA = 0x8180;

function asked(group: GroupSpec, passMs: number): FakeForwarding {
  const fake = new FakeForwarding([group]);
  fake.ask({ name: 'a.org', type: A });
  fake.pass(passMs);
  return fake;
}

test('max_connect_attempts: so often is tried, and no second try comes early where it is 1', () => {
  assert.equal(asked({ upstreamCount: 2, failsMax: 0, attemptsMax: 1 }, 1900).asked.length, 1);
  const twice = asked({ upstreamCount: 3, failsMax: 0, attemptsMax: 2 }, 4500);
  assert.deepEqual([twice.asked.length, twice.responses.length], [3, 1], 'two, and an early one');
});

/** Each attempt fails at once, as where nobody listens. @returns whom was asked until clients had their response */
function refusing(group: GroupSpec, passMs: number): FakeForwarding {
  const fake = new FakeForwarding([{ failsMax: 0, policy: 'sequential', ...group }]);
  fake.ask({ name: 'a.org', type: A });
  const before = fake.nowMs;
  for (let failed = 0; fake.responses.length === 0 && fake.nowMs < before + passMs; fake.pass(10)) {
    for (; failed < fake.sent.length; failed++) fake.forwarder.failAttempt(fake.sent[failed]!.attempt, true);
  }
  return fake;
}

function upstreamsOf({ asked }: FakeForwarding): number[] {
  return asked.map(({ upstream }) => upstream);
}

test('max_connect_attempts: so many fail before the query does, each upstream in its turn', () => {
  for (const attemptsMax of [1, 4, 7, 20]) {
    const fake = refusing({ upstreamCount: 3, attemptsMax }, 4000);
    const expected = Array.from({ length: attemptsMax }, (_, attempt) => attempt % 3);
    assert.deepEqual([upstreamsOf(fake), fake.responses.length], [expected, 1], `${attemptsMax}`);
  }
  assert.equal(refusing({ upstreamCount: 3 }, 4000).asked.length, 3, 'not said: three');
});

test('max_connect_attempts 0: as long as there is time, and not as fast as a network says no', () => {
  const fake = refusing({ upstreamCount: 1, attemptsMax: 0 }, 6000);
  assert.equal(fake.responses.length, 1);
  assert.ok(fake.nowMs - 1000 > 4000 && fake.nowMs - 1000 <= 4600, `${fake.nowMs - 1000} ms`);
  assert.ok(fake.asked.length >= 60 && fake.asked.length <= 80, `${fake.asked.length}`);
});

test('max_connect_attempts: a reply to a late attempt is one, over datagrams and streams; one that made room is none', () => {
  for (const forcesTcp of [false, true]) {
    const fake = asked({ upstreamCount: 1, failsMax: 0, attemptsMax: 30, readTimeoutMs: 100, forcesTcp }, 950);
    assert.ok(fake.asked.length >= 9, `${fake.asked.length}`);
    assert.equal(fake.responses.length, 0);
    const reply = (index: number): void => (forcesTcp ? fake.replyOverStream(index) : fake.reply(index));
    reply(0);
    assert.deepEqual([fake.responses.length, fake.cell('mismatched')], [0, 1]);
    const { attempt, generation } = fake.sent[0]!;
    if (forcesTcp) fake.forwarder.failStream(attempt, generation, false);
    const before = fake.asked.length;
    fake.pass(20);
    assert.equal(fake.asked.length, before, 'what failed was an attempt that nobody waits for');
    assert.ok(fake.forwarder.openStreams <= 5);
    reply(before - 2);
    assert.deepEqual(
      [fake.responses.map(({ rcode }) => rcode), fake.forwarder.inFlight, fake.forwarder.openStreams],
      [[0], 0, 0],
    );
  }
});

test('max_connect_attempts counts no replies: failover goes on to the last upstream', () => {
  const fake = new FakeForwarding([{ upstreamCount: 5, attemptsMax: 1, policy: 'sequential', failoverRcodes: [2] }]);
  fake.ask({ name: 'a.org', type: A });
  for (let index = 0; index < 5; index++) fake.reply(index, 0x8182);
  assert.deepEqual(upstreamsOf(fake), [0, 1, 2, 3, 4]);
  assert.equal(fake.responses.length, 1);
  const other = new FakeForwarding([{ upstreamCount: 3, attemptsMax: 1, policy: 'sequential' }]);
  other.ask({ name: 'a.org', type: A });
  other.reply(0, 0x8182);
  assert.deepEqual([upstreamsOf(other), other.responses.length], [[0], 1], 'without failover one is one');
});

test('read_timeout: no attempt takes longer', () => {
  const fake = asked({ upstreamCount: 2, policy: 'sequential', failsMax: 0, readTimeoutMs: 100 }, 330);
  assert.deepEqual(
    fake.asked.map(({ upstream }) => upstream),
    [0, 1, 0],
  );
  assert.equal(fake.responses.length, 1, 'all of them take no longer than as many time-outs');
});

test('health_check: interval, name and RD of probes; max_fails 0: there are none', () => {
  const probe = { intervalMs: 3000, isRecursionDesired: false, name: 'probe.example.' };
  const fake = asked({ upstreamCount: 1, probe }, 10_000);
  const probes = fake.sent.filter(({ message }) => message.questions[0]!.type === NS);
  assert.ok(probes.length >= 3 && probes.length <= 4, `${probes.length}`);
  assert.equal(probes[0]!.message.rd, false);
  assert.equal(probes[0]!.message.questions[0]!.name.join('.'), 'probe.example');
  const none = asked({ upstreamCount: 1, failsMax: 0 }, 10_000);
  assert.equal(none.sent.filter(({ message }) => message.questions[0]!.type === NS).length, 0);
});

test('max_fails: so many probes may fail before an upstream is down', () => {
  for (const failsMax of [1, 3]) {
    const fake = new FakeForwarding([{ upstreamCount: 1, failsMax, failsFast: true }]);
    fake.ask({ name: 'a.org', type: A });
    let failed = 0;
    for (let turn = 0; turn < 800 && fake.ask({ name: `n${turn}.org`, type: A }); turn++) {
      fake.pass(20);
      failed = fake.sent.filter(({ message }) => message.questions[0]!.type === NS).length;
    }
    assert.ok(failed >= failsMax + 1 && failed <= failsMax + 2, `max_fails ${failsMax}: ${failed} probes`);
  }
});

test('next_on_nodata: the next stanza is asked, else an empty answer is one', () => {
  for (const asksNextOnNodata of [false, true]) {
    const fake = new FakeForwarding([{ upstreamCount: 1, nextGroup: 1, asksNextOnNodata }, { upstreamCount: 1 }]);
    fake.ask({ name: 'a.org', type: A });
    fake.reply(0, NODATA);
    assert.equal(fake.responses.length, asksNextOnNodata ? 0 : 1);
    assert.deepEqual(
      fake.asked.map(({ upstream }) => upstream),
      asksNextOnNodata ? [0, 1] : [0],
    );
  }
});

interface PoolBench {
  readonly pool: StreamPool;
  readonly connections: net.Socket[];
  /** Ask a question that is answered at once. */
  ask(): Promise<void>;
  /** as many questions at the same time */
  askAtOnce(count: number): Promise<void>;
  openCount(): number;
}

/** A pool of connections to a server that answers with what it is asked. */
async function poolBench(t: TestContext, group: Partial<ForwardGroup>): Promise<PoolBench> {
  const connections: net.Socket[] = [];
  const server = net.createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      piece[2 + FLAGS_HIGH_AT]! |= QR;
      // Later, so that what is asked at once is asked over several.
      setTimeout(() => socket.write(piece), 20);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pool = new StreamPool({ onQuery: () => undefined, onMismatch: () => undefined, log: () => undefined });
  t.after(() => {
    pool.close();
    server.close();
    for (const connection of connections) connection.destroy();
  });
  const address = { address: '127.0.0.1', port: (server.address() as net.AddressInfo).port };
  pool.addUpstream(0, address, { ...DEFAULT_FORWARD_GROUP, upstreams: [address], ...group });
  const ask = async (): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const asker = { receiveReply: () => resolve(), failQuery: () => reject(new Error('failed')) };
    assert.ok(pool.ask(streamQuery(asker, 0, 0, 0, buildQuery({ name: 'a.org', type: A }))));
    await promise;
  };
  return {
    pool,
    connections,
    ask,
    askAtOnce: async (count) => void (await Promise.all(Array.from({ length: count }, ask))),
    openCount: () => pool.streamCount,
  };
}

test('expire: a connection with nothing to do is kept as long', async (t) => {
  const bench = await poolBench(t, { expireMs: 1000 });
  await bench.ask();
  bench.pool.tick(performance.now() + 500);
  await bench.ask();
  assert.equal(bench.connections.length, 1);
  bench.pool.tick(performance.now() + 1100);
  assert.equal(bench.openCount(), 0);
  await bench.ask();
  assert.equal(bench.connections.length, 2);
});

test('max_age: no connection is used for longer, however busy it is', async (t) => {
  const bench = await poolBench(t, { maxAgeMs: 300, expireMs: 200 });
  await bench.ask();
  await bench.ask();
  assert.equal(bench.connections.length, 1);
  await delay(350);
  await bench.ask();
  assert.equal(bench.connections.length, 2);
});

test('max_idle_conns: so many are kept with nothing to do', async (t) => {
  const bench = await poolBench(t, { idleConnectionsMax: 2 });
  await bench.askAtOnce(5);
  assert.equal(bench.connections.length, 5);
  bench.pool.tick(performance.now());
  assert.equal(bench.openCount(), 2);
  const all = await poolBench(t, {});
  await all.askAtOnce(5);
  all.pool.tick(performance.now());
  assert.equal(all.openCount(), 5);
});
