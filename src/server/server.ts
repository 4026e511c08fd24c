/**
 * The server: the only place that wires the parts.
 *
 *   manifests ─► RecordPublisher (cluster state, records, snapshot) ─► shared buffer ─► shards
 *                                                          counters ─► metrics
 */
import { randomBytes } from 'node:crypto';
import { readVersion } from '../base/version.ts';
import { assert } from '../base/assert.ts';
import { parseLabelSelector } from '../kubernetes/label-selector.ts';
import type { ManifestLoad } from '../manifests/manifest-loader.ts';
import { ManifestSource } from '../manifests/manifest-source.ts';
import { reserveSharedBuffer } from '../memory/shared-buffer.ts';
import { loadLibc, nativeUnavailableReason } from '../native/libc.ts';
import type { MetricsServer } from '../observability/metrics-server.ts';
import { MainCounters } from '../observability/server-metrics.ts';
import { discardPages, shrinkHeap } from '../native/process-memory.ts';
import { createCounterBuffer } from '../observability/counter-layout.ts';
import { createTcpCells } from '../observability/tcp-metrics.ts';
import type { AnswerWorkData } from '../shard/answer-work.ts';
import type { ShardListener, Transport } from '../shard/shard-options.ts';
import { SnapshotBuilder } from '../snapshot/builder.ts';
import { DEFAULT_TCP_TIMEOUTS } from '../resolver/resolver-options.ts';
import type { TcpListenerOptions } from '../resolver/resolver-options.ts';
import { loadPlan } from './load-plan.ts';
import { METRICS_PORT, startMetrics } from './metrics.ts';
import { readMachineLimits } from './machine-limits.ts';
import { RecordPublisher } from './record-publisher.ts';
import { ResolverSupervisor } from './resolver-supervisor.ts';
import { type LogFunction, logWarnings, type ServerOptions } from './server-options.ts';
import { planShards } from './shard-plan.ts';
import { ShardSupervisor } from './shard-supervisor.ts';
import { planTcpLimits, readDescriptorLimit } from './tcp-limits.ts';

