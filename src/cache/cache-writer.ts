/**
 * Storing answers: one writer a thread, each with a ring of segments of its own.
 *
 * Entries are appended; a slot's compareExchange makes one visible. When a segment is full the next one is written to, and the
 * one after that is taken out of reach at once: what was asked for since it was stored is appended anew, the rest is unlinked.
 * So hot answers stay, and a flood of names that nobody asks twice only pushes out its own kind. By the time that segment is
 * needed all readers have long moved on; where one has not, answers are dropped, never waited for.
 *
 * A writer is called within an epoch of its thread, since it compares keys with other writers' entries. A thread that dies
 * loses what it had not linked; its successor goes on with the next segment.
 */
import { GracePeriod } from '../memory/grace-period.ts';
import { KIND, KIND_SHIFT, tagOf, type AnswerCache } from './answer-cache.ts';
import type { CacheKey } from './cache-key.ts';
import {
  BUCKET_SLOTS,
  CACHE_CELLS,
  CACHED,
  cacheCellsAt,
  cachePlaces,
  ENTRY_WORDS_MAX,
  REFERENCE_BITS,
  REFERENCE_MASK,
  SEGMENT_SIZE,
  WRITER_STATE,
  writerStateAt,
} from './cache-layout.ts';

const SEGMENT_WORDS = SEGMENT_SIZE / 4;
/** Words of a segment that what survives may take: the rest is for what is new. */
const SURVIVORS_MAX = SEGMENT_WORDS / 2;
/** How willingly a slot is given away: what nobody asked for first, each the older the sooner. */
const RANK_UNASKED = 2 ** 32;
/** As many TTLs can be patched; an answer with more is not stored. */
export const TTLS_MAX = 1024;

/** One answer, as it is to be stored; one object a thread, reused. */
export class CacheableAnswer {
  kind: number = KIND.SUCCESS;
  rcode = 0;
  /** AD and RA of the header's lower octet */
  flags = 0;
  answerCount = 0;
  authorityCount = 0;
  /** where the records begin in the octets given, and how many octets they are */
  bodyAt = 0;
  bodySize = 0;
  /** offsets of their TTLs from the first record on */
  ttlCount = 0;
  readonly ttlOffsets: Uint16Array = new Uint16Array(TTLS_MAX);
  /** ticks */
  lifetime = 0;
}

export class CacheWriter {
  readonly #cache: AnswerCache;
  readonly #words: Uint32Array;
  readonly #octets: Uint8Array;
  readonly #writer: number;
  readonly #arenaAt: number;
  readonly #segmentCount: number;
  readonly #grace: GracePeriod;
  #segment: number;
  /** word that is written next, and the end of the segment */
  #head: number;
  #end: number;

