/** Upstream servers over HTTPS: connections are shared and used again, and no fault is waited for longer than it takes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { TYPE } from '../../../../src/dns/iana.ts';
import { DEFAULT_FORWARD_GROUP, type ForwardGroup } from '../../../../src/forward/forward-group.ts';
import { HttpUpstream } from '../../../../src/forward/connections/http-upstream.ts';
import {
  type StreamAsker,
  type StreamQuery,
  streamQuery,
} from '../../../../src/forward/connections/upstream-stream.ts';
import { CertificateAuthority } from '../../../support/certificates.ts';
import { buildQuery } from '../../../wire/query.ts';

const authority = new CertificateAuthority();
const pair = authority.issue('dns.test', ['dns.test', '127.0.0.1']);
const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-https-'));
after(() => rmSync(folder, { recursive: true }));
const authorityFile = path.join(folder, 'ca.pem');
writeFileSync(authorityFile, authority.certificate);

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly version: string;
  readonly message: Buffer;
}

type Answer = (asked: Asked, response: Http2ServerResponse, message: Buffer) => void;

const reply: Answer = (_asked, response, message) => {
  response.writeHead(200, { 'content-type': 'application/dns-message' });
  response.end(message);
};

class TestServer {
  readonly asked: Asked[] = [];
  readonly sockets = new Set<Socket>();
  connectionCount = 0;
  answer: Answer = reply;
  port = 0;

  async start(t: TestContext, isHttp1: boolean): Promise<void> {
    const options = { cert: pair.certificate, key: pair.key };
    const handle = (request: Http2ServerRequest, response: Http2ServerResponse): void => this.#take(request, response);
    const server = isHttp1 ? https.createServer(options, handle as never) : http2.createSecureServer(options, handle);
    server.on('secureConnection', (socket: Socket) => {
      this.connectionCount++;
      this.sockets.add(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    t.after(() => {
      this.cut();
      server.close();
    });
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  #take(request: Http2ServerRequest, response: Http2ServerResponse): void {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('error', () => undefined);
    request.on('end', () => {
      const { method, url: target, httpVersion: version } = request;
      const host = request.authority ?? request.headers.host ?? '';
      const encoded = /\?dns=(.*)/.exec(target)?.[1];
      const message = encoded === undefined ? Buffer.concat(pieces) : Buffer.from(encoded, 'base64url');
      const asked = { method, target, host, version, message };
      this.asked.push(asked);
      const answered = Buffer.from(message);
      answered[2] = 0x80;
      this.answer(asked, response, answered);
    });
  }
}

class Asker implements StreamAsker {
  readonly opened: boolean[] = [];
  readonly logged: string[] = [];
  readonly upstream: HttpUpstream;
  readonly #done = new Map<StreamQuery, (message: Buffer | undefined) => void>();

  constructor(t: TestContext, port: number, group: Partial<ForwardGroup> = {}, serverName = 'dns.test') {
    this.upstream = new HttpUpstream(
      { address: '127.0.0.1', port, scheme: 'https', serverName },
      {
        ...DEFAULT_FORWARD_GROUP,
        upstreams: [],
        tls: { authorityFile, certificateFile: null, keyFile: null },
        ...group,
      },
      (isNew) => this.opened.push(isNew),
      (text) => this.logged.push(text),
    );
    t.after(() => this.upstream.close());
  }

  /** @returns the reply, undefined if there is none */
  ask(name: string, id = 4711): Promise<Buffer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    const query = streamQuery(this, 0, 0, 0, buildQuery({ name, type: TYPE.A, id }));
    this.#done.set(query, resolve);
    this.upstream.ask(query);
    return promise;
  }

  receiveReply(query: StreamQuery, message: Uint8Array): void {
    this.#done.get(query)!(Buffer.from(message));
  }

  failQuery(query: StreamQuery): void {
    this.#done.get(query)!(undefined);
  }
}

async function start(
  t: TestContext,
  { isHttp1 = false, ...group }: Partial<ForwardGroup> & { readonly isHttp1?: boolean } = {},
): Promise<{ readonly server: TestServer; readonly asker: Asker }> {
  const server = new TestServer();
  await server.start(t, isHttp1);
  return { server, asker: new Asker(t, server.port, group) };
}

