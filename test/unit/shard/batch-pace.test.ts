/** When a shard lets a moment pass before it receives. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { BatchPace } from '../../../src/shard/batch-pace.ts';

/** Windows of 20 ms with batches of one. @returns whether a pause is due then */
function isPausing(queriesPerMs: number, askedShare: number): boolean {
  const pace = new BatchPace();
  let nowMs = 1000;
  for (let batch = 0; batch < 100 * queriesPerMs; batch++) {
    nowMs += 1 / queriesPerMs;
    if (pace.add(1, nowMs)) pace.next(pace.queries * askedShare, nowMs);
  }
  return pace.isPauseDue(1);
}

test('small batches of own answers are made larger from 5 queries a millisecond on', () => {
  assert.equal(isPausing(4, 0), false);
  assert.equal(isPausing(6, 0), true);
  assert.equal(isPausing(6, 0.1), true, 'a few questions for upstreams change nothing');
});

test('what is asked upstream does not wait twice, but where very many come', () => {
  for (const rate of [4, 6, 10, 20]) assert.equal(isPausing(rate, 1), false, `${rate}`);
  assert.equal(isPausing(20, 0.5), false);
  assert.equal(isPausing(30, 1), true);
});

test('no pause after a large batch, nor after a moment without any', () => {
  const pace = new BatchPace();
  pace.add(1000, 5000);
  pace.next(0, 5000 + 20);
  pace.add(1000, 5040);
  pace.next(0, 5040);
  assert.equal(pace.isPauseDue(15), true);
  assert.equal(pace.isPauseDue(16), false);
  pace.add(7, 5050);
  pace.rest();
  assert.equal(pace.isPauseDue(1), false);
  assert.equal(pace.queries, 7, 'the window has them still');
});
