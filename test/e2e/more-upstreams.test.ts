/** A load balancer and a resolver that others wrote as upstreams: dnsdist and Knot Resolver, each in front of Knot. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { Asker, textOf } from './asker.ts';
import { addressOf, REAL_SERVERS, type RealServer, start, startKnot, ZONE } from './real-servers.ts';
import { freePort, missingPrograms, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

/** The programs, and the Debian packages they come from. */
const DNSDIST = 'dnsdist';
const KRESD = 'kresd';

async function startDnsdist(authority: RealServer): Promise<RealServer> {
  const port = await freePort();
  const folder = temporaryFolder();
  const conf = `setLocal('127.0.0.1:${port}')
setACL({'127.0.0.0/8'})
newServer({address='127.0.0.1:${authority.port}', healthCheckMode='up'})
setSecurityPollSuffix('')
`;
  const args = ['--supervised', '--disable-syslog', '-C', path.join(folder, 'dnsdist.conf')];
  return start(port, 0, DNSDIST, folder, { 'dnsdist.conf': conf }, args);
}

async function startKnotResolver(authority: RealServer): Promise<RealServer> {
  const port = await freePort();
  const folder = temporaryFolder();
  const conf = `net.listen('127.0.0.1', ${port}, { kind = 'dns' })
for _, name in ipairs({ 'ta_update', 'ta_signal_query', 'priming', 'detect_time_skew' }) do modules.unload(name) end
trust_anchors.remove('.')
cache.open(10 * MB, 'lmdb://${folder}')
policy.add(policy.suffix(policy.STUB('127.0.0.1@${authority.port}'), policy.todnames({ '${ZONE}.' })))
`;
  return start(port, 0, KRESD, folder, { 'kresd.conf': conf }, ['-n', '-c', path.join(folder, 'kresd.conf'), folder]);
}

const UPSTREAMS = [
  { name: 'dnsdist', program: DNSDIST, startUpstream: startDnsdist },
  { name: 'Knot Resolver', program: KRESD, startUpstream: startKnotResolver },
] as const;

for (const { name, program, startUpstream } of UPSTREAMS) {
  describe(`${name} as an upstream`, { skip: missingPrograms(REAL_SERVERS.knot, program) }, () => {
    test('what it says is what clients get, twice, over UDP and TCP, on both transports', async () => {
      const upstream = await startUpstream(await startKnot());
      const direct = await Asker.open(upstream.port);
      for (const transport of TRANSPORTS) {
        const [port, tcpPort] = [await freePort(), await freePort()];
        const to = `forward . 127.0.0.1:${upstream.port}`;
        const block = (at: number, forward: string): string =>
          `.:${at} {\n  bind 127.0.0.1\n  cache\n  ${forward}\n}\n`;
        const folder = temporaryFolder({ Corefile: block(port, to) + block(tcpPort, `${to} {\n    force_tcp\n  }`) });
        const args = ['serve', '--conf', path.join(folder, 'Corefile'), '--transport', transport];
        const running = spawnNode(['dist/main.js', ...args]);
        await running.waitForOutput(new RegExp(` listens on .*${tcpPort}`));
        for (const at of [port, tcpPort]) {
          const asker = await Asker.open(at);
          for (const [host, type] of [
            ['h1', 'A'],
            ['alias', 'A'],
            ['six', 'AAAA'],
            ['mail', 'MX'],
            ['none', 'A'],
            ['h1', 'TXT'],
          ] as const) {
            const expected = textOf(await direct.ask(`${host}.${ZONE}`, { type }));
            assert.notEqual(expected, 'no answer');
            for (const time of ['first', 'second']) {
              const answer = textOf(await asker.ask(`${host}.${ZONE}`, { type }));
              assert.equal(answer, expected, `${transport}, ${host} ${type}, ${time}`);
            }
          }
          assert.equal(textOf(await asker.ask(`h2.${ZONE}`)), `NOERROR, h2.${ZONE} A ${addressOf(2)}`);
          asker.close();
        }
        await running.end();
      }
      direct.close();
    });
  });
}
