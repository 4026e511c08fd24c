/**
 * The server: the only place that wires the parts.
 *
 *   API server or manifests, hosts files ─► RecordPublisher (cluster state, records, snapshot) ─► shared buffer ─► shards and resolvers
 *                                        counters, query events ─► metrics, log, errors · health, ready
 */
import { randomBytes } from 'node:crypto';
import { readVersion } from '../base/version.ts';
import { GracePeriod } from '../memory/grace-period.ts';
import { reserveSharedBuffer } from '../memory/shared-buffer.ts';
import { loadLibc, nativeUnavailableReason } from '../native/libc.ts';
import { boundGarbage } from '../native/v8-flags.ts';
import { discardPages } from '../native/process-memory.ts';
import { createCounterBuffer } from '../observability/counters/counter-layout.ts';
import type { LogFunction } from '../observability/log.ts';
import type { LineFormat, WriteLine } from '../observability/queries/plugin-line.ts';
import { MainCounters } from '../observability/counters/server-metrics.ts';
import { createCacheBuffer } from '../cache/cache-layout.ts';
import { cacheFamilies } from '../cache/cache-metrics.ts';
import { CacheProfileTable } from '../cache/cache-profiles.ts';
import { createForwardBuffer } from '../forward/forward-buffer.ts';
import { ForwardGroupTable } from '../forward/group-table.ts';
import { ForwardMetrics } from '../forward/counts/forward-metrics.ts';
import { createHandoffBuffer } from '../forward/handoff-ring.ts';
import { LoopWatch } from '../forward/loop-search.ts';
import { HttpResponses } from '../observability/counters/http-responses.ts';
import { createTcpCells } from '../observability/counters/tcp-metrics.ts';
import type { Transport } from '../shard/shard-options.ts';
import { SnapshotBuilder } from '../snapshot/builder.ts';
import { AnsweringThreads, RESOLVER_COUNT } from './threads/answering-threads.ts';
import { planCacheSize } from './compile/cache-plan.ts';
import { loadPlan, loadWithGroups } from './configuration/load-plan.ts';
import { BlockServices } from './block-services.ts';
import type { ClusterFeeds } from './objects/cluster-feeds.ts';
import { ConfigReloader } from './configuration/config-reloader.ts';
import { hostsMetrics } from './hosts/hosts-source.ts';
import { HostsTable } from './hosts/hosts-table.ts';
import type { MetricScope } from '../observability/counters/shard-counters.ts';
import { createServerMetrics } from './metrics.ts';
import { readMachineLimits } from './threads/machine-limits.ts';
import { MemoryRelief } from './memory-relief.ts';
import { ObjectFeeds } from './objects/object-feeds.ts';
import { RecordPublisher } from './objects/record-publisher.ts';
import type { RunningListener } from './configuration/listener-table.ts';
import type { ServerOptions } from './server-options.ts';
import type { ObjectSelection, ServerPlan } from './configuration/server-plan.ts';
import type { DatasetBuilder } from '../snapshot/dataset-builder.ts';
import { Secondaries } from './zones/secondaries.ts';
import { OwnNames } from './configuration/own-names.ts';
import { UpstreamHosts } from './configuration/upstream-hosts.ts';
import { WeightFiles } from './configuration/weight-files.ts';
import { ZoneDirectories } from './configuration/zone-directories.ts';
import { ZoneTable } from './zones/zone-table.ts';
import { planShards } from './threads/shard-plan.ts';

/** Octets of the key of DNS cookies. */
const COOKIE_SECRET_SIZE = 16;
/** What is not listed so long after the start of the first thread is much, ms. */
const MUCH_LISTED_MS = 250;
/** CPUs with which the other threads start then: with fewer they would take them from who lists. */
const MANY_CPUS = 4;
/** How often main looks whether the first lists are complete. */
const YIELD_LOOK_MS = 250;
/** How soon a forwarding loop is told. */
const LOOP_WATCH_INTERVAL_MS = 500;
/** Zones that reloads may serve beside those of the start. */
const RELOAD_SCOPES_MAX = 64;
/** How long threads wait for the first snapshot beyond `startup_timeout`, ms: as long as main may take for it. */
const FIRST_SNAPSHOT_MAX_MS = 10_000;

export interface RunningServer {
  readonly listeners: readonly Pick<RunningListener, 'address' | 'port' | 'scheme'>[];
  /** where the metrics are */
  readonly metricsUrls: readonly string[];
  /** what was decided and loaded, for who started it */
  readonly startLines: readonly string[];
  /** rejects with the bug that ends the server; never resolves */
  readonly failed: Promise<never>;
  /** Look whether the Corefile says something else. */
  reload(): Promise<void>;
  /**
   * End in order: readiness, then after `lameduck` the sources, TCP when it is drained, the shards and their sockets, probes
   * and metrics.
   *
   * @param hurry  ends the wait of `lameduck`
   */
  stop(hurry?: AbortSignal): Promise<void>;
}

