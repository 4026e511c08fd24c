/** Reloads of a real process: other addresses, and queries that go on meanwhile. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE } from '../../src/dns/iana.ts';
import { buildQuery } from '../wire/query.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { answersOf, ask, freePort, ROOT, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

const MAIN = 'dist/main.js';
/** RELOADS=100 RELOAD_QPS=20000: what is promised; the ordinary run is for a machine that does other things as well. */
const RELOADS = Number(process.env['RELOADS'] ?? 6);
const PER_SECOND = Number(process.env['RELOAD_QPS'] ?? 1000);
/** Queries that may wait for their answers at a time: fewer than a socket's queue holds. */
const WAITING_MAX = 2000;

interface ReloadingServer {
  readonly metricsUrl: string;
  readonly running: ReturnType<typeof spawnNode>;
  /** Write a Corefile and wait until it is taken over, or until the log says this. */
  change(corefile: string, said?: RegExp): Promise<void>;
}

async function startOn(corefile: string, transport: string): Promise<ReloadingServer> {
  const metricsPort = await freePort();
  const withMetrics = (text: string) => text.replace('{', `{\n    prometheus 127.0.0.1:${metricsPort}`);
  const file = path.join(temporaryFolder({ Corefile: withMetrics(corefile) }), 'Corefile');
  const running = spawnNode([MAIN, 'serve', '--conf', file, '--transport', transport]);
  await running.waitForOutput(/ listens on /);
  const change = async (text: string, said = /Reloading complete/): Promise<void> => {
    const before = running.output().length;
    writeFileSync(file, withMetrics(text));
    running.child.kill('SIGUSR1');
    await running.waitForOutput(new RegExp(`^[^]{${before}}[^]*${said.source}`));
  };
  return { metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`, running, change };
}

function block(port: number, bind: string, record: string): string {
  return `.:${port} {\n    ${bind}\n    hosts {\n        ${record}\n    }\n}\n`;
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function assertRefused(port: number): Promise<void> {
  await assert.rejects(TcpClient.open({ port }), { code: 'ECONNREFUSED' });
  const socket = dgram.createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException>();
  socket.on('error', resolve);
  socket.send(buildQuery({ name: 'a.test', type: TYPE.A }));
  assert.equal((await promise).code, 'ECONNREFUSED');
  socket.close();
}

async function overTcp(client: TcpClient): Promise<number> {
  const response = await client.ask(buildQuery({ name: 'a.test', type: TYPE.A }));
  assert.ok(response !== undefined);
  return Buffer.from(response).readUInt16BE(6);
}

test('zones of reloads that are refused take no room of those that come later', async () => {
  const port = await freePort();
  const taken = net.createServer().listen(await freePort(), '0.0.0.0');
  await once(taken, 'listening');
  const { port: takenPort } = taken.address() as net.AddressInfo;
  const refuse = 'template ANY ANY {\n        rcode REFUSED\n    }';
  const zones = (name: string, more = ''): string =>
    `.:${port} {\n    bind 127.0.0.1\n    ${refuse}\n}\n${name}:${port} {\n    bind 127.0.0.1\n    whoami\n    ${more}\n}\n`;
  const { running, change } = await startOn(zones('first.test'), 'mmsg');
  for (let number = 1; number <= 66; number++) {
    const text = zones(`z${number}.test`, `health 127.0.1.${number}:${takenPort}`);
    await change(text, /cannot be applied: .*in use/);
  }
  await change(zones('last.test'));
  const { additionals } = await ask(port, 'last.test');
  assert.equal(additionals!.length, 2);
  taken.close();
  await running.end();
});

for (const transport of TRANSPORTS) {
  describe(`reload of addresses, transport ${transport}`, () => {
    test('a port comes, stays and goes, over UDP and TCP', async () => {
      const [first, second] = [await freePort(), await freePort()];
      const bind = 'bind 127.0.0.1';
      const a = block(first, bind, '192.0.2.1 a.test');
      const b = block(second, bind, '192.0.2.2 a.test');
      const { running, change } = await startOn(a, transport);
      const stays = await TcpClient.open({ port: first });
      assert.equal(await overTcp(stays), 1);
      await change(a + b);
      assert.deepEqual(await answersOf(first, 'a.test'), ['192.0.2.1']);
      assert.deepEqual(await answersOf(second, 'a.test'), ['192.0.2.2']);
      assert.equal(await overTcp(await TcpClient.open({ port: second })), 1);
      assert.equal(await overTcp(stays), 1, 'a connection of a listener that stays goes on');
      await change(b);
      assert.deepEqual(await answersOf(second, 'a.test'), ['192.0.2.2']);
      await stays.ended();
      // dgram has no way to turn datagrams away before its sockets are closed.
      if (transport === 'mmsg') await assertRefused(first);
      // And back, at once: what is being left is wanted again.
      await change(a + b.replace('192.0.2.2', '192.0.2.3'));
      assert.deepEqual(await answersOf(first, 'a.test'), ['192.0.2.1']);
      assert.deepEqual(await answersOf(second, 'a.test'), ['192.0.2.3']);
      assert.equal((await running.end()).code, 0);
    });

    test('a port that cannot be had: nothing changes, and it is said and counted', async () => {
      const [first, second, taken] = [await freePort(), await freePort(), await freePort()];
      const bind = 'bind 127.0.0.1';
      const a = block(first, bind, '192.0.2.1 a.test');
      const { metricsUrl, running, change } = await startOn(a, transport);
      const thief = net.createServer().listen(taken, '127.0.0.1');
      await once(thief, 'listening');
      const wanted = block(first, bind, '192.0.2.9 a.test') + block(second, bind, '192.0.2.2 a.test');
      const refused = /cannot be applied: .*127\.0\.0\.1:\d+: another server listens there \(EADDRINUSE\)/;
      await change(wanted + block(taken, bind, '192.0.2.3 a.test'), refused);
      assert.deepEqual(await answersOf(first, 'a.test'), ['192.0.2.1']);
      if (transport === 'mmsg') await assertRefused(second);
      assert.equal(await metric(metricsUrl, 'coredns_reload_failed_total'), 1);
      assert.equal(await metric(metricsUrl, 'skyshard_config_last_reload_success'), 0);
      await change('', /is not taken over: it is empty/);
      assert.deepEqual(await answersOf(first, 'a.test'), ['192.0.2.1']);
      thief.close();
      await change(wanted);
      assert.deepEqual(await answersOf(first, 'a.test'), ['192.0.2.9']);
      assert.deepEqual(await answersOf(second, 'a.test'), ['192.0.2.2']);
      assert.equal(await metric(metricsUrl, 'skyshard_config_last_reload_success'), 1);
      assert.equal((await running.end()).code, 0);
    });
  });
}

/** Every metric of a page stands in the reference. */
function assertDocumented(page: string): void {
  const reference = readFileSync(path.join(ROOT, 'docs/reference/metrics.md'), 'utf8');
  const names = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
  assert.ok(names.length > 30);
  assert.deepEqual(
    names.filter((name) => !reference.includes(`\`${name}\``)),
    [],
  );
}

