/**
 * Compares what changes of a cluster cost skyshard and CoreDNS, on the same API server: CPU time a changed EndpointSlice and how
 * soon it is answered, and what those who ask feel while everything is listed anew. docs/benchmarks.md says how to run it.
 *
 * usage: node native-free-bench/compare-changes.ts [--cases change,relist] [--api fake|real] [--starts 5] …
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CHANGING_SERVERS, type ChangingServer } from './contenders/changing-servers.ts';
import { openCluster, type ChangingCluster } from './contenders/changing-cluster.ts';
import type { RunningContender } from './contenders/contender.ts';
import { findProgram } from './contenders/server-process.ts';
import { ask } from './measure/ask.ts';
import { ChangeWatch } from './measure/change-watch.ts';
import { runDnsperf } from './measure/dnsperf.ts';
import { findFreePort } from './measure/free-port.ts';
import { HealthProbe } from './measure/health-probe.ts';
import { cpuSpent, readCpuTime } from './measure/process-cpu.ts';
import { turnedOrder } from './measure/run-comparison.ts';
import { pairedRatios, quartiles } from './measure/statistics.ts';

const CASES = ['change', 'relist'] as const;
const ADDRESS = '127.0.0.1';
const READY_MS = 180_000;
/** A start's own garbage and compilation are not part of what follows. */
const REST_MS = 4_000;
/** How long a server may wait before it lists anew. */
const LIST_MAX_MS = 20_000;
const RATE = 20_000;
const BACKLOG_SECONDS = 0.05;

export interface ChangeComparison {
  readonly cases: readonly string[];
  readonly api: 'fake' | 'real';
  readonly services: number;
  readonly endpoints: number;
  /** how often both servers are started */
  readonly starts: number;
  /** changes of the first measurement, and of all of them, after each start */
  readonly first: number;
  readonly changes: number;
  /** ms between two changes */
  readonly paceMs: number;
  /** changes whose appearance is timed, of each server after each start */
  readonly timed: number;
  readonly rounds: number;
  /** of each measurement of `relist`, quiet and not */
  readonly seconds: number;
  readonly relistSeconds: number;
  readonly serverCpus: readonly number[];
  readonly loadCpus: readonly number[];
  readonly restMs: number;
  readonly log: (line: string) => void;
}

/** Throws an Error that says what is wrong with an argument. */
export function parseChangeArguments(argumentList: readonly string[]): ChangeComparison {
  const text = { type: 'string' as const };
  const names = ['services', 'endpoints', 'starts', 'first', 'changes', 'pace', 'timed', 'rounds', 'seconds', 'rest'];
  const all = ['cases', 'api', 'relist-every', 'server-cpus', 'load-cpus', ...names];
  const { values } = parseArgs({
    args: [...argumentList],
    options: Object.fromEntries(all.map((name) => [name, text])),
  });
  const number = (name: string, otherwise: number): number => {
    const value = Number(values[name] ?? otherwise);
    if (Number.isFinite(value) && value > 0) return value;
    throw new Error(`--${name} wants a positive number, not ${values[name]}`);
  };
  const cases = values['cases']?.split(',') ?? [...CASES];
  const unknown = cases.find((name) => !CASES.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`no case is called ${unknown}: ${CASES.join(', ')}`);
  const api = values['api'] ?? 'fake';
  if (api !== 'fake' && api !== 'real') throw new Error(`--api is fake or real, not ${api}`);
  if (api === 'real' && cases.includes('relist')) throw new Error('--cases relist wants --api fake: it ends watches');
  const cpus = (name: string): number[] => (values[name] ?? '0,1').split(',').map(Number);
  return {
    cases,
    api,
    services: number('services', 10_000),
    endpoints: number('endpoints', 15),
    starts: number('starts', 5),
    first: number('first', 300),
    changes: number('changes', 1500),
    paceMs: number('pace', 10),
    timed: number('timed', 300),
    rounds: number('rounds', 5),
    seconds: number('seconds', 20),
    relistSeconds: number('relist-every', 10),
    serverCpus: cpus('server-cpus'),
    loadCpus: cpus('load-cpus'),
    restMs: number('rest', REST_MS),
    log: (line) => process.stderr.write(`${line}\n`),
  };
}

/** Figures by name, one a round, of one server. */
type Series = Map<string, number[]>;

interface Running {
  readonly server: ChangingServer;
  readonly contender: RunningContender;
  readonly port: number;
  readonly healthPort: number;
}

/** What is promised: the ratio to CoreDNS's, or, of `relist`, to the quiet figure of the same round. */
interface Bar {
  readonly figure: string;
  readonly reference: string;
  readonly isOwn: boolean;
  readonly ratioMax: number;
}

const BARS: readonly Bar[] = [
  { figure: 'CPU ms, first changes', reference: 'CPU ms, first changes', isOwn: false, ratioMax: 1 },
  { figure: 'CPU ms, all changes', reference: 'CPU ms, all changes', isOwn: false, ratioMax: 1 },
  { figure: 'visible p50, ms', reference: 'visible p50, ms', isOwn: false, ratioMax: 1 },
  { figure: 'visible p99, ms', reference: 'visible p99, ms', isOwn: false, ratioMax: 0.6 },
  { figure: 'p99 while listing, µs', reference: 'p99 quiet, µs', isOwn: true, ratioMax: 2 },
];