  /**
   * @param cache       of this thread
   * @param writer      whose arena it is: one living thread at a time
   * @param snapshot    the buffer with the reader slots
   * @param readerSlot  of this thread
   */
  constructor(cache: AnswerCache, writer: number, snapshot: SharedArrayBuffer, readerSlot: number) {
    this.#cache = cache;
    this.#words = cache.words;
    this.#octets = cache.octets;
    this.#writer = writer;
    const { arenasAt, segmentCount } = cachePlaces(this.#words);
    this.#segmentCount = segmentCount;
    this.#arenaAt = arenasAt + writer * segmentCount * SEGMENT_WORDS;
    this.#grace = new GracePeriod(snapshot, readerSlot);
    this.#segment = Atomics.load(this.#words, writerStateAt(writer) + WRITER_STATE.at.segment);
    // Where a predecessor stopped is not known: its segment counts as full.
    this.#end = this.#segmentAt(this.#segment) + SEGMENT_WORDS;
    this.#head = this.#end;
    this.#vacate(this.#after(this.#segment), 0);
  }

  /**
   * Store an answer under a key, in the place of one of its kind.
   *
   * @param octets  what `answer.bodyAt` counts in
   * @returns whether it was stored
   */
  store(key: CacheKey, answer: CacheableAnswer, octets: Uint8Array, nowTick: number): boolean {
    const nameWords = (key.nameSize + 3) >>> 2;
    const ttlWords = (answer.ttlCount + 1) >>> 1;
    const size = evenWords(CACHED.words + nameWords + ttlWords + ((answer.bodySize + 3) >>> 2));
    const instance = key.key >>> 16;
    const at = size > ENTRY_WORDS_MAX ? 0 : this.#room(size);
    if (at === 0) {
      this.count(instance, CACHE_CELLS.at.drops);
      return false;
    }
    const words = this.#words;
    words[at + CACHED.at.size] = size;
    words[at + CACHED.at.hash] = key.hash;
    words[at + CACHED.at.hits] = 0;
    words[at + CACHED.at.lastHit] = nowTick;
    words[at + CACHED.at.refresh] = 0;
    words[at + CACHED.at.stored] = nowTick;
    words[at + CACHED.at.end] = nowTick + answer.lifetime;
    words[at + CACHED.at.key] = key.key;
    words[at + CACHED.at.keyClass] = key.keyClass ^ (answer.kind << KIND_SHIFT);
    words[at + CACHED.at.shape] = (key.nameSize << 24) | (answer.rcode << 16) | answer.ttlCount;
    words[at + CACHED.at.counts] = (answer.answerCount << 16) | answer.authorityCount;
    words[at + CACHED.at.body] = (answer.bodySize << 8) | answer.flags;
    let position = at + CACHED.words;
    for (let index = 0; index < nameWords; index++) words[position++] = key.nameWords[index]!;
    const { ttlOffsets } = answer;
    for (let index = 0; index < answer.ttlCount; index += 2) {
      const second = index + 1 < answer.ttlCount ? ttlOffsets[index + 1]! : 0;
      words[position++] = ttlOffsets[index]! | (second << 16);
    }
    const to = this.#octets;
    let toAt = position * 4;
    const bodyEnd = answer.bodyAt + answer.bodySize;
    for (let from = answer.bodyAt; from < bodyEnd; from++) to[toAt++] = octets[from]!;
    this.#seal(at, size);
    this.#link(key, at, answer.kind, nowTick);
    return true;
  }

  /** @param cell  of CACHE_CELLS */
  count(instance: number, cell: number): void {
    this.#add(instance, cell, 1);
  }

  // ---- the ring ---------------------------------------------------------------------------------------------------------

  /** @returns word of room for `size` words, 0: none */
  #room(size: number): number {
    if (this.#head + size > this.#end) {
      // What was taken out of reach a whole segment ago.
      if (!this.#grace.isOver()) return 0;
      this.#segment = this.#after(this.#segment);
      Atomics.store(this.#words, writerStateAt(this.#writer) + WRITER_STATE.at.segment, this.#segment);
      this.#head = this.#segmentAt(this.#segment);
      this.#end = this.#head + SEGMENT_WORDS;
      this.#words[this.#head] = 0;
      this.#vacate(this.#after(this.#segment), SURVIVORS_MAX);
    }
    return this.#head;
  }

  /** The entry at the head is written: the next one goes behind it. */
  #seal(at: number, size: number): void {
    this.#head = at + size;
    if (this.#head < this.#end) this.#words[this.#head + CACHED.at.size] = 0;
  }

  /** Take all entries of a segment out of reach, and append those that are asked for. @param survivorsMax words */
  #vacate(segment: number, survivorsMax: number): void {
    const words = this.#words;
    let left = survivorsMax;
    let at = this.#segmentAt(segment);
    const end = at + SEGMENT_WORDS;
    while (at < end) {
      const size = words[at + CACHED.at.size]!;
      // What a predecessor left half-written can be anything; nothing refers to it.
      if (size < CACHED.words || at + size > end) break;
      const slot = this.#slotOf(at);
      if (slot !== 0) {
        if (size <= left && Atomics.load(words, at + CACHED.at.hits) !== 0) {
          this.#move(at, size, slot);
          left -= size;
        } else {
          this.#evict(slot, at);
        }
      }
      at += size;
    }
    this.#grace.begin();
  }

  /** Append an entry anew, and let its slot refer to the copy, unless another writer has just put something else there. */
  #move(from: number, size: number, slot: number): void {
    const words = this.#words;
    const to = this.#head;
    words.copyWithin(to, from, from + size);
    words[to + CACHED.at.hits] = 0;
    this.#seal(to, size);
    const old = Atomics.load(words, slot);
    if ((old & REFERENCE_MASK) * 2 !== from) return;
    Atomics.compareExchange(words, slot, old, slotWord(words[to + CACHED.at.hash]!, to));
  }

