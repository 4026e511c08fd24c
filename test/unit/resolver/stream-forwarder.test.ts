/** Forwarding over TCP, in this thread: a TcpService and its forwarder before an upstream that does as a test says. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { TYPE } from '../../../src/dns/iana.ts';
import { createForwardBuffer, FORWARD_HEADER } from '../../../src/forward/forward-buffer.ts';
import { ForwardGroupTable } from '../../../src/forward/group-table.ts';
import { DEFAULT_FORWARD_GROUP, type ForwardGroup } from '../../../src/forward/forward-group.ts';
import { decodeObjects } from '../../../src/kubernetes/decode.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters, PLUGIN } from '../../../src/observability/counters/shard-counters.ts';
import { createTcpCells, tcpCellsOf } from '../../../src/observability/counters/tcp-metrics.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { DEFAULT_TCP_TIMEOUTS } from '../../../src/resolver/resolver-options.ts';
import { STREAM_ARENA_SIZE, StreamAnswerer } from '../../../src/resolver/stream-answerer.ts';
import { StreamForwarder } from '../../../src/resolver/stream-forwarder.ts';
import { TcpService } from '../../../src/resolver/tcp-service.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { DEFAULT_POLICY } from '../../../src/snapshot/config-description.ts';
import { TEST_LIMITS } from '../../conformance/tcp-subject.ts';
import { freeTcpPort } from '../../wire/free-port.ts';
import { formatName, nameToWire, parseName } from '../../wire/names.ts';
import { buildQuery, u16 } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { framed, TcpClient } from '../../wire/tcp-client.ts';
import { aRecord, questionOf, record } from '../forward/stub-upstream.ts';
import { eventually } from './tcp-fixture.ts';

type Handler = (query: Buffer, socket: Socket) => void;

interface StreamUpstream {
  readonly port: number;
  readonly queries: Buffer[];
  /** connections that are open, and the most there were at a time */
  open: number;
  openMax: number;
}

async function startUpstream(t: TestContext, handler: Handler): Promise<StreamUpstream> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    upstream.openMax = Math.max(upstream.openMax, ++upstream.open);
    let unread = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('close', () => upstream.open--);
    socket.on('data', (piece) => {
      unread = Buffer.concat([unread, piece]);
      while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
        const query = unread.subarray(2, 2 + unread.readUInt16BE(0));
        unread = unread.subarray(2 + query.length);
        upstream.queries.push(query);
        handler(query, socket);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream: StreamUpstream = { port: (server.address() as AddressInfo).port, queries: [], open: 0, openMax: 0 };
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return upstream;
}

function reply(query: Buffer, answers: readonly Uint8Array[] = [aRecord(1)]): Buffer {
  const head = [query.readUInt16BE(0), 0x8180, 1, answers.length, 0, 0].flatMap(u16);
  return Buffer.concat([Uint8Array.from(head), questionOf(query), ...answers]);
}

interface Counted {
  readonly proto: number;
  readonly rcode: number;
  readonly plugin: number;
}

interface TestForwarding {
  readonly forwarder: StreamForwarder;
  readonly client: TcpClient;
  readonly counted: Counted[];
  readonly forwardBuffer: SharedArrayBuffer;
}

const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } };
const EXTERNAL = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'out', namespace: 'default' },
  spec: { type: 'ExternalName', externalName: 'ext.example.com' },
};

