/** Lists over a state that is not empty: what they end in, and what they touch on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectKind } from '../../../src/kubernetes/object-sink.ts';
import type { ClusterObject } from '../../../src/kubernetes/objects.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { DEFAULT_RECORD_OPTIONS, type RecordOptions } from '../../../src/records/record-options.ts';
import { load, namespace, pod, put, service, slice } from './cluster.ts';
import { MemorySink } from './memory-sink.ts';
import { Dice, keyOf, randomObject } from './random-objects.ts';

const KINDS: readonly ObjectKind[] = ['Namespace', 'Service', 'EndpointSlice', 'Pod', 'ServiceImport'];
const OPTION_SETS: readonly Partial<RecordOptions>[] = [
  {},
  { zonal: true, endpointPodNames: true, localAddresses: ['10.0.0.1', 'fd00::1'] },
  { ignoreEmptyService: true, pods: 'verified', namespaceLabels: 'team=x' },
  { noEndpoints: true, pods: 'disabled', namespaces: ['b'] },
  {
    external: { zones: ['example.org'], ttlSeconds: 5, apex: 'b', hasHeadless: true },
    multiclusterZones: ['set.local'],
    clientIndex: true,
    localAddresses: ['10.0.0.2'],
  },
  {
    external: { zones: ['example.org'], ttlSeconds: 5, apex: 'dns', hasHeadless: false },
    multiclusterZones: ['set.local'],
    noEndpoints: true,
    pods: 'verified',
    namespaces: ['a'],
  },
];

type Cluster = ReadonlyMap<string, ClusterObject>;

function clusterOf(objects: readonly ClusterObject[]): Cluster {
  return new Map(objects.map((object) => [keyOf(object), object]));
}

function randomCluster(dice: Dice, size: number): Cluster {
  return clusterOf(Array.from({ length: dice.below(size + 1) }, () => randomObject(dice)));
}

/** Some objects of `before` as they are, and others. */
function successor(dice: Dice, before: Cluster): Cluster {
  const kept = [...before.values()].filter(() => dice.below(3) > 0);
  return new Map([...clusterOf(kept), ...randomCluster(dice, 8)]);
}

function ofKind(cluster: Cluster, kind: ObjectKind): ClusterObject[] {
  return [...cluster.values()].filter((object) => object.kind === kind);
}

function endList(records: ClusterRecords, kind: ObjectKind): void {
  for (const _ of records.endListInSteps(kind)) continue;
}

/** All kinds are begun, then listed one after the other in an order of chance, some objects at a time. */
function relist(dice: Dice, records: ClusterRecords, cluster: Cluster): void {
  for (const kind of KINDS) records.beginList(kind);
  for (const kind of KINDS.toSorted(() => dice.below(3) - 1)) {
    const objects = ofKind(cluster, kind).toSorted(() => dice.below(3) - 1);
    while (objects.length > 0) records.apply(objects.splice(0, 1 + dice.below(3)).map(put));
    endList(records, kind);
  }
}

for (const [index, options] of OPTION_SETS.entries()) {
  test(`a list over any state ends in what was listed (${JSON.stringify(options)})`, () => {
    const dice = new Dice(100 + index);
    for (let round = 0; round < 60; round++) {
      let cluster = randomCluster(dice, 25);
      const { records, sink } = load([...cluster.values()], options);
      for (let step = 0; step < 4; step++) {
        cluster = successor(dice, cluster);
        relist(dice, records, cluster);
        const whole = load([...cluster.values()], options);
        assert.deepEqual(sink.dump(), whole.sink.dump(), `round ${round}, step ${step}`);
        assert.deepEqual(records.state.counts, whole.records.state.counts, `round ${round}, step ${step}`);
        sink.touched = [];
        relist(dice, records, cluster);
        assert.deepEqual(sink.touched, [], 'the same again touches nothing');
      }
    }
  });
}

