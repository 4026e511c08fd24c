/** DNS over TLS, served by the real process beside plain DNS, and asked by programs that others wrote. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { EDNS_OPTION, TYPE } from '../../src/dns/iana.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { clientKey, ResponseVerifier, signQuery } from '../wire/tsig-client.ts';
import {
  answersOf,
  freePort,
  missingPrograms,
  runSkyshard,
  type SkyshardProcess,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

const SECRET = 'NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=';
const authority = new CertificateAuthority();
const pair = authority.issue('dns.test', ['dns.test']);
const folder = temporaryFolder({
  'cert.pem': pair.certificate,
  'key.pem': pair.key,
  'ca.pem': authority.certificate,
  'other.pem': authority.issue('other.test').key,
});
const TLS = `tls ${folder}/cert.pem ${folder}/key.pem`;
const CLIENT: ConnectionOptions = { ca: authority.certificate, servername: 'dns.test' };

/** A block that knows one name. */
const block = (key: string, address: string, ...more: readonly string[]): string =>
  [`${key} {`, 'bind 127.0.0.1', `hosts {`, `${address} a.test`, '}', ...more, '}', ''].join('\n');

async function start(
  corefile: string,
  ...args: readonly string[]
): Promise<Pick<SkyshardProcess, 'child' | 'end' | 'waitForOutput'> & { readonly file: string }> {
  const file = path.join(temporaryFolder({ Corefile: corefile }), 'Corefile');
  const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--shards', '1', ...args]);
  await running.waitForOutput(/ listens on /);
  return { ...running, file };
}

async function askOverTls(port: number, name = 'a.test'): Promise<string> {
  const client = await TcpClient.open({ port, tls: CLIENT });
  const response = await client.ask(buildQuery({ name, type: TYPE.A }));
  client.close();
  return decodeStrictly(response!)
    .answer.map(({ rdata }) => rdata)
    .join(' ');
}

