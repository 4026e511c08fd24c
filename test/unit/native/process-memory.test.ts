import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadLibc, nativeUnavailableReason } from '../../../src/native/libc.ts';
import { discardPages, shrinkHeap } from '../../../src/native/process-memory.ts';

const skip = nativeUnavailableReason() ?? false;

test('discarded pages read as zeros, what lies beside them stays', { skip }, () => {
  const libc = loadLibc();
  const buffer = new SharedArrayBuffer(4 << 20);
  const octets = new Uint8Array(buffer).fill(7);
  const offset = 1 << 20;
  const size = 1 << 20;
  discardPages(libc, buffer, offset, size);
  assert.equal(octets[offset + size / 2], 0);
  assert.ok(octets.subarray(0, offset).every((octet) => octet === 7));
  assert.ok(octets.subarray(offset + size).every((octet) => octet === 7));
  // All but the pages at its two ends, which may be shared with what lies beside.
  const kept = octets.subarray(offset, offset + size).reduce((count, octet) => count + (octet === 7 ? 1 : 0), 0);
  assert.ok(kept < 2 * 65_536, `${kept} octets are still there`);
});

test('a part smaller than a page is left alone', { skip }, () => {
  const buffer = new SharedArrayBuffer(1 << 20);
  const octets = new Uint8Array(buffer).fill(7);
  discardPages(loadLibc(), buffer, 8, 2048);
  assert.ok(octets.every((octet) => octet === 7));
});

test('the heap gives back what garbage took', { skip }, () => {
  let garbage: number[][] | undefined = Array.from({ length: 200 }, () => Array.from({ length: 20_000 }, Math.random));
  const before = process.memoryUsage();
  garbage = undefined;
  shrinkHeap(loadLibc());
  assert.equal(garbage, undefined);
  const after = process.memoryUsage();
  assert.ok(after.heapUsed < before.heapUsed - (16 << 20), `${before.heapUsed} → ${after.heapUsed}`);
  assert.equal(typeof (globalThis as { gc?: unknown }).gc, 'undefined', 'nothing is left in the global scope');
});