/** A service whose root zone goes to these upstreams, and a client of it. */
async function start(
  t: TestContext,
  ports: readonly number[],
  group: Partial<ForwardGroup> = {},
): Promise<TestForwarding> {
  const buffer = reserveSharedBuffer({ sizeMax: 4 << 20 });
  const builder = new SnapshotBuilder(buffer);
  const forwardBuffer = createForwardBuffer(1);
  const upstreams = ports.map((port) => ({ address: '127.0.0.1', port }));
  new ForwardGroupTable(forwardBuffer).hold({ ...DEFAULT_FORWARD_GROUP, policy: 'sequential', upstreams, ...group });
  const zone = nameToWire(parseName('cluster.local'));
  const records = { dataset: 0, ttlSeconds: 5, isPodsInsecure: false, isZonal: false, primary: zone };
  const common = { scope: 1, policy: DEFAULT_POLICY };
  builder.setConfig({
    listeners: [
      {
        id: 0,
        routes: [
          { ...common, zone: nameToWire(parseName('.')), steps: [{ kind: 'forward', group: 0 }] },
          { ...common, zone, steps: [{ kind: 'kubernetes', ...records }] },
        ],
      },
    ],
  });
  const cluster = new ClusterRecords({ ...DEFAULT_RECORD_OPTIONS, zones: ['cluster.local'] }, builder.dataset(0));
  cluster.apply([NAMESPACE, EXTERNAL].flatMap((raw) => decodeObjects(raw).map((object) => ({ op: 'put', object }))));
  builder.dataset(0).setSynced(true);
  builder.publish(1);

  const counted: Counted[] = [];
  const counters = createShardCounters(createCounterBuffer(1, 2), 2, 0);
  counters.countResponse = (_scope, proto, rcode, plugin) => counted.push({ proto, rcode, plugin });
  const arena = new ArrayBuffer(STREAM_ARENA_SIZE);
  const forwarder = new StreamForwarder({ buffer: forwardBuffer, shard: 0, counters, log: () => undefined });
  const answerer = new StreamAnswerer({
    buffer,
    arena,
    counters,
    forwarder,
    readerSlot: builder.epochs.claimSlot(1),
    cookieSecret: new Uint8Array(16),
    onPanic: (error) => assert.fail(String(error)),
  });
  const service = new TcpService({
    answerer,
    limits: TEST_LIMITS,
    isPortShared: false,
    cells: tcpCellsOf(createTcpCells(1), 0),
    log: () => undefined,
  });
  forwarder.start(service);
  const port = await freeTcpPort('127.0.0.1');
  await service.listen([{ listener: 0, address: '127.0.0.1', port, isV6Only: false, timeouts: DEFAULT_TCP_TIMEOUTS }]);
  service.open();
  const client = await TcpClient.open({ port });
  t.after(async () => {
    client.close();
    await service.drain(0);
    forwarder.close();
  });
  return { forwarder, client, counted, forwardBuffer };
}

const question = (name: string, id = 1): Uint8Array => buildQuery({ name, type: TYPE.A, id });

test('an upstream that closes after each reply answers all that was asked at once', async (t) => {
  const upstream = await startUpstream(t, (query, socket) => socket.end(framed(reply(query))));
  const { client, counted } = await start(t, [upstream.port]);
  const count = 40;
  client.send(...Array.from({ length: count }, (_, id) => question(`n${id}.test`, id)));
  const messages = await client.receive(count);
  assert.deepEqual([...new Set(messages.map((message) => decodeStrictly(message).rcode))], [0]);
  assert.equal(new Set(messages.map((message) => message.readUInt16BE(0))).size, count);
  assert.deepEqual(counted, Array(count).fill({ proto: 1, rcode: 0, plugin: PLUGIN.FORWARD }));
});

test('many queries at once share a few connections, and are answered in whatever order', async (t) => {
  const held: (() => void)[] = [];
  const upstream = await startUpstream(t, (query, socket) => held.push(() => socket.write(framed(reply(query)))));
  const { client } = await start(t, [upstream.port], { failsMax: 0, attemptsMax: 1 });
  const count = 40;
  client.send(...Array.from({ length: count }, (_, id) => question(`n${id}.test`, id)));
  await eventually(() => held.length === count, 'all are asked');
  assert.equal(upstream.openMax, 8);
  for (const answer of held.reverse()) answer();
  assert.equal(new Set((await client.receive(count)).map((message) => message.readUInt16BE(0))).size, count);
});

test('ids are not the clients’, and no two connections are opened where one will do', async (t) => {
  const upstream = await startUpstream(t, (query, socket) => socket.write(framed(reply(query))));
  const { client } = await start(t, [upstream.port]);
  for (let id = 0; id < 6; id++) await client.ask(question(`n${id}.test`, 7));
  assert.equal(upstream.openMax, 1);
  assert.equal(new Set(upstream.queries.map((query) => query.readUInt16BE(0))).size > 1, true);
});

