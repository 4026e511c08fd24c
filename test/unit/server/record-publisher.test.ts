import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ObjectChange } from '../../../src/kubernetes/objects.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { MainCounters } from '../../../src/observability/server-metrics.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { compileCorefile } from '../../../src/server/compile-corefile.ts';
import { RecordPublisher } from '../../../src/server/record-publisher.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { dumpSnapshot } from '../../../src/snapshot/dump.ts';
import { readAtOnce } from '../plugins/corefile-fixture.ts';

const TEXT = '. {\n    bind 127.0.0.1\n    kubernetes cluster.local in-addr.arpa ip6.arpa\n}\n';
const COREFILE = readAtOnce(TEXT, 'Corefile', {});

const NAMESPACE: ObjectChange = { op: 'put', object: { kind: 'Namespace', name: 'default', labels: {} } };

function service(name: string, clusterIP: string): ObjectChange {
  const common = {
    kind: 'Service',
    namespace: 'default',
    name,
    type: 'ClusterIP',
    externalName: '',
    externalIPs: [],
  } as const;
  return { op: 'put', object: { ...common, clusterIPs: [clusterIP], ports: [] } };
}

function remove(name: string): ObjectChange {
  return { op: 'delete', kind: 'Service', namespace: 'default', name };
}

/** Services `NAME0` … with long names, and addresses from `first` on. */
function manyServices(name: string, count: number, first: number): ObjectChange[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    return service(`${name}${index}`, `10.${number >>> 16}.${(number >>> 8) & 255}.${number & 255}`);
  });
}

function setUp(sizeMax = 16 << 20) {
  const buffer = reserveSharedBuffer({ sizeMax, sizeMin: sizeMax, hashSeed: 1 });
  const builder = new SnapshotBuilder(buffer, { reserveChunkCount: 2 });
  const counters = new MainCounters();
  const log: string[] = [];
  const publisher = new RecordPublisher({
    builder,
    records: [{ dataset: 0, options: DEFAULT_RECORD_OPTIONS }],
    datasetCount: 1,
    config: compileCorefile(COREFILE, { version: '', hostName: '', indexOfGroup: () => 0 }).config,
    counters,
    log: (level, text) => log.push(`${level} ${text}`),
  });
  const dump = (): string => [...dumpSnapshot(buffer)].join('\n');
  return { buffer, builder, counters, log, publisher, dump };
}

describe('RecordPublisher', () => {
  test('what a configuration does not name any more is given back, and its place is taken by another', async () => {
    const { builder, publisher, dump } = setUp();
    await publisher.load([NAMESPACE]);
    const emptySize = builder.liveSize;
    const sizes: number[] = [];
    for (let reload = 0; reload < 20; reload++) {
      const dataset = publisher.takeDataset();
      assert.equal(dataset, 1);
      await publisher.write(
        () => {
          for (let index = 1000; index < 3000; index++) {
            const key = Uint8Array.from([5, ...Buffer.from(`h${index}`)]);
            const content = { ports: [], weight: 0, targetSkip: 0, addresses4: [index], addresses6: [] };
            builder.dataset(dataset).put(key, { kind: 'address', ...content });
          }
        },
        () => assert.fail('refused'),
      );
      sizes.push(builder.liveSize);
      await publisher.freeDatasets(new Set([0]));
    }
    assert.ok(sizes[0]! > emptySize + 10_000);
    builder.epochs.reclaim();
    assert.ok(Math.max(...sizes) < sizes[0]! * 1.1, sizes.join());
    assert.doesNotMatch(dump(), /h1000/);
  });

  test('nothing is published before the load, everything after it', async () => {
    const { publisher, dump } = setUp();
    assert.equal(dump(), 'nothing is published');
    await publisher.load([NAMESPACE, service('web', '10.96.1.1')]);
    assert.match(dump(), /^ {2}web\.default\.svc {2}A 10\.96\.1\.1$/m);
    assert.match(dump(), /synced/);
  });

  test('change sets given at once are published one after the other', async () => {
    const { publisher, dump, builder } = setUp();
    await publisher.load([NAMESPACE, service('web', '10.96.1.1')]);
    const before = builder.epochs.generation;
    await Promise.all([
      publisher.apply([service('web', '10.96.1.2'), service('other', '10.96.2.1')]),
      publisher.apply([service('web', '10.96.1.3')]),
      publisher.apply([remove('other')]),
    ]);
    assert.match(dump(), /web\.default\.svc {2}A 10\.96\.1\.3$/m);
    assert.doesNotMatch(dump(), /other/);
    assert.equal(builder.epochs.generation, before + 3);
  });

  test('a change that does not fit leaves what is served, is counted and logged, and is published when there is room', async () => {
    const { publisher, dump, counters, log } = setUp(1 << 20);
    await publisher.load([NAMESPACE, service('web', '10.96.1.1'), ...manyServices('old', 500, 1 << 16)]);
    const served = dump();
    await publisher.apply([service('web', '10.96.1.2'), ...manyServices('new', 6_000, 1 << 20)]);
    assert.ok(dump() === served, 'the last good snapshot');
    assert.equal(counters.snapshotPublishFailures, 1);
    assert.match(log.join('\n'), /^error SNAPSHOT_FULL: .*the last snapshot is served/m);
    assert.ok(publisher.statistics.isBehind);

    // While it waits, later changes wait with it: what is served never mixes two states of the cluster.
    await publisher.apply([service('web', '10.96.1.3')]);
    assert.ok(dump() === served);

    await publisher.apply(manyServices('new', 6_000, 1 << 20).map((_, index) => remove(`new${index}`)));
    assert.ok(/web\.default\.svc {2}A 10\.96\.1\.3$/m.test(dump()));
    assert.ok(!publisher.statistics.isBehind);
    assert.match(log.join('\n'), /^info the changes that had to wait are published$/m);
    publisher.close();
  });

  test('removals are published although the rest does not fit, and make room for it', async () => {
    const { publisher, dump } = setUp(1 << 20);
    await publisher.load([NAMESPACE, ...manyServices('old', 3_000, 1 << 16)]);
    const removals = manyServices('old', 3_000, 1 << 16).map((_, index) => remove(`old${index}`));
    await publisher.apply([...removals, ...manyServices('new', 3_000, 1 << 20)]);
    assert.ok(!dump().includes('old'));
    await publisher.apply([]);
    assert.ok(dump().includes('new2999.default.svc'));
    publisher.close();
  });

  test('a load that does not fit is the caller’s to report', async () => {
    const { publisher } = setUp(1 << 19);
    await assert.rejects(publisher.load([NAMESPACE, ...manyServices('x', 6_000, 1 << 16)]), { code: 'SNAPSHOT_FULL' });
  });

  test('the event loop runs on while a large set is applied', async () => {
    const { publisher } = setUp(64 << 20);
    await publisher.load([NAMESPACE]);
    let turns = 0;
    const count = setInterval(() => turns++, 1);
    await publisher.apply(manyServices('x', 6_000, 1 << 16));
    clearInterval(count);
    assert.ok(turns >= 3, `${turns} turns of the event loop`);
  });
});
