/** How hard the API server is asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InflightLimit, RateLimiter } from '../../../src/apiserver/request-limits.ts';
import { service } from '../../support/api-objects.ts';
import { follow, metric } from './follow.ts';

test('a burst at once, then so many a second', () => {
  let nowMs = 1000;
  const limiter = new RateLimiter(5, 3, () => nowMs);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => limiter.reserve()),
    [0, 0, 0, 200, 400],
  );
  nowMs += 600;
  assert.equal(limiter.reserve(), 0);
  assert.equal(limiter.reserve(), 200);
  nowMs += 3_600_000;
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limiter.reserve()),
    [0, 0, 0, 200],
  );
});

test('so many in flight; who gives up waiting takes no place', async () => {
  const { signal } = new AbortController();
  const limit = new InflightLimit(1);
  const leave = await limit.enter(signal);
  const order: string[] = [];
  const abort = new AbortController();
  const given = limit.enter(abort.signal).then(
    () => order.push('a place'),
    () => order.push('gave up'),
  );
  const second = limit.enter(signal).then((leaveSecond) => {
    order.push('second');
    return leaveSecond;
  });
  abort.abort();
  await given;
  leave();
  leave();
  const leaveSecond = await second;
  assert.deepEqual(order, ['gave up', 'second']);
  const third = limit.enter(signal).then(() => order.push('third'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, ['gave up', 'second']);
  leaveSecond();
  await third;
});

test('no limit', async () => {
  const limit = new InflightLimit(0);
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 100 }, () => limit.enter(signal)));
});

test('one request at a time is enough for all kinds: a watch gives its place back once it runs', async (t) => {
  const kinds = ['Service', 'Namespace', 'EndpointSlice'] as const;
  const { fake, source, agree } = await follow(t, {
    server: { hasStreaming: false },
    source: { kinds },
    api: { inflightMax: 1 },
    prepare: (fake) => {
      for (let i = 0; i < 600; i++) fake.put(service(`s${i}`, `10.96.${i >> 8}.${i & 255}`));
    },
  });
  await agree();
  await fake.until(() => source.status.every(({ isWatching }) => isWatching), 'all watches');
});

test('pages wait for the rate that somebody chose, not for the usual one', async (t) => {
  const waited = async (queriesPerSecond: number, burst: number): Promise<number> => {
    const { fake, source, agree } = await follow(t, {
      server: { hasStreaming: false },
      api: { queriesPerSecond, burst },
      prepare: (fake) => {
        for (let i = 0; i < 1200; i++) fake.put(service(`s${i}`, `10.96.${i >> 8}.${i & 255}`));
      },
    });
    await agree();
    assert.equal(fake.seen('services', 'list').length, 3);
    const name = 'coredns_kubernetes_rest_client_rate_limiter_duration_seconds';
    const family = source.families().find((candidate) => candidate.name === name)!;
    assert.equal(metric(source, name, {}) !== undefined, true);
    return [...family.samples()].find(({ suffix }) => suffix === '_count')!.value;
  };
  assert.equal(await waited(50, 1), 3);
  assert.equal(await waited(0, 0), 1);
});
