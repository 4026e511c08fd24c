/** What the server answers when it does not answer, and what the operator reads of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointSlice, namespace, service } from '../../support/api-objects.ts';
import type { FakeApiServer } from '../../support/fake-api-server.ts';
import { follow, metric } from './follow.ts';

const twoServices = (fake: FakeApiServer): void => {
  fake.put(service('a', '10.96.0.1'));
  fake.put(service('b', '10.96.0.2'));
};

test('a right that is missing: the message has resource, verb and the rule; other kinds are followed', async (t) => {
  const { fake, source, log, agree } = await follow(t, {
    source: { kinds: ['Service', 'EndpointSlice'] },
    prepare: (fake) => {
      twoServices(fake);
      const message = 'endpointslices.discovery.k8s.io is forbidden';
      fake.fail('endpointslices', 'streaming list', { status: 403, reason: 'Forbidden', message }, 1000);
      fake.fail('endpointslices', 'list', { status: 403, reason: 'Forbidden', message }, 1000);
    },
  });
  await fake.until(() => fake.seen('endpointslices', 'list').length > 2, 'several attempts');
  const [services, slices] = source.status;
  assert.equal(services!.isSynced, true);
  assert.equal(slices!.isSynced, false);
  assert.equal(slices!.error!.code, 'API_FORBIDDEN');
  const lines = log.filter((line) => line.includes('endpointslices'));
  assert.equal(lines.length, 1, log.join('\n'));
  assert.match(
    lines[0]!,
    /^error API_FORBIDDEN: cannot watch endpointslices\.discovery\.k8s\.io: add to the ClusterRole: apiGroups: \["discovery\.k8s\.io"\], resources: \["endpointslices"\], verbs: \["list", "watch"\] \(HTTP 403: endpointslices/,
  );
  fake.mend();
  await agree();
  await fake.until(() => source.status.every(({ isSynced }) => isSynced), 'synced');
});

test('where only lists are allowed, there is a list', async (t) => {
  const { fake, source, agree } = await follow(t, {
    prepare: (fake) => {
      twoServices(fake);
      fake.fail('services', 'streaming list', { status: 403 }, 1000);
      fake.fail('services', 'watch', { status: 403 }, 1000);
    },
  });
  await agree();
  await fake.until(() => fake.seen('services', 'watch').length > 3, 'attempts to watch');
  assert.equal(source.status[0]!.isSynced, true);
  assert.equal(source.status[0]!.isWatching, false);
  assert.match(source.status[0]!.error!.message, /cannot watch services/);
  assert.equal(fake.seen('services', 'list').length, 1);
});

for (const status of [429, 503]) {
  test(`${status} with Retry-After: the next request comes no earlier`, async (t) => {
    const { fake, agree } = await follow(t, {
      prepare: (fake) => {
        twoServices(fake);
        fake.fail('services', 'streaming list', { status, headers: { 'retry-after': '1' } });
      },
    });
    await fake.until(() => fake.requests.length === 1, 'a request');
    const startMs = performance.now();
    await fake.until(() => fake.requests.length === 2, 'another request');
    assert.ok(performance.now() - startMs > 950, `after ${performance.now() - startMs} ms`);
    await agree();
  });
}

test('HTTP 500: lists and watches are tried again, and one as the other', async (t) => {
  const { fake, source, agree } = await follow(t, {
    prepare: (fake) => {
      twoServices(fake);
      fake.fail('services', 'streaming list', { status: 500, reason: 'InternalError' }, 1000);
      fake.fail('services', 'list', { status: 500, reason: 'InternalError' }, 2);
    },
  });
  await agree();
  await fake.until(() => source.status[0]!.isSynced, 'synced');
  fake.fail('services', 'watch', { status: 500 }, 2);
  fake.endWatches();
  fake.put(service('a', '10.96.0.3'));
  await agree();
  assert.equal(fake.seen('services', 'list').length, 3, 'listed again, where a watch was enough');
});

test('a watch that fails again and again is given up for a list', async (t) => {
  const { fake, agree, sink } = await follow(t, { prepare: twoServices });
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  fake.fail('services', 'watch', { event: 500, reason: 'InternalError', message: 'etcd event received with …' }, 1000);
  fake.endWatches();
  fake.put(service('a', '10.96.0.3'));
  await agree();
  assert.equal(sink.events.filter((event) => event === 'beginList Service').length, 2);
});

test('a watch that says nothing is replaced, from where it was', async (t) => {
  const { fake, sink, source, agree } = await follow(t, { timing: { silenceMs: 50 }, prepare: twoServices });
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  fake.silenceWatches();
  fake.put(service('a', '10.96.0.3'));
  fake.remove('Service', 'default', 'b');
  await agree();
  assert.equal(sink.events.filter((event) => event === 'beginList Service').length, 1);
  assert.ok(metric(source, 'skyshard_kubernetes_watch_restarts_total', { kind: 'Service', reason: 'silent' })! >= 1);
});

test('bookmarks keep a watch in which nothing happens', async (t) => {
  const { fake, agree } = await follow(t, {
    server: { bookmarkMs: 40 },
    timing: { silenceMs: 400 },
    prepare: twoServices,
  });
  await agree();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(fake.requests.length, 1);
});

test('a server without bookmarks is believed to be alive after two silent watches and a list', async (t) => {
  const { fake, agree } = await follow(t, {
    server: { sendsBookmarks: false },
    timing: { silenceMs: 40 },
    prepare: twoServices,
  });
  await agree();
  await fake.until(
    () => fake.seen('services').filter(({ query }) => query['sendInitialEvents']).length === 2,
    'a list',
  );
  const { length } = fake.requests;
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(fake.requests.length, length);
  fake.put(service('a', '10.96.0.3'));
  await agree();
});

test('lists that hang are given up: no headers, no body, an error without its body', async (t) => {
  const hangs = [{ hang: 'before headers' }, { hang: 'after headers' }, { hang: 'after headers', code: 500 }] as const;
  for (const fault of hangs) {
    await t.test(JSON.stringify(fault), async (t) => {
      const { fake, source, agree } = await follow(t, {
        timing: { answerMs: 50, listSilenceMs: 50 },
        prepare: (fake) => {
          twoServices(fake);
          fake.fail('services', 'streaming list', fault, 2);
          fake.fail('services', 'list', fault, 1);
        },
      });
      await agree();
      await fake.until(() => source.status[0]!.isSynced, 'synced');
    });
  }
});

test('a page that is no answer of an API server: said, tried again, and its connection closed', async (t) => {
  const { fake, source, agree } = await follow(t, {
    prepare: (fake) => {
      twoServices(fake);
      fake.fail('services', 'streaming list', { page: '<html>Log in</html>' }, 20);
      fake.fail('services', 'list', { page: '<html>Log in</html>' }, 20);
    },
    timing: { backoffMaxMs: 20 },
  });
  await fake.until(() => fake.requests.length > 10, 'attempts');
  assert.equal(source.status[0]!.error!.code, 'API_RESPONSE');
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  assert.ok(fake.openConnections <= 2, `${fake.openConnections} connections`);
});

test('a resource that the cluster does not have is asked for now and then, and holds nothing up', async (t) => {
  const { fake, source, log, agree } = await follow(t, {
    source: { kinds: ['ServiceImport', 'Service'] },
    server: { missing: ['serviceimports'] },
    timing: { missingRetryMs: 80 },
    prepare: twoServices,
  });
  await fake.until(() => source.status[1]!.isSynced, 'Services');
  await fake.until(() => source.status[0]!.error !== undefined, 'a fault');
  assert.equal(source.status[0]!.error!.code, 'API_MISSING');
  assert.equal(source.status[0]!.isSynced, false);
  assert.match(
    log.join('\n'),
    /serviceimports\.multicluster\.x-k8s\.io: the cluster has no such resource; install its/,
  );
  fake.missing.clear();
  await agree();
  await fake.until(() => source.status[0]!.isSynced, 'ServiceImports');
});

test('an object that cannot be read is left out, and said', async (t) => {
  const { fake, sink, source, log } = await follow(t, {
    prepare: (fake) => {
      twoServices(fake);
      fake.put({ ...service('bad', '10.96.0.9'), spec: { type: 'ClusterIP', clusterIP: 'ten' } });
    },
  });
  await fake.until(() => source.status[0]!.isSynced, 'synced');
  assert.deepEqual(sink.names('Service'), ['default/a', 'default/b']);
  assert.match(log.join('\n'), /error API_OBJECT: .*default\/bad.*left out/);
  assert.equal(metric(source, 'skyshard_kubernetes_object_faults_total', { kind: 'Service' }), 1);
  fake.put({ ...service('a', '10.96.0.1'), spec: { type: 'ClusterIP', clusterIP: 'eleven' } });
  await fake.until(() => sink.names('Service').join() === 'default/b', 'what it was is gone');
});

test('an address that cannot be read is left out of its slice, and said; what a slice calls its addresses is nothing', async (t) => {
  const addresses = ['10.1.0.1', 'fd00::1', 'ten'];
  const odd = {
    ...endpointSlice('a-1', 'a', []),
    addressType: 'IPv6',
    endpoints: [{ addresses }, { addresses: ['10.1.0.2'] }],
  };
  const { fake, sink, source, log } = await follow(t, {
    source: { kinds: ['EndpointSlice'] },
    prepare: (fake) => fake.put(odd),
  });
  await fake.until(() => source.status[0]!.isSynced, 'synced');
  const held = sink.list('EndpointSlice');
  assert.deepEqual(
    held.map((object) => object.kind === 'EndpointSlice' && object.endpoints.flatMap(({ addresses }) => addresses)),
    [['10.1.0.1', 'fd00::1', '10.1.0.2']],
  );
  assert.match(
    log.join('\n'),
    /warn API_OBJECT: EndpointSlice default\/a-1: endpoints\[0\]\.addresses\[2\]: must be an IP address, not "ten"; that is left out/,
  );
  assert.equal(metric(source, 'skyshard_kubernetes_object_faults_total', { kind: 'EndpointSlice' }), 1);
});

test('a thousand objects that cannot be read are ten lines', async (t) => {
  const { source, fake, log } = await follow(t, {
    prepare: (fake) => {
      for (let i = 0; i < 1000; i++) {
        fake.put({ ...service(`bad${i}`, '10.96.0.9'), spec: { type: 'ClusterIP', clusterIP: 'ten' } });
      }
    },
  });
  await fake.until(() => source.status[0]!.isSynced, 'synced');
  assert.equal(log.length, 10);
  assert.match(log.at(-1)!, /those of the next minute are only counted$/);
  assert.equal(metric(source, 'skyshard_kubernetes_object_faults_total', { kind: 'Service' }), 1000);
});

test('label selectors and the phases of pods are sent to the server', async (t) => {
  const { fake, sink } = await follow(t, {
    source: {
      kinds: ['Service', 'Namespace', 'EndpointSlice', 'Pod', 'ServiceImport'],
      labels: 'app=web',
      namespaceLabels: 'team=blue',
    },
    prepare: (fake) => {
      fake.put(namespace('a', { team: 'blue' }));
      fake.put(namespace('b', { team: 'red' }));
      fake.put(service('a', '10.96.0.1', { app: 'web' }));
      fake.put(service('b', '10.96.0.2'));
    },
  });
  await fake.until(() => fake.openWatches() === 5, 'all watches');
  assert.deepEqual(sink.names('Service'), ['default/a']);
  assert.deepEqual(sink.names('Namespace'), ['/a']);
  const sent = Object.fromEntries(
    fake.requests.map(({ plural, query }) => [plural, [query['labelSelector'], query['fieldSelector']]]),
  );
  assert.deepEqual(sent, {
    services: ['app=web', undefined],
    endpointslices: ['app=web', undefined],
    namespaces: ['team=blue', undefined],
    serviceimports: ['team=blue', undefined],
    pods: ['app=web', 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown'],
  });
});

test('a bug in the sink ends the kind and is told', async (t) => {
  const { fake, sink, failures, source } = await follow(t, { prepare: twoServices });
  await fake.until(() => source.status[0]!.isSynced, 'synced');
  sink.apply = () => Promise.reject(new TypeError('a bug'));
  fake.put(service('a', '10.96.0.3'));
  await fake.until(() => failures.length > 0, 'a failure');
  assert.match(String(failures.pop()), /a bug/);
});
