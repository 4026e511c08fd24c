/** Counters of the requests to the API server and of what became of the watches: they outlive the sources that count. */
import type { ObjectKind } from '../kubernetes/object-sink.ts';
import { histogramSamples, type MetricFamily, type Sample } from '../observability/counters/metric-family.ts';

/** Prometheus's default. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Why a watch ended. */
export type RestartReason = 'ended' | 'expired' | 'cut' | 'silent' | 'refused' | 'connect' | 'other';
/** Why there was another list; `reconcile`: its time had come. */
export type RelistReason = RestartReason | 'reconcile';

/** What the status of each source tells; of several sources of one kind the worst counts. */
export interface MeasuredStatus {
  readonly kind: ObjectKind;
  readonly isSynced: boolean;
  readonly isWatching: boolean;
  /** Unix time, 0: never */
  readonly lastContactMs: number;
}

export class ApiMetrics {
  readonly #requests = new LabelledCounter(['code', 'method', 'host']);
  readonly #durations = new LabelledHistogram(['verb', 'host']);
  readonly #limiterDurations = new LabelledHistogram(['verb', 'host']);
  readonly #restarts = new LabelledCounter(['kind', 'reason']);
  readonly #relists = new LabelledCounter(['kind', 'reason']);
  readonly #errors = new LabelledCounter(['kind', 'code']);
  readonly #events = new LabelledCounter(['kind']);
  readonly #faults = new LabelledCounter(['kind']);

  /** @param code  HTTP status, or `<error>` where no answer came */
  countRequest(code: number | '<error>', host: string): void {
    this.#requests.add([String(code), 'GET', host]);
  }

  observeRequest(seconds: number, host: string): void {
    this.#durations.observe(['GET', host], seconds);
  }

  observeLimiter(seconds: number, host: string): void {
    this.#limiterDurations.observe(['GET', host], seconds);
  }

  countRestart(kind: ObjectKind, reason: RestartReason): void {
    this.#restarts.add([kind, reason]);
  }

  countRelist(kind: ObjectKind, reason: RelistReason): void {
    this.#relists.add([kind, reason]);
  }

  countError(kind: ObjectKind, code: string): void {
    this.#errors.add([kind, code]);
  }

  countEvents(kind: ObjectKind, count: number): void {
    this.#events.add([kind], count);
  }

  countFault(kind: ObjectKind): void {
    this.#faults.add([kind]);
  }

  /** @param statuses  of all sources there are now */
  families(statuses: () => readonly MeasuredStatus[]): readonly MetricFamily[] {
    const gauge = (name: string, help: string, read: (status: MeasuredStatus) => number): MetricFamily => ({
      name,
      type: 'gauge',
      help,
      labels: ['kind'],
      samples: () => lowestByKind(statuses(), read),
    });
    const counter = (name: string, help: string, counted: LabelledCounter): MetricFamily => ({
      name,
      type: 'counter',
      help,
      labels: counted.labels,
      samples: () => counted.samples(),
    });
    const histogram = (name: string, help: string, observed: LabelledHistogram): MetricFamily => ({
      name,
      type: 'histogram',
      help,
      labels: observed.labels,
      samples: () => observed.samples(),
    });
    return [
      counter('coredns_kubernetes_rest_client_requests_total', 'Requests to the API server.', this.#requests),
      histogram(
        'coredns_kubernetes_rest_client_request_duration_seconds',
        'Time from a list request to the end of its response.',
        this.#durations,
      ),
      histogram(
        'coredns_kubernetes_rest_client_rate_limiter_duration_seconds',
        'Time that list requests waited because of apiserver_qps.',
        this.#limiterDurations,
      ),
      gauge('skyshard_kubernetes_synced', '1 once the first list of a kind is complete.', (status) =>
        Number(status.isSynced),
      ),
      gauge('skyshard_kubernetes_watching', '1 while a watch of a kind is open.', (status) =>
        Number(status.isWatching),
      ),
      gauge(
        'skyshard_kubernetes_last_event_timestamp_seconds',
        'When the API server last sent something of a kind, bookmarks too; 0: never.',
        (status) => status.lastContactMs / 1000,
      ),
      counter('skyshard_kubernetes_events_total', 'Changes received of a kind, those of lists too.', this.#events),
      counter('skyshard_kubernetes_relists_total', 'Lists of a kind that were begun after the first.', this.#relists),
      counter('skyshard_kubernetes_watch_restarts_total', 'Watches of a kind that ended.', this.#restarts),
      counter('skyshard_kubernetes_errors_total', 'Requests for a kind that failed, by error code.', this.#errors),
      counter(
        'skyshard_kubernetes_object_faults_total',
        'Objects of a kind that could not be decoded and are left out, or addresses of them.',
        this.#faults,
      ),
    ];
  }
}

function* lowestByKind(
  statuses: readonly MeasuredStatus[],
  read: (status: MeasuredStatus) => number,
): Generator<Sample> {
  for (const [kind, group] of Map.groupBy(statuses, (status) => status.kind)) {
    yield { labels: { kind }, value: Math.min(...group.map(read)) };
  }
}

/** Series are born with their first value; label values are told apart by a sign no label has. */
class LabelledCounter {
  readonly labels: readonly string[];
  readonly #values = new Map<string, number>();

  constructor(labels: readonly string[]) {
    this.labels = labels;
  }

  add(values: readonly string[], count = 1): void {
    const key = values.join('\0');
    this.#values.set(key, (this.#values.get(key) ?? 0) + count);
  }

  *samples(): Generator<Sample> {
    for (const [key, value] of this.#values) yield { labels: named(this.labels, key), value };
  }
}

class LabelledHistogram {
  readonly labels: readonly string[];
  readonly #series = new Map<string, { readonly counts: number[]; sum: number }>();

  constructor(labels: readonly string[]) {
    this.labels = labels;
  }

  observe(values: readonly string[], seconds: number): void {
    const key = values.join('\0');
    const series = this.#series.get(key) ?? { counts: Array.from({ length: BOUNDS.length + 1 }, () => 0), sum: 0 };
    this.#series.set(key, series);
    const index = BOUNDS.findIndex((bound) => seconds <= bound);
    series.counts[index < 0 ? BOUNDS.length : index]!++;
    series.sum += seconds;
  }

  *samples(): Generator<Sample> {
    for (const [key, { counts, sum }] of this.#series) {
      yield* histogramSamples(named(this.labels, key), BOUNDS, (index) => counts[index]!, sum);
    }
  }
}

function named(labels: readonly string[], key: string): Record<string, string> {
  const values = key.split('\0');
  return Object.fromEntries(labels.map((label, index) => [label, values[index]!]));
}
