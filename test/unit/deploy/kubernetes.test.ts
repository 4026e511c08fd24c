/** The manifests of deploy/kubernetes against what the code does: watches, ports, the Corefile. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { API_RESOURCES } from '../../../src/apiserver/resources.ts';
import { readAtOnce, testOptions } from '../plugins/corefile-fixture.ts';

const FOLDER = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../deploy/kubernetes');

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Container {
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly name: string };
  readonly subjects?: readonly { readonly name: string; readonly namespace: string }[];
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly selector: Readonly<Record<string, string>> & { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly ports: readonly { readonly port: number; readonly protocol: string }[];
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly Container[];
        readonly volumes: readonly { readonly configMap: { readonly name: string } }[];
      };
    };
  };
}

const manifests = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .flatMap((name) => parseAllDocuments(readFileSync(path.join(FOLDER, name), 'utf8')))
  .map((document) => document.toJS() as Manifest);

function only(kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0]!;
}

const pod = only('Deployment').spec!.template;
const container = pod.spec.containers[0]!;
const portOf = (name: string): number | undefined => container.ports.find((port) => port.name === name)?.containerPort;

test('the ClusterRole allows what the code watches, and nothing else', () => {
  const allowed = only('ClusterRole').rules!.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
  );
  const watched = Object.values(API_RESOURCES).flatMap(({ group, plural, verbs }) =>
    verbs.map((verb) => `${verb} ${group}/${plural}`),
  );
  assert.deepEqual(allowed.toSorted(), watched.toSorted());
});

test('the role is bound to the ServiceAccount of the Pods', () => {
  const account = only('ServiceAccount').metadata;
  const binding = only('ClusterRoleBinding');
  assert.equal(binding.roleRef!.name, only('ClusterRole').metadata.name);
  assert.deepEqual(
    binding.subjects!.map(({ name, namespace }) => ({ name, namespace })),
    [{ name: account.name, namespace: account.namespace }],
  );
  assert.equal(pod.spec.serviceAccountName, account.name);
});

test('the Service selects the Pods of the Deployment', () => {
  for (const selector of [only('Service').spec!.selector, only('Deployment').spec!.selector.matchLabels!]) {
    for (const [label, value] of Object.entries(selector)) assert.equal(pod.metadata.labels[label], value);
  }
});

test('the probes ask the ports that the Corefile opens', () => {
  const { blocks, listeners } = readAtOnce(only('ConfigMap').data!['Corefile']!, 'Corefile', testOptions());
  assert.deepEqual([...new Set(listeners.map(({ port }) => port))], [portOf('dns')]);
  const { plugins } = blocks[0]!;
  assert.equal(plugins.health?.listen.port, portOf(container.livenessProbe.httpGet.port));
  assert.equal(plugins.ready?.listen.port, portOf(container.readinessProbe.httpGet.port));
  assert.equal(plugins.prometheus?.listen.port, portOf('metrics'));
  assert.equal(container.livenessProbe.httpGet.path, '/health');
  assert.equal(container.readinessProbe.httpGet.path, '/ready');
});

test('the Corefile lies where the arguments say', () => {
  const mount = container.volumeMounts[0]!;
  assert.deepEqual(container.args, ['-conf', path.posix.join(mount.mountPath, 'Corefile')]);
  assert.equal(pod.spec.volumes[0]!.configMap.name, only('ConfigMap').metadata.name);
});