/** Where a server says what happens. */
export interface ServerOutput {
  readonly log: LogFunction;
  /** for the lines of `log` and `errors` */
  readonly writeLine: WriteLine;
  readonly lineFormat: LineFormat;
  readonly droppedLogLines: () => number;
}

/** Closes what was opened, the last first; whoever starts something adds how it ends. */
type Closers = (() => Promise<void> | void)[];

/**
 * Load the configuration, wait for the objects of the cluster, publish the first snapshot and start the threads.
 *
 * @param stopRequest  ends the wait: who gets the server stops it
 * @throws SkyshardError what keeps it from starting; nothing is left running then
 */
export async function startServer(
  options: ServerOptions,
  output: ServerOutput,
  stopRequest?: AbortSignal,
): Promise<RunningServer> {
  const closers: Closers = [];
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    return await assemble(options, output, closers, close, stopRequest);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  options: ServerOptions,
  output: ServerOutput,
  closers: Closers,
  close: () => Promise<void>,
  stopRequest: AbortSignal | undefined,
): Promise<RunningServer> {
  const { log } = output;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const transport = chooseTransport(options.transport, log);
  const machineLimits = readMachineLimits();
  const shardPlan = planShards(machineLimits, hasSharedPorts(transport) ? options.shards : 1);
  const threadCount = shardPlan.count + RESOLVER_COUNT;
  const forwardBuffer = createForwardBuffer(threadCount);
  const forwardGroups = new ForwardGroupTable(forwardBuffer);
  closers.push(() => forwardGroups.close());
  const upstreamHosts = new UpstreamHosts(log);
  closers.push(() => upstreamHosts.close());
  const weightFiles = new WeightFiles(log);
  closers.push(() => weightFiles.close());
  const zoneDirectories = new ZoneDirectories(log);
  closers.push(() => zoneDirectories.close());
  const secondaries = new Secondaries(log);
  closers.push(() => secondaries.close());
  const cacheProfiles = new CacheProfileTable();
  const load = (): Promise<ServerPlan> =>
    loadWithGroups(forwardGroups, (numberOfGroup) =>
      loadPlan(
        options,
        numberOfGroup,
        (profile) => cacheProfiles.indexOf(profile),
        upstreamHosts,
        weightFiles,
        zoneDirectories,
        secondaries.catalogs,
      ),
    );
  const plan = await load();
  if (options.manifests.length === 0 && plan.records.some(({ selection }) => mayUseTls(selection))) {
    // Certificates that Node brings along are read by a thread of their own as soon as this is loaded: it takes as long as the rest here.
    await import('node:tls');
  }
  const { memoryLimit = Infinity } = machineLimits;
  const cacheBuffer = createCacheBuffer(planCacheSize(cacheProfiles.capacity, threadCount, memoryLimit));
  cacheProfiles.attach(cacheBuffer);
  const dnsmasq = options.companion && (await import('../forward/counts/dnsmasq-counters.ts'));
  const dnsmasqBoard = dnsmasq?.createDnsmasqBoard(options.companion!.cacheSize, plan.forwardGroups.numbers);
  for (const warning of plan.warnings) log('warn', warning);

  const buffer = reserveSharedBuffer();
  forwardGroups.grace = new GracePeriod(buffer, -1);
  const libc = transport === 'mmsg' ? loadLibc() : undefined;
  const builder = new SnapshotBuilder(buffer, {
    ...(libc !== undefined && { onChunkFree: (offset, size) => discardPages(libc, buffer, offset, size) }),
  });
  const counters = new MainCounters();
  // A reload may serve other zones, which are counted apart.
  const scopes: MetricScope[] = [...plan.scopes];
  const scopeMax = scopes.length + RELOAD_SCOPES_MAX;
  const counterBuffer = createCounterBuffer(threadCount, scopeMax);
  const tcpCells = createTcpCells(RESOLVER_COUNT);
  const { datasetCount, config } = plan;
  const publisher = new RecordPublisher({ builder, datasetCount, config, counters, log, fail });
  closers.push(() => publisher.close());
  const ownNames = new OwnNames(buffer, publisher);
  upstreamHosts.serveOwn((host) => ownNames.addressesOf(host));
  const { feeds, families: feedFamilies } = createFeeds(options, { publisher, counters, log, fail });
  closers.push(() => feeds.close());
  stopRequest?.addEventListener('abort', () => feeds.stopWaiting(), { once: true });
  const services = new BlockServices(plan.services, {
    ...output,
    threadCount,
    addresses: new Map(plan.addresses.map(({ listener, address }) => [listener, address])),
    isSynced: (dataset) => builder.dataset(dataset).isSynced,
    serialOf: (dataset, kind) => builder.dataset(dataset).serialOf(kind),
    onNotified: (zone, primary) => secondaries.notify(zone, primary),
    mayMove: options.corefile === undefined && options.makeCorefile === undefined,
  });
  closers.push(() => services.close());
  const httpResponses = new HttpResponses();
  const threads = new AnsweringThreads({
    transport,
    shardPlan,
    addresses: plan.addresses,
    workData: {
      buffer,
      counterBuffer,
      scopeCount: scopeMax,
      firstSnapshotMaxMs: FIRST_SNAPSHOT_MAX_MS + Math.max(0, ...plan.records.map((record) => record.startupTimeoutMs)),
      cookieSecret: options.cookieSecret ?? randomBytes(COOKIE_SECRET_SIZE),
      eventBuffer: services.eventBuffer,
      forwardBuffer,
      dnsmasqBoard,
      // Shards with an event loop have no use for it.
      ...(transport === 'mmsg' && { handoffBuffer: createHandoffBuffer(shardPlan.count) }),
      cacheBuffer,
    },
    tcpCells,
    machineLimits,
    builder,
    onHttpResponses: (counts) => httpResponses.add(counts),
    onPanic: (error) => {
      counters.panics++;
      const text = services.plan.hasStacktrace ? error.stack : error.message;
      log('error', `Recovered from panic in server: ${text ?? error.message}`);
    },
    log,
  });
  const { hosts, writeNames } = await openHosts(plan, builder, publisher, log);
  closers.push(() => hosts.close());
  const zones = await openZones(plan, builder, publisher, log);
  closers.push(() => zones.close());
  const datasetOf = (dataset: number): DatasetBuilder => builder.dataset(dataset);
  const secondaryParts = { publisher, datasetOf };
  const planned = plan.secondaries.map(({ dataset }) => dataset);
  const transferred = await secondaries.prepare(plan.secondaries, secondaryParts, new Map(), () => planned.shift()!);
  const reloader = new ConfigReloader({
    load,
    plan,
    scopes,
    scopeMax,
    publisher,
    feeds,
    hosts,
    zones,
    secondaries,
    datasetOf,
    services,
    threads,
    log,
    onApplied: ({ forwardGroups: served }) => dnsmasq?.setBoardGroups(dnsmasqBoard!, served.numbers),
  });
  const metrics = createServerMetrics({
    version: readVersion(),
    counterBuffer,
    scopes,
    enabledPlugins: () => reloader.enabledPlugins,
    counters,
    builder,
    publisher,
    shards: threads.shards,
    resolverRestarts: () => threads.resolverRestarts,
    shardCount: shardPlan.count,
    tcpCells,
    droppedLogLines: output.droppedLogLines,
    families: [
      ...new ForwardMetrics(forwardBuffer, forwardGroups).families(),
      ...cacheFamilies(cacheBuffer, cacheProfiles),
      httpResponses.family(),
      ...services.families(),
      ...reloader.families(),
      ...hostsMetrics(() => hosts.sources),
      ...secondaries.families(),
    ],
    laterFamilies: () => [...feedFamilies(), ...(companion?.families ?? [])],
  });
  closers.push(() => metrics.stop());
  const numbers =
    dnsmasq && new dnsmasq.DnsmasqCounters({ board: dnsmasqBoard!, counterBuffer, cacheBuffer, forwardBuffer });
  const companion = options.companion?.open({
    page: metrics.page,
    collector: metrics.collector,
    scopes,
    numbers: () => numbers!.numbers(),
    isSynced: () => feeds.isSynced,
    snapshot: buffer,
    clusterDatasets: plan.records.map(({ dataset }) => dataset),
    log,
    fail,
    reload: () => reloader.reload(),
  });
  closers.push(() => companion?.close());
  const loopTimer = watchLoops(new LoopWatch(forwardBuffer, forwardGroups), log);
  closers.push(() => clearInterval(loopTimer));
  closers.push(() => threads.stop());
  const relief = new MemoryRelief({ libc, isListing: () => feeds.isListing });
  closers.push(() => relief.stop());
  // The first thread starts while objects are listed; it takes no query before the first snapshot is there.
  const publishFirst = feeds.start(plan.records).then(() => publisher.start(writeNames));
  // What is not needed for the first answer waits for it, but not while objects are listed for long.
  const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
  const goOnTimer = setTimeout(() => {
    // What waits for collection counts for more than how soon the other threads are there.
    boundGarbage();
    relief.start();
    if (Math.min(machineLimits.cpus.length, machineLimits.cpuQuota ?? Infinity) >= MANY_CPUS) goOn();
  }, MUCH_LISTED_MS).unref();
  closers.push(() => clearTimeout(goOnTimer));
  const onFirst = (): void => {
    clearTimeout(goOnTimer);
    goOn();
  };
  const onLoaded = (): void => {
    boundGarbage();
    relief.start();
    relief.releaseCode();
  };
  const startThreads = threads.start({ onFirst, mayGoOn, onLoaded });
  await Promise.all([publishFirst, startThreads, services.start(metrics.page), companion?.start()]);
  metrics.start();
  reloader.start();
  upstreamHosts.start(() => void reloader.reload());
  publisher.onPublished = () => upstreamHosts.lookAtOwn();
  weightFiles.start(() => void reloader.reload());
  zoneDirectories.start(() => void reloader.reload());
  secondaries.catalogs.start(() => void reloader.reload());
  transferred.commit();
  const yieldTimer = yieldWhenListed(feeds, () => threads.shards.yieldToShards());
  closers.push(() => clearInterval(yieldTimer));
  companion?.serve();
  return {
    listeners: threads.listeners,
    metricsUrls: services.metricsUrls,
    startLines: [...feeds.describe(), `${shardPlan.reason}; transport ${transport}`, ...services.movedLines],
    failed,
    reload: () => reloader.reload(),
    stop: async (hurry = AbortSignal.abort()) => {
      companion?.stopReady();
      await services.drain(hurry);
      // A reload that waits for room ends.
      forwardGroups.close();
      await reloader.close();
      await close();
    },
  };
}

