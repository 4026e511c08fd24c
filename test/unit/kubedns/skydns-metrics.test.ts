import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moveBounds, skydnsFamilies } from '../../../src/kubedns/skydns-metrics.ts';
import { CounterCollector } from '../../../src/observability/counters/counter-collector.ts';
import { createCounterBuffer, PLUGIN, type MetricScope } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';

test('counts move to other bounds: exact where both have one, spread where one is divided, none lost', () => {
  const counts = Float64Array.from([10, 20, 40, 5]);
  assert.deepEqual([...moveBounds([1, 2, 4], counts, [1, 2, 3, 4])], [10, 20, 20, 20, 5]);
  assert.deepEqual([...moveBounds([1, 2, 4], counts, [0, 2, 100])], [0, 30, 40, 5]);
  for (const to of [[0.3, 0.7, 1.1], [3], [0.5, 8, 16]]) {
    const moved = moveBounds([1, 2, 4], counts, to);
    assert.equal(
      moved.reduce((sum, count) => sum + count, 0),
      75,
    );
    assert.ok(moved.every((count) => count >= 0));
  }
});

test('queries are counted by who answered them, and in which zone', () => {
  const zone = (name: string): MetricScope => ({ server: 'dns://:53', zone: name, view: '' });
  const scopes = [zone('dropped'), zone('.'), zone('cluster.local.'), zone('in-addr.arpa.'), zone('acme.local.')];
  const buffer = createCounterBuffer(1, scopes.length);
  const counters = createShardCounters(buffer, scopes.length, 0);
  const count = (scope: number, plugin: number, rcode: number): void => {
    counters.countResponse(scope, 0, rcode, plugin, 100, 0);
    counters.countDuration(scope, 1, 0.9);
  };
  count(0, PLUGIN.SERVER, 5);
  count(1, PLUGIN.FORWARD, 0);
  count(1, PLUGIN.CACHE, 0);
  count(1, PLUGIN.CACHE, 3);
  count(2, PLUGIN.KUBERNETES, 0);
  count(2, PLUGIN.KUBERNETES, 3);
  count(3, PLUGIN.KUBERNETES, 0);
  count(3, PLUGIN.FORWARD, 0);
  count(4, PLUGIN.FORWARD, 2);
  counters.publish();
  const collector = new CounterCollector(buffer);
  collector.collect();
  const families = skydnsFamilies('skydns_skydns', { collector, scopes, domain: 'cluster.local.', misses: () => 3 });
  const values = (name: string, suffix?: string): Record<string, number> =>
    Object.fromEntries(
      [...families.find((family) => family.name === `skydns_skydns_dns_${name}`)!.samples()]
        .filter((sample) => sample.suffix === suffix && sample.value > 0)
        .map(({ labels, value }) => [Object.values(labels).join(' '), value]),
    );
  assert.deepEqual(values('request_count_total'), { auth: 2, cache: 2, recursive: 2, reverse: 1, stub: 1 });
  assert.deepEqual(values('error_count_total'), { 'auth nxdomain': 1, 'cache nxdomain': 1, 'stub servfail': 1 });
  assert.deepEqual(values('request_duration_seconds', '_count'), { auth: 2, recursive: 3, reverse: 2, stub: 1 });
  assert.deepEqual(values('cachemiss_count_total'), { response: 3 });
});
