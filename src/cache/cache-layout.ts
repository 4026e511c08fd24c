/**
 * The answer cache: one buffer for all threads that answer.
 *
 *   header │ profiles │ counters, a region a writer │ slots: buckets of 8 │ arena of writer 0 │ arena of writer 1 …
 *
 * An arena is a ring of segments that its writer alone fills. An entry in it never changes but for the words that are accessed
 * atomically only; it can be found while a slot refers to it. Slots are changed by Atomics.compareExchange, by every writer.
 */
import { randomFillSync } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { layout } from '../memory/layout.ts';

export const CACHE_HEADER = layout('cache header', [
  ['writerMax', 1, 'arenas'],
  ['bucketBits', 1, 'binary logarithm of the number of buckets'],
  ['segmentCount', 1, 'segments of an arena'],
  ['seed', 2, 'secret of the hash: chosen names must not share a bucket'],
  ['profileCount', 1, 'profiles that are written; they only get more'],
]);

/** What `cache` of a server block says, for the threads. */
export const CACHE_PROFILE = layout('cache profile', [
  ['instance', 1, 'whose answers: part of the key, so that two blocks or views never share one'],
  ['successMaxTtl', 1, 's'],
  ['successMinTtl', 1, 's'],
  ['denialMaxTtl', 1, 's'],
  ['denialMinTtl', 1, 's'],
  ['failureTicks', 1, 'how long a failure is kept; 0: not at all'],
  ['flags', 1, 'PROFILE_FLAG'],
  ['prefetchAmount', 1, 'lookups after which an answer is fetched again before it ends; 0: never'],
  ['prefetchPauseTicks', 1, 'lookups count as long as no pause between them is longer'],
  ['prefetchPercentage', 1, 'of the TTL that is left when it is fetched'],
  ['staleTicks', 1, 'how long an answer may be served after its end; 0: not at all'],
  ['staleTtl', 1, 's, of a stale answer'],
  ['verifyMs', 1, 'how long upstreams are waited for before a stale answer is given; 0: until they fail'],
  ['recheckTicks', 1, 'after a refresh that failed, until the next'],
]);
export const PROFILE_FLAG = {
  /** TTLs are not counted down */
  KEEP_TTL: 1,
  /** a stale positive answer goes before a fresh negative one */
  PREFER_POSITIVE: 2,
  /** ask upstreams first, and give a stale answer only when they have none in time */
  VERIFY_STALE: 4,
  /** the minimum TTL holds for 0 too, which else forbids to keep an answer */
  RAISE_ZERO_SUCCESS: 8,
  RAISE_ZERO_DENIAL: 16,
  /** answers of this kind are not kept */
  NO_SUCCESS: 32,
  NO_DENIAL: 64,
} as const;

/** Counts of a writer for one instance. */
export const CACHE_CELLS = layout('cache cells', [
  ['requests', 1, 'lookups'],
  ['hitsSuccess', 1, 'lookups that found a positive answer'],
  ['hitsDenial', 1, 'lookups that found a negative answer or a failure'],
  ['prefetches', 1, 'answers fetched again before their end'],
  ['servedStale', 1, 'answers given after their end'],
  ['drops', 1, 'answers that were not stored: too large, or no room was free in time'],
  ['entriesSuccess', 1, 'positive answers linked minus unlinked by this writer (mod 2³²)'],
  ['entriesDenial', 1, 'the same of negative answers and failures'],
  ['evictionsSuccess', 1, 'positive answers that made room for others'],
  ['evictionsDenial', 1, 'the same of negative answers and failures'],
  ['insertions', 1, 'answers that were stored'],
]);

/** Words of a writer that outlive its thread. */
export const WRITER_STATE = layout('cache writer', [['segment', 1, 'the segment of its arena it writes to']]);

/** What an entry is; each is kept apart, so that one does not displace the other. */
export const KIND = { SUCCESS: 0, DENIAL: 1, FAILURE: 2 } as const;

/** Header flags, its lower octet without rcode, of a failure that no upstream sent: no message has that reserved bit. */
export const NO_REPLY_FLAGS = 0x40;

export const CACHED = layout('cached answer', [
  ['size', 1, 'words of the entry, 0: none follows in this segment'],
  ['hash', 1, 'of its key'],
  ['hits', 1, 'atomic: lookups in a row, 0 when it was stored or moved'],
  ['lastHit', 1, 'atomic: tick of the last lookup that was counted'],
  ['refresh', 1, 'atomic: tick until which nobody else fetches it again, 0: nobody does'],
  ['stored', 1, 'tick'],
  ['end', 1, 'tick: fresh until then'],
  ['key', 1, 'instance << 16 | type'],
  ['keyClass', 1, 'class << 16 | kind << 2 | CD << 1 | DO'],
  ['shape', 1, 'octets of the name << 24 | rcode << 16 | number of TTLs'],
  ['counts', 1, 'answer records << 16 | authority records'],
  ['body', 1, 'octets of the records << 8 | flags of the header, its lower octet'],
  // The name, lower-cased, zero-padded to words; the offsets of the TTLs in the records, two a word; the records, as they stand
  // behind a question with this name: compression pointers count from the start of such a message.
]);

