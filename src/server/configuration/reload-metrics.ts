/** The metrics of `reload`. */
import type { MetricFamily } from '../../observability/counters/metric-family.ts';

/** How reloads went, until now. */
export interface ReloadFigures {
  /** Corefiles that were read and could not be applied */
  failures: number;
  /** Corefiles that could not be read */
  parseFailures: number;
  /** the Corefile as it is now is served */
  isSuccess: boolean;
  /** when one was last taken over, Unix time */
  successSeconds: number;
  /** SHA-512 of what is served */
  hash: string;
}

export function reloadMetrics(figures: () => ReloadFigures): readonly MetricFamily[] {
  const family = (name: string, type: 'counter' | 'gauge', help: string, value: (now: ReloadFigures) => number) => ({
    name,
    type,
    help,
    labels: [],
    samples: () => [{ labels: {}, value: value(figures()) }],
  });
  return [
    family(
      'coredns_reload_failed_total',
      'counter',
      'Configurations that were read and could not be applied.',
      ({ failures }) => failures,
    ),
    {
      name: 'coredns_reload_version_info',
      type: 'gauge',
      help: 'The configuration that is served.',
      labels: ['hash', 'value'],
      samples: () => [{ labels: { hash: 'sha512', value: figures().hash }, value: 1 }],
    },
    family(
      'skyshard_config_parse_failures_total',
      'counter',
      'Corefiles that could not be read.',
      ({ parseFailures }) => parseFailures,
    ),
    family(
      'skyshard_config_last_reload_success',
      'gauge',
      'Whether the Corefile as it is now is served.',
      ({ isSuccess }) => (isSuccess ? 1 : 0),
    ),
    family(
      'skyshard_config_last_reload_success_timestamp_seconds',
      'gauge',
      'When a Corefile was last taken over.',
      ({ successSeconds }) => successSeconds,
    ),
  ];
}
