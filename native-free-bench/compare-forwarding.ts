/**
 * Compares what an answer costs that comes from elsewhere: from the cache, from an upstream server, from `hosts` and
 * `template`, through other Corefiles. CPU time a query, as ratios of pairs of one round. docs/benchmarks.md says how to run it.
 *
 * usage: node native-free-bench/compare-forwarding.ts [--cases hit,miss,insertion,corefile,flood,overload] [--rounds 9] [--seconds 3] …
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareCrowds, CROWD_CASES, type CrowdCase } from './compare-crowds.ts';
import type { RunningContender } from './contenders/contender.ts';
import {
  COREDNS_FORWARDING,
  DNSMASQ,
  type ForwardingServer,
  skyshard,
  startAuthority,
  UNBOUND,
} from './contenders/forwarding-servers.ts';
import { findProgram } from './contenders/server-process.ts';
import { ask } from './measure/ask.ts';
import { runDnsperf } from './measure/dnsperf.ts';
import { findFreePort } from './measure/free-port.ts';
import { cpuSpent, readCpuTime } from './measure/process-cpu.ts';
import { turnedOrder } from './measure/run-comparison.ts';
import { pairedRatios, quartiles } from './measure/statistics.ts';

const SKYSHARD = skyshard('skyshard');
const WITH_LOG = skyshard('skyshard with log', { inBlock: 'log' });
const WITH_BLOCKS = skyshard('skyshard with 9 blocks', {
  otherBlocks: ({ address, port, upstreamPort }) =>
    Array.from(
      { length: 8 },
      (_, index) => `block${index}.test:${port} {
    bind ${address}
    errors
    forward . 127.0.0.1:${upstreamPort}
    cache 30
}
`,
    ).join(''),
});

/** What is asked: dnsperf's lines, and how fast. */
interface Load {
  readonly name: string;
  /** @param count  different names, where they differ */
  readonly lines: (count: number) => string;
  /** queries a second; undefined: as many as are answered */
  readonly rate?: number;
}

/** Measurements to be compared: each server with one load. */
interface Measured {
  readonly server: ForwardingServer;
  readonly load: Load;
}

/** A bar: what the first takes at the most of what the second takes. */
interface Bar {
  readonly measured: Measured;
  readonly reference: Measured;
  /** undefined: to be looked at */
  readonly ratioMax: number | undefined;
}

const HOT_NAMES = 100;
const one =
  (name: string): (() => string) =>
  () =>
    `${name} A\n`;
const many =
  (prefix: string) =>
  (count: number): string =>
    Array.from({ length: count }, (_, index) => `${prefix}${index}.example.test A\n`).join('');

const SERVICE: Load = { name: 'Service', lines: one('web.default.svc.cluster.local') };
const HIT: Load = { name: 'cache hit', lines: () => many('hot')(HOT_NAMES) };
const MISS: Load = { name: 'miss, TTL 0', lines: many('z') };
const SLOW_MISS: Load = { ...MISS, name: 'miss, TTL 0, 5,000/s', rate: 5000 };
const INSERTION: Load = { name: 'miss with insertion, TTL 300', lines: many('n') };
const HOSTS: Load = { name: 'hosts', lines: one('hosts.test') };
const TEMPLATE: Load = { name: 'template', lines: one('a.template.test') };
const SLOW_SERVICE: Load = { ...SERVICE, name: 'Service, 20,000/s', rate: 20_000 };

function bar(server: ForwardingServer, load: Load, other: ForwardingServer, otherLoad: Load, ratioMax?: number): Bar {
  return { measured: { server, load }, reference: { server: other, load: otherLoad }, ratioMax };
}

const CASES: Readonly<Record<string, readonly Bar[]>> = {
  hit: [
    bar(SKYSHARD, HIT, SKYSHARD, SERVICE, 1.15),
    bar(SKYSHARD, HIT, DNSMASQ, HIT, 0.7),
    bar(SKYSHARD, HIT, UNBOUND, HIT, 0.85),
    bar(SKYSHARD, HIT, COREDNS_FORWARDING, HIT, 0.15),
  ],
  miss: [
    bar(SKYSHARD, MISS, DNSMASQ, MISS, 0.4),
    bar(SKYSHARD, MISS, COREDNS_FORWARDING, MISS, 0.35),
    bar(SKYSHARD, MISS, UNBOUND, MISS),
    bar(SKYSHARD, SLOW_MISS, DNSMASQ, SLOW_MISS),
    bar(SKYSHARD, SLOW_MISS, COREDNS_FORWARDING, SLOW_MISS),
  ],
  insertion: [bar(SKYSHARD, INSERTION, SKYSHARD, MISS, 1.15)],
  corefile: [
    bar(SKYSHARD, HOSTS, SKYSHARD, SERVICE, 1.1),
    bar(SKYSHARD, TEMPLATE, SKYSHARD, SERVICE, 1.1),
    bar(WITH_BLOCKS, SERVICE, SKYSHARD, SERVICE, 1.05),
    bar(WITH_LOG, SLOW_SERVICE, SKYSHARD, SLOW_SERVICE, 1.5),
  ],
};

