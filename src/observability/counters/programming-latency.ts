/**
 * How long it takes from a change in the cluster until its names are answered: CoreDNS's histogram, but for what would
 * distort it. Lists tell of changes of long ago, so they are counted apart.
 */
import { histogramSamples, type MetricFamily } from './metric-family.ts';

export type ServiceKind = 'cluster_ip' | 'headless_with_selector';

/** Seconds: 1 ms … 524.288 s. */
const BOUNDS: readonly number[] = Array.from({ length: 20 }, (_, index) => 2 ** index / 1000);

export class ProgrammingLatency {
  readonly #changes = new Histogram();
  readonly #listed = new Histogram();

  /** @param isListed  a list said so, not a watch */
  observe(kind: ServiceKind, seconds: number, isListed: boolean): void {
    (isListed ? this.#listed : this.#changes).observe(kind, seconds);
  }

  families(): readonly MetricFamily[] {
    const family = (name: string, help: string, histogram: Histogram): MetricFamily => ({
      name,
      type: 'histogram',
      help,
      labels: ['service_kind'],
      samples: () => histogram.samples(),
    });
    return [
      family(
        'coredns_kubernetes_dns_programming_duration_seconds',
        'Time from a change of endpoints, as their EndpointSlice tells it, until its names are answered.',
        this.#changes,
      ),
      family(
        'coredns_kubernetes_dns_programming_duration_seconds_initial',
        'The same of EndpointSlices that a list told of: mostly changes from before the start.',
        this.#listed,
      ),
    ];
  }
}

class Histogram {
  readonly #series = new Map<ServiceKind, { readonly counts: number[]; sum: number }>();

  observe(kind: ServiceKind, seconds: number): void {
    let series = this.#series.get(kind);
    if (series === undefined) {
      series = { counts: Array.from({ length: BOUNDS.length + 1 }, () => 0), sum: 0 };
      this.#series.set(kind, series);
    }
    const index = BOUNDS.findIndex((bound) => seconds <= bound);
    series.counts[index < 0 ? BOUNDS.length : index]!++;
    series.sum += seconds;
  }

  *samples() {
    for (const [kind, { counts, sum }] of this.#series) {
      yield* histogramSamples({ service_kind: kind }, BOUNDS, (index) => counts[index]!, sum);
    }
  }
}
