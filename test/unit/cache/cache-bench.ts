/** A cache with its writers, filled by texts: what the tests of the cache share. */
import { AnswerCache } from '../../../src/cache/answer-cache.ts';
import { CACHE_CELLS, cacheCellsAt, CACHED, createCacheBuffer, KIND } from '../../../src/cache/cache-layout.ts';
import { CacheKey } from '../../../src/cache/cache-key.ts';
import { CacheableAnswer, CacheWriter } from '../../../src/cache/cache-writer.ts';
import { parseName } from '../../../src/dns/name.ts';
import { BLOCKS_AT, BUFFER_HEADER } from '../../../src/memory/buffer-layout.ts';
import { EpochReader } from '../../../src/memory/epochs.ts';

export interface Asked {
  readonly name: string;
  readonly instance?: number;
  readonly qtype?: number;
  readonly flags?: number;
}

export class CacheThread {
  readonly cache: AnswerCache;
  readonly writer: CacheWriter;
  readonly epoch: EpochReader;
  readonly key: CacheKey;
  readonly #answer = new CacheableAnswer();

  constructor(buffer: SharedArrayBuffer, writer: number, snapshot: SharedArrayBuffer) {
    this.cache = new AnswerCache(buffer);
    this.epoch = new EpochReader(snapshot, writer);
    this.writer = new CacheWriter(this.cache, writer, snapshot, writer);
    this.key = new CacheKey(this.cache.words);
  }

  ask({ name, instance = 1, qtype = 1, flags = 0 }: Asked): void {
    const octets = parseName(name)!;
    const words = new Uint32Array(65);
    new Uint8Array(words.buffer).set(octets);
    this.key.set(instance, qtype, 1, flags, words, octets.length);
  }

  /** Store an answer whose records are the octets of a text. */
  store(asked: Asked, body: string, nowTick = 100, lifetime = 300, kind: number = KIND.SUCCESS): boolean {
    this.ask(asked);
    const octets = Buffer.from(body);
    Object.assign(this.#answer, { kind, bodyAt: 0, bodySize: octets.length, lifetime, answerCount: 1, ttlCount: 0 });
    return this.writer.store(this.key, this.#answer, octets, nowTick);
  }

  /** Store records whose TTLs are at some offsets. */
  storeRecords(
    asked: Asked,
    records: Uint8Array,
    answerCount: number,
    ttlOffsets: readonly number[],
    nowTick: number,
    lifetime: number,
  ): void {
    this.ask(asked);
    this.#answer.ttlOffsets.set(ttlOffsets);
    const sizes = { bodyAt: 0, bodySize: records.length, answerCount, ttlCount: ttlOffsets.length };
    Object.assign(this.#answer, { kind: KIND.SUCCESS, lifetime, ...sizes });
    this.writer.store(this.key, this.#answer, records, nowTick);
  }

  /** Store that there are no records. @param flags  of the header, its lower octet without rcode */
  storeEmpty(asked: Asked, kind: number, rcode: number, flags: number, nowTick: number, lifetime: number): void {
    this.ask(asked);
    const answer = new CacheableAnswer();
    Object.assign(answer, { kind, rcode, flags, lifetime, bodyAt: 0, bodySize: 0, answerCount: 0, ttlCount: 0 });
    this.writer.store(this.key, answer, new Uint8Array(1), nowTick);
  }

  /** The text stored, undefined: none. */
  find(asked: Asked, kind: number = KIND.SUCCESS): string | undefined {
    this.ask(asked);
    this.cache.find(this.key);
    const { success, denial, failure } = this.cache;
    const at = [success, denial, failure][kind]!;
    return at === 0 ? undefined : this.bodyOf(at);
  }

  /** As an answer that is given. */
  hit(asked: Asked): string | undefined {
    const body = this.find(asked);
    if (body !== undefined) this.cache.noteHit(this.cache.success);
    return body;
  }

  bodyOf(at: number): string {
    const { words, octets } = this.cache;
    const shape = words[at + CACHED.at.shape]!;
    const bodyAt = (at + CACHED.words + (((shape >>> 24) + 3) >>> 2) + (((shape & 0xffff) + 1) >>> 1)) * 4;
    return Buffer.from(octets.slice(bodyAt, bodyAt + (words[at + CACHED.at.body]! >>> 8))).toString();
  }
}

export function cacheOf(writerMax: number, capacity = 1000, arenaSize = 0): SharedArrayBuffer {
  return createCacheBuffer({ writerMax, capacity, arenaSize });
}

/** A count of all writers for one instance, mod 2³². */
export function total(buffer: SharedArrayBuffer, writerMax: number, cell: keyof typeof CACHE_CELLS.at, instance = 1) {
  const words = new Uint32Array(buffer);
  let sum = 0;
  for (let writer = 0; writer < writerMax; writer++)
    sum += words[cacheCellsAt(writer, instance) + CACHE_CELLS.at[cell]]!;
  return sum >>> 0;
}

/** As much of a snapshot as readers need to enter. */
export function snapshotBuffer(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(BLOCKS_AT);
  new Uint32Array(buffer)[BUFFER_HEADER.at.generation] = 1;
  return buffer;
}