/** Octets of the key of DNS cookies. */
const COOKIE_SECRET_SIZE = 16;
/** One event loop has all of TCP: it costs little, and shards are to have the CPUs. */
const RESOLVER_COUNT = 1;
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
  /** End in order: manifests, TCP when it is drained, shards and their sockets, metrics. */
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
  const plan = await loadPlan(options);
  for (const warning of plan.warnings) log('warn', warning);
  const machineLimits = readMachineLimits();
  const shardPlan = planShards(machineLimits, hasSharedPorts(transport) ? options.shards : 1);

  const buffer = reserveSharedBuffer();
  const counterBuffer = createCounterBuffer(shardPlan.count + RESOLVER_COUNT, plan.scopes.length);
  const tcpCells = createTcpCells(RESOLVER_COUNT);
  const libc = transport === 'mmsg' ? loadLibc() : undefined;
  const builder = new SnapshotBuilder(buffer, {
    ...(libc !== undefined && { onChunkFree: (offset, size) => discardPages(libc, buffer, offset, size) }),
  });
  const counters = new MainCounters();
  const publisher = new RecordPublisher({
    builder,
    records: plan.records,
    config: plan.config,
    counters,
    log,
  });
  const workData: AnswerWorkData = {
    buffer,
    counterBuffer,
    scopeCount: plan.scopes.length,
    cookieSecret: options.cookieSecret ?? randomBytes(COOKIE_SECRET_SIZE),
  };
  const supervisor = new ShardSupervisor({
    transport,
    plan: shardPlan,
    listeners: plan.addresses,
    workModule: new URL(
      import.meta.url.endsWith('.ts') ? '../shard/answer-work.ts' : '../shard/answer-work.js',
      import.meta.url,
    ).href,
    workData,
    claimReaderSlot: (shard) => claimReaderSlot(builder, shard),
    onShardGone: (slot) => builder.epochs.releaseSlot(slot),
    log,
  });
  const resolvers = new ResolverSupervisor({
    count: RESOLVER_COUNT,
    resolver: {
      ...workData,
      counterRegion: shardPlan.count,
      tcpCells,
      limits: planTcpLimits(machineLimits.memoryLimit, readDescriptorLimit(), RESOLVER_COUNT),
    },
    claimReaderSlot: (resolver) => claimReaderSlot(builder, shardPlan.count + resolver),
    onResolverGone: (slot) => builder.epochs.releaseSlot(slot),
    onPanic: () => counters.panics++,
    log,
  });
  const source =
    options.manifests.length === 0
      ? undefined
      : createSource(options.manifests, plan.labels, { publisher, counters, log, fail });
  const watch = setInterval(
    () => watchReaders(builder, shardPlan.count, supervisor, resolvers, log),
    WATCH_INTERVAL_MS,
  ).unref();
  let metrics: MetricsServer | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(watch);
    source?.close();
    publisher.close();
    const cutCount = await resolvers.stop();
    if (cutCount > 0) log('warn', `${cutCount} TCP connections were closed with something still to come`);
    await supervisor.stop();
    await metrics?.close();
  };
  try {
    // The threads start while the manifests are read; they take no query before the first snapshot is there.
    const shardsStart = supervisor.start();
    // TCP takes the ports that UDP has got.
    const tcpListeners = shardsStart.then(() => supervisor.listeners.map(toTcpListener));
    const [load] = await Promise.all([
      loadAndPublish(source, publisher, counters, log),
      shardsStart,
      resolvers.start(tcpListeners),
    ]);
    metrics = await startMetrics({
      version: readVersion(),
      counterBuffer,
      scopes: plan.scopes,
      counters,
      builder,
      publisher,
      supervisor,
      shardCount: shardPlan.count,
      tcpCells,
      droppedLogLines,
      log,
    });
    setTimeout(() => shrinkHeap(libc), SHRINK_AFTER_MS).unref();
    const { nameCount } = publisher.statistics;
    const startLines = [
      load === undefined
        ? 'no manifests: names that depend on Kubernetes objects are answered with SERVFAIL'
        : `serving ${nameCount} names of ${load.objectCount} objects from ${load.files.length} manifests`,
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
function createSource(
  paths: readonly string[],
  labels: string | undefined,
  { publisher, counters, log, fail }: ManifestTarget,
): ManifestSource {
  return new ManifestSource({
    paths,
    ...(labels !== undefined && { decode: { labels: parseLabelSelector(labels) } }),
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

/** @returns undefined if there is no source of objects: what is published then is what depends on none */
async function loadAndPublish(
  source: ManifestSource | undefined,
  publisher: RecordPublisher,
  counters: MainCounters,
  log: LogFunction,
): Promise<ManifestLoad | undefined> {
  if (source === undefined) {
    publisher.publishStart();
    return undefined;
  }
  const load = await source.start();
  logWarnings(load, log);
  await publisher.load(load.changes);
  counters.manifestReloadSuccessSeconds = Date.now() / 1000;
  return load;
}

function toTcpListener({ listener, address, port, isV6Only }: ShardListener): TcpListenerOptions {
  return { listener, address, port, isV6Only, timeouts: DEFAULT_TCP_TIMEOUTS };
}

/** @param reader  index of the shard, or the number of shards plus that of the resolver */
function claimReaderSlot(builder: SnapshotBuilder, reader: number): number {
  const slot = builder.epochs.claimSlot(reader + 1);
  assert(slot >= 0, 'more readers than reader slots');
  return slot;
}

/** Replace a thread that holds a snapshot and does not move; take back what no reader holds any more. */
function watchReaders(
  builder: SnapshotBuilder,
  shardCount: number,
  shards: ShardSupervisor,
  resolvers: ResolverSupervisor,
  log: LogFunction,
): void {
  builder.epochs.reclaim();
  for (const { owner, stalledMs } of builder.epochs.stalledReaders(performance.now())) {
    const isShard = owner <= shardCount;
    const index = isShard ? owner - 1 : owner - 1 - shardCount;
    const name = `${isShard ? 'shard' : 'resolver'} ${index}`;
    log('error', `${name} has not moved for ${Math.round(stalledMs)} ms and is replaced`);
    void (isShard ? shards : resolvers).replace(index);
  }
}
