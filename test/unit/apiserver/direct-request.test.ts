/** A request on a connection of its own: what is sent, what comes back when nobody waits for it, and how it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestDirectly, type DirectAnswer } from '../../../src/apiserver/direct-request.ts';

interface Exchange {
  readonly answer: Promise<DirectAnswer>;
  /** the server's side */
  readonly socket: Socket;
  readonly request: string;
  readonly abort: AbortController;
}

async function exchange(t: TestContext, headers: Record<string, string | string[]> = {}): Promise<Exchange> {
  const server = createServer({ noDelay: true });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const abort = new AbortController();
  const answer = requestDirectly({
    connect: (onread) => connect({ host: '127.0.0.1', port, onread }),
    url: new URL(`http://127.0.0.1:${port}/api/v1/services?watch=true`),
    headers,
    signal: abort.signal,
    answerMs: 2000,
  });
  answer.catch(() => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  const [request] = (await once(socket, 'data')) as [Buffer];
  return { answer, socket, request: request.toString('latin1'), abort };
}

const HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

test('path, query and headers are sent; one that would be two is not', async (t) => {
  const { request } = await exchange(t, { accept: 'a', 'impersonate-group': ['x', 'y'] });
  const lines = request.split('\r\n');
  assert.equal(lines[0], 'GET /api/v1/services?watch=true HTTP/1.1');
  assert.match(lines[1]!, /^Host: 127\.0\.0\.1:\d+$/);
  assert.deepEqual(lines.slice(2), [
    'accept: a',
    'impersonate-group: x',
    'impersonate-group: y',
    'Connection: close',
    '',
    '',
  ]);
  const refused = {
    connect: () => assert.fail('nothing is opened'),
    url: new URL('http://127.0.0.1:1/'),
    headers: { accept: 'a\r\nHost: b' },
    signal: new AbortController().signal,
    answerMs: 1,
  };
  assert.throws(() => requestDirectly(refused), { code: 'ERR_INVALID_CHAR' });
});

test('what comes while nobody waits stays, in order, and the sender has to wait', async (t) => {
  const { answer, socket } = await exchange(t);
  const event = 'x'.repeat(1000);
  socket.write(HEAD);
  const { body, statusCode } = await answer;
  assert.equal(statusCode, 200);
  let sent = 0;
  const send = (): void => {
    while (sent < 20_000 && socket.write(chunk(`${sent}:${event};`))) sent++;
  };
  socket.on('drain', () => {
    sent++;
    send();
  });
  send();
  await sleep(100);
  assert.ok(sent < 20_000, 'the connection is full long before');
  let text = '';
  let next = 0;
  for await (const octets of body) {
    text += octets.toString('latin1');
    for (let end = text.indexOf(';'); end >= 0; end = text.indexOf(';')) {
      assert.equal(text.slice(0, end), `${next++}:${event}`);
      text = text.slice(end + 1);
    }
    if (next === 20_000) socket.end('0\r\n\r\n');
  }
  assert.equal(next, 20_000);
});

test('an answer that breaks off is a fault, for who waits and for who comes later', async (t) => {
  const { answer, socket } = await exchange(t);
  socket.write(HEAD + chunk('first'));
  const { body } = await answer;
  const iterator = body[Symbol.asyncIterator]();
  assert.equal(String((await iterator.next()).value), 'first');
  const waiting = iterator.next();
  socket.destroy();
  await assert.rejects(waiting, { code: 'ECONNRESET' });
  await assert.rejects(iterator.next(), { code: 'ECONNRESET' });
});

test('no answer, no connection, and an abort are faults of the request', async (t) => {
  const cut = await exchange(t);
  cut.socket.destroy();
  await assert.rejects(cut.answer, { code: 'ECONNRESET' });
  const aborted = await exchange(t);
  aborted.abort.abort(new Error('stop'));
  await assert.rejects(aborted.answer, /stop/);
  const other = await exchange(t);
  other.socket.write('220 smtp\r\n\r\n');
  await assert.rejects(other.answer, /no HTTP response: "220 smtp"/);
});

test('who destroys the body closes the connection', async (t) => {
  const { answer, socket } = await exchange(t);
  socket.write(HEAD + chunk('first'));
  const { body } = await answer;
  const closed = once(socket, 'close');
  for await (const octets of body) {
    assert.equal(String(octets), 'first');
    break;
  }
  await closed;
});
