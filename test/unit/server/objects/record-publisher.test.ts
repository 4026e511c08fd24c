import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ObjectKind } from '../../../../src/kubernetes/object-sink.ts';
import type { ClusterObject, ObjectChange } from '../../../../src/kubernetes/objects.ts';
import { reserveSharedBuffer } from '../../../../src/memory/shared-buffer.ts';
import { MainCounters } from '../../../../src/observability/counters/server-metrics.ts';
import { DEFAULT_RECORD_OPTIONS, type RecordOptions } from '../../../../src/records/record-options.ts';
import { compileCorefile } from '../../../../src/server/compile/compile-corefile.ts';
import { RecordPublisher } from '../../../../src/server/objects/record-publisher.ts';
import type { RecordSource } from '../../../../src/server/objects/record-source.ts';
import { SnapshotBuilder } from '../../../../src/snapshot/builder.ts';
import { dumpSnapshot } from '../../../../src/snapshot/dump.ts';
import { readAtOnce } from '../../plugins/corefile-fixture.ts';
import { namespace, put, remove, service, slice } from '../../records/cluster.ts';

const TEXT = '. {\n    bind 127.0.0.1\n    kubernetes cluster.local in-addr.arpa ip6.arpa\n}\n';
const COREFILE = readAtOnce(TEXT, 'Corefile', {});
const { config } = compileCorefile(COREFILE, {
  version: '',
  hostName: '',
  numberOfGroup: () => 0,
  indexOfCacheProfile: () => 0,
});

const KINDS: readonly ObjectKind[] = ['Namespace', 'Service', 'EndpointSlice'];
const DEFAULT = namespace('default');

function web(address: string): ClusterObject {
  return service('default/web', [address]);
}

/** Services `default/NAME0` … with cluster IPs from `first` on. */
function manyServices(name: string, count: number, first: number): ClusterObject[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    return service(`default/${name}${index}`, [`10.${number >>> 16}.${(number >>> 8) & 255}.${number & 255}`]);
  });
}

const put_ = (objects: readonly ClusterObject[]): ObjectChange[] => objects.map((object) => put(object));
const remove_ = (objects: readonly ClusterObject[]): ObjectChange[] => objects.map((object) => remove(object));

function setUp(sizeMax = 16 << 20, options: readonly Partial<RecordOptions>[] = [{}]) {
  const buffer = reserveSharedBuffer({ sizeMax, sizeMin: sizeMax, hashSeed: 1 });
  const builder = new SnapshotBuilder(buffer, { reserveChunkCount: 2 });
  const counters = new MainCounters();
  const log: string[] = [];
  const publisher = new RecordPublisher({
    builder,
    datasetCount: options.length,
    config,
    counters,
    log: (level, text) => log.push(`${level} ${text}`),
    fail: (error) => assert.fail(String(error)),
  });
  const sources = options.map((some, dataset) =>
    publisher.addSource(KINDS, [{ dataset, options: { ...DEFAULT_RECORD_OPTIONS, ...some } }]),
  );
  const dump = (): string => [...dumpSnapshot(buffer)].join('\n');
  return { buffer, builder, counters, log, publisher, source: sources[0]!, sources, dump };
}

/** One list of all objects of a kind. */
async function list(source: RecordSource, kind: ObjectKind, objects: readonly ClusterObject[]): Promise<void> {
  await source.beginList(kind);
  await source.apply(put_(objects));
  await source.endList(kind);
}

/** Lists of these objects and no others. */
async function listAll(source: RecordSource, objects: readonly ClusterObject[]): Promise<void> {
  for (const kind of KINDS) {
    await list(
      source,
      kind,
      objects.filter((object) => object.kind === kind),
    );
  }
}

/** A publisher that has started, with all of these objects listed. */
async function setUpWith(objects: readonly ClusterObject[], sizeMax?: number) {
  const parts = setUp(sizeMax);
  await listAll(parts.source, objects);
  await parts.publisher.start();
  return parts;
}

