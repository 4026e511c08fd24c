/** No index of a group means another to anybody, whatever the order of events; all that is given up is free in the end. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ForwardCounters } from '../../../src/forward/counts/forward-counters.ts';
import { GROUPS_MAX } from '../../../src/forward/forward-group.ts';
import { GroupModel, type Mutant } from './group-model.ts';

const SEED = Number(process.env['SKYSHARD_SEED'] ?? 1);
const RUNS = Number(process.env['SKYSHARD_RUNS'] ?? 12);
const STEPS = 500;
/** Runs in which a mutant has to be found. */
const MUTANT_RUNS = 40;

test(`${RUNS} random runs`, (t) => {
  let asked = 0;
  let most = 0;
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const model = new GroupModel(seed);
    try {
      model.run(STEPS);
      model.finish();
    } catch (error) {
      throw new Error(`SKYSHARD_SEED=${seed} SKYSHARD_RUNS=1`, { cause: error });
    }
    asked += model.asked;
    most = Math.max(most, model.mostGroups);
  }
  t.diagnostic(`${asked} questions, ${most} groups at a time`);
  assert.ok(asked > RUNS * 50 && most < GROUPS_MAX);
});

function finds(t: TestContext, mutant: Mutant): void {
  for (let seed = SEED; seed < SEED + MUTANT_RUNS; seed++) {
    const model = new GroupModel(seed, mutant);
    try {
      model.run(STEPS);
      model.finish();
    } catch (error) {
      t.diagnostic(`seed ${seed}: ${(error as Error).message.split('\n')[0]}`);
      return;
    }
  }
  assert.fail(`no run finds the fault of: ${mutant}`);
}

test('runs find the fault of: readers are not waited for', (t) => finds(t, 'readers are not waited for'));

test('runs find the fault of: shards are not waited for by who asks for them', (t) =>
  finds(t, 'shards are not waited for by who asks for them'));

test('runs find the fault of: threads are not waited for', (t) => {
  t.mock.method(ForwardCounters.prototype, 'setKnown', () => undefined);
  finds(t, 'threads are not waited for');
});
