/** For whom is waited before memory that was taken out of reach is used again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EpochReader, EpochWriter } from '../../../src/memory/epochs.ts';
import { GracePeriod } from '../../../src/memory/grace-period.ts';
import { PinnedReader } from '../../../src/memory/pinned-reader.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';

test('for readers that are at it, until they enter anew or are idle; not for one that keeps its snapshot for long', () => {
  const buffer = reserveSharedBuffer({ sizeMax: 1 << 20 });
  const writer = new EpochWriter(buffer, { free: () => undefined, sizeOf: () => 8 });
  const [first, second] = [1, 2].map((owner) => new EpochReader(buffer, writer.claimSlot(owner)));
  const pinned = new PinnedReader(buffer, writer.claimSlot(3));
  const grace = new GracePeriod(buffer, -1);
  first!.enter();
  second!.enter();
  pinned.enter();
  pinned.rest();
  grace.begin();
  assert.equal(grace.isOver(), false);
  first!.enter();
  assert.equal(grace.isOver(), false);
  second!.leave();
  assert.equal(grace.isOver(), true);
});
