/** A snapshot that is kept over many turns: what it retains, and how it is taken back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PIN, READER_SLOT, READER_SLOT_STRIDE, READER_SLOTS_AT } from '../../../src/memory/buffer-layout.ts';
import { EpochReader, EpochWriter, PINNED_SIZE_MAX, STALLED_AFTER_MS } from '../../../src/memory/epochs.ts';
import { PinnedReader } from '../../../src/memory/pinned-reader.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';

const BLOCK_SIZE = PINNED_SIZE_MAX / 4;

function setUp() {
  const buffer = reserveSharedBuffer({ sizeMax: 1 << 20 });
  const freed: number[] = [];
  const writer = new EpochWriter(buffer, { free: (reference) => freed.push(reference), sizeOf: () => BLOCK_SIZE });
  let root = 100;
  writer.publish(root);
  /** a change: the root before is retired */
  const publish = (): void => {
    writer.publish(root + 1);
    writer.retire(root++);
    writer.reclaim();
  };
  return { buffer, freed, writer, publish, pin: () => new PinnedReader(buffer, writer.claimSlot(1)) };
}

test('what a resting reader may go on with is not freed, and all of it is when it leaves', () => {
  const { pin, publish, freed, writer } = setUp();
  const reader = pin();
  assert.equal(reader.enter(), 100);
  reader.rest();
  for (let count = 0; count < 3; count++) publish();
  assert.deepEqual(freed, []);
  assert.equal(reader.resume(), true);
  publish();
  assert.deepEqual(freed, []);
  reader.leave();
  writer.reclaim();
  assert.deepEqual(freed, [100, 101, 102, 103]);
});

test('a resting reader that retains too much loses its snapshot, and may take a new one', () => {
  const { pin, publish, freed, writer } = setUp();
  const [old, young] = [pin(), pin()];
  old.enter();
  old.rest();
  publish();
  publish();
  assert.equal(young.enter(), 102);
  young.rest();
  publish();
  publish();
  assert.deepEqual(freed, []);
  publish();
  assert.deepEqual(freed, [100, 101], 'the younger one keeps its own');
  assert.equal(old.resume(), false);
  assert.equal(young.resume(), true);
  old.leave();
  assert.equal(old.enter(), 105);
  assert.equal(writer.retainedSize, 3 * BLOCK_SIZE);
});

test('a reader that is reading is never interrupted', () => {
  const { pin, publish, freed } = setUp();
  const reader = pin();
  reader.enter();
  for (let count = 0; count < 8; count++) publish();
  assert.deepEqual(freed, []);
  reader.rest();
  publish();
  assert.equal(freed.length, 9, 'taken back as soon as it rests');
  assert.equal(reader.resume(), false);
});

test('a snapshot that others hold too is taken back all the same, and freed when they have left', () => {
  const { pin, publish, freed, writer, buffer } = setUp();
  const reader = pin();
  const shard = new EpochReader(buffer, writer.claimSlot(2));
  reader.enter();
  reader.rest();
  shard.enter();
  for (let count = 0; count < 5; count++) publish();
  assert.deepEqual([reader.resume(), freed.length], [false, 0]);
  shard.leave();
  writer.reclaim();
  assert.equal(freed.length, 5);
});

test('a reader that rests for long does not hang; one that reads for long does', () => {
  const { pin, writer } = setUp();
  const reader = pin();
  reader.enter();
  reader.rest();
  writer.stalledReaders(0);
  assert.deepEqual(writer.stalledReaders(10 * STALLED_AFTER_MS), []);
  reader.resume();
  writer.stalledReaders(10 * STALLED_AFTER_MS);
  assert.equal(writer.stalledReaders(11 * STALLED_AFTER_MS).length, 1);
});

test('the slot of a thread that is gone holds nothing and says nothing of the one before', () => {
  const { buffer, writer, publish, freed } = setUp();
  const slot = writer.claimSlot(1);
  const reader = new PinnedReader(buffer, slot);
  reader.enter();
  reader.rest();
  publish();
  writer.releaseSlot(slot);
  writer.reclaim();
  assert.deepEqual(freed, [100]);
  const pinAt = READER_SLOTS_AT + slot * READER_SLOT_STRIDE + READER_SLOT.at.pin;
  assert.equal(new Uint32Array(buffer)[pinAt], PIN.NONE);
});
