/**
 * What others ask costs those who ask for something else: random names against names that are in the cache, and more questions than
 * a shard can serve against names of the server's own zones. Cases of compare-forwarding.ts.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningContender } from './contenders/contender.ts';
import { type ForwardingServer, skyshard } from './contenders/forwarding-servers.ts';
import { startServerProcess } from './contenders/server-process.ts';
import { ask } from './measure/ask.ts';
import { type LoadResult, runDnsperf } from './measure/dnsperf.ts';
import { type FloodResult, runFlood } from './measure/flood.ts';
import { findFreePort } from './measure/free-port.ts';
import { quartiles } from './measure/statistics.ts';

export const CROWD_CASES = ['flood', 'overload'] as const;
export type CrowdCase = (typeof CROWD_CASES)[number];

export interface CrowdOptions {
  readonly cases: readonly CrowdCase[];
  readonly directory: string;
  readonly upstreamPort: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly names: number;
  readonly cacheEntries: number;
  readonly serverCpus: readonly number[];
  readonly loadCpus: readonly number[];
  readonly log: (line: string) => void;
}

const ADDRESS = '127.0.0.1';
const READY_TIMEOUT_MS = 30_000;
const CLIENTS = 8;
const SERVICE = 'web.default.svc.cluster.local';
const HOT_NAMES = 100;
/** Questions a second for hot names, and how many times as many for random ones. */
const HOT_RATE = 2000;
const FLOOD_FACTOR = 5;
/** Programs that take all they can of the server's CPU: a shard has a quarter of it, and the load generator is the faster side. */
const HOGS = 3;
/** Own answers, as parts of what a shard can give of them alone. */
const OWN_SHARES = [0.1, 0.5];
/** More than what can be served. */
const OVERLOAD = 2;
const OUTSTANDING_MAX = 20_000;
const MISSED = '#.example.test';
/** Queries under way where as many are asked as are answered: always some are queued, also while the shard has no CPU. */
const SATURATED = 3000;
const CALM_MS = 500;

/** @returns lines of the table */
export async function compareCrowds(options: CrowdOptions): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const transport of ['mmsg', 'dgram'] as const) {
    const crowds = await Crowds.start(
      skyshard(`skyshard, ${transport}`, { arguments: ['--transport', transport] }),
      options,
    );
    try {
      if (options.cases.includes('flood')) lines.push(...(await crowds.flood()));
      if (options.cases.includes('overload')) lines.push(...(await crowds.overload()));
    } finally {
      await crowds.stop();
    }
  }
  return lines;
}

class Crowds {
  readonly #name: string;
  readonly #options: CrowdOptions;
  readonly #directory: string;
  readonly #port: number;
  readonly #metricsPort: number;
  readonly #running: RunningContender[];

  private constructor(
    name: string,
    options: CrowdOptions,
    directory: string,
    ports: { readonly port: number; readonly metricsPort: number },
    running: RunningContender,
  ) {
    this.#name = name;
    this.#options = options;
    this.#directory = directory;
    this.#port = ports.port;
    this.#metricsPort = ports.metricsPort;
    this.#running = [running];
  }

  static async start(server: ForwardingServer, options: CrowdOptions): Promise<Crowds> {
    const directory = join(options.directory, server.name.replaceAll(/\W+/g, '-'));
    mkdirSync(directory);
    const ports = { port: await findFreePort(), metricsPort: await findFreePort('tcp') };
    const { upstreamPort, cacheEntries, serverCpus: cpus } = options;
    const running = await server.start({ directory, address: ADDRESS, ...ports, upstreamPort, cpus, cacheEntries });
    const crowds = new Crowds(server.name, options, directory, ports, running);
    const asking = { address: ADDRESS, port: ports.port, edns: false, timeoutMs: READY_TIMEOUT_MS };
    const [response] = await ask([{ name: 'first.example.test', type: 'A' }], asking);
    if (response === undefined || (response[3]! & 15) !== 0) throw new Error(`${server.name} does not answer`);
    crowds.#write('own', `${SERVICE} A\n`);
    crowds.#write('hot', namesOf('hot', HOT_NAMES));
    crowds.#write('kept', namesOf('n', options.names));
    crowds.#write('missed', namesOf('z', options.names));
    return crowds;
  }