describe('the first lists', () => {
  const objects: Readonly<Record<string, readonly ClusterObject[]>> = {
    Namespace: [DEFAULT],
    Service: [web('10.96.1.1'), service('default/db', ['None'])],
    EndpointSlice: [slice('default/db/s', ['pg/5432/TCP'], ['10.1.0.1=db-0', '10.1.0.3'])],
  };
  const orders = KINDS.flatMap((first) =>
    KINDS.filter((kind) => kind !== first).map((second) => [
      first,
      second,
      KINDS.find((kind) => kind !== first && kind !== second)!,
    ]),
  );

  for (const order of orders) {
    test(`${order.join(', ')}: nothing is served before the last is complete, everything after it`, async () => {
      const { publisher, source, dump, builder } = setUp();
      await publisher.start();
      const fixed = dump();
      assert.match(fixed, /dataset 0 {2}serial 0 {2}names \d+ {2}not synced/);
      for (const kind of order) {
        assert.equal(builder.dataset(0).isSynced, false);
        assert.equal(dump(), fixed);
        await list(source, kind as ObjectKind, objects[kind]!);
      }
      assert.match(dump(), /web\.default\.svc {2}A 10\.96\.1\.1$/m);
      assert.match(dump(), /db-0\.db\.default\.svc {2}A 10\.1\.0\.1/m);
      assert.match(dump(), /dataset 0 {2}serial 1\d+ {2}names \d+ {2}synced/);
      await source.synced;
    });
  }

  test('a list that has begun again counts once it has ended', async () => {
    const { publisher, source, dump, builder } = setUp();
    await publisher.start();
    await list(source, 'Namespace', [DEFAULT]);
    await list(source, 'EndpointSlice', []);
    await source.beginList('Service');
    await source.apply(put_([web('10.96.1.1'), service('default/gone', ['10.96.9.9'])]));
    await source.beginList('Service');
    await source.apply(put_([web('10.96.1.1')]));
    assert.equal(builder.dataset(0).isSynced, false);
    await source.endList('Service');
    assert.match(dump(), /web\.default\.svc/);
    assert.doesNotMatch(dump(), /gone/);
  });

  test('before the start nothing is published; lists that were complete by then are served with the first snapshot', async () => {
    const { publisher, source, dump, builder } = setUp();
    await listAll(source, [DEFAULT, web('10.96.1.1')]);
    assert.equal(dump(), 'nothing is published');
    await publisher.start();
    assert.match(dump(), /web\.default\.svc/);
    assert.ok(builder.dataset(0).isSynced);
  });

  test('a source that is never listed holds back no other one, and none of its half list is seen', async () => {
    const { publisher, sources, dump, builder } = setUp(16 << 20, [{}, { zones: ['other.local'] }]);
    await publisher.start();
    await sources[1]!.beginList('Service');
    await sources[1]!.apply(put_([DEFAULT, service('default/half', ['10.96.7.7'])]));
    await listAll(sources[0]!, [DEFAULT, web('10.96.1.1')]);
    assert.match(dump(), /web\.default\.svc/);
    assert.deepEqual([builder.dataset(0).isSynced, builder.dataset(1).isSynced], [true, false]);
    await listAll(sources[1]!, [DEFAULT, service('default/half', ['10.96.7.7'])]);
    assert.match(dump(), /half\.default\.svc/);
    assert.ok(builder.dataset(1).isSynced);
  });

  test('names that are written while lists come are not answered when another source publishes, and are all there at the end', async () => {
    const { publisher, sources, dump, builder } = setUp(16 << 20, [{}, { zones: ['other.local'] }]);
    const many = manyServices('x', 300, 10 << 16);
    const slices = many.map((object, i) => {
      const name = object.kind === 'Service' ? object.name : '';
      return slice(`default/${name}/${name}-a`, ['http/80/TCP'], [`10.200.${i >> 8}.${i & 255}`]);
    });
    await publisher.start();
    await list(sources[1]!, 'Namespace', [DEFAULT]);
    await sources[1]!.beginList('Service');
    await sources[1]!.beginList('EndpointSlice');
    await sources[1]!.apply(put_(many));
    for (let at = 0; at < slices.length; at += 16) await sources[1]!.apply(put_(slices.slice(at, at + 16)));
    await listAll(sources[0]!, [DEFAULT, web('10.96.1.1')]);
    assert.match(dump(), /x0\.default\.svc/, 'written so soon');
    assert.equal(builder.dataset(1).isSynced, false);
    // One is gone, and one has moved.
    await sources[1]!.apply([remove(slices[0]!), put(slice('default/x1/x1-a', ['http/80/TCP'], ['10.201.0.1']))]);
    await sources[1]!.apply([remove(many[0]!)]);
    await sources[1]!.endList('Service');
    await sources[1]!.endList('EndpointSlice');
    assert.ok(builder.dataset(1).isSynced);
    assert.doesNotMatch(dump(), /x0\.default\.svc|10\.200\.0\.[01]\b/);
    assert.match(dump(), /10-201-0-1\.x1\.default\.svc {2}A 10\.201\.0\.1/);
    assert.match(dump(), /10-200-1-43\.x299\.default\.svc {2}A 10\.200\.1\.43/);
  });

  test('an empty cluster leaves the serial at 0', async () => {
    const { builder } = await setUpWith([]);
    assert.equal(builder.dataset(0).serial, 0);
    assert.ok(builder.dataset(0).isSynced);
  });
});

