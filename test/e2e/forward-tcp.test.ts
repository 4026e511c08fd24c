/** Forwarded names over TCP, through the real process: a Corefile, upstreams over UDP and TCP, clients of both. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import dnsPacket from 'dns-packet';
import { TYPE } from '../../src/dns/iana.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { framed, TcpClient } from '../wire/tcp-client.ts';
import {
  ask,
  freePort,
  serviceManifest,
  type SkyshardProcess,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

const OWN = 'web.default.svc.cluster.local';
/** More than a datagram takes. */
const LARGE_COUNT = 300;

type Answer = (query: dnsPacket.DecodedPacket, socket: net.Socket) => void;

interface Upstream {
  readonly port: number;
  /** names asked over TCP, in order */
  readonly asked: string[];
  readonly sockets: net.Socket[];
}

/** An upstream that answers with LARGE_COUNT addresses over TCP, and with ten and TC over UDP. */
async function startUpstream(
  answer: Answer = (query, socket) => socket.write(framed(reply(query))),
): Promise<Upstream> {
  const port = await freePort();
  const [asked, sockets]: [string[], net.Socket[]] = [[], []];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    let unread = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      unread = Buffer.concat([unread, piece]);
      while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
        const end = 2 + unread.readUInt16BE(0);
        const query = dnsPacket.decode(unread.subarray(2, end));
        unread = unread.subarray(end);
        if (query.questions![0]!.type === 'A') asked.push(query.questions![0]!.name);
        answer(query, socket);
      }
    });
  });
  const datagrams = dgram.createSocket('udp4');
  datagrams.on('message', (message, peer) => {
    datagrams.send(reply(dnsPacket.decode(message), { count: 10, flags: 0x0200 }), peer.port, peer.address);
  });
  datagrams.bind(port, '127.0.0.1');
  server.listen(port, '127.0.0.1');
  await Promise.all([once(datagrams, 'listening'), once(server, 'listening')]);
  after(() => {
    datagrams.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port, asked, sockets };
}

function reply(query: dnsPacket.DecodedPacket, { count = LARGE_COUNT, flags = 0, id = query.id! } = {}): Uint8Array {
  const [question] = query.questions!;
  const answers = Array.from({ length: question!.type === 'A' ? count : 0 }, (_, index) => ({
    type: 'A' as const,
    name: question!.name,
    ttl: 60,
    data: `192.0.${index >> 8}.${index & 255}`,
  }));
  return dnsPacket.encode({
    type: 'response',
    id,
    flags: flags | dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE,
    questions: query.questions!,
    answers,
  });
}

type Running = Pick<SkyshardProcess, 'port' | 'end'>;

async function startServer(forward: string, transport: string): Promise<Running> {
  const port = await freePort();
  const manifests = temporaryFolder({ 'web.yaml': serviceManifest('web', '10.96.1.1') });
  const text = `.:${port} {
    bind 127.0.0.1
    kubernetes cluster.local
    forward . ${forward}
}
`;
  const file = path.join(temporaryFolder({ Corefile: text }), 'Corefile');
  const running = spawnNode([
    'dist/main.js',
    'serve',
    '--conf',
    file,
    '--manifests',
    manifests,
    '--transport',
    transport,
  ]);
  await running.waitForOutput(/ listens on /);
  return { port, end: running.end };
}

const question = (name: string, id = 1): Uint8Array => buildQuery({ name, type: TYPE.A, id, edns: { udpSize: 1232 } });

async function askOverTcp(port: number, name: string): Promise<ReturnType<typeof decodeStrictly>> {
  const client = await TcpClient.open({ port });
  const response = await client.ask(question(name));
  client.close();
  return decodeStrictly(response!);
}

