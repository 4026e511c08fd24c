/** A server on a Corefile: its chain, probes, lines, and a reload. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import dnsPacket from 'dns-packet';
import {
  answersOf,
  freePort,
  runSkyshard,
  serviceManifest,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
  waitForAnswers,
} from './skyshard-process.ts';

const MAIN = 'dist/main.js';

/** An upstream that answers every A question with one address. */
async function startUpstream(address: string): Promise<{ readonly port: number; close(): void }> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, peer) => {
    const query = dnsPacket.decode(message);
    const question = query.questions![0]!;
    const answers = question.type === 'A' ? [{ type: 'A' as const, name: question.name, ttl: 60, data: address }] : [];
    const response = dnsPacket.encode({
      type: 'response',
      id: query.id!,
      flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE,
      questions: query.questions!,
      answers,
    });
    socket.send(response, peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, close: () => socket.close() };
}

interface CorefileServer {
  readonly port: number;
  readonly probePort: number;
  readonly file: string;
  readonly running: ReturnType<typeof spawnNode>;
}

/** Start on the Corefile that `text` gives for a port for DNS and one for probes. */
async function startOn(
  text: (port: number, probePort: number) => string,
  args: readonly string[] = [],
): Promise<CorefileServer> {
  const [port, probePort] = [await freePort(), await freePort()];
  const folder = temporaryFolder({ 'web.yaml': serviceManifest('web', '10.96.1.1') });
  const file = path.join(temporaryFolder({ Corefile: text(port, probePort) }), 'Corefile');
  const running = spawnNode([MAIN, 'serve', '--conf', file, '--manifests', folder, ...args]);
  await running.waitForOutput(/ listens on /);
  return { port, probePort, file, running };
}

for (const transport of TRANSPORTS) {
  describe(`Corefile, transport ${transport}`, () => {
    test('the chain of a block: hosts, kubernetes, and the rest goes upstream', async () => {
      const upstream = await startUpstream('192.0.2.53');
      const { port, running } = await startOn(
        (own) => `.:${own} {
    bind 127.0.0.1
    hosts {
        192.0.2.7 a.test
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa {
        fallthrough in-addr.arpa
    }
    forward . 127.0.0.1:${upstream.port}
    cache 30
}
`,
        ['--transport', transport],
      );
      assert.deepEqual(await answersOf(port, 'a.test'), ['192.0.2.7']);
      assert.deepEqual(await answersOf(port, 'web.default.svc.cluster.local'), ['10.96.1.1']);
      assert.deepEqual(await answersOf(port, 'nosuch.default.svc.cluster.local'), ['NXDOMAIN']);
      assert.deepEqual(await answersOf(port, 'www.example.org'), ['192.0.2.53']);
      assert.deepEqual(await answersOf(port, '9.9.9.9.in-addr.arpa', 'PTR'), []);
      upstream.close();
      assert.deepEqual(await answersOf(port, 'www.example.org'), ['192.0.2.53'], 'from the cache');
      assert.equal((await running.end()).code, 0);
    });
  });
}

