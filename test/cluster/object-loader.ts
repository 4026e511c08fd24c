/**
 * Puts one cluster of objects after the other into an API server, and reads back what it made of them. kubectl takes half a
 * second for each call, so it only leads to the API.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import { apiForm, NODE_NAME } from './api-objects.ts';
import { ApiError, type ApiClient } from './api-client.ts';
import { controllerMade, endpointKeys } from './controller-made.ts';
import { KubectlProxy } from './kubectl-proxy.ts';
import type { TestCluster } from './use-cluster.ts';

/** Namespaces that every cluster has: objects may lie in them, but they stay. */
const LASTING_NAMESPACES = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);
const CONTROLLER_DEADLINE_MS = 30_000;
const CONTROLLER_POLL_MS = 200;
const DELETED_DEADLINE_MS = 60_000;
const DELETED_POLL_MS = 50;
const SERVICE_IMPORT = path.join(path.dirname(fileURLToPath(import.meta.url)), 'service-import.yaml');
const NODE = { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE_NAME } };

/** Where the API has the kinds that are read and removed; a namespace comes before the last part. */
const PLACES = {
  Namespace: ['/api/v1', 'namespaces'],
  Service: ['/api/v1', 'services'],
  EndpointSlice: ['/apis/discovery.k8s.io/v1', 'endpointslices'],
  Pod: ['/api/v1', 'pods'],
  Node: ['/api/v1', 'nodes'],
  ServiceImport: ['/apis/multicluster.x-k8s.io/v1alpha1', 'serviceimports'],
} as const;
const READ_KINDS = ['Namespace', 'Service', 'EndpointSlice', 'Pod'] as const;

export class ObjectLoader {
  readonly #cluster: TestCluster;
  #proxy: KubectlProxy | undefined;
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
    if (!this.#hasNode) await this.#put([NODE]);
    this.#hasNode = true;
    await this.#removeLoaded(
      new Set(objects.filter((one) => one.kind === 'Namespace').map((one) => one.metadata.name)),
    );
    this.#loaded = objects;
    const forms = objects.map(apiForm);
    const isNamespace = ({ object }: { object: { kind?: unknown } }): boolean => object.kind === 'Namespace';
    if (objects.some(({ kind }) => kind === 'ServiceImport')) await this.#defineServiceImports();
    // One after the other, as they are given.
    const inOrder = [...forms.filter(isNamespace), ...forms.filter((form) => !isNamespace(form))];
    const rejected = await this.#put(inOrder.map(({ object }) => object));
    const statuses = forms.flatMap(({ object, status }) =>
      status === undefined || rejected.has(object) ? [] : [status],
    );
    const rejections = [...rejected.values(), ...(await this.#putStatus(statuses)).values()];
    const ending = objects.filter((_, index) => forms[index]!.isEnding);
    const { client } = await this.#api();
    for (const raw of ending) await isThere(client.request('DELETE', placeOf(raw)));
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
    await this.#delete(made.replaced);
    const pods = made.pods.map(({ object }) => object);
    const rejected = await this.#put([...made.objects, ...pods]);
    const withoutStatus = await this.#putStatus(made.pods.map(({ status }) => status));
    assert.deepEqual([...rejected.values(), ...withoutStatus.values()], []);
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
    await this.#proxy?.stop();
    this.#proxy = undefined;
  }

  /** Every object that DNS looks at, ours and others, as the API server has it. */
  async readBack(): Promise<RawObject[]> {
    const kinds = this.#hasServiceImports ? [...READ_KINDS, 'ServiceImport' as const] : READ_KINDS;
    const proxy = await this.#api();
    const lists = kinds.map(async (kind) => {
      const { apiVersion, items } = await proxy.client.get<{ apiVersion: string; items: RawObject[] }>(
        PLACES[kind].join('/'),
      );
      return items.map((item) => ({ ...item, apiVersion, kind }) as RawObject);
    });
    return (await Promise.all(lists)).flat().map((item) =>
      // Go writes an empty list as null.
      item.kind === 'EndpointSlice' ? { ...item, endpoints: item.endpoints ?? [], ports: item.ports ?? [] } : item,
    );
  }

  async #api(): Promise<KubectlProxy> {
    return (this.#proxy ??= await KubectlProxy.start(this.#cluster));
  }

  /** Delete objects, and wait until they are gone: namespaces last. */
  async #delete(objects: readonly RawObject[]): Promise<void> {
    const { client } = await this.#api();
    const namespaces = objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name);
    const others = objects.filter(({ kind }) => kind !== 'Namespace').map(placeOf);
    const deadline = performance.now() + DELETED_DEADLINE_MS;
    const untilGone = async (place: string): Promise<void> => {
      while (await isThere(client.get(place))) {
        if (performance.now() > deadline) throw new Error(`${place} does not go`);
        await sleep(DELETED_POLL_MS);
      }
    };
    await Promise.all(
      others.map(async (place) => {
        if (await isThere(client.request('DELETE', place))) await untilGone(place);
      }),
    );
    await Promise.all(
      namespaces.map(async (name) => {
        const place = `/api/v1/namespaces/${name}`;
        if (!(await isThere(client.request('DELETE', place)))) return;
        if (this.#cluster.isOwn) await endNamespace(client, name);
        await untilGone(place);
      }),
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
    const { client } = await this.#api();
    for (const pod of endingPods) await isThere(client.patch(placeOf(pod), { metadata: { finalizers: null } }));
    const gone = [...this.#made, ...this.#loaded]
      .filter((raw) => raw.kind !== 'Namespace' || !keptNamespaces.has(raw.metadata.name))
      .filter((raw) => raw.kind !== 'Namespace' || !LASTING_NAMESPACES.has(raw.metadata.name));
    if (gone.length === 0) return;
    await this.#delete(gone);
    this.#made = [];
  }

  /** @returns what the API server says of each that it did not take */
  async #put(objects: readonly object[]): Promise<ReadonlyMap<object, string>> {
    const { client } = await this.#api();
    return rejectionsOf(objects, (object) => put(client, object));
  }

  /** What stands under `status`, of objects that are there. */
  async #putStatus(objects: readonly object[]): Promise<ReadonlyMap<object, string>> {
    const { client } = await this.#api();
    return rejectionsOf(objects, (object) => client.patch(`${placeOf(object as RawObject)}/status`, object));
  }
}

