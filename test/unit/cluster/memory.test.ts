/** The byte budget of the cluster state, counted by its own tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterState, type ClusterStateOptions } from '../../../src/cluster/cluster-state.ts';
import type { EndpointSlice, Service } from '../../../src/kubernetes/objects.ts';

const OPTIONS: ClusterStateOptions = {
  zonal: false,
  endpointPodNames: false,
  noEndpoints: false,
  imported: false,
  externals: false,
  podLabels: false,
  clients: false,
  clientLabels: [],
  namespaces: undefined,
  namespaceLabels: undefined,
  localAddresses: new Set(),
};
const PORTS = [{ name: 'http', port: 80, protocol: 'TCP' }];
const MEBIBYTE = 2 ** 20;

function serviceOf(index: number): Service {
  const clusterIPs = [`10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`];
  const name = { namespace: `team-${index % 100}`, name: `service-${index}` };
  return { kind: 'Service', ...name, type: 'ClusterIP', clusterIPs, externalName: '', externalIPs: [], ports: PORTS };
}

function sliceOf(index: number, endpointCount: number, round = 0): EndpointSlice {
  const endpoints = Array.from({ length: endpointCount }, (_, endpoint) => {
    const number = index * endpointCount + endpoint + round;
    const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
    return {
      addresses: [address],
      hostname: '',
      targetName: `service-${index}-5d8f9c7b6d-x${endpoint}`,
      zone: 'eu-1a',
    };
  });
  const name = { namespace: `team-${index % 100}`, name: `service-${index}-x7k2p`, service: `service-${index}` };
  const labels = { importedService: '', sourceCluster: '', triggerTimeMs: 0 };
  return { kind: 'EndpointSlice', ...name, ...labels, ports: PORTS, endpoints };
}

function fill(state: ClusterState, serviceCount: number, endpointCount: number, round = 0): void {
  for (let index = 0; index < serviceCount; index++) {
    state.apply({ op: 'put', object: serviceOf(index) });
    state.apply({ op: 'put', object: sliceOf(index, endpointCount, round) });
    state.takeChanges();
  }
}

test('10,000 Services with 150,000 endpoints take at most 6 MiB', () => {
  const state = new ClusterState(OPTIONS);
  fill(state, 10_000, 15);
  assert.equal(state.counts.endpoints, 150_000);
  assert.ok(state.byteSize <= 6 * MEBIBYTE, `${(state.byteSize / MEBIBYTE).toFixed(2)} MiB`);
});

test('new addresses for everything, ten times over, do not grow it', () => {
  const state = new ClusterState(OPTIONS);
  fill(state, 500, 15);
  fill(state, 500, 15, 1);
  const size = state.byteSize;
  for (let round = 2; round < 12; round++) fill(state, 500, 15, round);
  assert.equal(state.byteSize, size);
});
