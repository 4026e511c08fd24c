import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { SkyshardError } from '../../../../src/base/skyshard-error.ts';
import { reserveSharedBuffer } from '../../../../src/memory/shared-buffer.ts';
import { MainCounters } from '../../../../src/observability/counters/server-metrics.ts';
import type { RecordOptions } from '../../../../src/records/record-options.ts';
import { compileCorefile } from '../../../../src/server/compile/compile-corefile.ts';
import type { ObjectFeed } from '../../../../src/server/objects/object-feed.ts';
import { ObjectFeeds } from '../../../../src/server/objects/object-feeds.ts';
import { RecordPublisher } from '../../../../src/server/objects/record-publisher.ts';
import type { RecordSource } from '../../../../src/server/objects/record-source.ts';
import type { ObjectSelection, RecordPlan } from '../../../../src/server/configuration/server-plan.ts';
import { SnapshotBuilder } from '../../../../src/snapshot/builder.ts';
import { dumpSnapshot } from '../../../../src/snapshot/dump.ts';
import { readAtOnce } from '../../plugins/corefile-fixture.ts';
import { namespace, put, service } from '../../records/cluster.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-feeds-'));
after(() => rmSync(folder, { recursive: true }));

const COREFILE = readAtOnce('. {\n    bind 127.0.0.1\n    kubernetes cluster.local in-addr.arpa\n}\n', 'Corefile', {});
const { config, records } = compileCorefile(COREFILE, {
  version: '',
  hostName: '',
  numberOfGroup: () => 0,
  indexOfCacheProfile: () => 0,
});
const noNames = { write: () => undefined, revert: () => undefined };

/** A cluster that is listed when the test says so. */
class FakeFeed implements ObjectFeed {
  readonly selection: ObjectSelection;
  readonly timeoutMs: number;
  readonly sink: RecordSource;
  fault: Error | undefined;
  isOpen = true;

