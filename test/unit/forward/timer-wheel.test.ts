import assert from 'node:assert/strict';
import test from 'node:test';
import { deadlineTickOf, TICK_MS, tickOf, TimerWheel } from '../../../src/forward/timer-wheel.ts';

/** A start like any other, and one whose ticks pass 2^31 within the test. */
const STARTS_MS = [12_345.6, (2 ** 31 - 100) * TICK_MS + 3.2];

for (const startMs of STARTS_MS) {
  test(`items come out in their time, none early, from ${startMs} ms on`, () => {
    const wheel = new TimerWheel(1000);
    const deadlines = new Map<number, number>();
    for (let item = 1; item <= 1000; item++) {
      const deadlineMs = startMs + ((item * 7919) % 5000);
      deadlines.set(item, deadlineMs);
      wheel.set(item, deadlineTickOf(deadlineMs), tickOf(startMs));
    }
    for (let item = 10; item <= 1000; item += 10) {
      wheel.clear(item);
      deadlines.delete(item);
    }
    for (let nowMs = startMs; deadlines.size > 0; nowMs += 7) {
      assert.ok(nowMs < startMs + 5200, `${deadlines.size} items never came`);
      for (let item = wheel.takeDue(tickOf(nowMs)); item !== 0; item = wheel.takeDue(tickOf(nowMs))) {
        const deadlineMs = deadlines.get(item);
        assert.ok(deadlineMs !== undefined, 'once, and not if cleared');
        assert.ok(nowMs >= deadlineMs && nowMs < deadlineMs + 2 * TICK_MS, `${nowMs - deadlineMs} ms late`);
        deadlines.delete(item);
      }
    }
    assert.equal(wheel.waitMs(startMs + 6000, 100), 100);
  });

  test(`a wait ends when the next item is due, from ${startMs} ms on`, () => {
    const wheel = new TimerWheel(2);
    wheel.set(1, deadlineTickOf(startMs + 60), tickOf(startMs));
    const waitMs = wheel.waitMs(startMs, 100);
    assert.ok(waitMs >= 60 && waitMs <= 60 + TICK_MS, `${waitMs} ms`);
    assert.notEqual(wheel.takeDue(tickOf(startMs + waitMs + 1)), 0);
  });
}
