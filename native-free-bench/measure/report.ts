/** A comparison as a text table and as JSON. */

import { KIND_OF_QUERY } from '../dataset/query-kinds.ts';
import { newLatencyHistogram } from './dnsperf.ts';
import type { ComparedCase, ComparedContender, Comparison, ComparisonOptions } from './run-comparison.ts';
import { pairedRatios, quartiles } from './statistics.ts';
import type { Quartiles } from './statistics.ts';

export interface ContenderSummary {
  readonly name: string;
  readonly cpuUs: Quartiles;
  /** user time of all rounds over the queries of all rounds: its sampling needs the length */
  readonly userUs: number;
  readonly ratios: ReadonlyMap<string, Quartiles>;
  readonly answersPerSecond: number;
  /** mean octets of a response */
  readonly responseSize: number;
  readonly lossShare: number;
  readonly latencyUs: LatencySummary | undefined;
  /** p99 of each round over the reference's of the same round */
  readonly p99Ratios: ReadonlyMap<string, Quartiles>;
  readonly systemCallsPerQuery: number | undefined;
}

export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** @param references names of contenders; those that took no part are left out */
export function summariseCase(compared: ComparedCase, references: readonly string[]): ContenderSummary[] {
  const present = references.flatMap((name) => compared.contenders.filter((contender) => contender.name === name));
  return compared.contenders.map((contender) => {
    const loads = contender.measurements.map(({ load }) => load);
    const sum = (pick: (index: number) => number): number => loads.reduce((total, _, i) => total + pick(i), 0);
    const answered = sum((i) => loads[i]!.answered);
    const sent = sum((i) => loads[i]!.sent);
    const ratiosOf = (values: (from: ComparedContender) => number[]): Map<string, Quartiles> =>
      new Map(
        present.map((reference) => [reference.name, quartiles(pairedRatios(values(contender), values(reference)))]),
      );
    const hasLatency = loads.every((load) => load.latencyUs !== undefined) && compared.rate !== undefined;
    return {
      name: contender.name,
      cpuUs: quartiles(cpuUsOfRounds(contender)),
      userUs: (sum((i) => contender.measurements[i]!.cpu.userMs) * 1000) / answered,
      ratios: ratiosOf(cpuUsOfRounds),
      answersPerSecond: answered / sum((i) => loads[i]!.seconds),
      responseSize: sum((i) => loads[i]!.responseSize * loads[i]!.answered) / answered,
      lossShare: (sent - answered) / sent,
      latencyUs: hasLatency ? summariseLatency(contender) : undefined,
      p99Ratios: hasLatency ? ratiosOf(p99OfRounds) : new Map<string, Quartiles>(),
      systemCallsPerQuery: contender.systemCallsPerQuery,
    };
  });
}

function cpuUsOfRounds(contender: ComparedContender): number[] {
  return contender.measurements.map(({ load, cpu }) => (cpu.totalMs * 1000) / load.answered);
}

function p99OfRounds(contender: ComparedContender): number[] {
  return contender.measurements.map(({ load }) => load.latencyUs?.getValueAtPercentile(99) ?? Number.NaN);
}

function summariseLatency(contender: ComparedContender): LatencySummary {
  const all = newLatencyHistogram();
  for (const { load } of contender.measurements) if (load.latencyUs !== undefined) all.add(load.latencyUs);
  return {
    p50: all.getValueAtPercentile(50),
    p90: all.getValueAtPercentile(90),
    p99: all.getValueAtPercentile(99),
    p999: all.getValueAtPercentile(99.9),
    max: all.maxValue,
  };
}