export interface ForwardingComparison {
  readonly cases: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  /** different names of a load that has many */
  readonly names: number;
  readonly cacheEntries: number;
  readonly serverCpus: readonly number[];
  readonly loadCpus: readonly number[];
  /** told about progress, a line each */
  readonly log: (line: string) => void;
}

/** One server under one load, one value a round. */
interface Series {
  readonly cpuUs: number[];
  /** at a fixed rate */
  readonly p99Us: number[];
  lost: number;
}

/** Throws an Error that says what is wrong with an argument. */
export function parseForwardingArguments(argumentList: readonly string[]): ForwardingComparison {
  const text = { type: 'string' as const };
  const { values } = parseArgs({
    args: [...argumentList],
    options: {
      cases: text,
      rounds: text,
      seconds: text,
      names: text,
      'cache-entries': text,
      'server-cpus': text,
      'load-cpus': text,
    },
  });
  const number = (name: 'rounds' | 'seconds' | 'names' | 'cache-entries', otherwise: number): number => {
    const value = Number(values[name] ?? otherwise);
    if (Number.isFinite(value) && value > 0) return value;
    throw new Error(`--${name} wants a positive number, not ${values[name]}`);
  };
  const known = [...Object.keys(CASES), ...CROWD_CASES];
  const cases = values.cases?.split(',') ?? known;
  const unknown = cases.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`no case is called ${unknown}: ${known.join(', ')}`);
  return {
    cases,
    rounds: number('rounds', 9),
    seconds: number('seconds', 3),
    names: number('names', 400_000),
    cacheEntries: number('cache-entries', 10_000),
    serverCpus: (values['server-cpus'] ?? '0').split(',').map(Number),
    loadCpus: (values['load-cpus'] ?? '1').split(',').map(Number),
    log: (line) => process.stderr.write(`${line}\n`),
  };
}

/** @returns the table */
export async function compareForwarding(options: ForwardingComparison): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'skyshard-bench-'));
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeDirectory);
  const running: RunningContender[] = [];
  try {
    const upstreamPort = await findFreePort();
    running.push(await startAuthority(directory, upstreamPort, options.loadCpus));
    const comparison = new Rounds(options, directory, upstreamPort, running);
    await comparison.start();
    await comparison.run();
    // Those that shared the CPU so far are idle.
    const crowds = CROWD_CASES.filter((name: CrowdCase) => options.cases.includes(name));
    const crowdOptions = { ...options, cases: crowds, directory, upstreamPort };
    const lines = crowds.length === 0 ? [] : await compareCrowds(crowdOptions);
    return `${comparison.table()}${lines.map((line) => `${line}\n`).join('')}`;
  } finally {
    // One that has ended by itself is an error, and no reason to leave the others running.
    const ends = running.map((contender) => contender.stop());
    await Promise.allSettled(ends);
    process.removeListener('exit', removeDirectory);
    removeDirectory();
    await Promise.all(ends);
  }
}

const ADDRESS = '127.0.0.1';
const READY_TIMEOUT_MS = 30_000;
const BACKLOG_SECONDS = 0.05;
const OUTSTANDING = 100;

class Rounds {
  readonly #options: ForwardingComparison;
  readonly #directory: string;
  readonly #upstreamPort: number;
  readonly #running: RunningContender[];
  readonly #servers = new Map<ForwardingServer, { readonly port: number; readonly processId: number }>();
  readonly #skipped: string[] = [];
  readonly #queryFiles = new Map<Load, string>();
  readonly #series = new Map<string, { readonly measured: Measured; readonly series: Series }>();
  #bars: readonly Bar[];

  constructor(options: ForwardingComparison, directory: string, upstreamPort: number, running: RunningContender[]) {
    this.#options = options;
    this.#directory = directory;
    this.#upstreamPort = upstreamPort;
    this.#running = running;
    this.#bars = options.cases.flatMap((name) => CASES[name] ?? []);
  }

