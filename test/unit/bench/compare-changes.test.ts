/** The comparison of changes, tiny: its figures mean nothing; that every change is seen and every list is sent again does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareChanges,
  findMissingChangeTool,
  parseChangeArguments,
} from '../../../native-free-bench/compare-changes.ts';

const missingTool = findMissingChangeTool();
const TINY =
  '--services 60 --endpoints 3 --starts 1 --first 3 --changes 5 --pace 5 --timed 3 --rounds 1 --seconds 0.3 --rest 50';

test(
  'changes are measured until they are seen, and lists while they are sent again',
  { skip: missingTool === undefined ? false : `${missingTool} is not in PATH` },
  async (t) => {
    const table = await compareChanges({ ...parseChangeArguments(TINY.split(' ')), log: () => undefined });
    t.diagnostic(table);
    for (const line of [
      /^skyshard, CPU ms, all changes: [\d.]+ \[/m,
      /^skyshard, visible p99, ms: [\d.]+ \[/m,
      /^skyshard, p99 while listing, µs × skyshard, p99 quiet, µs: [\d.]+ \[.*wanted 2$/m,
      /^skyshard, \/health at the most, ms: [\d.]+ \[/m,
      /^skyshard, lists: [1-9]/m,
    ]) {
      assert.match(table, line);
    }
    if (/^skipped: coredns/m.test(table)) return;
    assert.match(table, /^skyshard, visible p50, ms × coredns, visible p50, ms: [\d.]+ \[.*wanted 1$/m);
  },
);

test('a case that does not exist, and lists of a real API server, are refused by name', () => {
  assert.throws(() => parseChangeArguments(['--cases', 'change,lists']), /no case is called lists: change, relist/);
  assert.throws(() => parseChangeArguments(['--api', 'real']), /--cases relist wants --api fake/);
  assert.throws(() => parseChangeArguments(['--pace', 'slow']), /--pace wants a positive number, not slow/);
});
