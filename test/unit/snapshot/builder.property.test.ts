/** The builder against a model of maps: any changes, published or given up, leave what the model has, and no blocks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { parseName, reverseKey4, reverseKey6 } from '../../../src/dns/name.ts';
import type { EntryContent, RecordSink } from '../../../src/snapshot/entry-content.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import { ZONE_KIND, type KeySpace } from '../../../src/snapshot/snapshot-layout.ts';
import { comparableLines, keyOf, KEY_SPACE, labelOf, setUpBuilder, SnapshotModel } from './snapshot-model.ts';

type Change = (sink: RecordSink) => void;

const addresses4 = fc.array(fc.integer({ min: 1, max: 0xffff_ffff }), { maxLength: 5 });
const addresses6 = fc
  .array(fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 1, max: 0xffff_ffff }))), { maxLength: 3 })
  .map((addresses) => addresses.flat());
const ports = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 5 });
const weight = fc.integer({ min: 1, max: 100 });

const content: fc.Arbitrary<EntryContent> = fc.oneof(
  fc.constant<EntryContent>({ kind: 'ent' }),
  fc.record({
    kind: fc.constant('address' as const),
    ports,
    weight,
    targetSkip: fc.constant(0),
    addresses4,
    addresses6,
  }),
  fc
    .record({
      portSets: fc.array(ports, { minLength: 1, maxLength: 3 }),
      groups: fc.array(fc.tuple(fc.stringMatching(/^[a-z0-9]{1,20}$/), fc.nat(2), addresses4, addresses6), {
        maxLength: 6,
      }),
      weight,
      addresses4,
      addresses6,
    })
    .map((fields): EntryContent => ({
      ...fields,
      kind: 'endpoints',
      targetSkip: 0,
      groups: fields.groups.map(([label, portSet, of4, of6]) => ({
        name: keyOf(label),
        portSet: portSet % fields.portSets.length,
        addresses4: of4,
        addresses6: of6,
      })),
    })),
  fc
    .record({
      target: fc.constantFrom('example.com', 'a.Very.long-target.example.org').map((text) => parseName(text)!),
    })
    .chain(({ target }) => fc.record({ target: fc.constant(target), ports, weight }))
    .map((fields): EntryContent => ({ ...fields, kind: 'alias' })),
);
/** of names that are put one by one */
const keySpace = fc.constantFrom<KeySpace>(KEY_SPACE.FORWARD, KEY_SPACE.EXTERNAL, KEY_SPACE.CLUSTERSET);

const nameIndex = fc.nat(400);
const nameAt = (index: number): Uint8Array => keyOf(`${'e'.repeat(1 + (index % 7))}${index}.service.default.svc`);

const put = fc.tuple(nameIndex, content, keySpace).map(
  ([index, value, space]): Change =>
    (sink) =>
      sink.put(nameAt(index), value, space),
);
const remove = fc.tuple(nameIndex, keySpace).map(
  ([index, space]): Change =>
    (sink) =>
      sink.remove(nameAt(index), space),
);
const client = fc
  .record({ isIPv6: fc.boolean(), address: fc.nat(9), pod: fc.constantFrom('', 'a', 'web-5d8f9c7b6d-x7k2p') })
  .map(({ isIPv6, address, pod }): Change => (sink) => {
    const key = new Uint8Array(isIPv6 ? 16 : 4).fill(address);
    const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
    if (pod === '') sink.remove(key, KEY_SPACE.CLIENT);
    else sink.put(key, { kind: 'client', namespace: octets('team'), name: octets(pod) }, KEY_SPACE.CLIENT);
  });
