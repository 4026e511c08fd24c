import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateCluster } from '../../../native-free-bench/dataset/generate-cluster.ts';
import type { ClusterShape } from '../../../native-free-bench/dataset/generate-cluster.ts';

const SHAPE: ClusterShape = {
  services: 100,
  endpointsPerService: 3,
  headlessShare: 0.25,
  namespaces: 10,
  dualStackShare: 0.2,
  seed: 7,
};

test('the same seed makes the same cluster, another seed another one', () => {
  const spell = (seed: number): string => JSON.stringify([...generateCluster({ ...SHAPE, seed }).objects()]);
  assert.equal(spell(7), spell(7));
  assert.notEqual(spell(7), spell(8));
});

test('no name, cluster IP or pod IP is given twice', () => {
  const cluster = generateCluster(SHAPE);
  const seen = new Set<string>();
  for (const service of cluster.plans()) {
    const addresses = service.endpoints.flatMap(({ ipv4, ipv6 }) => (ipv6 === '' ? [ipv4] : [ipv4, ipv6]));
    for (const key of [`${service.namespace}/${service.name}`, ...service.clusterIPs, ...addresses]) {
      assert.ok(!seen.has(key), `${key} is given twice`);
      seen.add(key);
    }
  }
});

test('the shares are about what was asked for, and every Service has a ready endpoint', () => {
  const services = [...generateCluster({ ...SHAPE, services: 4_000 }).plans()];
  const share = (count: number): number => count / services.length;
  assert.ok(Math.abs(share(services.filter((service) => service.headless).length) - 0.25) < 0.03);
  assert.ok(Math.abs(share(services.filter((service) => service.dualStack).length) - 0.2) < 0.03);
  for (const service of services) assert.ok(service.endpoints.some((endpoint) => endpoint.ready));
  assert.ok(services.some((service) => service.endpoints.some((endpoint) => !endpoint.ready)));
});

test('a slice holds at most 100 endpoints of one address family, and all of them are in some slice', () => {
  const cluster = generateCluster({ ...SHAPE, services: 3, endpointsPerService: 250, dualStackShare: 1 });
  const counts = new Map<string, number>();
  for (const slice of cluster.endpointSlices()) {
    const endpoints = slice['endpoints'] as readonly { addresses: readonly string[] }[];
    assert.ok(endpoints.length <= 100);
    const isIpv6 = slice['addressType'] === 'IPv6';
    for (const { addresses } of endpoints) assert.equal(addresses[0]!.includes(':'), isIpv6);
    const { labels, namespace } = slice.metadata as unknown as { labels: Record<string, string>; namespace: string };
    const key = `${namespace}/${labels['kubernetes.io/service-name']} ${String(isIpv6)}`;
    counts.set(key, (counts.get(key) ?? 0) + endpoints.length);
  }
  const generated = [...counts].filter(([key]) => !/\/kube/.test(key));
  assert.deepEqual(
    generated.map(([, count]) => count),
    [250, 250, 250, 250, 250, 250],
  );
});

test('one Service of a cluster of 100,000 is made without the others', () => {
  const cluster = generateCluster({ ...SHAPE, services: 100_000 });
  const service = cluster.plan(99_999);
  assert.equal(cluster.serviceCount, 100_002);
  assert.equal(service.endpoints.length, 3);
  assert.match(service.name, /-99997$/);
});
