import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseName } from '../../../src/dns/name.ts';
import { keySpaceOf } from '../../../src/snapshot/zone-keys.ts';
import type { KubernetesStep, SnapshotConfig } from '../../../src/snapshot/config-description.ts';
import { dumpSnapshot } from '../../../src/snapshot/dump.ts';
import { KEY_SPACE } from '../../../src/snapshot/snapshot-layout.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import { setUpBuilder } from './snapshot-model.ts';

const step = (fields: Partial<KubernetesStep> = {}): KubernetesStep => ({
  kind: 'kubernetes',
  dataset: 0,
  ttlSeconds: 30,
  isPodsInsecure: false,
  isZonal: false,
  primary: parseName('cluster.local')!,
  ...fields,
});

test('the key space and the part of a name that is no key follow from the zone', () => {
  const cases = [
    ['cluster.local', KEY_SPACE.FORWARD, 15],
    ['arpa', KEY_SPACE.FORWARD, 6],
    ['in-addr.arpa', KEY_SPACE.REVERSE4, 14],
    ['96.10.in-addr.arpa', KEY_SPACE.REVERSE4, 14],
    ['ip6.arpa', KEY_SPACE.REVERSE6, 10],
    ['d.f.ip6.arpa', KEY_SPACE.REVERSE6, 10],
    ['xin-addr.arpa', KEY_SPACE.FORWARD, 15],
    ['.', KEY_SPACE.FORWARD, 1],
  ] as const;
  for (const [zone, keySpace, keySuffixSize] of cases) {
    assert.deepEqual(keySpaceOf(parseName(zone)!), { keySpace, keySuffixSize }, zone);
  }
});

test('listeners, zones and steps are told as they were given, also where a listener id is left out', () => {
  const { buffer, builder } = setUpBuilder();
  builder.dataset(1);
  builder.setConfig({
    listeners: [
      {
        id: 2,
        routes: [
          { zone: parseName('cluster.local')!, scope: 1, steps: [step({ isPodsInsecure: true, isZonal: true })] },
          { zone: parseName('in-addr.arpa')!, scope: 2, steps: [step({ dataset: 1, ttlSeconds: 600 })] },
          { zone: parseName('.')!, scope: 3, steps: [] },
        ],
      },
      { id: 0, routes: [] },
    ],
  });
  builder.publish(1);
  verifySnapshot(buffer);
  const lines = [...dumpSnapshot(buffer)];
  assert.deepEqual(lines.slice(0, lines.indexOf('dataset 0  serial 0  names 0  not synced')), [
    'generation 2',
    '',
    'listener 0',
    '',
    'listener 1',
    '',
    'listener 2',
    '  .  no step',
    '  cluster.local.  1  kubernetes  dataset 0  ttl 30  pods insecure  zonal',
    '  in-addr.arpa.  1  kubernetes  dataset 1  ttl 600',
    '',
  ]);
});

test('a configuration that takes the place of another leaves no block, fifty zones or none', () => {
  const { buffer, builder } = setUpBuilder();
  const small: SnapshotConfig = { listeners: [{ id: 0, routes: [] }] };
  const large: SnapshotConfig = {
    listeners: [0, 1].map((id) => ({
      id,
      routes: Array.from({ length: 50 }, (_, index) => ({
        zone: parseName(`zone-${index}.example`)!,
        scope: index,
        steps: [step()],
      })),
    })),
  };
  builder.dataset(0);
  builder.setConfig(small);
  builder.publish(1);
  const { liveSize } = builder;
  builder.setConfig(large);
  builder.publish(2);
  verifySnapshot(buffer);
  assert.ok(builder.liveSize > liveSize + 5000);
  builder.setConfig(large);
  builder.setConfig(small);
  builder.publish(3);
  assert.equal(builder.liveSize, liveSize);
});