for (const [index, options] of OPTION_SETS.entries()) {
  test(`the first lists, of which names are written while others come (${JSON.stringify(options)})`, () => {
    const dice = new Dice(200 + index);
    let early = 0;
    for (let round = 0; round < 100; round++) {
      const sink = new MemorySink();
      const records = new ClusterRecords({ ...DEFAULT_RECORD_OPTIONS, ...options }, sink);
      records.apply([]);
      records.postpone();
      const cluster = new Map<string, ClusterObject>();
      // Lists that are begun anew lose objects, and what is watched already changes them.
      for (let list = 0; list < 2; list++) {
        for (const kind of KINDS) records.beginList(kind);
        const listed = randomCluster(dice, 40);
        const objects = [...listed.values()];
        while (objects.length > 0) {
          records.apply(objects.splice(0, 1 + dice.below(3)).map(put));
          if (dice.below(2) > 0) continue;
          for (const _ of records.writeReadyInSteps()) early++;
        }
        if (list > 0) for (const [key, object] of listed) cluster.set(key, object);
      }
      for (const kind of KINDS) endList(records, kind);
      for (const _ of records.completeInSteps()) continue;
      const whole = load([...cluster.values()], options);
      assert.deepEqual(sink.dump(), whole.sink.dump(), `round ${round}`);
      assert.deepEqual(records.state.counts, whole.records.state.counts, `round ${round}`);
      const [change] = randomCluster(dice, 1).values();
      if (change === undefined) continue;
      records.apply([put(change)]);
      const after = load([...new Map([...cluster, [keyOf(change), change]]).values()], options);
      assert.deepEqual(sink.dump(), after.sink.dump(), `round ${round}, a change later`);
    }
    // Those with slices.
    assert.equal(early > 0, options.noEndpoints !== true, `${early} Services written before the end`);
  });
}

test('a list that is broken off loses nothing, and the next one ends in what it says', () => {
  const dice = new Dice(7);
  for (let round = 0; round < 60; round++) {
    const before = randomCluster(dice, 25);
    const after = successor(dice, before);
    const { records, sink } = load([...before.values()]);
    for (const kind of KINDS) {
      const begun = ofKind(after, kind).filter(() => dice.below(2) === 0);
      records.beginList(kind);
      records.apply(begun.map(put));
      const both = new Map([...before, ...clusterOf(begun)]);
      for (const known of KINDS.slice(0, KINDS.indexOf(kind))) {
        for (const object of ofKind(after, known)) both.set(keyOf(object), object);
        for (const object of ofKind(before, known)) if (!after.has(keyOf(object))) both.delete(keyOf(object));
      }
      assert.deepEqual(sink.dump(), load([...both.values()]).sink.dump(), `round ${round}, ${kind} begun`);
      records.beginList(kind);
      records.apply(ofKind(after, kind).map(put));
      endList(records, kind);
    }
    assert.deepEqual(sink.dump(), load([...after.values()]).sink.dump(), `round ${round}`);
  }
});

test('a list touches the names of what differs, and no others', () => {
  const ports = ['http/80/TCP'];
  const same = [
    namespace('a'),
    service('a/web', ['10.96.0.1'], ports),
    slice('a/web/w', ports, ['10.1.0.1', '10.1.0.2']),
    service('a/db', ['None'], ports),
    slice('a/db/d', ports, ['10.2.0.1']),
  ];
  const gone = [service('a/gone', ['10.96.0.9']), slice('a/web/x', ports, ['10.1.0.3'])];
  const { records, sink } = load([...same, ...gone]);
  sink.touched = [];
  relist(new Dice(1), records, clusterOf([...same, slice('a/db/e', ports, ['10.2.0.2=x'])]));
  assert.deepEqual([...new Set(sink.touched)].toSorted(), [
    '10-1-0-3.web.a.svc',
    '10.1.0.3',
    '10.2.0.2',
    '10.96.0.9',
    '_http._tcp.db.a.svc',
    '_tcp.db.a.svc',
    'db.a.svc',
    'gone.a.svc',
    'x.db.a.svc',
  ]);
});

test('changes between the begin and the end of a list count as listed; what they delete is gone', () => {
  const sink = new MemorySink();
  const records = new ClusterRecords(DEFAULT_RECORD_OPTIONS, sink);
  records.apply([put(namespace('a')), put(service('a/x', ['10.96.0.1'])), put(service('a/y', ['10.96.0.2']))]);
  records.beginList('Service');
  records.apply([
    put(service('a/z', ['10.96.0.3'])),
    { op: 'delete', kind: 'Service', namespace: 'a', name: 'y' },
    put(service('a/x', ['10.96.0.1'])),
  ]);
  endList(records, 'Service');
  assert.deepEqual(sink.below('a.svc'), ['', 'x', 'z']);
});

test('a pod that is ending: a list keeps it where it is known, and does not bring it back', () => {
  const options = { pods: 'verified' as const };
  const ending = { ...pod('a/p', ['10.1.0.1']), isTerminating: true };
  const known = load([namespace('a'), pod('a/p', ['10.1.0.1'])], options);
  known.records.beginList('Pod');
  known.records.apply([put(ending)]);
  endList(known.records, 'Pod');
  assert.deepEqual(known.sink.below('a.pod'), ['', '10-1-0-1']);
  const unknown = load([namespace('a'), ending], options);
  assert.deepEqual(unknown.sink.below('a.pod'), ['']);
  assert.equal(unknown.records.state.counts.pods, 0);
});
