/**
 * Runs a comparison: starts the contenders, sees that they answer the same, then measures them in alternating rounds. In each
 * round every contender gets each kind of query once, in an order that turns from round to round.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender, RunningContender } from '../contenders/contender.ts';
import { generateCluster } from '../dataset/generate-cluster.ts';
import type { ClusterShape, GeneratedCluster } from '../dataset/generate-cluster.ts';
import { drawQueries, KIND_OF_QUERY, writeQueryFile } from '../dataset/query-kinds.ts';
import type { Query, QueryKind } from '../dataset/query-kinds.ts';
import { ask, checksum, encodeQuery, normaliseResponse } from './ask.ts';
import { runDnsperf } from './dnsperf.ts';
import type { LoadResult } from './dnsperf.ts';
import { findFreePort } from './free-port.ts';
import { describeMachine, readStealSeconds } from './machine.ts';
import type { Machine } from './machine.ts';
import { cpuSpent, readCpuTime } from './process-cpu.ts';
import type { CpuSpent } from './process-cpu.ts';
import { startSystemCallCounter } from './system-calls.ts';

export interface ComparisonOptions {
  readonly contenders: readonly Contender[];
  readonly kinds: readonly QueryKind[];
  /** queries a second; undefined: saturated */
  readonly rates: readonly (number | undefined)[];
  readonly rounds: number;
  /** length of one measurement */
  readonly seconds: number;
  /** saturated load on each contender and kind before the first round, so that compilers have done their work; 0: none */
  readonly warmUpSeconds: number;
  readonly serverCpus: readonly number[];
  readonly loadCpus: readonly number[];
  readonly shards: number;
  /** sockets of the load */
  readonly clients: number;
  /** queries under way at once; at a fixed rate it may be more */
  readonly outstanding: number;
  /** distinct lines of a kind's data file */
  readonly queries: number;
  readonly shape: ClusterShape;
  readonly countSystemCalls: boolean;
  /** told about progress, a line each */
  readonly log: (line: string) => void;
}

export interface Measurement {
  readonly load: LoadResult;
  readonly cpu: CpuSpent;
}

export interface ComparedContender {
  readonly name: string;
  readonly command: readonly string[];
  /** one a round */
  readonly measurements: Measurement[];
  systemCallsPerQuery: number | undefined;
}

/** One kind of query under one load. */
export interface ComparedCase {
  readonly kind: QueryKind;
  readonly rate: number | undefined;
  /** octets the echoes add to a query */
  readonly growthSize: number;
  readonly contenders: readonly ComparedContender[];
}

/** What the sample of a kind said: contenders with equal checksums gave equal answers. */
export interface SampledAnswers {
  readonly kind: QueryKind;
  readonly contender: string;
  readonly checksum: string;
  readonly answered: number;
  readonly asked: number;
  /** the first question on which it differs from the first contender that answers for real, with both answers */
  readonly difference: string | undefined;
}

export interface Comparison {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly skipped: ReadonlyMap<string, string>;
  readonly samples: readonly SampledAnswers[];
  readonly cases: readonly ComparedCase[];
  /** CPU seconds that the host took away while measuring */
  readonly stealSeconds: number;
}

const ADDRESS = '127.0.0.1';
const SAMPLE_QUERIES = 200;
const SAMPLE_TIMEOUT_MS = 15_000;
const READY_TIMEOUT_MS = 180_000;
const READY_INTERVAL_MS = 50;
/** At a fixed rate the load goes on through a pause of the server for as long; dnsperf holds back after that. */
const BACKLOG_SECONDS = 0.05;
const EXPECTED_RCODE_SHARE_MIN = 0.999;

interface RunningServer {
  readonly contender: Contender;
  readonly port: number;
  readonly running: RunningContender;
}

/** A kind of query with what is needed to measure it. */
interface PreparedKind {
  readonly kind: QueryKind;
  readonly queryFile: string;
  readonly sample: readonly Query[];
}

export async function runComparison(options: ComparisonOptions): Promise<Comparison> {
  const comparison = new ComparisonRun(options);
  try {
    return await comparison.run();
  } finally {
    await comparison.end();
  }
}

