/** What the sidecar container has: probes, their states at /healthcheck/LABEL, and metrics. With a server in the process or without. */
import type { MetricFamily } from '../observability/counters/metric-family.ts';
import { formatMetrics, METRICS_CONTENT_TYPE } from '../observability/counters/prometheus-text.ts';
import { DnsmasqPoll, dnsmasqFamilies, type ExportedCounters } from './dnsmasq-poll.ts';
import type { SidecarOptions } from './kube-dns-plan.ts';
import { Probe } from './probes.ts';
import { type StatusAnswer, type StatusServer, startStatusServer } from './status-server.ts';

export interface SidecarSources {
  /** dnsmasq's counters where it is this process; undefined: they are asked for */
  readonly counters: (() => ExportedCounters) | undefined;
  /** the text of /metrics of the server around; undefined: there is none */
  readonly page: (() => Promise<string>) | undefined;
  readonly onError: (error: unknown) => void;
}

export class Sidecar {
  readonly families: readonly MetricFamily[];
  readonly #options: SidecarOptions;
  readonly #sources: SidecarSources;
  readonly #probes: readonly Probe[];
  readonly #poll: DnsmasqPoll | undefined;
  #server: StatusServer | undefined;

  constructor(options: SidecarOptions, sources: SidecarSources) {
    const { dnsmasq, pollMs, prefix } = options;
    this.#options = options;
    this.#sources = sources;
    this.#probes = options.probes.map((probe) => new Probe(probe));
    const poll = sources.counters === undefined ? new DnsmasqPoll(dnsmasq, pollMs) : undefined;
    this.#poll = poll;
    this.families = [
      ...dnsmasqFamilies(prefix, sources.counters ?? (() => poll!.counters), () => poll?.errors ?? 0),
      ...this.#probes.flatMap((probe) => probe.families(prefix)),
    ];
  }

  /** @returns where it listens @throws SkyshardError BIND_FAILED */
  async start(): Promise<string> {
    const { address, port } = this.#options;
    const { onError } = this.#sources;
    this.#server = await startStatusServer({ host: address, port }, 'sidecar', (path) => this.#answer(path), onError);
    return this.#server.url;
  }

  /** Ask from now on. */
  probe(): void {
    this.#poll?.start();
    for (const probe of this.#probes) probe.start();
  }

  async close(): Promise<void> {
    this.#poll?.close();
    for (const probe of this.#probes) probe.close();
    await this.#server?.close();
  }

  #answer(path: string): StatusAnswer | Promise<StatusAnswer> | undefined {
    if (path === this.#options.path) return this.#metrics();
    if (path === '/healthz') return { status: 200, body: 'ok\n' };
    const label = /^\/healthcheck\/([^/]+)$/.exec(path)?.[1];
    const probe = this.#probes.find(({ options }) => options.label === label);
    if (probe === undefined) return undefined;
    const { isOk, latencySeconds, error } = probe.status;
    const body = JSON.stringify({ IsOk: isOk, LatencySeconds: latencySeconds, Err: error });
    return { status: isOk ? 200 : 503, type: 'application/json', body: `${body}\n` };
  }

  async #metrics(): Promise<StatusAnswer> {
    const { page } = this.#sources;
    const body = page === undefined ? await formatMetrics(this.families) : await page();
    return { status: 200, type: METRICS_CONTENT_TYPE, body };
  }
}
