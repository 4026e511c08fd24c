import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { BUFFER_HEADER, READER_MAX } from '../../../src/memory/buffer-layout.ts';
import { EpochReader, EpochWriter, nextGeneration, STALLED_AFTER_MS } from '../../../src/memory/epochs.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';

function setUp(generation = 1) {
  const buffer = reserveSharedBuffer({ sizeMax: 1 << 20 });
  new Uint32Array(buffer)[BUFFER_HEADER.at.generation] = generation;
  const freed: number[] = [];
  const writer = new EpochWriter(buffer, { free: (reference) => freed.push(reference), sizeOf: () => 64 });
  const reader = (owner: number) => new EpochReader(buffer, writer.claimSlot(owner));
  return { buffer, writer, freed, reader };
}

test('a reader that enters before the first publication has no root', () => {
  const { reader } = setUp();
  assert.equal(reader(1).enter(), 0);
});

test('what a busy reader may hold is freed after it has left, the rest at once', () => {
  const { writer, freed, reader } = setUp();
  const [first, second] = [reader(1), reader(2)];
  writer.publish(100);
  assert.equal(first.enter(), 100);
  writer.publish(101);
  writer.retire(100);
  assert.equal(second.enter(), 101);
  writer.publish(102);
  writer.retire(101);
  writer.reclaim();
  assert.deepEqual(freed, []);
  assert.deepEqual([writer.retainedCount, writer.retainedSize], [2, 128]);
  first.leave();
  writer.reclaim();
  assert.deepEqual(freed, [100], 'the second reader holds 101 only');
  assert.equal(second.enter(), 102, 'entering again lets go of the root before');
  writer.reclaim();
  assert.deepEqual(freed, [100, 101]);
  assert.deepEqual([writer.retainedCount, writer.retainedSize], [0, 0]);
});

test('generations wrap from 2³² − 1 to 1', () => {
  assert.equal(nextGeneration(0xffff_ffff), 1);
  assert.equal(nextGeneration(1), 2);
});

test('whatever readers do, nothing they hold is freed and all is freed when they leave, across the wrap too', () => {
  const readerCount = 3;
  const action = fc.oneof(
    { weight: 3, arbitrary: fc.constant(-1) },
    { weight: 5, arbitrary: fc.nat({ max: readerCount * 2 - 1 }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), fc.integer({ min: 0, max: 60 }), (actions, before) => {
      const { writer, freed, reader } = setUp((0xffff_ffff - before) >>> 0);
      const readers = Array.from({ length: readerCount }, (_, index) => reader(index + 1));
      const held = Array.from({ length: readerCount }, () => 0);
      let root = 0;
      let nextRoot = 1;
      for (const step of actions) {
        if (step < 0) {
          writer.publish(nextRoot);
          if (root !== 0) writer.retire(root);
          root = nextRoot++;
          writer.reclaim();
          for (const holding of held) assert.ok(!freed.includes(holding), `root ${holding} is held`);
        } else if (step < readerCount) held[step] = readers[step]!.enter();
        else {
          readers[step - readerCount]!.leave();
          held[step - readerCount] = 0;
        }
      }
      for (const each of readers) each.leave();
      writer.reclaim();
      assert.equal(new Set(freed).size, freed.length, 'freed twice');
      assert.equal(freed.length, Math.max(0, nextRoot - 2), 'all but the current root');
    }),
    { numRuns: 200 },
  );
});

test('thousands of blocks wait for one reader and are freed in order', () => {
  const { writer, freed, reader } = setUp();
  const holder = reader(1);
  writer.publish(1);
  holder.enter();
  const count = 10_000;
  for (let index = 0; index < count; index++) {
    writer.publish(index + 2);
    writer.retire(index + 1);
    if (index % 100 === 0) writer.reclaim();
  }
  assert.equal(writer.retainedCount, count);
  holder.leave();
  writer.reclaim();
  assert.deepEqual(
    freed,
    Array.from({ length: count }, (_, index) => index + 1),
  );
});

test('every slot can be claimed once, and again when it is released', () => {
  const { writer, reader, freed } = setUp();
  const slots = new Set(Array.from({ length: READER_MAX }, (_, index) => writer.claimSlot(index + 1)));
  assert.equal(slots.size, READER_MAX);
  assert.equal(writer.claimSlot(999), -1);
  writer.releaseSlot(5);
  assert.equal(writer.claimSlot(999), 5);
  writer.releaseSlot(5);
  const dead = reader(77);
  writer.publish(1);
  dead.enter();
  writer.publish(2);
  writer.retire(1);
  writer.reclaim();
  assert.deepEqual(freed, []);
  writer.releaseSlot(5);
  writer.reclaim();
  assert.deepEqual(freed, [1], 'the slot of a dead thread holds nothing');
});

test('a reader that is busy and does not move is reported after a second; one that moves or is idle is not', () => {
  const { writer, reader } = setUp();
  const [hanging, moving, idle] = [reader(11), reader(12), reader(13)];
  hanging.enter();
  moving.enter();
  idle.enter();
  idle.leave();
  assert.deepEqual(writer.stalledReaders(1000), []);
  moving.enter();
  assert.deepEqual(writer.stalledReaders(1000 + STALLED_AFTER_MS - 1), []);
  const stalled = writer.stalledReaders(1000 + STALLED_AFTER_MS);
  assert.deepEqual(stalled, [{ slot: 0, owner: 11, generation: 1, stalledMs: STALLED_AFTER_MS }]);
  hanging.enter();
  assert.deepEqual(
    writer.stalledReaders(1001 + STALLED_AFTER_MS).map(({ owner }) => owner),
    [],
  );
});
