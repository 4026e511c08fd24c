/** What stands beside a server and lives as long: probes and metrics under other names than CoreDNS's. */
import type { DnsmasqNumbers } from '../forward/counts/dnsmasq-counters.ts';
import type { CounterCollector } from '../observability/counters/counter-collector.ts';
import type { LogFunction } from '../observability/log.ts';
import type { MetricFamily } from '../observability/counters/metric-family.ts';
import type { MetricScope } from '../observability/counters/shard-counters.ts';

/** What it may see of the server. */
export interface ServerParts {
  /** the text of /metrics, with what the companion adds */
  readonly page: () => Promise<string>;
  /** of all threads; `page` collects them */
  readonly collector: CounterCollector;
  /** by index; grows */
  readonly scopes: readonly MetricScope[];
  /** dnsmasq's counters */
  readonly numbers: () => DnsmasqNumbers;
  /** every first list is complete */
  readonly isSynced: () => boolean;
  readonly snapshot: SharedArrayBuffer;
  /** indexes of the datasets that hold the cluster's names */
  readonly clusterDatasets: readonly number[];
  readonly log: LogFunction;
  /** told of what ends the server */
  readonly fail: (error: unknown) => void;
  /** Look whether the configuration says something else. */
  readonly reload: () => Promise<void>;
}

export interface Companion {
  readonly families: readonly MetricFamily[];
  /** Listen: before the first lists are there. @throws SkyshardError BIND_FAILED */
  start(): Promise<void>;
  /** The server answers from now on. */
  serve(): void;
  /** The server is told to stop: no new clients are to come. */
  stopReady(): void;
  close(): Promise<void>;
}

export interface CompanionOptions {
  /** entries of the cache, as dnsmasq's counters say it */
  readonly cacheSize: number;
  readonly open: (parts: ServerParts) => Companion;
}
