/**
 * What has to be asked over streams, through the real process, for clients over UDP and TCP on both transports: replies that
 * come truncated, `force_tcp`, `prefer_udp`, DNS over TLS, `source_address`.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import dnsPacket from 'dns-packet';
import { TYPE } from '../../src/dns/iana.ts';
import { buildQuery } from '../wire/query.ts';
import { type DecodedMessage, decodeStrictly } from '../wire/strict-message.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { addressReply, startStreamUpstream, truncating } from './stream-upstream.ts';
import {
  ask,
  freePort,
  missingPrograms,
  runSkyshard,
  type SkyshardProcess,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

/** Addresses that a datagram of 512 octets has room for, and that none has. */
const MANY = 12;
const HUGE = 2000;

type Running = Pick<SkyshardProcess, 'port' | 'end' | 'waitForOutput'>;

/** @param forward  what stands behind `forward .` */
async function startServer(forward: string, transport: string, more = ''): Promise<Running> {
  const port = await freePort();
  const text = `.:${port} {\n bind 127.0.0.1\n errors\n${more}\n forward . ${forward}\n}\n`;
  const file = path.join(temporaryFolder({ Corefile: text }), 'Corefile');
  const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--transport', transport, '--shards', '1']);
  await running.waitForOutput(/ listens on /);
  return { port, end: running.end, waitForOutput: running.waitForOutput };
}

function countOf(response: dnsPacket.DecodedPacket): [isTruncated: boolean, answers: number] {
  return [response.flag_tc, response.answers?.length ?? 0];
}

async function askOverTcp(port: number, name: string): Promise<DecodedMessage> {
  const client = await TcpClient.open({ port });
  const response = await client.ask(buildQuery({ name, type: TYPE.A, id: 7 }));
  client.close();
  return decodeStrictly(response!);
}

for (const transport of TRANSPORTS) {
  describe(`upstreams over streams, transport ${transport}`, () => {
    test('what comes truncated is asked for again over TCP, and the client has it whole', async () => {
      const upstream = await startStreamUpstream({ answer: truncating(1, MANY) });
      const server = await startServer(`127.0.0.1:${upstream.port}`, transport);
      assert.deepEqual(countOf(await ask(server.port, 'Large.Test')), [false, MANY]);
      assert.deepEqual(
        upstream.asked.map(({ over }) => over),
        ['udp', 'tcp'],
      );
      const names = Array.from({ length: 30 }, (_, index) => `n${index}.test`);
      const responses = await Promise.all(names.map((name) => ask(server.port, name)));
      assert.ok(responses.every((response) => response.answers!.length === MANY));
      assert.ok(
        upstream.connections.length <= 8,
        `${upstream.connections.length} connections for ${names.length} names`,
      );
      await server.end();
    });

    test('what is too large for the client is cut for it', async () => {
      const upstream = await startStreamUpstream({ answer: truncating(0, HUGE) });
      const server = await startServer(`127.0.0.1:${upstream.port}`, transport);
      const [isTruncated, count] = countOf(await ask(server.port, 'huge.test'));
      assert.ok(isTruncated && count > MANY, `${count} answers`);
      assert.equal((await askOverTcp(server.port, 'huge.test')).answer.length, HUGE);
      await server.end();
    });

    test('without TCP there, the client has what came truncated', async () => {
      const upstream = await startStreamUpstream({ answer: truncating(3, MANY), isTcp: false });
      const server = await startServer(`127.0.0.1:${upstream.port}`, transport);
      assert.deepEqual(countOf(await ask(server.port, 'small.test')), [true, 3]);
      await server.end();
    });

    test('force_tcp: nothing goes over UDP, connections are used again', async () => {
      const upstream = await startStreamUpstream();
      const server = await startServer(`127.0.0.1:${upstream.port} {\n force_tcp\n }`, transport);
      for (const name of ['a.test', 'b.test', 'c.test']) {
        assert.deepEqual(countOf(await ask(server.port, name)), [false, MANY]);
      }
      assert.ok(upstream.asked.length >= 3 && upstream.asked.every(({ over }) => over === 'tcp'));
      assert.equal(upstream.connections.length, 1);
      await server.end();
    });

    test('force_tcp: SERVFAIL where nobody listens, and a line that says so', async () => {
      const port = await freePort();
      const server = await startServer(`127.0.0.1:${port} {\n force_tcp\n }`, transport);
      const refused = (await ask(server.port, 'gone.test')) as dnsPacket.DecodedPacket & { rcode: string };
      assert.equal(refused.rcode, 'SERVFAIL');
      await server.waitForOutput(/gone\.test\. A: /);
      await server.end();
    });

    test('source_address: upstreams are asked from there', async () => {
      const upstream = await startStreamUpstream();
      const server = await startServer(`127.0.0.1:${upstream.port} {\n source_address 127.0.0.77\n }`, transport);
      assert.deepEqual(countOf(await ask(server.port, 'from.test')), [false, MANY]);
      assert.deepEqual(
        upstream.asked.map(({ over, from }) => [over, from]),
        [
          ['udp', '127.0.0.77'],
          ['tcp', '127.0.0.77'],
        ],
      );
      await server.end();
    });

    test('tls: queries go over TLS, to whom the certificate is for', { skip: missingPrograms('openssl') }, async () => {
      const { folder, cert, key } = makeCertificate('dns.test');
      const upstream = await startStreamUpstream({ tls: { cert, key } });
      const at = `tls://127.0.0.1:${upstream.port}`;
      const trusting = `tls ${folder}/ca.pem`;
      const server = await startServer(`${at} {\n ${trusting}\n tls_servername dns.test\n }`, transport);
      for (const name of ['a.test', 'b.test']) assert.deepEqual(countOf(await ask(server.port, name)), [false, MANY]);
      assert.equal((await askOverTcp(server.port, 'c.test')).answer.length, MANY);
      assert.ok(upstream.asked.every(({ over }) => over === 'tls'));
      await server.end();
      upstream.asked.length = 0;
      for (const options of [`${trusting}\n tls_servername other.test`, 'tls_servername dns.test']) {
        const wary = await startServer(`${at} {\n ${options}\n }`, transport);
        const { rcode } = (await ask(wary.port, 'd.test')) as dnsPacket.DecodedPacket & { rcode: string };
        assert.equal(rcode, 'SERVFAIL');
        await wary.end();
      }
      assert.deepEqual(upstream.asked, []);
    });
  });
}

