/** The metrics of a running server: where they come from, and the listener that hands them out. */
import { CHUNK_SIZE } from '../memory/block-allocator.ts';
import { CounterCollector } from '../observability/counter-collector.ts';
import { isAddressInUse, startMetricsServer } from '../observability/metrics-server.ts';
import type { MetricsServer } from '../observability/metrics-server.ts';
import { createMetricsPage } from '../observability/prometheus-text.ts';
import type { MetricScope } from '../observability/shard-counters.ts';
import type { MainCounters } from '../observability/server-metrics.ts';
import type { SnapshotBuilder } from '../snapshot/builder.ts';
import type { RecordPublisher } from './record-publisher.ts';
import type { LogFunction } from './server-options.ts';
import type { ShardSupervisor } from './shard-supervisor.ts';

const ADDRESS = '127.0.0.1';
export const METRICS_PORT = 9153;

export interface MetricsOptions {
  readonly version: string;
  readonly counterBuffer: SharedArrayBuffer;
  readonly scopes: readonly MetricScope[];
  readonly counters: MainCounters;
  readonly builder: SnapshotBuilder;
  readonly publisher: RecordPublisher;
  readonly supervisor: ShardSupervisor;
  readonly shardCount: number;
  readonly tcpCells: SharedArrayBuffer;
  readonly droppedLogLines: () => number;
  readonly log: LogFunction;
}

/**
 * Collect the counters from now on and listen on 127.0.0.1:9153; on another port where that one is taken, since names are
 * worth more than figures.
 *
 * @throws SkyshardError BIND_FAILED
 */
export async function startMetrics(options: MetricsOptions): Promise<MetricsServer> {
  const { counters, supervisor, log } = options;
  const collector = new CounterCollector(options.counterBuffer);
  const writePage = createMetricsPage({
    version: options.version,
    revision: '',
    collector,
    scopes: options.scopes,
    counters,
    snapshot: () => snapshotFigures(options.builder, options.publisher),
    droppedLogLines: options.droppedLogLines,
    plugins: options.scopes.filter(({ zone }) => zone === '.').map((scope) => ({ ...scope, name: 'kubernetes' })),
    sockets: () => [],
    shardCount: options.shardCount,
    tcpCells: options.tcpCells,
  });
  const page = (): Promise<string> => {
    counters.shardRestarts = supervisor.restarts;
    return writePage();
  };
  const onError = (error: unknown): void => log('error', `metrics: ${String(error)}`);
  const server = await listen({ address: ADDRESS, port: METRICS_PORT, page, onError });
  collector.start();
  return {
    ...server,
    close: async () => {
      collector.stop();
      await server.close();
    },
  };
}

async function listen(options: Parameters<typeof startMetricsServer>[0]): Promise<MetricsServer> {
  try {
    return await startMetricsServer(options);
  } catch (error) {
    if (!isAddressInUse(error)) throw error;
    return startMetricsServer({ ...options, port: 0 });
  }
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
