/** What hostile clients get, and what the others notice of them: nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framed, type TcpClient } from '../../wire/tcp-client.ts';
import { answerCountOf, ask, eventually, idOf, startTcp, type TestTcp } from './tcp-fixture.ts';

/** Another client is served. */
async function assertServes(tcp: TestTcp): Promise<void> {
  const client = await tcp.connect({ localAddress: '127.0.0.99' });
  const response = await client.ask(ask('one.test', 4711));
  assert.ok(response !== undefined, 'another client is turned away');
  assert.deepEqual([idOf(response), answerCountOf(response)], [4711, 1]);
  client.close();
}

test('a client that says nothing is closed after the read time', async (t) => {
  const tcp = await startTcp(t, {}, { readMs: 300, idleMs: 60_000 });
  const asking = await tcp.connect();
  await asking.ask(ask('one.test'));
  const silent = await tcp.connect();
  await silent.ended();
  assert.equal(asking.isEnded, false);
  assert.equal(tcp.counted('evicted'), 0);
});

test('a client that has asked is closed after the idle time', async (t) => {
  const tcp = await startTcp(t, {}, { readMs: 60_000, idleMs: 400 });
  const silent = await tcp.connect();
  const asking = await tcp.connect();
  await asking.ask(ask('one.test'));
  const startMs = performance.now();
  await asking.ended();
  assert.ok(performance.now() - startMs >= 300, 'closed before its time');
  assert.equal(silent.isEnded, false);
});

test('an octet now and then does not keep a connection open', async (t) => {
  const tcp = await startTcp(t, {}, { readMs: 500, idleMs: 60_000 });
  const client = await tcp.connect();
  await client.ask(ask('one.test'));
  client.socket.write(Buffer.of(0x0f, 0xff));
  const drip = setInterval(() => client.socket.write(Buffer.of(0)), 50);
  await client.ended();
  clearInterval(drip);
  assert.equal(client.messages.length, 1);
});

