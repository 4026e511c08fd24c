/** The ConfigMap of kube-dns on a real API server, and the manifests of deploy/kube-dns. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { useCluster } from '../../cluster/use-cluster.ts';
import { startStreamUpstream, type StreamUpstream } from '../stream-upstream.ts';
import { answersOf, freePort, ROOT, spawnNode } from '../skyshard-process.ts';

const DEADLINE_MS = 30_000;
/** Of its own: a cluster that is given has a kube-dns, perhaps. */
const NAME = 'kube-dns-of-a-test';
const NAMESPACE = 'kube-system';

const { cluster, skip } = await useCluster();

describe('kube-dns and an API server', { skip }, () => {
  after(async () => {
    await cluster?.kubectl(['delete', 'configmap', NAME, '-n', NAMESPACE, '--ignore-not-found']);
  });

  const apply = (stubDomains: string): Promise<string> => {
    const metadata = { name: NAME, namespace: NAMESPACE };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { stubDomains } };
    return cluster!.kubectl(['apply', '--server-side', '-f', '-'], [object]);
  };

  async function start(kubeconfig: string, upstream: StreamUpstream) {
    const [port, health] = [await freePort(), await freePort()];
    const running = spawnNode([
      'dist/main.js',
      'kube-dns',
      `--dns-port=${port}`,
      '--dns-bind-address=127.0.0.1',
      `--healthz-port=${health}`,
      '--status-bind-address=127.0.0.1',
      `--kubecfg-file=${kubeconfig}`,
      `--config-map=${NAME}`,
      `--nameservers=127.0.0.1:${upstream.port}`,
    ]);
    await running.waitForOutput(/ listens on /);
    return { running, port };
  }

  /** Ask names that nobody has asked for, until one is asked of `server`. */
  async function waitUntilAsked(port: number, server: StreamUpstream, prefix: string): Promise<void> {
    const startedAt = performance.now();
    for (let count = 0; ; count++) {
      const name = `${prefix}${count}.acme.test`;
      await answersOf(port, name);
      if (server.asked.some((question) => question.name === name)) return;
      assert.ok(performance.now() - startedAt < DEADLINE_MS, `${name} was not asked of port ${server.port}`);
      await sleep(50);
    }
  }

  test('the manifests are what it takes, field by field', async () => {
    const folder = path.join(ROOT, 'deploy/kube-dns');
    const said = await cluster!.kubectl([
      'apply',
      '--server-side',
      '--force-conflicts',
      '--dry-run=server',
      '--validate=strict',
      '-f',
      folder,
    ]);
    assert.equal(said.trim().split('\n').length, 8, said);
    assert.doesNotMatch(said, /[Ww]arning/);
  });

  test('the ConfigMap object is taken over, refused, and gone', async () => {
    const [upstream, stub] = [await startStreamUpstream(), await startStreamUpstream()];
    const { running, port } = await start(cluster!.kubeconfig, upstream);
    const [address] = await answersOf(port, 'kubernetes.default.svc.cluster.local');
    assert.match(address!, /^[\d.:a-f]+$/);
    await waitUntilAsked(port, upstream, 'a');
    await apply(`{"acme.test":["127.0.0.1:${stub.port}"]}`);
    await waitUntilAsked(port, stub, 'b');
    await apply('{"Acme.test":[]}');
    await running.waitForOutput(/kube-dns ConfigMap: stubDomains: invalid domain name 'Acme\.test'/);
    await waitUntilAsked(port, stub, 'c');
    await cluster!.kubectl(['delete', 'configmap', NAME, '-n', NAMESPACE]);
    await waitUntilAsked(port, upstream, 'd');
    assert.equal((await running.end('SIGQUIT')).code, 0);
  });

  test(
    'a missing right is told with the rule to add, and names are served all the same',
    { skip: !cluster?.isOwn && 'the rights in the cluster of $KUBECONFIG are not known' },
    async () => {
      const upstream = await startStreamUpstream();
      const { running, port } = await start(cluster!.dnsKubeconfig, upstream);
      await running.waitForOutput(
        /API_FORBIDDEN: cannot list configmaps: add to a Role in namespace kube-system: .*resourceNames: \[.*kube-dns-of-a-test/,
      );
      const [address] = await answersOf(port, 'kubernetes.default.svc.cluster.local');
      assert.match(address!, /^[\d.:a-f]+$/);
      assert.equal((await running.end('SIGQUIT')).code, 0);
    },
  );
});
