/** A real process whose upstreams change: what no configuration names any more is given back, however a reload ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import dnsPacket from 'dns-packet';
import { ask, freePort, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';
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

/** Groups by state. */
async function groupsOf(metricsPort: number): Promise<readonly [held: number, leaving: number]> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const count = (state: string): number =>
    Number(new RegExp(`^skyshard_forward_groups\\{state="${state}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  return [count('held'), count('leaving')];
}

async function waitForGroups(metricsPort: number, held: number): Promise<void> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const groups = await groupsOf(metricsPort);
    if (groups[0] === held && groups[1] === 0) return;
    if (performance.now() > endMs) assert.deepEqual(groups, [held, 0]);
    await sleep(50);
  }
}

for (const transport of TRANSPORTS) {
  describe(`upstreams that change, transport ${transport}`, () => {
    test('are given back after a reload, also with other listeners; one that is refused leaves nothing behind', async () => {
      const first = await startStreamUpstream({ answer: answerWith('192.0.2.1'), address: '127.0.32.1' });
      await startStreamUpstream({
        answer: answerWith('192.0.2.2'),
        address: '127.0.32.2',
        port: first.port,
      });
      const [port, otherPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
      const corefile = (listenPort: number, forwards: string): string => `.:${listenPort} {
  bind 127.0.0.1
  prometheus 127.0.0.1:${metricsPort}
${forwards}
}
`;
      const forward = (address: string, options = ''): string =>
        `  forward . ${address}:${first.port} {\n    force_tcp\n    expire 300s\n    ${options}\n  }`;
      const file = path.join(temporaryFolder({ Corefile: corefile(port, forward('127.0.32.1')) }), 'Corefile');
      const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--transport', transport]);
      const change = async (text: string, said: RegExp): Promise<void> => {
        const before = running.output().length;
        writeFileSync(file, text);
        running.child.kill('SIGUSR1');
        await running.waitForOutput(new RegExp(`^[^]{${before}}[^]*${said.source}`));
      };
      const askFor = async (name: string, at = port): Promise<unknown> => {
        const { answers } = await ask(at, name);
        return (answers![0] as { data?: string } | undefined)?.data;
      };
      await running.waitForOutput(/ listens on /);
      assert.equal(await askFor('a.example'), '192.0.2.1');
      await waitForGroups(metricsPort, 1);
      // The connections to the one before are closed with it: the thread that has them is asked nothing meanwhile.
      await change(corefile(port, forward('127.0.32.2')), /Reloading complete/);
      await waitForGroups(metricsPort, 1);
      for (const connection of first.connections) if (!connection.destroyed) await once(connection, 'close');
      assert.equal(await askFor('b.example'), '192.0.2.2');
      // Refused as a text.
      const other = `  forward one.test 127.0.32.1:${first.port}\n${forward('127.0.32.1')}`;
      await change(`${corefile(port, other)}.:${port} {\n  whoami\n}\n`, /the Corefile is not taken over/);
      await waitForGroups(metricsPort, 1);
      // What cannot be bound is refused later.
      await change(`${corefile(port, other)}b.test:${otherPort} {\n  bind 192.0.2.77\n}\n`, /cannot be applied/);
      await waitForGroups(metricsPort, 1);
      assert.equal(await askFor('c.example'), '192.0.2.2');
      // A listener that goes has its groups until it is closed.
      await change(corefile(otherPort, other), /Reloading complete/);
      await waitForGroups(metricsPort, 2);
      assert.equal(await askFor('d.example', otherPort), '192.0.2.1');
      for (let reload = 0; reload < 8; reload++) {
        const address = `127.0.32.${1 + (reload % 2)}`;
        await change(corefile(otherPort, forward(address, `max_fails ${reload}`)), /Reloading complete/);
        assert.equal(await askFor(`e${reload}.example`, otherPort), `192.0.2.${1 + (reload % 2)}`);
      }
      await waitForGroups(metricsPort, 1);
      assert.doesNotMatch(running.output(), /panic|shard \d ended|resolver \d ended/);
      await running.end();
    });
  });
}
