/**
 * All sources of objects of the running configuration. Instances that look at the same API server with the same selectors
 * share one; a reload keeps those whose blocks say what they said before.
 */
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { MainCounters } from '../../observability/counters/server-metrics.ts';
import type { ObjectFeed } from './object-feed.ts';
import type { RecordPublisher } from './record-publisher.ts';
import type { RecordSource } from './record-source.ts';
import type { ObjectSelection, RecordPlan } from '../configuration/server-plan.ts';

/** When the log says first that the start waits, and how often after that, ms. */
const WAIT_LOG_MS = 500;
const WAIT_LOG_AGAIN_MS = 5_000;

export interface ObjectFeedsOptions {
  readonly publisher: RecordPublisher;
  /** manifest files and folders, which take the place of the API server; empty: there are none */
  readonly manifests: readonly string[];
  readonly counters: MainCounters;
  /** @throws SkyshardError API_ACCESS if it is not known where the API server is, or what it is to be told */
  readonly openCluster: (selection: ObjectSelection, timeoutMs: number, sink: RecordSource) => Promise<ObjectFeed>;
  readonly log: LogFunction;
}

/** A block's instance, as it runs: `plan` is what the block says, with the numbers of the running server. */
interface Entry {
  readonly plan: RecordPlan;
  readonly feed: ObjectFeed;
}

/** Feeds of another configuration, ready to be served. */
export interface FeedsChange {
  /** its configuration is served */
  commit(): Promise<void>;
  /** it is not going to be */
  revert(): Promise<void>;
}

export class ObjectFeeds {
  readonly #options: ObjectFeedsOptions;
  #entries: readonly Entry[] = [];
  /** those of the running configuration, and those that are to be */
  readonly #feeds = new Set<ObjectFeed>();
  readonly #stop = Promise.withResolvers<void>();
  #isStopped = false;

  constructor(options: ObjectFeedsOptions) {
    this.#options = options;
  }

  get feeds(): Iterable<ObjectFeed> {
    return this.#feeds;
  }

