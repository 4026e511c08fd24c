/** The comparison of starts, tiny: its figures mean nothing; that every server starts and answers does. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareStarts, findMissingStartTool, parseStartArguments } from '../../../native-free-bench/compare-start.ts';

const missingTool = findMissingStartTool();
const TINY = '--cases demo,small --rounds 1 --endpoints 2';

test(
  'every start comes to a right answer and is measured',
  { skip: missingTool === undefined ? false : `${missingTool} is not in PATH` },
  async (t) => {
    const skipped: string[] = [];
    const table = await compareStarts(parseStartArguments(TINY.split(' ')), (line) => {
      if (line.startsWith('skipped: ')) skipped.push(line);
    });
    t.diagnostic([...skipped, table].join('\n'));
    const starts =
      /^(\w+), (\w+): first answer [1-9]\d* ms, CPU until then [1-9]\d* ms, resident [1-9]\d* MiB, own [1-9]\d* MiB$/gm;
    const measured = [...table.matchAll(starts)].map(([, name, program]) => `${name} ${program}`);
    const peers = skipped.length === 0 ? ['small coredns'] : [];
    assert.deepEqual(measured, ['demo skyshard', 'small skyshard', ...peers]);
  },
);

test('a case that does not exist, one without its cluster, and a number that is none are refused by name', () => {
  assert.throws(() => parseStartArguments(['--cases', 'demo,tiny']), /no case is called tiny: demo, small/);
  assert.throws(() => parseStartArguments(['--cases', 'real']), /wants --kubeconfig FILE and --ask NAME/);
  assert.throws(() => parseStartArguments(['--rounds', '0']), /--rounds wants a positive number, not 0/);
});
