/**
 * What shards cannot do themselves goes to the resolver, and its outcome comes back: two rings a shard in shared memory,
 * each with one thread that writes and one that reads. Nobody waits for a lock, and a full ring refuses.
 *
 *   buffer   header │ shard 0: queries, replies │ shard 1: …
 *   ring     tail │ head │ words: frame, frame, …, (skip to the start)
 *   frame    size in octets │ attempt │ generation │ upstream │ octets, padded to whole words
 *
 * `tail` and `head` count words and wrap at 2^32. A frame is written plainly behind `tail`, where nobody reads, then `tail`
 * is stored; it is read, then `head` is stored, and only then is its place written again. So no word is read while it may be
 * written, and a thread that is killed leaves nothing half done: what was not yet published was never there, and what was
 * not yet released is read once more by the successor. A frame that outlives what it was about names it by attempt and
 * generation, which the shard compares (transaction-table.ts), and the upstream by a number that is not that of the next one.
 */
import { layout } from '../memory/layout.ts';

export const HANDOFF_HEADER = layout('handoff header', [
  ['shardCount', 32, 'number of shards'],
  ['doorbell', 32, 'changes when a shard has written queries: the resolver sleeps on it'],
]);

export const HANDOFF_RING = layout('handoff ring', [
  ['tail', 32, 'words written since the start; of the thread that writes'],
  ['head', 32, 'words read since the start; of the thread that reads'],
]);

export const HANDOFF_FRAME = layout('handoff frame', [
  [
    'size',
    1,
    'octets of the message; FRAME_SKIP: go on at the start of the ring; FRAME_FAILED: no reply; FRAME_REFUSED: nobody listens',
  ],
  ['attempt', 1, 'which query of the shard it is'],
  ['generation', 1, 'of its transaction: what came too late is told by it'],
  ['upstream', 1, 'whom to ask: its number (forward-buffer.ts), which no other has'],
]);

export const FRAME_SKIP = 0xffff_ffff;
export const FRAME_FAILED = 0xffff_fffe;
export const FRAME_REFUSED = 0xffff_fffd;

/** Words of the rings, powers of two: a few thousand queries; replies as large as DNS has them. */
const QUERY_RING_WORDS = 1 << 16;
const REPLY_RING_WORDS = 1 << 18;
const SHARD_WORDS = 2 * HANDOFF_RING.words + QUERY_RING_WORDS + REPLY_RING_WORDS;

/** Where a ring lies. */
export interface HandoffRing {
  readonly buffer: SharedArrayBuffer;
  /** word it starts at */
  readonly at: number;
  /** words of its frames, a power of two */
  readonly words: number;
}

/** Memory that is not used is not touched. */
export function createHandoffBuffer(shardCount: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer((HANDOFF_HEADER.words + shardCount * SHARD_WORDS) * 4);
  new Uint32Array(buffer)[HANDOFF_HEADER.at.shardCount] = shardCount;
  return buffer;
}

export function handoffShardCount(buffer: SharedArrayBuffer): number {
  return new Uint32Array(buffer)[HANDOFF_HEADER.at.shardCount]!;
}

/** From a shard to the resolver. */
export function queryRingOf(buffer: SharedArrayBuffer, shard: number): HandoffRing {
  return { buffer, at: HANDOFF_HEADER.words + shard * SHARD_WORDS, words: QUERY_RING_WORDS };
}

/** From the resolver to a shard. */
export function replyRingOf(buffer: SharedArrayBuffer, shard: number): HandoffRing {
  const at = HANDOFF_HEADER.words + shard * SHARD_WORDS + HANDOFF_RING.words + QUERY_RING_WORDS;
  return { buffer, at, words: REPLY_RING_WORDS };
}

/** The one thread that writes a ring; a successor goes on where its predecessor stopped. */
export class HandoffWriter {
  readonly #words: Uint32Array;
  readonly #octets: Uint8Array;
  readonly #tailAt: number;
  readonly #headAt: number;
  readonly #dataAt: number;
  readonly #size: number;
  #tail: number;
  /** as last seen: the reader may be further */
  #head: number;

  constructor(ring: HandoffRing) {
    this.#words = new Uint32Array(ring.buffer);
    this.#octets = new Uint8Array(ring.buffer);
    this.#tailAt = ring.at + HANDOFF_RING.at.tail;
    this.#headAt = ring.at + HANDOFF_RING.at.head;
    this.#dataAt = ring.at + HANDOFF_RING.words;
    this.#size = ring.words;
    this.#tail = Atomics.load(this.#words, this.#tailAt);
    this.#head = Atomics.load(this.#words, this.#headAt);
  }

  /**
   * Write a message and let the reader see it. No allocation.
   *
   * @param from  holds the message from `at` on, `size` octets (at most 65,535)
   * @returns false if there is no room now
   */
  write(attempt: number, generation: number, upstream: number, from: Uint8Array, at: number, size: number): boolean {
    const place = this.#reserve(HANDOFF_FRAME.words + ((size + 3) >>> 2));
    if (place < 0) return false;
    const octets = this.#octets;
    let to = (place + HANDOFF_FRAME.words) << 2;
    for (const end = at + size; at < end; at++) octets[to++] = from[at]!;
    this.#publish(place, size, attempt, generation, upstream, (size + 3) >>> 2);
    return true;
  }