describe('changes', () => {
  test('sets that are given at once are published one after the other', async () => {
    const { source, dump, builder } = await setUpWith([DEFAULT, web('10.96.1.1')]);
    const before = builder.epochs.generation;
    await Promise.all([
      source.apply(put_([web('10.96.1.2'), service('default/other', ['10.96.2.1'])])),
      source.apply(put_([web('10.96.1.3')])),
      source.apply([remove(service('default/other', []))]),
    ]);
    assert.match(dump(), /web\.default\.svc {2}A 10\.96\.1\.3$/m);
    assert.doesNotMatch(dump(), /other/);
    assert.equal(builder.epochs.generation, before + 3);
  });

  test('an object without a name of its own moves the serial', async () => {
    const { source, builder } = await setUpWith([]);
    await source.apply([put(slice('default/db/empty', [], []))]);
    assert.ok(builder.dataset(0).serial > 1_700_000_000);
  });

  test('the event loop runs on while a large set is applied', async () => {
    const { source } = await setUpWith([DEFAULT], 64 << 20);
    let turns = 0;
    const count = setInterval(() => turns++, 1);
    await source.apply(put_(manyServices('x', 6_000, 1 << 16)));
    clearInterval(count);
    assert.ok(turns >= 3, `${turns} turns of the event loop`);
  });
});

describe('a list that comes again', () => {
  test('takes away what is gone and adds what is new when it is complete, and publishes nothing if nothing differs', async () => {
    const objects = [DEFAULT, web('10.96.1.1'), service('default/gone', ['10.96.9.9'])];
    const { source, dump, builder } = await setUpWith(objects);
    const { generation } = builder.epochs;
    await listAll(source, objects);
    assert.equal(builder.epochs.generation, generation);

    await source.beginList('Service');
    await source.apply(put_([web('10.96.1.2')]));
    assert.match(dump(), /gone\.default\.svc/);
    await source.endList('Service');
    assert.doesNotMatch(dump(), /gone/);
    assert.match(dump(), /web\.default\.svc {2}A 10\.96\.1\.2$/m);
  });

  test('takes away all of a kind if the list is empty', async () => {
    const { source, dump } = await setUpWith([DEFAULT, web('10.96.1.1')]);
    await list(source, 'Service', []);
    assert.doesNotMatch(dump(), /web/);
    assert.match(dump(), /default\.svc/);
  });
});

