/** Clients behind a load balancer that speaks the PROXY protocol: they count as who they are, over all that listens. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { TYPE } from '../../src/dns/iana.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { proxyV2 } from '../wire/proxy-header.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { framed } from '../wire/tcp-client.ts';
import { freePort, type SkyshardProcess, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

const authority = new CertificateAuthority();
const pair = authority.issue('dns.test', ['dns.test']);
const folder = temporaryFolder({ 'cert.pem': pair.certificate, 'key.pem': pair.key });
const CLIENT = [192, 0, 2, 77];
const STRANGER = [198, 51, 100, 1];
const QUERY = buildQuery({ name: 'a.test', type: TYPE.A });
const REFUSED = 5;

/** Blocks that answer 192.0.2.0/24 alone and tell in their log who asked. */
const lines = (...more: readonly string[]): string =>
  ['bind 127.0.0.1', ...more, 'acl {', 'allow net 192.0.2.0/24', 'block', '}', 'log', 'whoami', '}', ''].join('\n');

async function start(
  corefile: string,
  transport: string,
): Promise<Pick<SkyshardProcess, 'end' | 'waitForOutput' | 'child'>> {
  const file = path.join(temporaryFolder({ Corefile: corefile }), 'Corefile');
  const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--shards', '2', '--transport', transport]);
  await running.waitForOutput(/ listens on /);
  return running;
}

async function askOverUdp(port: number, ...datagrams: readonly Uint8Array[]): Promise<number> {
  const socket = dgram.createSocket('udp4');
  try {
    for (const datagram of datagrams) socket.send(datagram, port, '127.0.0.1');
    const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(5000) })) as [Buffer];
    return decodeStrictly(message).rcode;
  } finally {
    socket.close();
  }
}

async function firstMessage(socket: Socket): Promise<Buffer> {
  let octets = Buffer.alloc(0);
  for await (const piece of socket) {
    octets = Buffer.concat([octets, piece as Buffer]);
    if (octets.length >= 2 && octets.length >= 2 + octets.readUInt16BE(0)) break;
  }
  return octets.subarray(2);
}

async function askOverTcp(port: number, header: Uint8Array): Promise<number | undefined> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  // In pieces that have nothing to do with what they are.
  const all = Buffer.concat([header, framed(QUERY)]);
  socket.write(all.subarray(0, 7));
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.write(all.subarray(7));
  const message = await firstMessage(socket);
  socket.destroy();
  return message.length === 0 ? undefined : decodeStrictly(message).rcode;
}

async function askOverTls(port: number, header: Uint8Array): Promise<number> {
  const carrier = connect(port, '127.0.0.1');
  carrier.write(header);
  const socket = connectTls({ socket: carrier, ca: authority.certificate, servername: 'dns.test' });
  socket.write(framed(QUERY));
  const message = await firstMessage(socket);
  socket.destroy();
  return decodeStrictly(message).rcode;
}

