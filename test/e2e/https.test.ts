/** DNS over HTTPS, served by the real process, and asked by programs that others wrote. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { TYPE } from '../../src/dns/iana.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Http2Client } from '../wire/http2-client.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import {
  freePort,
  missingPrograms,
  type SkyshardProcess,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

const authority = new CertificateAuthority();
const pair = authority.issue('dns.test', ['dns.test']);
const folder = temporaryFolder({
  'cert.pem': pair.certificate,
  'key.pem': pair.key,
  'ca.pem': authority.certificate,
});
const TLS = `tls ${folder}/cert.pem ${folder}/key.pem`;
const ANSWER = /a\.test\.\s+3600\s+IN\s+A\s+192\.0\.2\.7/;
const NAME = 'a.test';
const query = Buffer.from(buildQuery({ name: NAME, type: TYPE.A, id: 0 }));
const TARGET = `/dns-query?dns=${query.toString('base64url')}`;

async function start(
  port: number,
  lines: readonly string[],
  ...args: readonly string[]
): Promise<Pick<SkyshardProcess, 'end' | 'waitForOutput'>> {
  const hosts = ['hosts {', '192.0.2.7 a.test', '}'];
  const corefile = [`https://.:${port} {`, 'bind 127.0.0.1', ...hosts, ...lines, '}', ''].join('\n');
  const file = path.join(temporaryFolder({ Corefile: corefile }), 'Corefile');
  const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--shards', '1', ...args]);
  await running.waitForOutput(/ listens on \S+ \(DNS over HTTPS\)/);
  return running;
}

for (const transport of TRANSPORTS) {
  describe(`DNS over HTTPS, transport ${transport}`, () => {
    test('answers have log lines and metrics with their listener, SIGTERM closes what is idle', async () => {
      const [port, metrics] = [await freePort(), await freePort()];
      const server = await start(port, [TLS, 'log', `prometheus 127.0.0.1:${metrics}`], '--transport', transport);
      const client = await Http2Client.open(port, { ca: authority.certificate, servername: 'dns.test' });
      const answer = await client.get(TARGET);
      assert.deepEqual(
        decodeStrictly(answer!.body).answer.map(({ rdata }) => rdata),
        ['192.0.2.7'],
      );
      assert.equal((await client.get('/'))?.status, 404);
      await server.waitForOutput(/\[INFO\] 127\.0\.0\.1:\d+ - 0 "A IN a\.test\. tcp 24 false 65535" NOERROR/);
      const label = `server="https://127\\.0\\.0\\.1:${port}"`;
      const patterns = [
        new RegExp(
          `^coredns_dns_requests_total\\{${label},zone="\\.",view="",proto="tcp",family="1",type="A"\\} 1$`,
          'm',
        ),
        new RegExp(`^coredns_dns_https_responses_total\\{${label},status="200"\\} 1$`, 'm'),
        new RegExp(`^coredns_dns_https_responses_total\\{${label},status="404"\\} 1$`, 'm'),
      ];
      let page = '';
      for (let attempt = 0; attempt < 100 && !patterns.every((pattern) => pattern.test(page)); attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      }
      for (const pattern of patterns) assert.match(page, pattern);
      assert.deepEqual(await server.end(), { code: 0, signal: null });
      assert.equal(client.isClosed, true);
    });
  });
}

test('without tls it is plain HTTP, behind a proxy that has the certificate', async () => {
  const port = await freePort();
  const server = await start(port, []);
  const response = await fetch(`http://127.0.0.1:${port}${TARGET}`);
  assert.deepEqual(
    [response.status, response.headers.get('content-type'), response.headers.get('cache-control')],
    [200, 'application/dns-message', 'max-age=3600'],
  );
  await server.end();
});

test('kdig asks with POST and GET, and verifies the certificate', { skip: missingPrograms('kdig') }, async () => {
  const port = await freePort();
  const server = await start(port, [TLS]);
  for (const option of ['+https', '+https-get']) {
    const verify = [`+tls-ca=${folder}/ca.pem`, '+tls-hostname=dns.test'];
    const output = execFileSync('kdig', ['@127.0.0.1', '-p', String(port), option, ...verify, '+padding=64', NAME], {
      encoding: 'utf8',
    });
    assert.match(output, ANSWER);
    assert.match(output, /Received 468 B/);
  }
  await server.end();
});

test('dig asks with POST and GET, over TLS and without', { skip: missingPrograms('dig') }, async () => {
  const [port, plain] = [await freePort(), await freePort()];
  const [server, behindProxy] = [await start(port, [TLS]), await start(plain, [])];
  const verify = [`+tls-ca=${folder}/ca.pem`, '+tls-hostname=dns.test'];
  for (const [at, options] of [
    [port, ['+https', ...verify]],
    [port, ['+https-get', ...verify]],
    [plain, ['+http-plain']],
    [plain, ['+http-plain-get']],
  ] as const) {
    const output = execFileSync('dig', ['@127.0.0.1', '-p', String(at), ...options, NAME], { encoding: 'utf8' });
    assert.match(output, ANSWER);
  }
  await Promise.all([server.end(), behindProxy.end()]);
});

test('curl has HTTP/1.1 and HTTP/2, and a status for what is wrong', { skip: missingPrograms('curl') }, async () => {
  const port = await freePort();
  const server = await start(port, [TLS]);
  const curl = (target: string, ...options: readonly string[]): string => {
    const common = ['-s', '--cacert', `${folder}/ca.pem`, '--resolve', `dns.test:${port}:127.0.0.1`, '-o', '/dev/null'];
    const write = ['-w', '%{http_version} %{http_code}'];
    return execFileSync('curl', [...common, ...write, ...options, `https://dns.test:${port}${target}`], {
      encoding: 'utf8',
    });
  };
  const file = path.join(temporaryFolder(), 'query');
  writeFileSync(file, query);
  const post = ['--data-binary', `@${file}`];
  const type = 'content-type: application/dns-message';
  assert.equal(curl(TARGET), '2 200');
  assert.equal(curl(TARGET, '--http1.1'), '1.1 200');
  assert.equal(curl('/dns-query', ...post, '-H', type), '2 200');
  assert.equal(curl('/dns-query', ...post, '-H', type, '--http1.1'), '1.1 200');
  assert.equal(curl('/dns-query', ...post), '2 415');
  assert.equal(curl('/dns-query', ...post, '-H', type, '-X', 'PUT'), '2 405');
  assert.equal(curl(`${TARGET}=`), '2 400');
  assert.equal(curl('/resolve'), '2 404');
  writeFileSync(file, Buffer.alloc(70_000));
  assert.equal(curl('/dns-query', ...post, '-H', type, '-H', 'expect:'), '2 413');
  await server.end();
});