/** @returns the table */
export async function compareChanges(options: ChangeComparison): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'skyshard-bench-'));
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeDirectory);
  const cluster = await openCluster(options);
  try {
    return await new Changes(options, cluster, directory).run();
  } finally {
    await cluster.stop();
    process.removeListener('exit', removeDirectory);
    removeDirectory();
  }
}

class Changes {
  readonly #options: ChangeComparison;
  readonly #cluster: ChangingCluster;
  readonly #directory: string;
  readonly #series = new Map<ChangingServer, Series>();
  readonly #skipped: string[] = [];
  #servers: readonly ChangingServer[] = [];
  /** of the next change: each gives the endpoint another address */
  #number = 0;

  constructor(options: ChangeComparison, cluster: ChangingCluster, directory: string) {
    this.#options = options;
    this.#cluster = cluster;
    this.#directory = directory;
  }

  async run(): Promise<string> {
    const missing = new Map<ChangingServer, string>();
    for (const server of CHANGING_SERVERS) {
      const why = await server.findWhyMissing();
      if (why !== undefined) missing.set(server, why);
    }
    this.#servers = CHANGING_SERVERS.filter((server) => !missing.has(server));
    for (const [server, why] of missing) this.#skipped.push(`skipped: ${server.name}: ${why}`);
    for (const server of this.#servers) this.#series.set(server, new Map());
    if (this.#options.cases.includes('change')) {
      for (let start = 0; start < this.#options.starts; start++) {
        await this.#withServers(start, (running) => this.#measureChanges(running));
      }
    }
    if (this.#options.cases.includes('relist')) {
      await this.#withServers(0, async (running) => {
        for (let round = 0; round < this.#options.rounds; round++) await this.#measureLists(running, round);
      });
    }
    return this.#table();
  }

