/** health, ready and prometheus, asked over HTTP. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { SkyshardError } from '../../../src/base/skyshard-error.ts';
import { HealthEndpoint } from '../../../src/observability/endpoints/health-endpoint.ts';
import { ListenerSet } from '../../../src/observability/endpoints/listener-set.ts';
import { startMetricsServer } from '../../../src/observability/endpoints/metrics-server.ts';
import { startProbeListener } from '../../../src/observability/endpoints/probe-listener.ts';
import { formatMetrics } from '../../../src/observability/counters/prometheus-text.ts';
import { ReadyEndpoint } from '../../../src/observability/endpoints/ready-endpoint.ts';
import type { ReadyBlock } from '../../../src/observability/endpoints/ready-endpoint.ts';

const ANY = { host: '127.0.0.1', port: 0 };
const TIMEOUT = { timeout: 10_000 };

async function get(port: number, path: string, init: RequestInit = {}): Promise<readonly [number, string]> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return [response.status, await response.text()];
}

/** What a server says to octets that come in one piece or several; '' if it just closes. */
async function exchange(port: number, ...pieces: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1').setNoDelay();
  const closed = once(socket, 'close');
  let text = '';
  socket.on('data', (octets: string) => (text += octets));
  socket.on('error', () => undefined);
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await closed;
  return text;
}

/** A port that somebody else listens on. */
async function takenPort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function startHealth(t: TestContext, pollIntervalMs?: number) {
  const lines: string[] = [];
  const health = new HealthEndpoint((level, text) => lines.push(`${level} ${text}`), pollIntervalMs);
  t.after(() => health.close());
  return { health, lines };
}

function startReady(t: TestContext) {
  const lines: string[] = [];
  const ready = new ReadyEndpoint((level, text) => lines.push(`${level} ${text}`));
  t.after(() => ready.close());
  return { ready, lines };
}

function source(name: string): { readonly name: string; isNow: boolean; asked: number; isReady(): boolean } {
  return {
    name,
    isNow: false,
    asked: 0,
    isReady() {
      this.asked++;
      return this.isNow;
    },
  };
}

test('health is 200 for every method at /health, 404 elsewhere', TIMEOUT, async (t) => {
  const { health } = startHealth(t);
  await health.configure([{ listen: ANY, lameduckMs: 0 }]);
  const port = health.port(ANY)!;
  for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
    assert.deepEqual(await get(port, '/health?x=1', { method, ...(method === 'POST' && { body: 'x' }) }), [200, 'OK']);
  }
  assert.match(await exchange(port, 'HEAD /health HTTP/1.1\r\n\r\n'), / 200 OK\r\n[^]*Length: 2\r\n[^]*close\r\n\r\n$/);
  for (const path of ['/', '/health/', '/ready', '/metrics']) assert.equal((await get(port, path))[0], 404, path);
});

test(
  'a request may come in pieces, with a body behind it, by HTTP/1.0, or as the proxies write it',
  TIMEOUT,
  async (t) => {
    const { health } = startHealth(t);
    await health.configure([{ listen: ANY, lameduckMs: 0 }]);
    const port = health.port(ANY)!;
    for (const pieces of [
      ['GET /health HTTP/1.0\r\n\r\n'],
      ['GE', 'T /health HT', 'TP/1.1\r\nHost: x\r', '\n\r', '\n'],
      [`POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`],
      ['GET http://example.org:8080/health HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['GET /health HTTP/1.1\nHost: x\n\n'],
    ]) {
      const text = await exchange(port, ...pieces);
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)*\r\nOK$/);
      assert.match(text, /\r\nContent-Length: 2\r\n/);
    }
  },
);