/** The names of `hosts` directives, which `writeNames` puts into the first snapshot. */
async function openHosts(
  plan: ServerPlan,
  builder: SnapshotBuilder,
  publisher: RecordPublisher,
  log: LogFunction,
): Promise<{ readonly hosts: HostsTable; readonly writeNames: () => void }> {
  const hosts = new HostsTable((dataset) => builder.dataset(dataset), publisher, log);
  // At start each directive has the dataset that the plan names.
  const datasets = plan.hosts.map(({ dataset }) => dataset);
  const change = await hosts.prepare(plan.hosts, new Map(), () => datasets.shift()!);
  const writeNames = (): void => {
    change.write();
    change.commit();
  };
  return { hosts, writeNames };
}

/** The zones of files: they are visible with the first snapshot. @throws SkyshardError CONFIG_ARGUMENT: one is no zone */
async function openZones(
  plan: ServerPlan,
  builder: SnapshotBuilder,
  publisher: RecordPublisher,
  log: LogFunction,
): Promise<ZoneTable> {
  const zones = new ZoneTable((dataset) => builder.dataset(dataset), publisher, log);
  const datasets = plan.zones.map(({ dataset }) => dataset);
  const change = await zones.prepare(plan.zones, new Map(), () => datasets.shift()!);
  change.commit();
  return zones;
}

