/** The hand-off rings work in every execution of the model, each mutant of it fails, and the code is the model's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createHandoffBuffer,
  Doorbell,
  HANDOFF_HEADER,
  HandoffReader,
  HandoffWriter,
  queryRingOf,
} from '../../src/forward/handoff-ring.ts';
import { HANDOFF_MUTANTS, HandoffModel, type HandoffBounds, type HandoffMutant } from './handoff-model.ts';

const ALIVE: HandoffBounds = { frames: [1, 2, 1, 2, 1], ringWords: 4, writerDeaths: 0, readerDeaths: 0 };
const MORTAL: HandoffBounds = { frames: [1, 2, 1], ringWords: 2, writerDeaths: 1, readerDeaths: 1 };

for (const [name, bounds] of Object.entries({ 'two threads': ALIVE, 'threads that are killed': MORTAL })) {
  test(`no execution with ${name} loses a frame, reads another one, or races`, (context) => {
    const { states, fault, trace, isFinished } = new HandoffModel(bounds).search();
    context.diagnostic(`${states} states`);
    assert.equal(fault, undefined, trace.join('\n'));
    assert.ok(isFinished && states > 500, 'the search ended early');
  });
}

for (const mutant of Object.keys(HANDOFF_MUTANTS) as HandoffMutant[]) {
  test(`the search finds the fault of: ${mutant}`, (context) => {
    const { fault, trace } = new HandoffModel(MORTAL, mutant).search();
    assert.notEqual(fault, undefined);
    context.diagnostic(trace.slice(-8).join(' → '));
  });
}

test('writer, reader and doorbell take the steps of the model, in its order', () => {
  const buffer = createHandoffBuffer(1);
  const ring = queryRingOf(buffer, 0);
  const names = new Map([
    [ring.at, 'tail'],
    [ring.at + 32, 'head'],
    [HANDOFF_HEADER.at.doorbell, 'bell'],
  ]);
  const steps: string[] = [];
  const { load, store, add, notify } = Atomics;
  const traced = (call: () => unknown): string[] => {
    steps.length = 0;
    call();
    return [...steps];
  };
  const note = (kind: string, real: unknown) =>
    function traceStep(...given: readonly [object, number, ...number[]]): unknown {
      steps.push(`${kind} ${names.get(given[1])}`);
      return (real as (...all: readonly unknown[]) => unknown)(...given);
    };
  try {
    Object.assign(Atomics, {
      load: note('load', load),
      store: note('store', store),
      add: note('add', add),
      notify: note('notify', notify),
    });
    let writer: HandoffWriter;
    let reader: HandoffReader;
    const doorbell = new Doorbell(buffer);
    const message = Uint8Array.of(1, 2, 3);
    assert.deepEqual(
      traced(() => (writer = new HandoffWriter(ring))),
      ['load tail', 'load head'],
    );
    assert.deepEqual(
      traced(() => writer.write(1, 2, 3, message, 0, 3)),
      ['store tail'],
    );
    assert.deepEqual(
      traced(() => doorbell.ring()),
      ['add bell', 'notify bell'],
    );
    assert.deepEqual(
      traced(() => (reader = new HandoffReader(ring))),
      ['load head'],
    );
    assert.deepEqual(
      traced(() => assert.ok(reader.read())),
      ['load tail'],
    );
    assert.deepEqual(
      traced(() => reader.release()),
      ['store head'],
    );
    assert.deepEqual(
      traced(() => assert.ok(!reader.read())),
      ['load tail'],
    );
  } finally {
    Object.assign(Atomics, { load, store, add, notify });
  }
});
