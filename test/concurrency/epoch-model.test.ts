/** The epoch protocol holds in every execution of the model, each mutant of it fails, and the code is the model's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BUFFER_HEADER, READER_SLOT, READER_SLOT_STRIDE, READER_SLOTS_AT } from '../../src/memory/buffer-layout.ts';
import { EpochReader, EpochWriter } from '../../src/memory/epochs.ts';
import { reserveSharedBuffer } from '../../src/memory/shared-buffer.ts';
import { EpochModel, MUTANTS } from './epoch-model.ts';
import type { ModelBounds, Mutant } from './epoch-model.ts';

/** SKYSHARD_MODEL=deep searches further: minutes, and a GiB or two. */
const isDeep = process.env['SKYSHARD_MODEL'] === 'deep';

const ONE_READER: ModelBounds = { publications: 4, readers: 1, rounds: 3, blocks: 2 };
const TWO_READERS: ModelBounds = isDeep
  ? { publications: 4, readers: 2, rounds: 2, blocks: 3 }
  : { publications: 3, readers: 2, rounds: 1, blocks: 2 };

for (const [name, bounds] of Object.entries({ 'one reader': ONE_READER, 'two readers': TWO_READERS })) {
  test(`no execution with ${name} reads a freed block or races`, (context) => {
    const { states, fault, trace } = new EpochModel(bounds).search();
    context.diagnostic(`${states} states`);
    assert.equal(fault, undefined, trace.join('\n'));
    assert.ok(states > 10_000, 'the search ended early');
  });
}

test('no execution in which a reader is killed and its slot cleared reads a freed block or races', (context) => {
  const { states, fault, trace } = new EpochModel(isDeep ? TWO_READERS : ONE_READER, { isWithDeath: true }).search();
  context.diagnostic(`${states} states`);
  assert.equal(fault, undefined, trace.join('\n'));
});

for (const mutant of Object.keys(MUTANTS) as Mutant[]) {
  test(`the search finds the fault of: ${mutant}`, (context) => {
    const isWithDeath = mutant === 'slot of a living reader cleared';
    const { fault, trace } = new EpochModel(ONE_READER, { mutant, isWithDeath }).search();
    assert.notEqual(fault, undefined);
    context.diagnostic(trace.slice(-8).join(' → '));
  });
}

test('a reader takes the steps of the model, in its order', () => {
  const buffer = reserveSharedBuffer({ sizeMax: 1 << 20 });
  const writer = new EpochWriter(buffer, { free: () => undefined, sizeOf: () => 8 });
  const slot = writer.claimSlot(7);
  const reader = new EpochReader(buffer, slot);
  assert.deepEqual(
    tracedAtomics(() => reader.enter()),
    ['store turns', 'load generation', 'store slot', 'load root'],
  );
  assert.deepEqual(
    tracedAtomics(() => reader.leave()),
    ['store slot'],
  );
});

test('the writer takes the steps of the model, in its order', () => {
  const freed: number[] = [];
  const buffer = reserveSharedBuffer({ sizeMax: 1 << 20 });
  const writer = new EpochWriter(buffer, { free: (reference) => freed.push(reference), sizeOf: () => 8 });
  for (const owner of [1, 2, 3]) writer.claimSlot(owner);
  // A slot that is given back still counts: only where none ever was nobody looks.
  writer.releaseSlot(2);
  writer.publish(8192);
  assert.deepEqual(
    tracedAtomics(() => writer.publish(8193)),
    ['load generation', 'store root', 'store generation'],
  );
  assert.deepEqual(
    tracedAtomics(() => writer.retire(8192)),
    ['load generation'],
  );
  assert.deepEqual(freed, []);
  const scan = tracedAtomics(() => writer.reclaim());
  assert.deepEqual(scan, ['load generation', 'load slot', 'load slot', 'load slot']);
  assert.deepEqual(freed, [8192]);
});

/** The atomic accesses of a call, in order. */
function tracedAtomics(call: () => void): string[] {
  const { load, store } = Atomics;
  const steps: string[] = [];
  const nameOf = (index: number): string => {
    if (index === BUFFER_HEADER.at.root) return 'root';
    if (index === BUFFER_HEADER.at.generation) return 'generation';
    const field = (index - READER_SLOTS_AT) % READER_SLOT_STRIDE;
    return field === READER_SLOT.at.generation ? 'slot' : field === READER_SLOT.at.turns ? 'turns' : 'owner';
  };
  try {
    Atomics.load = ((array: Uint32Array<SharedArrayBuffer>, index: number) => {
      steps.push(`load ${nameOf(index)}`);
      return load(array, index);
    }) as typeof Atomics.load;
    Atomics.store = ((array: Uint32Array<SharedArrayBuffer>, index: number, value: number) => {
      steps.push(`store ${nameOf(index)}`);
      return store(array, index, value);
    }) as typeof Atomics.store;
    call();
  } finally {
    Atomics.load = load;
    Atomics.store = store;
  }
  return steps;
}
