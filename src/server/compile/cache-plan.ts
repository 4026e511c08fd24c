/** From a `cache` directive to what the answering threads know of it, and how large the cache is. */
import type { CacheInstance, CacheProfile, CacheTtlBounds } from '../../cache/cache-profiles.ts';
import type { CacheSize } from '../../cache/cache-layout.ts';
import type { CacheOptions, CachePart } from '../../plugins/cache/parse.ts';

/** Room of an answer, octets: name, two or three addresses, what is known of it. */
const ENTRY_SIZE = 320;
/** Entries that there is room for, whatever the Corefile says: a reload may add a cache. CoreDNS's own numbers. */
const CAPACITY_MIN = 20_000;
const CAPACITY_MAX = 400_000;
/** Of the memory limit, at most. */
const MEMORY_SHARE = 1 / 8;

/**
 * @param instance   of the server block
 * @param isBelow    whether the names in question lie below a zone
 */
export function cacheProfileOf(
  options: CacheOptions,
  instance: CacheInstance,
  isBelow: (zone: string) => boolean,
): CacheProfile {
  const { prefetch, serveStale } = options;
  const denial = boundsOf(options.denial, isBelow);
  return {
    instance,
    success: boundsOf(options.success, isBelow),
    denial,
    // Failures lie among denials: where these are not kept, they are not.
    failureMs: denial.isDisabled ? 0 : options.servfailMs,
    keepsTtl: options.keepsTtl,
    prefetch:
      prefetch === null || prefetch.amount === 0
        ? undefined
        : { amount: prefetch.amount, pauseMs: prefetch.durationMs, percentage: prefetch.percentage },
    stale:
      serveStale === null
        ? undefined
        : {
            upToMs: serveStale.upToMs,
            ttlSeconds: serveStale.ttlSeconds,
            verifyMs: serveStale.mode === 'verify' ? serveStale.verifyTimeoutMs : undefined,
            recheckMs: serveStale.recheckMs,
            prefersPositive: serveStale.prefersPositive,
          },
  };
}

function boundsOf(part: CachePart, isBelow: (zone: string) => boolean): CacheTtlBounds {
  return {
    max: part.maxTtlSeconds,
    min: part.minTtlSeconds,
    isMinSaid: part.isMinTtlSaid,
    isDisabled: part.disabledZones.some(isBelow),
  };
}

/**
 * @param asked        answers that the server blocks want room for
 * @param memoryLimit  octets, of the process
 */
export function planCacheSize(asked: number, writerMax: number, memoryLimit: number): CacheSize {
  const affordable = Math.floor((memoryLimit * MEMORY_SHARE) / ENTRY_SIZE);
  const capacity = Math.min(Math.max(asked, CAPACITY_MIN), Math.max(affordable, CAPACITY_MIN / 4), CAPACITY_MAX);
  return { writerMax, capacity, arenaSize: capacity * ENTRY_SIZE };
}
