import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadLibc, nativeUnavailableReason } from '../../../src/native/libc.ts';
import { MemoryRelief } from '../../../src/server/memory-relief.ts';

const DEADLINE_MS = 20_000;

test('garbage of a list is given back when the list has ended, of a later one too', async () => {
  let isListing = true;
  const relief = new MemoryRelief({ libc: undefined, isListing: () => isListing });
  relief.start();
  try {
    for (const which of ['first', 'second']) {
      isListing = true;
      const list = new WeakRef(Array.from({ length: 100_000 }, (_, index) => ({ index })));
      await sleep(600);
      isListing = false;
      const deadline = performance.now() + DEADLINE_MS;
      while (list.deref() !== undefined) {
        assert.ok(performance.now() < deadline, `what the ${which} list left behind is still there`);
        await sleep(20);
      }
    }
  } finally {
    relief.stop();
  }
});

test(
  'while something is listed the C library gives back what it holds, and garbage waits',
  {
    skip: nativeUnavailableReason() ?? false,
  },
  async () => {
    let trims = 0;
    const libc = { ...loadLibc(), malloc_trim: () => ++trims };
    const relief = new MemoryRelief({ libc, isListing: () => true });
    relief.start();
    relief.releaseCode();
    const atStart = trims;
    const deadline = performance.now() + DEADLINE_MS;
    while (trims < atStart + 2 && performance.now() < deadline) await sleep(20);
    relief.stop();
    assert.equal(atStart, 1);
    assert.ok(trims >= 3, `${trims} times`);
  },
);