for (const transport of TRANSPORTS) {
  describe(`DNS over TLS beside plain DNS, transport ${transport}`, () => {
    test('each listener has its own answers, log lines and metrics', async () => {
      const [plain, secure, metrics] = [await freePort(), await freePort(), await freePort()];
      const text =
        block(`.:${plain}`, '192.0.2.1') +
        block(`tls://.:${secure}`, '192.0.2.2', TLS, 'log', `prometheus 127.0.0.1:${metrics}`);
      const server = await start(text, '--transport', transport);
      await server.waitForOutput(new RegExp(`listens on 127\\.0\\.0\\.1:${secure} \\(DNS over TLS\\)`));
      assert.equal(await askOverTls(secure), '192.0.2.2');
      assert.deepEqual(await answersOf(plain, 'a.test'), ['192.0.2.1']);
      await server.waitForOutput(/\[INFO\] 127\.0\.0\.1:\d+ - 4660 "A IN a\.test\. tcp 24 false 65535" NOERROR/);
      const counted = new RegExp(
        `^coredns_dns_requests_total\\{server="tls://127\\.0\\.0\\.1:${secure}",zone="\\.",view="",proto="tcp",family="1",type="A"\\} 1$`,
        'm',
      );
      let page = '';
      for (let attempt = 0; attempt < 100 && !counted.test(page); attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      }
      assert.match(page, counted);
      assert.doesNotMatch(page, /server="tls:[^}]*proto="udp"/, 'there is no UDP');
      await server.end();
    });

    test('a reload gives a port another scheme, another certificate, and takes it away', async () => {
      const [first, second] = [await freePort(), await freePort()];
      const server = await start(block(`.:${first}`, '192.0.2.1'), '--transport', transport);
      const reload = async (text: string, isDone: () => Promise<boolean>): Promise<void> => {
        writeFileSync(server.file, text);
        server.child.kill('SIGUSR1');
        const endMs = performance.now() + 20_000;
        while (!(await isDone().catch(() => false))) {
          assert.ok(performance.now() < endMs, 'not within 20 s');
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      await reload(
        block(`tls://.:${first}`, '192.0.2.2', TLS) + block(`.:${second}`, '192.0.2.3'),
        async () => (await askOverTls(first)) === '192.0.2.2',
      );
      assert.deepEqual(await answersOf(second, 'a.test'), ['192.0.2.3']);
      const client = await TcpClient.open({ port: first, tls: CLIENT });
      await client.ask(buildQuery({ name: 'a.test', type: TYPE.A }));
      // Who shows no certificate is welcome no more, and who is connected stays.
      await reload(
        block(`tls://.:${first}`, '192.0.2.4', `${TLS} ${folder}/ca.pem {`, 'client_auth require_and_verify', '}'),
        async () => (await askOverTls(first).catch(() => 'refused')) === 'refused',
      );
      const answered = await client.ask(buildQuery({ name: 'a.test', type: TYPE.A }));
      assert.equal(decodeStrictly(answered!).answer[0]!.rdata, '192.0.2.4');
      await reload(block(`.:${first}`, '192.0.2.5'), async () => (await answersOf(first, 'a.test'))[0] === '192.0.2.5');
      await client.ended();
      await server.end();
    });
  });
}

test('what asks over TLS is sent to upstreams, and SIGTERM waits for it', async () => {
  const [secure, dead] = [await freePort(), await freePort()];
  const text = `tls://.:${secure} {\nbind 127.0.0.1\n${TLS}\nforward . 127.0.0.1:${dead} {\nmax_fails 0\n}\n}\n`;
  const server = await start(text);
  const client = await TcpClient.open({ port: secure, tls: CLIENT });
  const asked = client.ask(buildQuery({ name: 'a.test', type: TYPE.A }));
  const response = await asked;
  assert.equal(decodeStrictly(response!).rcode, 2);
  const ended = server.end();
  await client.ended();
  assert.deepEqual(await ended, { code: 0, signal: null });
});

test('what is signed is padded too, and so is what comes late with an extended error', async () => {
  const [port, dead] = [await freePort(), await freePort()];
  const own = 'template IN A own.test {\nanswer "{{ .Name }} 60 IN A 192.0.2.9"\n}\n';
  const server = await start(
    `tls://.:${port} {\nbind 127.0.0.1\n${TLS}\ntsig {\nsecret key.example. ${SECRET}\n}\ntransfer {\nto 192.0.2.77\n}\n` +
      `${own}forward . 127.0.0.1:${dead} {\nmax_fails 0\n}\n}\n`,
  );
  const client = await TcpClient.open({ port, tls: CLIENT });
  const key = clientKey('key.example', 'sha256', SECRET);
  const edns = { options: [{ code: EDNS_OPTION.PADDING, data: new Uint8Array(9) }] };
  for (const [name, type, rcode] of [
    ['a.own.test', TYPE.A, 0],
    ['late.test', TYPE.A, 2],
  ] as const) {
    const query = Buffer.from(buildQuery({ name, type, edns }));
    const { message, mac } = signQuery(query, key);
    const signed = Buffer.from((await client.ask(message))!);
    assert.equal(signed.length, 468, `${name}, signed`);
    assert.equal(new ResponseVerifier(key, mac).verify(signed)?.isRight, true);
    const plain = (await client.ask(query))!;
    assert.equal(plain.length, 468, name);
    const { opt, ...response } = decodeStrictly(plain);
    assert.equal(response.rcode, rcode);
    assert.deepEqual(
      opt!.options.map(({ code }) => code),
      rcode === 0 ? [12] : [15, 12],
    );
  }
  client.close();
  await server.end();
});

test('kdig verifies the certificate, and gets a padded answer', { skip: missingPrograms('kdig') }, async () => {
  const port = await freePort();
  const server = await start(block(`tls://.:${port}`, '192.0.2.9', TLS));
  const verify = [`+tls-ca=${folder}/ca.pem`, '+tls-hostname=dns.test'];
  const output = execFileSync('kdig', ['@127.0.0.1', '-p', String(port), ...verify, '+padding=128', 'a.test'], {
    encoding: 'utf8',
  });
  assert.match(output, /a\.test\.\s+3600\s+IN\s+A\s+192\.0\.2\.9/);
  assert.match(output, /Received 468 B/);
  await server.end();
});

test('dig keeps the connection, as long as it is told to', { skip: missingPrograms('dig') }, async () => {
  const port = await freePort();
  const server = await start(block(`tls://.:${port}`, '192.0.2.9', TLS, 'timeouts {', 'idle 7s', '}'));
  const options = ['+tls', `+tls-ca=${folder}/ca.pem`, '+tls-hostname=dns.test', '+keepalive', '+keepopen'];
  const output = execFileSync('dig', ['@127.0.0.1', '-p', String(port), ...options, 'a.test', 'a.test', 'AAAA'], {
    encoding: 'utf8',
  });
  assert.match(output, /TCP KEEPALIVE: 7\.0 secs/);
  assert.match(output, /192\.0\.2\.9/);
  await server.end();
});

test('a key that is not that of the certificate ends the start, with its place', async () => {
  const port = await freePort();
  const file = path.join(
    temporaryFolder({ Corefile: block(`tls://.:${port}`, '192.0.2.1', `tls ${folder}/cert.pem ${folder}/other.pem`) }),
    'Corefile',
  );
  const result = runSkyshard(['serve', '--conf', file]);
  assert.equal(result.code, 1, result.stderr);
  assert.match(result.stderr, /Corefile:6:1: plugin\/tls: \S+other\.pem is not the key of \S+cert\.pem/);
});
