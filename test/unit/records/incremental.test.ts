import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterObject, ObjectChange } from '../../../src/kubernetes/objects.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { DEFAULT_RECORD_OPTIONS, type RecordOptions } from '../../../src/records/record-options.ts';
import { load, namespace, put, remove, service, slice } from './cluster.ts';
import { MemorySink } from './memory-sink.ts';
import { Dice, keyOf, randomObject } from './random-objects.ts';

const OPTION_SETS: readonly Partial<RecordOptions>[] = [
  {},
  { zonal: true, endpointPodNames: true, localAddresses: ['10.0.0.1', 'fd00::1'] },
  { ignoreEmptyService: true, pods: 'verified', namespaceLabels: 'team=x' },
  { noEndpoints: true, pods: 'disabled', namespaces: ['b'], localAddresses: ['10.0.0.1'] },
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

for (const [index, options] of OPTION_SETS.entries()) {
  test(`records after changes are the records of the cluster as it is (${JSON.stringify(options)})`, () => {
    const dice = new Dice(index + 1);
    for (let round = 0; round < 20; round++) {
      const sink = new MemorySink();
      const records = new ClusterRecords({ ...DEFAULT_RECORD_OPTIONS, ...options }, sink);
      const objects = new Map<string, ClusterObject>();
      for (let step = 0; step < 25; step++) {
        const changes: ObjectChange[] = [];
        for (let left = 1 + dice.below(4); left > 0; left--) {
          const object = randomObject(dice);
          const isPut = dice.below(3) > 0;
          changes.push(isPut ? put(object) : remove(object));
          if (isPut) objects.set(keyOf(object), object);
          else objects.delete(keyOf(object));
        }
        records.apply(changes);
        const whole = load([...objects.values()].reverse(), options);
        assert.deepEqual(sink.dump(), whole.sink.dump(), `round ${round}, step ${step}: ${JSON.stringify(changes)}`);
      }
      const again = new MemorySink();
      records.rewrite(again);
      assert.deepEqual(again.dump(), sink.dump(), 'written anew to another sink');
      records.apply([...objects.values()].map(remove));
      const nothing = { namespaces: 0, services: 0, slices: 0, endpoints: 0, pods: 0, strings: 0 };
      assert.deepEqual(records.state.counts, nothing, 'no row and no string is left over');
    }
  });
}

test('a batch that is larger than what is gathered at a time', () => {
  const endpoints = Array.from({ length: 20_000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
  const slices = [0, 1, 2, 3].map((part) =>
    slice(`a/big/s${part}`, ['http/80/TCP'], endpoints.slice(part * 5000, part * 5000 + 5000)),
  );
  const { sink, records } = load([...slices, service('a/big', ['10.96.0.1']), namespace('a')]);
  assert.equal(sink.below('big.a.svc').length, 20_001);
  assert.equal(sink.pointers.size, 20_001);
  records.apply([...slices.map(remove), remove(service('a/big', []))]);
  assert.deepEqual(sink.below('a.svc'), ['']);
  assert.equal(sink.pointers.size, 0);
});

test('a change touches the names that it affects', () => {
  const ports = ['http/80/TCP'];
  const objects = [
    namespace('a'),
    service('a/web', ['10.96.0.1'], ports),
    service('a/db', ['None'], ports),
    slice('a/web/w', ports, ['10.1.0.1', '10.1.0.2', '10.1.0.3=x']),
    slice('a/db/d', ports, ['10.2.0.1', '10.2.0.2']),
  ];
  const { sink, records } = load(objects);
  const touchedBy = (object: ClusterObject): string[] => {
    sink.touched = [];
    records.apply([put(object)]);
    return [...new Set(sink.touched)].toSorted();
  };
  assert.deepEqual(touchedBy(slice('a/web/w', ports, ['10.1.0.3=x', '10.1.0.1', '10.1.0.4'])), [
    '10-1-0-2.web.a.svc',
    '10-1-0-4.web.a.svc',
    '10.1.0.2',
    '10.1.0.4',
  ]);
  assert.deepEqual(touchedBy(slice('a/db/d', ports, ['10.2.0.1'])), [
    '10-2-0-2.db.a.svc',
    '10.2.0.2',
    '_http._tcp.db.a.svc',
    '_tcp.db.a.svc',
    'db.a.svc',
  ]);
  assert.deepEqual(touchedBy(service('a/web', ['10.96.0.2'], ports)), [
    '10.96.0.1',
    '10.96.0.2',
    '_http._tcp.web.a.svc',
    '_tcp.web.a.svc',
    'web.a.svc',
  ]);
  assert.deepEqual(touchedBy(service('a/web', ['10.96.0.2'], ports)), []);
  assert.deepEqual(touchedBy(namespace('a', { new: 'label' })), []);
});
