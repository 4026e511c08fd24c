import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BUFFER_HEADER } from '../../../src/memory/buffer-layout.ts';
import { BUFFER_SIZE_MIN, checkSharedBuffer, reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';

test('the reservation is halved where the system refuses it', () => {
  const asked: number[] = [];
  const buffer = reserveSharedBuffer({
    sizeMax: 256 << 20,
    reserve: (size) => {
      asked.push(size >> 20);
      if (size > 64 << 20) throw new RangeError('Array buffer allocation failed');
      return new SharedArrayBuffer(size);
    },
  });
  assert.deepEqual(asked, [256, 128, 64]);
  assert.equal(buffer.byteLength, 64 << 20);
  checkSharedBuffer(buffer);
});

test('a system that refuses even the smallest size is a fault with a code', () => {
  let smallest = Infinity;
  const reserve = (size: number): never => {
    smallest = size;
    throw new RangeError('Array buffer allocation failed');
  };
  assert.throws(() => reserveSharedBuffer({ reserve }), { code: 'MEMORY_RESERVE' });
  assert.equal(smallest, BUFFER_SIZE_MIN);
});

test('the size is whole chunks and the seed of the hash differs from process to process', () => {
  const first = reserveSharedBuffer({ sizeMax: (20 << 20) + 12_345 });
  const second = reserveSharedBuffer({ sizeMax: 20 << 20 });
  assert.equal(first.byteLength, 20 << 20);
  const seedOf = (buffer: SharedArrayBuffer): number => new Uint32Array(buffer)[BUFFER_HEADER.at.hashSeed]!;
  assert.notEqual(seedOf(first), seedOf(second));
  assert.equal(seedOf(reserveSharedBuffer({ sizeMax: 20 << 20, hashSeed: 99 })), 99);
});

for (const [field, what] of [
  ['magic', /magic/],
  ['version', /version/],
  ['sizeUnits', /size/],
  ['readerMax', /size/],
] as const) {
  test(`a buffer with another ${field} is not believed`, () => {
    const buffer = reserveSharedBuffer({ sizeMax: 16 << 20 });
    new Uint32Array(buffer)[BUFFER_HEADER.at[field]]! ^= 1;
    assert.throws(() => checkSharedBuffer(buffer), { code: 'SNAPSHOT_CORRUPT', message: what });
  });
}