test('a client whose stream never stops between two messages is not slow', async (t) => {
  const tcp = await startTcp(t, {}, { readMs: 1000, idleMs: 1000 });
  const client = await tcp.connect();
  const one = framed(ask('one.test'));
  client.socket.write(one.subarray(0, 10));
  const count = 100;
  for (let i = 0; i < count; i++) {
    client.socket.write(Buffer.concat([one.subarray(10), one.subarray(0, 10)]));
    await client.receive(i + 1);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
});

test('a client that never reads is not read from either, and closed after the write time', async (t) => {
  const tcp = await startTcp(t, {}, { writeMs: 500, idleMs: 60_000, readMs: 60_000 });
  const client = await tcp.connect();
  client.socket.pause();
  const queries = framed(...Array.from({ length: 2000 }, (_, id) => ask('huge.test', id)));
  client.socket.write(queries);
  await eventually(() => tcp.service.heldSize > 0, 'responses wait');
  await assertServes(tcp);
  let heldSize = 0;
  await eventually(() => {
    heldSize = Math.max(heldSize, tcp.service.heldSize);
    return tcp.service.connectionCount === 0;
  }, 'closed');
  assert.ok(heldSize < 512 * 1024, `${heldSize} octets for a client that does not read`);
  assert.equal(tcp.service.heldSize, 0);
  client.socket.resume();
  await client.until(() => client.isClosed, 'closed');
  assert.equal(client.error?.code, 'ECONNRESET', 'the kernel keeps nothing for it');
});

test('responses that wait are bounded over all clients', async (t) => {
  const heldSizeMax = 1024 * 1024;
  const tcp = await startTcp(t, { heldSizeMax }, { writeMs: 60_000 });
  const queries = framed(...Array.from({ length: 400 }, (_, id) => ask('huge.test', id)));
  let highest = 0;
  for (let i = 0; i < 20; i++) {
    const client = await tcp.connect();
    client.socket.pause();
    client.socket.write(queries);
    await eventually(() => tcp.service.heldSize > 0, 'responses wait');
    highest = Math.max(highest, tcp.service.heldSize);
  }
  await eventually(() => tcp.counted('evicted') > 0, 'the first to wait is closed');
  assert.ok(highest <= heldSizeMax, `${highest} octets`);
  await assertServes(tcp);
});

test('unfinished messages are bounded over all clients', async (t) => {
  const heldSizeMax = 40_000;
  const tcp = await startTcp(t, { heldSizeMax }, { readMs: 60_000 });
  const most = Buffer.concat([Buffer.of(255, 255), Buffer.alloc(8000)]);
  for (let i = 0; i < 30; i++) {
    const client = await tcp.connect();
    client.socket.write(most);
  }
  await eventually(() => tcp.counted('evicted') > 0, 'the first to wait is closed');
  assert.ok(tcp.service.heldSize <= heldSizeMax, `${tcp.service.heldSize} octets`);
  await assertServes(tcp);
});

test('a client that has its share loses the connection it misses least, others lose nothing', async (t) => {
  const tcp = await startTcp(t, { connectionsOfClientMax: 4 }, { readMs: 60_000, idleMs: 30_000 });
  const other = await tcp.connect({ localAddress: '127.0.0.99' });
  await other.ask(ask('one.test'));
  const asking = await tcp.connect({ localAddress: '127.0.0.2' });
  await asking.ask(ask('one.test'));
  const silent: TcpClient[] = [];
  for (let i = 0; i < 3; i++) silent.push(await tcp.connect({ localAddress: '127.0.0.2' }));
  // They had their time to ask.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  for (let i = 0; i < 3; i++) silent.push(await tcp.connect({ localAddress: '127.0.0.2' }));
  await Promise.all(silent.slice(0, 3).map((client) => client.ended()));
  for (const client of [asking, other, silent[5]!]) assert.notEqual(await client.ask(ask('one.test')), undefined);
  assert.equal(tcp.counted('connections'), 5);
  assert.equal(tcp.counted('evicted'), 3);
});

test('a client that has just connected has time to ask, though all places are taken', async (t) => {
  const tcp = await startTcp(t, { connectionsMax: 20 });
  for (let i = 0; i < 20; i++) await tcp.connect().then((client) => client.ask(ask('one.test')));
  const early = await tcp.connect();
  for (let i = 0; i < 10; i++) await tcp.connect();
  assert.notEqual(await early.ask(ask('one.test')), undefined);
});

test('when all places are taken, the longest idle connection goes; a waiting query never', async (t) => {
  const tcp = await startTcp(t, { connectionsMax: 3 });
  const waiting = await tcp.connect();
  waiting.send(ask('later.test', 1));
  await eventually(() => tcp.later.length === 1, 'the query waits');
  const idle = await tcp.connect();
  await idle.ask(ask('one.test'));
  const first = await tcp.connect();
  await first.ask(ask('one.test'));
  const second = await tcp.connect();
  await idle.ended();
  second.send(ask('later.test', 2));
  await eventually(() => tcp.later.length === 2, 'the query waits');
  first.send(ask('later.test', 3));
  await eventually(() => tcp.later.length === 3, 'the query waits');

  const refused = await tcp.connect();
  await refused.ended();
  assert.equal(tcp.counted('refused'), 1);
  tcp.respond(0, 1, 2);
  for (const client of [waiting, second]) await client.receive(1);
  await first.receive(2);
});

test('garbage from many clients ends their connections and nothing else', async (t) => {
  const tcp = await startTcp(t);
  const garbage = Buffer.alloc(65_536);
  // The same on every run, and all kinds of lengths, flags and counts.
  let state = 12_345;
  for (let i = 0; i < garbage.length; i++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    garbage[i] = state >>> 16;
  }
  for (let i = 0; i < 40; i++) {
    const client = await tcp.connect();
    client.socket.resume();
    client.socket.end(garbage.subarray(i * 100));
    await client.until(() => client.isClosed, 'closed');
  }
  await assertServes(tcp);
  assert.deepEqual(tcp.panics, []);
  await eventually(() => tcp.service.connectionCount === 0, 'all are gone');
  assert.equal(tcp.service.heldSize, 0);
});

test('draining answers what was asked and closes the rest', async (t) => {
  const tcp = await startTcp(t);
  const idle = await tcp.connect();
  await idle.ask(ask('one.test'));
  const silent = await tcp.connect();
  const waiting = await tcp.connect();
  waiting.send(ask('later.test', 1), ask('one.test', 2));
  await waiting.receive(1);
  const late = await tcp.connect();
  late.send(ask('one.test', 3));
  const drained = tcp.service.drain(10_000);
  assert.deepEqual((await late.receive(1)).map(idOf), [3], 'what had been sent');
  await Promise.all([idle.ended(), silent.ended()]);
  assert.equal(waiting.isEnded, false);
  await assert.rejects(tcp.connect(), { code: 'ECONNREFUSED' });
  tcp.respond(0);
  assert.deepEqual((await waiting.receive(2)).map(idOf), [2, 1]);
  assert.equal(await drained, 0);
  await waiting.ended();
  assert.equal(tcp.counted('connections'), 0);
});

test('draining accepts what waits to be accepted, and answers it', async (t) => {
  const tcp = await startTcp(t);
  const opening = Array.from({ length: 20 }, async (_, id) => {
    const client = await tcp.connect();
    client.send(ask('one.test', id));
    return client;
  });
  // The kernel has made the connections now, and the service has not heard of them.
  await new Promise(process.nextTick);
  const drained = tcp.service.drain(10_000);
  for (const [id, client] of (await Promise.all(opening)).entries()) {
    assert.deepEqual((await client.receive(1)).map(idOf), [id]);
    await client.ended();
  }
  assert.equal(await drained, 0);
});

test('draining ends in time, and says who was cut', async (t) => {
  const tcp = await startTcp(t);
  const waiting = await tcp.connect();
  waiting.send(ask('later.test', 1));
  await eventually(() => tcp.later.length === 1, 'the query waits');
  assert.equal(await tcp.service.drain(50), 1);
  await waiting.ended();
});

test('a listener that stays keeps its connections and takes new time-outs; one that goes closes when they end', async (t) => {
  const tcp = await startTcp(t, {}, { idleMs: 60_000 });
  const client = await tcp.connect();
  await client.ask(ask('one.test'));
  await tcp.service.listen([tcp.listenerAt(tcp.port, { idleMs: 2000 })]);
  assert.notEqual(await client.ask(ask('one.test')), undefined);
  await client.ended();
  const idle = await tcp.connect();
  await idle.ask(ask('one.test'));
  const waiting = await tcp.connect();
  waiting.send(ask('later.test', 7));
  await eventually(() => tcp.later.length === 1, 'the query waits');
  await tcp.service.listen([]);
  await assert.rejects(tcp.connect(), { code: 'ECONNREFUSED' });
  await idle.ended();
  assert.equal(waiting.isEnded, false);
  tcp.respond(0);
  assert.equal(idOf((await waiting.receive(1))[0]!), 7);
  await waiting.ended();
});
