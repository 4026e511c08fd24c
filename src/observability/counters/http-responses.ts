/** HTTP responses of listeners that speak it, by server and status, over all resolvers and their successors. */
import type { MetricFamily } from './metric-family.ts';

export class HttpResponses {
  readonly #totals = new Map<string, { readonly server: string; readonly status: string; value: number }>();

  /** What was sent since the last time. */
  add(counts: readonly { readonly server: string; readonly status: number; readonly count: number }[]): void {
    for (const { server, status, count } of counts) {
      const key = `${status} ${server}`;
      const total = this.#totals.get(key);
      if (total === undefined) this.#totals.set(key, { server, status: String(status), value: count });
      else total.value += count;
    }
  }

  family(): MetricFamily {
    return {
      name: 'coredns_dns_https_responses_total',
      type: 'counter',
      help: 'Counter of DoH responses per server and http status code.',
      labels: ['server', 'status'],
      samples: () => [...this.#totals.values()].map(({ value, ...labels }) => ({ labels, value })),
    };
  }
}
