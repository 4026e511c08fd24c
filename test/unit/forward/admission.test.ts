/** Under more load than can be served, what costs most is taken up less. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ADMITTED_ALL, Admission } from '../../../src/forward/admission.ts';
import { FakeForwarding } from './fake-transport.ts';
import { type ModelShard, QueueModel } from './queue-model.ts';

/** A quarter of a CPU in slices: 62,500 own names a second, 15,600 questions for upstreams. */
const SHARD: ModelShard = { room: 10_000, onMs: 3, offMs: 9 };
const OWN_PEAK = 62_500;
const OTHERS_PEAK = 15_600;

for (const own of [0.1, 0.5]) {
  for (const overload of [2, 3]) {
    test(`of ${overload} times what can be served, a part of ${own} own names: all of these are answered`, () => {
      const others = (overload - own) * OTHERS_PEAK;
      const result = new QueueModel(new Admission(), SHARD).run({ own: own * OWN_PEAK, others, seconds: 5 });
      assert.ok(result.ownShare > 0.99, JSON.stringify(result));
      assert.ok(result.longestWaitMs < 250, JSON.stringify(result));
      // What is left for others is not wasted.
      assert.ok(result.asked > 5 * 0.5 * OTHERS_PEAK * (1 - own) * (1 - 0.1 * overload), JSON.stringify(result));
    });
  }
}

test('where the room is small for what comes while the shard has no CPU, losses shorten the queue', () => {
  const admission = new Admission();
  const model = new QueueModel(admission, { ...SHARD, room: 500 });
  const load = { own: 0.2 * OWN_PEAK, others: 2 * OTHERS_PEAK };
  model.run({ ...load, seconds: 1 });
  const result = model.run({ ...load, seconds: 3 });
  assert.ok(result.ownShare > 0.98, JSON.stringify(result));
});

test('what can be served is taken up, and so is a short burst', () => {
  const model = new QueueModel(new Admission(), SHARD);
  const steady = model.run({ own: 0.3 * OWN_PEAK, others: 0.6 * OTHERS_PEAK, seconds: 3 });
  assert.equal(steady.refused, 0);
  const burst = model.run({ own: 1000, others: 40_000, seconds: 0.025 });
  const after = model.run({ own: 1000, others: 100, seconds: 0.5 });
  assert.equal(burst.refused + burst.dropped + after.refused + after.dropped, 0);
});

test('all is as before soon after a flood', () => {
  const model = new QueueModel(new Admission(), SHARD);
  model.run({ own: 0.5 * OWN_PEAK, others: 3 * OTHERS_PEAK, seconds: 3 });
  model.run({ own: 0.3 * OWN_PEAK, others: 0.5 * OTHERS_PEAK, seconds: 0.2 });
  const after = model.run({ own: 0.3 * OWN_PEAK, others: 0.5 * OTHERS_PEAK, seconds: 1 });
  assert.equal(after.refused, 0);
});

test('where all is for upstreams, leaving some out would help nobody', () => {
  const model = new QueueModel(new Admission(), SHARD);
  const result = model.run({ own: 100, others: 2 * OTHERS_PEAK, seconds: 3 });
  assert.equal(result.refused, 0);
  assert.ok(result.dropped > 0);
});

test('where own names are asked for no more, all are taken up again', () => {
  const model = new QueueModel(new Admission(), SHARD);
  model.run({ own: 0.5 * OWN_PEAK, others: 2 * OTHERS_PEAK, seconds: 1 });
  model.run({ own: 1, others: 2 * OTHERS_PEAK, seconds: 0.2 });
  const after = model.run({ own: 1, others: 2 * OTHERS_PEAK, seconds: 1 });
  assert.equal(after.refused, 0);
});

test('never none are taken up: who waits long enough is served', () => {
  const admission = new Admission();
  admission.asked = 100;
  admission.endWindow(1000, 0);
  admission.look(1, 0);
  assert.equal(admission.admitted, 1);
  admission.rest();
  assert.equal(admission.admitted, ADMITTED_ALL);
});

test('what waits long is too much, however much room there is', () => {
  const admission = new Admission();
  admission.asked = 100;
  admission.endWindow(1000, 0);
  admission.look(0.01, 0);
  admission.look(0.01, 90);
  assert.equal(admission.admitted, ADMITTED_ALL);
  admission.look(0.01, 150);
  assert.ok(admission.admitted < ADMITTED_ALL && admission.admitted > 1);
  admission.look(0.01, 300);
  assert.equal(admission.admitted, 1);
});

test('what is not taken up has no answer and takes no room', () => {
  const fake = new FakeForwarding([{ upstreamCount: 1, failsMax: 0 }]);
  fake.forwarder.admission.admitted = ADMITTED_ALL / 4;
  for (let number = 0; number < 1000; number++) assert.ok(fake.ask({ name: `n${number}.org`, type: 1 }));
  const taken = fake.sent.length;
  assert.ok(taken > 150 && taken < 350, `${taken}`);
  assert.equal(fake.cell('shed'), 1000 - taken);
  assert.equal(fake.forwarder.inFlight, taken);
  assert.equal(fake.forwarder.admission.asked, 1000);
});