  async start(): Promise<void> {
    const all = this.#bars.flatMap(({ measured, reference }) => [measured, reference]);
    for (const server of new Set(all.map((measured) => measured.server))) await this.#startServer(server);
    this.#bars = this.#bars.filter(({ measured, reference }) =>
      [measured, reference].every(({ server }) => this.#servers.has(server)),
    );
    for (const { measured, reference } of this.#bars) {
      for (const one of [measured, reference]) {
        this.#series.set(keyOf(one), { measured: one, series: { cpuUs: [], p99Us: [], lost: 0 } });
        if (this.#queryFiles.has(one.load)) continue;
        const file = join(this.#directory, `${this.#queryFiles.size}.queries`);
        writeFileSync(file, one.load.lines(this.#options.names));
        this.#queryFiles.set(one.load, file);
      }
    }
  }

  async run(): Promise<void> {
    const all = [...this.#series.values()];
    for (const { measured } of all) await this.#measure(measured, Math.min(1, this.#options.seconds));
    for (let round = 0; round < this.#options.rounds; round++) {
      this.#options.log(`round ${round + 1} of ${this.#options.rounds}`);
      for (const index of turnedOrder(all.length, round)) {
        const { measured, series } = all[index]!;
        const { cpuUs, p99Us, lost } = await this.#measure(measured, this.#options.seconds);
        series.cpuUs.push(cpuUs);
        if (p99Us !== undefined) series.p99Us.push(p99Us);
        series.lost += lost;
      }
    }
  }

  table(): string {
    const lines = this.#skipped.map((text) => `skipped: ${text}`);
    for (const { measured, series } of this.#series.values()) {
      const p99 = series.p99Us.length === 0 ? '' : `, p99 ${quartiles(series.p99Us).median.toFixed(0)} µs`;
      const name = `${measured.server.name}, ${measured.load.name}`;
      lines.push(`${name}: ${quartiles(series.cpuUs).median.toFixed(2)} µs CPU a query${p99}, ${series.lost} lost`);
    }
    for (const { measured, reference, ratioMax } of this.#bars) {
      const [own, other] = [measured, reference].map((one) => this.#series.get(keyOf(one))!.series) as [Series, Series];
      const wanted = ratioMax === undefined ? '' : `, wanted ${ratioMax}`;
      const p99 = own.p99Us.length === 0 ? '' : `, p99 ${formatRatio(own.p99Us, other.p99Us)}`;
      lines.push(`${keyOf(measured)} × ${keyOf(reference)}: ${formatRatio(own.cpuUs, other.cpuUs)}${wanted}${p99}`);
    }
    return `${lines.join('\n')}\n`;
  }

  async #startServer(server: ForwardingServer): Promise<void> {
    const missing = await server.findWhyMissing();
    if (missing !== undefined) {
      this.#skipped.push(`${server.name}: ${missing}`);
      return;
    }
    const directory = join(this.#directory, server.name.replaceAll(' ', '-'));
    mkdirSync(directory);
    const port = await findFreePort();
    const running = await server.start({
      directory,
      address: ADDRESS,
      port,
      upstreamPort: this.#upstreamPort,
      cpus: this.#options.serverCpus,
      cacheEntries: this.#options.cacheEntries,
    });
    this.#running.push(running);
    const options = { address: ADDRESS, port, edns: false, timeoutMs: READY_TIMEOUT_MS };
    const [response] = await ask([{ name: 'first.example.test', type: 'A' }], options);
    if (response === undefined || (response[3]! & 15) !== 0) throw new Error(`${server.name} does not answer`);
    this.#servers.set(server, { port, processId: running.processId });
  }

  async #measure({ server, load }: Measured, seconds: number) {
    const { port, processId } = this.#servers.get(server)!;
    const before = readCpuTime(processId);
    const result = await runDnsperf({
      address: ADDRESS,
      port,
      queryFile: this.#queryFiles.get(load)!,
      edns: false,
      seconds,
      rate: load.rate,
      clients: 8,
      outstanding: load.rate === undefined ? OUTSTANDING : Math.max(OUTSTANDING, load.rate * BACKLOG_SECONDS),
      cpus: this.#options.loadCpus,
    });
    const { totalMs } = cpuSpent(before, readCpuTime(processId));
    const good = result.rcodes.get('NOERROR') ?? 0;
    if (result.answered === 0 || good < result.answered * 0.999) {
      throw new Error(`${server.name}: ${good} of ${result.sent} queries (${load.name}) were answered well`);
    }
    return {
      cpuUs: (totalMs * 1000) / result.answered,
      p99Us: result.latencyUs?.getValueAtPercentile(99),
      lost: result.lost,
    };
  }
}

function keyOf({ server, load }: Measured): string {
  return `${server.name}, ${load.name}`;
}

function formatRatio(values: readonly number[], references: readonly number[]): string {
  const { lower, median, upper } = quartiles(pairedRatios(values, references));
  return `${median.toFixed(2)} [${lower.toFixed(2)} ${upper.toFixed(2)}]`;
}

/** @returns the program that the measuring itself lacks on this machine */
export function findMissingForwardingTool(): string | undefined {
  return ['dnsperf', 'taskset', 'cc'].find((name) => findProgram(name) === undefined);
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const options = parseForwardingArguments(process.argv.slice(2));
  const missing = findMissingForwardingTool();
  if (missing !== undefined) throw new Error(`${missing} is not in PATH; it measures`);
  process.stdout.write(await compareForwarding(options));
}
