/**
 * Upstreams that vanish: one of two, then both, then they are back. Clients ask on, for names that are kept and for new ones.
 * The figures are printed; what is demanded of them leaves room for a machine that is busy.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Asker, textOf } from './asker.ts';
import { DnsFaultProxy } from './dns-fault-proxy.ts';
import { addressOf, REAL_SERVERS, startKnot, startNsd, ZONE } from './real-servers.ts';
import { freePort, missingPrograms, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

const skip = missingPrograms(REAL_SERVERS.knot, REAL_SERVERS.nsd);
/** Of each of the two outages. */
const OUTAGE_MS = Number(process.env['SKYSHARD_OUTAGE_SECONDS'] ?? 5) * 1000;
const CALM_MS = 1500;
const HOT = 20;
/** Questions a second for hot names, and for new ones. */
const HOT_RATE = 200;
const NEW_RATE = 20;

type Phase = 'calm' | 'one' | 'both' | 'back';

interface Sample {
  readonly phase: Phase;
  readonly isHot: boolean;
  readonly tookMs: number;
  readonly text: string;
}

/** Share of the samples that took longer. */
function shareAbove(samples: readonly Sample[], ms: number): number {
  return samples.filter(({ tookMs }) => tookMs > ms).length / Math.max(1, samples.length);
}

for (const transport of TRANSPORTS) {
  describe(`upstreams vanish, transport ${transport}`, { skip }, () => {
    test('few wait, what is kept is given at once, stale answers soon, and all is well when they are back', async (t) => {
      const proxies = [
        await DnsFaultProxy.start((await startKnot()).port),
        await DnsFaultProxy.start((await startNsd()).port),
      ] as const;
      const port = await freePort();
      const stalePort = await freePort();
      const to = proxies.map((proxy) => `127.0.0.1:${proxy.port}`).join(' ');
      const folder = temporaryFolder({
        Corefile: `.:${port} {
  bind 127.0.0.1
  cache
  forward . ${to}
}
.:${stalePort} {
  bind 127.0.0.1
  cache {
    success 1000 1 1
    serve_stale 1h verify
  }
  forward . ${to}
}
`,
      });
      const conf = path.join(folder, 'Corefile');
      const running = spawnNode(['dist/main.js', 'serve', '--conf', conf, '--transport', transport]);
      await running.waitForOutput(new RegExp(` listens on .*${stalePort}`));
      const asker = await Asker.open(port, 6000);
      const staleAsker = await Asker.open(stalePort, 6000);
      for (let host = 0; host < HOT; host++) await asker.ask(`h${host}.${ZONE}`);
      await staleAsker.ask(`h1.${ZONE}`);

      const samples: Sample[] = [];
      const pending = new Set<Promise<void>>();
      let phase: Phase = 'calm';
      let isOver = false;
      let nextHost = HOT;
      const sample = (name: string, isHot: boolean): void => {
        const asked = phase;
        const startedMs = performance.now();
        const done = asker.ask(name).then((answer) => {
          samples.push({ phase: asked, isHot, tookMs: performance.now() - startedMs, text: textOf(answer) });
          pending.delete(done);
        });
        pending.add(done);
      };
      const askOn = async (): Promise<void> => {
        for (let turn = 0; !isOver; turn++) {
          sample(`h${turn % HOT}.${ZONE}`, true);
          if (turn % (HOT_RATE / NEW_RATE) === 0) sample(`x${nextHost++}.wild.${ZONE}`, false);
          await delay(1000 / HOT_RATE);
        }
      };
      const asking = askOn();
      await delay(CALM_MS);
      phase = 'one';
      proxies[0].isBlackHole = true;
      await delay(OUTAGE_MS);
      phase = 'both';
      proxies[1].isBlackHole = true;
      await delay(OUTAGE_MS / 2);
      const staleStartMs = performance.now();
      const stale = await staleAsker.ask(`h1.${ZONE}`);
      const staleMs = performance.now() - staleStartMs;
      await delay(Math.max(0, OUTAGE_MS / 2 - staleMs));
      phase = 'back';
      const failedName =
        samples.findLast(({ text }) => text === 'SERVFAIL') === undefined ? '' : `x${nextHost - 1}.wild.${ZONE}`;
      proxies[0].isBlackHole = false;
      proxies[1].isBlackHole = false;
      const backMs = performance.now();
      let recoveredMs = Number.NaN;
      for (let number = 0; Number.isNaN(recoveredMs) && performance.now() - backMs < 10_000; number++) {
        const answer = await asker.ask(`back${number}.wild.${ZONE}`);
        if (answer?.rcode === 'NOERROR') recoveredMs = performance.now() - backMs;
      }
      // A name that nobody could answer while they were gone is asked for again, although that was kept.
      let failedMs = Number.NaN;
      while (failedName !== '' && Number.isNaN(failedMs) && performance.now() - backMs < 10_000) {
        if ((await asker.ask(failedName))?.rcode === 'NOERROR') failedMs = performance.now() - backMs;
        else await delay(20);
      }
      await delay(CALM_MS);
      isOver = true;
      await asking;
      await Promise.all(pending);

      const hot = samples.filter(({ isHot }) => isHot);
      const of = (which: Phase): readonly Sample[] => samples.filter((one) => one.phase === which && !one.isHot);
      const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
      t.diagnostic(
        `${samples.length} answers, ${percent(shareAbove(samples, 1000))} above 1 s ` +
          `(one gone: ${percent(shareAbove(of('one'), 1000))}, both: ${percent(shareAbove(of('both'), 1000))} of the new names); ` +
          `hits above 100 ms: ${percent(shareAbove(hot, 100))}; stale after ${staleMs.toFixed(0)} ms; ` +
          `back after ${recoveredMs.toFixed(0)} ms, a name that had failed after ${failedMs.toFixed(0)} ms`,
      );
      assert.ok(hot.every(({ text }, index) => text.startsWith('NOERROR') || assert.fail(`${index}: ${text}`)));
      assert.ok(shareAbove(hot, 1000) < 0.01);
      assert.ok(
        of('one').every(({ text }) => text.startsWith('NOERROR')),
        'one of two is enough',
      );
      assert.ok(shareAbove(of('one'), 1000) < 0.05);
      assert.ok(shareAbove(samples, 1000) < 0.02, percent(shareAbove(samples, 1000)));
      assert.equal(textOf(stale), `NOERROR, h1.${ZONE} A ${addressOf(1)}`);
      assert.ok(staleMs < 3000, `stale after ${staleMs} ms`);
      assert.ok(recoveredMs < 3000, `back after ${recoveredMs} ms`);
      assert.ok(failedName === '' || failedMs < 4000, `a name that had failed: after ${failedMs} ms`);
      asker.close();
      staleAsker.close();
      await running.end();
    });
  });
}
