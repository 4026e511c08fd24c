/** An outage of two upstreams: one of them vanishes, then both, then they are back. Clients ask on, for names that are kept and for new ones. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Asker, textOf } from './asker.ts';
import { ZONE } from './real-servers.ts';
import { freePort, spawnNode, temporaryFolder } from './skyshard-process.ts';

const CALM_MS = 1500;
const HOT = 20;
/** Questions a second for hot names, and for new ones. */
const HOT_RATE = 200;
const NEW_RATE = 20;

/** `turn`: asked while one was there, in flight when that vanished too. */
type Phase = 'calm' | 'one' | 'turn' | 'both' | 'back';
/** What is asked for longer than this before the turn is to be answered by it, ms. */
const TURN_MS = 1000;

export interface Sample {
  readonly phase: Phase;
  readonly isHot: boolean;
  readonly tookMs: number;
  readonly text: string;
}

export interface Outage {
  readonly samples: readonly Sample[];
  /** the answer for `h1`, which had ended, to one who asks in the midst of the outage of both, and when it came */
  readonly stale: string;
  readonly staleMs: number;
  /** from the return to the first answer for a new name, and to that for a name that had failed; NaN: there was none in 10 s */
  readonly recoveredMs: number;
  readonly failedMs: number;
}

export interface OutageOptions {
  readonly transport: string;
  /** what stands behind `forward .` */
  readonly forward: string;
  /** in front of two upstreams with ZONE */
  readonly proxies: readonly [{ isBlackHole: boolean }, { isBlackHole: boolean }];
  /** length of each of the two outages */
  readonly outageMs: number;
}

/** Share of the samples that took longer. */
export function shareAbove(samples: readonly Sample[], ms: number): number {
  return samples.filter(({ tookMs }) => tookMs > ms).length / Math.max(1, samples.length);
}

export function newNames({ samples }: Outage, phase: Phase): readonly Sample[] {
  return samples.filter((one) => one.phase === phase && !one.isHot);
}

/** One line about it. */
export function summaryOf(outage: Outage): string {
  const { samples, staleMs, recoveredMs, failedMs } = outage;
  const hot = samples.filter(({ isHot }) => isHot);
  const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
  const failed = newNames(outage, 'one').filter(({ text }) => !text.startsWith('NOERROR'));
  return (
    `${samples.length} answers, ${percent(shareAbove(samples, 1000))} above 1 s ` +
    `(one gone: ${percent(shareAbove(newNames(outage, 'one'), 1000))}, both: ${percent(shareAbove(newNames(outage, 'both'), 1000))} of the new names); ` +
    `one gone: ${failed.length} of ${newNames(outage, 'one').length} without an answer; ` +
    `hits above 100 ms: ${percent(shareAbove(hot, 100))}; stale after ${staleMs.toFixed(0)} ms; ` +
    `back after ${recoveredMs.toFixed(0)} ms, a name that had failed after ${failedMs.toFixed(0)} ms`
  );
}

export async function runOutage({ transport, forward, proxies, outageMs }: OutageOptions): Promise<Outage> {
  const port = await freePort();
  const stalePort = await freePort();
  const folder = temporaryFolder({
    Corefile: `.:${port} {
    bind 127.0.0.1
    cache
    forward . ${forward}
  }
  .:${stalePort} {
    bind 127.0.0.1
    cache {
      success 1000 1 1
      serve_stale 1h verify
    }
    forward . ${forward}
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
  let turnedMs = Infinity;
  let isOver = false;
  let nextHost = HOT;
  const sample = (name: string, isHot: boolean): void => {
    const asked = phase;
    const startedMs = performance.now();
    const done = asker.ask(name).then((answer) => {
      const isInTurn = asked === 'one' && phase !== 'one' && startedMs > turnedMs - TURN_MS;
      const tookMs = performance.now() - startedMs;
      samples.push({ phase: isInTurn ? 'turn' : asked, isHot, tookMs, text: textOf(answer) });
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
  await delay(outageMs);
  phase = 'both';
  turnedMs = performance.now();
  proxies[1].isBlackHole = true;
  await delay(outageMs / 2);
  const staleStartMs = performance.now();
  const stale = await staleAsker.ask(`h1.${ZONE}`);
  const staleMs = performance.now() - staleStartMs;
  await delay(Math.max(0, outageMs / 2 - staleMs));
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
  asker.close();
  staleAsker.close();
  await running.end();
  return { samples, stale: textOf(stale), staleMs, recoveredMs, failedMs };
}
