/** Names that nobody asks for twice push out one another, and none that is asked for: counted at the upstream. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { buildQuery } from '../wire/query.ts';
import { freePort, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

const HOT = 100;
/** Random names between two rounds of the hot ones: five times as many. */
const FLOOD_FACTOR = 5;
const EVICTIONS = 5000;
const ROUNDS_MAX = 400;
/** Queries under way. */
const WINDOW = 200;

/** An upstream that gives every name an address for 300 s. @returns its port, and how often a hot name was asked for */
async function startUpstream(): Promise<{ readonly port: number; hotCount(): number }> {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  let hotCount = 0;
  socket.on('message', (query, peer) => {
    let end = 12;
    while (query[end]! > 0) end += query[end]! + 1;
    end += 5;
    if (query.toString('latin1', 13, 16) === 'hot') hotCount++;
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1]);
    const reply = Buffer.concat([query.subarray(0, end), record]);
    reply.writeUInt16BE(0x8180, 2);
    reply.writeUInt16BE(1, 6);
    reply.writeUInt16BE(0, 10);
    socket.send(reply, peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  after(() => socket.close());
  return { port: socket.address().port, hotCount: () => hotCount };
}

/** Ask for names, WINDOW at a time, each until it is answered. */
class Crowd {
  readonly #socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  readonly #port: number;
  readonly #waiting = new Map<number, () => void>();
  #lastId = 0;

  constructor(port: number) {
    this.#port = port;
    this.#socket.on('message', (message) => this.#waiting.get(message.readUInt16BE(0))?.());
    after(() => this.#socket.close());
  }

  async ask(names: readonly string[]): Promise<void> {
    const left = [...names];
    const askOn = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await this.#askOne(name);
    };
    await Promise.all(Array.from({ length: WINDOW }, askOn));
  }

  async #askOne(name: string): Promise<void> {
    const id = (this.#lastId = (this.#lastId + 1) & 0xffff);
    const query = Buffer.from(buildQuery({ name, type: 1, id }));
    const send = (): void => this.#socket.send(query, this.#port, '127.0.0.1');
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(id, resolve);
    send();
    const again = setInterval(send, 1000);
    await promise;
    clearInterval(again);
    this.#waiting.delete(id);
  }
}

for (const transport of TRANSPORTS) {
  describe(`a flood of random names, transport ${transport}`, () => {
    test('costs names that are asked for no more than one hit in a hundred', async (t) => {
      const upstream = await startUpstream();
      const [port, metricsPort] = [await freePort(), await freePort()];
      const folder = temporaryFolder({
        Corefile: `.:${port} {
  bind 127.0.0.1
  prometheus 127.0.0.1:${metricsPort}
  cache
  forward . 127.0.0.1:${upstream.port}
}
`,
      });
      const args = ['serve', '--conf', path.join(folder, 'Corefile'), '--shards', '1', '--transport', transport];
      const running = spawnNode(['dist/main.js', ...args]);
      await running.waitForOutput(/ listens on /);
      const evictions = async (): Promise<number> => {
        const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
        return Number(/^coredns_cache_evictions_total\{.*type="success".*\} (\d+)$/m.exec(page)?.[1] ?? 0);
      };
      const crowd = new Crowd(port);
      const hot = Array.from({ length: HOT }, (_, index) => `hot${index}.test`);
      await crowd.ask(hot);
      const before = upstream.hotCount();
      let rounds = 0;
      for (let count = 0; count < EVICTIONS && rounds < ROUNDS_MAX; rounds++) {
        await crowd.ask(Array.from({ length: HOT * FLOOD_FACTOR }, (_, index) => `r${index}.round${rounds}.test`));
        await crowd.ask(hot);
        if (rounds % 10 === 9) count = await evictions();
      }
      const missed = upstream.hotCount() - before;
      t.diagnostic(`${rounds} rounds, ${await evictions()} evictions, ${missed} of ${rounds * HOT} hits lost`);
      assert.ok((await evictions()) >= EVICTIONS, 'the cache was full');
      assert.ok(missed <= (rounds * HOT) / 100, `${missed} of ${rounds * HOT}`);
      await running.end();
    });
  });
}
