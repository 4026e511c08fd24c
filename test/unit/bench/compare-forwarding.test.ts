/** The comparison of forwarded answers, tiny: its figures mean nothing; that every server answers and every bar has a ratio does. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareForwarding,
  findMissingForwardingTool,
  parseForwardingArguments,
} from '../../../native-free-bench/compare-forwarding.ts';

const missingTool = findMissingForwardingTool();
const TINY = '--rounds 1 --seconds 0.05 --names 300 --cache-entries 1024 --server-cpus 0 --load-cpus 0';

test(
  'every case has a ratio for each bar whose servers are there',
  { skip: missingTool === undefined ? false : `${missingTool} is not in PATH` },
  async (t) => {
    const table = await compareForwarding({ ...parseForwardingArguments(TINY.split(' ')), log: () => undefined });
    t.diagnostic(table);
    const skipped = table.split('\n').filter((line) => line.startsWith('skipped: ')).length;
    assert.ok(skipped <= 3, 'skyshard itself takes part');
    for (const bar of [
      /^skyshard, cache hit × skyshard, Service: [\d.]+ \[.*wanted 1\.15$/m,
      /^skyshard with log, Service, 20,000\/s × .* p99 [\d.]+ \[/m,
      /^skyshard, mmsg: hits of 100 names at 2000\/s: .* lost .* wanted 1 %/m,
      /^skyshard, mmsg, own questions alone, [\d.]+ % .* wanted 95 %$/m,
      /^skyshard, dgram with 3 busy programs on its CPU, \d+ own questions a second \(50 % of .* wanted 95 %/m,
    ]) {
      assert.match(table, bar);
    }
  },
);

test('a case that does not exist, and a number that is none, are refused by name', () => {
  assert.throws(() => parseForwardingArguments(['--cases', 'hit,mist']), /no case is called mist: hit, miss/);
  assert.throws(() => parseForwardingArguments(['--rounds', 'many']), /--rounds wants a positive number, not many/);
});
