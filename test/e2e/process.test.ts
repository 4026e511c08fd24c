/** The process: exit codes, signals, taken ports, metrics, what it prints. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { describe, test } from 'node:test';
import {
  answersOf,
  freePort,
  runSkyshard,
  serviceManifest,
  spawnNode,
  startSkyshard,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

describe('the command line', () => {
  test('--version and --help print to stdout and end with 0', () => {
    assert.match(runSkyshard(['--version']).stdout, /^skyshard \d+\.\d+\.\d+\n$/);
    for (const args of [['-plugins'], ['-conf', 'none', '-plugins'], ['serve', '--conf=none', '--plugins']]) {
      assert.match(runSkyshard(args).stdout, /^root\nmetadata\n(.+\n)+whoami\n/);
    }
    assert.match(runSkyshard(['-conf', 'none', '-version']).stdout, /^skyshard \d/);
    for (const args of [['--help'], ['-h'], ['help'], ['serve', '--help']]) {
      const help = runSkyshard(args);
      assert.equal(help.code, 0);
      assert.match(help.stdout, /--cookie-secret-file FILE/);
    }
  });

  test('a command line that is wrong ends with 1 and says what is accepted', () => {
    for (const [args, message] of [
      [['serve', '--prot', '53'], /unknown flag "--prot"; skyshard serve accepts .*--dns\.port N/],
      [['serve', '--manifests', 'deploy/demo', '--dns.port', '0'], /expected a port, 1 to 65535/],
      [['serve', '--manifests', 'deploy/demo', '--bind', 'localhost'], /expected an IPv4 or IPv6 address/],
      [['serve'], /nothing to serve/],
      [[], /nothing to serve/],
      [['explode'], /unknown subcommand "explode"; there are .*serve/],
      [['snapshot', '--dns.port', '53'], /unknown flag/],
    ] as const) {
      const result = runSkyshard(args);
      assert.equal(result.code, 1, args.join(' '));
      assert.match(result.stderr, /^skyshard: CLI_USAGE: /);
      assert.match(result.stderr, message);
      assert.equal(result.stdout, '');
    }
  });

  test('manifests that cannot be read or are broken end the start with 1 and their place', () => {
    const folder = temporaryFolder({ 'broken.yaml': 'kind: Service\nmetadata: [\n' });
    for (const command of ['serve', 'snapshot']) {
      const missing = runSkyshard([command, '--manifests', path.join(folder, 'none')]);
      assert.equal(missing.code, 1, missing.stderr);
      assert.match(missing.stderr, /MANIFEST_READ/);
      const broken = runSkyshard([command, '--manifests', folder]);
      assert.equal(broken.code, 1, broken.stderr);
      assert.match(broken.stderr, /MANIFEST_SYNTAX: .*broken\.yaml:\d+/);
    }
  });

  test('snapshot prints what is served', () => {
    const folder = temporaryFolder({ 'web.yaml': serviceManifest('web', '10.96.1.1') });
    const { code, stdout, stderr } = runSkyshard(['snapshot', '--manifests', folder]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /web\.default\.svc/);
    assert.match(stdout, /10\.96\.1\.1/);
    assert.match(stdout, /_http\._tcp\.web\.default\.svc/);
  });
});

for (const transport of TRANSPORTS) {
  describe(`signals and ports over ${transport}`, () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      test(`${signal} stops it in order: exit 0`, async () => {
        const server = await startSkyshard({ args: ['--transport', transport] });
        await answersOf(server.port, 'kube-dns.kube-system.svc.cluster.local');
        assert.deepEqual(await server.end(signal), { code: 0, signal: null });
      });
    }

    test('a port that is taken ends the start with 2', async () => {
      const socket = dgram.createSocket('udp4');
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const args = ['serve', '--manifests', 'deploy/demo', '--bind', '127.0.0.1', '--transport', transport];
      const result = runSkyshard([...args, '--dns.port', String(socket.address().port)]);
      socket.close();
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stderr, /BIND_FAILED: .*127\.0\.0\.1:\d+/);
    });

    test('a second server on the same port is refused, although sockets of shards share one', async () => {
      const server = await startSkyshard({ args: ['--transport', transport] });
      const args = ['serve', '--manifests', 'deploy/demo', '--bind', '127.0.0.1', '--transport', transport];
      const second = runSkyshard([...args, '--dns.port', String(server.port)]);
      assert.equal(second.code, 2, second.stderr);
      assert.match(second.stderr, /BIND_FAILED/);
      assert.deepEqual(await answersOf(server.port, 'kube-dns.kube-system.svc.cluster.local'), ['10.96.0.10']);
    });
  });
}

describe('metrics', () => {
  test('count what was asked, and take another port where theirs is taken', async () => {
    const blocker = http.createServer();
    const isBlocked = await new Promise<boolean>((resolve) => {
      blocker.once('error', () => resolve(false)).listen(9153, '127.0.0.1', () => resolve(true));
    });
    const server = await startSkyshard();
    assert.notEqual(new URL(server.metricsUrl).port, '9153', 'the port was taken');
    assert.match(
      server.output(),
      /^port 9153 is taken by another server: metrics is on http:\/\/127\.0\.0\.1:\d+\/metrics$/m,
    );
    for (let count = 0; count < 5; count += 1) await answersOf(server.port, 'kube-dns.kube-system.svc.cluster.local');
    const requests = async (): Promise<number> => {
      const text = await (await fetch(server.metricsUrl)).text();
      const lines = text.split('\n').filter((line) => /^coredns_dns_requests_total\{.*type="A"/.test(line));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };
    for (let attempt = 0; attempt < 100 && (await requests()) < 5; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(await requests(), 5);
    if (isBlocked) blocker.close();
  });
});

describe('npm start', () => {
  test('installs nothing that is there, says where it listens and what to try; its end is the server’s', async () => {
    const port = await freePort();
    const launcher = spawnNode(['scripts/run.mjs', 'start', '--dns.port', String(port)]);
    await launcher.waitForOutput(new RegExp(`listens on 127\\.0\\.0\\.1:${port}`));
    await launcher.waitForOutput(/(?:dig @127\.0\.0\.1[^\n]*\n[^]*){3}/);
    assert.deepEqual(await answersOf(port, 'kube-dns.kube-system.svc.cluster.local'), ['10.96.0.10']);
    assert.deepEqual(await launcher.end('SIGTERM'), { code: 0, signal: null });
    await assert.rejects(answersOf(port, 'kube-dns.kube-system.svc.cluster.local'), 'nobody listens any more');
  });

  test('Ctrl-C, which reaches the server twice, from the terminal and through npm, is one request', async () => {
    const port = await freePort();
    const launcher = spawnNode(['scripts/run.mjs', 'start', '--dns.port', String(port)], { isGroup: true });
    await launcher.waitForOutput(/dig @127\.0\.0\.1/);
    process.kill(-launcher.child.pid!, 'SIGINT');
    const [code] = (await once(launcher.child, 'close')) as [number];
    assert.equal(code, 0, launcher.output());
  });

  test('keeps the exit code of what it runs', async () => {
    const launcher = spawnNode(['scripts/run.mjs', 'start', '--shards', 'none']);
    const { code } = await new Promise<{ code: number | null }>((resolve) => {
      launcher.child.once('close', (exitCode) => resolve({ code: exitCode }));
    });
    assert.equal(code, 1, launcher.output());
  });
});
