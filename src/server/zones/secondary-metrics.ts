/** The metrics of `secondary`: how each zone stands with its primaries. */
import type { MetricFamily, Sample } from '../../observability/counters/metric-family.ts';

/** What a zone that is transferred in has been through. Times are Unix seconds, 0: never. */
export class SecondaryFigures {
  /** of what is served; undefined: nothing is, for it is not transferred yet or has expired */
  serial: number | undefined;
  records = 0;
  /** when a primary was last asked, and when one last said what is newest */
  askedSeconds = 0;
  refreshedSeconds = 0;
  transferredSeconds = 0;
  /** when the zone expires if no primary answers */
  expiresSeconds = 0;
  readonly transfers = {
    axfr: { success: 0, failure: 0 },
    ixfr: { success: 0, failure: 0 },
  };
  refreshFailures = 0;
  expirations = 0;
  notifications = 0;
}

export interface NamedFigures {
  /** the keys of its server block */
  readonly block: string;
  /** canonical name */
  readonly zone: string;
  readonly figures: SecondaryFigures;
}

const LABELS = ['block', 'zone'] as const;

/** @param zones  where two blocks have the same keys, the first zone of a name counts: of two series one would be lost anyway */
export function secondaryMetrics(zones: () => Iterable<NamedFigures>): readonly MetricFamily[] {
  const distinct = function* (): Generator<{
    readonly labels: Record<string, string>;
    readonly now: SecondaryFigures;
  }> {
    const seen = new Set<string>();
    for (const { block, zone, figures } of zones()) {
      const key = `${block} ${zone}`;
      if (seen.has(key)) continue;
      seen.add(key);
      yield { labels: { block, zone }, now: figures };
    }
  };
  const family = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    read: (now: SecondaryFigures) => number | undefined,
  ): MetricFamily => ({
    name: `skyshard_secondary_${name}`,
    type,
    help,
    labels: LABELS,
    *samples(): Generator<Sample> {
      for (const { labels, now } of distinct()) {
        const value = read(now);
        if (value !== undefined) yield { labels, value };
      }
    },
  });
  return [
    family(
      'zone_served',
      'gauge',
      'Whether the zone is served: 0 before its first transfer, and when it has expired.',
      (now) => (now.serial === undefined ? 0 : 1),
    ),
    family('zone_serial', 'gauge', 'SOA serial of the zone that is served.', ({ serial }) => serial),
    family('zone_records', 'gauge', 'Records of the zone that is served.', (now) =>
      now.serial === undefined ? undefined : now.records,
    ),
    family(
      'last_check_timestamp_seconds',
      'gauge',
      'When primaries were last asked, Unix time.',
      ({ askedSeconds }) => askedSeconds,
    ),
    family(
      'last_success_timestamp_seconds',
      'gauge',
      'When a primary last said that the zone is the newest, or sent a newer one, Unix time.',
      ({ refreshedSeconds }) => refreshedSeconds,
    ),
    family(
      'last_transfer_timestamp_seconds',
      'gauge',
      'When the zone was last transferred, Unix time.',
      ({ transferredSeconds }) => transferredSeconds,
    ),
    family('expiry_timestamp_seconds', 'gauge', 'When the zone expires if no primary answers, Unix time.', (now) =>
      now.serial === undefined ? undefined : now.expiresSeconds,
    ),
    {
      name: 'skyshard_secondary_transfers_total',
      type: 'counter',
      help: 'Transfers of the zone, whole ones (axfr) and differences (ixfr), by how they ended.',
      labels: [...LABELS, 'type', 'result'],
      *samples(): Generator<Sample> {
        for (const { labels, now } of distinct()) {
          for (const type of ['axfr', 'ixfr'] as const) {
            for (const result of ['success', 'failure'] as const) {
              yield { labels: { ...labels, type, result }, value: now.transfers[type][result] };
            }
          }
        }
      },
    },
    family(
      'check_failures_total',
      'counter',
      'Times that no primary could say what is newest.',
      ({ refreshFailures }) => refreshFailures,
    ),
    family('expirations_total', 'counter', 'Times that the zone has expired.', ({ expirations }) => expirations),
    family(
      'notifications_total',
      'counter',
      'Notifications of primaries that the zone has changed.',
      ({ notifications }) => notifications,
    ),
  ];
}
