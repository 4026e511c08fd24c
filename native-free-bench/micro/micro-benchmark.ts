/** tinybench, wrapped once: every figure says its unit, and a case says what it computed. */

import { Bench } from 'tinybench';

export interface MicroCase {
  readonly name: string;
  /** calls of the function under test in one `run` */
  readonly callsPerRun: number;
  /**
   * Does the work; its result depends on all of it. Short, where it can be: a run that other processes interrupt counts
   * for nothing in the median, if most are not.
   */
  run(): number | Promise<number>;
  /** What the work comes to, before anything is timed: the same in each process. Without it, the result of the first run. */
  check?(): number;
}

export interface MicroResult {
  readonly name: string;
  /** number of measured runs */
  readonly runs: number;
  readonly medianNsPerCall: number;
  readonly meanNsPerCall: number;
  /** of the mean, 95 % */
  readonly marginPercent: number;
  readonly p99NsPerCall: number;
  readonly checksum: number;
}

const WARM_UP_SHARE = 0.25;
const NS_PER_MS = 1e6;

/** Measure each case for `durationMs` after a warm-up of a quarter of it. */
export async function runMicroBenchmark(cases: readonly MicroCase[], durationMs: number): Promise<MicroResult[]> {
  const results: MicroResult[] = [];
  for (const { name, callsPerRun, run, check } of cases) {
    const first = run();
    const checksum = check === undefined ? await first : check();
    const bench = new Bench({
      time: durationMs,
      iterations: 1,
      warmupTime: durationMs * WARM_UP_SHARE,
      warmupIterations: 1,
      throws: true,
    });
    let sink = 0;
    const isAsync = first instanceof Promise;
    bench.add(name, isAsync ? async () => void (sink += await run()) : () => void (sink += run() as number));
    const [task] = await bench.run();
    const result = task?.result;
    if (result === undefined || !('latency' in result)) throw new Error(`${name} was not measured`);
    const toNs = (ms: number): number => (ms * NS_PER_MS) / callsPerRun;
    const { latency } = result;
    results.push({
      name,
      runs: latency.samplesCount,
      medianNsPerCall: toNs(latency.p50),
      meanNsPerCall: toNs(latency.mean),
      marginPercent: latency.rme,
      p99NsPerCall: toNs(latency.p99),
      checksum,
    });
    if (!Number.isFinite(sink)) throw new Error(`${name} computed nothing`);
  }
  return results;
}

export function formatMicroResults(title: string, results: readonly MicroResult[]): string {
  const header = ['', 'median ns/call', 'mean ns/call', '± %', 'p99 ns/call', 'runs', 'checksum'];
  const rows = results.map((result) => [
    result.name,
    result.medianNsPerCall.toFixed(1),
    result.meanNsPerCall.toFixed(1),
    result.marginPercent.toFixed(1),
    result.p99NsPerCall.toFixed(1),
    String(result.runs),
    String(result.checksum),
  ]);
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const lines = all.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
  return `${title}\n${lines.join('\n')}\n`;
}

/** Of FNV-1a, 32 bits. */
export const CHECKSUM_START = 0x811c_9dc5;
