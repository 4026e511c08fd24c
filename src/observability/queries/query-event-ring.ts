/**
 * Queries on their way from the threads that answer to the log: one ring a shard in shared memory. A shard is the only
 * writer of its ring (query-event-writer.ts), main the only reader of all (query-event-reader.ts).
 *
 *   header │ shard 0: writer's line │ reader's line │ ring words … │ shard 1: …
 *
 *   ring   … │ event │ event │ (free) │ event │ …      from `tail` to `head` there is something to read
 *
 * `head` and `tail` count words, modulo 2^32; a word lies at its count modulo the ring's size, a power of two, so an event
 * may go on at the ring's start. The writer writes what lies outside tail … head only, then stores `head`; the reader reads
 * inside only, then stores `tail`: no word is read while it is written. A full ring drops the event, never waits.
 */
import { assert } from '../../base/assert.ts';
import { layout } from '../../memory/layout.ts';

export const QUERY_EVENTS_MAGIC = 0x53_4b_51_45;
/** Words of a shard's ring, 1 MiB: some 7,500 queries, if main is held up; untouched pages cost nothing. */
export const RING_WORDS = 1 << 18;
/** The largest event, and one more like it. */
const RING_WORDS_MIN = 256;

export const QUERY_EVENTS_HEADER = layout('query events header', [
  ['magic', 1, 'QUERY_EVENTS_MAGIC'],
  ['shardMax', 1, 'number of rings'],
  ['ringWords', 1, 'words of a ring, a power of two'],
  ['bell', 1, '1 while the reader sleeps until the next event is committed'],
]);

const BELL_AT = QUERY_EVENTS_HEADER.at.bell;

/** Two cache lines each, so that writer and reader do not disturb each other. */
const LINE_WORDS = 32;

export const QUERY_EVENTS_RING = layout('query events of a shard', [
  ['head', 1, 'words written so far; stored by the writer after the events before it'],
  ['dropped', 1, 'events that found the ring full; stored by the writer'],
  ['writerGap', LINE_WORDS - 2, 'keeps the lines apart'],
  ['tail', 1, 'words read so far; stored by the reader'],
  ['readerGap', LINE_WORDS - 1, 'keeps the lines apart'],
  ['words', 0, 'the ring'],
]);

/**
 * One event. The octets of the name as it was asked follow, in wire form, four a word, the first in the low bits; then those
 * of the values of metadata, from a whole word on.
 */
export const QUERY_EVENT = layout('query event', [
  ['head', 1, 'words of the event in bits 0–15, QUERY_EVENT_FLAG bits above'],
  ['scope', 1, 'metric scope of the route: what says which server block answered'],
  ['listener', 1, 'id of the listener'],
  ['message', 1, 'id, and the flags of the response: bits 0–15, 16–31'],
  ['question', 1, 'type, class: bits 0–15, 16–31'],
  ['query', 1, 'flags of the query, its UDP payload size (0 without EDNS): bits 0–15, 16–31'],
  ['response', 1, 'rcode with its extended bits, records in the answer section: bits 0–15, 16–31'],
  ['sizes', 1, 'octets of query and response: bits 0–15, 16–31; a response of 0 octets was not sent'],
  ['uncompressedSize', 1, 'octets of the response if its names were not compressed'],
  ['ports', 1, 'ports of client and upstream: bits 0–15, 16–31'],
  ['nameSize', 1, 'octets of the name; 0: there was no question'],
  ['metadataSize', 1, 'octets of the values of metadata that `log` prints: UTF-8, an octet 0 between two of them'],
  ['error', 1, 'QUERY_ERROR'],
  ['errorDetail', 1, 'what the error says it is'],
  ['durationLow', 1, 'nanoseconds from receive to send, modulo 2^32'],
  ['durationHigh', 1, 'the same, above'],
  ['timeLow', 1, 'when it was sent, Unix time in milliseconds, modulo 2^32'],
  ['timeHigh', 1, 'the same, above'],
  ['client', 4, "the client's address: one word for IPv4, four for IPv6, most significant first"],
  ['upstream', 4, 'address of the upstream that failed'],
]);

