/** What moves the SOA serial. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterObject } from '../../../src/kubernetes/objects.ts';
import type { RecordOptions } from '../../../src/records/record-options.ts';
import { external, load, namespace, pod, put, remove, service, slice } from './cluster.ts';

const web = service('a/web', ['10.96.0.1'], ['http/80/TCP', 'dns/53/UDP']);
const ext = external('a/ext', 'a.example');
const ends = slice('a/web/w', ['http/80/TCP'], ['10.1.0.1=x@eu', '10.1.0.2>p']);
const guest = pod('a/p', ['10.1.0.9', 'fd00::9']);
const objects = [namespace('a'), web, ext, ends, guest];

function moves(change: ClusterObject, options: Partial<RecordOptions> = {}): boolean {
  return load(objects, options).records.apply([put(change)]);
}

test('objects that come and go move it, in whatever state they are', () => {
  const { records } = load(objects, { pods: 'verified' });
  for (const object of [service('b/new', []), slice('a/web/empty', [], []), namespace('c'), pod('a/new', [])]) {
    assert.equal(records.apply([put(object)]), true, JSON.stringify(object));
    assert.equal(records.apply([put(object)]), false, 'it is there already');
    assert.equal(records.apply([remove(object)]), true);
    assert.equal(records.apply([remove(object)]), false, 'it is gone already');
  }
});

test('a Namespace moves it where it comes to be exposed or no longer is', () => {
  const { records } = load(objects, { namespaceLabels: 'team=x' });
  assert.equal(records.apply([put(namespace('c'))]), false);
  assert.equal(records.apply([put(namespace('c', { team: 'x' }))]), true);
  assert.equal(records.apply([put(namespace('c', { team: 'x', other: 'y' }))]), false);
  assert.equal(records.apply([remove(namespace('c'))]), true);
});

test('updates of a Service: cluster IPs, ports, external name, type', () => {
  assert.equal(moves({ ...web, ports: web.ports.toReversed() }), false, 'the order of ports');
  assert.equal(moves({ ...web, clusterIPs: ['10.96.0.2'] }), true);
  assert.equal(moves({ ...web, clusterIPs: ['10.96.0.1', 'fd00::1'] }), true);
  assert.equal(moves({ ...web, clusterIPs: ['None'] }), true);
  assert.equal(moves({ ...web, ports: web.ports.slice(1) }), true);
  assert.equal(moves({ ...web, ports: [{ ...web.ports[0]!, name: 'other' }, web.ports[1]!] }), true);
  assert.equal(moves({ ...ext, externalName: 'b.example' }), true);
});

test('updates of a slice: addresses, labels, ports; zones and pod names only where they show', () => {
  const endpoints = (texts: string[]): ClusterObject => slice('a/web/w', ['http/80/TCP'], texts);
  assert.equal(moves(endpoints(['10.1.0.2>p', '10.1.0.1=x@eu'])), false, 'the order of endpoints');
  assert.equal(moves(endpoints(['10.1.0.1=x@eu'])), true);
  assert.equal(moves(endpoints(['10.1.0.1=y@eu', '10.1.0.2>p'])), true);
  assert.equal(moves(slice('a/web/w', ['http/81/TCP'], ['10.1.0.1=x@eu', '10.1.0.2>p'])), true);
  const otherZone = endpoints(['10.1.0.1=x@us', '10.1.0.2>p']);
  assert.equal(moves(otherZone), false);
  assert.equal(moves(otherZone, { zonal: true }), true);
  const otherPod = endpoints(['10.1.0.1=x@eu', '10.1.0.2>q']);
  assert.equal(moves(otherPod), false);
  assert.equal(moves(otherPod, { endpointPodNames: true }), true);
  assert.equal(moves(endpoints([]), { noEndpoints: true }), false);
});

test('updates of a pod: its addresses, where pods are verified', () => {
  assert.equal(moves(pod('a/p', ['10.1.0.9']), { pods: 'verified' }), true);
  assert.equal(moves(guest, { pods: 'verified' }), false);
  assert.equal(moves(pod('a/p', ['10.1.0.9']), { pods: 'insecure' }), false);
});
