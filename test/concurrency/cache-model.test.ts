import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CACHE_MUTANTS, CacheModel } from './cache-model.ts';

describe('taking back memory of the cache', () => {
  for (const bounds of [
    { laps: 3, readers: 1, rounds: 3 },
    { laps: 2, readers: 2, rounds: 1 },
  ]) {
    it(`no execution of ${JSON.stringify(bounds)} has a fault`, (context) => {
      const { fault, states } = new CacheModel(bounds).search();
      assert.equal(fault, undefined);
      context.diagnostic(`${states} states`);
    });
  }
});

describe('each way to get it wrong is found:', () => {
  for (const mutant of CACHE_MUTANTS) {
    it(mutant, () => {
      assert.notEqual(new CacheModel({ laps: 2, readers: 1, rounds: 2 }, mutant).search().fault, undefined);
    });
  }
});
