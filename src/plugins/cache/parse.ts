import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { parseDuration, readDuration } from '../../config/duration.ts';
import {
  argumentFault,
  countFault,
  readOptions,
  takeArgument,
  takeArguments,
  takeNoArguments,
} from '../../config/corefile/line-reader.ts';
import { parseInteger, readInteger, U32_MAX } from '../../config/number.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';
import { readName } from '../../config/zone-name.ts';

export interface CacheOptions {
  /** canonical names: only answers to names below them are kept */
  readonly zones: readonly string[];
  readonly success: CachePart;
  readonly denial: CachePart;
  readonly prefetch: CachePrefetch | null;
  readonly serveStale: CacheServeStale | null;
  /** how long a failure is kept; 0: not at all */
  readonly servfailMs: number;
  readonly keepsTtl: boolean;
}

export interface CachePart {
  /** entries */
  readonly capacity: number;
  readonly maxTtlSeconds: number;
  readonly minTtlSeconds: number;
  /** the minimum was said: it holds for a TTL of 0 too */
  readonly isMinTtlSaid: boolean;
  /** canonical names below which nothing is stored */
  readonly disabledZones: readonly string[];
}

/** An entry that was asked for `amount` times, with no pause longer than `durationMs`, is fetched again before it ends. */
export interface CachePrefetch {
  readonly amount: number;
  readonly durationMs: number;
  /** of the original TTL, at which it is fetched */
  readonly percentage: number;
}

export interface CacheServeStale {
  readonly upToMs: number;
  /** answer at once and refresh behind, or ask upstream first */
  readonly mode: 'immediate' | 'verify';
  /** how long the upstream is waited for; 0: as long as it takes */
  readonly verifyTimeoutMs: number;
  /** TTL of a stale answer */
  readonly ttlSeconds: number;
  /** after a failed refresh, how long it is not tried again; 0: no pause */
  readonly recheckMs: number;
  /** a stale positive answer goes before a fresh negative one */
  readonly prefersPositive: boolean;
}

interface PartDraft {
  capacity: number;
  maxTtlSeconds: number;
  minTtlSeconds: number;
  isMinTtlSaid: boolean;
  disabledZones: readonly string[];
}

const FIVE_MINUTES_MS = 300_000;

/** `cache [TTL] [ZONES…] { … }` */
export default definePluginOnce('cache', (line, block): CacheOptions => {
  const success: PartDraft = {
    capacity: 10_000,
    maxTtlSeconds: 3600,
    minTtlSeconds: 5,
    isMinTtlSaid: false,
    disabledZones: [],
  };
  const denial: PartDraft = {
    capacity: 10_000,
    maxTtlSeconds: 1800,
    minTtlSeconds: 5,
    isMinTtlSaid: false,
    disabledZones: [],
  };
  let zones = line.arguments;
  const [first] = zones;
  if (first !== undefined && parseInteger(first.text) !== undefined) {
    success.maxTtlSeconds = denial.maxTtlSeconds = readInteger(first, 'cache TTL', 1, U32_MAX);
    zones = zones.slice(1);
  } else if (first !== undefined && parseDuration(first.text) !== undefined) {
    const message = `${quoteText(first.text)} is taken as a zone, as in CoreDNS: a TTL is a number of seconds without unit`;
    block.warn(first, message);
  }
  let prefetch: CachePrefetch | null = null;
  let serveStale: CacheServeStale | null = null;
  let policy: CorefileToken | undefined;
  let servfailMs = 5000;
  let keepsTtl = false;
  readOptions(
    line,
    {
      success: (option) => readPart(option, success),
      denial: (option) => readPart(option, denial),
      prefetch: (option) => {
        prefetch = readPrefetch(option);
      },
      serve_stale: (option) => {
        serveStale = readServeStale(option);
      },
      serve_stale_policy: (option) => {
        if (policy !== undefined) throw argumentFault(option.name, 'serve_stale_policy can only be specified once');
        policy = takeArgument(option, 'serve_stale_policy prefer_positive');
        if (policy.text.toLowerCase() !== 'prefer_positive') {
          throw argumentFault(
            policy,
            `invalid serve_stale_policy: ${quoteText(policy.text)}, expected prefer_positive`,
          );
        }
      },
      servfail: (option) => {
        const token = takeArgument(option, 'servfail DURATION');
        // RFC 2308 §7.1: no failure is kept for longer.
        servfailMs = readDuration(token, 'servfail', { maxMs: FIVE_MINUTES_MS });
      },
      disable: (option) => readDisable(option, success, denial),
      keepttl: (option) => {
        takeNoArguments(option);
        keepsTtl = true;
      },
    },
    (name) => `Wrong argument count or unexpected line ending after ${quoteText(name)}: there is no such option`,
  );
  if (policy !== undefined && serveStale === null)
    throw argumentFault(policy, 'serve_stale_policy requires serve_stale');
  return {
    zones: block.readZonesOrKeys(zones),
    success,
    denial,
    prefetch,
    serveStale: withPolicy(serveStale, policy !== undefined),
    servfailMs,
    keepsTtl,
  };
});