class ComparisonRun {
  readonly #options: ComparisonOptions;
  readonly #cluster: GeneratedCluster;
  readonly #directory = mkdtempSync(join(tmpdir(), 'skyshard-bench-'));
  readonly #servers: RunningServer[] = [];
  readonly #samples: SampledAnswers[] = [];
  readonly #removeDirectory = (): void => rmSync(this.#directory, { recursive: true, force: true });

  constructor(options: ComparisonOptions) {
    this.#options = options;
    this.#cluster = generateCluster(options.shape);
    process.once('exit', this.#removeDirectory);
  }

  async run(): Promise<Comparison> {
    const { log, contenders } = this.#options;
    const startedAt = new Date().toISOString();
    const skipped = new Map<string, string>();
    for (const contender of contenders) {
      const reason = await contender.findWhyMissing();
      if (reason === undefined) continue;
      skipped.set(contender.name, reason);
      log(`skipped: ${contender.name}: ${reason}`);
    }
    const present = contenders.filter((contender) => !skipped.has(contender.name));
    const kinds = this.#options.kinds.map((kind) => this.#prepareKind(kind));
    const answering: RunningServer[] = [];
    for (const contender of present.filter((candidate) => !candidate.isEcho)) {
      const startMs = performance.now();
      const server = await this.#start(contender, contender.name, 0);
      await this.#waitUntilReady(server, kinds);
      log(
        `${contender.name} answers after ${((performance.now() - startMs) / 1000).toFixed(1)} s, port ${server.port}`,
      );
      answering.push(server);
    }
    const cases: ComparedCase[] = [];
    const serversOfKind = new Map<QueryKind, readonly RunningServer[]>();
    for (const prepared of kinds) {
      const { kind } = prepared;
      const growthSize = await this.#sampleAnswers(prepared, answering);
      const servers: RunningServer[] = [];
      for (const contender of present) {
        const known = answering.find((server) => server.contender === contender);
        servers.push(known ?? (await this.#startEcho(contender, prepared, growthSize)));
      }
      serversOfKind.set(kind, servers);
      for (const rate of this.#options.rates) {
        const compared = servers.map(({ contender, running }) => ({
          name: contender.name,
          command: running.command,
          measurements: [],
          systemCallsPerQuery: undefined,
        }));
        cases.push({ kind, rate, growthSize, contenders: compared });
      }
    }
    await this.#warmUp(kinds, serversOfKind);
    const stealBefore = readStealSeconds();
    for (let round = 0; round < this.#options.rounds; round++) {
      log(`round ${round + 1} of ${this.#options.rounds}`);
      await this.#runRound(round, cases, kinds, serversOfKind);
    }
    const stealSeconds = readStealSeconds() - stealBefore;
    if (this.#options.countSystemCalls) await this.#countSystemCalls(cases, kinds, serversOfKind);
    return { machine: describeMachine(), startedAt, skipped, samples: this.#samples, cases, stealSeconds };
  }

  /** End every server and remove what was written. Each server is ended even where another one fails to. */
  async end(): Promise<void> {
    const ends = await Promise.allSettled(this.#servers.map(({ running }) => running.stop()));
    process.removeListener('exit', this.#removeDirectory);
    this.#removeDirectory();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  #prepareKind(kind: QueryKind): PreparedKind {
    const { queries, shape } = this.#options;
    const drawn = [...drawQueries(this.#cluster, kind, queries, shape.seed)];
    const queryFile = join(this.#directory, `${kind}.queries`);
    writeQueryFile(queryFile, drawn);
    return { kind, queryFile, sample: drawn.slice(0, SAMPLE_QUERIES) };
  }

  async #start(contender: Contender, directoryName: string, growthSize: number): Promise<RunningServer> {
    const directory = join(this.#directory, directoryName);
    mkdirSync(directory);
    const port = await findFreePort();
    const { serverCpus, shards } = this.#options;
    const cluster = this.#cluster;
    const running = await contender.start({
      cluster,
      directory,
      address: ADDRESS,
      port,
      cpus: serverCpus,
      shards,
      growthSize,
    });
    const server = { contender, port, running };
    this.#servers.push(server);
    return server;
  }

  async #startEcho(contender: Contender, prepared: PreparedKind, growthSize: number): Promise<RunningServer> {
    const server = await this.#start(contender, `${contender.name}-${prepared.kind}`, growthSize);
    await this.#waitUntilReady(server, [prepared]);
    const responses = await this.#ask(server, prepared);
    // Its octets past the header are what lay in its buffer; id, flags and size are what it owes.
    const texts = responses.flatMap((response) =>
      response === undefined ? [] : [`${response.toString('hex', 0, 4)} ${response.length}`],
    );
    this.#samples.push({
      kind: prepared.kind,
      contender: contender.name,
      checksum: checksum(texts),
      answered: texts.length,
      asked: prepared.sample.length,
      difference: undefined,
    });
    return server;
  }

  #ask(server: RunningServer, { kind, sample }: PreparedKind): Promise<(Buffer | undefined)[]> {
    const { edns } = KIND_OF_QUERY[kind];
    return ask(sample, { address: ADDRESS, port: server.port, edns, timeoutMs: SAMPLE_TIMEOUT_MS });
  }

  /** Whether one query has a response in time: a server that is not there yet costs no more than that. */
  async #responds(server: RunningServer, { kind, sample }: PreparedKind, timeoutMs: number): Promise<boolean> {
    const { edns } = KIND_OF_QUERY[kind];
    const options = { address: ADDRESS, port: server.port, edns, timeoutMs };
    const [response] = await ask(sample.slice(0, 1), options);
    return response !== undefined;
  }

  /** Wait until a server answers the whole sample of each kind with the rcode that the kind has. */
  async #waitUntilReady(server: RunningServer, kinds: readonly PreparedKind[]): Promise<void> {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    for (const prepared of kinds) {
      const rcode = KIND_OF_QUERY[prepared.kind].rcode === 'NXDOMAIN' ? 3 : 0;
      const isExpected = (response: Buffer | undefined): boolean =>
        response !== undefined && (server.contender.isEcho || (response[3]! & 15) === rcode);
      for (let attempt = 1; ; attempt++) {
        const isThere = await this.#responds(server, prepared, READY_INTERVAL_MS * attempt);
        const responses = isThere ? await this.#ask(server, prepared) : [undefined];
        const wrong = responses.findIndex((response) => !isExpected(response));
        if (wrong === -1) break;
        if (server.running.hasEnded() || performance.now() > deadlineMs) {
          const found = responses[wrong] === undefined ? 'no response' : `rcode ${responses[wrong][3]! & 15}`;
          const query = prepared.sample[wrong]!;
          throw new Error(`${server.contender.name} is not ready: ${found} to ${query.name} ${query.type}`);
        }
        await new Promise((resolve) => setTimeout(resolve, READY_INTERVAL_MS));
      }
    }
  }

  /** Compare what the servers answer; returns the mean growth of the first one's responses, rounded to an octet. */
  async #sampleAnswers(prepared: PreparedKind, servers: readonly RunningServer[]): Promise<number> {
    const { kind, sample } = prepared;
    const { edns, growthSize } = KIND_OF_QUERY[kind];
    let expected: readonly string[] | undefined;
    let growth: number | undefined;
    for (const server of servers) {
      const responses = await this.#ask(server, prepared);
      const texts = responses.map((response) => (response === undefined ? 'no response' : normaliseResponse(response)));
      expected ??= texts;
      growth ??= meanGrowth(sample, responses, edns);
      const different = texts.findIndex((text, i) => text !== expected![i]);
      this.#samples.push({
        kind,
        contender: server.contender.name,
        checksum: checksum(texts),
        answered: responses.filter((response) => response !== undefined).length,
        asked: sample.length,
        difference:
          different === -1
            ? undefined
            : `${sample[different]!.name} ${sample[different]!.type}\n${texts[different]}\n  instead of\n${expected[different]}`,
      });
    }
    return growth ?? growthSize;
  }

