/** The manifests of deploy/kubernetes, given to a real API server. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { API_RESOURCES } from '../../../src/apiserver/resources.ts';
import { useCluster } from '../../cluster/use-cluster.ts';
import { ROOT } from '../skyshard-process.ts';

const MANIFESTS = path.join(ROOT, 'deploy/kubernetes');
const ACCOUNT = 'system:serviceaccount:kube-system:skyshard';
const DEADLINE_MS = 20_000;

const { cluster, skip } = await useCluster();

describe('deploy/kubernetes', { skip }, () => {
  // What the other tests need of it, the rights, stays.
  const added = ['deployment/skyshard', 'service/kube-dns', 'configmap/skyshard'];
  after(async () => {
    if (cluster?.isOwn) await cluster.kubectl(['delete', '-n', 'kube-system', '--ignore-not-found', ...added]);
  });

  test('is what the API server takes, field by field', async () => {
    const dryRun = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', MANIFESTS];
    const said = await cluster!.kubectl(dryRun);
    assert.equal(said.trim().split('\n').length, 6, said);
    assert.doesNotMatch(said, /[Ww]arning/);
  });

  test('makes Pods', { skip: !cluster?.isOwn && 'would replace the DNS of the cluster of $KUBECONFIG' }, async () => {
    await cluster!.kubectl(['apply', '--server-side', '--validate=strict', '-f', MANIFESTS]);
    const selector = ['-n', 'kube-system', '-l', 'app.kubernetes.io/name=skyshard'];
    for (const startedAt = performance.now(); ; await sleep(100)) {
      const pods = await cluster!.kubectl(['get', 'pods', ...selector, '-o', 'name']);
      if (pods.trim().split('\n').length === 2) break;
      assert.ok(performance.now() - startedAt < DEADLINE_MS, `pods: ${pods}`);
    }
    const ip = await cluster!.kubectl([
      'get',
      'service',
      'kube-dns',
      '-n',
      'kube-system',
      '-o',
      'jsonpath={.spec.clusterIP}',
    ]);
    assert.equal(ip, '10.96.0.10');
  });

  test('allows the ServiceAccount its watches, and no secrets', async () => {
    await cluster!.kubectl(['apply', '--server-side', '-f', path.join(MANIFESTS, 'rbac.yaml')]);
    const isAllowed = async (verb: string, group: string, resource: string): Promise<boolean> => {
      const review = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user: ACCOUNT, resourceAttributes: { verb, group, resource } },
      };
      const format = ['-o', 'jsonpath={.status.allowed}'];
      return (await cluster!.kubectl(['create', '-f', '-', ...format], JSON.stringify(review))) === 'true';
    };
    for (const { group, plural, verbs } of Object.values(API_RESOURCES)) {
      for (const verb of verbs) assert.ok(await isAllowed(verb, group, plural), `${verb} ${plural}`);
    }
    assert.equal(await isAllowed('list', '', 'secrets'), false);
    assert.equal(await isAllowed('update', '', 'services'), false);
  });
});