function withPolicy(serveStale: CacheServeStale | null, prefersPositive: boolean): CacheServeStale | null {
  return serveStale === null ? null : { ...serveStale, prefersPositive };
}

function readPart(option: CorefileLine, part: PartDraft): void {
  const [capacity, ttl, minTtl] = takeArguments(option, 1, 3, `${option.name.text} CAPACITY [TTL [MINTTL]]`);
  part.capacity = readInteger(capacity!, 'capacity');
  if (ttl !== undefined) part.maxTtlSeconds = readInteger(ttl, 'cache TTL', 1, U32_MAX);
  if (minTtl !== undefined) {
    part.minTtlSeconds = readInteger(minTtl, 'cache min TTL', 0, U32_MAX);
    part.isMinTtlSaid = true;
  }
}

function readPrefetch(option: CorefileLine): CachePrefetch {
  const [amount, duration, percentage] = takeArguments(option, 1, 3, 'prefetch AMOUNT [DURATION [PERCENTAGE%]]');
  if (percentage !== undefined && !/^\d+%$/.test(percentage.text)) {
    throw argumentFault(percentage, `last character of percentage should be '%', found ${quoteText(percentage.text)}`);
  }
  const digits = percentage === undefined ? undefined : { ...percentage, text: percentage.text.slice(0, -1) };
  return {
    amount: readInteger(amount!, 'prefetch amount'),
    durationMs: duration === undefined ? 60_000 : readDuration(duration, 'prefetch'),
    percentage: digits === undefined ? 10 : readInteger(digits, 'percentage', 10, 90),
  };
}

function readServeStale(option: CorefileLine): CacheServeStale {
  const usage = 'serve_stale [DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]';
  const [upTo, modeToken, ...rest] = takeArguments(option, 0, 5, usage);
  const mode = modeToken?.text.toLowerCase() ?? 'immediate';
  if (mode !== 'immediate' && mode !== 'verify') {
    const message = `invalid value for serve_stale refresh mode: ${quoteText(mode)}, expected immediate or verify`;
    throw argumentFault(modeToken!, message);
  }
  const timeout = mode === 'verify' ? rest.shift() : undefined;
  const [ttl, recheck, more] = rest;
  if (more !== undefined) throw countFault(more, usage);
  const ttlMs = ttl === undefined ? 0 : readDuration(ttl, 'serve_stale response TTL', { maxMs: U32_MAX * 1000 });
  if (ttlMs % 1000 !== 0) {
    throw argumentFault(ttl!, 'serve_stale response TTL must be a whole number of seconds');
  }
  return {
    upToMs: upTo === undefined ? 3_600_000 : readDuration(upTo, 'serve_stale'),
    mode,
    verifyTimeoutMs: timeout === undefined ? 0 : readDuration(timeout, 'serve_stale verify timeout'),
    ttlSeconds: ttlMs / 1000,
    recheckMs:
      recheck === undefined ? 0 : readDuration(recheck, 'serve_stale failure recheck', { maxMs: FIVE_MINUTES_MS }),
    prefersPositive: false,
  };
}

function readDisable(option: CorefileLine, success: PartDraft, denial: PartDraft): void {
  const [kind, ...zones] = takeArguments(option, 1, Infinity, 'disable success|denial [ZONES…]');
  if (kind!.text !== 'success' && kind!.text !== 'denial') {
    throw argumentFault(kind!, `cache type for disable must be "success" or "denial", found ${quoteText(kind!.text)}`);
  }
  const names = zones.length === 0 ? ['.'] : zones.map((token) => readName(token, 'disabled zone'));
  (kind!.text === 'success' ? success : denial).disabledZones = names;
}