  async #warmUp(
    kinds: readonly PreparedKind[],
    serversOfKind: ReadonlyMap<QueryKind, readonly RunningServer[]>,
  ): Promise<void> {
    const { warmUpSeconds } = this.#options;
    if (warmUpSeconds === 0) return;
    for (const prepared of kinds) {
      for (const server of serversOfKind.get(prepared.kind)!) {
        await this.#measure(server, prepared, undefined, warmUpSeconds);
      }
    }
  }

  async #runRound(
    round: number,
    cases: readonly ComparedCase[],
    kinds: readonly PreparedKind[],
    serversOfKind: ReadonlyMap<QueryKind, readonly RunningServer[]>,
  ): Promise<void> {
    for (const compared of cases) {
      const prepared = kinds.find(({ kind }) => kind === compared.kind)!;
      const servers = serversOfKind.get(compared.kind)!;
      for (const i of turnedOrder(servers.length, round)) {
        const measurement = await this.#measure(servers[i]!, prepared, compared.rate, this.#options.seconds);
        compared.contenders[i]!.measurements.push(measurement);
      }
    }
  }

  async #measure(
    server: RunningServer,
    prepared: PreparedKind,
    rate: number | undefined,
    seconds: number,
  ): Promise<Measurement> {
    const { clients, outstanding, loadCpus } = this.#options;
    const { edns, rcode } = KIND_OF_QUERY[prepared.kind];
    const group = server.running.processId;
    const before = readCpuTime(group);
    const load = await runDnsperf({
      address: ADDRESS,
      port: server.port,
      queryFile: prepared.queryFile,
      edns,
      seconds,
      rate,
      clients,
      outstanding: rate === undefined ? outstanding : Math.max(outstanding, Math.ceil(rate * BACKLOG_SECONDS)),
      cpus: loadCpus,
    });
    const cpu = cpuSpent(before, readCpuTime(group));
    const { name, isEcho } = server.contender;
    if (load.answered === 0) throw new Error(`${name} answered none of ${load.sent} queries of kind ${prepared.kind}`);
    const expected = load.rcodes.get(rcode) ?? 0;
    if (!isEcho && expected < load.answered * EXPECTED_RCODE_SHARE_MIN) {
      throw new Error(`${name}: only ${expected} of ${load.answered} responses of kind ${prepared.kind} are ${rcode}`);
    }
    return { load, cpu };
  }

  /** An extra run of each case: counting costs CPU time, so it has no part in the rounds. */
  async #countSystemCalls(
    cases: readonly ComparedCase[],
    kinds: readonly PreparedKind[],
    serversOfKind: ReadonlyMap<QueryKind, readonly RunningServer[]>,
  ): Promise<void> {
    for (const compared of cases) {
      const prepared = kinds.find(({ kind }) => kind === compared.kind)!;
      for (const [i, server] of serversOfKind.get(compared.kind)!.entries()) {
        const counter = await startSystemCallCounter(server.running.processId);
        if (counter === undefined) {
          this.#options.log('skipped: system calls: perf is missing or may not count raw_syscalls');
          return;
        }
        const { load } = await this.#measure(server, prepared, compared.rate, this.#options.seconds);
        compared.contenders[i]!.systemCallsPerQuery = (await counter.stop()) / load.answered;
      }
    }
  }
}

function meanGrowth(sample: readonly Query[], responses: readonly (Buffer | undefined)[], edns: boolean): number {
  let sum = 0;
  let count = 0;
  for (const [i, response] of responses.entries()) {
    if (response === undefined) continue;
    sum += response.length - encodeQuery(0, sample[i]!, edns).length;
    count++;
  }
  return Math.max(0, Math.round(sum / Math.max(1, count)));
}

/** 0 … count − 1, begun one further each round and the other way round every second one: nobody always follows the same. */
export function turnedOrder(count: number, round: number): number[] {
  const step = round % 2 === 0 ? 1 : count - 1;
  return Array.from({ length: count }, (_, i) => (round + i * step) % count);
}
