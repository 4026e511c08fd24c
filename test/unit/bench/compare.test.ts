/**
 * The comparison itself, tiny: one round of every contender that is installed, a few hundred queries. Its figures mean
 * nothing; that it runs, and that the servers agree, does.
 */

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { CONTENDERS, findMissingTool, parseCompareArguments } from '../../../native-free-bench/compare.ts';
import type { Contender } from '../../../native-free-bench/contenders/contender.ts';
import { startServerProcess } from '../../../native-free-bench/contenders/server-process.ts';
import { comparisonJson, formatComparison, summariseCase } from '../../../native-free-bench/measure/report.ts';
import { runComparison } from '../../../native-free-bench/measure/run-comparison.ts';
import type { Comparison, ComparisonOptions } from '../../../native-free-bench/measure/run-comparison.ts';

const TINY =
  '--rounds 1 --seconds 0.03 --warm-up 0 --queries 300 --services 200 --endpoints 2 --namespaces 5 --outstanding 20 --server-cpus 0 --load-cpus 0';

interface TinyRun {
  readonly comparison: Comparison;
  readonly options: ComparisonOptions;
  readonly references: readonly string[];
}

const missingTool = findMissingTool();
const skip = missingTool === undefined ? false : `${missingTool} is not in PATH`;
let all: TinyRun;

async function runTiny(contenders: readonly Contender[], further: readonly string[]): Promise<TinyRun> {
  const { options, references } = parseCompareArguments([...TINY.split(' '), ...further]);
  const quiet = { ...options, contenders, log: () => undefined };
  return { comparison: await runComparison(quiet), options: quiet, references };
}

before(async () => {
  if (skip === false) all = await runTiny(CONTENDERS, ['--kinds', 'a-edns,nxdomain,srv,ptr,a-headless']);
});

for (const { name, isEcho } of CONTENDERS) {
  test(`${name} takes part in a comparison`, { skip }, (t) => {
    const { comparison, options, references } = all;
    const missing = comparison.skipped.get(name);
    if (missing !== undefined) {
      t.skip(`${name}: ${missing}`);
      return;
    }
    const samples = comparison.samples.filter((sample) => sample.contender === name);
    assert.equal(samples.length, options.kinds.length);
    for (const { kind, checksum, answered, asked } of samples) {
      assert.equal(answered, asked, `queries of kind ${kind} without a response`);
      t.diagnostic(`checksum ${kind} ${checksum}`);
    }
    for (const compared of comparison.cases) {
      const summary = summariseCase(compared, references).find((candidate) => candidate.name === name);
      assert.ok(summary!.cpuUs.median > 0 && summary!.answersPerSecond > 0);
      const { load } = compared.contenders.find((contender) => contender.name === name)!.measurements[0]!;
      // dnsperf rounds the mean sizes down to whole octets.
      if (isEcho) assert.ok(Math.abs(load.responseSize - load.querySize - compared.growthSize) <= 1);
    }
    assert.match(formatComparison(comparison, options, references), new RegExp(`^${name} `, 'm'));
  });
}

test('servers that answer for real agree on the sample of every kind', { skip }, (t) => {
  const { comparison } = all;
  const present = CONTENDERS.filter(({ name, isEcho }) => !isEcho && !comparison.skipped.has(name));
  if (present.length < 2) {
    t.skip(`needs two of skyshard, knot and coredns; there is ${present.map(({ name }) => name).join() || 'none'}`);
    return;
  }
  for (const { contender, difference } of comparison.samples) {
    assert.equal(difference, undefined, `${contender} differs: ${difference}`);
  }
});

test('the JSON has every round of every case', { skip }, () => {
  const { comparison, options, references } = all;
  const json = JSON.parse(comparisonJson(comparison, options, references)) as {
    cases: { contenders: { rounds: { answered: number }[] }[] }[];
    skipped: Record<string, string>;
  };
  const rounds = json.cases.flatMap(({ contenders }) => contenders.flatMap((contender) => contender.rounds));
  const present = CONTENDERS.length - Object.keys(json.skipped).length;
  assert.equal(rounds.length, options.kinds.length * present * options.rounds);
  for (const { answered } of rounds) assert.ok(answered > 0);
});

test('at a fixed rate there are latency percentiles, and a missing contender is named', { skip }, async () => {
  const echo = CONTENDERS.find((contender) => contender.name === 'dgram-echo')!;
  const absent: Contender = { ...echo, name: 'absent', findWhyMissing: async () => 'it is not there' };
  const further = ['--kinds', 'a', '--rates', '2000', '--references', 'dgram-echo'];
  const { comparison, options, references } = await runTiny([echo, absent], further);
  const [summary] = summariseCase(comparison.cases[0]!, references);
  assert.ok(summary!.latencyUs!.p50 > 0 && summary!.latencyUs!.p50 <= summary!.latencyUs!.p99);
  assert.equal(summary!.p99Ratios.get('dgram-echo')!.median, 1);
  assert.match(formatComparison(comparison, options, references), /^skipped: absent: it is not there$/m);
});

test('a server that ends by itself is an error that holds what it said', { skip }, async () => {
  const echo = CONTENDERS.find((contender) => contender.name === 'dgram-echo')!;
  const short: Contender = {
    ...echo,
    name: 'short',
    start: ({ directory, cpus }) =>
      startServerProcess({ command: [process.execPath, '-e', 'throw new Error("no such zone")'], cpus, directory }),
  };
  await assert.rejects(runTiny([short], ['--kinds', 'a']), /ended before it was told to:[^]*no such zone/);
});
