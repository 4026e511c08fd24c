/**
 * What a kubelet tells the API server, without one: Pods of its Node get an address and become ready, Pods that are
 * deleted go. No container runs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type ApiClient } from './api-client.ts';
import { NODE_NAME } from './api-objects.ts';
import { KubectlProxy } from './kubectl-proxy.ts';
import type { TestCluster } from './use-cluster.ts';

const TURN_MS = 50;

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status: { readonly podIP?: string };
}

export interface FakeKubeletOptions {
  /** address of the Pod with this number, both families or one */
  readonly addressesOf: (index: number) => readonly string[];
  /** how long a Pod that is deleted still runs */
  readonly terminationMs?: number;
}

export class FakeKubelet {
  readonly #cluster: TestCluster;
  readonly #options: FakeKubeletOptions;
  readonly #proxy: KubectlProxy;
  readonly #endings = new Map<string, number>();
  #podCount = 0;
  #isStopped = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor(cluster: TestCluster, options: FakeKubeletOptions, proxy: KubectlProxy) {
    this.#cluster = cluster;
    this.#options = options;
    this.#proxy = proxy;
  }

  /** With its Node. */
  static async start(cluster: TestCluster, options: FakeKubeletOptions): Promise<FakeKubelet> {
    const kubelet = new FakeKubelet(cluster, options, await KubectlProxy.start(cluster));
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE_NAME } };
    await cluster.kubectl(['apply', '-f', '-'], [node]);
    kubelet.#loop = kubelet.#run();
    return kubelet;
  }

  get client(): ApiClient {
    return this.#proxy.client;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
    await this.#proxy.stop();
    await this.#cluster.kubectl(['delete', 'node', NODE_NAME, '--ignore-not-found']);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const selector = encodeURIComponent(`spec.nodeName=${NODE_NAME}`);
      const { items } = await this.client.get<{ items: Pod[] }>(`/api/v1/pods?fieldSelector=${selector}`);
      await Promise.all(items.map((pod) => this.#look(pod)));
      await sleep(TURN_MS);
    }
  }

  async #look({ metadata, status }: Pod): Promise<void> {
    const where = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
    try {
      if (metadata.deletionTimestamp !== undefined) await this.#endPod(where);
      else if (status.podIP === undefined) await this.client.patch(`${where}/status`, { status: this.#running() });
    } catch (error) {
      // It may be gone by now.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  async #endPod(where: string): Promise<void> {
    const now = performance.now();
    const since = this.#endings.get(where) ?? now;
    this.#endings.set(where, since);
    if (now - since < (this.#options.terminationMs ?? 0)) return;
    this.#endings.delete(where);
    await this.client.request('DELETE', where, { gracePeriodSeconds: 0 });
  }

  #running(): object {
    const addresses = this.#options.addressesOf(this.#podCount++);
    return {
      phase: 'Running',
      podIP: addresses[0],
      podIPs: addresses.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }],
    };
  }
}
