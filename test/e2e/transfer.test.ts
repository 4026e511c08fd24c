/** Secondaries that have the cluster's zones from a real process: Knot DNS, and the clients that transfer a zone once. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { startKnotSecondary } from './knot.ts';
import {
  answersOf,
  freePort,
  missingPrograms,
  serviceManifest,
  spawnNode,
  temporaryFolder,
  waitForAnswers,
} from './skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const WEB = 'web.default.svc.cluster.local';

interface Primary {
  readonly port: number;
  readonly manifests: string;
  readonly output: () => string;
}

/** skyshard that gives its zones to everyone on this machine, and notifies a port of it. */
async function startPrimary(notifiedPort: number): Promise<Primary> {
  const port = await freePort();
  const manifests = temporaryFolder({ 'web.yaml': serviceManifest('web', '10.96.1.1') });
  const corefile = `.:${port} {
    bind ${ADDRESS}
    transfer {
        to ${ADDRESS}:${notifiedPort} 127.0.0.0/8
    }
    kubernetes cluster.local 10.96.0.0/16
}
`;
  const file = path.join(temporaryFolder({ Corefile: corefile }), 'Corefile');
  const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--manifests', manifests]);
  await running.waitForOutput(/ listens on /);
  return { port, manifests, output: running.output };
}

describe('clients that transfer a zone', () => {
  let primary: Primary;
  before(async () => {
    primary = await startPrimary(await freePort());
  });

  for (const [program, ...args] of [
    ['dig', '+noall', '+answer'],
    ['kdig', '+noall', '+answer'],
  ] as const) {
    test(`${program} has the zone, and its reverse zone`, { skip: missingPrograms(program) }, () => {
      const transfer = (zone: string, type: string): string[] => {
        const where = [`@${ADDRESS}`, '-p', String(primary.port), zone, type];
        const { stdout } = spawnSync(program, [...args, ...where], { encoding: 'utf8' });
        return stdout
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith(';'))
          .map((line) => line.split(/\s+/).slice(3).join(' '));
      };
      for (const type of ['AXFR', 'IXFR=1']) {
        const records = transfer('cluster.local', type);
        assert.match(records[0]!, /^SOA /);
        assert.equal(records.at(-1), records[0]);
        assert.deepEqual(records.slice(1, -1), [
          'NS ns.dns.cluster.local.',
          'A 10.96.1.1',
          `SRV 0 100 80 ${WEB}.`,
          `SRV 0 100 80 ${WEB}.`,
        ]);
      }
      assert.equal(transfer('96.10.in-addr.arpa', 'AXFR')[2], `PTR ${WEB}.`);
    });
  }
});

describe('Knot DNS as a secondary', { skip: missingPrograms('knotd') }, () => {
  let primary: Primary;
  let port: number;
  before(async () => {
    port = await freePort();
    primary = await startPrimary(port);
    await startKnotSecondary(port, primary.port, ['cluster.local', '96.10.in-addr.arpa']);
  });

  test('has the zones and answers from them', async () => {
    await waitForAnswers(port, WEB, ['10.96.1.1']);
    const srv = await answersOf(port, `_http._tcp.${WEB}`, 'SRV');
    assert.deepEqual(srv, await answersOf(primary.port, `_http._tcp.${WEB}`, 'SRV'));
    assert.equal(await pointerOf(port), `${WEB}`);
  });

  test('hears of a change, and has it long before its refresh time', async () => {
    await waitForAnswers(port, WEB, ['10.96.1.1']);
    writeFileSync(path.join(primary.manifests, 'web.yaml'), serviceManifest('web', '10.96.1.2'));
    await waitForAnswers(port, WEB, ['10.96.1.2']);
    assert.doesNotMatch(primary.output(), /was not accepted/);
  });
});

async function pointerOf(port: number): Promise<string> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const [pointer] = await answersOf(port, '1.1.96.10.in-addr.arpa', 'PTR');
    if (pointer?.startsWith('web.') === true || performance.now() > deadlineMs) return pointer!;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
