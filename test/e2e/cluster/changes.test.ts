/**
 * A cluster that changes, seen by skyshard and CoreDNS through their watches: Services that change type and families,
 * namespaces that end, a rolling update of Pods whose slices the API server's controller makes. After each step both give
 * what the objects, read back, owe.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE } from '../../../src/dns/iana.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { NODE_NAME } from '../../cluster/api-objects.ts';
import { DnsPair } from '../../cluster/dns-pair.ts';
import { DnsSite } from '../../cluster/dns-site.ts';
import { FakeKubelet } from '../../cluster/fake-kubelet.ts';
import { whyNoNetworkNamespace } from '../../cluster/network-namespace.ts';
import { owedForObjects } from '../../cluster/object-questions.ts';
import { ObjectLoader } from '../../cluster/object-loader.ts';
import { queryOf } from '../../cluster/owed-answers.ts';
import { useCluster } from '../../cluster/use-cluster.ts';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import '../leftovers.ts';

const NAMESPACE = 'changing';
const DEADLINE_MS = 60_000;
const OPTIONS = DEFAULT_RECORD_OPTIONS;
const PORTS = [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }];

const { cluster, skip } = await useCluster();

type Spec = Readonly<Record<string, unknown>>;

function service(name: string, spec: Spec): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NAMESPACE }, spec };
}

function deployment(name: string, replicas: number, version: number): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
      template: {
        metadata: { labels: { app: name, version: String(version) } },
        spec: {
          nodeName: NODE_NAME,
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'none', ports: [{ name: 'http', containerPort: 8080 }] }],
        },
      },
    },
  };
}

describe('a cluster that changes', { skip: skip || whyNoNetworkNamespace() }, () => {
  let site: DnsSite;
  let pair: DnsPair;
  let kubelet: FakeKubelet;
  let loader: ObjectLoader;
  const former: RawObject[] = [];

  before(async () => {
    loader = new ObjectLoader(cluster!);
    kubelet = await FakeKubelet.start(cluster!, {
      addressesOf: (index) => [`10.245.${index >> 8}.${index & 255}`, `fd00:245::1:${index.toString(16)}`],
      terminationMs: 300,
    });
    site = await DnsSite.create(cluster!.server);
    pair = await DnsPair.start(cluster!, site, OPTIONS);
    await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }]);
  });

  after(async () => {
    await cluster?.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait']);
    await pair?.stop();
    await site?.close();
    await kubelet?.stop();
    await loader?.clear();
  });

  const apply = (objects: readonly object[]): Promise<string> => cluster!.kubectl(['apply', '-f', '-'], objects);

  /** Both have seen what the API server has now; names of former objects are asked too. */
  async function assertSettles(): Promise<void> {
    for (const startedAt = performance.now(); ; await sleep(100)) {
      const objects = await loader.readBack();
      const faults = await pair.faults(owedForObjects(objects, OPTIONS, former));
      former.push(...objects.filter(({ metadata }) => metadata.namespace === NAMESPACE));
      if (faults.length === 0) return;
      assert.ok(performance.now() - startedAt < DEADLINE_MS, faults.join('\n'));
    }
  }

  const STEPS: readonly (readonly [title: string, spec: Spec | undefined])[] = [
    ['a Service with a cluster IP', { selector: { app: 'web' }, ports: PORTS }],
    ['a second family', { selector: { app: 'web' }, ports: PORTS, ipFamilyPolicy: 'RequireDualStack' }],
    ['one family again', { selector: { app: 'web' }, ports: PORTS, ipFamilyPolicy: 'SingleStack' }],
    ['NodePort', { type: 'NodePort', selector: { app: 'web' }, ports: PORTS }],
    ['LoadBalancer, another port', { type: 'LoadBalancer', ports: [{ ...PORTS[0], name: 'web', port: 81 }] }],
    ['ExternalName', { type: 'ExternalName', externalName: 'example.com' }],
    ['a cluster IP again', { type: 'ClusterIP', selector: { app: 'web' }, ports: PORTS }],
    ['deleted', undefined],
    ['headless', { clusterIP: 'None', selector: { app: 'web' }, ports: PORTS, ipFamilyPolicy: 'PreferDualStack' }],
    ['deleted again', undefined],
    ['an alias of a headless Service', { type: 'ExternalName', externalName: `all.${NAMESPACE}.svc.cluster.local` }],
  ];

  test('a Service that changes its type and families', async () => {
    await apply([
      deployment('web', 2, 1),
      service('all', { clusterIP: 'None', selector: { app: 'web' }, ports: PORTS, ipFamilyPolicy: 'PreferDualStack' }),
    ]);
    await cluster!.kubectl(['rollout', 'status', 'deployment/web', '-n', NAMESPACE, '--timeout=60s']);
    for (const [title, spec] of STEPS) {
      if (spec === undefined) await cluster!.kubectl(['delete', 'service', 'various', '-n', NAMESPACE]);
      else await cluster!.kubectl(['apply', '-f', '-'], [service('various', spec)]);
      await assertSettles().catch((error: Error) => assert.fail(`${title}: ${error.message}`));
    }
  });

  test('a rolling update: a headless Service has Pods all the time, and in the end the new ones', async () => {
    await apply([deployment('web', 6, 1)]);
    await cluster!.kubectl(['rollout', 'status', 'deployment/web', '-n', NAMESPACE, '--timeout=60s']);
    await assertSettles();
    let isDone = false;
    const question = { qname: `all.${NAMESPACE}.svc.cluster.local.`, qtype: TYPE.A, line: 'A all' };
    const counts: number[] = [];
    const asking = (async () => {
      const skyshard = pair.servers.find(({ name }) => name === 'skyshard')!;
      for (; !isDone; await sleep(5)) {
        const { rcode, answer } = decodeStrictly((await skyshard.ask(site.client, queryOf(question)))!);
        counts.push(rcode === 0 ? answer.length : -1);
      }
    })();
    await apply([deployment('web', 6, 2)]);
    await cluster!.kubectl(['rollout', 'status', 'deployment/web', '-n', NAMESPACE, '--timeout=60s']);
    isDone = true;
    await asking;
    assert.ok(counts.length > 20 && Math.min(...counts) >= 3, `Pods, by question: ${counts.join(' ')}`);
    await assertSettles();
  });

  test('Pods that are no longer ready', async () => {
    const { items } = await kubelet.client.get<{ items: { metadata: { name: string } }[] }>(
      `/api/v1/namespaces/${NAMESPACE}/pods`,
    );
    const setReady = async (status: 'True' | 'False'): Promise<void> => {
      for (const { metadata } of items) {
        const condition = { type: 'Ready', status, lastTransitionTime: new Date().toISOString() };
        const where = `/api/v1/namespaces/${NAMESPACE}/pods/${metadata.name}/status`;
        await kubelet.client.patch(where, { status: { conditions: [condition] } });
      }
    };
    await setReady('False');
    await assertSettles();
    await setReady('True');
    await assertSettles();
  });

  test('a namespace ends with all that is in it', async () => {
    await cluster!.kubectl(['delete', 'namespace', NAMESPACE, '--wait=false']);
    await assertSettles();
    await cluster!.kubectl(['wait', '--for=delete', `namespace/${NAMESPACE}`, '--timeout=60s']);
    await assertSettles();
    await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }]);
    await apply([service('again', { selector: { app: 'web' }, ports: PORTS })]);
    await assertSettles();
  });
});
