/** Upstreams that are Services of the cluster itself: known from what is served, before anybody is asked. */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import dnsPacket from 'dns-packet';
import { ask, freePort, serviceManifest, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';
import { startStreamUpstream, type StreamAnswer } from './stream-upstream.ts';

const answerWith =
  (data: string): StreamAnswer =>
  (query) =>
    dnsPacket.encode({
      type: 'response',
      id: query.id!,
      flags: dnsPacket.RECURSION_DESIRED,
      questions: query.questions!,
      answers: [{ type: 'A', name: query.questions![0]!.name, ttl: 60, data }],
    });

for (const transport of TRANSPORTS) {
  describe(`upstreams that are Services, transport ${transport}`, () => {
    test('are asked where the Service is, from the first query on and after each change of it', async () => {
      const first = await startStreamUpstream({ answer: answerWith('192.0.2.1'), address: '127.0.21.1' });
      const second = await startStreamUpstream({
        answer: answerWith('192.0.2.2'),
        address: '127.0.21.2',
        port: first.port,
      });
      const port = await freePort();
      const corefile = `.:${port} {
  bind 127.0.0.1
  errors
  kubernetes cluster.local
  forward . DNS.default.svc.cluster.local:${first.port}
}
`;
      const none = '{ apiVersion: v1, kind: Namespace, metadata: { name: default } }\n';
      const folder = temporaryFolder({ Corefile: corefile, 'objects.yaml': none });
      const file = path.join(folder, 'objects.yaml');
      const args = ['--conf', path.join(folder, 'Corefile'), '--manifests', file];
      const running = spawnNode(['dist/main.js', 'serve', ...args, '--transport', transport]);
      const put = (text: string): void => {
        writeFileSync(`${file}.new`, text);
        renameSync(`${file}.new`, file);
      };
      const askFor = async (name: string): Promise<string> => {
        const { answers, flags } = await ask(port, name);
        return (answers![0] as { data?: string } | undefined)?.data ?? String(flags! & 15);
      };
      await running.waitForOutput(/ listens on /);
      await running.waitForOutput(/dns\.default\.svc\.cluster\.local has no address in the cluster; it is not asked/i);
      assert.equal(await askFor('a.example'), '2');
      await running.waitForOutput(/plugin\/errors: 2 a\.example\. A: no healthy proxies/);
      assert.equal(await askFor('dns.default.svc.cluster.local'), '3');
      let reloads = 0;
      for (const [address, answer] of [
        ['127.0.21.1', '192.0.2.1'],
        ['127.0.21.2', '192.0.2.2'],
        ['127.0.21.1', '192.0.2.1'],
      ] as const) {
        put(serviceManifest('dns', address));
        reloads++;
        await running.waitForOutput(new RegExp(`(?:Reloading complete[^]*){${reloads}}`));
        assert.equal(await askFor(`b${reloads}.example`), answer);
      }
      // A Service that is gone may come again: what it had is asked as long.
      put(none);
      await running.waitForOutput(/has no address in the cluster; its last addresses are still used/);
      assert.equal(await askFor('c.example'), '192.0.2.1');
      assert.doesNotMatch(running.output(), /panic|shard \d ended/);
      await running.end();

      const again = spawnNode(['dist/main.js', 'serve', ...args, '--transport', transport]);
      put(serviceManifest('dns', '127.0.21.2'));
      await again.waitForOutput(/ listens on /);
      await again.waitForOutput(/Reloading complete/);
      assert.equal(await askFor('d.example'), '192.0.2.2');
      assert.ok(first.asked.length > 0 && second.asked.length > 0);
      await again.end();
    });
  });
}
