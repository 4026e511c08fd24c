/** DNS over HTTP as clients see it, sound and hostile ones: others notice nothing of the latter. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpLimits, TcpTimeouts } from '../../../src/resolver/resolver-options.ts';
import { Http2Client } from '../../wire/http2-client.ts';
import { answerCountOf, ask, eventually, HUGE_COUNT, idOf, startTcp, type TestTcp } from './tcp-fixture.ts';

const TYPE = 'application/dns-message';

const target = (name: string, id = 0): string => `/dns-query?dns=${Buffer.from(ask(name, id)).toString('base64url')}`;

interface TestHttp extends TestTcp {
  readonly port: number;
}

function start(
  t: TestContext,
  timeouts: Partial<TcpTimeouts> = {},
  limits: Partial<TcpLimits> = {},
  http = { connectionsMax: 0, streamsMax: 50 },
): Promise<TestHttp> {
  return startTcp(t, limits, timeouts, { scheme: 'https', http, server: 'https://test' });
}

async function connect(t: TestContext, { port }: TestHttp): Promise<Http2Client> {
  const client = await Http2Client.open(port);
  t.after(() => client.close());
  return client;
}

async function assertServes(t: TestContext, http: TestHttp): Promise<void> {
  const client = await connect(t, http);
  const answer = await client.get(target('one.test'));
  assert.equal(answer?.status, 200, 'another client is turned away');
  client.close();
}

/** What a client of HTTP/1.1 gets for some octets, until it has waited long enough or the server closes. */
class Http1Client {
  text = '';
  isEnded = false;
  readonly write: (octets: string | Uint8Array) => void;

  private constructor(socket: Socket) {
    socket.on('data', (piece) => (this.text += piece.toString('latin1')));
    socket.on('end', () => (this.isEnded = true));
    socket.on('close', () => (this.isEnded = true));
    this.write = (octets) => socket.write(octets);
  }

  static async open(http: TestHttp): Promise<Http1Client> {
    const { socket } = await http.connect();
    return new Http1Client(socket);
  }

  until(pattern: RegExp): Promise<void> {
    return eventually(() => pattern.test(this.text), `${pattern} in ${this.text}`);
  }

  ended(): Promise<void> {
    return eventually(() => this.isEnded, 'the end');
  }

  get statuses(): readonly string[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status!);
  }
}

test('requests over HTTP/2 are answered, each as soon as it can be, also large ones', async (t) => {
  const http = await start(t);
  const client = await connect(t, http);
  const later = client.get(target('later.test', 7));
  const [posted, huge] = await Promise.all([client.post(ask('one.test', 9)), client.get(target('huge.test'))]);
  assert.equal(posted?.status, 200);
  assert.deepEqual([idOf(posted!.body), answerCountOf(posted!.body)], [9, 1]);
  assert.equal(posted!.headers['content-type'], TYPE);
  assert.equal(posted!.headers['cache-control'], 'max-age=60');
  assert.equal(answerCountOf(huge!.body), HUGE_COUNT);
  http.respond(0);
  assert.equal(idOf((await later)!.body), 7);
  assert.deepEqual(http.panics, []);
});

test('requests over HTTP/1.1 in one go are answered in their order', async (t) => {
  const http = await start(t);
  const client = await Http1Client.open(http);
  const body = ask('one.test');
  client.write(`GET ${target('later.test')} HTTP/1.1\r\nhost: a\r\n\r\nPOST /dns-query HTTP/1.1\r\nhost: a\r\n`);
  client.write(`content-type: ${TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`);
  client.write(body);
  await eventually(() => http.later.length === 1, 'the first waits');
  await sleep(50);
  assert.deepEqual(client.statuses, []);
  http.respond(0);
  await eventually(() => client.statuses.length === 2, 'two responses');
  client.write(`GET /x HTTP/1.1\r\nhost: a\r\n\r\n`);
  await eventually(() => client.statuses.length === 3, 'a third');
  assert.deepEqual(client.statuses, ['200', '200', '404']);
});

test('what is no query, and what cannot be read, is 400; a query that is not answered is 500', async (t) => {
  const http = await start(t);
  const client = await connect(t, http);
  const response = Buffer.from(ask('one.test'));
  response[2] = 0x80;
  for (const message of [Buffer.alloc(11), response, Buffer.concat([ask('one.test'), Buffer.of(0)])]) {
    assert.equal((await client.post(message))?.status, 400);
  }
  const waiting = client.post(ask('later.test'));
  await eventually(() => http.later.length === 1, 'it waits');
  // A zone is more than one message.
  http.service.sendPart(http.later[0]!.token, Buffer.from([0, 12, ...new Uint8Array(12)]), false);
  assert.equal((await waiting)?.status, 500);
});

