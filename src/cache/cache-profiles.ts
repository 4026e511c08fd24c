/**
 * Main's side of the cache: what the `cache` directives say, by index, and whose answers are whose.
 *
 * Profiles are only ever added, equal ones once: a route names one by index, across reloads. An instance keeps its number as long
 * as its block is called the same, so that a reload keeps the answers, also where it changes their TTLs.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import {
  CACHE_HEADER,
  CACHE_PROFILE,
  INSTANCES_MAX,
  profileAt,
  PROFILE_FLAG,
  PROFILES_MAX,
  TICKS_PER_SECOND,
} from './cache-layout.ts';

export interface CacheTtlBounds {
  /** s */
  readonly max: number;
  readonly min: number;
  /** the minimum was said, and not only assumed: it holds for a TTL of 0 too */
  readonly isMinSaid: boolean;
  /** answers of this kind are not kept; their TTLs are put within the bounds all the same */
  readonly isDisabled: boolean;
}

/** Whose answers they are: one for each server block and view. */
export interface CacheInstance {
  /** the same after a reload that leaves the block what it is */
  readonly key: string;
  /** answers it wants room for */
  readonly capacity: number;
  /** of metrics */
  readonly labels: { readonly server: string; readonly zones: string; readonly view: string };
}

export interface CacheProfile {
  readonly instance: CacheInstance;
  readonly success: CacheTtlBounds;
  readonly denial: CacheTtlBounds;
  readonly failureMs: number;
  readonly keepsTtl: boolean;
  /** undefined: nothing is fetched again before its end */
  readonly prefetch: { readonly amount: number; readonly pauseMs: number; readonly percentage: number } | undefined;
  /** undefined: nothing is served after its end */
  readonly stale:
    | {
        readonly upToMs: number;
        readonly ttlSeconds: number;
        /** ms that upstreams are waited for first; undefined: a stale answer is given at once */
        readonly verifyMs: number | undefined;
        readonly recheckMs: number;
        readonly prefersPositive: boolean;
      }
    | undefined;
}

export class CacheProfileTable {
  readonly #known = new Map<string, number>();
  readonly #profiles: CacheProfile[] = [];
  readonly #instances: CacheInstance[] = [];
  #words: Uint32Array | undefined;

  /** By number. */
  get instances(): readonly CacheInstance[] {
    return this.#instances;
  }

  /** Answers that all instances want room for. */
  get capacity(): number {
    return this.#instances.reduce((sum, { capacity }) => sum + capacity, 0);
  }

  /** Write what there is, and what comes, to a cache that has no profiles yet: its size depends on the first ones. */
  attach(buffer: SharedArrayBuffer): void {
    this.#words = new Uint32Array(buffer);
    for (const [index, profile] of this.#profiles.entries()) this.#write(this.#words, index, profile);
  }

  /**
   * Index of a profile, which is complete before a route names it.
   *
   * @throws SkyshardError CONFIG_UNSUPPORTED  there were too many since the start
   */
  indexOf(profile: CacheProfile): number {
    const text = JSON.stringify(profile);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const index = this.#profiles.length;
    if (index === PROFILES_MAX) throw tooMany(PROFILES_MAX, 'options of cache');
    this.#instanceOf(profile.instance);
    this.#profiles.push(profile);
    this.#known.set(text, index);
    if (this.#words !== undefined) this.#write(this.#words, index, profile);
    return index;
  }

  #instanceOf(instance: CacheInstance): number {
    const known = this.#instances.findIndex(({ key }) => key === instance.key);
    if (known >= 0) return known;
    if (this.#instances.length === INSTANCES_MAX) throw tooMany(INSTANCES_MAX, 'server blocks with cache');
    return this.#instances.push(instance) - 1;
  }

  #write(words: Uint32Array, index: number, profile: CacheProfile): void {
    const { success, denial, prefetch, stale } = profile;
    const flags =
      (profile.keepsTtl ? PROFILE_FLAG.KEEP_TTL : 0) |
      (stale?.prefersPositive === true ? PROFILE_FLAG.PREFER_POSITIVE : 0) |
      (stale?.verifyMs === undefined ? 0 : PROFILE_FLAG.VERIFY_STALE) |
      (success.isMinSaid ? PROFILE_FLAG.RAISE_ZERO_SUCCESS : 0) |
      (denial.isMinSaid ? PROFILE_FLAG.RAISE_ZERO_DENIAL : 0) |
      (success.isDisabled ? PROFILE_FLAG.NO_SUCCESS : 0) |
      (denial.isDisabled ? PROFILE_FLAG.NO_DENIAL : 0);
    const values: Record<keyof typeof CACHE_PROFILE.at, number> = {
      instance: this.#instanceOf(profile.instance),
      successMaxTtl: success.max,
      successMinTtl: success.min,
      denialMaxTtl: denial.max,
      denialMinTtl: denial.min,
      failureTicks: ticksOf(profile.failureMs),
      flags,
      prefetchAmount: prefetch?.amount ?? 0,
      prefetchPauseTicks: ticksOf(prefetch?.pauseMs ?? 0),
      prefetchPercentage: prefetch?.percentage ?? 0,
      staleTicks: ticksOf(stale?.upToMs ?? 0),
      staleTtl: stale?.ttlSeconds ?? 0,
      verifyMs: stale?.verifyMs ?? 0,
      recheckTicks: ticksOf(stale?.recheckMs ?? 0),
    };
    for (const [field, at] of Object.entries(CACHE_PROFILE.at)) {
      words[profileAt(index) + at] = Math.min(values[field as keyof typeof values], 0xffff_ffff);
    }
    Atomics.store(words, CACHE_HEADER.at.profileCount, index + 1);
  }
}

function ticksOf(ms: number): number {
  // Half of all ticks is as far as two can be told apart.
  return Math.min(Math.ceil((ms * TICKS_PER_SECOND) / 1000), 0x3fff_ffff);
}

function tooMany(max: number, what: string): SkyshardError {
  const text = `more than ${max} different ${what}, with those of configurations that are gone: a restart forgets these`;
  return new SkyshardError('CONFIG_UNSUPPORTED', text);
}