describe('the services of a Corefile', () => {
  test('lines of log and errors, readiness off while lameduck goes on answering', async () => {
    const { port, probePort, running } = await startOn(
      (own, probe) => `.:${own} {
    bind 127.0.0.1
    errors
    log
    health 127.0.0.1:${probe} {
        lameduck 2s
    }
    ready 127.0.0.1:${probe + 1}
    kubernetes cluster.local
}
`,
    );
    const status = async (port: number, name: string) => (await fetch(`http://127.0.0.1:${port}/${name}`)).status;
    assert.deepEqual(await answersOf(port, 'web.default.svc.cluster.local'), ['10.96.1.1']);
    assert.deepEqual(await answersOf(port, 'example.org'), ['SERVFAIL']);
    await running.waitForOutput(/\[INFO\] 127\.0\.0\.1:\d+ - \d+ "A IN web\.default\.svc\.cluster\.local\. udp /);
    await running.waitForOutput(/\[ERROR\] plugin\/errors: 2 example\.org\. A: /);
    assert.equal(await status(probePort, 'health'), 200);
    assert.equal(await status(probePort + 1, 'ready'), 200);
    running.child.kill('SIGTERM');
    await running.waitForOutput(/Going into lameduck mode for 2s/);
    assert.equal(await status(probePort + 1, 'ready'), 503);
    assert.equal(await status(probePort, 'health'), 200);
    assert.deepEqual(await answersOf(port, 'web.default.svc.cluster.local'), ['10.96.1.1']);
    assert.equal((await running.end()).code, 0);
  });

  test('without the API server names of objects are SERVFAIL, the fixed ones are answered, and ready says no', async () => {
    const [port, probePort, apiPort] = [await freePort(), await freePort(), await freePort()];
    const kubernetes = `kubernetes cluster.local {\n endpoint http://127.0.0.1:${apiPort}\n startup_timeout 100ms\n }`;
    const folder = temporaryFolder({
      Corefile: `.:${port} {\n bind 127.0.0.1\n ready 127.0.0.1:${probePort}\n ${kubernetes}\n}\n`,
    });
    const running = spawnNode([MAIN, 'serve', '--conf', path.join(folder, 'Corefile')]);
    await running.waitForOutput(/starting server with unsynced Kubernetes API[^]* listens on /);
    assert.deepEqual(await answersOf(port, 'web.default.svc.cluster.local'), ['SERVFAIL']);
    assert.deepEqual(await answersOf(port, 'svc.cluster.local'), []);
    const response = await fetch(`http://127.0.0.1:${probePort}/ready`);
    assert.equal(response.status, 503);
    assert.equal(await response.text(), 'kubernetes');
    assert.equal((await running.end()).code, 0);
  });
});

describe('reload', () => {
  test('SIGUSR1 takes a changed file over, leaves records alone, and refuses a broken one with its place', async () => {
    const block = (own: number, rest: string) => `.:${own} {
    bind 127.0.0.1
    hosts {
        ${rest}
        fallthrough
    }
    kubernetes cluster.local
}
`;
    const { port, file, running } = await startOn((own) => block(own, '192.0.2.1 a.test'));
    assert.deepEqual(await answersOf(port, 'a.test'), ['192.0.2.1']);
    writeFileSync(file, block(port, '192.0.2.2 b.test'));
    running.child.kill('SIGUSR1');
    await waitForAnswers(port, 'b.test', ['192.0.2.2']);
    assert.deepEqual(await answersOf(port, 'a.test'), ['SERVFAIL']);
    assert.deepEqual(await answersOf(port, 'web.default.svc.cluster.local'), ['10.96.1.1']);
    writeFileSync(file, block(port, '192.0.2.3 b.test').replace('kubernetes', 'kubernetis'));
    running.child.kill('SIGUSR1');
    await running.waitForOutput(/Corefile:7:5: .*kubernetis/);
    assert.deepEqual(await answersOf(port, 'b.test'), ['192.0.2.2']);
    writeFileSync(file, block(port, '192.0.2.4 b.test').replace('cluster.local', 'cluster.local transwarp.local'));
    running.child.kill('SIGUSR1');
    await waitForAnswers(port, 'b.test', ['192.0.2.4']);
    assert.deepEqual(await answersOf(port, 'web.default.svc.transwarp.local'), ['10.96.1.1']);
    assert.equal((await running.end()).code, 0);
  });
});

test('where it is not known how the API server is reached, that ends the start with 1', () => {
  const folder = temporaryFolder({ Corefile: '.:53 {\n    bind 127.0.0.1\n    kubernetes cluster.local\n}\n' });
  const result = runSkyshard(['serve', '--conf', path.join(folder, 'Corefile')]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /API_ACCESS: not in a cluster: .*KUBERNETES_SERVICE_HOST.*--manifests/);
});

test('a broken Corefile ends the start with 1 and its place', () => {
  const folder = temporaryFolder({ Corefile: '.:53 {\n    whoamy\n}\n' });
  const result = runSkyshard(['serve', '--conf', path.join(folder, 'Corefile')]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /Corefile:2:5: .*whoamy/);
});

test('with -log-format json every line is an object, the plugin a field; a fault at start is FATAL on stderr', async () => {
  const { file, running } = await startOn(
    (own, probe) => `.:${own} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:${probe} {
        lameduck 1s
    }
    whoami
}
`,
    ['-log-format', 'json'],
  );
  assert.equal((await running.end()).code, 0);
  const objects = running
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const { time, level, msg } of objects) assert.ok(typeof time === 'string' && level !== undefined && msg !== '');
  const lameduck = objects.find(({ plugin }) => plugin === 'health');
  assert.equal(lameduck?.['msg'], 'Going into lameduck mode for 1s');
  writeFileSync(file, '.:53 {\n    whoamy\n}\n');
  const { code, stderr } = runSkyshard(['serve', '--conf', file, '-log-format', 'json']);
  assert.equal(code, 1);
  const { level, msg } = JSON.parse(stderr) as Record<string, unknown>;
  assert.equal(level, 'FATAL');
  assert.match(String(msg), /Corefile:2:5: .*whoamy/);
});
