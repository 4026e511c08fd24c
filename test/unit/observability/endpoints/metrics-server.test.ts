import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { SkyshardError } from '../../../../src/base/skyshard-error.ts';
import { isAddressInUse } from '../../../../src/observability/endpoints/listener-set.ts';
import { startMetricsServer } from '../../../../src/observability/endpoints/metrics-server.ts';
import { METRICS_CONTENT_TYPE } from '../../../../src/observability/counters/prometheus-text.ts';

async function start(t: TestContext, page: () => Promise<string>, address = '127.0.0.1') {
  const errors: unknown[] = [];
  const server = await startMetricsServer({ address, port: 0, page, onError: (error) => errors.push(error) });
  t.after(() => server.close());
  return { server, errors };
}

test('GET and HEAD of /metrics give the page, everything else does not', async (t) => {
  const { server } = await start(t, () => Promise.resolve('größe 1\n'));
  assert.equal(server.url, `http://127.0.0.1:${server.port}/metrics`);
  for (const query of ['', '?name[]=x']) {
    const response = await fetch(server.url + query);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), METRICS_CONTENT_TYPE);
    assert.equal(await response.text(), 'größe 1\n');
  }
  const head = await fetch(server.url, { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '10', '']);
  const post = await fetch(server.url, { method: 'POST', body: 'x' });
  assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
  for (const path of ['/', '/metrics/', '/metricsx', '/health']) {
    assert.equal((await fetch(`http://127.0.0.1:${server.port}${path}`)).status, 404, path);
  }
});

test('IPv6 addresses work and are bracketed in the URL', async (t) => {
  const { server } = await start(t, () => Promise.resolve('x 1\n'), '::1');
  assert.equal(server.url, `http://[::1]:${server.port}/metrics`);
  assert.equal((await fetch(server.url)).status, 200);
});

test('a page that fails is a 500 and is told; the next one is served', async (t) => {
  let count = 0;
  const { server, errors } = await start(t, () =>
    ++count === 1 ? Promise.reject(new Error('no')) : Promise.resolve('x 1\n'),
  );
  assert.equal((await fetch(server.url)).status, 500);
  assert.match(String(errors), /no/);
  assert.equal((await fetch(server.url)).status, 200);
});

test('requests at the same time share one page', async (t) => {
  const gate = Promise.withResolvers<string>();
  let count = 0;
  const { server } = await start(t, () => {
    count++;
    return gate.promise;
  });
  const sockets = Array.from({ length: 5 }, () => connect(server.port, '127.0.0.1'));
  for (const socket of sockets) socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  // all five are in when the one that came last has been answered with an error
  await fetch(`http://127.0.0.1:${server.port}/`);
  gate.resolve('x 1\n');
  const texts = await Promise.all(
    sockets.map(async (socket) => {
      let text = '';
      for await (const octets of socket.setEncoding('utf8')) text += String(octets);
      return text;
    }),
  );
  assert.ok(texts.every((text) => text.endsWith('x 1\n')));
  assert.equal(count, 1);
});

test('a port that is taken is a BIND_FAILED that another port would mend; a foreign address is not', async (t) => {
  const page = () => Promise.resolve('');
  const { server } = await start(t, page);
  const again = startMetricsServer({ address: '127.0.0.1', port: server.port, page, onError: () => {} });
  await assert.rejects(again, (error: SkyshardError) => {
    assert.equal(error.code, 'BIND_FAILED');
    assert.match(error.message, new RegExp(`metrics on 127\\.0\\.0\\.1:${server.port}: .*EADDRINUSE`));
    return isAddressInUse(error);
  });
  const foreign = startMetricsServer({ address: '192.0.2.1', port: 0, page, onError: () => {} });
  await assert.rejects(foreign, (error: SkyshardError) => error.code === 'BIND_FAILED' && !isAddressInUse(error));
  assert.equal(isAddressInUse(new Error('x')), false);
});

// sooner than the timeout of 5 s, which would end them too
test('close ends connections that idle or wait', { timeout: 4500 }, async () => {
  const server = await startMetricsServer({
    address: '127.0.0.1',
    port: 0,
    page: () => new Promise(() => {}),
    onError: () => {},
  });
  const sockets = [0, 1].map(() => connect(server.port, '127.0.0.1').on('error', () => {}));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  sockets[0]!.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  sockets[1]!.write('GET /met');
  await fetch(`http://127.0.0.1:${server.port}/`);
  const closed = sockets.map((socket) => once(socket, 'close'));
  await server.close();
  await Promise.all(closed);
});

test('a client that sends its request an octet at a time is sent away', { timeout: 30_000 }, async (t) => {
  const { server } = await start(t, () => Promise.resolve(''));
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => {}).write('GET /metrics HTTP/1.1\r\nHost: ');
  const drip = setInterval(() => socket.write('x'), 500);
  t.after(() => clearInterval(drip));
  let text = '';
  for await (const octets of socket.setEncoding('utf8')) text += String(octets);
  assert.match(text, /^(?:HTTP\/1\.1 408|$)/);
});
