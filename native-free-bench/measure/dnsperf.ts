/** Runs dnsperf (one process a load CPU, all at once) and reads what it prints. */

import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, unlinkSync } from 'node:fs';
import { build as buildHistogram } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';

export interface LoadOptions {
  readonly address: string;
  readonly port: number;
  readonly queryFile: string;
  readonly edns: boolean;
  readonly seconds: number;
  /** queries a second in all; undefined: as many as are answered */
  readonly rate: number | undefined;
  /** whether the latency of each query is reported at a fixed rate, which takes CPU; true if not given */
  readonly hasLatencies?: boolean;
  /** sockets in all */
  readonly clients: number;
  /** queries under way at once, in all; it bounds a saturated run */
  readonly outstanding: number;
  /** one dnsperf is pinned to each */
  readonly cpus: readonly number[];
}

export interface LoadResult {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly seconds: number;
  readonly rcodes: ReadonlyMap<string, number>;
  /** mean octets */
  readonly querySize: number;
  readonly responseSize: number;
  /** µs; only at a fixed rate, where dnsperf reports each query */
  readonly latencyUs: Histogram | undefined;
}

/** A query that is not answered for as long counts as lost. */
const LOSS_TIMEOUT_SECONDS = 2;
const LATENCY_US_MAX = 10_000_000;

/** What dnsperf prints is read after it has ended, so that this process takes no CPU from the measurement. */
export async function runDnsperf(options: LoadOptions): Promise<LoadResult> {
  const results = await Promise.all(options.cpus.map((cpu) => runOne(options, cpu)));
  return results.reduce(addLoads);
}

async function runOne(options: LoadOptions, cpu: number): Promise<LoadResult> {
  const share = (total: number): string => String(Math.max(1, Math.round(total / options.cpus.length)));
  const target = `-s ${options.address} -p ${options.port} -t ${LOSS_TIMEOUT_SECONDS} -O suppress=timeouts`;
  const load = `-l ${options.seconds} -c ${share(options.clients)} -q ${share(options.outstanding)}`;
  const edns = options.edns ? ' -e' : '';
  const latencies = options.hasLatencies === false ? '' : ' -v';
  const rate = options.rate === undefined ? '' : ` -Q ${share(options.rate)}${latencies}`;
  const programArguments = `-c ${cpu} dnsperf ${target} ${load}${edns}${rate}`.split(' ');
  const outputFile = `${options.queryFile}.${cpu}.out`;
  const output = openSync(outputFile, 'w');
  const child = spawn('taskset', [...programArguments, '-d', options.queryFile], { stdio: ['ignore', output, output] });
  closeSync(output);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const text = readFileSync(outputFile, 'latin1');
  unlinkSync(outputFile);
  if (code !== 0) throw new Error(`dnsperf ended with ${code}: ${text.slice(-500)}`);
  return parseDnsperfOutput(text);
}

/** Read the statistics, and the latency of each query where `-v` printed it. Throws if a figure is missing. */
export function parseDnsperfOutput(text: string): LoadResult {
  const end = text.lastIndexOf('\nStatistics:');
  if (end === -1) throw new Error(`dnsperf printed no statistics: ${text.slice(-500)}`);
  const statistics = text.slice(end);
  const figure = (pattern: RegExp): number => {
    const match = pattern.exec(statistics);
    if (match === null) throw new Error(`dnsperf's statistics lack ${pattern.source}: ${statistics}`);
    return Number(match[1]);
  };
  const rcodes = new Map<string, number>();
  const rcodeLine = /Response codes: *(.*)/.exec(statistics)?.[1] ?? '';
  for (const match of rcodeLine.matchAll(/(\w+) (\d+) \(/g)) rcodes.set(match[1]!, Number(match[2]));
  return {
    sent: figure(/Queries sent: +(\d+)/),
    answered: figure(/Queries completed: +(\d+)/),
    lost: figure(/Queries lost: +(\d+)/),
    seconds: figure(/Run time \(s\): +([\d.]+)/),
    rcodes,
    querySize: figure(/request (\d+)/),
    responseSize: figure(/response (\d+)/),
    latencyUs: parseLatencies(text, end),
  };
}

/** Lines such as `> NOERROR www.example.com A 0.000123`; `> T …` is a query that was lost. */
function parseLatencies(text: string, end: number): Histogram | undefined {
  let histogram: Histogram | undefined;
  let start = text.indexOf('\n> ') + 1;
  while (start > 0 && start < end) {
    let next = text.indexOf('\n', start);
    if (next === -1) next = end;
    if (text.startsWith('> ', start)) {
      histogram ??= newLatencyHistogram();
      const latencyUs = Number(text.slice(text.lastIndexOf(' ', next) + 1, next)) * 1e6;
      if (Number.isFinite(latencyUs)) histogram.recordValue(Math.min(LATENCY_US_MAX, Math.round(latencyUs)));
    }
    start = next + 1;
  }
  return histogram;
}

export function newLatencyHistogram(): Histogram {
  return buildHistogram({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  });
}

function addLoads(a: LoadResult, b: LoadResult): LoadResult {
  const answered = a.answered + b.answered;
  const rcodes = new Map(a.rcodes);
  for (const [rcode, count] of b.rcodes) rcodes.set(rcode, (rcodes.get(rcode) ?? 0) + count);
  if (a.latencyUs !== undefined && b.latencyUs !== undefined) a.latencyUs.add(b.latencyUs);
  return {
    sent: a.sent + b.sent,
    answered,
    lost: a.lost + b.lost,
    seconds: Math.max(a.seconds, b.seconds),
    rcodes,
    querySize: (a.querySize * a.answered + b.querySize * b.answered) / Math.max(1, answered),
    responseSize: (a.responseSize * a.answered + b.responseSize * b.answered) / Math.max(1, answered),
    latencyUs: a.latencyUs,
  };
}
