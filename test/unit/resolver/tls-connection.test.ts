/** DNS over TLS as clients see it, sound and hostile ones: the same as over TCP, encrypted and padded. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { EDNS_OPTION, TYPE } from '../../../src/dns/iana.ts';
import type { ClientAuth, TlsEnd } from '../../../src/resolver/resolver-options.ts';
import { TlsTerminator } from '../../../src/resolver/tls-terminator.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { buildQuery } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { framed } from '../../wire/tcp-client.ts';
import { answerCountOf, ask, eventually, HUGE_COUNT, idOf, startTcp } from './tcp-fixture.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-tls-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => path.join(folder, name);
const authority = new CertificateAuthority();
const server = authority.issue('dns.test', ['dns.test']);
writeFileSync(file('authority.pem'), authority.certificate);
writeFileSync(file('cert.pem'), server.certificate);
writeFileSync(file('key.pem'), server.key);

const END: TlsEnd = {
  certificateFile: file('cert.pem'),
  keyFile: file('key.pem'),
  authorityFile: null,
  clientAuth: 'nocert',
  keyLogFile: null,
};
const TLS = { scheme: 'tls', tls: END } as const;
const CLIENT: ConnectionOptions = { ca: authority.certificate, servername: 'dns.test', ALPNProtocols: ['dot'] };

const padded = (name: string, id = 1): Uint8Array =>
  buildQuery({ name, type: TYPE.A, id, edns: { options: [{ code: EDNS_OPTION.PADDING, data: new Uint8Array(50) }] } });

test('queries in one go are answered, each as soon as it can be, also large ones', async (t) => {
  const tcp = await startTcp(t, {}, {}, TLS);
  const client = await tcp.connect({ tls: CLIENT });
  assert.equal((client.socket as TLSSocket).alpnProtocol, 'dot');
  client.send(ask('later.test', 1), ask('one.test', 2), ask('huge.test', 3));
  await client.receive(2);
  assert.deepEqual(client.messages.map(idOf), [2, 3]);
  assert.equal(answerCountOf(client.messages[1]!), HUGE_COUNT);
  tcp.respond(0);
  await client.receive(3);
  assert.equal(idOf(client.messages[2]!), 1);
  assert.deepEqual(tcp.panics, []);
});

test('a client that pads gets padded responses, those that come later too; others do not', async (t) => {
  const tcp = await startTcp(t, {}, {}, TLS);
  const client = await tcp.connect({ tls: CLIENT });
  client.send(padded('one.test', 1), ask('one.test', 2), padded('later.test', 3));
  await client.receive(2);
  assert.equal(client.messages[0]!.length, 468);
  assert.ok(client.messages[1]!.length < 100);
  const { opt, answer } = decodeStrictly(client.messages[0]!);
  assert.deepEqual([answer.length, opt!.options.map(({ code }) => code)], [1, [EDNS_OPTION.PADDING]]);
  await eventually(() => tcp.later.length === 1, 'the query waits');
  // As the forwarder has it: with the empty option of the answerer.
  const { token, response } = tcp.later[0]!;
  response[11] = 1;
  tcp.service.respond(token, Buffer.concat([response, Buffer.of(0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 12, 0, 0)]));
  await client.receive(3);
  assert.equal(client.messages[2]!.length, 468);
});

test('nothing is padded that is not encrypted', async (t) => {
  const tcp = await startTcp(t);
  const client = await tcp.connect();
  const response = await client.ask(padded('one.test'));
  assert.deepEqual(decodeStrictly(response!).opt!.options, []);
});

test('who does not finish the handshake in time is closed, whatever it says', async (t) => {
  const tcp = await startTcp(t, {}, { readMs: 400, idleMs: 60_000 }, TLS);
  const says = [
    Buffer.alloc(0),
    Buffer.of(22, 3, 1, 2, 0, 1, 0),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    framed(ask('one.test')),
  ];
  const asking = await tcp.connect({ tls: CLIENT });
  await asking.ask(ask('one.test'));
  const silent = await Promise.all(says.map(() => tcp.connect()));
  for (const [index, octets] of says.entries()) silent[index]!.socket.write(octets);
  await Promise.all(silent.map((client) => client.ended()));
  assert.notEqual(await asking.ask(ask('one.test')), undefined);
  await eventually(() => tcp.counted('connections') === 1, 'they are counted no more');
  assert.equal(tcp.counted('evicted'), 0);
});

test('an octet of the handshake now and then does not keep a connection open', async (t) => {
  const tcp = await startTcp(t, {}, { readMs: 500, idleMs: 60_000 }, TLS);
  const client = await tcp.connect();
  client.socket.write(Buffer.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3));
  const drip = setInterval(() => client.socket.write(Buffer.of(0)), 50);
  await client.ended();
  clearInterval(drip);
});

test('a client that never reads is closed after the write time, with little kept for it', async (t) => {
  const tcp = await startTcp(t, {}, { writeMs: 500, idleMs: 60_000, readMs: 60_000 }, TLS);
  const client = await tcp.connect({ tls: CLIENT });
  client.socket.pause();
  client.socket.write(framed(...Array.from({ length: 2000 }, (_, id) => ask('huge.test', id))));
  let heldSize = 0;
  await eventually(() => {
    heldSize = Math.max(heldSize, tcp.service.heldSize);
    return tcp.service.connectionCount === 0;
  }, 'closed');
  assert.ok(heldSize > 0 && heldSize < 512 * 1024, `${heldSize} octets for a client that does not read`);
  assert.equal(tcp.service.heldSize, 0);
});

test('TLS connections take as many places as they cost', async (t) => {
  const tcp = await startTcp(t, { connectionsMax: 20 }, {}, TLS);
  const clients = [];
  for (let i = 0; i < 3; i++) {
    const client = await tcp.connect({ tls: CLIENT });
    await client.ask(ask('one.test'));
    clients.push(client);
  }
  await clients[0]!.ended();
  assert.equal(tcp.counted('evicted'), 1);
  assert.notEqual(await clients[1]!.ask(ask('one.test')), undefined);
});

test('who closes its side is answered before', async (t) => {
  const tcp = await startTcp(t, {}, {}, TLS);
  const client = await tcp.connect({ tls: CLIENT });
  client.send(ask('later.test', 1), ask('one.test', 2));
  client.socket.end();
  await client.receive(1);
  await eventually(() => tcp.later.length === 1, 'the query waits');
  tcp.respond(0);
  await client.receive(2);
  await client.ended();
  assert.equal(client.error, undefined);
});

test('the end of the server: what was asked is answered, handshakes are not waited for', async (t) => {
  const tcp = await startTcp(t, {}, {}, TLS);
  const shaking = await tcp.connect();
  const client = await tcp.connect({ tls: CLIENT });
  client.send(ask('later.test', 1));
  await eventually(() => tcp.later.length === 1, 'the query waits');
  const drained = tcp.service.drain(5000);
  await shaking.ended();
  tcp.respond(0);
  await client.receive(1);
  assert.equal(await drained, 0);
});

const stranger = new CertificateAuthority('another authority');
const issued = (by: CertificateAuthority): ConnectionOptions => {
  const { certificate: cert, key } = by.issue('client');
  return { cert, key };
};

for (const [clientAuth, none, own, strange] of [
  ['nocert', true, true, true],
  ['request', true, true, true],
  ['require', false, true, true],
  ['verify_if_given', true, true, false],
  ['require_and_verify', false, true, false],
] as const satisfies readonly (readonly [ClientAuth, boolean, boolean, boolean])[]) {
  test(`client_auth ${clientAuth}: no certificate ${none}, one of the CA ${own}, another ${strange}`, async (t) => {
    const tls = { ...END, clientAuth, authorityFile: file('authority.pem') };
    const tcp = await startTcp(t, {}, {}, { scheme: 'tls', tls });
    for (const [certificate, isWelcome] of [
      [{}, none],
      [issued(authority), own],
      [issued(stranger), strange],
    ] as const) {
      // Within TLS 1.3 the client learns only afterwards that its certificate was not good enough.
      const answer = await tcp
        .connect({ tls: { ...CLIENT, ...certificate } })
        .then((client) => client.ask(ask('one.test')))
        .catch(() => undefined);
      assert.equal(answer !== undefined, isWelcome);
    }
  });
}

test('certificates that are replaced count from then on; a pair that does not fit does not', async (t) => {
  const certificateFile = file('rotated.pem');
  const keyFile = file('rotated.key');
  const write = (name: string, keyOf = name): void => {
    writeFileSync(certificateFile, pairs.get(name)!.certificate);
    writeFileSync(keyFile, pairs.get(keyOf)!.key);
  };
  const pairs = new Map(['old.test', 'new.test'].map((name) => [name, authority.issue(name, [name])]));
  write('old.test');
  const lines: string[] = [];
  const terminator = await TlsTerminator.open({
    end: { ...END, certificateFile, keyFile },
    protocols: ['dot'],
    log: (line) => lines.push(line),
  });
  const listener = createServer((socket) => terminator.terminate(socket, () => undefined));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const { port } = listener.address() as { port: number };
  const nameSeen = async (): Promise<string> => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    const { subjectAltName } = socket.getPeerX509Certificate()!;
    socket.destroy();
    return subjectAltName ?? '';
  };
  let nowMs = performance.now();
  const look = (lineCount: number): Promise<void> =>
    eventually(() => {
      // The second comes while the first still looks.
      for (let turn = 0; turn < 2; turn++) terminator.tick((nowMs += 10_000));
      return lines.length === lineCount;
    }, `${lineCount} lines`);
  assert.equal(await nameSeen(), 'DNS:old.test');
  write('new.test', 'old.test');
  await look(1);
  assert.match(lines[0]!, /cannot be used.*stays/);
  assert.equal(await nameSeen(), 'DNS:old.test');
  write('new.test');
  await look(2);
  assert.match(lines[1]!, /has changed/);
  assert.equal(await nameSeen(), 'DNS:new.test');
});

test('a listener whose files are no pair does not listen', async (t) => {
  writeFileSync(file('other.key'), authority.issue('other').key);
  const tcp = await startTcp(t);
  const options = { ...tcp.listenerAt(tcp.port + 1), ...TLS, tls: { ...END, keyFile: file('other.key') } };
  await assert.rejects(tcp.service.listen([tcp.listenerAt(tcp.port), options]), /key.*cannot be used/);
  await new Promise<void>((resolve) => {
    connect(tcp.port + 1, '127.0.0.1').once('error', () => resolve());
  });
});