test('prefer_udp: clients over TCP are asked for over UDP, over TCP where that is truncated', async () => {
  const answer = truncating(1, MANY);
  const upstream = await startStreamUpstream({
    answer: (query, over, send) =>
      query.questions![0]!.name === 'small.test' ? addressReply(query, 2) : answer(query, over, send),
  });
  const server = await startServer(`127.0.0.1:${upstream.port} {\n prefer_udp\n }`, TRANSPORTS[0]);
  assert.equal((await askOverTcp(server.port, 'small.test')).answer.length, 2);
  assert.equal((await askOverTcp(server.port, 'large.test')).answer.length, MANY);
  assert.deepEqual(
    upstream.asked.map(({ name, over }) => `${name} ${over}`),
    ['small.test udp', 'large.test udp', 'large.test tcp'],
  );
  await server.end();
});

for (const transport of TRANSPORTS) {
  test(`what is asked upstream when the server is told to end is answered, transport ${transport}`, async () => {
    const held: (() => void)[] = [];
    const upstream = await startStreamUpstream({
      answer: (query, over, send) => {
        // The first asks over TCP, by way of the resolver.
        if (over === 'udp' && query.questions![0]!.name === 'tcp.test') {
          return addressReply(query, 1, dnsPacket.TRUNCATED_RESPONSE);
        }
        held.push(() => send(addressReply(query, 2)));
        return undefined;
      },
    });
    const server = await startServer(`127.0.0.1:${upstream.port} {\n max_fails 0\n }`, transport);
    const asked = ['tcp.test', 'udp.test'].map((name) => ask(server.port, name));
    while (held.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const ended = server.end();
    setTimeout(() => held.forEach((send) => send()), 300);
    for (const response of await Promise.all(asked)) assert.equal(response.answers?.length, 2);
    assert.equal((await ended).code, 0);
  });
}

test('an upstream named by host name is looked up at start, and again when the TTL is over', async () => {
  const first = await startStreamUpstream({ answer: (query) => addressReply(query, 1), isTcp: false });
  const second = await startStreamUpstream({
    answer: (query) => addressReply(query, 2),
    isTcp: false,
    address: '127.0.0.2',
    port: first.port,
  });
  let address: string | undefined = '127.0.0.1';
  const names = await startStreamUpstream({
    answer: (query) => {
      const [{ name, type }] = query.questions! as [dnsPacket.Question];
      const answers =
        type === 'A' && address !== undefined ? [{ type: 'A' as const, name, ttl: 1, data: address }] : [];
      return dnsPacket.encode({ type: 'response', id: query.id!, questions: query.questions!, answers });
    },
    isTcp: false,
  });
  const forward = `up.test:${first.port} {\n resolver 127.0.0.1:${names.port}\n }`;
  const server = await startServer(forward, TRANSPORTS[0]);
  assert.equal((await ask(server.port, 'a.test')).answers!.length, 1);
  address = '127.0.0.2';
  const deadlineMs = performance.now() + 20_000;
  while ((await ask(server.port, 'b.test')).answers!.length !== 2) assert.ok(performance.now() < deadlineMs);
  assert.ok(second.asked.length > 0);
  // What can't be looked up any more stays as it was.
  address = undefined;
  await server.waitForOutput(/failed to resolve \\"up\.test/);
  assert.equal((await ask(server.port, 'c.test')).answers!.length, 2);
  await server.end();
  const file = path.join(
    temporaryFolder({ Corefile: `.:${server.port} {\n bind 127.0.0.1\n forward . ${forward}\n}\n` }),
    'Corefile',
  );
  const refused = runSkyshard(['serve', '--conf', file]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /failed to resolve .*up\.test.*no addresses found/);
});

/** A certificate authority's own certificate for a name, made for this run. */
function makeCertificate(name: string): { readonly folder: string; readonly cert: Buffer; readonly key: Buffer } {
  const folder = temporaryFolder();
  const [cert, key] = [path.join(folder, 'ca.pem'), path.join(folder, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { folder, cert: readFileSync(cert), key: readFileSync(key) };
}
