/** The comparison itself, tiny: every contender that is installed, a few hundred queries. Its figures mean nothing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTENDERS, findMissingTool, parseCompareArguments } from '../../../native-free-bench/compare.ts';
import type { Contender } from '../../../native-free-bench/contenders/contender.ts';
import { comparisonJson, formatComparison, summariseCase } from '../../../native-free-bench/measure/report.ts';
import { runComparison } from '../../../native-free-bench/measure/run-comparison.ts';

const TINY =
  '--rounds 1 --seconds 0.05 --queries 300 --services 200 --endpoints 2 --namespaces 5 --outstanding 20 --server-cpus 0 --load-cpus 0';

const missingTool = findMissingTool();
const skip = missingTool === undefined ? false : `${missingTool} is not in PATH`;

async function runTiny(contenders: readonly Contender[], further: readonly string[]) {
  const { options, references } = parseCompareArguments([...TINY.split(' '), ...further]);
  const quiet = { ...options, contenders, log: () => undefined };
  return { comparison: await runComparison(quiet), options: quiet, references };
}

for (const contender of CONTENDERS) {
  test(`${contender.name} takes part in a comparison`, { skip }, async (t) => {
    const missing = await contender.findWhyMissing();
    if (missing !== undefined) {
      t.skip(`${contender.name}: ${missing}`);
      return;
    }
    const kinds = contender.isEcho ? 'a-edns,srv' : 'a-edns,nxdomain,srv,ptr';
    const { comparison, options, references } = await runTiny([contender], ['--kinds', kinds]);
    for (const { contender: name, kind, checksum, answered, asked } of comparison.samples) {
      assert.equal(answered, asked, `${name} left queries of kind ${kind} without a response`);
      t.diagnostic(`checksum ${kind} ${checksum}`);
    }
    assert.equal(comparison.cases.length, kinds.split(',').length);
    for (const compared of comparison.cases) {
      const [summary] = summariseCase(compared, references);
      assert.ok(summary!.cpuUs.median > 0 && summary!.answersPerSecond > 0);
      const querySize = compared.contenders[0]!.measurements[0]!.load.querySize;
      if (contender.isEcho) assert.equal(Math.round(summary!.responseSize - querySize), compared.growthSize);
    }
    assert.match(formatComparison(comparison, options, references), new RegExp(`^${contender.name} `, 'm'));
    assert.doesNotThrow(() => JSON.parse(comparisonJson(comparison, options, references)));
  });
}

test('servers that answer for real agree on the sample of every kind', { skip }, async (t) => {
  const present: Contender[] = [];
  for (const contender of CONTENDERS) {
    if (!contender.isEcho && (await contender.findWhyMissing()) === undefined) present.push(contender);
  }
  if (present.length < 2) {
    t.skip(`needs two of skyshard, knot and coredns; there is ${present.map(({ name }) => name).join() || 'none'}`);
    return;
  }
  const { comparison } = await runTiny(present, ['--kinds', 'a,nxdomain,srv,ptr,a-headless']);
  for (const { contender, difference } of comparison.samples) {
    assert.equal(difference, undefined, `${contender} differs: ${difference}`);
  }
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