// sooner than the 5 s that a connection has in all
test('what is no request is refused; a head without end is not kept', { timeout: 4500 }, async (t) => {
  const { health } = startHealth(t);
  await health.configure([{ listen: ANY, lameduckMs: 0 }]);
  const port = health.port(ANY)!;
  assert.match(await exchange(port, 'hello\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(await exchange(port, 'GET /health HTTP/2.0\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.equal(await exchange(port, `GET /health HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`), '');
});

test('idle connections do not lock a probe out', TIMEOUT, async (t) => {
  const { health } = startHealth(t);
  await health.configure([{ listen: ANY, lameduckMs: 0 }]);
  const port = health.port(ANY)!;
  const idle = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  t.after(() => idle.forEach((socket) => socket.destroy()));
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  assert.deepEqual(await get(port, '/health'), [200, 'OK']);
});

test('a client that gives up in the middle is no fault', TIMEOUT, async (t) => {
  const listener = await startProbeListener({ address: ANY, what: 'x', answer: () => ({ status: 200, body: 'OK' }) });
  t.after(() => listener.close());
  const socket = connect(listener.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\n');
  socket.resetAndDestroy();
  assert.deepEqual(await get(listener.port, '/'), [200, 'OK']);
});

test('health asks itself and keeps the time it took', TIMEOUT, async (t) => {
  const { health, lines } = startHealth(t, 10);
  await health.configure([{ listen: ANY, lameduckMs: 0 }]);
  const countOf = (text: string): number =>
    Number(/^coredns_health_request_duration_seconds_count (\d+)/m.exec(text)![1]);
  let text = await formatMetrics(health.metrics());
  assert.equal(countOf(text), 0);
  while (countOf(text) < 3) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    text = await formatMetrics(health.metrics());
  }
  const buckets = [...text.matchAll(/_bucket\{le="([^"]+)"\} (\d+)/g)].map(
    ([, le, count]) => [le, Number(count)] as const,
  );
  assert.deepEqual(
    buckets.map(([le]) => le),
    ['0.00025', '0.0025', '0.025', '0.25', '2.5', '+Inf'],
  );
  assert.equal(buckets.at(-1)![1], countOf(text));
  assert.ok(Number(/_sum (\S+)/.exec(text)![1]) > 0);
  assert.match(text, /^coredns_health_request_failures_total 0$/m);
  assert.deepEqual(lines, []);
});

test('a request to itself that fails is counted and told', TIMEOUT, async (t) => {
  const { health, lines } = startHealth(t, 10);
  await health.configure([{ listen: ANY, lameduckMs: 0 }]);
  const port = health.port(ANY)!;
  // nothing answers any more, as with a process that is out of descriptors
  t.mock.method(
    await import('node:net').then(({ Socket }) => Socket.prototype),
    'connect',
    function (this: { destroy(error: Error): void }) {
      queueMicrotask(() => this.destroy(new Error('connect ECONNREFUSED')));
      return this;
    },
  );
  while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.mock.restoreAll();
  assert.equal(
    lines[0],
    `warn plugin/health: Local health request to "http://127.0.0.1:${port}/health" failed: connect ECONNREFUSED`,
  );
  assert.match(await formatMetrics(health.metrics()), /^coredns_health_request_failures_total [1-9]/m);
});

test('lameduck waits as long as the longest block says, and is told', TIMEOUT, async (t) => {
  const { health, lines } = startHealth(t);
  await health.configure([
    { listen: ANY, lameduckMs: 5 },
    { listen: ANY, lameduckMs: 65_000 },
  ]);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let isOver = false;
  const lameduck = health.lameduck().then(() => (isOver = true));
  t.mock.timers.tick(64_999);
  await Promise.resolve();
  assert.equal(isOver, false);
  t.mock.timers.tick(1);
  await lameduck;
  assert.deepEqual(lines, ['info plugin/health: Going into lameduck mode for 1m5s']);
});

test('lameduck ends at once where there is none, or when it is broken off', TIMEOUT, async (t) => {
  const { health, lines } = startHealth(t);
  await health.lameduck();
  await health.configure([{ listen: ANY, lameduckMs: 0 }]);
  await health.lameduck();
  assert.deepEqual(lines, []);
  await health.configure([{ listen: ANY, lameduckMs: 60_000 }]);
  const stop = new AbortController();
  const lameduck = health.lameduck(stop.signal);
  stop.abort();
  await lameduck;
  await health.lameduck(stop.signal);
  assert.equal(lines.length, 1);
});

test('ready tells what it waits for, sorted, until it is there', TIMEOUT, async (t) => {
  const { ready, lines } = startReady(t);
  const [kubernetes, nomad] = [source('kubernetes'), source('etcd')];
  await ready.configure([{ listen: ANY, monitor: 'until-ready', sources: [kubernetes, nomad] }]);
  const port = ready.port(ANY)!;
  assert.deepEqual(await get(port, '/ready'), [503, 'etcd,kubernetes']);
  nomad.isNow = true;
  assert.deepEqual(await get(port, '/ready'), [503, 'kubernetes']);
  kubernetes.isNow = true;
  assert.deepEqual(await get(port, '/ready'), [200, 'OK']);
  assert.deepEqual(await get(port, '/'), [404, '404 page not found\n']);
  assert.deepEqual(lines, [
    'info plugin/ready: Plugins not ready: "etcd,kubernetes"',
    'info plugin/ready: Plugins not ready: "kubernetes"',
  ]);
});

test('until-ready: what was ready once is not asked again; continuously: each time', TIMEOUT, async (t) => {
  const { ready } = startReady(t);
  const [once, always] = [source('once'), source('always')];
  once.isNow = always.isNow = true;
  const blocks: ReadyBlock[] = [
    { listen: ANY, monitor: 'until-ready', sources: [once] },
    { listen: ANY, monitor: 'continuously', sources: [always] },
  ];
  await ready.configure(blocks);
  const port = ready.port(ANY)!;
  assert.deepEqual(await get(port, '/ready'), [200, 'OK']);
  once.isNow = always.isNow = false;
  assert.deepEqual(await get(port, '/ready'), [503, 'always']);
  assert.deepEqual([once.asked, always.asked], [1, 2]);
});

test('two blocks of one address share a listener, another address does not see them', TIMEOUT, async (t) => {
  const { ready } = startReady(t);
  const [first, second, other] = [source('kubernetes'), source('kubernetes'), source('nomad')];
  const elsewhere = { host: '127.0.0.2', port: 0 };
  first.isNow = true;
  await ready.configure([
    { listen: ANY, monitor: 'until-ready', sources: [first] },
    { listen: elsewhere, monitor: 'until-ready', sources: [other] },
    { listen: ANY, monitor: 'until-ready', sources: [second] },
  ]);
  assert.deepEqual(await get(ready.port(ANY)!, '/ready'), [503, 'kubernetes'], 'the second instance counts too');
  const response = await fetch(`http://127.0.0.2:${ready.port(elsewhere)}/ready`);
  assert.equal(await response.text(), 'nomad');
});

test('a server that is told to stop is not ready, with or without anything to wait for', TIMEOUT, async (t) => {
  const { ready, lines } = startReady(t);
  await ready.configure([{ listen: ANY, monitor: 'until-ready', sources: [] }]);
  const port = ready.port(ANY)!;
  assert.deepEqual(await get(port, '/ready'), [200, 'OK']);
  ready.stopReady();
  assert.deepEqual(await get(port, '/ready'), [503, 'Shutting down']);
  assert.deepEqual(lines, []);
});

test('a changed configuration leaves the listeners that stay, closes those that go', TIMEOUT, async (t) => {
  const { health } = startHealth(t);
  const other = { host: '127.0.0.2', port: 0 };
  await health.configure([{ listen: ANY, lameduckMs: 0 }]);
  const port = health.port(ANY)!;
  await health.configure([
    { listen: other, lameduckMs: 0 },
    { listen: ANY, lameduckMs: 0 },
  ]);
  assert.equal(health.port(ANY), port);
  assert.deepEqual(await get(port, '/health'), [200, 'OK']);
  await health.configure([{ listen: other, lameduckMs: 0 }]);
  await assert.rejects(get(port, '/health'));
  assert.equal(health.port(ANY), undefined);
});

test('an address that cannot be had leaves all as it was', TIMEOUT, async (t) => {
  const { ready } = startReady(t);
  const kubernetes = source('kubernetes');
  await ready.configure([{ listen: ANY, monitor: 'until-ready', sources: [kubernetes] }]);
  const port = ready.port(ANY)!;
  const taken = { host: '127.0.0.1', port: await takenPort(t) };
  const change = ready.configure([
    { listen: { host: '127.0.0.2', port: 0 }, monitor: 'until-ready', sources: [] },
    { listen: taken, monitor: 'until-ready', sources: [] },
  ]);
  await assert.rejects(change, (error: SkyshardError) => {
    assert.equal(error.code, 'BIND_FAILED');
    assert.match(error.message, new RegExp(`^ready on 127\\.0\\.0\\.1:${taken.port}: .*EADDRINUSE`));
    return true;
  });
  assert.deepEqual(await get(port, '/ready'), [503, 'kubernetes']);
  assert.equal(ready.port(taken), undefined);
});

test('an address of all interfaces and one of them change places, and back if the change fails', TIMEOUT, async (t) => {
  const { health } = startHealth(t);
  const port = await freePort();
  const one = { host: '127.0.0.1', port };
  await health.configure([{ listen: one, lameduckMs: 0 }]);
  // stands for `:PORT`, which would listen beyond loopback: they cannot be open at the same time either
  const mapped = { host: '::ffff:127.0.0.1', port };
  await health.configure([{ listen: mapped, lameduckMs: 0 }]);
  assert.deepEqual(await get(port, '/health'), [200, 'OK']);
  const taken = { host: '127.0.0.1', port: await takenPort(t) };
  await assert.rejects(
    health.configure([
      { listen: one, lameduckMs: 0 },
      { listen: taken, lameduckMs: 0 },
    ]),
  );
  assert.deepEqual(await get(port, '/health'), [200, 'OK']);
  assert.equal(health.port(mapped), port);
});

test('localhost is the IPv4 one', TIMEOUT, async (t) => {
  const { health } = startHealth(t);
  const listen = { host: 'localhost', port: 0 };
  await health.configure([{ listen, lameduckMs: 0 }]);
  assert.deepEqual(await get(health.port(listen)!, '/health'), [200, 'OK']);
});

test('the metrics page is the same on every address that a block names', TIMEOUT, async (t) => {
  const page = () => Promise.resolve('x 1\n');
  const metrics = new ListenerSet(({ host, port }) =>
    startMetricsServer({ address: host, port, page, onError: () => undefined }),
  );
  t.after(() => metrics.close());
  await metrics.update([ANY, { host: '127.0.0.2', port: 0 }, ANY]);
  const urls = metrics.all.map(({ url }) => url);
  assert.equal(urls.length, 2);
  for (const url of urls) assert.equal(await (await fetch(url)).text(), 'x 1\n');
  assert.match(urls[1]!, /^http:\/\/127\.0\.0\.2:\d+\/metrics$/);
});