  constructor(selection: ObjectSelection, timeoutMs: number, sink: RecordSource) {
    this.selection = selection;
    this.timeoutMs = timeoutMs;
    this.sink = sink;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Lists with one Service. */
  async list(name: string): Promise<void> {
    await this.sink.apply([put(namespace('default')), put(service(`default/${name}`, ['10.96.1.1']))]);
    for (const kind of this.selection.kinds) await this.sink.endList(kind);
  }

  describe(nameCount: number): string {
    return `${nameCount} names`;
  }

  close(): void {
    this.isOpen = false;
  }
}

interface PlanChange extends Partial<RecordOptions> {
  readonly endpoint?: string;
  readonly timeoutMs?: number;
}

function plan(dataset: number, { endpoint = 'a', timeoutMs = 10_000, ...options }: PlanChange = {}): RecordPlan {
  const [first] = records;
  return {
    dataset,
    options: { ...first!.options, ...options },
    selection: { ...first!.selection, labels: options.labels, api: { ...first!.selection.api, endpoint } },
    startupTimeoutMs: timeoutMs,
  };
}

function setUp(plans: readonly RecordPlan[], manifests: readonly string[] = []) {
  const buffer = reserveSharedBuffer({ sizeMax: 16 << 20, sizeMin: 16 << 20 });
  const log: string[] = [];
  const publisher = new RecordPublisher({
    builder: new SnapshotBuilder(buffer),
    datasetCount: plans.length,
    config,
    counters: new MainCounters(),
    log: (level, text) => log.push(`${level} ${text}`),
    fail: (error) => assert.fail(String(error)),
  });
  const opened: FakeFeed[] = [];
  const feeds = new ObjectFeeds({
    publisher,
    manifests,
    counters: new MainCounters(),
    openCluster: (...asked) => {
      if (asked[0].api.endpoint === 'missing') return Promise.reject(new SkyshardError('API_ACCESS', 'no such file'));
      const feed = new FakeFeed(...asked);
      opened.push(feed);
      return Promise.resolve(feed);
    },
    log: (level, text) => log.push(`${level} ${text}`),
  });
  const dump = (): string => [...dumpSnapshot(buffer)].join('\n');
  return { publisher, feeds, opened, log, dump };
}

/** As much of the event loop as opening takes. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Started, with every feed listed: `svc0`, `svc1` … */
async function setUpListed(plans: readonly RecordPlan[]) {
  const parts = setUp(plans);
  const started = parts.feeds.start(plans);
  await until(() => parts.opened.length === new Set(plans.map(({ selection }) => JSON.stringify(selection))).size);
  for (const [index, feed] of parts.opened.entries()) await feed.list(`svc${index}`);
  await started;
  await parts.publisher.start();
  return parts;
}

describe('the start', () => {
  test('waits for every feed, then all is there', async () => {
    const { dump, opened, log } = await setUpListed([plan(0), plan(1, { endpoint: 'b' })]);
    assert.equal(opened.length, 2);
    assert.match(dump(), /svc0\.default\.svc/);
    assert.match(dump(), /svc1\.default\.svc/);
    assert.deepEqual(log, []);
  });

  test('waits no longer than startup_timeout, and says so; what is listed later is served then', async () => {
    const plans = [plan(0, { timeoutMs: 20 })];
    const { feeds, publisher, opened, log, dump } = setUp(plans);
    await feeds.start(plans);
    assert.deepEqual(log, ['warn plugin/kubernetes: starting server with unsynced Kubernetes API']);
    await publisher.start();
    assert.match(dump(), /not synced/);
    await opened[0]!.list('late');
    assert.match(dump(), /late\.default\.svc/);
    assert.doesNotMatch(dump(), /not synced/);
  });

  test('blocks that see the same objects share a feed, others have their own', async () => {
    const { opened } = await setUpListed([
      plan(0),
      plan(1, { pods: 'disabled' }),
      plan(2, { labels: 'a=b' }),
      plan(3, { endpoint: 'b' }),
    ]);
    assert.deepEqual(
      opened.map(({ selection, sink }) => [selection.api.endpoint, selection.labels, sink.instances.length]),
      [
        ['a', undefined, 2],
        ['a', 'a=b', 1],
        ['b', undefined, 1],
      ],
    );
  });

  test('manifests take the place of the API server, for each label selector', async () => {
    const file = path.join(folder, 'services.yaml');
    const text = ['apiVersion: v1', 'kind: Namespace', 'metadata: { name: default }'];
    for (const name of ['red', 'blue']) {
      text.push('---', 'apiVersion: v1', 'kind: Service', `metadata: { name: ${name}, labels: { color: ${name} } }`);
      text.push('spec: { clusterIP: 10.96.1.1 }');
    }
    writeFileSync(file, text.join('\n'));
    const plans = [plan(0), plan(1, { endpoint: 'b', labels: 'color=red' })];
    const { feeds, publisher, opened, dump } = setUp(plans, [file]);
    await feeds.start(plans);
    await publisher.start();
    await feeds.close();
    assert.equal(opened.length, 0);
    assert.equal(dump().match(/red\.default\.svc {2}A/g)?.length, 2);
    assert.equal(dump().match(/blue\.default\.svc {2}A/g)?.length, 1);
    assert.match(feeds.describe().join(), /^$/);
  });
});

describe('a reload', () => {
  test('keeps the feed of a block that says what it said, and closes that of one that is gone', async () => {
    const { feeds, publisher, opened, dump } = await setUpListed([plan(0), plan(1, { endpoint: 'b' })]);
    const datasetOf = new Map<number, number>();
    const change = await feeds.prepare([plan(0, { endpoint: 'b', ttlSeconds: 7 })], datasetOf);
    assert.equal(opened.length, 2);
    assert.deepEqual([...datasetOf], [[0, 1]]);
    await publisher.reconfigure(config, new Set(datasetOf.values()), noNames);
    await change.commit();
    assert.deepEqual(
      opened.map(({ isOpen }) => isOpen),
      [false, true],
    );
    assert.doesNotMatch(dump(), /svc0/);
    assert.match(dump(), /svc1/);
  });

  test('a block that changed gets a feed of its own, which is listed before it is served', async () => {
    const { feeds, publisher, opened, dump } = await setUpListed([plan(0), plan(1)]);
    const datasetOf = new Map<number, number>();
    const prepared = feeds.prepare([plan(0), plan(1, { ignoreEmptyService: true })], datasetOf);
    await until(() => opened.length === 2);
    assert.equal(opened[0]!.sink.instances.length, 2);
    await opened[1]!.list('fresh');
    const change = await prepared;
    assert.deepEqual([...datasetOf.values()], [0, 2]);
    await publisher.reconfigure(config, new Set(datasetOf.values()), noNames);
    await change.commit();
    assert.ok(opened.every(({ isOpen }) => isOpen));
    assert.equal(opened[0]!.sink.instances.length, 1);
    assert.match(dump(), /svc0[^]*fresh/);
  });

  test('is refused where the objects of a block cannot be listed: with the reason, and nothing is left of it', async () => {
    const { feeds, publisher, opened, dump } = await setUpListed([plan(0)]);
    const served = dump();
    const prepared = feeds.prepare([plan(0, { endpoint: 'b', timeoutMs: 20 })], new Map());
    await until(() => opened.length === 2);
    opened[1]!.fault = new SkyshardError('API_UNREACHABLE', 'no such host');
    await assert.rejects(prepared, /no such host/);
    await assert.rejects(
      feeds.prepare([plan(0, { endpoint: 'c', timeoutMs: 0 })], new Map()),
      /not been listed within startup_timeout/,
    );
    assert.deepEqual(
      opened.map(({ isOpen }) => isOpen),
      [true, false, false],
    );
    await opened[0]!.sink.apply([]);
    const withoutGeneration = (text: string): string => text.slice(text.indexOf('listener'));
    assert.equal(withoutGeneration(dump()), `${withoutGeneration(served)}\n\ndataset 1  serial 0  names 0  not synced`);
    assert.equal(publisher.takeDataset(), 1);
  });

  test('leaves nothing behind where it is not even known where the API server is, however often it is tried', async () => {
    const { feeds, publisher, opened } = await setUpListed([plan(0)]);
    const plans = [plan(0), plan(1, { endpoint: 'missing' }), plan(2, { endpoint: 'c' })];
    for (let attempt = 0; attempt < 3; attempt++) {
      const datasetOf = new Map<number, number>();
      await assert.rejects(feeds.prepare(plans, datasetOf), /no such file/);
      assert.deepEqual([...datasetOf.values()].sort(), [0, 1, 2]);
    }
    assert.deepEqual([publisher.takeDataset(), publisher.takeDataset(), publisher.takeDataset()].sort(), [1, 2, 3]);
    assert.ok(opened[0]!.isOpen);
  });
});
