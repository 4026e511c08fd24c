/**
 * The server: the only place that wires the parts.
 *
 *   manifests ─► RecordPublisher (cluster state, records, snapshot) ─► shared buffer ─► shards
 *                                                          counters ─► metrics
 */
import { randomBytes } from 'node:crypto';
import { readVersion } from '../base/version.ts';
import { assert } from '../base/assert.ts';
import type { ManifestLoad } from '../manifests/manifest-loader.ts';
import { ManifestSource } from '../manifests/manifest-source.ts';
import { reserveSharedBuffer } from '../memory/shared-buffer.ts';
import { loadLibc, nativeUnavailableReason } from '../native/libc.ts';
import type { MetricsServer } from '../observability/metrics-server.ts';
import { MainCounters } from '../observability/server-metrics.ts';
import { discardPages, shrinkHeap } from '../native/process-memory.ts';
import { createCounterBuffer } from '../observability/counter-layout.ts';
import { DEFAULT_RECORD_OPTIONS } from '../records/record-options.ts';
import type { AnswerWorkData } from '../shard/answer-work.ts';
import type { Transport } from '../shard/shard-options.ts';
import { SnapshotBuilder } from '../snapshot/builder.ts';
import { planListeners } from './listeners.ts';
import { METRICS_PORT, startMetrics } from './metrics.ts';
import { readMachineLimits } from './machine-limits.ts';
import { RecordPublisher } from './record-publisher.ts';
import { type LogFunction, logWarnings, type ServerOptions } from './server-options.ts';
import { planShards } from './shard-plan.ts';
import { ShardSupervisor } from './shard-supervisor.ts';

/** Octets of the key of DNS cookies. */
const COOKIE_SECRET_SIZE = 16;
/** When what the start took is given back, ms: queries of the first moment go first. */
const SHRINK_AFTER_MS = 500;
/** How often hanging readers are looked for, and blocks taken back, ms. */
const WATCH_INTERVAL_MS = 250;

export interface RunningServer {
  readonly listeners: readonly { readonly address: string; readonly port: number }[];
  readonly metricsUrl: string;
  /** what was decided and loaded, for who started it */
  readonly startLines: readonly string[];
  /** rejects with the bug that ends the server; never resolves */
  readonly failed: Promise<never>;
  /** End in order: manifests, shards and their sockets, metrics. */
  stop(): Promise<void>;
}

/** Where a server says what happens. */
export interface ServerOutput {
  readonly log: LogFunction;
  readonly droppedLogLines: () => number;
}

/**
 * Load the manifests, publish the first snapshot and start the shards.
 *
 * @throws SkyshardError what keeps it from starting; nothing is left running then
 */