  async stop(): Promise<void> {
    for (const running of this.#running.toReversed()) await running.stop();
  }

  /** Hits of names that are asked for all the time, without a flood of names that nobody asks for twice, and with it. */
  async flood(): Promise<readonly string[]> {
    // Until the cache is full, and evicts.
    await this.#load('kept', undefined, 2 * this.#options.seconds);
    await this.#load('hot', HOT_RATE);
    const shares: { readonly calm: number[]; readonly flooded: number[] } = { calm: [], flooded: [] };
    for (let round = 0; round < this.#options.rounds; round++) {
      this.#options.log(`${this.#name}, flood, round ${round + 1}`);
      shares.calm.push(await this.#hitShare(false));
      // Names that were never asked for.
      this.#write('random', namesOf(`n${round}r`, HOT_RATE * FLOOD_FACTOR * this.#options.seconds * 2));
      shares.flooded.push(await this.#hitShare(true));
    }
    const lost = shares.flooded.map((share, round) => 1 - share / shares.calm[round]!);
    return [
      `${this.#name}: hits of ${HOT_NAMES} names at ${HOT_RATE}/s: ${percentsOf(shares.calm)}, with ${FLOOD_FACTOR} times ` +
        `as many random names ${percentsOf(shares.flooded)}: lost ${percentsOf(lost)}, wanted 1 % at the most`,
    ];
  }

  async #hitShare(isFlooded: boolean): Promise<number> {
    // What is still queued of the load before is no hit of this one.
    await delay(CALM_MS);
    const before = await this.#metric('coredns_cache_hits_total');
    const [hot] = await Promise.all([
      this.#load('hot', HOT_RATE),
      ...(isFlooded ? [this.#load('random', HOT_RATE * FLOOD_FACTOR)] : []),
    ]);
    return ((await this.#metric('coredns_cache_hits_total')) - before) / hot!.answered;
  }

  /** Own names answered, as parts of their peak, with twice the questions that a shard can serve. */
  async overload(): Promise<readonly string[]> {
    for (let count = 0; count < HOGS; count++) {
      const options = { command: ['sh', '-c', 'while :; do :; done'], cpus: this.#options.serverCpus };
      this.#running.push(await startServerProcess({ ...options, directory: this.#directory }));
    }
    await this.#load('own', undefined);
    await this.#load('missed', undefined);
    const lines: string[] = [];
    for (const share of OWN_SHARES) {
      const parts: number[] = [];
      const missed: number[] = [];
      const p99s: number[] = [];
      const rates: { readonly own: number[]; readonly others: number[] } = { own: [], others: [] };
      for (let round = 0; round < this.#options.rounds; round++) {
        this.#options.log(`${this.#name}, overload, ${share * 100} % own, round ${round + 1}`);
        // In each round: a machine that others use too gives now more and now less.
        const rate = Math.round((await this.#answeredPerSecond('own')) * share);
        // Beside own names fewer would be taken up.
        await delay(CALM_MS);
        const flood = Math.round((await this.#answeredPerSecond('missed')) * (OVERLOAD - share));
        const calm = await this.#flood(SERVICE, rate);
        const [own, others] = await Promise.all([this.#flood(SERVICE, rate), this.#flood(MISSED, flood)]);
        parts.push(own.answered / own.sent / (calm.answered / calm.sent));
        missed.push(others.answered / this.#options.seconds);
        p99s.push(own.p99Ms);
        rates.own.push(rate);
        rates.others.push(flood);
      }
      const [rate, flood] = [quartiles(rates.own).median.toFixed(0), quartiles(rates.others).median.toFixed(0)];
      lines.push(
        `${this.#name} with ${HOGS} busy programs on its CPU, ${rate} own questions a second (${share * 100} % of what can be served) and ` +
          `${flood} for upstreams: ${percentsOf(parts)} of the peak, wanted 95 %, p99 ${quartiles(p99s).median.toFixed(0)} ms; ` +
          `${quartiles(missed).median.toFixed(0)} of the others a second`,
      );
    }
    const parts: number[] = [];
    const asked: number[] = [];
    for (let round = 0; round < this.#options.rounds; round++) {
      this.#options.log(`${this.#name}, overload, own alone, round ${round + 1}`);
      const best = await this.#answeredPerSecond('own');
      const { sent, answered } = await this.#flood(SERVICE, best * OVERLOAD);
      asked.push(sent / this.#options.seconds / best);
      parts.push(answered / this.#options.seconds / best);
    }
    lines.push(
      `${this.#name}, own questions alone, ${percentsOf(asked)} of what can be served: ${percentsOf(parts)} of the peak, wanted 95 %`,
    );
    return lines;
  }

  #write(queries: string, text: string): void {
    writeFileSync(join(this.#directory, `${queries}.queries`), text);
  }

  async #answeredPerSecond(queries: string): Promise<number> {
    const { rcodes, seconds } = await this.#load(queries, undefined);
    return (rcodes.get('NOERROR') ?? 0) / seconds;
  }

  /** @param rate  undefined: as many as are answered */
  async #load(queries: string, rate: number | undefined, seconds = this.#options.seconds): Promise<LoadResult> {
    return runDnsperf({
      address: ADDRESS,
      port: this.#port,
      queryFile: join(this.#directory, `${queries}.queries`),
      edns: false,
      seconds,
      rate,
      hasLatencies: false,
      clients: CLIENTS,
      outstanding: rate === undefined ? SATURATED : OUTSTANDING_MAX,
      cpus: this.#options.loadCpus,
    });
  }

  #flood(name: string, rate: number): Promise<FloodResult> {
    const { seconds, loadCpus } = this.#options;
    const asked = { address: ADDRESS, port: this.#port, name, rate, seconds, cpu: loadCpus[0]! };
    return runFlood({ directory: this.#directory, ...asked });
  }

  /** Sum of a metric's samples. */
  async #metric(name: string): Promise<number> {
    const page = await (await fetch(`http://${ADDRESS}:${this.#metricsPort}/metrics`)).text();
    let sum = 0;
    for (const [, value] of page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))) sum += Number(value);
    return sum;
  }
}

function namesOf(prefix: string, count: number): string {
  return Array.from({ length: Math.ceil(count) }, (_, index) => `${prefix}${index}.example.test A\n`).join('');
}

function percentsOf(shares: readonly number[]): string {
  const { lower, median, upper } = quartiles(shares);
  const percent = (share: number): string => (share * 100).toFixed(1);
  return `${percent(median)} % [${percent(lower)} ${percent(upper)}]`;
}
