/** The demo cluster, served by the real process, on both transports. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { answersOf, missingPrograms, type SkyshardProcess, startSkyshard, TRANSPORTS } from './skyshard-process.ts';

for (const transport of TRANSPORTS) {
  describe(`the demo cluster over ${transport}`, () => {
    let server: SkyshardProcess;
    before(async () => {
      server = await startSkyshard({ args: ['--transport', transport, '--shards', '2'] });
    });
    after(() => server.end());

    test('answers for Services, their ports and addresses, and says NXDOMAIN for what is not there', async () => {
      const [clusterIP] = await answersOf(server.port, 'whoami.default.svc.cluster.local');
      assert.match(clusterIP!, /^10\.96\./);
      assert.deepEqual(await answersOf(server.port, 'kube-dns.kube-system.svc.cluster.local'), ['10.96.0.10']);
      assert.deepEqual(await answersOf(server.port, '10.0.96.10.in-addr.arpa', 'PTR'), [
        'kube-dns.kube-system.svc.cluster.local',
      ]);
      assert.deepEqual(await answersOf(server.port, 'whoami.default.svc.cluster.local.default.svc.cluster.local'), [
        'NXDOMAIN',
      ]);
    });

    test('serves every client at once, over several shards', async () => {
      const names = Array.from({ length: 200 }, () => answersOf(server.port, 'kube-dns.kube-system.svc.cluster.local'));
      for (const answers of await Promise.all(names)) assert.deepEqual(answers, ['10.96.0.10']);
    });

    for (const [program, args] of [
      ['dig', ['+short', '+tries=3']],
      ['kdig', ['+short']],
    ] as const) {
      test(`is understood by ${program}`, { skip: missingPrograms(program) }, () => {
        const where = ['@127.0.0.1', '-p', String(server.port)];
        const run = (...question: string[]): string => {
          const result = spawnSync(program, [...where, ...args, ...question], { encoding: 'utf8' });
          assert.equal(result.status, 0, result.stderr);
          return result.stdout.trim();
        };
        assert.equal(run('kube-dns.kube-system.svc.cluster.local', 'A'), '10.96.0.10');
        assert.equal(run('-x', '10.96.0.10'), 'kube-dns.kube-system.svc.cluster.local.');
      });
    }
  });
}