interface FeedParts {
  readonly publisher: RecordPublisher;
  readonly counters: MainCounters;
  readonly log: LogFunction;
  readonly fail: (error: unknown) => void;
}

/** Where objects come from; what talks to an API server is loaded with the first feed that needs it. */
function createFeeds({ manifests, kubeconfig }: ServerOptions, { fail, ...parts }: FeedParts) {
  let clusters: ClusterFeeds | undefined;
  const feeds = new ObjectFeeds({
    ...parts,
    manifests,
    openCluster: async (...asked) => {
      const { ClusterFeeds } = await import('./objects/cluster-feeds.ts');
      clusters ??= new ClusterFeeds({ kubeconfig, log: parts.log, fail }, () => feeds.feeds);
      return clusters.open(...asked);
    },
  });
  return { feeds, families: () => clusters?.families() ?? [] };
}

/** Whether its API server is asked over TLS, as far as that is known without a look at files. */
function mayUseTls({ api: { endpoint, kubeconfig } }: ObjectSelection): boolean {
  return endpoint === null || kubeconfig !== null || endpoint.startsWith('https:');
}

/** While the first lists are not there nobody else has much to do: main gives way to the shards from then on. */
function yieldWhenListed(feeds: ObjectFeeds, yieldToShards: () => void): NodeJS.Timeout | undefined {
  if (feeds.isSynced) {
    yieldToShards();
    return undefined;
  }
  const timer = setInterval(() => {
    if (!feeds.isSynced) return;
    clearInterval(timer);
    yieldToShards();
  }, YIELD_LOOK_MS).unref();
  return timer;
}

/** Tell the operator of forwarding loops that were found, and of those that are gone. */
function watchLoops(watch: LoopWatch, log: LogFunction): NodeJS.Timeout {
  return setInterval(() => {
    for (const { isFound, text } of watch.changes()) log(isFound ? 'error' : 'info', text);
  }, LOOP_WATCH_INTERVAL_MS).unref();
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
