/** `prometheus`: the metrics page on every address that a server block names; blocks with the same address share a listener. */
import { ListenerSet } from './listener-set.ts';
import type { ListenAddress } from './listener-set.ts';
import { startMetricsServer } from './metrics-server.ts';
import type { MetricsServer } from './metrics-server.ts';

/** `prometheus` of one server block. */
export interface PrometheusBlock {
  readonly listen: ListenAddress;
}

export interface MetricsEndpointOptions {
  /** writes the page */
  readonly page: () => Promise<string>;
  /** told what the page threw */
  readonly onError: (error: unknown) => void;
}

export class MetricsEndpoint {
  private readonly set: ListenerSet<MetricsServer>;

  constructor(options: MetricsEndpointOptions) {
    this.set = new ListenerSet(({ host, port }) => startMetricsServer({ ...options, address: host, port }));
  }

  /** Listen as these blocks say; @throws SkyshardError BIND_FAILED, and all is as before */
  async configure(blocks: readonly PrometheusBlock[]): Promise<void> {
    await this.set.update(blocks.map(({ listen }) => listen));
  }

  /** http://…/metrics, of each listener */
  get urls(): readonly string[] {
    return this.set.all.map(({ url }) => url);
  }

  close(): Promise<void> {
    return this.set.close();
  }
}
