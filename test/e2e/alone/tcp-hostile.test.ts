/** Hostile TCP clients, thousands at a time: UDP and other TCP clients don't notice, and memory is bounded. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE } from '../../../src/dns/iana.ts';
import { buildQuery } from '../../wire/query.ts';
import { framed, TcpClient } from '../../wire/tcp-client.ts';
import { startSkyshard, TRANSPORTS } from '../skyshard-process.ts';

const NAME = 'kube-dns.kube-system.svc.cluster.local';
const IDLE_COUNT = 10_000;
const HOSTILE_COUNT = 200;
const CONNECTING_MAX = 200;
/** Sources of the idle connections: no client gets all of them. */
const ADDRESSES = Array.from({ length: 50 }, (_, i) => `127.0.1.${i + 1}`);
/** What all of them together may cost the server, MiB. */
const GROWTH_MAX = 160;

const MANY_QUERIES = 5000;

const query = (id: number): Uint8Array => buildQuery({ name: NAME, type: TYPE.A, id: id & 0xffff });

/** Connections that this process may open, descriptors for other things kept. */
function connectionMax(): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(soft ?? 1024) - 1000;
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

class Crowd {
  readonly sockets: Socket[] = [];
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** @param isAnswered  wait for each to have been answered */
  async add(
    count: number,
    behave: (socket: Socket) => void,
    { addresses = ADDRESSES, isAnswered = false }: { addresses?: readonly string[]; isAnswered?: boolean } = {},
  ): Promise<void> {
    for (let opened = 0; opened < count; opened += CONNECTING_MAX) {
      const some = Array.from({ length: Math.min(CONNECTING_MAX, count - opened) }, (_, i) =>
        this.#connect(addresses[(opened + i) % addresses.length]!, behave, isAnswered),
      );
      await Promise.all(some);
    }
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async #connect(localAddress: string, behave: (socket: Socket) => void, isAnswered: boolean): Promise<void> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
    this.sockets.push(socket);
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.on('connect', () => {
      behave(socket);
      if (isAnswered) socket.once('data', () => resolve());
      else resolve();
    });
    await promise;
  }
}

/** Queries one after the other, as a well-behaved client has them, until it is told to end. */
class Honest {
  asked = 0;
  answered = 0;
  slowestMs = 0;
  isEnding = false;
  readonly #ask: (query: Uint8Array) => Promise<unknown>;
  readonly #ended: Promise<void>;

  constructor(ask: (query: Uint8Array) => Promise<unknown>) {
    this.#ask = ask;
    this.#ended = this.#run();
  }

  async end(): Promise<void> {
    this.isEnding = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.isEnding) {
      const startMs = performance.now();
      this.asked++;
      if ((await this.#ask(query(this.asked))) !== undefined) this.answered++;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
      await sleep(5);
    }
  }
}

async function openUdp(port: number): Promise<{ ask(query: Uint8Array): Promise<Buffer | undefined>; close(): void }> {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    ask: (message) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve(undefined), 5000);
        socket.once('message', (response) => {
          clearTimeout(timer);
          resolve(response);
        });
        socket.send(message, port, '127.0.0.1');
      }),
    close: () => socket.close(),
  };
}

const ONE = framed(query(1));
// Made once: this process has to keep up with what it measures.
const MANY = framed(...Array.from({ length: MANY_QUERIES }, (_, id) => query(id)));
const GARBAGE = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 7919) >>> 3));

function drip(socket: Socket): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || sent === ONE.length - 1) clearInterval(timer);
    else socket.write(ONE.subarray(sent, ++sent));
  }, 1000);
  socket.on('close', () => clearInterval(timer));
}

/** From another place on each connection. */
function sendGarbage(socket: Socket): void {
  socket.resume();
  socket.write(GARBAGE.subarray(socket.localPort! & 0xff));
}

function neverRead(socket: Socket): void {
  socket.pause();
  socket.write(MANY);
}

async function addHostile(crowd: Crowd): Promise<void> {
  await crowd.add(HOSTILE_COUNT, () => undefined);
  await crowd.add(HOSTILE_COUNT, drip);
  await crowd.add(HOSTILE_COUNT, (socket) => socket.end(ONE));
  await crowd.add(HOSTILE_COUNT, sendGarbage);
  await crowd.add(HOSTILE_COUNT, neverRead);
  // All from one address: its share is used up, and nobody else's.
  await crowd.add(HOSTILE_COUNT, () => undefined, { addresses: ['127.0.2.1'] });
}

/** Well-behaved clients of all kinds. */
async function startHonest(port: number): Promise<{ readonly clients: readonly Honest[]; close(): void }> {
  const alone = await TcpClient.open({ port });
  const besideHostile = await TcpClient.open({ port, localAddress: ADDRESSES[0]! });
  const udp = await openUdp(port);
  const askOnNew = async (message: Uint8Array): Promise<unknown> => {
    const client = await TcpClient.open({ port });
    const response = await client.ask(message);
    client.close();
    return response;
  };
  const ways = [alone.ask.bind(alone), besideHostile.ask.bind(besideHostile), udp.ask, askOnNew];
  return {
    clients: ways.map((way) => new Honest(way)),
    close: () => [alone, besideHostile, udp].forEach((client) => client.close()),
  };
}

const skip = process.platform !== 'linux' && 'reads /proc';

for (const transport of TRANSPORTS)
  test(`${transport}: hostile clients cost the others nothing, and memory is bounded`, { skip }, async () => {
    const server = await startSkyshard({ args: ['--transport', transport] });
    const pid = server.child.pid!;
    const honest = await startHonest(server.port);
    await sleep(500);
    const beforeMiB = residentMiB(pid);
    const crowd = new Crowd(server.port);
    const idleCount = Math.min(IDLE_COUNT, connectionMax() - 6 * HOSTILE_COUNT);
    await crowd.add(idleCount, (socket) => socket.write(ONE), { isAnswered: true });
    const idleMiB = residentMiB(pid);
    await addHostile(crowd);
    let highestMiB = 0;
    for (let i = 0; i < 20; i++) {
      await sleep(100);
      highestMiB = Math.max(highestMiB, residentMiB(pid));
    }
    await Promise.all(honest.clients.map((client) => client.end()));
    crowd.close();
    honest.close();
    const slowest = honest.clients.map(({ slowestMs }) => Math.round(slowestMs)).join(', ');
    console.log(
      `${idleCount} idle connections: ${beforeMiB.toFixed(0)} to ${idleMiB.toFixed(0)} MiB, ` +
        `with all others ${highestMiB.toFixed(0)} MiB; slowest answers of the others ${slowest} ms`,
    );
    for (const { asked, answered } of honest.clients) assert.deepEqual([answered, asked > 100], [asked, true]);
    assert.ok(highestMiB - beforeMiB < GROWTH_MAX, `${beforeMiB} to ${highestMiB} MiB`);
    assert.deepEqual(await server.end(), { code: 0, signal: null });
  });