describe('a full buffer', () => {
  test('leaves what is served; the change is counted and logged, and published when there is room', async () => {
    const many = manyServices('new', 6_000, 1 << 20);
    const { publisher, source, dump, counters, log } = await setUpWith(
      [DEFAULT, web('10.96.1.1'), ...manyServices('old', 500, 1 << 16)],
      1 << 20,
    );
    const served = dump();
    await source.apply(put_([web('10.96.1.2'), ...many]));
    assert.ok(dump() === served, 'the last good snapshot');
    assert.equal(counters.snapshotPublishFailures, 1);
    assert.match(log.join('\n'), /^error SNAPSHOT_FULL: .*the last snapshot is served/m);
    assert.ok(publisher.statistics.isBehind);

    // While it waits, later changes wait with it: what is served never mixes two states of the cluster.
    await source.apply(put_([web('10.96.1.3')]));
    assert.ok(dump() === served);

    await source.apply(remove_(many));
    assert.ok(/web\.default\.svc {2}A 10\.96\.1\.3$/m.test(dump()));
    assert.ok(!publisher.statistics.isBehind);
    assert.match(log.join('\n'), /^info the changes that had to wait are published$/m);
    publisher.close();
  });

  test('removals are published although the rest does not fit, and make room for it', async () => {
    const old = manyServices('old', 2_400, 1 << 16);
    const { publisher, source, dump } = await setUpWith([DEFAULT, ...old], 1 << 20);
    await source.apply([...remove_(old), ...put_(manyServices('new', 2_400, 1 << 20))]);
    assert.ok(!dump().includes('old'));
    assert.ok(!dump().includes('new'), 'both do not fit');
    await source.apply([]);
    assert.ok(dump().includes('new2399.default.svc'));
    publisher.close();
  });

  test('in a list that comes again, of more names than are remembered: they are all written anew when there is room', async () => {
    const many = manyServices('new', 12_000, 1 << 20);
    const { publisher, source, dump, log } = await setUpWith([DEFAULT, web('10.96.1.1')], 1 << 20);
    await source.beginList('Service');
    for (let at = 0; at < many.length; at += 3_000) await source.apply(put_(many.slice(at, at + 3_000)));
    assert.ok(publisher.statistics.isBehind);
    assert.equal(log.length, 1, log.join('\n'));
    await source.apply(put_([web('10.96.1.2')]));
    await source.endList('Service');
    const isServed = (): boolean => /web\.default\.svc {2}A 10\.96\.1\.1$/m.test(dump());
    assert.ok(isServed(), 'what was served before the change that did not fit');
    await listAll(source, [DEFAULT, web('10.96.1.3')]);
    // What takes long to write is tried again after a while, not with each change.
    await publisher.enqueue(() => publisher.publish(true));
    assert.match(dump(), /web\.default\.svc {2}A 10\.96\.1\.3$/m);
    assert.doesNotMatch(dump(), /new/);
    assert.ok(!publisher.statistics.isBehind);
    publisher.close();
  });

  test('at the start it is the caller’s to report', async () => {
    const { publisher, source } = setUp(1 << 19);
    await listAll(source, [DEFAULT, ...manyServices('x', 6_000, 1 << 16)]);
    await assert.rejects(publisher.start(), { code: 'SNAPSHOT_FULL' });
  });

  test('in the first lists after the start: only what is there when they are complete has to fit', async () => {
    const many = manyServices('x', 12_000, 1 << 16);
    const { publisher, sources, builder, dump, log } = setUp(1 << 20, [{}, {}]);
    await publisher.start();
    await list(sources[0]!, 'Namespace', [DEFAULT]);
    await list(sources[0]!, 'Service', many);
    await listAll(sources[1]!, [DEFAULT, web('10.96.1.1')]);
    assert.ok(builder.dataset(1).isSynced);
    assert.match(dump(), /web\.default\.svc/);
    await sources[0]!.apply(remove_(many.slice(10)));
    await list(sources[0]!, 'EndpointSlice', []);
    assert.ok(builder.dataset(0).isSynced);
    assert.match(dump(), /x9\.default\.svc/);
    assert.deepEqual(log, []);
    publisher.close();
  });

  test('the first lists, complete: the names stay unanswered until they fit', async () => {
    const many = manyServices('x', 12_000, 1 << 16);
    const { publisher, source, builder, dump, log } = setUp(1 << 20);
    await publisher.start();
    await list(source, 'Namespace', [DEFAULT]);
    await list(source, 'Service', many);
    await list(source, 'EndpointSlice', []);
    assert.match(log.join('\n'), /^error SNAPSHOT_FULL: /m);
    assert.ok(!builder.dataset(0).isSynced);
    await source.apply(remove_(many.slice(10)));
    while (!builder.dataset(0).isSynced) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(dump(), /x9\.default\.svc/);
    publisher.close();
  });

  test('names from elsewhere that do not fit cost a source that is being listed nothing', async () => {
    const { publisher, source, builder, dump } = setUp(1 << 20);
    await publisher.start();
    await list(source, 'Namespace', [DEFAULT]);
    await list(source, 'Service', [web('10.96.1.1')]);
    let isReverted = false;
    await publisher.write({
      write: () => {
        for (let index = 0; index < 40_000; index++) {
          builder.dataset(1).put(Buffer.from(`\x06${100_000 + index}`, 'latin1'), { kind: 'ent' });
        }
      },
      revert: () => {
        isReverted = true;
      },
    });
    assert.ok(isReverted);
    await list(source, 'EndpointSlice', []);
    assert.match(dump(), /web\.default\.svc {2}A 10\.96\.1\.1$/m);
    publisher.close();
  });
});

