/** The manifests of deploy/kube-dns against what the code does with their arguments. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { API_RESOURCES, configMapResource } from '../../../src/apiserver/resources.ts';
import { chooseCommand } from '../../../src/cli/choose-command.ts';
import { DEFAULT_CONFIG } from '../../../src/kubedns/config-map.ts';
import { readKubeDnsPlan } from '../../../src/kubedns/kube-dns-plan.ts';
import { makeCorefile } from '../../../src/kubedns/made-corefile.ts';
import { readCorefile } from '../../../src/plugins/corefile-config.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { kindsOf } from '../../../src/server/configuration/server-plan.ts';

const FOLDER = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../deploy/kube-dns');

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: number };
}

interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly containerPort: number; readonly protocol: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly name: string; readonly namespace: string }[];
  readonly spec?: {
    readonly selector: Readonly<Record<string, string>> & { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly ports: readonly { readonly targetPort: number; readonly protocol: string }[];
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly [Container];
        readonly volumes: readonly { readonly name: string; readonly configMap: { readonly name: string } }[];
      };
    };
  };
}

const manifests = readdirSync(FOLDER)
  .flatMap((name) => parseAllDocuments(readFileSync(path.join(FOLDER, name), 'utf8')))
  .map((document) => document.toJS() as Manifest);

function only(kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0]!;
}

const pod = only('Deployment').spec!.template;
const [container] = pod.spec.containers;
const plan = readKubeDnsPlan(container.args, Object.fromEntries(container.env.map(({ name, value }) => [name, value])));
const tcpPorts = container.ports.filter(({ protocol }) => protocol === 'TCP').map(({ containerPort }) => containerPort);

test('the arguments are those of the three containers, and need no subcommand', () => {
  assert.equal(chooseCommand(container.args), 'kube-dns');
  assert.ok(plan.kubedns !== undefined && plan.dnsmasq !== undefined && plan.sidecar !== undefined);
  assert.equal(plan.notes.length, 1, 'restartDnsmasq');
});

test('every port that is listened on stands in the manifest, and no other', async () => {
  const { text } = makeCorefile(plan, DEFAULT_CONFIG, { addressesOf: () => [] });
  const { listeners } = await readCorefile(text, 'made', {});
  const dnsPorts = [...new Set(listeners.map(({ port }) => port))];
  const udpPorts = container.ports
    .filter(({ protocol }) => protocol === 'UDP')
    .map(({ containerPort }) => containerPort);
  assert.deepEqual(udpPorts, dnsPorts);
  assert.deepEqual(tcpPorts, [...dnsPorts, plan.kubedns!.healthPort, plan.sidecar!.port, plan.kubedns!.metrics!.port]);
});

test('the probes ask for what there is', () => {
  const { port, path: live } = container.livenessProbe.httpGet;
  assert.equal(port, plan.sidecar!.port);
  assert.ok(plan.sidecar!.probes.some(({ label }) => live === `/healthcheck/${label}`));
  assert.deepEqual(container.readinessProbe.httpGet, { path: '/readiness', port: plan.kubedns!.healthPort });
});

test('the Service selects the Pods and finds their ports', () => {
  const { selector, ports } = only('Service').spec!;
  for (const [label, value] of Object.entries(selector)) assert.equal(pod.metadata.labels[label], value);
  for (const { targetPort, protocol } of ports) {
    assert.ok(container.ports.some((port) => port.containerPort === targetPort && port.protocol === protocol));
  }
});

test('the ConfigMap is mounted where the arguments say', () => {
  const [mount] = container.volumeMounts;
  assert.equal(plan.configMap.kind === 'directory' && plan.configMap.path, mount!.mountPath);
  const volume = pod.spec.volumes.find(({ name }) => name === mount!.name);
  assert.equal(volume!.configMap.name, only('ConfigMap').metadata.name);
});

test('the roles allow what is read, and nothing else, to the ServiceAccount of the Pods', () => {
  const rightsOf = (kind: string) =>
    only(kind).rules!.flatMap(({ apiGroups, resources, resourceNames = [''], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          resourceNames.flatMap((name) => verbs.map((verb) => `${verb} ${group}/${resource} ${name}`)),
        ),
      ),
    );
  const kinds = kindsOf({ ...DEFAULT_RECORD_OPTIONS, pods: 'insecure' });
  const watched = kinds.flatMap((kind) =>
    API_RESOURCES[kind].verbs.map((verb) => `${verb} ${API_RESOURCES[kind].group}/${API_RESOURCES[kind].plural} `),
  );
  assert.deepEqual(rightsOf('ClusterRole').toSorted(), watched.toSorted());
  const { verbs, plural, only: one } = configMapResource('kube-system', 'kube-dns');
  assert.deepEqual(rightsOf('Role').toSorted(), verbs.map((verb) => `${verb} /${plural} ${one!.name}`).toSorted());
  for (const [binding, role] of [
    ['ClusterRoleBinding', 'ClusterRole'],
    ['RoleBinding', 'Role'],
  ] as const) {
    const { roleRef, subjects } = only(binding);
    assert.equal(roleRef!.kind, role);
    assert.equal(roleRef!.name, only(role).metadata.name);
    assert.equal(subjects![0]!.name, pod.spec.serviceAccountName);
    assert.equal(only('ServiceAccount').metadata.name, pod.spec.serviceAccountName);
  }
});