/** many at once, so that pages split and are joined again */
const putMany = fc.tuple(nameIndex, fc.nat(300), content).map(([first, count, value]): Change => (sink) => {
  for (let index = first; index < first + count; index++) sink.put(nameAt(index), value);
});
const removeMany = fc.tuple(nameIndex, fc.nat(300)).map(([first, count]): Change => (sink) => {
  for (let index = first; index < first + count; index++) sink.remove(nameAt(index));
});
const point = fc
  .record({
    isIPv6: fc.boolean(),
    address: fc.nat(40),
    service: fc.constantFrom('a.n.svc', 'b.n.svc', 'a.a.svc', 'a.n.n.svc'.slice(2)),
    labels: fc.uniqueArray(fc.constantFrom('a', 'b', 'x-1', '10-0-0-1', 'web-0'), { maxLength: 4 }),
    isOwn: fc.boolean(),
    isExternal: fc.boolean(),
  })
  .map(({ isIPv6, address, service, labels, isOwn, isExternal }): Change => (sink) => {
    const key = isIPv6
      ? reverseKey6([0xfd00_0000, 0, address % 3, address * 7])
      : reverseKey4(0x0a00_0000 + address * 99);
    const octets = labels.sort().map(labelOf);
    const own = isIPv6 ? KEY_SPACE.REVERSE6 : KEY_SPACE.REVERSE4;
    const external = isIPv6 ? KEY_SPACE.EXTERNAL_REVERSE6 : KEY_SPACE.EXTERNAL_REVERSE4;
    sink.point(isExternal ? external : own, key, keyOf(service), octets, isOwn);
  });
const nameServers = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom('ns.dns', 'kube-dns.kube-system.svc'), addresses4, addresses6), { maxLength: 2 }),
    fc.constantFrom(ZONE_KIND.CLUSTER, ZONE_KIND.EXTERNAL),
  )
  .map(([servers, zoneKind]): Change => (sink) => {
    const named = servers.map(([name, of4, of6]) => ({ name: keyOf(name), addresses4: of4, addresses6: of6 }));
    sink.nameServers(named, zoneKind);
  });
const change = fc.oneof(
  { weight: 8, arbitrary: put },
  { weight: 5, arbitrary: remove },
  { weight: 2, arbitrary: putMany },
  { weight: 2, arbitrary: removeMany },
  { weight: 8, arbitrary: point },
  { weight: 3, arbitrary: client },
  { weight: 1, arbitrary: nameServers },
);
const changeSets = fc.array(fc.record({ changes: fc.array(change, { maxLength: 12 }), isAborted: fc.boolean() }), {
  maxLength: 12,
});

test('after any change sets, published or aborted, the snapshot is the model and holds no block more than its own', () => {
  fc.assert(
    fc.property(changeSets, (sets) => {
      const { buffer, builder } = setUpBuilder();
      const dataset = builder.dataset(0);
      builder.publish(0);
      let published = new SnapshotModel();
      for (const [index, { changes, isAborted }] of sets.entries()) {
        const model = published.copy();
        for (const apply of changes) {
          apply(dataset);
          apply(model);
        }
        if (isAborted) builder.abort();
        else {
          builder.publish(index + 1);
          published = model;
        }
        const extent = verifySnapshot(buffer);
        assert.deepEqual(comparableLines(buffer), published.lines());
        assert.equal(dataset.entryCount, extent.entryCount);
        assert.equal(
          builder.statistics().blocks.liveCount,
          extent.blockCount,
          'every live block is reached by the root',
        );
      }
    }),
    { numRuns: Number(process.env['SKYSHARD_RUNS'] ?? 60) },
  );
});

test('a snapshot after changes tells the same as one built whole', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), fc.integer(), (changes, seed) => {
      const changed = setUpBuilder(16 << 20, { hashSeed: seed >>> 0 });
      for (const apply of changes) {
        apply(changed.builder.dataset(0));
        changed.builder.publish(1);
      }
      const whole = setUpBuilder();
      for (const apply of changes) apply(whole.builder.dataset(0));
      whole.builder.publish(1);
      const namesOf = (buffer: SharedArrayBuffer): string[] => comparableLines(buffer);
      assert.deepEqual(namesOf(changed.buffer), namesOf(whole.buffer));
    }),
    { numRuns: Number(process.env['SKYSHARD_RUNS'] ?? 30) },
  );
});
