/** What the cache counts, under CoreDNS's names. */
import { summed, type MetricFamily, type Sample } from '../observability/counters/metric-family.ts';
import { CACHE_CELLS, CACHE_HEADER, cacheCellsAt } from './cache-layout.ts';
import type { CacheProfileTable } from './cache-profiles.ts';

type Cell = keyof typeof CACHE_CELLS.at;

/** @param buffer  of createCacheBuffer, which the table is attached to */
export function cacheFamilies(buffer: SharedArrayBuffer, profiles: CacheProfileTable): readonly MetricFamily[] {
  const words = new Uint32Array(buffer);
  const sum = (instance: number, cells: readonly Cell[], sign: 1 | -1 = 1): number => {
    let total = 0;
    for (let writer = 0; writer < words[CACHE_HEADER.at.writerMax]!; writer++) {
      const at = cacheCellsAt(writer, instance);
      for (const cell of cells) total += Atomics.load(words, at + CACHE_CELLS.at[cell]) * sign;
    }
    return total;
  };
  const plain = (name: string, help: string, value: (instance: number) => number): MetricFamily => ({
    name,
    type: 'counter',
    help,
    labels: ['server', 'zones', 'view'],
    samples: () => summed(profiles.instances.map(({ labels }, instance) => ({ labels, value: value(instance) }))),
  });
  const typed = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    success: (instance: number) => number,
    denial: (instance: number) => number,
  ): MetricFamily => ({
    name,
    type,
    help,
    labels: ['server', 'type', 'zones', 'view'],
    samples: () =>
      summed(
        profiles.instances.flatMap(({ labels }, instance): Sample[] => [
          { labels: { ...labels, type: 'success' }, value: success(instance) },
          { labels: { ...labels, type: 'denial' }, value: denial(instance) },
        ]),
      ),
  });
  return [
    // What one writer links another may unlink: only the sum, mod 2³², is a number of entries.
    typed(
      'coredns_cache_entries',
      'gauge',
      'Answers in the cache.',
      (instance) => sum(instance, ['entriesSuccess']) >>> 0,
      (instance) => sum(instance, ['entriesDenial']) >>> 0,
    ),
    plain('coredns_cache_requests_total', 'Lookups in the cache.', (instance) => sum(instance, ['requests'])),
    typed(
      'coredns_cache_hits_total',
      'counter',
      'Lookups that were answered from the cache.',
      (instance) => sum(instance, ['hitsSuccess']),
      (instance) => sum(instance, ['hitsDenial']),
    ),
    plain('coredns_cache_misses_total', 'Lookups that were not answered from the cache.', (instance) =>
      Math.max(0, sum(instance, ['requests']) + sum(instance, ['hitsSuccess', 'hitsDenial'], -1)),
    ),
    plain('coredns_cache_prefetch_total', 'Answers that were fetched again before their end.', (instance) =>
      sum(instance, ['prefetches']),
    ),
    plain('coredns_cache_drops_total', 'Answers that were not kept, because there was no room for them.', (instance) =>
      sum(instance, ['drops']),
    ),
    plain('coredns_cache_served_stale_total', 'Answers that were given after their end.', (instance) =>
      sum(instance, ['servedStale']),
    ),
    typed(
      'coredns_cache_evictions_total',
      'counter',
      'Answers that made room for others.',
      (instance) => sum(instance, ['evictionsSuccess']),
      (instance) => sum(instance, ['evictionsDenial']),
    ),
  ];
}
