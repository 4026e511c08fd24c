/** Upstreams over HTTPS, through the real process on both transports: one of our own, and Unbound. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { CertificateAuthority } from '../support/certificates.ts';
import {
  answersOf,
  freePort,
  missingPrograms,
  type SkyshardProcess,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

const authority = new CertificateAuthority();
const pair = authority.issue('dns.test', ['dns.test']);
const folder = temporaryFolder({ 'cert.pem': pair.certificate, 'key.pem': pair.key, 'ca.pem': authority.certificate });

async function serve(corefile: string, transport: string): Promise<Pick<SkyshardProcess, 'end' | 'waitForOutput'>> {
  const file = path.join(temporaryFolder({ Corefile: corefile }), 'Corefile');
  const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--shards', '1', '--transport', transport]);
  await running.waitForOutput(/ listens on /);
  return running;
}

const forwarding = (port: number, to: number, ...more: readonly string[]): string =>
  [`.:${port} {`, 'bind 127.0.0.1', 'errors', `forward . https://127.0.0.1:${to} {`, ...more, '}', '}', ''].join('\n');
const TRUSTED = [`tls ${folder}/ca.pem`, 'tls_servername dns.test'];

/** Unbound with one name of its own, over HTTPS alone. */
async function startUnbound(): Promise<number> {
  const port = await freePort();
  const conf = temporaryFolder({
    'unbound.conf': [
      'server:',
      ' do-daemonize: no',
      ' username: ""',
      ' chroot: ""',
      ' pidfile: ""',
      ` directory: "${folder}"`,
      ' use-syslog: no',
      ` interface: 127.0.0.1@${port}`,
      ` https-port: ${port}`,
      ` tls-service-key: "${folder}/key.pem"`,
      ` tls-service-pem: "${folder}/cert.pem"`,
      ' module-config: "iterator"',
      ' local-zone: "test." static',
      ' local-data: "a.test. 60 IN A 192.0.2.53"',
      '',
    ].join('\n'),
  });
  const child = spawn('unbound', ['-d', '-c', path.join(conf, 'unbound.conf')], { stdio: 'ignore' });
  after(() => child.kill());
  const endMs = performance.now() + 10_000;
  for (;;) {
    const isThere = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy() !== undefined));
      socket.on('error', () => resolve(false));
    });
    if (isThere === true) return port;
    assert.ok(performance.now() < endMs, 'unbound does not listen');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

for (const transport of TRANSPORTS) {
  describe(`upstreams over HTTPS, transport ${transport}`, () => {
    test('answers come with POST and GET; a certificate for another name is none', async () => {
      const [up, port] = [await freePort(), await freePort()];
      const hosts = ['hosts {', '192.0.2.7 a.test', '}'];
      const tls = `tls ${folder}/cert.pem ${folder}/key.pem`;
      const upstream = await serve(
        [`https://.:${up} {`, 'bind 127.0.0.1', tls, ...hosts, '}', ''].join('\n'),
        transport,
      );
      const [getting, wary] = [await freePort(), await freePort()];
      const server = await serve(
        forwarding(port, up, ...TRUSTED) +
          forwarding(getting, up, ...TRUSTED, 'doh_method GET') +
          forwarding(wary, up, TRUSTED[0]!, 'tls_servername other.test', 'max_fails 0'),
        transport,
      );
      assert.deepEqual(await answersOf(port, 'a.test'), ['192.0.2.7']);
      assert.deepEqual(await answersOf(getting, 'a.test'), ['192.0.2.7']);
      assert.deepEqual(await answersOf(wary, 'a.test'), ['SERVFAIL']);
      await Promise.all([server.end(), upstream.end()]);
    });

    test('Unbound is asked over HTTP/2', { skip: missingPrograms('unbound') }, async () => {
      const up = await startUnbound();
      const port = await freePort();
      const server = await serve(forwarding(port, up, ...TRUSTED), transport);
      assert.deepEqual(await answersOf(port, 'a.test'), ['192.0.2.53']);
      assert.deepEqual(await answersOf(port, 'b.test'), ['NXDOMAIN']);
      await server.end();
    });
  });
}
