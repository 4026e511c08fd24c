/** A server that follows an API server: first lists, changes, what is missing, what is away, and a reload. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { endpointSlice, namespace, service } from '../support/api-objects.ts';
import { FakeApiServer } from '../support/fake-api-server.ts';
import { answersOf, freePort, spawnNode, temporaryFolder, TRANSPORTS, waitForAnswers } from './skyshard-process.ts';

const MAIN = 'dist/main.js';
const WEB = 'web.default.svc.cluster.local';

async function startApi(t: TestContext, options: Parameters<typeof FakeApiServer.start>[0] = {}) {
  const api = await FakeApiServer.start(options);
  t.after(() => api.close());
  api.put(namespace('default'));
  api.put(service('web', '10.96.1.1'));
  api.put(endpointSlice('web-1', 'web', ['10.1.0.1']));
  return api;
}

/** Start on a block for the cluster's names; `options`: lines of its `kubernetes`. */
async function startServer(options: string, args: readonly string[] = []) {
  const [port, readyPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const textOf = (lines: string): string => `. {
    bind 127.0.0.1
    ready 127.0.0.1:${readyPort}
    prometheus 127.0.0.1:${metricsPort}
    kubernetes cluster.local in-addr.arpa {
        ${lines}
        fallthrough in-addr.arpa
    }
}
`;
  const file = path.join(temporaryFolder({ Corefile: textOf(options) }), 'Corefile');
  const running = spawnNode([MAIN, 'serve', '--conf', file, '--dns.port', String(port), ...args]);
  await running.waitForOutput(/ listens on /);
  const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return {
    port,
    running,
    ready: async (): Promise<number> => (await fetch(`http://127.0.0.1:${readyPort}/ready`)).status,
    figure: async (series: string): Promise<number> => {
      const line = (await page()).split('\n').find((text) => text.startsWith(`${series} `));
      return Number(line?.slice(series.length + 1));
    },
    reload: (lines: string): void => {
      writeFileSync(file, textOf(lines));
      running.child.kill('SIGUSR1');
    },
  };
}

for (const transport of TRANSPORTS) {
  test(`first lists, changes and removals of an API server, over ${transport}`, async (t) => {
    const api = await startApi(t);
    const server = await startServer(`endpoint ${api.url}`, ['--transport', transport]);
    assert.match(server.running.output(), /serving \d+ names of the objects of the API server/);
    assert.deepEqual(await answersOf(server.port, WEB), ['10.96.1.1']);
    assert.equal(await server.ready(), 200);
    assert.deepEqual(await answersOf(server.port, '1.0.1.10.in-addr.arpa', 'PTR'), [`10-1-0-1.${WEB}`]);

    api.put(service('web', '10.96.1.2'));
    await waitForAnswers(server.port, WEB, ['10.96.1.2']);
    api.remove('Service', 'default', 'web');
    await waitForAnswers(server.port, WEB, ['NXDOMAIN']);

    const trigger = { 'endpoints.kubernetes.io/last-change-trigger-time': new Date().toISOString() };
    const sliceOf = (address: string) => {
      const slice = endpointSlice('web-1', 'web', [address]);
      return { ...slice, metadata: { ...slice.metadata, annotations: trigger } };
    };
    api.put(service('web', '10.96.1.3'));
    api.put(sliceOf('10.1.0.2'));
    await waitForAnswers(server.port, `10-1-0-2.${WEB}`, ['10.1.0.2']);
    const count = 'coredns_kubernetes_dns_programming_duration_seconds_count{service_kind="cluster_ip"}';
    assert.equal(await server.figure(count), 1);
    // The time of the change is repeated: nothing new happened then.
    api.put(sliceOf('10.1.0.3'));
    await waitForAnswers(server.port, `10-1-0-3.${WEB}`, ['10.1.0.3']);
    assert.equal(await server.figure(count), 1);
    assert.equal(await server.figure('skyshard_kubernetes_objects{kind="EndpointSlice"}'), 1);
    assert.equal((await server.running.end()).code, 0);
  });
}

describe('what cannot be had', () => {
  test('one kind that may not be listed: SERVFAIL for all names, until it may', async (t) => {
    const api = await startApi(t);
    api.fail('endpointslices', 'streaming list', { status: 403, reason: 'Forbidden' }, 1000);
    api.fail('endpointslices', 'list', { status: 403, reason: 'Forbidden' }, 1000);
    const server = await startServer(`endpoint ${api.url}\n        startup_timeout 300ms`);
    assert.match(server.running.output(), /API_FORBIDDEN: .*add to the ClusterRole: .*endpointslices/);
    for (const name of [WEB, 'missing.default.svc.cluster.local', 'default.svc.cluster.local']) {
      assert.deepEqual(await answersOf(server.port, name), ['SERVFAIL'], name);
    }
    assert.deepEqual(await answersOf(server.port, '1.1.96.10.in-addr.arpa', 'PTR'), ['SERVFAIL']);
    assert.deepEqual(await answersOf(server.port, 'svc.cluster.local'), []);
    assert.equal(await server.ready(), 503);
    assert.equal(await server.figure('skyshard_kubernetes_synced{kind="EndpointSlice"}'), 0);
    api.mend();
    await waitForAnswers(server.port, WEB, ['10.96.1.1']);
    assert.equal(await server.ready(), 200);
    assert.equal((await server.running.end()).code, 0);
  });

  test('an API server that goes away: the last state is served and its age told; when it is back, what is gone goes', async (t) => {
    const api = await startApi(t);
    api.put(service('gone', '10.96.9.9'));
    const server = await startServer(`endpoint ${api.url}`);
    const { port } = api;
    await api.close();
    const stale = 'skyshard_kubernetes_stale_seconds{kind="Service"}';
    while (!((await server.figure(stale)) > 0)) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(await answersOf(server.port, WEB), ['10.96.1.1']);
    assert.equal(await server.ready(), 200);
    const next = await startApi(t, { port });
    next.version = 5000;
    next.compact();
    await waitForAnswers(server.port, 'gone.default.svc.cluster.local', ['NXDOMAIN']);
    assert.deepEqual(await answersOf(server.port, WEB), ['10.96.1.1']);
    assert.equal((await server.running.end()).code, 0);
  });

  test('SIGTERM ends a start that waits for the API server', async () => {
    const folder = temporaryFolder({
      Corefile: `. {\n bind 127.0.0.1\n kubernetes a.test {\n endpoint http://127.0.0.1:1\n startup_timeout 60s\n }\n}\n`,
    });
    const running = spawnNode([MAIN, 'serve', '--conf', path.join(folder, 'Corefile'), '-p', String(await freePort())]);
    await running.waitForOutput(/waiting for Kubernetes API before starting server/);
    assert.equal((await running.end()).code, 0);
  });
});

describe('a reload', () => {
  test('a block that selects other objects has them when it is served, and the former watches are closed', async (t) => {
    const api = await startApi(t);
    api.put(service('red', '10.96.2.1', { color: 'red' }));
    const server = await startServer(`endpoint ${api.url}`);
    assert.equal(api.openWatches(), 3);
    server.reload(`endpoint ${api.url}\n        labels color=red`);
    await waitForAnswers(server.port, WEB, ['NXDOMAIN']);
    assert.deepEqual(await answersOf(server.port, 'red.default.svc.cluster.local'), ['10.96.2.1']);
    await api.until(() => api.openWatches() === 3, 'the former watches are closed');
    assert.ok(api.seen('services', 'watch').some(({ query }) => query['labelSelector'] === 'color=red'));
    assert.equal((await server.running.end()).code, 0);
  });

  test('one whose API server does not answer is refused, and what was served before stays', async (t) => {
    const api = await startApi(t);
    const server = await startServer(`endpoint ${api.url}`);
    server.reload(`endpoint http://127.0.0.1:${await freePort()}\n        startup_timeout 200ms`);
    await server.running.waitForOutput(/the Corefile cannot be applied: .*what was served before stays/);
    assert.deepEqual(await answersOf(server.port, WEB), ['10.96.1.1']);
    assert.equal(api.openWatches(), 3);
    assert.equal((await server.running.end()).code, 0);
  });
});

test('--kubeconfig serves blocks that do not say how the API server is reached', async (t) => {
  const api = await startApi(t);
  const kubeconfig = path.join(
    temporaryFolder({
      config: JSON.stringify({
        clusters: [{ name: 'c', cluster: { server: api.url } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        users: [{ name: 'u', user: {} }],
      }),
    }),
    'config',
  );
  const server = await startServer('ttl 30', ['--kubeconfig', kubeconfig, '--context', 'x']);
  assert.deepEqual(await answersOf(server.port, WEB), ['10.96.1.1']);
  assert.equal((await server.running.end()).code, 0);
});
