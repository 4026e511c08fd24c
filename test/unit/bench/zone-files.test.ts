import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateCluster } from '../../../native-free-bench/dataset/generate-cluster.ts';
import type { PlannedService } from '../../../native-free-bench/dataset/generate-cluster.ts';
import { writeManifests } from '../../../native-free-bench/dataset/write-manifests.ts';
import { reverseName, writeZoneFiles, zoneRecords } from '../../../native-free-bench/dataset/write-zone-files.ts';

const CLUSTER = generateCluster({
  services: 60,
  endpointsPerService: 3,
  headlessShare: 0.5,
  namespaces: 4,
  dualStackShare: 0.5,
  seed: 3,
});

function recordsAt(owner: string): string[] {
  return [...zoneRecords(CLUSTER)]
    .filter((record) => record.owner === owner)
    .map((record) => `${record.type} ${record.rdata}`)
    .toSorted();
}

function findService(wanted: (service: PlannedService) => boolean): { service: PlannedService; owner: string } {
  const service = [...CLUSTER.plans()].find((candidate) => candidate.index > 1 && wanted(candidate));
  assert.ok(service !== undefined);
  return { service, owner: `${service.name}.${service.namespace}.svc.cluster.local.` };
}

test('a reverse name has the octets, or the nibbles of the whole address, in reverse', () => {
  assert.equal(reverseName('10.96.0.1'), '1.0.96.10.in-addr.arpa.');
  assert.equal(
    reverseName('fd00:10:96::1:2b'),
    'b.2.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa.',
  );
});

test('a dual-stack Service has both addresses, SRV weights of 50 and a PTR for each address', () => {
  const { service, owner } = findService((it) => !it.headless && it.dualStack && it.ports.length === 1);
  const [ipv4, ipv6] = service.clusterIPs;
  assert.deepEqual(recordsAt(owner), [`A ${ipv4}`, `AAAA ${ipv6}`, `SRV 0 50 80 ${owner}`]);
  assert.deepEqual(recordsAt(`_http._tcp.${owner}`), [`SRV 0 50 80 ${owner}`]);
  assert.deepEqual(recordsAt(reverseName(ipv4!)), [`PTR ${owner}`]);
  assert.deepEqual(recordsAt(reverseName(ipv6!)), [`PTR ${owner}`]);
});

test('a headless Service with named pods has SRV records to those names, at the target port', () => {
  const { service, owner } = findService((it) => it.stateful && !it.dualStack && it.ports.length === 1);
  const ready = service.endpoints.filter((endpoint) => endpoint.ready);
  const weight = Math.floor(100 / ready.length);
  assert.deepEqual(
    recordsAt(`_http._tcp.${owner}`),
    ready.map((endpoint) => `SRV 0 ${weight} 8080 ${endpoint.hostname}.${owner}`).toSorted(),
  );
  const [first] = ready;
  assert.deepEqual(recordsAt(`${first!.hostname}.${owner}`), [
    `A ${first!.ipv4}`,
    `SRV 0 100 8080 ${first!.hostname}.${owner}`,
  ]);
});

test('an endpoint that is not ready has no record', () => {
  const rdata = new Set([...zoneRecords(CLUSTER)].map((record) => record.rdata));
  const endpoints = [...CLUSTER.plans()].flatMap((service) => service.endpoints);
  const notReady = endpoints.filter((endpoint) => !endpoint.ready);
  assert.ok(notReady.length > 0);
  for (const { ipv4 } of notReady) assert.ok(!rdata.has(ipv4), `${ipv4} is not ready`);
});

test('manifests and zone files hold the whole cluster', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skyshard-bench-test-'));
  try {
    const written = writeManifests(CLUSTER, directory);
    const list = JSON.parse(readFileSync(join(directory, 'cluster-0000.json'), 'utf8')) as { items: unknown[] };
    assert.deepEqual(list.items, JSON.parse(JSON.stringify([...CLUSTER.objects()])));
    assert.equal(written.objects, list.items.length);
    const files = writeZoneFiles(CLUSTER, directory);
    let lines = 0;
    for (const file of files.values()) lines += readFileSync(join(directory, file), 'utf8').split('\n').length - 1;
    const headLinesPerZone = 4;
    assert.equal(lines, [...zoneRecords(CLUSTER)].length + 3 * headLinesPerZone);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
