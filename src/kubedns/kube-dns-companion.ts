/** Probes and metrics of kube-dns's containers, beside a server that takes their place. */
import { SkyshardError } from '../base/skyshard-error.ts';
import { METRICS_CONTENT_TYPE } from '../observability/counters/prometheus-text.ts';
import type { MetricFamily } from '../observability/counters/metric-family.ts';
import type { Companion, ServerParts } from '../server/companion.ts';
import type { ConfigKeeper } from './config-keeper.ts';
import type { ExportedCounters } from './dnsmasq-poll.ts';
import { ExecHealth } from './exec-health.ts';
import type { KubeDnsPlan, KubednsOptions } from './kube-dns-plan.ts';
import { dumpRecordTree } from './record-tree.ts';
import { Sidecar } from './sidecar.ts';
import { skydnsFamilies } from './skydns-metrics.ts';
import { type StatusAnswer, type StatusServer, startStatusServer } from './status-server.ts';
import type { StubHosts } from './stub-hosts.ts';

export interface CompanionSources {
  readonly keeper: ConfigKeeper;
  readonly stubHosts: StubHosts;
  /** somebody asked for the end of the process */
  readonly onQuit: () => void;
}

export class KubeDnsCompanion implements Companion {
  readonly families: readonly MetricFamily[];
  readonly #plan: KubeDnsPlan;
  readonly #parts: ServerParts;
  readonly #sources: CompanionSources;
  readonly #sidecar: Sidecar | undefined;
  readonly #execHealth: ExecHealth | undefined;
  readonly #servers: StatusServer[] = [];
  #isStopping = false;
  #syncTimer: NodeJS.Timeout | undefined;

  constructor(plan: KubeDnsPlan, parts: ServerParts, sources: CompanionSources) {
    const { kubedns, dnsmasq, sidecar, execHealth } = plan;
    this.#plan = plan;
    this.#parts = parts;
    this.#sources = sources;
    if (sidecar !== undefined) {
      this.#sidecar = new Sidecar(sidecar, {
        counters: dnsmasq === undefined ? undefined : () => this.#counters(),
        page: parts.page,
        onError: (error) => this.#noteError('sidecar', error),
      });
    }
    if (execHealth !== undefined) this.#execHealth = new ExecHealth(execHealth, sources.onQuit);
    this.families = [
      ...sources.keeper.families(),
      ...(kubedns?.metrics === undefined ? [] : skydnsFamilies(kubedns.metrics.prefix, this.#skydnsSources(kubedns))),
      ...(this.#sidecar?.families ?? []),
    ];
  }

  async start(): Promise<void> {
    const { kubedns, statusAddress } = this.#plan;
    const { log } = this.#parts;
    if (kubedns !== undefined) {
      const url = await this.#listen(kubedns.healthPort, 'readiness', (path) => this.#answer(path, kubedns.domain));
      log('info', `kube-dns: readiness is on ${url}/readiness`);
      this.#watchSync(kubedns);
    }
    if (kubedns?.metrics !== undefined) {
      const { port, path } = kubedns.metrics;
      const url = await this.#listen(port, 'metrics', (asked) => (asked === path ? this.#metrics() : undefined));
      log('info', `kube-dns: metrics are on ${url}${path}`);
    }
    if (this.#sidecar !== undefined) {
      log('info', `kube-dns: probes and metrics are on ${await this.#sidecar.start()}${this.#plan.sidecar!.path}`);
    }
    if (this.#execHealth !== undefined) {
      const url = await this.#execHealth.start(statusAddress, (error) => this.#noteError('exec-healthz', error));
      log('info', `kube-dns: exec-healthz is on ${url}/healthz`);
    }
  }

  serve(): void {
    const { keeper, stubHosts } = this.#sources;
    const reload = (): void => void this.#parts.reload();
    keeper.start(reload);
    stubHosts.serve(reload);
    // What changed while the server started.
    reload();
    this.#sidecar?.probe();
    this.#execHealth?.probe();
  }

  stopReady(): void {
    this.#isStopping = true;
  }

  async close(): Promise<void> {
    clearTimeout(this.#syncTimer);
    this.#sources.stubHosts.close();
    await this.#sidecar?.close();
    await this.#execHealth?.close();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  async #listen(
    port: number,
    what: string,
    route: (path: string) => StatusAnswer | Promise<StatusAnswer> | undefined,
  ): Promise<string> {
    const address = { host: this.#plan.statusAddress, port };
    const server = await startStatusServer(address, what, route, (error) => this.#noteError(what, error));
    this.#servers.push(server);
    return server.url;
  }

  #answer(path: string, domain: string): StatusAnswer | undefined {
    if (path === '/readiness') {
      if (this.#isStopping) return { status: 503, body: 'shutting down\n' };
      return this.#parts.isSynced()
        ? { status: 200, body: 'ok\n' }
        : { status: 503, body: 'the objects of the API server are not listed yet\n' };
    }
    if (path !== '/cache') return undefined;
    return {
      status: 200,
      type: 'application/json',
      body: dumpRecordTree(this.#parts.snapshot, this.#parts.clusterDatasets, domain),
    };
  }

  async #metrics(): Promise<StatusAnswer> {
    return { status: 200, type: METRICS_CONTENT_TYPE, body: await this.#parts.page() };
  }

  #counters(): ExportedCounters {
    const { hits, misses, evictions, insertions, cacheSize } = this.#parts.numbers();
    return { hits, misses, evictions, insertions, cachesize: cacheSize };
  }

  #skydnsSources({ domain }: KubednsOptions) {
    const { collector, scopes, numbers } = this.#parts;
    return { collector, scopes, domain, misses: () => numbers().misses };
  }

  /** kubedns ends then. A server that forwards, and answers SERVFAIL for the rest, is worth more: unless it is asked for. */
  #watchSync({ syncTimeoutMs, endsUnsynced }: KubednsOptions): void {
    this.#syncTimer = setTimeout(() => {
      const { isSynced, log, fail } = this.#parts;
      if (isSynced()) return;
      const text = `the objects of the API server are not listed after ${syncTimeoutMs / 1000} s (--initial-sync-timeout)`;
      if (endsUnsynced) fail(new SkyshardError('API_UNREACHABLE', text));
      else log('error', `kube-dns: ${text}: names of the cluster go on being answered with SERVFAIL`);
    }, syncTimeoutMs).unref();
  }

  #noteError(what: string, error: unknown): void {
    this.#parts.log('error', `kube-dns: ${what}: ${String(error)}`);
  }
}
