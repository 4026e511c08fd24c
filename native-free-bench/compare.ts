/**
 * Compares DNS servers on this machine: CPU time a query, paired round by round with a reference, and latency at a fixed
 * rate. How to run it and what the columns mean: docs/benchmarks.md.
 *
 * usage: node native-free-bench/compare.ts [--contenders A,B] [--references A,B] [--kinds A,B] [--rates saturated,20000] …
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { C_ECHO } from './contenders/c-echo.ts';
import type { Contender } from './contenders/contender.ts';
import { COREDNS } from './contenders/coredns.ts';
import { DGRAM_ECHO } from './contenders/dgram-echo.ts';
import { KNOT } from './contenders/knot.ts';
import { findProgram } from './contenders/server-process.ts';
import { SKYSHARD_DGRAM, SKYSHARD_MMSG } from './contenders/skyshard.ts';
import { DEFAULT_CLUSTER_SHAPE } from './dataset/generate-cluster.ts';
import { PROMISED_KINDS, QUERY_KINDS } from './dataset/query-kinds.ts';
import type { QueryKind } from './dataset/query-kinds.ts';
import { comparisonJson, formatComparison } from './measure/report.ts';
import { runComparison } from './measure/run-comparison.ts';
import type { ComparisonOptions } from './measure/run-comparison.ts';

/** In the order of the tables. The first that answers for real says how many octets the echoes send. */
export const CONTENDERS: readonly Contender[] = [SKYSHARD_MMSG, SKYSHARD_DGRAM, C_ECHO, DGRAM_ECHO, KNOT, COREDNS];

export interface CompareArguments {
  readonly options: ComparisonOptions;
  readonly references: readonly string[];
  readonly resultDirectory: string;
}

const NUMBER_OPTIONS = {
  rounds: 9,
  seconds: 3,
  'warm-up': 1,
  shards: 1,
  clients: 8,
  outstanding: 100,
  queries: 100_000,
  services: DEFAULT_CLUSTER_SHAPE.services,
  endpoints: DEFAULT_CLUSTER_SHAPE.endpointsPerService,
  namespaces: DEFAULT_CLUSTER_SHAPE.namespaces,
  seed: DEFAULT_CLUSTER_SHAPE.seed,
} as const;
const LIST_OPTIONS = {
  contenders: CONTENDERS.map((contender) => contender.name),
  references: ['c-echo', 'knot', 'coredns'],
  kinds: PROMISED_KINDS,
  rates: ['saturated'],
  'server-cpus': ['0'],
  'load-cpus': [String(Math.min(1, availableParallelism() - 1))],
} as const;

/** Throws an Error that says what is wrong with an argument. */
export function parseCompareArguments(argumentList: readonly string[]): CompareArguments {
  const names = [...Object.keys(NUMBER_OPTIONS), ...Object.keys(LIST_OPTIONS), 'results'];
  const { values } = parseArgs({
    args: [...argumentList],
    options: {
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
      'system-calls': { type: 'boolean' as const },
    },
  });
  const texts: Readonly<Record<string, string | boolean | undefined>> = values;
  const number = (name: keyof typeof NUMBER_OPTIONS, min = Number.MIN_VALUE): number => {
    const value = Number(texts[name] ?? NUMBER_OPTIONS[name]);
    if (!Number.isFinite(value) || value < min)
      throw new Error(`--${name} wants a positive number, not ${texts[name]}`);
    return value;
  };
  const list = (name: keyof typeof LIST_OPTIONS): readonly string[] => {
    const text = texts[name];
    return typeof text === 'string' ? text.split(',') : LIST_OPTIONS[name];
  };
  const options: ComparisonOptions = {
    contenders: list('contenders').map(findContender),
    kinds: list('kinds').map(findKind),
    rates: list('rates').map(parseRate),
    rounds: number('rounds'),
    seconds: number('seconds'),
    warmUpSeconds: number('warm-up', 0),
    serverCpus: list('server-cpus').map(Number),
    loadCpus: list('load-cpus').map(Number),
    shards: number('shards'),
    clients: number('clients'),
    outstanding: number('outstanding'),
    queries: number('queries'),
    shape: {
      ...DEFAULT_CLUSTER_SHAPE,
      services: number('services'),
      endpointsPerService: number('endpoints'),
      namespaces: number('namespaces'),
      seed: number('seed'),
    },
    countSystemCalls: texts['system-calls'] === true,
    log: (line) => process.stderr.write(`${line}\n`),
  };
  const resultDirectory = texts['results'];
  return {
    options,
    references: list('references'),
    resultDirectory:
      typeof resultDirectory === 'string' ? resultDirectory : fileURLToPath(new URL('./results', import.meta.url)),
  };
}

function findContender(name: string): Contender {
  const contender = CONTENDERS.find((candidate) => candidate.name === name);
  if (contender === undefined)
    throw new Error(`no contender is called ${name}: ${CONTENDERS.map((known) => known.name).join(', ')}`);
  return contender;
}

function findKind(name: string): QueryKind {
  const kind = QUERY_KINDS.find((candidate) => candidate === name);
  if (kind === undefined) throw new Error(`no kind of query is called ${name}: ${QUERY_KINDS.join(', ')}`);
  return kind;
}

function parseRate(text: string): number | undefined {
  if (text === 'saturated') return undefined;
  const rate = Number(text);
  if (!Number.isFinite(rate) || rate <= 0)
    throw new Error(`--rates wants «saturated» or queries a second, not ${text}`);
  return rate;
}

/** @returns the program that the measuring itself lacks on this machine */
export function findMissingTool(): string | undefined {
  return ['dnsperf', 'taskset'].find((name) => findProgram(name) === undefined);
}

async function main(): Promise<void> {
  const { options, references, resultDirectory } = parseCompareArguments(process.argv.slice(2));
  const missing = findMissingTool();
  if (missing !== undefined) throw new Error(`${missing} is not in PATH; it measures`);
  const comparison = await runComparison(options);
  const table = formatComparison(comparison, options, references);
  process.stdout.write(table);
  mkdirSync(resultDirectory, { recursive: true });
  const stem = join(resultDirectory, comparison.startedAt.replaceAll(/[:.]/g, '-'));
  writeFileSync(`${stem}.txt`, table);
  writeFileSync(`${stem}.json`, comparisonJson(comparison, options, references));
  process.stderr.write(`written: ${stem}.json\n`);
}

if (import.meta.main) {
  // Ending in order is left to the listeners of «exit», which kill the servers and remove what was written.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  await main();
}
