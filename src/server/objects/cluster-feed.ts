/** From an API server to the names of its cluster. What it said last is served for as long as it says nothing. */
import { openApiSource, type ApiSource } from '../../apiserver/api-source.ts';
import type { ApiMetrics } from '../../apiserver/api-metrics.ts';
import type { KindStatus } from '../../apiserver/reflector.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { ProgrammingLatency } from '../../observability/counters/programming-latency.ts';
import type { ObjectFeed } from './object-feed.ts';
import type { RecordSource } from './record-source.ts';
import type { ObjectSelection } from '../configuration/server-plan.ts';

/** What is not watched for so long is called old, ms. A watch that ends is begun again within moments. */
const STALE_AFTER_MS = 10_000;
const STALE_LOOK_MS = 1_000;

export interface ClusterFeedOptions {
  readonly selection: ObjectSelection;
  readonly timeoutMs: number;
  readonly metrics: ApiMetrics;
  readonly latency: ProgrammingLatency;
  readonly log: LogFunction;
  /** told of a bug, which ends the server */
  readonly fail: (error: unknown) => void;
}

export class ClusterFeed implements ObjectFeed {
  readonly sink: RecordSource;
  readonly timeoutMs: number;
  readonly #source: ApiSource;
  readonly #log: LogFunction;
  #timer: NodeJS.Timeout | undefined;
  /** since when something is not watched, by performance.now; undefined: all is */
  #unwatchedFromMs: number | undefined;
  #isStale = false;

  /** @throws SkyshardError API_ACCESS */
  static async open(options: ClusterFeedOptions, sink: RecordSource): Promise<ClusterFeed> {
    const { selection, metrics, log, fail } = options;
    const { api, kinds, labels = null, namespaceLabels = null } = selection;
    const source = await openApiSource({ api, kinds, labels, namespaceLabels, metrics, log, fail }, sink);
    return new ClusterFeed(options, source, sink);
  }

  private constructor({ timeoutMs, latency, log }: ClusterFeedOptions, source: ApiSource, sink: RecordSource) {
    this.sink = sink;
    this.timeoutMs = timeoutMs;
    this.#log = log;
    this.#source = source;
    sink.onApplied = (changes, isListed) => {
      const { state } = sink.instances[0]!.records;
      for (const change of changes) {
        if (change.op !== 'put' || change.object.kind !== 'EndpointSlice') continue;
        const { namespace, name, service, triggerTimeMs } = change.object;
        if (triggerTimeMs === 0 || !state.noteTriggerTime(namespace, name, triggerTimeMs)) continue;
        const type = state.typeOfService(namespace, service);
        if (type === undefined || type === 'ExternalName') continue;
        const kind = type === 'Headless' ? 'headless_with_selector' : 'cluster_ip';
        latency.observe(kind, (Date.now() - triggerTimeMs) / 1000, isListed);
      }
    };
  }

  get status(): readonly KindStatus[] {
    return this.#source.status;
  }

  get fault(): Error | undefined {
    return this.status.find(({ isSynced, error }) => !isSynced && error !== undefined)?.error;
  }

  start(): Promise<void> {
    this.#source.start();
    this.#timer = setInterval(() => this.#watchAge(), STALE_LOOK_MS).unref();
    return Promise.resolve();
  }

  describe(nameCount: number): string {
    if (this.sink.isSynced) return `serving ${nameCount} names of the objects of the API server`;
    return 'the API server has not been listed yet: names that depend on its objects are answered with SERVFAIL';
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    return this.#source.close();
  }

  /** An idle watch may have been silent for a minute when it ends: only how long it stays away tells something. */
  #watchAge(): void {
    const unwatched = this.status.filter(({ isSynced, isWatching }) => isSynced && !isWatching);
    if (unwatched.length === 0) {
      if (this.#isStale) {
        this.#log('info', 'plugin/kubernetes: the API server is watched again: what is served is up to date');
      }
      this.#isStale = false;
      this.#unwatchedFromMs = undefined;
      return;
    }
    this.#unwatchedFromMs ??= performance.now();
    if (this.#isStale || performance.now() - this.#unwatchedFromMs < STALE_AFTER_MS) return;
    this.#isStale = true;
    const since = new Date(Math.min(...unwatched.map(({ lastContactMs }) => lastContactMs))).toISOString();
    const kinds = unwatched.map(({ kind }) => kind).join(', ');
    this.#log(
      'warn',
      `plugin/kubernetes: the API server has not been heard of since ${since} (${kinds}): names are served as they were then`,
    );
  }
}

/** For how long nothing has been heard of a kind that is served; 0 while it is watched. */
export function staleMs({ isSynced, isWatching, lastContactMs }: KindStatus): number {
  return isSynced && !isWatching ? Math.max(0, Date.now() - lastContactMs) : 0;
}