  /** Start all, one after the other, and end them. */
  async #withServers(start: number, run: (running: readonly Running[]) => Promise<void>): Promise<void> {
    const running: Running[] = [];
    try {
      for (const index of turnedOrder(this.#servers.length, start))
        running.push(await this.#start(this.#servers[index]!));
      await sleep(this.#options.restMs);
      await run(running);
      this.#options.log(`start ${start + 1}, load ${loadavg()[0]!.toFixed(1)}: ${this.#lastFigures()}`);
    } finally {
      for (const { contender } of running.toReversed()) await contender.stop();
    }
  }

  async #start(server: ChangingServer): Promise<Running> {
    const directory = join(this.#directory, server.name);
    mkdirSync(directory, { recursive: true });
    const port = await findFreePort();
    const healthPort = await findFreePort('tcp');
    const { access } = this.#cluster;
    const file = join(directory, 'Corefile');
    writeFileSync(file, corefileOf(port, healthPort, access));
    const contender = await server.start({ file, directory, cpus: this.#options.serverCpus });
    const endMs = performance.now() + READY_MS;
    const options = { address: ADDRESS, port, edns: false, timeoutMs: 1000 };
    for (;;) {
      const [response] = await ask([{ name: this.#cluster.lastName, type: 'A' }], options);
      if (response !== undefined && (response[3]! & 15) === 0 && response.readUInt16BE(6) > 0) break;
      if (contender.hasEnded() || performance.now() > endMs) throw new Error(`${server.name} does not answer`);
      await sleep(100);
    }
    return { server, contender, port, healthPort };
  }

  /** All servers see the same changes, so both sides of a pair have the same machine. */
  async #measureChanges(running: readonly Running[]): Promise<void> {
    const { first, changes, paceMs, timed } = this.#options;
    const cpuOf = (): ReturnType<typeof readCpuTime>[] =>
      running.map(({ contender }) => readCpuTime(contender.processId));
    const before = cpuOf();
    const startMs = performance.now();
    const note = (figure: string, count: number): void => {
      const now = cpuOf();
      for (const [index, { server }] of running.entries()) {
        this.#note(server, figure, cpuSpent(before[index]!, now[index]!).totalMs / count);
      }
    };
    for (let change = 1; change <= changes; change++) {
      await this.#cluster.change(this.#number++);
      const dueMs = startMs + change * paceMs;
      if (performance.now() < dueMs) await sleep(dueMs - performance.now());
      if (change === first) note('CPU ms, first changes', first);
    }
    note('CPU ms, all changes', changes);
    const latencies = running.map((): number[] => []);
    for (let change = 0; change < timed * running.length; change++) {
      const { port, server } = running[change % running.length]!;
      const number = this.#number++;
      const watch = new ChangeWatch(ADDRESS, port, this.#cluster.nameOf(number));
      const sentMs = performance.now();
      // Who has the same to do at the same time would be in the way of the other.
      await this.#cluster.change(number, server.name);
      latencies[change % running.length]!.push((await watch.seen()) - sentMs);
      await sleep(5);
    }
    for (const [index, { server }] of running.entries()) {
      const sorted = latencies[index]!.toSorted((a, b) => a - b);
      this.#note(server, 'visible p50, ms', sorted[sorted.length >> 1]!);
      this.#note(server, 'visible p99, ms', sorted[Math.floor(sorted.length * 0.99)]!);
    }
  }

  /** One server after the other, quiet and while everything is listed anew; which of these is first turns. */
  async #measureLists(running: readonly Running[], round: number): Promise<void> {
    for (const index of turnedOrder(running.length, round)) {
      const one = running[index]!;
      for (const half of turnedOrder(2, round)) {
        if (half === 0) this.#note(one.server, 'p99 quiet, µs', await this.#load(one));
        else await this.#measureListing(one);
        await sleep(this.#options.restMs / 2);
      }
    }
    this.#options.log(`round ${round + 1}, load ${loadavg()[0]!.toFixed(1)}: ${this.#lastFigures()}`);
  }

  async #measureListing(one: Running): Promise<void> {
    const probe = new HealthProbe(`http://${ADDRESS}:${one.healthPort}/health`);
    const listsBefore = this.#cluster.listCount;
    const expire = (): void => this.#cluster.expireWatches(one.server.name);
    expire();
    const timer = setInterval(expire, this.#options.relistSeconds * 1000);
    try {
      this.#note(one.server, 'p99 while listing, µs', await this.#load(one));
    } finally {
      clearInterval(timer);
    }
    // A client waits a little before it lists anew; without a list this would be a quiet measurement.
    const endMs = performance.now() + LIST_MAX_MS;
    while (this.#cluster.listCount === listsBefore && performance.now() < endMs) await sleep(50);
    this.#note(one.server, '/health at the most, ms', await probe.end());
    this.#note(one.server, 'lists', this.#cluster.listCount - listsBefore);
  }

  /** @returns the p99, µs */
  async #load({ server, port }: Running): Promise<number> {
    const queryFile = join(this.#directory, 'queries');
    writeFileSync(queryFile, this.#cluster.queryLines);
    const { seconds, loadCpus: cpus } = this.#options;
    const load = { address: ADDRESS, port, queryFile, edns: false, seconds, cpus, rate: RATE, clients: 16 };
    const result = await runDnsperf({ ...load, outstanding: RATE * BACKLOG_SECONDS });
    const good = result.rcodes.get('NOERROR') ?? 0;
    if (result.latencyUs === undefined || good < result.answered) {
      throw new Error(`${server.name}: ${good} of ${result.answered} answers were good`);
    }
    this.#note(server, 'queries lost', result.lost);
    return result.latencyUs.getValueAtPercentile(99);
  }

  #note(server: ChangingServer, figure: string, value: number): void {
    const series = this.#series.get(server)!;
    const values = series.get(figure);
    if (values === undefined) series.set(figure, [value]);
    else values.push(value);
  }

  #lastFigures(): string {
    return [...this.#series]
      .map(
        ([{ name }, series]) =>
          `${name} ${[...series].map(([what, all]) => `${what} ${all.at(-1)!.toFixed(2)}`).join(', ')}`,
      )
      .join(' · ');
  }

  #table(): string {
    const lines = [...this.#skipped];
    for (const [{ name }, series] of this.#series) {
      for (const [figure, values] of series) {
        const { lower, median, upper } = quartiles(values);
        lines.push(
          `${name}, ${figure}: ${format(median)} [${format(lower)} ${format(upper)}], ${format(Math.max(...values))} at the most`,
        );
      }
    }
    const own = this.#series.get(CHANGING_SERVERS[0]!);
    for (const { figure, reference, isOwn, ratioMax } of BARS) {
      const values = own?.get(figure);
      for (const [{ name }, series] of this.#series) {
        const others = series.get(reference);
        if (values === undefined || others === undefined || (series === own) !== isOwn) continue;
        const { lower, median, upper } = quartiles(pairedRatios(values, others));
        lines.push(
          `skyshard, ${figure} × ${name}, ${reference}: ${format(median)} [${format(lower)} ${format(upper)}], wanted ${ratioMax}`,
        );
      }
    }
    return `${lines.join('\n')}\n`;
  }
}

function format(value: number): string {
  return value.toFixed(2);
}

function corefileOf(port: number, healthPort: number, access: string): string {
  return `.:${port} {
    bind ${ADDRESS}
    errors
    health ${ADDRESS}:${healthPort}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ${access}
        ttl 0
    }
}
`;
}

/** @returns the program that the measuring itself lacks on this machine */
export function findMissingChangeTool(): string | undefined {
  return ['dnsperf', 'taskset'].find((name) => findProgram(name) === undefined);
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const options = parseChangeArguments(process.argv.slice(2));
  const missing = findMissingChangeTool();
  if (missing !== undefined) throw new Error(`${missing} is not in PATH; it measures`);
  process.stdout.write(await compareChanges(options));
}
