/** Lists and watches against a server that does what API servers do on good days and on bad ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointSlice, namespace, service } from '../../support/api-objects.ts';
import { follow, metric } from './follow.ts';

const ALL = ['Service', 'EndpointSlice', 'Namespace'] as const;

test('a streaming list hands on all objects, then what changes', async (t) => {
  const { fake, source, sink, synced, agree } = await follow(t, {
    source: { kinds: ALL },
    prepare: (fake) => {
      fake.put(namespace('default'));
      for (let i = 1; i <= 50; i++) fake.put(service(`s${i}`, `10.96.0.${i}`));
      fake.put(endpointSlice('s1-a', 's1', ['10.0.0.1', '10.0.0.2']));
    },
  });
  await agree();
  assert.deepEqual(synced.toSorted(), ALL.toSorted());
  assert.equal(fake.seen('services', 'list').length, 0);
  fake.put(service('s1', '10.96.1.1'));
  fake.put(service('new', '10.96.1.2'));
  fake.remove('Service', 'default', 's2');
  fake.put(endpointSlice('s1-a', 's1', ['10.0.0.3']));
  await agree();
  assert.equal(sink.events.filter((event) => event === 'beginList Service').length, 1);
  assert.deepEqual(
    source.status.map(({ kind, isSynced, isWatching, error }) => ({ kind, isSynced, isWatching, error })),
    ALL.map((kind) => ({ kind, isSynced: true, isWatching: true, error: undefined })),
  );
});

test('nothing is synced before the end of the first list', async (t) => {
  const { fake, source, synced, agree } = await follow(t, {
    prepare: (fake) => {
      for (let i = 1; i <= 50; i++) fake.put(service(`s${i}`, `10.96.0.${i}`));
      fake.fail('services', 'streaming list', { cutAfter: 3000 }, 3);
      fake.fail('services', 'list', { cutAfter: 3000 }, 3);
    },
    timing: { backoffMinMs: 50 },
  });
  await fake.until(() => source.status[0]!.error !== undefined, 'a fault');
  assert.equal(source.status[0]!.isSynced, false);
  assert.deepEqual(synced, []);
  await agree();
  await fake.until(() => synced.length > 0, 'synced');
  assert.equal(source.status[0]!.isSynced, true);
});

test('a server without streaming lists is read in pages, and is not asked for one again', async (t) => {
  const { fake, sink, log, agree } = await follow(t, {
    server: { hasStreaming: false },
    prepare: (fake) => {
      for (let i = 0; i < 1200; i++) fake.put(service(`s${i}`, `10.96.${i >> 8}.${i & 255}`));
    },
  });
  await agree();
  const lists = fake.seen('services', 'list');
  assert.deepEqual(
    lists.map(({ query }) => [query['limit'], query['continue'] !== undefined]),
    [
      ['500', false],
      ['500', true],
      ['500', true],
    ],
  );
  await fake.until(() => fake.openWatches('services') === 1, 'a watch');
  fake.remove('Service', 'default', 's7');
  fake.compact();
  fake.endWatches();
  fake.put(service('s8', '10.97.0.1'));
  fake.compact();
  await agree();
  assert.equal(fake.seen('services').filter(({ query }) => query['sendInitialEvents'] === 'true').length, 1);
  assert.equal(sink.events.filter((event) => event === 'endList Service').length >= 1, true);
  assert.deepEqual(log, []);
});

test('a server that learns streaming lists is asked for them again', async (t) => {
  const { fake, agree } = await follow(t, {
    server: { hasStreaming: false },
    timing: { streamingRetryMs: 1 },
    prepare: (fake) => fake.put(service('a', '10.96.0.1')),
  });
  await agree();
  fake.isStreaming = true;
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  fake.compact();
  fake.failWatches(410, 'Expired');
  await fake.until(
    () => fake.seen('services').filter(({ query }) => query['sendInitialEvents'] === 'true').length >= 2,
    'a streaming list',
  );
  await agree();
});

test('a streaming list that fails in the stream, as with an old etcd, becomes a list in pages', async (t) => {
  const { fake, agree } = await follow(t, {
    prepare: (fake) => {
      for (let i = 1; i <= 20; i++) fake.put(service(`s${i}`, `10.96.0.${i}`));
      const message = 'required storage feature RequestWatchProgress is disabled';
      fake.fail('services', 'streaming list', { event: 500, reason: 'InternalError', message, at: 'end' }, 99);
    },
  });
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  assert.equal(fake.seen('services', 'list').length, 1);
  await agree();
  fake.put(service('s1', '10.96.2.1'));
  await agree();
});

test('410 as HTTP status and as ERROR event: a new list replaces what is there, object by object', async (t) => {
  for (const fault of ['status', 'event'] as const) {
    await t.test(fault, async (t) => {
      const { fake, sink, source, agree } = await follow(t, {
        prepare: (fake) => {
          for (let i = 1; i <= 20; i++) fake.put(service(`s${i}`, `10.96.0.${i}`));
        },
      });
      await agree();
      await fake.until(() => fake.openWatches() === 1, 'a watch');
      if (fault === 'status') fake.fail('services', 'watch', { status: 410, reason: 'Gone' });
      fake.endWatches();
      fake.remove('Service', 'default', 's3');
      fake.put(service('s4', '10.96.3.4'));
      fake.put(service('s21', '10.96.3.21'));
      fake.compact();
      if (fault === 'event') fake.failWatches(410, 'Expired');
      await agree();
      assert.equal(sink.events.filter((event) => event === 'beginList Service').length, 2);
      assert.ok(!sink.events.some((event) => event.startsWith('delete')), 'what is still there was deleted');
      assert.equal(source.status[0]!.isSynced, true);
      assert.equal(metric(source, 'skyshard_kubernetes_relists_total', { kind: 'Service', reason: 'expired' }), 1);
    });
  }
});

test('a continue token that runs out: the list begins anew, in one', async (t) => {
  let lists = 0;
  const { fake, agree } = await follow(t, {
    server: { hasStreaming: false },
    prepare: (fake) => {
      for (let i = 0; i < 1200; i++) fake.put(service(`s${i}`, `10.96.${i >> 8}.${i & 255}`));
      const until = fake.until.bind(fake);
      void until(() => (lists = fake.seen('services', 'list').length) > 0, 'a page').then(() => {
        fake.remove('Service', 'default', 's5');
        fake.compact();
      });
    },
  });
  await agree();
  assert.ok(lists > 0);
  const requests = fake.seen('services', 'list').map(({ query }) => query['limit']);
  assert.equal(requests[0], '500');
  assert.equal(requests.at(-1), undefined);
});

test('a watch goes on from where it ended: closed, cut in the middle of an object, reset', async (t) => {
  const { fake, sink, agree } = await follow(t, { prepare: (fake) => fake.put(service('a', '10.96.0.1')) });
  await agree();
  for (const [index, end] of ['endWatches', 'cutWatches', 'endWatches', 'cutWatches'].entries()) {
    await fake.until(() => fake.openWatches() === 1, 'a watch');
    fake.put(service('a', `10.96.1.${index}`));
    fake[end as 'endWatches' | 'cutWatches']();
    fake.put(service('b', `10.96.2.${index}`));
    fake.put(service(`c${index}`, `10.96.3.${index}`));
    await agree();
  }
  assert.equal(sink.events.filter((event) => event === 'beginList Service').length, 1);
  const versions = fake.seen('services', 'watch').map(({ query }) => query['resourceVersion']);
  assert.ok(
    versions.slice(1).every((version) => Number(version) > 1000),
    versions.join(),
  );
});

test('a bookmark is where the next watch begins', async (t) => {
  const { fake, agree } = await follow(t, { prepare: (fake) => fake.put(service('a', '10.96.0.1')) });
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  for (let i = 0; i < 10; i++) fake.put(namespace(`n${i}`));
  const { version } = fake;
  fake.bookmark();
  fake.put(service('a', '10.96.0.2'));
  await agree();
  fake.compact();
  fake.endWatches();
  await fake.until(() => fake.seen('services', 'watch').length === 2, 'another watch');
  assert.equal(fake.seen('services', 'watch')[1]!.query['resourceVersion'], String(version + 1));
});

test('what arrives in one piece goes out in one call', async (t) => {
  const { fake, sink, agree } = await follow(t, { prepare: (fake) => fake.put(service('a', '10.96.0.1')) });
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  const calls = sink.calls.length;
  const lines = ['10.96.5.1', '10.96.5.2', '10.96.5.3'].map((address, index) => {
    const object = service(`m${index}`, address);
    const metadata = { ...object.metadata, resourceVersion: String(2000 + index) };
    return JSON.stringify({ type: 'ADDED', object: { apiVersion: 'v1', ...object, metadata } });
  });
  fake.writeRaw('services', `${lines.join('\n')}\n`);
  await fake.until(() => sink.names('Service').length === 4, 'three more');
  assert.equal(sink.calls.length, calls + 1);
  assert.equal(sink.calls.at(-1)!.length, 3);
});

test('the state is served on while the server is away, and its return is noticed', async (t) => {
  const { fake, sink, source, log, agree } = await follow(t, {
    source: { kinds: ALL },
    timing: { steadyMs: 100, logGraceMs: 0 },
    prepare: (fake) => {
      fake.put(namespace('default'));
      fake.put(service('a', '10.96.0.1'));
    },
  });
  await agree();
  const { port } = fake;
  await fake.close();
  await fake.until(() => source.status.every(({ isWatching, error }) => !isWatching && error !== undefined), 'faults');
  assert.deepEqual(sink.names('Service'), ['default/a']);
  assert.ok(source.status.every(({ isSynced }) => isSynced));
  assert.equal(source.status[0]!.error!.code, 'API_UNREACHABLE');
  const { FakeApiServer } = await import('../../support/fake-api-server.ts');
  const again = await FakeApiServer.start({ port });
  t.after(() => again.close());
  again.version = 5000;
  again.compact();
  again.put(namespace('default'));
  again.put(service('b', '10.96.0.2'));
  await again.until(() => sink.names('Service').join() === 'default/b', 'the new state');
  await again.until(() => log.some((line) => line.includes('in step with the API server')), 'a line that it is over');
  assert.ok(log.filter((line) => line.startsWith('warn')).length <= ALL.length * 3, log.join('\n'));
});

test('a server that was restored from an older backup is followed again', async (t) => {
  const { fake, sink, agree } = await follow(t, {
    server: { hasStreaming: false },
    timing: { silenceMs: 60, listSilenceMs: 60 },
    prepare: (fake) => {
      fake.put(service('a', '10.96.0.1'));
      fake.put(service('b', '10.96.0.2'));
    },
  });
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  fake.goBackTo(10);
  fake.remove('Service', 'default', 'a');
  fake.put(service('b', '10.96.0.3'));
  fake.cutWatches();
  await agree();
  assert.deepEqual(sink.names('Service'), ['default/b']);
});

test('an event that was lost on the way is made good with the next list', async (t) => {
  const { fake, sink, source, agree } = await follow(t, {
    timing: { reconcileMs: 20 },
    prepare: (fake) => {
      fake.put(service('a', '10.96.0.1'));
      fake.put(service('b', '10.96.0.2'));
    },
  });
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  fake.isLosingEvents = true;
  fake.put(service('a', '10.96.0.9'));
  fake.remove('Service', 'default', 'b');
  fake.isLosingEvents = false;
  fake.put(service('c', '10.96.0.3'));
  await fake.until(
    () => sink.names('Service').join() === 'default/a,default/b,default/c',
    'the event that was not lost',
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  fake.endWatches();
  await agree();
  assert.equal(metric(source, 'skyshard_kubernetes_relists_total', { kind: 'Service', reason: 'reconcile' }), 1);
});
