/** Main's view of the shards' forwarding: CoreDNS's metrics, and what skyshard adds. */
import { DURATION_BOUNDS, DURATION_CELLS } from '../../observability/counters/counter-layout.ts';
import { histogramSamples, type MetricFamily, type Sample } from '../../observability/counters/metric-family.ts';
import { FORWARD_CELLS, forwardCellsAt, UPSTREAM_CELLS, UPSTREAM_RCODES } from '../forward-buffer.ts';
import type { ForwardGroupTable } from '../group-table.ts';
import { type CountedUpstreams, UpstreamCounts } from './upstream-counts.ts';

const PROXY = 'forward';
const AT = UPSTREAM_CELLS.at;

export class ForwardMetrics {
  readonly #table: ForwardGroupTable;
  readonly #counts: UpstreamCounts;

  /** @param table  of the same buffer */
  constructor(buffer: SharedArrayBuffer, table: ForwardGroupTable) {
    this.#table = table;
    this.#counts = new UpstreamCounts(buffer, table);
  }

  families(): readonly MetricFamily[] {
    const total = (cell: number) => (): Sample[] => [{ labels: {}, value: this.#counts.total(forwardCellsAt, cell) }];
    const counter = (name: string, help: string, cell: number): MetricFamily => ({
      name,
      type: 'counter',
      help,
      labels: [],
      samples: total(cell),
    });
    return [
      {
        name: 'coredns_proxy_request_duration_seconds',
        type: 'histogram',
        help: 'Time from a query to an upstream to its response.',
        labels: ['proxy_name', 'to', 'rcode'],
        samples: () => this.#durations(),
      },
      this.#byUpstream(
        'coredns_proxy_healthcheck_failures_total',
        'Health probes without a response.',
        AT.probeFailures,
      ),
      counter(
        'coredns_forward_healthcheck_broken_total',
        'Queries that found all upstreams down.',
        FORWARD_CELLS.at.allDown,
      ),
      counter(
        'coredns_forward_max_concurrent_rejects_total',
        'Queries refused because of max_concurrent.',
        FORWARD_CELLS.at.concurrentRejects,
      ),
      this.#byProtocol(
        'coredns_proxy_conn_cache_hits_total',
        'Queries to an upstream over a socket or connection that was open.',
        AT.streamHits,
        (datagrams) => datagrams,
      ),
      this.#byProtocol(
        'coredns_proxy_conn_cache_misses_total',
        'Queries to an upstream for which a connection was opened; for UDP none is.',
        AT.streamMisses,
        () => 0,
      ),
      this.#byUpstream('skyshard_forward_timeouts_total', 'Attempts that got no response in time.', AT.timeouts),
      this.#byUpstream(
        'skyshard_forward_unreachable_total',
        'Attempts that ended with a network error.',
        AT.unreachable,
      ),
      {
        name: 'skyshard_forward_groups',
        type: 'gauge',
        help: 'Groups of upstreams: those that the configuration has, and those that are being given up.',
        labels: ['state'],
        samples: () => {
          const leaving = this.#table.leavingCount;
          return [
            { labels: { state: 'held' }, value: this.#table.groups.length - leaving },
            { labels: { state: 'leaving' }, value: leaving },
          ];
        },
      },
      counter(
        'skyshard_forward_mismatched_total',
        'Messages that were no response to what was asked: wrong id, question, source or socket, or too late.',
        FORWARD_CELLS.at.mismatched,
      ),
      counter(
        'skyshard_forward_malformed_total',
        'Responses of upstreams whose records could not be read.',
        FORWARD_CELLS.at.malformed,
      ),
      counter(
        'skyshard_forward_coalesced_total',
        'Queries that waited for an equal one under way.',
        FORWARD_CELLS.at.coalesced,
      ),
      counter(
        'skyshard_forward_overflows_total',
        'Queries answered SERVFAIL because too many were under way.',
        FORWARD_CELLS.at.full,
      ),
      counter(
        'skyshard_forward_client_overflows_total',
        'Queries refused because too many of the same client were under way.',
        FORWARD_CELLS.at.clientFull,
      ),
      counter(
        'skyshard_forward_shed_total',
        'Queries for upstreams that were not answered, while more queries waited than the shard could take and own zones were asked for too.',
        FORWARD_CELLS.at.shed,
      ),
      counter(
        'skyshard_forward_hedges_total',
        'Queries sent to an upstream a second time, or to another, before the first attempt was given up.',
        FORWARD_CELLS.at.hedges,
      ),
      counter(
        'skyshard_forward_late_total',
        'Responses of upstreams that came after clients had been answered, and went to the cache alone.',
        FORWARD_CELLS.at.late,
      ),
      counter(
        'skyshard_forward_truncated_total',
        'Responses of upstreams that came with the TC bit.',
        FORWARD_CELLS.at.truncated,
      ),
      counter(
        'skyshard_handoff_overflows_total',
        'Queries that had to be asked over a stream and found the ring to the resolver full.',
        FORWARD_CELLS.at.handoffFull,
      ),
      counter(
        'skyshard_handoff_dropped_total',
        'Responses over streams that found the ring back to the shard full.',
        FORWARD_CELLS.at.handoffDropped,
      ),
    ];
  }

  #byUpstream(name: string, help: string, cell: number): MetricFamily {
    return {
      name,
      type: 'counter',
      help,
      labels: ['proxy_name', 'to'],
      samples: () => {
        const samples: Sample[] = [];
        for (const [to, upstreams] of this.#byAddress()) {
          const value = this.#sum(upstreams, cell);
          if (value > 0) samples.push({ labels: { proxy_name: PROXY, to }, value });
        }
        return samples;
      },
    };
  }

  /** With CoreDNS's label `proto`. @param ofDatagrams  the value for UDP, of the queries that went over it, if any did */
  #byProtocol(
    name: string,
    help: string,
    streamCell: number,
    ofDatagrams: (datagrams: number) => number,
  ): MetricFamily {
    return {
      name,
      type: 'counter',
      help,
      labels: ['proxy_name', 'to', 'proto'],
      samples: () => {
        const samples: Sample[] = [];
        const add = (to: string, proto: string, value: number): void => {
          if (value > 0) samples.push({ labels: { proxy_name: PROXY, to, proto }, value });
        };
        for (const [to, upstreams] of this.#byAddress()) {
          const [overTls, plain] = [true, false].map((isAsked) => upstreams.filter(({ isTls }) => isTls === isAsked));
          const datagrams = this.#sum(upstreams, AT.datagrams);
          if (datagrams > 0)
            samples.push({ labels: { proxy_name: PROXY, to, proto: 'udp' }, value: ofDatagrams(datagrams) });
          add(to, 'tcp', this.#sum(plain!, streamCell));
          add(to, 'tcp-tls', this.#sum(overTls!, streamCell));
        }
        return samples;
      },
    };
  }

  *#durations(): Generator<Sample> {
    for (const [to, upstreams] of this.#byAddress()) {
      for (const [index, rcode] of UPSTREAM_RCODES.entries()) {
        const at = AT.durations + index * DURATION_CELLS;
        const counts = Array.from({ length: DURATION_CELLS }, (_, bucket) => this.#sum(upstreams, at + bucket));
        if (counts.every((count) => count === 0)) continue;
        const seconds = upstreams.reduce((sum, upstream) => sum + this.#counts.seconds(upstream, index), 0);
        const labels = { proxy_name: PROXY, to, rcode };
        yield* histogramSamples(labels, DURATION_BOUNDS, (bucket) => counts[bucket]!, seconds);
      }
    }
  }

  #byAddress(): Map<string, CountedUpstreams[]> {
    const found = new Map<string, CountedUpstreams[]>();
    for (const upstream of this.#counts.upstreams()) {
      found.set(upstream.to, [...(found.get(upstream.to) ?? []), upstream]);
    }
    return found;
  }

  #sum(upstreams: readonly CountedUpstreams[], cell: number): number {
    return upstreams.reduce((sum, upstream) => sum + this.#counts.sum(upstream, cell), 0);
  }
}
