/** Resolver threads: their start, their end, and what happens between. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { TCP_CELLS, tcpCellsOf } from '../../../src/observability/counters/tcp-metrics.ts';
import { CounterCollector } from '../../../src/observability/counters/counter-collector.ts';
import { SCOPE_CELLS } from '../../../src/observability/counters/counter-layout.ts';
import { nativeUnavailableReason } from '../../../src/native/libc.ts';
import { TYPE } from '../../../src/dns/iana.ts';
import { SCOPE } from '../../cases/snapshot-source.ts';
import { WIRE_OBJECTS, WIRE_OPTIONS } from '../../cases/wire-cases.ts';
import { TcpSubject, type TcpSubjectOptions } from '../../conformance/tcp-subject.ts';
import { freeTcpPort } from '../../wire/free-port.ts';
import { buildQuery } from '../../wire/query.ts';
import { TcpClient } from '../../wire/tcp-client.ts';
import { answerCountOf, eventually } from './tcp-fixture.ts';

const ADDRESS = '127.0.0.1';
const QUERY = buildQuery({ name: 'web.default.svc.cluster.local', type: TYPE.A });

function createSubject(t: TestContext, options: TcpSubjectOptions = {}): TcpSubject {
  const subject = new TcpSubject(options);
  t.after(() => subject.close());
  return subject;
}

async function assertAnswers(subject: TcpSubject): Promise<void> {
  const response = await subject.ask(QUERY);
  assert.ok(response !== undefined);
  assert.equal(answerCountOf(Buffer.from(response)), 1);
}

/** Ask until there is an answer; fails after 10 s. */
async function answersAgain(subject: TcpSubject): Promise<void> {
  const endMs = performance.now() + 10_000;
  for (;;) {
    try {
      return await assertAnswers(subject);
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function occupyPort(t: TestContext): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return { server, port: (server.address() as AddressInfo).port };
}

test('a port that is taken is BIND_FAILED, and nothing is left running', async (t) => {
  const { port } = await occupyPort(t);
  const subject = createSubject(t);
  await assert.rejects(subject.start(port), {
    code: 'BIND_FAILED',
    message: `TCP ${ADDRESS}:${port}: another server listens there (EADDRINUSE)`,
  });
  assert.equal(await subject.supervisor.stop(), 0);
});

const nativeSkip = nativeUnavailableReason();

test(
  'who connects before there is a thread is answered by it, and its end closes all that listens',
  { skip: nativeSkip },
  async (t) => {
    const subject = createSubject(t);
    const port = await freeTcpPort(ADDRESS);
    subject.reserve(port);
    const client = await TcpClient.open({ port });
    t.after(() => client.close());
    client.send(QUERY);
    await subject.start(port);
    await subject.load(WIRE_OBJECTS, WIRE_OPTIONS);
    assert.equal(answerCountOf((await client.receive(1))[0]!), 1);
    // Its successor has sockets of its own: a connection that waits for nobody would have no answer.
    await subject.supervisor.replace(0);
    await eventually(() => subject.supervisor.restarts === 1, 'replaced');
    await answersAgain(subject);
    await subject.supervisor.stop();
    await assert.rejects(TcpClient.open({ port }), { code: 'ECONNREFUSED' });
  },
);

test('a socket that no thread has come to take is closed at the end', { skip: nativeSkip }, async (t) => {
  const subject = createSubject(t);
  const port = await freeTcpPort(ADDRESS);
  subject.reserve(port);
  (await TcpClient.open({ port })).close();
  await subject.supervisor.stop();
  await assert.rejects(TcpClient.open({ port }), { code: 'ECONNREFUSED' });
});

test('what is asked before the first snapshot is answered from it', async (t) => {
  const subject = createSubject(t);
  await subject.start(await freeTcpPort(ADDRESS));
  const client = await TcpClient.open({ port: subject.port });
  t.after(() => client.close());
  client.send(QUERY);
  await subject.load(WIRE_OBJECTS, WIRE_OPTIONS);
  assert.equal(answerCountOf((await client.receive(1))[0]!), 1);
});

test('a resolver that is told to stop before it has a snapshot stops', async (t) => {
  const subject = createSubject(t);
  await subject.start(await freeTcpPort(ADDRESS));
  const client = await TcpClient.open({ port: subject.port });
  assert.equal(await subject.supervisor.stop(), 0);
  await client.ended();
});

test('a thread that ends is replaced, and its successor listens where it did', async (t) => {
  const subject = createSubject(t);
  await subject.load(WIRE_OBJECTS, WIRE_OPTIONS);
  await assertAnswers(subject);
  await subject.supervisor.replace(0);
  await eventually(() => subject.supervisor.restarts === 1, 'replaced');
  await answersAgain(subject);
  const cells = tcpCellsOf(subject.tcpCells, 0);
  assert.equal(
    cells[TCP_CELLS.at.connections],
    1,
    'the connections of the thread that ended are none of its successor',
  );
  assert.match(subject.lines.join('\n'), /resolver 0 ended .*; its successor starts/);
});

test('listens elsewhere when it is told so; where that is impossible it stays where it is', async (t) => {
  const subject = createSubject(t);
  await subject.load(WIRE_OBJECTS, WIRE_OPTIONS);
  const { port: first } = subject;
  await subject.move(await freeTcpPort(ADDRESS));
  await assertAnswers(subject);
  await assert.rejects(TcpClient.open({ port: first }), { code: 'ECONNREFUSED' });
  const { port: second } = subject;
  const { port: taken } = await occupyPort(t);
  await assert.rejects(subject.move(taken), { code: 'BIND_FAILED' });
  assert.equal(answerCountOf((await (await openFor(t, second)).ask(QUERY))!), 1);
});

test('a successor that finds its port taken comes back when it is free', async (t) => {
  const subject = createSubject(t);
  await subject.load(WIRE_OBJECTS, WIRE_OPTIONS);
  const thief = createServer();
  const steal = setInterval(() => thief.listen(subject.port, ADDRESS), 1);
  thief.on('error', () => undefined);
  thief.once('listening', () => clearInterval(steal));
  await subject.supervisor.replace(0);
  await eventually(() => thief.listening, 'the port is taken');
  await eventually(() => subject.lines.some((line) => line.includes('EADDRINUSE')), 'the successor says so');
  await new Promise((resolve) => thief.close(resolve));
  await answersAgain(subject);
});

test('several resolvers share a port, and all that they count is counted', async (t) => {
  const subject = createSubject(t, { count: 2 });
  await subject.load(WIRE_OBJECTS, WIRE_OPTIONS);
  for (let i = 0; i < 40; i++) {
    const client = await openFor(t, subject.port);
    assert.equal(answerCountOf((await client.ask(QUERY))!), 1);
  }
  await subject.supervisor.stop();
  const collector = new CounterCollector(subject.counterBuffer);
  collector.collect();
  // proto tcp, family 1: behind udp's two families
  const types = SCOPE_CELLS.at.requestSizes / 4;
  assert.equal(collector.total(SCOPE, SCOPE_CELLS.at.requests + 2 * types), 40);
  for (const resolver of [0, 1]) assert.ok(collector.shardRequests(resolver) > 0, `resolver ${resolver} had none`);
});

async function openFor(t: TestContext, port: number): Promise<TcpClient> {
  const client = await TcpClient.open({ port });
  t.after(() => client.close());
  return client;
}
