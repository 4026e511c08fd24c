/** Puts one cluster of objects after the other into an API server, with kubectl, and reads back what it made of them. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import { apiForm, NODE_NAME } from './api-objects.ts';
import { controllerMade, endpointKeys } from './controller-made.ts';
import type { TestCluster } from './use-cluster.ts';

/** Namespaces that every cluster has: objects may lie in them, but they stay. */
const LASTING_NAMESPACES = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);
const CONTROLLER_DEADLINE_MS = 30_000;
const CONTROLLER_POLL_MS = 200;
const SERVICE_IMPORT = path.join(path.dirname(fileURLToPath(import.meta.url)), 'service-import.yaml');
const NODE = { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE_NAME } };

export class ObjectLoader {
  readonly #cluster: TestCluster;
  #loaded: readonly RawObject[] = [];
  /** Pods and Nodes that controllers make slices of */
  #made: readonly RawObject[] = [];
  #hasNode = false;
  #hasServiceImports = false;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  /** Have these objects, and none of those that were loaded before. @returns what the API server says of each it did not take */
  async replace(objects: readonly RawObject[]): Promise<string[]> {
    if (!this.#hasNode) await this.#apply([NODE]);
    this.#hasNode = true;
    await this.#removeLoaded(
      new Set(objects.filter((one) => one.kind === 'Namespace').map((one) => one.metadata.name)),
    );
    this.#loaded = objects;
    const forms = objects.map(apiForm);
    const isNamespace = ({ object }: { object: { kind?: unknown } }): boolean => object.kind === 'Namespace';
    if (objects.some(({ kind }) => kind === 'ServiceImport')) await this.#defineServiceImports();
    const rejections = await this.#apply(forms.filter(isNamespace).map(({ object }) => object));
    rejections.push(...(await this.#apply(forms.filter((form) => !isNamespace(form)).map(({ object }) => object))));
    const statuses = forms.flatMap(({ status }) => (status === undefined ? [] : [status]));
    rejections.push(...(await this.#apply(statuses, ['--server-side', '--subresource=status'])));
    for (const raw of objects.filter((_, index) => forms[index]!.isEnding)) {
      const { name, namespace } = raw.metadata;
      await this.#cluster.kubectl(['delete', raw.kind, name, '-n', namespace!, '--wait=false', '--ignore-not-found']);
    }
    return rejections;
  }

  /**
   * Replace slices by Pods, wherever the API server's controller makes equal slices of them, and wait for these.
   *
   * @returns whether there were any
   */
  async letControllerMakeSlices(): Promise<boolean> {
    const made = controllerMade(this.#loaded);
    if (made.pods.length === 0) return false;
    await this.#cluster.kubectl(['delete', '--wait', '-f', '-'], made.replaced.map(identity));
    const pods = made.pods.map(({ object }) => object);
    await this.#cluster.kubectl(['apply', '-f', '-'], [...made.objects, ...pods]);
    const statuses = made.pods.map(({ status }) => status);
    await this.#cluster.kubectl(['apply', '--server-side', '--subresource=status', '-f', '-'], statuses);
    this.#made = [...pods, ...made.objects.filter(({ kind }) => kind === 'Node')] as unknown as RawObject[];
    const wanted = made.endpoints.toSorted();
    for (const startedAt = performance.now(); ; await sleep(CONTROLLER_POLL_MS)) {
      const found = endpointKeys(await this.readBack());
      const missing = wanted.filter((key) => !found.includes(key));
      if (missing.length === 0) return true;
      if (performance.now() - startedAt > CONTROLLER_DEADLINE_MS) {
        throw new Error(`the controller makes no slice with:\n${missing.join('\n')}\nbut:\n${found.join('\n')}`);
      }
    }
  }

  /** Remove all that was loaded. */
  async clear(): Promise<void> {
    await this.#removeLoaded(new Set());
    this.#loaded = [];
    if (this.#hasNode) await this.#cluster.kubectl(['delete', 'node', NODE_NAME, '--ignore-not-found']);
    this.#hasNode = false;
  }

  /** Every object that DNS looks at, ours and others, as the API server has it. */
  async readBack(): Promise<RawObject[]> {
    const kinds = `namespaces,services,endpointslices,pods${this.#hasServiceImports ? ',serviceimports' : ''}`;
    const text = await this.#cluster.kubectl(['get', kinds, '-A', '-o', 'json']);
    return (JSON.parse(text) as { items: RawObject[] }).items.map((item) =>
      // Go writes an empty list as null.
      item.kind === 'EndpointSlice' ? { ...item, endpoints: item.endpoints ?? [], ports: item.ports ?? [] } : item,
    );
  }

  /** A kind that is defined can be used a moment later. */
  async #defineServiceImports(): Promise<void> {
    if (this.#hasServiceImports) return;
    await this.#cluster.kubectl(['apply', '-f', SERVICE_IMPORT]);
    const established = ['--for=condition=Established', '--timeout=30s'];
    await this.#cluster.kubectl([
      'wait',
      ...established,
      'customresourcedefinition/serviceimports.multicluster.x-k8s.io',
    ]);
    this.#hasServiceImports = true;
  }

  async #removeLoaded(keptNamespaces: ReadonlySet<string>): Promise<void> {
    const endingPods = this.#loaded.filter((raw) => raw.kind === 'Pod' && raw.metadata.deletionTimestamp !== undefined);
    for (const { metadata } of endingPods) {
      const release = ['patch', 'pod', metadata.name, '-n', metadata.namespace!, '--type=merge'];
      await this.#cluster.kubectl([...release, '-p', '{"metadata":{"finalizers":null}}']).catch(ignoreNotFound);
    }
    const gone = [...this.#made, ...this.#loaded]
      .filter((raw) => raw.kind !== 'Namespace' || !keptNamespaces.has(raw.metadata.name))
      .filter((raw) => raw.kind !== 'Namespace' || !LASTING_NAMESPACES.has(raw.metadata.name));
    if (gone.length === 0) return;
    await this.#cluster.kubectl(['delete', '--ignore-not-found', '--wait', '-f', '-'], gone.map(identity));
    this.#made = [];
  }

  async #apply(objects: readonly object[], flags: readonly string[] = []): Promise<string[]> {
    if (objects.length === 0) return [];
    try {
      await this.#cluster.kubectl(['apply', ...flags, '-f', '-'], objects);
      return [];
    } catch (error) {
      const rejections = rejectionsIn((error as Error).message);
      if (rejections.length === 0) throw error;
      return rejections;
    }
  }
}

/** What names an object. */
function identity({ apiVersion, kind, metadata: { name, namespace } }: RawObject): object {
  return { apiVersion, kind, metadata: namespace === undefined ? { name } : { name, namespace } };
}

function ignoreNotFound(error: Error): void {
  if (!error.message.includes('NotFound')) throw error;
}

/** kubectl goes on after an object that is not taken, and says one line for each. */
function rejectionsIn(message: string): string[] {
  return message.split('\n').filter((line) => /^(The |Error from server)/.test(line));
}