for (const transport of TRANSPORTS) {
  describe(`forwarding over TCP, beside ${transport}`, () => {
    test('what is truncated over UDP comes whole over TCP, as it was asked', async () => {
      const upstream = await startUpstream();
      const server = await startServer(`127.0.0.1:${upstream.port}`, transport);
      const overUdp = await ask(server.port, 'Large.Test');
      assert.ok(overUdp.flag_tc && overUdp.answers!.length > 10, 'as much as the client can take');
      const client = await TcpClient.open({ port: server.port });
      const octets = await client.ask(question('Large.Test', 77));
      client.close();
      const { id, tc, rcode, answer, opt } = decodeStrictly(octets!);
      assert.deepEqual([id, tc, rcode, answer.length, opt !== undefined], [77, false, 0, LARGE_COUNT, true]);
      assert.ok(octets!.includes('Large') && octets!.includes('Test'));
      await server.end();
    });
  });
}

describe('forwarding over TCP', () => {
  const transport = TRANSPORTS[0];

  test('an own name does not wait behind a forwarded one of the same connection', async () => {
    const waiting: (() => void)[] = [];
    const upstream = await startUpstream((query, socket) => waiting.push(() => socket.write(framed(reply(query)))));
    const server = await startServer(`127.0.0.1:${upstream.port}`, transport);
    const client = await TcpClient.open({ port: server.port });
    client.send(question('slow.test', 1), question(OWN, 2));
    await client.receive(1);
    assert.equal(client.messages[0]!.readUInt16BE(0), 2);
    while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    waiting[0]!();
    await client.receive(2);
    assert.equal(client.messages[1]!.readUInt16BE(0), 1);
    client.close();
    await server.end();
  });

  test('the second upstream answers for one that is silent, and for one that is not there', async () => {
    const silent = await startUpstream(() => undefined);
    const upstream = await startUpstream();
    const gone = await freePort();
    for (const dead of [silent.port, gone]) {
      const server = await startServer(
        `127.0.0.1:${dead} 127.0.0.1:${upstream.port} {\n policy sequential\n }`,
        transport,
      );
      const { rcode, answer } = await askOverTcp(server.port, 'second.test');
      assert.deepEqual([rcode, answer.length], [0, LARGE_COUNT]);
      await server.end();
    }
    assert.ok(silent.asked.includes('second.test'));
  });

  test('SERVFAIL with an extended error where nobody answers', async () => {
    const silent = await startUpstream(() => undefined);
    const server = await startServer(`127.0.0.1:${silent.port}`, transport);
    const { rcode, opt } = await askOverTcp(server.port, 'nobody.test');
    assert.equal(rcode, 2);
    assert.deepEqual(
      opt!.options.filter(({ code }) => code === 15).map(({ data }) => [...data]),
      [[0, 22]],
    );
    await server.end();
  });

  test('a connection is used again; what was asked on one that the upstream closes is asked again', async () => {
    let isClosing = false;
    const upstream = await startUpstream((query, socket) => {
      if (isClosing) socket.destroy();
      else socket.write(framed(reply(query)));
      isClosing = false;
    });
    const server = await startServer(`127.0.0.1:${upstream.port}`, transport);
    for (const name of ['a.test', 'b.test']) assert.equal((await askOverTcp(server.port, name)).rcode, 0);
    assert.equal(upstream.sockets.length, 1);
    isClosing = true;
    const { rcode, answer } = await askOverTcp(server.port, 'c.test');
    assert.deepEqual([rcode, answer.length], [0, LARGE_COUNT]);
    assert.deepEqual(upstream.asked, ['a.test', 'b.test', 'c.test', 'c.test']);
    assert.equal(upstream.sockets.length, 2);
    await server.end();
  });

  test('a reply with another id is not taken', async () => {
    const upstream = await startUpstream((query, socket) => {
      const wrong = reply(query, { count: 1, id: query.id! ^ 1 });
      socket.write(framed(wrong, reply(query)));
    });
    const server = await startServer(`127.0.0.1:${upstream.port}`, transport);
    const { answer } = await askOverTcp(server.port, 'id.test');
    assert.equal(answer.length, LARGE_COUNT);
    await server.end();
  });
});
