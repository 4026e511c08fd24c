import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestartPace, successorText } from '../../../../src/server/threads/restart-pace.ts';

test('threads that end again and again come ever more rarely, until one is of use', () => {
  const pace = new RestartPace({ waitMs: 200, freeEnds: 3 });
  const waits = Array.from({ length: 14 }, () => pace.ended(false));
  assert.deepEqual(waits, [0, 0, 0, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
  assert.equal(pace.ended(true), 0);
  assert.equal(pace.ended(false), 0);
  assert.equal(successorText(200), 'its successor starts');
  assert.equal(successorText(25_600), 'its successor starts in 26 s');
});