for (const isHttp1 of [false, true]) {
  const protocol = isHttp1 ? 'HTTP/1.1' : 'HTTP/2';

  test(`${protocol}: many queries share few connections, under the name of the server, with id 0`, async (t) => {
    const { server, asker } = await start(t, { isHttp1 });
    for (let round = 0; round < 3; round++) {
      const names = Array.from({ length: 30 }, (_, index) => `n${index}.test`);
      const replies = await Promise.all(names.map((name, index) => asker.ask(name, 1000 + index)));
      assert.deepEqual(
        replies.map((message) => message?.readUInt16BE(0)),
        names.map((_, index) => 1000 + index),
      );
    }
    // HTTP/1.1 is found out on one of its own.
    assert.ok(server.connectionCount <= (isHttp1 ? 9 : 1), `${server.connectionCount} connections`);
    const [first] = server.asked;
    assert.deepEqual(
      [first!.method, first!.target, first!.host, first!.version[0], first!.message.readUInt16BE(0)],
      ['POST', '/dns-query', `dns.test:${server.port}`, isHttp1 ? '1' : '2', 0],
    );
  });

  test(`${protocol}: doh_method GET`, async (t) => {
    const { server, asker } = await start(t, { isHttp1, dohMethod: 'GET' });
    assert.equal((await asker.ask('a.test'))?.readUInt16BE(0), 4711);
    assert.match(server.asked[0]!.target, /^\/dns-query\?dns=AAAB[\w-]+$/);
    assert.equal(server.asked[0]!.method, 'GET');
  });

  test(`${protocol}: what was asked on a connection that ended is asked again; once`, async (t) => {
    const { server, asker } = await start(t, { isHttp1 });
    await asker.ask('a.test');
    let cuts = 1;
    server.answer = (asked, response, message) => {
      if (cuts-- > 0) server.cut();
      else reply(asked, response, message);
    };
    assert.notEqual(await asker.ask('b.test'), undefined);
    await asker.ask('c.test');
    cuts = 2;
    assert.equal(await asker.ask('d.test'), undefined);
    cuts = 0;
    assert.notEqual(await asker.ask('e.test'), undefined);
  });

  for (const [what, answer] of [
    ['another status', (_, response) => response.writeHead(503).end()],
    ['another type', (_, response, message) => response.writeHead(200, { 'content-type': 'text/html' }).end(message)],
    [
      'too few octets',
      (_, response, message) =>
        response.writeHead(200, { 'content-type': 'application/dns-message' }).end(message.subarray(0, 11)),
    ],
    [
      'too many octets',
      (_, response) => response.writeHead(200, { 'content-type': 'application/dns-message' }).end(Buffer.alloc(70_000)),
    ],
  ] as const satisfies readonly (readonly [string, Answer])[]) {
    test(`${protocol}: ${what} is no reply, and the next query is answered`, async (t) => {
      const { server, asker } = await start(t, { isHttp1 });
      server.answer = answer;
      assert.equal(await asker.ask('a.test'), undefined);
      server.answer = reply;
      assert.notEqual(await asker.ask('b.test'), undefined);
    });
  }

  test(`${protocol}: what is not answered is given up, others go on`, async (t) => {
    const { server, asker } = await start(t, { isHttp1 });
    server.answer = (asked, response, message) => {
      if (!asked.message.includes('slow')) reply(asked, response, message);
    };
    const slow = asker.ask('slow.test');
    assert.notEqual(await asker.ask('fast.test'), undefined);
    asker.upstream.tick(performance.now() + 5000);
    assert.equal(await slow, undefined);
  });

  test(`${protocol}: a connection with nothing to do is closed after a while`, async (t) => {
    const { server, asker } = await start(t, { isHttp1, expireMs: 1000 });
    await asker.ask('a.test');
    asker.upstream.tick(performance.now() + 2000);
    const endMs = performance.now() + 5000;
    while (asker.upstream.isActive && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(asker.upstream.isActive, false);
    assert.notEqual(await asker.ask('b.test'), undefined);
    assert.ok(server.connectionCount >= 2);
  });
}

test('who has no certificate for the name is not asked, nor is nobody', async (t) => {
  const { server } = await start(t);
  assert.equal(await new Asker(t, server.port, {}, 'other.test').ask('a.test'), undefined);
  assert.equal(await new Asker(t, server.port, { tls: null }).ask('a.test'), undefined);
  assert.equal(server.asked.length, 0);
  assert.equal(await new Asker(t, 1).ask('a.test'), undefined);
});

test('why a connection is not trusted is said once; what the network does, and who is trusted, is not', async (t) => {
  const { server } = await start(t);
  const other = new Asker(t, server.port, {}, 'other.test');
  for (const name of ['a.test', 'b.test']) await other.ask(name);
  assert.equal(other.logged.length, 1);
  const place = `https://127.0.0.1:${server.port}`;
  assert.match(other.logged[0]!, new RegExp(`^plugin/forward: no connection to ${place}: .*other\\.test.*dns\\.test`));
  const unknown = new Asker(t, server.port, { tls: null });
  await unknown.ask('a.test');
  assert.match(unknown.logged.join(), /certificate/);
  const missing = new Asker(t, server.port, {
    tls: { authorityFile: '/none/ca.pem', certificateFile: null, keyFile: null },
  });
  await missing.ask('a.test');
  assert.match(missing.logged.join(), /\/none\/ca\.pem/);
  const nobody = new Asker(t, 1);
  await nobody.ask('a.test');
  const trusted = new Asker(t, server.port);
  assert.notEqual(await trusted.ask('a.test'), undefined);
  assert.deepEqual([...nobody.logged, ...trusted.logged], []);
});