test('a client that is gone is answered no more', async (t) => {
  const http = await start(t);
  const client = await connect(t, http);
  void client.get(target('later.test'));
  await eventually(() => http.later.length === 1, 'the query waits');
  client.close();
  await eventually(() => http.counted('connections') === 0, 'the connection is gone');
  assert.equal(http.service.respond(http.later[0]!.token, http.later[0]!.response), false);
});

for (const [what, octets] of [
  ['says nothing', ''],
  ['says a piece of a head', 'GET /dns-query HTTP/1.1\r\nhost: a\r\n'],
  ['says half the preface of HTTP/2', 'PRI * HTTP/2.0\r\n'],
  ['says the preface of HTTP/2 and no more', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'],
] as const) {
  test(`a client that ${what} is closed after the read time`, async (t) => {
    const http = await start(t, { readMs: 400, idleMs: 60_000 });
    const client = await Http1Client.open(http);
    client.write(octets);
    await client.ended();
    assert.equal(http.counted('evicted'), 0);
    await eventually(() => http.counted('connections') === 0, 'it is counted no more');
  });
}

test('a header line now and then does not keep a connection open, the first time or later', async (t) => {
  const http = await start(t, { readMs: 600, idleMs: 600 });
  for (const start of ['', `GET ${target('one.test')} HTTP/1.1\r\nhost: a\r\n\r\n`]) {
    const client = await Http1Client.open(http);
    client.write(`${start}GET /dns-query HTTP/1.1\r\nhost: a\r\n`);
    const drip = setInterval(() => client.write('x: y\r\n'), 50);
    await client.ended();
    clearInterval(drip);
  }
});

test('a body that does not come is 408, while other requests of the connection go on', async (t) => {
  const http = await start(t, { readMs: 500, idleMs: 60_000 });
  const client = await connect(t, http);
  const stream = client.session.request({ ':path': '/dns-query', ':method': 'POST', 'content-type': TYPE });
  const status = new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status'])));
  const drip = setInterval(() => {
    if (!stream.destroyed) stream.write(Buffer.of(0));
  }, 50);
  const asking = setInterval(() => void client.get(target('one.test')), 50);
  stream.on('error', () => undefined);
  assert.equal(await status, 408);
  clearInterval(drip);
  clearInterval(asking);
  assert.equal((await client.get(target('one.test')))?.status, 200);
  const old = await Http1Client.open(http);
  old.write(`POST /dns-query HTTP/1.1\r\nhost: a\r\ncontent-type: ${TYPE}\r\ncontent-length: 33\r\n\r\nx`);
  await old.until(/^HTTP\/1\.1 408/);
  await old.ended();
});

test('a body without an end is 413, and its connection over HTTP/1.1 is closed', async (t) => {
  const http = await start(t);
  const client = await Http1Client.open(http);
  client.write(`POST /dns-query HTTP/1.1\r\nhost: a\r\ncontent-type: ${TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const flood = setInterval(() => client.write(`400\r\n${'x'.repeat(1024)}\r\n`), 5);
  await client.until(/^HTTP\/1\.1 413/);
  await client.ended();
  clearInterval(flood);
  await assertServes(t, http);
});

test('a head without an end is 431', async (t) => {
  const http = await start(t);
  const client = await Http1Client.open(http);
  client.write('GET /dns-query HTTP/1.1\r\nhost: a\r\n');
  const flood = setInterval(() => client.write(`x: ${'y'.repeat(1000)}\r\n`), 2);
  await client.until(/^HTTP\/1\.1 431/);
  await client.ended();
  clearInterval(flood);
  await assertServes(t, http);
});

test('what is no HTTP is 400', async (t) => {
  const http = await start(t);
  const client = await Http1Client.open(http);
  client.write(Buffer.concat([Buffer.of(0, 33), ask('one.test')]));
  await client.ended();
  assert.deepEqual(client.statuses, ['400']);
});

test('HTTP/2: header blocks without an end close the connection', async (t) => {
  const http = await start(t);
  const client = await Http1Client.open(http);
  const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer =>
    Buffer.concat([Buffer.of(0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, stream), payload]);
  client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  client.write(frame(4, 0, 0, new Uint8Array(0)));
  // Literal fields of an empty name and value, over and over, in HEADERS without END_HEADERS and CONTINUATION.
  client.write(
    frame(
      1,
      0,
      1,
      Uint8Array.from({ length: 3000 }, (_, i) => (i % 3 === 1 ? 1 : 0)),
    ),
  );
  const flood = setInterval(() => client.write(frame(9, 0, 1, Buffer.alloc(3000))), 2);
  await client.ended();
  clearInterval(flood);
  await assertServes(t, http);
});

test('HTTP/2: a client that resets its streams over and over is closed', async (t) => {
  const http = await start(t);
  const client = await connect(t, http);
  let count = 0;
  while (!client.isClosed && count < 5000) {
    for (let i = 0; i < 20 && !client.isClosed; i++, count++) {
      const stream = client.session.request({ ':path': target('later.test') });
      stream.on('error', () => undefined);
      stream.close(8);
    }
    await sleep(1);
  }
  assert.ok(client.isClosed, `${count} resets`);
  assert.ok(count < 2000, `${count} resets`);
  await assertServes(t, http);
});

test('HTTP/2: resets now and then, beside answers, are no reason to close', async (t) => {
  const http = await start(t);
  const client = await connect(t, http);
  for (let count = 0; count < 150; count++) {
    const stream = client.session.request({ ':path': target('later.test') });
    stream.on('error', () => undefined);
    const [answer] = await Promise.all([client.get(target('one.test')), sleep(1).then(() => stream.close(8))]);
    assert.equal(answer?.status, 200);
  }
  assert.equal(client.isClosed, false);
});

test('HTTP/2: pings keep no connection that asks nothing', async (t) => {
  const http = await start(t, { readMs: 600, idleMs: 600 });
  const client = await connect(t, http);
  await client.get(target('one.test'));
  const pings = setInterval(() => {
    if (!client.isClosed) client.session.ping(() => undefined);
  }, 50);
  await eventually(() => client.isClosed, 'closed');
  clearInterval(pings);
});

test('a client that takes no responses is closed after the write time, with little kept for it', async (t) => {
  const http = await start(t, { writeMs: 500, idleMs: 60_000, readMs: 60_000 });
  const client = await Http2Client.open(http.port, undefined, { initialWindowSize: 1000 });
  t.after(() => client.close());
  for (let i = 0; i < 40; i++) {
    const stream = client.session.request({ ':path': target('huge.test') });
    stream.on('error', () => undefined);
    stream.pause();
  }
  let heldSize = 0;
  await eventually(() => {
    heldSize = Math.max(heldSize, http.service.heldSize);
    return http.service.connectionCount === 0;
  }, 'closed');
  assert.ok(heldSize > 0 && heldSize <= 50 * 65_536, `${heldSize} octets`);
  assert.equal(http.service.heldSize, 0);
  client.close();
  const isOpen = (): boolean => process.getActiveResourcesInfo().includes('TCPSocketWrap');
  await eventually(() => !isOpen(), 'neither side has the socket any more');
  await assertServes(t, http);
});

test('no client has more requests at a time than it may', async (t) => {
  const http = await start(t, {}, {}, { connectionsMax: 0, streamsMax: 10 });
  const client = await Http1Client.open(http);
  client.write(`GET ${target('later.test')} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(12));
  await eventually(() => http.later.length === 10, 'ten wait');
  http.respond(...http.later.keys());
  await client.ended();
  assert.deepEqual(client.statuses, [...Array.from({ length: 10 }, () => '200'), '503']);
  const modern = await connect(t, http);
  await modern.get(target('one.test'));
  assert.equal(modern.session.remoteSettings.maxConcurrentStreams, 10);
});

test('max_connections: the one that is missed least makes room; who waits for an answer stays', async (t) => {
  const http = await start(t, {}, {}, { connectionsMax: 2, streamsMax: 50 });
  const idle = await connect(t, http);
  await idle.get(target('one.test'));
  const waiting = await connect(t, http);
  void waiting.get(target('later.test'));
  await eventually(() => http.later.length === 1, 'the query waits');
  const third = await connect(t, http);
  const answer = third.get(target('later.test'));
  await eventually(() => idle.isClosed, 'the idle one is closed');
  await eventually(() => http.later.length === 2, 'both wait');
  const fourth = await Http1Client.open(http);
  await fourth.ended();
  assert.equal(http.counted('refused'), 1);
  http.respond(0, 1);
  assert.equal((await answer)?.status, 200);
});

test('the end of the server: what was asked is answered, and no more is taken', async (t) => {
  const http = await start(t);
  const client = await connect(t, http);
  const old = await Http1Client.open(http);
  const idle = await Http1Client.open(http);
  idle.write(`GET ${target('one.test')} HTTP/1.1\r\nhost: a\r\n\r\n`);
  await idle.until(/200/);
  const answer = client.get(target('later.test'));
  await eventually(() => http.later.length === 1, 'one waits');
  old.write(`GET ${target('later.test')} HTTP/1.1\r\nhost: a\r\n\r\n`);
  await eventually(() => http.later.length === 2, 'both wait');
  const drained = http.service.drain(5000);
  await idle.ended();
  http.respond(0, 1);
  assert.equal((await answer)?.status, 200);
  await old.until(/HTTP\/1\.1 200[^]*connection: close/i);
  assert.equal(await drained, 0);
});
