/** The metrics of a running server: where they come from. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CHUNK_SIZE } from '../memory/block-allocator.ts';
import { CounterCollector } from '../observability/counters/counter-collector.ts';
import type { MetricFamily } from '../observability/counters/metric-family.ts';
import { createMetricsPage } from '../observability/counters/prometheus-text.ts';
import type { MetricScope } from '../observability/counters/shard-counters.ts';
import type { MainCounters } from '../observability/counters/server-metrics.ts';
import type { SnapshotBuilder } from '../snapshot/builder.ts';
import type { RecordPublisher } from './objects/record-publisher.ts';
import type { ServerPlan } from './configuration/server-plan.ts';
import type { ShardSupervisor } from './threads/shard-supervisor.ts';

export interface ServerMetricsOptions {
  readonly version: string;
  readonly counterBuffer: SharedArrayBuffer;
  /** by index, as the routes have it; grows when the configuration changes */
  readonly scopes: readonly MetricScope[];
  readonly enabledPlugins: () => ServerPlan['enabledPlugins'];
  readonly counters: MainCounters;
  readonly builder: SnapshotBuilder;
  readonly publisher: RecordPublisher;
  readonly shards: ShardSupervisor;
  readonly resolverRestarts: () => number;
  readonly shardCount: number;
  readonly tcpCells: SharedArrayBuffer;
  readonly droppedLogLines: () => number;
  /** of the services of the server blocks */
  readonly families: readonly MetricFamily[];
  /** of the parts that are loaded when they are needed */
  readonly laterFamilies: () => readonly MetricFamily[];
}

/** Threads publish what they have counted at the latest when they have had nothing to do for a tenth of a second. */
const SETTLE_MS = 110;

export interface ServerMetrics {
  /** the text of /metrics */
  readonly page: () => Promise<string>;
  /** of the shards' counters */
  readonly collector: CounterCollector;
  /** collect the counters now and then, so that none wraps unseen */
  start(): void;
  stop(): void;
}

export function createServerMetrics(options: ServerMetricsOptions): ServerMetrics {
  const { counters, shards } = options;
  const collector = new CounterCollector(options.counterBuffer);
  const writePage = createMetricsPage({
    version: options.version,
    revision: '',
    collector,
    scopes: options.scopes,
    counters,
    snapshot: () => snapshotFigures(options.builder, options.publisher),
    droppedLogLines: options.droppedLogLines,
    plugins: options.enabledPlugins,
    sockets: () => shards.socketInodes(),
    shardCount: options.shardCount,
    tcpCells: options.tcpCells,
    families: options.families,
    laterFamilies: options.laterFamilies,
  });
  return {
    collector,
    page: async () => {
      await sleep(SETTLE_MS);
      counters.shardRestarts = shards.restarts;
      counters.resolverRestarts = options.resolverRestarts();
      return writePage();
    },
    start: () => collector.start(),
    stop: () => collector.stop(),
  };
}

function snapshotFigures(builder: SnapshotBuilder, publisher: RecordPublisher) {
  const { blocks, retainedSize } = builder.statistics();
  return {
    generation: builder.epochs.generation,
    nameCount: publisher.statistics.nameCount,
    liveSize: blocks.liveSize - retainedSize,
    retainedSize,
    reservedSize: blocks.chunkCount * CHUNK_SIZE,
  };
}