export function formatComparison(
  comparison: Comparison,
  options: ComparisonOptions,
  references: readonly string[],
): string {
  const { machine } = comparison;
  const lines = [
    `${comparison.startedAt} · ${machine.cpuModel} × ${machine.cpuCount}${machine.isGuest ? ' (guest)' : ''} · Linux ${machine.kernel} · Node ${machine.node}`,
    `${options.shape.services} Services × ${options.shape.endpointsPerService} endpoints, seed ${options.shape.seed} · servers on CPU ${options.serverCpus.join(',')}, load on CPU ${options.loadCpus.join(',')} · shards ${options.shards} · ${options.clients} sockets, ${options.outstanding} under way`,
    `${options.rounds} rounds of ${options.seconds} s · medians, quartiles in brackets · CPU time taken away by the host: ${comparison.stealSeconds.toFixed(1)} s`,
  ];
  for (const [name, reason] of comparison.skipped) lines.push(`skipped: ${name}: ${reason}`);
  for (const compared of comparison.cases) lines.push('', ...formatCase(compared, references));
  lines.push('', 'answers to the sample (equal checksums: equal answers; an echo has its own)');
  for (const sample of comparison.samples) {
    lines.push(
      `  ${sample.kind.padEnd(10)} ${sample.contender.padEnd(15)} ${sample.checksum}  ${sample.answered} of ${sample.asked}`,
    );
    if (sample.difference !== undefined)
      lines.push(...`differs: ${sample.difference}`.split('\n').map((line) => `      ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

function formatCase(compared: ComparedCase, references: readonly string[]): string[] {
  const load = compared.rate === undefined ? 'saturated' : `${compared.rate} queries/s`;
  const { sentence } = KIND_OF_QUERY[compared.kind];
  const summaries = summariseCase(compared, references);
  const names = references.filter((name) => summaries.some((summary) => summary.name === name));
  const hasLatency = compared.rate !== undefined;
  const header = [
    'contender',
    'CPU µs/query',
    'of it user',
    ...names.map((name) => `× ${name}`),
    'answers/s',
    'octets',
    'loss',
  ];
  if (hasLatency) header.push('p50 µs', 'p90', 'p99', 'p99.9', ...names.slice(0, 1).map((name) => `p99 × ${name}`));
  const hasCalls = summaries.some((summary) => summary.systemCallsPerQuery !== undefined);
  if (hasCalls) header.push('calls/query');
  const rows = summaries.map((summary) => {
    const row = [
      summary.name,
      formatQuartiles(summary.cpuUs),
      summary.userUs.toFixed(2),
      ...names.map((name) => formatQuartiles(summary.ratios.get(name)!)),
      Math.round(summary.answersPerSecond).toString(),
      Math.round(summary.responseSize).toString(),
      `${(summary.lossShare * 100).toFixed(2)} %`,
    ];
    if (hasLatency) {
      const { latencyUs } = summary;
      row.push(
        ...[latencyUs?.p50, latencyUs?.p90, latencyUs?.p99, latencyUs?.p999].map((value) => value?.toString() ?? '–'),
      );
      row.push(...names.slice(0, 1).map((name) => formatOptional(summary.p99Ratios.get(name))));
    }
    if (hasCalls) row.push(summary.systemCallsPerQuery?.toFixed(3) ?? '–');
    return row;
  });
  return [
    `${compared.kind}: ${sentence} · ${load} · echoes add ${compared.growthSize} octets`,
    ...formatTable([header, ...rows]),
  ];
}

function formatOptional(value: Quartiles | undefined): string {
  return value === undefined ? '–' : formatQuartiles(value);
}

function formatQuartiles({ lower, median, upper }: Quartiles): string {
  return `${median.toFixed(2)} [${lower.toFixed(2)} ${upper.toFixed(2)}]`;
}

function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** Everything that was measured, round by round, and the summaries. */
export function comparisonJson(
  comparison: Comparison,
  options: ComparisonOptions,
  references: readonly string[],
): string {
  const { contenders: _contenders, log: _log, ...settings } = options;
  const cases = comparison.cases.map((compared) => ({
    kind: compared.kind,
    ratePerSecond: compared.rate ?? 'saturated',
    growthSize: compared.growthSize,
    summaries: summariseCase(compared, references),
    contenders: compared.contenders.map((contender) => ({
      name: contender.name,
      command: contender.command,
      systemCallsPerQuery: contender.systemCallsPerQuery,
      rounds: contender.measurements.map(({ load, cpu }) => ({
        ...load,
        latencyUs: undefined,
        latencyP99Us: load.latencyUs?.getValueAtPercentile(99),
        ...cpu,
      })),
    })),
  }));
  const all = { ...comparison, options: settings, references, cases };
  return `${JSON.stringify(all, (_key, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value), 1)}\n`;
}
