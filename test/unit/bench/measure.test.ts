import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { parseCompareArguments } from '../../../native-free-bench/compare.ts';
import { parseDnsperfOutput } from '../../../native-free-bench/measure/dnsperf.ts';
import { cpuSpent, readCpuTime } from '../../../native-free-bench/measure/process-cpu.ts';
import { turnedOrder } from '../../../native-free-bench/measure/run-comparison.ts';
import { pairedRatios, quartiles } from '../../../native-free-bench/measure/statistics.ts';

const DNSPERF_OUTPUT = `DNS Performance Testing Tool
Version 2.10.0

[Status] Stopping after 1.000000 seconds
> NOERROR a.default.svc.cluster.local A 0.000100
> T b.default.svc.cluster.local A
> NXDOMAIN c.default.svc.cluster.local A 0.000300
[Status] Testing complete (time limit)

Statistics:

  Queries sent:         3
  Queries completed:    2 (66.67%)
  Queries lost:         1 (33.33%)

  Response codes:       NOERROR 1 (50.00%), NXDOMAIN 1 (50.00%)
  Average packet size:  request 49, response 65
  Run time (s):         1.000124
  Queries per second:   1.999752

  Average Latency (s):  0.000200 (min 0.000100, max 0.000300)
`;

test('dnsperf: counts, rcodes, sizes and the latency of each answered query are read', () => {
  const load = parseDnsperfOutput(DNSPERF_OUTPUT);
  assert.deepEqual([load.sent, load.answered, load.lost], [3, 2, 1]);
  assert.deepEqual(
    [...load.rcodes],
    [
      ['NOERROR', 1],
      ['NXDOMAIN', 1],
    ],
  );
  assert.deepEqual([load.querySize, load.responseSize, load.seconds], [49, 65, 1.000124]);
  assert.equal(load.latencyUs?.totalCount, 2);
  assert.equal(load.latencyUs.maxValue, 300);
  assert.equal(load.latencyUs.minNonZeroValue, 100);
});

test('dnsperf: output without statistics is an error that shows it', () => {
  assert.throws(() => parseDnsperfOutput('Error: unable to open input file'), /unable to open input file/);
});

test('a ratio is taken within its round, so a slow round leaves it alone', () => {
  const ratios = pairedRatios([2, 20, 2.2], [1, 10, 1]);
  assert.deepEqual(ratios, [2, 2, 2.2]);
  assert.deepEqual(quartiles([4, 1, 3, 2]), { lower: 1.75, median: 2.5, upper: 3.25 });
  assert.throws(() => pairedRatios([1], [1, 2]), RangeError);
});

test('each contender is measured once a round, and comes first in turn', () => {
  const rounds = [0, 1, 2].map((round) => turnedOrder(3, round));
  for (const order of rounds) assert.deepEqual(order.toSorted(), [0, 1, 2]);
  assert.equal(new Set(rounds.map((order) => order[0])).size, 3);
});

test('CPU time is that of the whole process group, children included', async () => {
  const busy = 'const end = performance.now() + 300; while (performance.now() < end);';
  const parent = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(`${busy} setTimeout(() => 0, 20000)`)}]); setTimeout(() => 0, 20000)`;
  const child = spawn(process.execPath, ['-e', parent], { detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  const group = child.pid!;
  try {
    const before = readCpuTime(group);
    let spentMs = 0;
    const deadlineMs = performance.now() + 15_000;
    while (spentMs < 250 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      spentMs = cpuSpent(before, readCpuTime(group)).totalMs;
    }
    assert.ok(spentMs >= 250, `${spentMs} ms`);
    const after = readCpuTime(group);
    assert.ok(after.threadNs.size > before.threadNs.size);
    const { threadMs, totalMs } = cpuSpent(before, after);
    const sum = [...threadMs.values()].reduce((total, ms) => total + ms, 0);
    assert.ok(Math.abs(sum - totalMs) < 1, `threads ${sum} ms, in all ${totalMs} ms`);
  } finally {
    process.kill(-group, 'SIGKILL');
  }
});

test('arguments: defaults, lists, and errors that name what is wrong', () => {
  const { options, references } = parseCompareArguments(['--kinds', 'a,srv', '--rates', 'saturated,20000']);
  assert.equal(options.rounds, 9);
  assert.deepEqual(options.kinds, ['a', 'srv']);
  assert.deepEqual(options.rates, [undefined, 20_000]);
  assert.deepEqual(references, ['c-echo', 'knot', 'coredns']);
  assert.throws(() => parseCompareArguments(['--contenders', 'bind9']), /no contender is called bind9: skyshard,/);
  assert.throws(() => parseCompareArguments(['--kinds', 'mx']), /no kind of query is called mx/);
  assert.throws(() => parseCompareArguments(['--rounds', '0']), /--rounds wants a positive number, not 0/);
});
