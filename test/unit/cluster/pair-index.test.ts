import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PairIndex } from '../../../src/cluster/pair-index.ts';

test('it holds what a map holds, through growing, deleting and shrinking', () => {
  const index = new PairIndex();
  const map = new Map<string, number>();
  let seed = 3;
  const next = (bound: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * bound);
  };
  for (let step = 0; step < 40_000; step++) {
    const first = next(30);
    const second = next(60);
    // More is set than deleted in the first half, and the other way round in the second.
    if (next(10) < (step < 20_000 ? 7 : 2)) {
      index.set(first, second, step + 1);
      map.set(`${first} ${second}`, step + 1);
    } else {
      index.delete(first, second);
      map.delete(`${first} ${second}`);
    }
    assert.equal(index.count, map.size);
    if (step % 1000 !== 0) continue;
    for (let a = 0; a < 30; a++) {
      for (let b = 0; b < 60; b++) assert.equal(index.get(a, b), map.get(`${a} ${b}`) ?? 0);
    }
  }
});

test('it gives memory back', () => {
  const index = new PairIndex();
  for (let id = 1; id <= 10_000; id++) index.set(1, id, id);
  const full = index.byteSize;
  for (let id = 1; id <= 10_000; id++) index.delete(1, id);
  assert.ok(index.byteSize < full / 10);
});
