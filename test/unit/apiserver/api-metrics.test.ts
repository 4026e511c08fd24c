/** What the metrics say of the API server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiMetrics } from '../../../src/apiserver/api-metrics.ts';
import { service } from '../../support/api-objects.ts';
import { follow, metric } from './follow.ts';

test('requests by code, and the host they went to; the time of lists', async (t) => {
  const { fake, source, agree } = await follow(t, {
    server: { hasStreaming: false },
    prepare: (fake) => fake.put(service('a', '10.96.0.1')),
  });
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  const host = `127.0.0.1:${fake.port}`;
  const requests = 'coredns_kubernetes_rest_client_requests_total';
  assert.equal(metric(source, requests, { code: '422', method: 'GET', host }), 1);
  await fake.until(() => metric(source, requests, { code: '200', method: 'GET', host }) === 2, 'list and watch');
  const duration = source.families().find(({ name }) => name.endsWith('client_request_duration_seconds'))!;
  const samples = [...duration.samples()];
  assert.deepEqual(
    samples.filter(({ suffix }) => suffix === '_bucket').map(({ labels }) => labels['le']),
    ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf'],
  );
  assert.deepEqual(
    samples.find(({ suffix }) => suffix === '_count'),
    { labels: { verb: 'GET', host }, value: 1, suffix: '_count' },
  );
  await fake.close();
  await fake.until(() => (metric(source, requests, { code: '<error>', host }) ?? 0) > 0, 'a request without an answer');
});

test('state and age by kind', async (t) => {
  const { fake, source, agree } = await follow(t, {
    source: { kinds: ['Service', 'ServiceImport'] },
    server: { missing: ['serviceimports'] },
    prepare: (fake) => fake.put(service('a', '10.96.0.1')),
  });
  await agree().catch(() => undefined);
  await fake.until(() => source.status[0]!.isWatching, 'a watch');
  assert.equal(metric(source, 'skyshard_kubernetes_synced', { kind: 'Service' }), 1);
  assert.equal(metric(source, 'skyshard_kubernetes_synced', { kind: 'ServiceImport' }), 0);
  assert.equal(metric(source, 'skyshard_kubernetes_watching', { kind: 'Service' }), 1);
  assert.equal(metric(source, 'skyshard_kubernetes_last_event_timestamp_seconds', { kind: 'ServiceImport' }), 0);
  const at = (): number => metric(source, 'skyshard_kubernetes_last_event_timestamp_seconds', { kind: 'Service' })!;
  const before = at();
  assert.ok(Math.abs(before - Date.now() / 1000) < 60);
  await new Promise((resolve) => setTimeout(resolve, 10));
  fake.bookmark('services');
  await fake.until(() => at() > before, 'a bookmark is a sign of life');
});

test('of several sources of one kind the worst counts', () => {
  const families = new ApiMetrics().families(() => [
    { kind: 'Pod', isSynced: true, isWatching: true, lastContactMs: 7000 },
    { kind: 'Pod', isSynced: false, isWatching: true, lastContactMs: 5000 },
  ]);
  const values = [
    'skyshard_kubernetes_synced',
    'skyshard_kubernetes_watching',
    'skyshard_kubernetes_last_event_timestamp_seconds',
  ].map((name) => [...families.find((family) => family.name === name)!.samples()]);
  assert.deepEqual(
    values.map((samples) => samples.map(({ value }) => value)),
    [[0], [1], [5]],
  );
});
