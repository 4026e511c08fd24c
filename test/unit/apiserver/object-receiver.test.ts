/** What a receiver owes to others: turns of the event loop, and memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAccess } from '../../../src/apiserver/access.ts';
import { ApiClient } from '../../../src/apiserver/api-client.ts';
import { ApiMetrics } from '../../../src/apiserver/api-metrics.ts';
import { API_TIMING } from '../../../src/apiserver/api-timing.ts';
import { ObjectReceiver } from '../../../src/apiserver/object-receiver.ts';
import { TurnBudget } from '../../../src/apiserver/turn-budget.ts';
import { service } from '../../support/api-objects.ts';
import { FakeApiServer } from '../../support/fake-api-server.ts';
import { RecordingSink } from '../../support/recording-sink.ts';

test('a turn is 8 ms of work, shared by all who work in it', async () => {
  let nowMs = 0;
  const budget = new TurnBudget(() => nowMs);
  assert.equal(budget.isSpent, false);
  budget.begin();
  nowMs = 5;
  assert.equal(budget.isSpent, false);
  budget.begin();
  nowMs = 8;
  assert.equal(budget.isSpent, true);
  await budget.pause();
  assert.equal(budget.isSpent, false);
  nowMs = 16;
  assert.equal(budget.isSpent, true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(budget.isSpent, false, 'nobody works any more');
});

test('what is done within a millisecond takes nothing of the turn of who comes next', () => {
  let nowMs = 0;
  const budget = new TurnBudget(() => nowMs);
  budget.begin();
  nowMs = 0.9;
  assert.equal(budget.isSpent, false);
  nowMs = 500;
  budget.begin();
  assert.equal(budget.isSpent, false);
});

test('others have their turn between any two objects, and no more than one piece waits for the sink', async (t) => {
  const fake = await FakeApiServer.start();
  t.after(() => fake.close());
  for (let i = 0; i < 2000; i++) fake.put(service(`s${i}`, `10.96.${i >> 8}.${i & 255}`));
  // Each look at the clock finds the time over.
  let nowMs = 0;
  const budget = new TurnBudget(() => (nowMs += 1000));
  const metrics = new ApiMetrics();
  const limits = { queriesPerSecond: 0, burst: 0, inflightMax: 0 };
  const access = await openAccess({ endpoint: fake.url, tls: null, kubeconfig: null, ...limits }, () => undefined);
  t.after(() => access.close());
  const sink = new RecordingSink();
  const receiver = new ObjectReceiver({
    kind: 'Service',
    labelSelector: '',
    client: new ApiClient({ access, limits, metrics, answerMs: 10_000 }),
    sink,
    metrics,
    timing: API_TIMING,
    budget,
    log: () => undefined,
    onContact: () => undefined,
    onListed: () => undefined,
    onWatching: () => undefined,
    onItems: () => undefined,
  });
  let turns = 0;
  let isDone = false;
  const takeTurn = (): void => {
    turns++;
    if (!isDone) setImmediate(takeTurn);
  };
  takeTurn();
  await receiver.list(new AbortController().signal, true);
  isDone = true;
  assert.equal(sink.names('Service').length, 2000);
  assert.ok(turns > 2000, `${turns} turns`);
  const octets = JSON.stringify(fake.list('services')).length;
  const most = Math.max(...sink.calls.map((call) => call.length));
  assert.ok(most < (2000 / octets) * 200_000, `${most} objects in one call, of ${octets} octets in all`);
});