  /** Whether all kinds of objects of all feeds are listed. */
  get isSynced(): boolean {
    return [...this.#feeds].every(({ sink }) => sink.isSynced);
  }

  /** Whether a list of a feed has begun and not ended. */
  get isListing(): boolean {
    return [...this.#feeds].some(({ sink }) => sink.isListing);
  }

  /** For who started the server: where its names come from. */
  describe(): readonly string[] {
    const { nameCount } = this.#options.publisher.statistics;
    return [...this.#feeds].map((feed) => feed.describe(nameCount));
  }

  /**
   * Open what the first configuration needs, and wait until all is listed, or as long as `startup_timeout` says.
   *
   * @throws SkyshardError MANIFEST_*, API_ACCESS
   */
  async start(plans: readonly RecordPlan[]): Promise<void> {
    this.#entries = await this.#open(plans);
    if ((await this.#waitForLists(this.#feeds)) || this.#isStopped) return;
    this.#options.log('warn', 'plugin/kubernetes: starting server with unsynced Kubernetes API');
  }

  /**
   * Open what another configuration needs beside what there is, and wait until that is listed.
   *
   * @param datasetOf  told which dataset of the running server stands for which of the plans'
   * @throws SkyshardError what keeps a source from being listed; nothing has changed then
   */
  async prepare(plans: readonly RecordPlan[], datasetOf: Map<number, number>): Promise<FeedsChange> {
    const { publisher } = this.#options;
    const free = [...this.#entries];
    const kept: Entry[] = [];
    const wanted: RecordPlan[] = [];
    for (const plan of plans) {
      const index = free.findIndex((entry) => isSameInstance(entry.plan, plan));
      const entry = index < 0 ? undefined : free.splice(index, 1)[0];
      const dataset = entry?.plan.dataset ?? publisher.takeDataset();
      datasetOf.set(plan.dataset, dataset);
      if (entry === undefined) wanted.push({ ...plan, dataset });
      else kept.push(entry);
    }
    const before = new Set(this.#feeds);
    const revert = (): Promise<void> => this.#closeAll([...this.#feeds].filter((feed) => !before.has(feed)));
    let opened: readonly Entry[];
    try {
      opened = await this.#open(wanted);
      const feeds = new Set(opened.map(({ feed }) => feed));
      if (!(await this.#waitForLists(feeds))) throw missingFault(feeds);
    } catch (error) {
      await revert();
      throw error;
    }
    return {
      revert,
      commit: async () => {
        this.#entries = [...kept, ...opened];
        const used = new Set(this.#entries.map(({ feed }) => feed));
        for (const feed of this.#feeds) if (!used.has(feed)) await this.#close(feed);
      },
    };
  }

  /** Whoever waits for lists goes on without them: the server is to stop. */
  stopWaiting(): void {
    this.#isStopped = true;
    this.#stop.resolve();
  }

  async close(): Promise<void> {
    for (const feed of this.#feeds) await this.#close(feed);
  }

  async #open(plans: readonly RecordPlan[]): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    const opened: ObjectFeed[] = [];
    const groups = [...Map.groupBy(plans, (plan) => this.#keyOf(plan.selection)).values()];
    for (const [index, members] of groups.entries()) {
      const feed = await this.#openFeed(members).catch((error: unknown) => {
        // They have no source yet, with which these would be dropped.
        const unfed = groups.slice(index + 1).flat();
        this.#options.publisher.giveBack(unfed.map(({ dataset }) => dataset));
        throw error;
      });
      this.#feeds.add(feed);
      opened.push(feed);
      for (const plan of members) entries.push({ plan, feed });
    }
    await Promise.all(opened.map((feed) => feed.start()));
    return entries;
  }

  /** Each kind of feed is loaded when there is one: a server in a cluster reads no YAML. */
  async #openFeed(plans: readonly RecordPlan[]): Promise<ObjectFeed> {
    const { publisher, openCluster, manifests, counters, log } = this.#options;
    const { selection } = plans[0]!;
    const sink = publisher.addSource(selection.kinds, plans);
    if (manifests.length === 0) {
      try {
        return await openCluster(selection, Math.max(...plans.map(({ startupTimeoutMs }) => startupTimeoutMs)), sink);
      } catch (error) {
        // Each reload would leave one more behind.
        sink.close();
        await publisher.dropSource(sink);
        throw error;
      }
    }
    const { ManifestFeed } = await import('./manifest-feed.ts');
    return new ManifestFeed({ paths: manifests, labels: selection.labels, counters, log }, sink);
  }

  /** Manifests are the same for all who select the same labels. */
  #keyOf({ api, ...objects }: ObjectSelection): string {
    return JSON.stringify(this.#options.manifests.length > 0 ? objects.labels : [api, objects]);
  }

  /** @returns whether every kind was listed in time */
  async #waitForLists(feeds: ReadonlySet<ObjectFeed>): Promise<boolean> {
    const missing = [...feeds].filter(({ sink }) => !sink.isSynced);
    if (missing.length === 0) return true;
    const timeoutMs = Math.max(...missing.map((feed) => feed.timeoutMs));
    const { promise: isTimeUp, resolve: end } = Promise.withResolvers<void>();
    const timer = setTimeout(end, timeoutMs);
    const sayLater = (delayMs: number): NodeJS.Timeout =>
      setTimeout(() => {
        this.#options.log('info', 'plugin/kubernetes: waiting for Kubernetes API before starting server');
        logTimer = sayLater(WAIT_LOG_AGAIN_MS);
      }, delayMs);
    let logTimer = sayLater(WAIT_LOG_MS);
    await Promise.race([Promise.all(missing.map(({ sink }) => sink.synced)), isTimeUp, this.#stop.promise]);
    clearTimeout(timer);
    clearTimeout(logTimer);
    return missing.every(({ sink }) => sink.isSynced);
  }

  async #closeAll(feeds: readonly ObjectFeed[]): Promise<void> {
    for (const feed of feeds) {
      await this.#close(feed);
      await this.#options.publisher.dropSource(feed.sink);
    }
  }

  async #close(feed: ObjectFeed): Promise<void> {
    this.#feeds.delete(feed);
    feed.sink.close();
    await feed.close();
  }
}

/** Whether the running instance has the names that a block asks for now: the TTL is not its own. */
function isSameInstance(running: RecordPlan, wanted: RecordPlan): boolean {
  const textOf = ({ selection, options }: RecordPlan): string =>
    JSON.stringify([selection, { ...options, ttlSeconds: undefined }]);
  return textOf(running) === textOf(wanted);
}

/** Why the names of some feeds cannot be told. */
function missingFault(feeds: ReadonlySet<ObjectFeed>): SkyshardError {
  const missing = [...feeds].filter(({ sink }) => !sink.isSynced);
  const known = missing.find(({ fault }) => fault !== undefined)?.fault;
  if (known instanceof SkyshardError) return known;
  return new SkyshardError('API_UNREACHABLE', 'the API server has not been listed within startup_timeout');
}