export const QUERY_EVENT_FLAG = {
  /** the block has `log` */
  LOG: 1 << 16,
  /** the block has `errors` */
  ERRORS: 1 << 17,
  /** the query came over a stream */
  STREAM: 1 << 18,
  /** DO bit of the query */
  DNSSEC_OK: 1 << 19,
  CLIENT_IPV6: 1 << 20,
  UPSTREAM_IPV4: 1 << 21,
  UPSTREAM_IPV6: 1 << 22,
  UPSTREAM_STREAM: 1 << 23,
  /** the authority section has an SOA */
  SOA: 1 << 24,
  /** the query was forwarded: RA is what the upstream says */
  FORWARDED: 1 << 25,
  /** a primary says that its zone has changed (NOTIFY) */
  NOTIFIED: 1 << 26,
  /** the authority section has NS records */
  NAME_SERVERS: 1 << 27,
} as const;

/** Shared memory for the rings of `shardMax` threads. @param ringWords  a power of two */
export function createQueryEventBuffer(shardMax: number, ringWords: number = RING_WORDS): SharedArrayBuffer {
  assert(ringWords >= RING_WORDS_MIN && (ringWords & (ringWords - 1)) === 0, 'size of a query event ring');
  const buffer = new SharedArrayBuffer((LINE_WORDS + shardMax * (QUERY_EVENTS_RING.words + ringWords)) * 4);
  const words = new Uint32Array(buffer);
  words[QUERY_EVENTS_HEADER.at.magic] = QUERY_EVENTS_MAGIC;
  words[QUERY_EVENTS_HEADER.at.shardMax] = shardMax;
  words[QUERY_EVENTS_HEADER.at.ringWords] = ringWords;
  return buffer;
}

/** One ring: its cursors, and its words by count modulo their number. */
export interface QueryEventRing {
  readonly cursors: Uint32Array;
  readonly words: Uint32Array;
}

/** @throws SkyshardError INTERNAL_ASSERTION if the buffer is not one of these or has no such shard */
export function openQueryEventRing(buffer: SharedArrayBuffer, shard: number): QueryEventRing {
  const header = new Uint32Array(buffer, 0, QUERY_EVENTS_HEADER.words);
  assert(header[QUERY_EVENTS_HEADER.at.magic] === QUERY_EVENTS_MAGIC, 'no query event buffer');
  assert(shard >= 0 && shard < queryEventShards(buffer), 'more shards than the query event buffer has');
  const ringWords = header[QUERY_EVENTS_HEADER.at.ringWords]!;
  const at = (LINE_WORDS + shard * (QUERY_EVENTS_RING.words + ringWords)) * 4;
  return {
    cursors: new Uint32Array(buffer, at, QUERY_EVENTS_RING.words),
    words: new Uint32Array(buffer, at + QUERY_EVENTS_RING.words * 4, ringWords),
  };
}

/**
 * Wakes the reader: it looks at the rings again and again while there are events, and sleeps while there are none. The reader
 * sets the word, looks once more, and sleeps; a writer stores its head, then looks at the word: one of the two sees the other.
 */
export class QueryEventBell {
  private readonly words: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer, 0, QUERY_EVENTS_HEADER.words);
  }

  /** Of a writer, after its head is stored. */
  ring(): void {
    if (Atomics.load(this.words, BELL_AT) === 0) return;
    Atomics.store(this.words, BELL_AT, 0);
    Atomics.notify(this.words, BELL_AT);
  }

  /** The reader is about to sleep: from now on `ring` is heard. */
  arm(): void {
    Atomics.store(this.words, BELL_AT, 1);
  }

  /** The reader is awake. */
  disarm(): void {
    Atomics.store(this.words, BELL_AT, 0);
  }

  /** Resolves when it has rung since `arm`. */
  async heard(): Promise<void> {
    const wait = Atomics.waitAsync(this.words, BELL_AT, 1);
    if (wait.async) await wait.value;
  }
}

export function queryEventShards(buffer: SharedArrayBuffer): number {
  return new Uint32Array(buffer)[QUERY_EVENTS_HEADER.at.shardMax]!;
}
