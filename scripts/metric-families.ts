/** Every metric that a server has, without a server: for the reference page, and for who compares it with a real one. */
import { HttpResponses } from '../src/observability/counters/http-responses.ts';
import { createCacheBuffer } from '../src/cache/cache-layout.ts';
import { cacheFamilies } from '../src/cache/cache-metrics.ts';
import { CacheProfileTable } from '../src/cache/cache-profiles.ts';
import { createForwardBuffer } from '../src/forward/forward-buffer.ts';
import { ForwardGroupTable } from '../src/forward/group-table.ts';
import { ForwardMetrics } from '../src/forward/counts/forward-metrics.ts';
import { ConfigKeeper } from '../src/kubedns/config-keeper.ts';
import { dnsmasqFamilies } from '../src/kubedns/dnsmasq-poll.ts';
import { Probe } from '../src/kubedns/probes.ts';
import { skydnsFamilies } from '../src/kubedns/skydns-metrics.ts';
import { CounterCollector } from '../src/observability/counters/counter-collector.ts';
import { createCounterBuffer } from '../src/observability/counters/counter-layout.ts';
import type { MetricFamily } from '../src/observability/counters/metric-family.ts';
import { processMetrics } from '../src/observability/counters/process-metrics.ts';
import { queryMetrics } from '../src/observability/counters/query-metrics.ts';
import { MainCounters, serverMetrics, socketMetrics } from '../src/observability/counters/server-metrics.ts';
import { createTcpCells, tcpMetrics } from '../src/observability/counters/tcp-metrics.ts';
import { BlockServices } from '../src/server/block-services.ts';
import { ClusterFeeds } from '../src/server/objects/cluster-feeds.ts';
import { hostsMetrics } from '../src/server/hosts/hosts-source.ts';
import { reloadMetrics } from '../src/server/configuration/reload-metrics.ts';
import { secondaryMetrics } from '../src/server/zones/secondary-metrics.ts';

const NO_FIGURES = { generation: 0, nameCount: 0, liveSize: 0, retainedSize: 0, reservedSize: 0 };
const NO_SERVICES = {
  health: [],
  ready: [],
  metrics: [],
  hasStacktrace: false,
  notified: [],
  queryLog: [],
  errorLog: [],
};
const NO_RELOAD = { failures: 0, parseFailures: 0, isSuccess: true, successSeconds: 0, hash: '' };

export async function allMetricFamilies(): Promise<readonly MetricFamily[]> {
  const forwardBuffer = createForwardBuffer(1);
  const services = new BlockServices(NO_SERVICES, {
    log: () => undefined,
    writeLine: () => undefined,
    lineFormat: 'text',
    threadCount: 1,
    addresses: new Map(),
    isSynced: () => false,
    serialOf: () => 0,
    mayMove: false,
  });
  return [
    ...serverMetrics({
      version: '',
      revision: '',
      counters: new MainCounters(),
      snapshot: () => NO_FIGURES,
      droppedLogLines: () => 0,
      plugins: () => [],
      sockets: () => [],
    }),
    ...queryMetrics(new CounterCollector(createCounterBuffer(1, 1)), []),
    ...tcpMetrics(createTcpCells(1)),
    ...new ForwardMetrics(forwardBuffer, new ForwardGroupTable(forwardBuffer)).families(),
    ...cacheFamilies(createCacheBuffer({ writerMax: 1, capacity: 1, arenaSize: 0 }), new CacheProfileTable()),
    new HttpResponses().family(),
    ...services.families(),
    ...hostsMetrics(() => []),
    ...new ClusterFeeds({ kubeconfig: undefined, log: () => undefined, fail: () => undefined }, () => []).families(),
    ...reloadMetrics(() => NO_RELOAD),
    ...secondaryMetrics(() => []),
    ...processMetrics(),
    ...(await socketMetrics(() => [])),
    ...kubeDnsFamilies(),
  ];
}

/** What only `skyshard kube-dns` has. */
function kubeDnsFamilies(): readonly MetricFamily[] {
  const counters = { hits: 0, misses: 0, evictions: 0, insertions: 0, cachesize: 0 };
  const probe = {
    label: 'LABEL',
    server: { address: '127.0.0.1', port: 53 },
    name: '.',
    intervalMs: 5000,
    type: 'SRV',
  } as const;
  return [
    ...new ConfigKeeper(() => undefined).families(),
    ...dnsmasqFamilies(
      'kubedns_',
      () => counters,
      () => 0,
    ),
    ...new Probe(probe).families('kubedns_'),
    ...skydnsFamilies('skydns_skydns', {
      collector: new CounterCollector(createCounterBuffer(1, 1)),
      scopes: [],
      domain: 'cluster.local.',
      misses: () => 0,
    }),
  ];
}