export async function startServer(
  options: ServerOptions,
  { log, droppedLogLines }: ServerOutput,
): Promise<RunningServer> {
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const transport = chooseTransport(options.transport, log);
  const listenerPlan = planListeners(options.bindAddresses, options.dnsPort, DEFAULT_RECORD_OPTIONS);
  const shardPlan = planShards(readMachineLimits(), hasSharedPorts(transport) ? options.shards : 1);

  const buffer = reserveSharedBuffer();
  const counterBuffer = createCounterBuffer(shardPlan.count, listenerPlan.scopes.length);
  const libc = transport === 'mmsg' ? loadLibc() : undefined;
  const builder = new SnapshotBuilder(buffer, {
    ...(libc !== undefined && { onChunkFree: (offset, size) => discardPages(libc, buffer, offset, size) }),
  });
  const counters = new MainCounters();
  const publisher = new RecordPublisher({
    builder,
    records: { ...DEFAULT_RECORD_OPTIONS, localAddresses: listenerPlan.localAddresses },
    config: listenerPlan.config,
    counters,
    log,
  });
  const workData: AnswerWorkData = {
    buffer,
    counterBuffer,
    scopeCount: listenerPlan.scopes.length,
    cookieSecret: options.cookieSecret ?? randomBytes(COOKIE_SECRET_SIZE),
  };
  const supervisor = new ShardSupervisor({
    transport,
    plan: shardPlan,
    listeners: listenerPlan.addresses,
    workModule: new URL(
      import.meta.url.endsWith('.ts') ? '../shard/answer-work.ts' : '../shard/answer-work.js',
      import.meta.url,
    ).href,
    workData,
    claimReaderSlot: (shard) => claimReaderSlot(builder, shard),
    onShardGone: (slot) => builder.epochs.releaseSlot(slot),
    log,
  });
  const source = createSource(options.manifests, { publisher, counters, log, fail });
  const watch = setInterval(() => watchReaders(builder, supervisor, log), WATCH_INTERVAL_MS).unref();
  let metrics: MetricsServer | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(watch);
    source.close();
    publisher.close();
    await supervisor.stop();
    await metrics?.close();
  };
  try {
    // The threads start while the manifests are read; they take no query before the first snapshot is there.
    const [load] = await Promise.all([loadAndPublish(source, publisher, counters, log), supervisor.start()]);
    metrics = await startMetrics({
      version: readVersion(),
      counterBuffer,
      scopes: listenerPlan.scopes,
      counters,
      builder,
      publisher,
      supervisor,
      droppedLogLines,
      log,
    });
    setTimeout(() => shrinkHeap(libc), SHRINK_AFTER_MS).unref();
    const { nameCount } = publisher.statistics;
    const startLines = [
      `serving ${nameCount} names of ${load.objectCount} objects from ${load.files.length} manifests`,
      `${shardPlan.reason}; transport ${transport}`,
      ...(metrics.port === METRICS_PORT
        ? []
        : [`port ${METRICS_PORT} is taken by another server, so the metrics are elsewhere`]),
    ];
    return { listeners: supervisor.listeners, metricsUrl: metrics.url, startLines, failed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function chooseTransport(asked: ServerOptions['transport'], log: LogFunction): Transport {
  if (asked !== 'auto') return asked;
  const reason = nativeUnavailableReason();
  if (reason === undefined) return 'mmsg';
  log('warn', `transport dgram: ${reason}`);
  return 'dgram';
}

/** Whether several sockets can share a port: where not, one shard has them all. */
function hasSharedPorts(transport: Transport): boolean {
  return transport === 'mmsg' || ['linux', 'freebsd', 'sunos', 'aix'].includes(process.platform);
}

interface ManifestTarget {
  readonly publisher: RecordPublisher;
  readonly counters: MainCounters;
  readonly log: LogFunction;
  readonly fail: (error: unknown) => void;
}

/** Manifests whose changes are published; a bug on the way there ends the server. */
function createSource(paths: readonly string[], { publisher, counters, log, fail }: ManifestTarget): ManifestSource {
  return new ManifestSource({
    paths,
    onLoad: (load) => {
      logWarnings(load, log);
      counters.manifestReloadSuccessSeconds = Date.now() / 1000;
      publisher.apply(load.changes).then(() => {
        log('info', `manifests changed: ${load.changes.length} changes, ${load.objectCount} objects`);
      }, fail);
    },
    onErrors: (errors) => {
      counters.manifestReloadFailures++;
      for (const error of errors) log('error', `${error.code}: ${error.message}; what was served before stays`);
    },
  });
}

async function loadAndPublish(
  source: ManifestSource,
  publisher: RecordPublisher,
  counters: MainCounters,
  log: LogFunction,
): Promise<ManifestLoad> {
  const load = await source.start();
  logWarnings(load, log);
  await publisher.load(load.changes);
  counters.manifestReloadSuccessSeconds = Date.now() / 1000;
  return load;
}

function claimReaderSlot(builder: SnapshotBuilder, shard: number): number {
  const slot = builder.epochs.claimSlot(shard + 1);
  assert(slot >= 0, 'more readers than reader slots');
  return slot;
}

/** Replace a shard that holds a snapshot and does not move; take back what no reader holds any more. */
function watchReaders(builder: SnapshotBuilder, supervisor: ShardSupervisor, log: LogFunction): void {
  builder.epochs.reclaim();
  for (const reader of builder.epochs.stalledReaders(performance.now())) {
    const shard = reader.owner - 1;
    log('error', `shard ${shard} has not moved for ${Math.round(reader.stalledMs)} ms and is replaced`);
    void supervisor.replace(shard);
  }
}