  /** Write that a query has no reply. @param isRefused  nobody listens there @returns false if there is no room now */
  writeFailure(attempt: number, generation: number, upstream: number, isRefused: boolean): boolean {
    const place = this.#reserve(HANDOFF_FRAME.words);
    if (place < 0) return false;
    this.#publish(place, isRefused ? FRAME_REFUSED : FRAME_FAILED, attempt, generation, upstream, 0);
    return true;
  }

  /** @returns word of the buffer where `count` words in one piece are free, -1: nowhere */
  #reserve(count: number): number {
    const index = this.#tail & (this.#size - 1);
    const rest = this.#size - index;
    const skipped = count <= rest ? 0 : rest;
    if (!this.#hasRoom(skipped + count)) return -1;
    if (skipped === 0) return this.#dataAt + index;
    // A frame lies in one piece.
    this.#words[this.#dataAt + index] = FRAME_SKIP;
    this.#tail = (this.#tail + skipped) >>> 0;
    return this.#dataAt;
  }

  #hasRoom(count: number): boolean {
    if (this.#size - ((this.#tail - this.#head) >>> 0) >= count) return true;
    this.#head = Atomics.load(this.#words, this.#headAt);
    return this.#size - ((this.#tail - this.#head) >>> 0) >= count;
  }

  #publish(
    place: number,
    size: number,
    attempt: number,
    generation: number,
    upstream: number,
    messageWords: number,
  ): void {
    const words = this.#words;
    words[place + HANDOFF_FRAME.at.size] = size;
    words[place + HANDOFF_FRAME.at.attempt] = attempt;
    words[place + HANDOFF_FRAME.at.generation] = generation;
    words[place + HANDOFF_FRAME.at.upstream] = upstream;
    this.#tail = (this.#tail + HANDOFF_FRAME.words + messageWords) >>> 0;
    Atomics.store(words, this.#tailAt, this.#tail);
  }
}

/** The one thread that reads a ring; a successor begins with what its predecessor had not released. */
export class HandoffReader {
  /** of the frame in hand */
  attempt = 0;
  generation = 0;
  upstream = 0;
  /** octets of the message; it lies in `octets` at `messageAt` until `release` */
  size = 0;
  messageAt = 0;
  /** there is no message: the query has no reply */
  isFailure = false;
  /** because nobody listens there */
  isRefused = false;

  readonly octets: Uint8Array;
  readonly #words: Uint32Array;
  readonly #tailAt: number;
  readonly #headAt: number;
  readonly #dataAt: number;
  readonly #size: number;
  #head: number;
  /** as last seen: the writer may be further */
  #tail: number;
  #next = 0;

  constructor(ring: HandoffRing) {
    this.#words = new Uint32Array(ring.buffer);
    this.octets = new Uint8Array(ring.buffer);
    this.#tailAt = ring.at + HANDOFF_RING.at.tail;
    this.#headAt = ring.at + HANDOFF_RING.at.head;
    this.#dataAt = ring.at + HANDOFF_RING.words;
    this.#size = ring.words;
    this.#head = Atomics.load(this.#words, this.#headAt);
    this.#tail = this.#head;
  }

  /** Take the next frame in hand. @returns false if there is none */
  read(): boolean {
    if (this.#head === this.#tail) {
      this.#tail = Atomics.load(this.#words, this.#tailAt);
      if (this.#head === this.#tail) return false;
    }
    const words = this.#words;
    let head = this.#head;
    let place = this.#dataAt + (head & (this.#size - 1));
    if (words[place] === FRAME_SKIP) {
      head = (head + this.#size - (head & (this.#size - 1))) >>> 0;
      place = this.#dataAt;
    }
    const size = words[place + HANDOFF_FRAME.at.size]!;
    this.isRefused = size === FRAME_REFUSED;
    this.isFailure = this.isRefused || size === FRAME_FAILED;
    this.size = this.isFailure ? 0 : size;
    this.attempt = words[place + HANDOFF_FRAME.at.attempt]!;
    this.generation = words[place + HANDOFF_FRAME.at.generation]!;
    this.upstream = words[place + HANDOFF_FRAME.at.upstream]!;
    this.messageAt = (place + HANDOFF_FRAME.words) << 2;
    this.#next = (head + HANDOFF_FRAME.words + ((this.size + 3) >>> 2)) >>> 0;
    return true;
  }

  /** Give the place of the frame in hand back. */
  release(): void {
    this.#head = this.#next;
    Atomics.store(this.#words, this.#headAt, this.#head);
  }

  /** Copy the message in hand. */
  copyTo(to: Uint8Array, at: number): void {
    const octets = this.octets;
    let from = this.messageAt;
    for (const end = from + this.size; from < end; from++) to[at++] = octets[from]!;
  }
}

/** Wakes the resolver, or is what it sleeps on. */
export class Doorbell {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /** After the frames are published. */
  ring(): void {
    Atomics.add(this.#words, HANDOFF_HEADER.at.doorbell, 1);
    Atomics.notify(this.#words, HANDOFF_HEADER.at.doorbell);
  }

  /** What to give to `sleep`: taken before the rings are looked into, so that nothing is slept over. */
  get value(): number {
    return Atomics.load(this.#words, HANDOFF_HEADER.at.doorbell);
  }

  /** Resolves when it has rung since `value` was taken: at once, or some 50 µs after it rings. */
  async sleep(value: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#words, HANDOFF_HEADER.at.doorbell, value);
    if (wait.async) await wait.value;
  }
}