describe('another configuration', () => {
  const noNames = { write: () => undefined, revert: () => undefined };

  test('what it does not use is given back: memory, dataset and source', async () => {
    const { publisher, source, builder, dump } = await setUpWith([DEFAULT]);
    const before = builder.liveSize;
    for (let round = 0; round < 3; round++) {
      const dataset = publisher.takeDataset();
      assert.equal(dataset, 1);
      const other = publisher.addSource(KINDS, [{ dataset, options: DEFAULT_RECORD_OPTIONS }]);
      await listAll(other, [DEFAULT, ...manyServices('other', 1_000, 1 << 16)]);
      await publisher.reconfigure(config, new Set([0, 1]), noNames);
      assert.ok(dump().includes('other999.default.svc'));
      await publisher.reconfigure(config, new Set([0]), noNames);
      assert.ok(!dump().includes('other'));
      await other.apply(put_([web('10.96.9.9')]));
      assert.ok(!dump().includes('web'));
      builder.epochs.reclaim();
      assert.ok(builder.liveSize < before + 4096, `${builder.liveSize} octets, ${before} before`);
    }
    await source.apply(put_([web('10.96.1.1')]));
    assert.match(dump(), /web\.default\.svc/);
  });

  test('names from elsewhere that it does not use are given back, and others take their place', async () => {
    const { publisher, builder, dump } = await setUpWith([DEFAULT]);
    const sizes: number[] = [];
    for (let round = 0; round < 20; round++) {
      const dataset = publisher.takeDataset();
      assert.equal(dataset, 1);
      const content = { kind: 'address', ports: [], weight: 0, targetSkip: 0, addresses6: [] } as const;
      const write = (): void => {
        for (let index = 1000; index < 3000; index++) {
          const key = Buffer.from(`\x05h${index}`, 'latin1');
          builder.dataset(dataset).put(key, { ...content, addresses4: [index] });
        }
      };
      await publisher.write({ write, revert: () => assert.fail('refused') });
      sizes.push(builder.liveSize);
      await publisher.reconfigure(config, new Set([0]), noNames);
    }
    builder.epochs.reclaim();
    assert.ok(Math.max(...sizes) < sizes[0]! * 1.1, sizes.join());
    assert.ok(builder.liveSize < sizes[0]! - 10_000);
    assert.doesNotMatch(dump(), /h1000/);
  });

  test('a source that no configuration came to use leaves nothing behind', async () => {
    const { publisher, builder, dump } = await setUpWith([DEFAULT]);
    const before = builder.liveSize;
    const dataset = publisher.takeDataset();
    const other = publisher.addSource(KINDS, [{ dataset, options: DEFAULT_RECORD_OPTIONS }]);
    await listAll(other, [DEFAULT, ...manyServices('other', 1_000, 1 << 16)]);
    await publisher.dropSource(other);
    builder.epochs.reclaim();
    assert.ok(!dump().includes('other'));
    assert.ok(builder.liveSize < before + 4096);
    assert.equal(publisher.takeDataset(), dataset);
  });
});
