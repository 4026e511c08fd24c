/**
 * Looking answers up, by any thread that holds an epoch (memory/epochs.ts) from before the call until it has used what was
 * found. Nothing here allocates or waits.
 */
import { KEY_KIND_SHIFT, type CacheKey } from './cache-key.ts';
import { BUCKET_SLOTS, CACHED, cachePlaces, KIND, profileAt, REFERENCE_BITS, REFERENCE_MASK } from './cache-layout.ts';

const KIND_SHIFT = KEY_KIND_SHIFT;
const KIND_BITS = 3 << KIND_SHIFT;
/** Lookups counted: more are of no interest, and a store each would cost. */
const HITS_MAX = 0xffff_fff0;
/** Not written where it is used: `**` calls the C library's pow each time. */
const TAG_MASK: number = 2 ** (32 - REFERENCE_BITS) - 1;

export class AnswerCache {
  readonly words: Uint32Array;
  readonly octets: Uint8Array;
  /** what `find` found: word of the entry by kind, 0: none */
  success = 0;
  denial = 0;
  failure = 0;

  readonly #slotsAt: number;
  readonly #bucketShift: number;

  /** @param buffer  of createCacheBuffer */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Uint32Array(buffer);
    this.octets = new Uint8Array(buffer);
    const { slotsAt, bucketBits } = cachePlaces(this.words);
    this.#slotsAt = slotsAt;
    this.#bucketShift = 32 - bucketBits;
  }

  /** Word of the first slot of the bucket for a hash. */
  bucketAt(hash: number): number {
    return this.#slotsAt + (hash >>> this.#bucketShift) * BUCKET_SLOTS;
  }

  /** Fill `success`, `denial` and `failure`. @returns whether there is any of them */
  find(key: CacheKey): boolean {
    const words = this.words;
    const tag = tagOf(key.hash);
    const bucket = this.bucketAt(key.hash);
    this.success = this.denial = this.failure = 0;
    let isFound = false;
    for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) {
      const word = Atomics.load(words, slot);
      if (word === 0 || word >>> REFERENCE_BITS !== tag) continue;
      const at = (word & REFERENCE_MASK) * 2;
      const kind = this.kindIfEqual(at, key);
      if (kind < 0) continue;
      isFound = true;
      if (kind === KIND.SUCCESS) this.success = at;
      else if (kind === KIND.DENIAL) this.denial = at;
      else this.failure = at;
    }
    return isFound;
  }

  /** @returns KIND of the entry at a word if it is of this key, else -1 */
  kindIfEqual(at: number, key: CacheKey): number {
    const words = this.words;
    if (words[at + CACHED.at.key] !== key.key) return -1;
    const kind = (words[at + CACHED.at.keyClass]! ^ key.keyClass) >>> 0;
    if ((kind & ~KIND_BITS) !== 0) return -1;
    const size = words[at + CACHED.at.shape]! >>> 24;
    if (size !== key.nameSize) return -1;
    const nameAt = at + CACHED.words;
    const name = key.nameWords;
    for (let index = 0; index < (size + 3) >>> 2; index++) if (words[nameAt + index] !== name[index]) return -1;
    return kind >>> KIND_SHIFT;
  }

  /** Ticks that an entry is still fresh; 0 and less: it has ended. */
  ticksLeft(at: number, nowTick: number): number {
    return (this.words[at + CACHED.at.end]! - nowTick) | 0;
  }

  /** Ticks by which one entry was stored after another. */
  ageDifference(at: number, other: number): number {
    return (this.words[at + CACHED.at.stored]! - this.words[other + CACHED.at.stored]!) | 0;
  }

  /** A lookup was answered from an entry: what is asked for stays. */
  noteHit(at: number): void {
    if (Atomics.load(this.words, at + CACHED.at.hits) === 0) Atomics.store(this.words, at + CACHED.at.hits, 1);
  }

  /**
   * The same where it matters how often.
   *
   * @param pauseTicks  a longer pause begins the count anew
   * @returns lookups in a row, this one included
   */
  countHit(at: number, nowTick: number, pauseTicks: number): number {
    const words = this.words;
    const last = Atomics.exchange(words, at + CACHED.at.lastHit, nowTick);
    const hits = Atomics.load(words, at + CACHED.at.hits);
    if (hits !== 0 && ((nowTick - last) | 0) > pauseTicks) {
      Atomics.store(words, at + CACHED.at.hits, 1);
      return 1;
    }
    return hits >= HITS_MAX ? hits : Atomics.add(words, at + CACHED.at.hits, 1) + 1;
  }

  /** Be the one that fetches an entry again, until a tick. @returns false if another is */
  claimRefresh(at: number, nowTick: number, untilTick: number): boolean {
    const cell = at + CACHED.at.refresh;
    const until = Atomics.load(this.words, cell);
    if (until !== 0 && ((until - nowTick) | 0) > 0) return false;
    return Atomics.compareExchange(this.words, cell, until, untilTick >>> 0 || 1) === until;
  }

  /** @param field  offset in CACHE_PROFILE */
  profile(profile: number, field: number): number {
    return this.words[profileAt(profile) + field]!;
  }
}

/** Bits of a hash that are not the bucket's. */
export function tagOf(hash: number): number {
  return hash & TAG_MASK;
}

export { KIND, KIND_SHIFT };
