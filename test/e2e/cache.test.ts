/** What is forwarded is kept: one cache for all threads, both protocols and across reloads; stale when nobody answers. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { TYPE } from '../../src/dns/iana.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { addressReply, startStreamUpstream } from './stream-upstream.ts';
import { answersOf, ask, freePort, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

const SERVICE = `{ apiVersion: v1, kind: Namespace, metadata: { name: default } }
---
{ apiVersion: v1, kind: Service, metadata: { name: outside, namespace: default },
  spec: { type: ExternalName, externalName: hot.test } }
`;

async function waitFor(isTrue: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await isTrue()) return;
    await delay(100);
  }
  assert.fail(what);
}

for (const transport of TRANSPORTS) {
  describe(`the cache, transport ${transport}`, () => {
    test('is one for all threads, for UDP and TCP, for names that lead there, and stays at a reload', async () => {
      const upstream = await startStreamUpstream({ answer: (query) => addressReply(query, 1) });
      const port = await freePort();
      const metrics = await freePort();
      const corefile = (ttl: number): string => `.:${port} {
  bind 127.0.0.1
  prometheus 127.0.0.1:${metrics}
  kubernetes cluster.local
  cache ${ttl}
  forward . 127.0.0.1:${upstream.port}
}
`;
      const folder = temporaryFolder({ Corefile: corefile(50), 'objects.yaml': SERVICE });
      const conf = path.join(folder, 'Corefile');
      const args = ['--conf', conf, '--manifests', path.join(folder, 'objects.yaml'), '--shards', '2'];
      const running = spawnNode(['dist/main.js', 'serve', ...args, '--transport', transport]);
      await running.waitForOutput(/ listens on /);
      const asked = (): number => upstream.asked.filter(({ name }) => name.toLowerCase() === 'hot.test').length;

      const first = await ask(port, 'hot.test');
      assert.deepEqual(
        first.answers?.map((record) => 'ttl' in record && record.ttl),
        [50],
      );
      // From many ports, so that each shard is asked.
      for (let count = 0; count < 20; count++) assert.deepEqual(await answersOf(port, 'Hot.TEST'), ['192.0.0.0']);
      assert.deepEqual(await answersOf(port, 'outside.default.svc.cluster.local'), ['192.0.0.0', 'hot.test']);
      const client = await TcpClient.open({ port });
      const overTcp = decodeStrictly((await client.ask(buildQuery({ name: 'hot.test', type: TYPE.A, id: 9 })))!);
      assert.equal(overTcp.answer[0]?.rdata, '192.0.0.0');
      client.close();
      assert.equal(asked(), 1);

      writeFileSync(conf, corefile(40));
      running.child.kill('SIGUSR1');
      await running.waitForOutput(/Reloading complete/);
      assert.deepEqual(await answersOf(port, 'hot.test'), ['192.0.0.0']);
      assert.equal(asked(), 1);
      await answersOf(port, 'other.test');
      await waitFor(async () => {
        const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
        const valueOf = (name: string): number => Number(new RegExp(`^${name}.* (\\d+)$`, 'm').exec(page)?.[1]);
        return (
          valueOf('coredns_cache_entries\\{.*type="success"') === 2 &&
          valueOf('coredns_cache_requests_total') >= 25 &&
          valueOf('coredns_cache_misses_total') === 2
        );
      }, 'the metrics do not say what happened');
      await running.end();
    });

    test('gives stale answers while no upstream answers, and a fresh one soon after it is back', async () => {
      let isSilent = false;
      let last = 1;
      const upstream = await startStreamUpstream({
        answer: (query) => (isSilent ? undefined : addressReply(query, last)),
      });
      const port = await freePort();
      const corefile = `.:${port} {
  bind 127.0.0.1
  cache {
    success 1000 1 1
    serve_stale 1h immediate 5s
    servfail 1s
  }
  forward . 127.0.0.1:${upstream.port}
}
`;
      const folder = temporaryFolder({ Corefile: corefile });
      const conf = path.join(folder, 'Corefile');
      const running = spawnNode(['dist/main.js', 'serve', '--conf', conf, '--transport', transport]);
      await running.waitForOutput(/ listens on /);
      assert.equal((await answersOf(port, 'old.test')).length, 1);
      isSilent = true;
      await delay(1500);
      const stale = await ask(port, 'old.test');
      assert.deepEqual(
        stale.answers?.map((record) => 'ttl' in record && record.ttl),
        [5],
      );
      last = 3;
      isSilent = false;
      await waitFor(async () => (await answersOf(port, 'old.test')).length === 3, 'the answer stays stale');
      await running.end();
    });
  });
}
