/** Under more load than can be served, what costs most is taken up less. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ADMITTED_ALL, Admission } from '../../../src/forward/admission.ts';
import { FakeForwarding } from './fake-transport.ts';

/** Windows with so many queries, of which some are for upstreams. */
function pass(admission: Admission, windows: number, queries: number, asked: number, drops: number): void {
  for (let count = 0; count < windows; count++) {
    admission.asked = asked;
    admission.endWindow(queries, drops);
  }
}

test('fewer are taken up while datagrams are dropped, and all again when that is over', () => {
  const admission = new Admission();
  pass(admission, 10, 1000, 500, 0);
  assert.equal(admission.admitted, ADMITTED_ALL);
  pass(admission, 3, 1000, 500, 20);
  assert.ok(admission.admitted < ADMITTED_ALL / 2 && admission.admitted > ADMITTED_ALL / 4);
  pass(admission, 100, 1000, 500, 20);
  assert.equal(admission.admitted, 1, 'never none: who waits long enough is served');
  pass(admission, ADMITTED_ALL, 1000, 500, 0);
  assert.equal(admission.admitted, ADMITTED_ALL);
});

test('where all is for upstreams, leaving some out would help nobody', () => {
  const admission = new Admission();
  pass(admission, 100, 1000, 995, 20);
  assert.equal(admission.admitted, ADMITTED_ALL);
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