test('a reply of 60,000 octets that comes in small pieces', async (t) => {
  const texts = Array.from({ length: 220 }, (_, index) =>
    record(TYPE.TXT, [255, index >> 4, index & 15, ...new Uint8Array(253)]),
  );
  const upstream = await startUpstream(t, (query, socket) => {
    const octets = framed(reply(query, texts));
    let at = 0;
    const sendSome = (): void => {
      socket.write(octets.subarray(at, at + 999));
      at += 999;
      if (at < octets.length) setImmediate(sendSome);
    };
    socket.write(octets.subarray(0, 1));
    at = 1;
    setImmediate(sendSome);
  });
  const { client } = await start(t, [upstream.port]);
  const response = await client.ask(buildQuery({ name: 'huge.test', type: TYPE.TXT }));
  const { tc, answer } = decodeStrictly(response!);
  assert.deepEqual([tc, answer.length, response!.length > 58_000], [false, texts.length, true]);
});

test('an ExternalName’s CNAME stands before the target’s records', async (t) => {
  const upstream = await startUpstream(t, (query, socket) => socket.write(framed(reply(query))));
  const { client } = await start(t, [upstream.port]);
  const response = decodeStrictly((await client.ask(question('out.default.svc.Cluster.local')))!);
  assert.deepEqual(
    response.answer.map(({ owner, rdata }) => `${formatName(owner)} ${rdata}`),
    ['out.default.svc.Cluster.local. ext.example.com.', 'ext.example.com. 192.0.2.1'],
  );
});

test('REFUSED beyond max_concurrent, and room again when it was answered', async (t) => {
  const held: (() => void)[] = [];
  const upstream = await startUpstream(t, (query, socket) => held.push(() => socket.write(framed(reply(query)))));
  const { client } = await start(t, [upstream.port], { concurrentMax: 1, failsMax: 0 });
  client.send(question('a.test', 1), question('b.test', 2));
  await client.receive(1);
  await eventually(() => held.length === 1, 'the query goes upstream');
  held[0]!();
  await client.receive(2);
  client.send(question('c.test', 3));
  await eventually(() => held.length === 2, 'the next query goes upstream');
  held[1]!();
  const messages = await client.receive(3);
  const rcodes = messages.map((message) => [message.readUInt16BE(0), message[3]! & 15]);
  assert.deepEqual(rcodes, [
    [2, 5],
    [1, 0],
    [3, 0],
  ]);
});

test('an upstream that takes no connections, and one that closes without a reply, have failed at once', async (t) => {
  const closing = await startUpstream(t, (_query, socket) => socket.destroy());
  for (const port of [await freeTcpPort('127.0.0.1'), closing.port]) {
    const { client } = await start(t, [port], { failsMax: 0 });
    const response = await client.ask(buildQuery({ name: 'a.test', type: TYPE.A, edns: {} }));
    const { rcode, opt } = decodeStrictly(response!);
    assert.deepEqual([rcode, opt?.options.map(({ code, data }) => [code, ...data])], [2, [[15, 0, 23]]]);
  }
  assert.equal(closing.queries.length, 3);
});

test('an upstream that a shard has found to be part of a loop is not asked', async (t) => {
  const upstream = await startUpstream(t, (query, socket) => socket.write(framed(reply(query))));
  const { client, forwardBuffer } = await start(t, [upstream.port]);
  const words = new Int32Array(forwardBuffer);
  Atomics.store(words, FORWARD_HEADER.at.loops, 1);
  Atomics.add(words, FORWARD_HEADER.at.loopChanges, 1);
  assert.equal(decodeStrictly((await client.ask(question('a.test')))!).rcode, 2);
  assert.equal(upstream.queries.length, 0);
});

test('a client that is gone is forgotten; others are answered', async (t) => {
  const held: (() => void)[] = [];
  const upstream = await startUpstream(t, (query, socket) => held.push(() => socket.write(framed(reply(query)))));
  const { client, forwarder } = await start(t, [upstream.port], { failsMax: 0 });
  const { remotePort } = client.socket;
  const other = await TcpClient.open({ port: remotePort! });
  client.send(question('a.test', 1));
  other.send(question('A.test', 2));
  await eventually(() => held.length === 1, 'equal questions are asked once');
  client.close();
  held[0]!();
  const [message] = await other.receive(1);
  assert.equal(message!.readUInt16BE(0), 2);
  other.close();
  forwarder.close();
  await eventually(() => upstream.open === 0, 'no connection to the upstream is left');
  assert.equal(forwarder.streamCount, 0);
});