async function statusOverHttp(port: number, header: Uint8Array): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const target = `/dns-query?dns=${Buffer.from(QUERY).toString('base64url')}`;
  socket.write(Buffer.concat([header, Buffer.from(`GET ${target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)]));
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('latin1');
}

for (const transport of TRANSPORTS) {
  describe(`PROXY protocol, transport ${transport}`, () => {
    test('clients count as who they are, over UDP, TCP, TLS and HTTP', async () => {
      const [plain, secure, http] = [await freePort(), await freePort(), await freePort()];
      const server = await start(
        `.:${plain} {\n${lines('proxyproto')}` +
          `tls://.:${secure} {\n${lines('proxyproto', `tls ${folder}/cert.pem ${folder}/key.pem`)}` +
          `https://.:${http} {\n${lines('proxyproto')}`,
        transport,
      );
      const datagram = (source: readonly number[]): Uint8Array =>
        Buffer.concat([proxyV2({ source, port: 7777, protocol: 2 }), QUERY]);
      assert.equal(await askOverUdp(plain, datagram(CLIENT)), 0);
      assert.equal(await askOverUdp(plain, datagram(STRANGER)), REFUSED);
      assert.equal(await askOverUdp(plain, QUERY), REFUSED);
      await server.waitForOutput(/\[INFO\] 192\.0\.2\.77:7777 - \d+ "A IN a\.test\. udp 24 /);
      const stream = (source: readonly number[], port: number): Buffer => proxyV2({ source, port, more: [4, 0, 1, 0] });
      assert.equal(await askOverTcp(plain, stream(CLIENT, 8888)), 0);
      assert.equal(await askOverTcp(plain, Buffer.from('PROXY TCP4 192.0.2.78 127.0.0.1 999 53\r\n')), 0);
      assert.equal(await askOverTcp(plain, stream(STRANGER, 8888)), REFUSED);
      assert.equal(await askOverTcp(plain, Buffer.alloc(0)), REFUSED);
      assert.equal(await askOverTcp(plain, Buffer.from('PROXY TCP4 nobody\r\n')), undefined);
      await server.waitForOutput(/\[INFO\] 192\.0\.2\.78:999 - \d+ "A IN a\.test\. tcp 24 /);
      assert.equal(await askOverTls(secure, stream(CLIENT, 9999)), 0);
      assert.equal(await askOverTls(secure, proxyV2({ command: 0 })), REFUSED);
      await server.waitForOutput(/\[INFO\] 192\.0\.2\.77:9999 - \d+ "A IN a\.test\. tcp 24 /);
      assert.match(await statusOverHttp(http, stream(CLIENT, 6666)), /^HTTP\/1\.1 200 /);
      await server.waitForOutput(/\[INFO\] 192\.0\.2\.77:6666 - \d+ "A IN a\.test\. tcp 24 /);
      await server.end();
    });

    test('what a proxy tells beside addresses is metadata, over UDP, TCP and TLS', async () => {
      const [plain, secure] = [await freePort(), await freePort()];
      const say = ['metadata', 'proxyproto {', 'tlv_metadata', '}', 'whoami', 'log . "{proto} {/proxyproto/tlv} end"'];
      const block = (...more: readonly string[]): string => ['bind 127.0.0.1', ...say, ...more, '}', ''].join('\n');
      const server = await start(
        `.:${plain} {\n${block()}tls://.:${secure} {\n${block(`tls ${folder}/cert.pem ${folder}/key.pem`)}`,
        transport,
      );
      const header = (protocol: number, value: number): Buffer =>
        proxyV2({ source: CLIENT, port: 7, protocol, more: [0xea, 0, 1, value] });
      assert.equal(await askOverUdp(plain, Buffer.concat([header(2, 1), QUERY])), 0);
      await server.waitForOutput(/udp ea000101 end/);
      assert.equal(await askOverUdp(plain, QUERY), 0);
      await server.waitForOutput(/udp - end/);
      assert.equal(await askOverTcp(plain, header(1, 2)), 0);
      await server.waitForOutput(/tcp ea000102 end/);
      assert.equal(await askOverTls(secure, header(1, 3)), 0);
      await server.waitForOutput(/tcp ea000103 end/);
      await server.end();
    });

    test('only the headers of allowed proxies count; a session has one for many datagrams', async () => {
      const [strange, session] = [await freePort(), await freePort()];
      const server = await start(
        `.:${strange} {\n${lines('proxyproto {', 'allow 203.0.113.0/24', 'default reject', '}')}` +
          `.:${session} {\n${lines('proxyproto {', 'udp_session_tracking 30s', '}')}`,
        transport,
      );
      const header = proxyV2({ source: CLIENT, port: 7777, protocol: 2 });
      assert.equal(await askOverUdp(strange, Buffer.concat([header, QUERY]), QUERY), REFUSED);
      assert.equal(await askOverTcp(strange, proxyV2({ source: CLIENT, port: 1 })), undefined);
      assert.equal(await askOverTcp(strange, Buffer.alloc(0)), REFUSED);
      assert.equal(await askOverUdp(session, header, QUERY), 0);
      await server.end();
    });
  });
}
