/** The API servers that names come from: how they are reached, and what they and their objects are like in figures. */
import { ApiMetrics } from '../../apiserver/api-metrics.ts';
import type { ObjectKind } from '../../kubernetes/object-sink.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { MetricFamily } from '../../observability/counters/metric-family.ts';
import { ProgrammingLatency } from '../../observability/counters/programming-latency.ts';
import { ClusterFeed, staleMs } from './cluster-feed.ts';
import type { RecordSource } from './record-source.ts';
import type { ObjectSelection } from '../configuration/server-plan.ts';

export interface ClusterFeedsOptions {
  /** for blocks that do not say how the API server is reached; undefined: it is the one of the cluster around */
  readonly kubeconfig: { readonly file: string; readonly context: string | null } | undefined;
  readonly log: LogFunction;
  /** told of a bug, which ends the server */
  readonly fail: (error: unknown) => void;
}

export class ClusterFeeds {
  readonly #options: ClusterFeedsOptions;
  readonly #metrics = new ApiMetrics();
  readonly #latency = new ProgrammingLatency();
  readonly #feeds: () => Iterable<unknown>;

  /** @param feeds  those that are open now, others among them */
  constructor(options: ClusterFeedsOptions, feeds: () => Iterable<unknown>) {
    this.#options = options;
    this.#feeds = feeds;
  }

  /** @throws SkyshardError API_ACCESS */
  open(selection: ObjectSelection, timeoutMs: number, sink: RecordSource): Promise<ClusterFeed> {
    const { kubeconfig = null, log, fail } = this.#options;
    const { api } = selection;
    const isNamed = api.endpoint !== null || api.kubeconfig !== null;
    return ClusterFeed.open(
      {
        selection: isNamed ? selection : { ...selection, api: { ...api, kubeconfig } },
        timeoutMs,
        metrics: this.#metrics,
        latency: this.#latency,
        log,
        fail,
      },
      sink,
    );
  }

  families(): readonly MetricFamily[] {
    const statuses = () => this.#open().flatMap(({ status }) => status);
    return [
      ...this.#metrics.families(statuses),
      {
        name: 'skyshard_kubernetes_stale_seconds',
        type: 'gauge',
        help: 'For how long nothing has been heard of a kind of object whose names are served; 0 while it is watched.',
        labels: ['kind'],
        samples: () =>
          [...Map.groupBy(statuses(), ({ kind }) => kind)].map(([kind, group]) => ({
            labels: { kind },
            value: Math.max(...group.map(staleMs)) / 1000,
          })),
      },
      {
        name: 'skyshard_kubernetes_objects',
        type: 'gauge',
        help: 'Objects of a kind that names are made from.',
        labels: ['kind'],
        samples: () => {
          const counts = new Map<ObjectKind, number>();
          for (const { sink } of this.#open()) {
            for (const [kind, count] of sink.objectCounts()) counts.set(kind, (counts.get(kind) ?? 0) + count);
          }
          return [...counts].map(([kind, value]) => ({ labels: { kind }, value }));
        },
      },
      ...this.#latency.families(),
    ];
  }

  #open(): readonly ClusterFeed[] {
    return [...this.#feeds()].filter((feed) => feed instanceof ClusterFeed);
  }
}