interface Load {
  sent: number;
  answered: number;
  /** answers that no Corefile of the test gives */
  wrong: number;
}

/** Ask for `a.test` at PER_SECOND until told to stop; each query once. */
async function load(port: number, signal: AbortSignal): Promise<Load> {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const found: Load = { sent: 0, answered: 0, wrong: 0 };
  socket.on('message', (message) => {
    found.answered++;
    if ((message[3]! & 0x0f) !== 0 || message.readUInt16BE(6) !== 1) found.wrong++;
  });
  const query = Buffer.from(buildQuery({ name: 'a.test', type: TYPE.A }));
  const startMs = performance.now();
  while (!signal.aborted) {
    const due = ((performance.now() - startMs) / 1000) * PER_SECOND;
    while (found.sent < Math.min(due, found.answered + WAITING_MAX)) {
      query.writeUInt16BE(found.sent++ & 0xffff, 0);
      socket.send(Buffer.from(query), port, '127.0.0.1');
    }
    await sleep(2);
  }
  const endMs = performance.now() + 10_000;
  while (found.answered < found.sent && performance.now() < endMs) await sleep(10);
  socket.close();
  return found;
}

describe('reloads under load', () => {
  for (const transport of TRANSPORTS) {
    test(`${transport}: good and broken ones in turn lose no query, and are counted`, async (t) => {
      const port = await freePort();
      const bind = 'bind 127.0.0.1';
      const { metricsUrl, running, change } = await startOn(block(port, bind, '192.0.2.1 a.test'), transport);
      const end = new AbortController();
      const loading = load(port, end.signal);
      for (let reload = 0; reload < RELOADS; reload++) {
        const good = block(port, bind, `192.0.2.${(reload % 250) + 2} a.test`);
        await change(good);
        await change(good.replace('hosts', `h${reload}osts`), /is not taken over: .*Corefile:4:5: /);
      }
      end.abort();
      const { sent, answered, wrong } = await loading;
      assert.equal(answered, sent, 'every query is answered');
      assert.equal(wrong, 0, 'by one of the configurations');
      assert.equal(await metric(metricsUrl, 'skyshard_config_parse_failures_total'), RELOADS);
      assert.equal(await metric(metricsUrl, 'coredns_reload_failed_total'), 0);
      const scraped = await (await fetch(metricsUrl)).text();
      const counted = /^coredns_dns_requests_total\{[^}]*zone="\."[^}]*\} (\d+)$/m.exec(scraped)?.[1];
      assert.equal(Number(counted), sent, 'every query is counted');
      assertDocumented(scraped);
      if (transport === 'mmsg') {
        assert.match(
          scraped,
          new RegExp(`^skyshard_udp_socket_drops_total\\{socket="shard 0 127.0.0.1:${port}"\\} 0$`, 'm'),
        );
      }
      t.diagnostic(`${2 * RELOADS} reloads, ${sent} queries, all answered`);
      assert.equal((await running.end()).code, 0);
    });
  }

  test(
    'mmsg: from one address to all of them and back loses no query',
    { skip: process.platform !== 'linux' },
    async (t) => {
      const port = await freePort();
      const texts = ['bind 127.0.0.1', 'debug'].map((bind) => block(port, bind, '192.0.2.1 a.test'));
      const { running, change } = await startOn(texts[0]!, 'mmsg');
      const end = new AbortController();
      const loading = load(port, end.signal);
      for (let reload = 1; reload <= RELOADS; reload++) await change(texts[reload % 2]!);
      end.abort();
      const { sent, answered, wrong } = await loading;
      assert.equal(answered, sent, 'every query is answered');
      assert.equal(wrong, 0);
      t.diagnostic(`${RELOADS} reloads, ${sent} queries, all answered`);
      assert.equal((await ask(port, 'a.test')).answers?.length, 1);
      assert.equal((await running.end()).code, 0);
    },
  );
});