  #evict(slot: number, at: number): void {
    const words = this.#words;
    const old = Atomics.load(words, slot);
    if ((old & REFERENCE_MASK) * 2 !== at || Atomics.compareExchange(words, slot, old, 0) !== old) return;
    this.#countGone(at, true);
  }

  /** Slot that refers to the entry at a word, 0: none. */
  #slotOf(at: number): number {
    const words = this.#words;
    const bucket = this.#cache.bucketAt(words[at + CACHED.at.hash]!);
    for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) {
      if ((Atomics.load(words, slot) & REFERENCE_MASK) * 2 === at) return slot;
    }
    return 0;
  }

  #segmentAt(segment: number): number {
    return this.#arenaAt + segment * SEGMENT_WORDS;
  }

  #after(segment: number): number {
    return segment + 1 === this.#segmentCount ? 0 : segment + 1;
  }

  // ---- the slots --------------------------------------------------------------------------------------------------------

  #link(key: CacheKey, at: number, kind: number, nowTick: number): void {
    const words = this.#words;
    const word = slotWord(key.hash, at);
    for (let tries = 0; tries < BUCKET_SLOTS; tries++) {
      const slot = this.#placeFor(key, kind, nowTick);
      const old = Atomics.load(words, slot);
      const displaced = (old & REFERENCE_MASK) * 2;
      const isEviction = displaced !== 0 && this.#cache.kindIfEqual(displaced, key) !== kind;
      if (Atomics.compareExchange(words, slot, old, word) !== old) continue;
      if (displaced !== 0) this.#countGone(displaced, isEviction);
      this.count(key.key >>> 16, CACHE_CELLS.at.insertions);
      this.#add(
        key.key >>> 16,
        kind === KIND.SUCCESS ? CACHE_CELLS.at.entriesSuccess : CACHE_CELLS.at.entriesDenial,
        1,
      );
      return;
    }
    // Others fill the same bucket at the same moment: this answer is not the one that is missed.
    this.count(key.key >>> 16, CACHE_CELLS.at.drops);
  }

  /**
   * The slot an entry shall have: its predecessor's, a free one, else the one that is missed least.
   *
   * Slots are all in one cache line, what they refer to is all over memory: it is looked at only where it has to be.
   */
  #placeFor(key: CacheKey, kind: number, nowTick: number): number {
    const words = this.#words;
    const tag = tagOf(key.hash);
    const bucket = this.#cache.bucketAt(key.hash);
    let free = 0;
    for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) {
      const word = Atomics.load(words, slot);
      if (word === 0) {
        if (free === 0) free = slot;
      } else if (word >>> REFERENCE_BITS === tag) {
        if (this.#cache.kindIfEqual((word & REFERENCE_MASK) * 2, key) === kind) return slot;
      }
    }
    return free === 0 ? this.#leastMissed(bucket, nowTick) : free;
  }

  /** The slot of a full bucket to be given away: the oldest that nobody asked for; of hot ones the oldest is as good as any. */
  #leastMissed(bucket: number, nowTick: number): number {
    const words = this.#words;
    let place = bucket;
    let placeRank = -1;
    for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) {
      const word = Atomics.load(words, slot);
      // Another writer has just freed it.
      if (word === 0) return slot;
      const at = (word & REFERENCE_MASK) * 2;
      const age = (nowTick - words[at + CACHED.at.stored]!) >>> 0;
      const rank = Atomics.load(words, at + CACHED.at.hits) === 0 ? RANK_UNASKED + age : age;
      if (rank > placeRank) {
        place = slot;
        placeRank = rank;
      }
    }
    return place;
  }

  #countGone(at: number, isEviction: boolean): void {
    const words = this.#words;
    const instance = words[at + CACHED.at.key]! >>> 16;
    const isSuccess = ((words[at + CACHED.at.keyClass]! >>> KIND_SHIFT) & 3) === KIND.SUCCESS;
    this.#add(instance, isSuccess ? CACHE_CELLS.at.entriesSuccess : CACHE_CELLS.at.entriesDenial, -1);
    if (isEviction) {
      this.#add(instance, isSuccess ? CACHE_CELLS.at.evictionsSuccess : CACHE_CELLS.at.evictionsDenial, 1);
    }
  }

  #add(instance: number, cell: number, step: number): void {
    const at = cacheCellsAt(this.#writer, instance) + cell;
    // The only writer of the cell reads what it stored.
    Atomics.store(this.#words, at, (this.#words[at]! + step) >>> 0);
  }
}

/** What a slot says of an entry at a word. */
function slotWord(hash: number, at: number): number {
  return ((tagOf(hash) << REFERENCE_BITS) | (at / 2)) >>> 0;
}

/** References count in units of two words. */
function evenWords(words: number): number {
  return (words + 1) & ~1;
}
