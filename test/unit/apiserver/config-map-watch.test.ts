/** One ConfigMap, followed through what an API server does to those who watch. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConfigMapState, ConfigMapWatch } from '../../../src/apiserver/config-map-watch.ts';
import type { ApiTiming } from '../../../src/apiserver/api-timing.ts';
import { FakeApiServer, type RawObject } from '../../support/fake-api-server.ts';

const NAMESPACE = 'kube-system';
const QUICK: Partial<ApiTiming> = { backoffMinMs: 5, backoffMaxMs: 20, steadyMs: 0 };

const configMap = (name: string, data: Record<string, string>): RawObject => ({
  kind: 'ConfigMap',
  metadata: { name, namespace: NAMESPACE },
  data,
});

async function follow(t: TestContext, prepare: (fake: FakeApiServer) => void = () => undefined, timing = QUICK) {
  const fake = await FakeApiServer.start();
  t.after(() => fake.close());
  prepare(fake);
  const states: ConfigMapState[] = [];
  const log: string[] = [];
  const failures: unknown[] = [];
  const watch = await ConfigMapWatch.open({
    api: { endpoint: fake.url, tls: null, kubeconfig: null, queriesPerSecond: 1000, burst: 1000, inflightMax: 0 },
    namespace: NAMESPACE,
    name: 'kube-dns',
    onState: (state) => states.push(state),
    log: (level, text) => log.push(`${level} ${text}`),
    fail: (error) => failures.push(error),
    timing,
  });
  t.after(async () => {
    await watch.close();
    assert.deepEqual(failures, []);
  });
  const has = (data: Record<string, string> | undefined): Promise<void> =>
    fake.until(
      () => JSON.stringify(states.at(-1)?.data) === JSON.stringify(data) && states.length > 0,
      `the ConfigMap is ${JSON.stringify(data)}`,
    );
  return { fake, watch, states, log, has };
}

describe('a ConfigMap of the API server', () => {
  test('is known when the start is over, and alone asked for', async (t) => {
    const { fake, watch, states } = await follow(t, (server) => {
      server.put(configMap('kube-dns', { a: '1' }));
      server.put(configMap('other', { a: '2' }));
    });
    await watch.start(10_000);
    assert.deepEqual(states, [{ data: { a: '1' }, version: '1001' }]);
    assert.equal(fake.seen('configmaps', 'list')[0]!.query['fieldSelector'], 'metadata.name=kube-dns');
  });

  test('that is not there is none, until it is, and again when it is deleted', async (t) => {
    const { fake, watch, states, has } = await follow(t);
    await watch.start(10_000);
    assert.deepEqual(states, [{ data: undefined, version: '' }]);
    await fake.until(() => fake.openWatches('configmaps') === 1, 'a watch');
    // A server that does not know the selector sends all there are.
    const other = { ...configMap('other', { a: '0' }), metadata: { name: 'other', namespace: NAMESPACE } };
    fake.writeRaw('configmaps', `${JSON.stringify({ type: 'ADDED', object: other })}\n`);
    fake.put(configMap('kube-dns', { a: '1' }));
    await has({ a: '1' });
    fake.writeRaw('configmaps', `${JSON.stringify({ type: 'DELETED', object: other })}\n`);
    fake.put(configMap('kube-dns', { a: '2' }));
    await has({ a: '2' });
    fake.remove('ConfigMap', NAMESPACE, 'kube-dns');
    await has(undefined);
    assert.deepEqual(
      states.map(({ data }) => data?.['a']),
      [undefined, '1', '2', undefined],
    );
  });

  test('without data has none', async (t) => {
    const { watch, states } = await follow(t, (server) => {
      server.put({ kind: 'ConfigMap', metadata: { name: 'kube-dns', namespace: NAMESPACE } });
    });
    await watch.start(10_000);
    assert.deepEqual(states[0]?.data, {});
  });

  for (const [what, disturb] of Object.entries({
    'ends the watch': (fake: FakeApiServer) => fake.endWatches('configmaps'),
    'cuts it in the middle of an event': (fake: FakeApiServer) => fake.cutWatches('configmaps'),
    'says 410 Gone': (fake: FakeApiServer) => fake.failWatches(410, 'Expired', 'configmaps'),
    'sends nonsense': (fake: FakeApiServer) => fake.writeRaw('configmaps', 'nonsense\n'),
  })) {
    test(`is followed on when the server ${what}`, async (t) => {
      const { fake, watch, states, has } = await follow(t, (server) => server.put(configMap('kube-dns', { a: '1' })));
      await watch.start(10_000);
      await fake.until(() => fake.openWatches('configmaps') === 1, 'a watch');
      fake.isLosingEvents = true;
      fake.put(configMap('kube-dns', { a: '2' }));
      fake.isLosingEvents = false;
      disturb(fake);
      await has({ a: '2' });
      await fake.until(() => fake.openWatches('configmaps') === 1, 'another watch');
      fake.put(configMap('kube-dns', { a: '3' }));
      await has({ a: '3' });
      assert.ok(states.every(({ data }) => data !== undefined));
    });
  }

  test('is listed anew when a watch says nothing, not even a bookmark', async (t) => {
    const { fake, watch, has } = await follow(t, (server) => server.put(configMap('kube-dns', { a: '1' })), {
      ...QUICK,
      silenceMs: 200,
    });
    await watch.start(10_000);
    await fake.until(() => fake.openWatches('configmaps') === 1, 'a watch');
    fake.silenceWatches('configmaps');
    fake.put(configMap('kube-dns', { a: '2' }));
    await has({ a: '2' });
  });

  test('stays what it was while the server is away, which is said', async (t) => {
    const { fake, watch, states, log, has } = await follow(
      t,
      (server) => server.put(configMap('kube-dns', { a: '1' })),
      { ...QUICK, logGraceMs: 0 },
    );
    await watch.start(10_000);
    await fake.until(() => fake.openWatches('configmaps') === 1, 'a watch');
    fake.fail('configmaps', 'list', { status: 503 }, 3);
    fake.endWatches('configmaps');
    await fake.until(() => log.some((line) => /in step with the API server/.test(line)), 'all is well again');
    assert.match(log[0]!, /^warn API_REFUSED: cannot list configmaps: HTTP 503/);
    assert.equal(
      states.every(({ data }) => data?.['a'] === '1'),
      true,
    );
    fake.put(configMap('kube-dns', { a: '2' }));
    await has({ a: '2' });
  });

  test('that may not be read is told with the rule to add, and the start goes on', async (t) => {
    const { fake, watch, states, log, has } = await follow(t, (server) => {
      server.put(configMap('kube-dns', { a: '1' }));
      server.fail('configmaps', 'list', { status: 403, reason: 'Forbidden', message: 'configmaps is forbidden' }, 1000);
    });
    await watch.start(50);
    assert.deepEqual(states, []);
    await fake.until(() => log.length > 0, 'a line of the log');
    assert.match(
      log[0]!,
      /^error API_FORBIDDEN: cannot list configmaps: add to a Role in namespace kube-system: apiGroups: \[""\], resources: \["configmaps"\], resourceNames: \["kube-dns"\], verbs: \["list", "watch"\]/,
    );
    fake.mend();
    await has({ a: '1' });
  });

  test('is not asked for without a pause by a server that ends each watch at once', async (t) => {
    const { fake, watch } = await follow(t, (server) => server.put(configMap('kube-dns', {})), {
      backoffMinMs: 200,
      backoffMaxMs: 1000,
      steadyMs: 5000,
    });
    await watch.start(10_000);
    const ender = setInterval(() => fake.endWatches('configmaps'), 5);
    t.after(() => clearInterval(ender));
    await sleep(600);
    const count = fake.seen('configmaps', 'list').length;
    assert.ok(count >= 2 && count <= 7, `${count} lists`);
  });
});