export const BUCKET_SLOTS = 8;
/** A slot: tag << 25 | offset of the entry in units of 8 octets. */
export const REFERENCE_BITS = 25;
export const REFERENCE_MASK: number = 2 ** REFERENCE_BITS - 1;

export const SEGMENT_SIZE = 65_536;
/** Words of the largest entry. */
export const ENTRY_WORDS_MAX: number = SEGMENT_SIZE / 8;
/** One is written to, the next is free, and something has to be left. */
export const SEGMENTS_MIN = 4;
/**
 * Since the start: numbers are not used again, for what is kept under one would be another's. A Corefile may have a block for each
 * of hundreds of zones, and every change of a block's keys is another instance. What is not used is memory that nobody touches.
 */
export const PROFILES_MAX = 8192;
export const INSTANCES_MAX = 4096;
/** A tick: a tenth of a second of the machine's monotonic clock, mod 2³². */
export const TICKS_PER_SECOND = 10;

const PROFILES_AT = 16;
const WRITERS_AT: number = PROFILES_AT + PROFILES_MAX * CACHE_PROFILE.words;
/** Cells of two writers share no cache line. */
const WRITER_STRIDE: number = roundUp(WRITER_STATE.words + INSTANCES_MAX * CACHE_CELLS.words, 32);

/** Where the parts are, in words from the start of the buffer. */
export interface CachePlaces {
  readonly writerMax: number;
  readonly bucketBits: number;
  readonly segmentCount: number;
  readonly slotsAt: number;
  readonly arenasAt: number;
  readonly size: number;
}

/** @param words  a buffer from createCacheBuffer */
export function cachePlaces(words: Uint32Array): CachePlaces {
  const { writerMax, bucketBits, segmentCount } = CACHE_HEADER.at;
  return placesOf(words[writerMax]!, words[bucketBits]!, words[segmentCount]!);
}

function placesOf(writerMax: number, bucketBits: number, segmentCount: number): CachePlaces {
  const slotsAt = roundUp(WRITERS_AT + writerMax * WRITER_STRIDE, 32);
  const arenasAt = roundUp(slotsAt + BUCKET_SLOTS * 2 ** bucketBits, SEGMENT_SIZE / 4);
  const size = arenasAt * 4 + writerMax * segmentCount * SEGMENT_SIZE;
  return { writerMax, bucketBits, segmentCount, slotsAt, arenasAt, size };
}

export function profileAt(profile: number): number {
  return PROFILES_AT + profile * CACHE_PROFILE.words;
}

export function writerStateAt(writer: number): number {
  return WRITERS_AT + writer * WRITER_STRIDE;
}

/** Words of the cells of an instance. */
export function cacheCellsAt(writer: number, instance: number): number {
  return writerStateAt(writer) + WRITER_STATE.words + instance * CACHE_CELLS.words;
}

export interface CacheSize {
  /** threads that store answers */
  readonly writerMax: number;
  /** entries that shall have room, of all instances together */
  readonly capacity: number;
  /** octets of all arenas together */
  readonly arenaSize: number;
}

/** A cache that nothing is in. Memory that is not used is not touched. */
export function createCacheBuffer({ writerMax, capacity, arenaSize }: CacheSize): SharedArrayBuffer {
  // Twice the slots: of Poisson's distribution with mean 4, one bucket in 50 has more than 8.
  const bucketBits = Math.max(4, Math.ceil(Math.log2((capacity * 2) / BUCKET_SLOTS)));
  const segmentCount = Math.max(SEGMENTS_MIN, Math.ceil(arenaSize / writerMax / SEGMENT_SIZE));
  const places = placesOf(writerMax, bucketBits, segmentCount);
  assert(places.size / 8 <= REFERENCE_MASK, 'a cache of more than 256 MiB');
  const buffer = new SharedArrayBuffer(places.size);
  const words = new Uint32Array(buffer);
  words[CACHE_HEADER.at.writerMax] = writerMax;
  words[CACHE_HEADER.at.bucketBits] = bucketBits;
  words[CACHE_HEADER.at.segmentCount] = segmentCount;
  const seed = randomFillSync(new Uint32Array(2));
  words.set(seed, CACHE_HEADER.at.seed);
  return buffer;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
