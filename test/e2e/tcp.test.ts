/** TCP, served by the real process beside UDP. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { TYPE } from '../../src/dns/iana.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import {
  ask,
  freePort,
  runSkyshard,
  type SkyshardProcess,
  startSkyshard,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

const ENDPOINT_COUNT = 2000;
const MANY = 'many.default.svc.cluster.local';

/** A headless Service with more addresses than a datagram holds. */
function largeService(): string {
  const endpoints = Array.from({ length: ENDPOINT_COUNT }, (_, i) => `  - addresses: ["10.9.${i >> 8}.${i & 255}"]`);
  return [
    '{ apiVersion: v1, kind: Namespace, metadata: { name: default } }',
    '---',
    '{ apiVersion: v1, kind: Service, metadata: { name: many, namespace: default }, spec: { clusterIP: None } }',
    '---',
    'apiVersion: discovery.k8s.io/v1',
    'kind: EndpointSlice',
    'metadata: { name: many-1, namespace: default, labels: { kubernetes.io/service-name: many } }',
    'addressType: IPv4',
    'endpoints:',
    ...endpoints,
    '',
  ].join('\n');
}

for (const transport of TRANSPORTS) {
  describe(`TCP beside UDP over ${transport}`, () => {
    let server: SkyshardProcess;
    before(async () => {
      const manifests = temporaryFolder({ 'many.yaml': largeService() });
      server = await startSkyshard({ manifests, args: ['--transport', transport, '--shards', '2', '--bind', '::1'] });
    });
    after(() => server.end());

    test('what is truncated over UDP comes whole over TCP, on every address', async () => {
      const overUdp = await ask(server.port, MANY);
      assert.equal(overUdp.flag_tc, true);
      for (const address of ['127.0.0.1', '::1']) {
        const client = await TcpClient.open({ port: server.port, address });
        const response = await client.ask(buildQuery({ name: MANY, type: TYPE.A }));
        client.close();
        const { tc, answer } = decodeStrictly(response!);
        assert.deepEqual([tc, answer.length], [false, ENDPOINT_COUNT]);
      }
    });

    test('is counted with its protocol', async () => {
      const client = await TcpClient.open({ port: server.port });
      await client.ask(buildQuery({ name: MANY, type: TYPE.AAAA }));
      const isCounted = (text: string): boolean =>
        /^coredns_dns_requests_total\{.*proto="tcp",family="1",type="AAAA"\} 1$/m.test(text) &&
        /^skyshard_tcp_connections 1$/m.test(text);
      let text = '';
      for (let attempt = 0; attempt < 100 && !isCounted(text); attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        text = await (await fetch(server.metricsUrl)).text();
      }
      client.close();
      assert.ok(
        isCounted(text),
        text
          .split('\n')
          .filter((line) => line.includes('tcp'))
          .join('\n'),
      );
      assert.doesNotMatch(text, /^skyshard_shard_requests_total\{shard="2"\}/m, 'a resolver is no shard');
    });
  });

  test(`SIGTERM over ${transport} closes connections and ends with 0`, async () => {
    const server = await startSkyshard({ args: ['--transport', transport] });
    const client = await TcpClient.open({ port: server.port });
    await client.ask(buildQuery({ name: MANY, type: TYPE.A }));
    const ended = server.end('SIGTERM');
    await client.ended();
    assert.equal(client.error, undefined);
    assert.deepEqual(await ended, { code: 0, signal: null });
  });
}

test('a TCP port that is taken ends the start with 2', async () => {
  const port = await freePort();
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', resolve));
  const args = ['serve', '--manifests', 'deploy/demo', '--bind', '127.0.0.1', '--dns.port', String(port)];
  const result = runSkyshard(args);
  await new Promise((resolve) => blocker.close(resolve));
  assert.equal(result.code, 2, result.stderr);
  assert.match(result.stderr, new RegExp(`BIND_FAILED: TCP 127\\.0\\.0\\.1:${port}: another server`));
});