/** Do the namespace controller's work, which takes seconds: nothing that DNS looks at is in it any more but slices of controllers. */
async function endNamespace(client: ApiClient, name: string): Promise<void> {
  const [root, plural] = PLACES.EndpointSlice;
  await client.request('DELETE', `${root}/namespaces/${name}/${plural}`);
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: [] } };
  await isThere(client.request('PUT', `/api/v1/namespaces/${name}/finalize`, object));
}

/** Create it; what is there already, such as a namespace, gets what the object says. */
async function put(client: ApiClient, object: object): Promise<void> {
  const { kind } = object as RawObject;
  const place = placeOf(object as RawObject);
  if (!(await isThere(client.get(place)))) {
    await client.request('POST', place.slice(0, place.lastIndexOf('/')), object);
  } else if (kind === 'Namespace') {
    // Labels that it does not have any more go too.
    await client.request('PUT', place, object);
  } else if (kind === 'Pod') {
    // Volumes that the API server has put into it stay.
    await client.request('PATCH', place, object, 'application/strategic-merge-patch+json');
  } else {
    await client.patch(place, object);
  }
}

/** One after the other; an object that is not taken keeps no other from being put. */
async function rejectionsOf(
  objects: readonly object[],
  act: (object: object) => Promise<unknown>,
): Promise<ReadonlyMap<object, string>> {
  const rejections = new Map<object, string>();
  for (const object of objects) {
    try {
      await act(object);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      rejections.set(object, error.message);
    }
  }
  return rejections;
}

function placeOf({ kind, metadata: { name, namespace } }: RawObject): string {
  const [root, plural] = PLACES[kind as keyof typeof PLACES];
  return [root, ...(namespace === undefined ? [] : ['namespaces', namespace]), plural, name].join('/');
}

/** @throws ApiError of another kind than that it is not there */
async function isThere(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}
