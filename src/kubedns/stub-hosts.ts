/**
 * Stub servers that the ConfigMap names by host name. Names of the cluster are asked of kubedns, in the same process of this
 * server itself, others of the system's resolver; again when the TTL is over, and soon where nothing was found.
 */
import type { AddressAndPort } from '../config/upstream-address.ts';
import type { LogFunction } from '../observability/log.ts';
import { lookUp } from '../server/configuration/upstream-hosts.ts';
import type { KubeDnsConfig } from './config-map.ts';

export interface StubHostsOptions {
  /** canonical names of zones whose names kubedns has */
  readonly clusterZones: readonly string[];
  readonly kubedns: AddressAndPort;
  /** kubedns is this process: it cannot be asked before it serves */
  readonly isOwn: boolean;
  readonly log: LogFunction;
}

interface Host {
  addresses: readonly string[];
  dueMs: number;
  complaint: string;
}

const RETRY_MS = 5000;

export class StubHosts {
  readonly #options: StubHostsOptions;
  readonly #hosts = new Map<string, Host>();
  #isServing: boolean;
  #onChange: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: StubHostsOptions) {
    this.#options = options;
    this.#isServing = !options.isOwn;
  }

  addressesOf(host: string): readonly string[] {
    return this.#hosts.get(host)?.addresses ?? [];
  }

  /** Look up what a configuration names and is not known yet; forget what it does not name. Does not reject. */
  async prepare({ stubDomains }: KubeDnsConfig): Promise<void> {
    const wanted = new Set(
      stubDomains.flatMap(({ servers }) => servers.flatMap((server) => (server.kind === 'host' ? [server.host] : []))),
    );
    for (const host of this.#hosts.keys()) if (!wanted.has(host)) this.#hosts.delete(host);
    const fresh = [...wanted].filter((host) => !this.#hosts.has(host));
    for (const host of fresh) this.#hosts.set(host, { addresses: [], dueMs: 0, complaint: '' });
    await Promise.all(fresh.map((host) => this.#lookUp(host)));
    this.#plan();
  }

  /** The server answers: names of the cluster can be asked for. @param onChange  a name has other addresses */
  serve(onChange: () => void): void {
    this.#isServing = true;
    this.#onChange = onChange;
    void this.#refresh();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#hosts.size === 0 || !this.#isServing) return;
    const dueMs = Math.min(...[...this.#hosts.values()].map((host) => host.dueMs));
    this.#timer = setTimeout(() => void this.#refresh(), Math.max(0, dueMs - performance.now())).unref();
  }

  async #refresh(): Promise<void> {
    const nowMs = performance.now();
    const due = [...this.#hosts].filter(([, { dueMs }]) => dueMs <= nowMs);
    const changes = await Promise.all(due.map(([host]) => this.#lookUp(host)));
    if (this.#isClosed) return;
    if (changes.includes(true)) this.#onChange();
    this.#plan();
  }

  /** @returns whether it has other addresses than before */
  async #lookUp(name: string): Promise<boolean> {
    const { clusterZones, kubedns, log } = this.#options;
    const host = this.#hosts.get(name);
    if (host === undefined) return false;
    const isOfCluster = clusterZones.some((zone) => `${name}.` === zone || `${name}.`.endsWith(`.${zone}`));
    if (isOfCluster && !this.#isServing) return false;
    const before = host.addresses.join(' ');
    try {
      const { addresses, ttlSeconds } = await lookUp({ host: name, resolvers: isOfCluster ? [kubedns] : [] });
      host.addresses = addresses;
      host.complaint = '';
      host.dueMs = performance.now() + ttlSeconds * 1000;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const last =
        host.addresses.length === 0 ? 'it is not asked until it has an address' : 'its last addresses are used';
      const complaint = `kube-dns ConfigMap: stubDomains: ${reason}; ${last}`;
      if (complaint !== host.complaint) log('error', complaint);
      host.complaint = complaint;
      host.dueMs = performance.now() + RETRY_MS;
    }
    return host.addresses.join(' ') !== before;
  }
}
