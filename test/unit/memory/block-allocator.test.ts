import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { BlockAllocator, CHUNK_SIZE, CLASS_SIZES } from '../../../src/memory/block-allocator.ts';
import { BLOCKS_AT, UNIT_SIZE } from '../../../src/memory/buffer-layout.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';

const BUFFER_SIZE = 4 << 20;

test('size classes rise, are whole units, and lose at most a seventh above 512 octets', () => {
  assert.deepEqual(CLASS_SIZES.slice(0, 3), [8, 16, 24]);
  for (let index = 1; index < CLASS_SIZES.length; index++) {
    const size = CLASS_SIZES[index]!;
    const previous = CLASS_SIZES[index - 1]!;
    assert.equal(size % UNIT_SIZE, 0);
    assert.ok(size > previous);
    if (size > 512 && size < CHUNK_SIZE / 8) assert.ok(size / previous < 1.15, `${previous} → ${size}`);
  }
});

test('a new process pays for no page before a block is taken', () => {
  const before = process.memoryUsage().rss;
  const buffer = reserveSharedBuffer();
  const allocator = new BlockAllocator(buffer);
  for (let index = 0; index < 1000; index++) allocator.allocate(16);
  const grown = process.memoryUsage().rss - before;
  assert.ok(buffer.byteLength >= 256 << 20);
  assert.ok(grown < 32 << 20, `resident memory grew by ${grown} octets`);
});

test('blocks never overlap, keep what is written, and all freed leaves nothing live', () => {
  const action = fc.oneof(
    { weight: 6, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 200 }) }) },
    { weight: 1, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 60_000 }) }) },
    { weight: 5, arbitrary: fc.record({ free: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
      const buffer = reserveSharedBuffer({ sizeMax: BUFFER_SIZE });
      const words = new Uint32Array(buffer);
      let freedChunks = 0;
      const allocator = new BlockAllocator(buffer, { onChunkFree: (_offset, size) => (freedChunks += size) });
      const live: { reference: number; wordCount: number; mark: number }[] = [];
      const check = (block: (typeof live)[number]): void => {
        for (let index = 0; index < block.wordCount; index++) {
          assert.equal(words[block.reference * 2 + index], block.mark);
        }
      };
      let mark = 0;
      for (const step of actions) {
        if ('take' in step) {
          const reference = allocator.allocate(step.take);
          if (reference === 0) continue;
          assert.ok(allocator.sizeOf(reference) >= step.take * 4);
          assert.ok(reference * 8 >= BLOCKS_AT && reference * 8 + step.take * 4 <= BUFFER_SIZE);
          words.fill(++mark, reference * 2, reference * 2 + step.take);
          live.push({ reference, wordCount: step.take, mark });
        } else if (live.length > 0) {
          const [block] = live.splice(step.free % live.length, 1);
          check(block!);
          allocator.free(block!.reference);
        }
      }
      const expectedSize = live.reduce((sum, block) => sum + allocator.sizeOf(block.reference), 0);
      assert.equal(allocator.liveSize, expectedSize);
      const reservedBefore = allocator.reservedSize;
      const freedBefore = freedChunks;
      for (const block of live) {
        check(block);
        allocator.free(block.reference);
      }
      const { liveSize, liveCount, chunkCount, classes, largeSize } = allocator.statistics();
      assert.deepEqual(
        { liveSize, liveCount, chunkCount, classes, largeSize },
        {
          liveSize: 0,
          liveCount: 0,
          chunkCount: 0,
          classes: [],
          largeSize: 0,
        },
      );
      assert.equal(freedChunks - freedBefore, reservedBefore, 'onChunkFree told of every chunk');
    }),
    { numRuns: 60 },
  );
});

test('a full buffer gives 0, and everything again once all is freed', () => {
  const allocator = new BlockAllocator(reserveSharedBuffer({ sizeMax: 1 << 20 }), { reserveChunkCount: 2 });
  const fill = (isReserveOpen: boolean): number[] => {
    const taken: number[] = [];
    for (let reference = allocator.allocate(64, isReserveOpen); reference !== 0;) {
      taken.push(reference);
      reference = allocator.allocate(64, isReserveOpen);
    }
    return taken;
  };
  const first = fill(false);
  assert.equal(first.length, (13 * CHUNK_SIZE) / 256, '15 chunks but for the reserve of 2');
  assert.equal(allocator.allocate(20_000), 0, 'no run of chunks either');
  const reserve = fill(true);
  assert.equal(reserve.length, (2 * CHUNK_SIZE) / 256);
  assert.equal(new Set([...first, ...reserve]).size, first.length + reserve.length);
  for (const reference of [...first, ...reserve]) allocator.free(reference);
  assert.equal(fill(false).length, first.length);
});

test('a block taken after another was freed lies where that was, not on new memory', () => {
  const allocator = new BlockAllocator(reserveSharedBuffer({ sizeMax: BUFFER_SIZE }));
  const references = Array.from({ length: 100 }, () => allocator.allocate(10));
  const high = Math.max(...references);
  for (const reference of references.slice(0, 50)) allocator.free(reference);
  for (let index = 0; index < 50; index++) assert.ok(allocator.allocate(10) <= high);
});

test('a reference that is no live block is a bug that is caught', () => {
  const allocator = new BlockAllocator(reserveSharedBuffer({ sizeMax: BUFFER_SIZE }));
  const reference = allocator.allocate(10);
  const large = allocator.allocate(40_000);
  for (const wrong of [0, 1, reference + 1, large + 1, large + CHUNK_SIZE / 8, BUFFER_SIZE / 8]) {
    assert.throws(() => allocator.free(wrong), { code: 'INTERNAL_ASSERTION' }, String(wrong));
  }
  allocator.free(reference);
  assert.throws(() => allocator.free(reference), { code: 'INTERNAL_ASSERTION' });
});
