/**
 * Answers out of the cache, and whether one shall be fetched again. A hit is copied behind the question as the client wrote
 * it; TTLs say what is left.
 */
import type { AnswerCache } from '../../cache/answer-cache.ts';
import type { CacheWriter } from '../../cache/cache-writer.ts';
import { CacheKey, KEY_CD, KEY_DO, KEY_KIND_SHIFT } from '../../cache/cache-key.ts';
import { assert } from '../../base/assert.ts';
import { machineTick } from '../../base/machine-clock.ts';
import {
  CACHE_CELLS,
  CACHE_PROFILE,
  CACHED,
  KIND,
  NO_REPLY_FLAGS,
  PROFILE_FLAG,
  TICKS_PER_SECOND,
} from '../../cache/cache-layout.ts';
import { EDE, RCODE } from '../../dns/iana.ts';
import { RDATA_NAMES } from '../../dns/records/rdata-names.ts';
import { CD, FLAGS_LOW_AT, HEADER_SIZE, POINTER_BITS } from '../../dns/wire-header.ts';
import type { QueryForwarder } from '../answerer-options.ts';
import type { Query } from '../query.ts';
import type { Response } from '../response.ts';

const RECORD_FIXED_SIZE = 10;
/** Type and class of a question. */
const QUESTION_FIXED_SIZE = 4;
/** Records begin here at the latest, so that what follows in them can be pointed to. */
const POINTER_TARGET_MAX = 4096;
const MOVABLE_SIZE_MAX = 8192;
/** Nobody else tries to fetch a stale answer again for as long, unless `serve_stale` says how long. */
const REFRESH_TICKS = 5 * TICKS_PER_SECOND;

/** What became of a lookup. */
export const CACHE_RESULT = {
  MISS: 0,
  HIT: 1,
  /** answered, and the answer is to be fetched again */
  HIT_AND_REFRESH: 2,
  /** a stale answer is there, which may be given if no upstream has a fresh one */
  STALE: 3,
} as const;

export class CacheStep {
  readonly #cache: AnswerCache;
  readonly #writer: CacheWriter;
  readonly #forwarder: Pick<QueryForwarder, 'isFailureOver'> | undefined;
  readonly #query: Query;
  readonly #response: Response;
  readonly #key: CacheKey;
  readonly #view: DataView;
  /** CD of the query looked up last */
  isCheckingDisabled = false;
  #nowTick = 0;
  #fitCount = 0;

  /**
   * @param writer     counts lookups
   * @param forwarder  knows which upstreams are back
   */
  constructor(
    cache: AnswerCache,
    writer: CacheWriter,
    query: Query,
    response: Response,
    forwarder: Pick<QueryForwarder, 'isFailureOver'> | undefined,
  ) {
    this.#forwarder = forwarder;
    this.#cache = cache;
    this.#writer = writer;
    this.#query = query;
    this.#response = response;
    this.#key = new CacheKey(cache.words);
    this.#view = response.view;
  }

  /** The time of the queries that follow. */
  setTime(): void {
    this.#nowTick = machineTick();
  }

  /**
   * @param group  of the upstreams that are asked without a hit
   * @returns CACHE_RESULT; the response is written if it is a hit
   */
  answer(profile: number, group: number, options?: Uint8Array): number {
    const cache = this.#cache;
    const query = this.#query;
    const response = this.#response;
    const nowTick = this.#nowTick;
    const { instance: instanceField, flags: flagsField, staleTicks } = CACHE_PROFILE.at;
    const instance = cache.profile(profile, instanceField);
    this.isCheckingDisabled = (response.bytes[response.messageAt + FLAGS_LOW_AT]! & CD) !== 0;
    const flags = (query.isDo !== 0 ? KEY_DO : 0) | (this.isCheckingDisabled ? KEY_CD : 0);
    const key = this.#key;
    key.options = options;
    key.set(instance, query.qtype, query.qclass, flags, query.nameWords, query.nameSize);
    this.#writer.count(instance, CACHE_CELLS.at.requests);
    if (!this.#isPlaceKnown() || !cache.find(key)) return CACHE_RESULT.MISS;
    const { success, denial, failure } = cache;
    const prefersPositive = (cache.profile(profile, flagsField) & PROFILE_FLAG.PREFER_POSITIVE) !== 0;
    const staleMax = cache.profile(profile, staleTicks);
    if (success !== 0 && cache.ticksLeft(success, nowTick) > 0) return this.#giveFresh(profile, success, nowTick);
    const isOverruled = prefersPositive && success !== 0 && -cache.ticksLeft(success, nowTick) < staleMax;
    if (denial !== 0 && cache.ticksLeft(denial, nowTick) > 0 && !isOverruled) {
      return this.#giveFresh(profile, denial, nowTick);
    }
    if (staleMax !== 0) {
      const stale = isOverruled ? success : this.#newest(success, denial);
      if (stale !== 0 && -cache.ticksLeft(stale, nowTick) < staleMax) return this.#giveStale(profile, stale, nowTick);
    }
    if (failure !== 0 && cache.ticksLeft(failure, nowTick) > 0 && !this.#isOver(failure, group)) {
      response.extendedError = EDE.CACHED_ERROR;
      return this.#giveFresh(profile, failure, nowTick);
    }
    return CACHE_RESULT.MISS;
  }

  /** That no upstream answered is forgotten when one is back; what one has answered is not. */
  #isOver(failure: number, group: number): boolean {
    const { words } = this.#cache;
    if ((words[failure + CACHED.at.body]! & 0xff) !== NO_REPLY_FLAGS) return false;
    return this.#forwarder?.isFailureOver(group, words[failure + CACHED.at.stored]!) === true;
  }

  #newest(success: number, denial: number): number {
    if (success === 0 || denial === 0) return success === 0 ? denial : success;
    return this.#cache.ageDifference(success, denial) >= 0 ? success : denial;
  }

  #giveFresh(profile: number, at: number, nowTick: number): number {
    const cache = this.#cache;
    if (!this.#isInReach(at)) return CACHE_RESULT.MISS;
    const amount = cache.profile(profile, CACHE_PROFILE.at.prefetchAmount);
    const stored = cache.words[at + CACHED.at.stored]!;
    let isDue = false;
    if (amount === 0) {
      cache.noteHit(at);
    } else if (cache.countHit(at, nowTick, cache.profile(profile, CACHE_PROFILE.at.prefetchPauseTicks)) >= amount) {
      const left = cache.ticksLeft(at, nowTick);
      const lifetime = (cache.words[at + CACHED.at.end]! - stored) | 0;
      isDue = left * 100 <= lifetime * cache.profile(profile, CACHE_PROFILE.at.prefetchPercentage);
    }
    const keepsTtl = (cache.profile(profile, CACHE_PROFILE.at.flags) & PROFILE_FLAG.KEEP_TTL) !== 0;
    // No record is said to be good for longer than the answer is kept: what it belongs to may be another by then.
    this.#write(at, keepsTtl ? -1 : Math.trunc(cache.ticksLeft(at, nowTick) / TICKS_PER_SECOND));
    if (!isDue || !cache.claimRefresh(at, nowTick, nowTick + REFRESH_TICKS)) return CACHE_RESULT.HIT;
    this.#writer.count(cache.profile(profile, CACHE_PROFILE.at.instance), CACHE_CELLS.at.prefetches);
    return CACHE_RESULT.HIT_AND_REFRESH;
  }

  #giveStale(profile: number, at: number, nowTick: number): number {
    const cache = this.#cache;
    if (!this.#isInReach(at)) return CACHE_RESULT.MISS;
    cache.noteHit(at);
    const recheck = cache.profile(profile, CACHE_PROFILE.at.recheckTicks);
    const isOurs = cache.claimRefresh(at, nowTick, nowTick + (recheck === 0 ? REFRESH_TICKS : recheck));
    const verifies = (cache.profile(profile, CACHE_PROFILE.at.flags) & PROFILE_FLAG.VERIFY_STALE) !== 0;
    if (verifies && (isOurs || (recheck === 0 && cache.profile(profile, CACHE_PROFILE.at.verifyMs) === 0))) {
      return CACHE_RESULT.STALE;
    }
    this.#writeStale(profile, at);
    return isOurs ? CACHE_RESULT.HIT_AND_REFRESH : CACHE_RESULT.HIT;
  }

  /** Give an answer although it has ended. */
  #writeStale(profile: number, at: number): void {
    this.#write(at, this.#cache.profile(profile, CACHE_PROFILE.at.staleTtl));
    this.#writer.count(this.#cache.profile(profile, CACHE_PROFILE.at.instance), CACHE_CELLS.at.servedStale);
    this.#response.extendedError =
      this.#response.rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN_ANSWER : EDE.STALE_ANSWER;
  }

  /** @param ttl  of all records, s; -1: their own */
  #write(at: number, ttl: number): void {
    const { words, octets } = this.#cache;
    const response = this.#response;
    const kind = (words[at + CACHED.at.keyClass]! >>> KEY_KIND_SHIFT) & 3;
    const hits = kind === KIND.SUCCESS ? CACHE_CELLS.at.hitsSuccess : CACHE_CELLS.at.hitsDenial;
    this.#writer.count(words[at + CACHED.at.key]! >>> 16, hits);
    const shape = words[at + CACHED.at.shape]!;
    const body = words[at + CACHED.at.body]!;
    const ttlCount = shape & 0xffff;
    const ttlsAt = at + CACHED.words + (((shape >>> 24) + 3) >>> 2);
    let size = body >>> 8;
    response.rcode = (shape >>> 16) & 0xff;
    response.upstreamFlags = body & 0xff;
    let answerCount = words[at + CACHED.at.counts]! >>> 16;
    let authorityCount = words[at + CACHED.at.counts]! & 0xffff;
    const from = (ttlsAt + ((ttlCount + 1) >>> 1)) * 4;
    const start = response.position;
    if (start + size > response.limit) {
      size = this.#fit(from, size, answerCount, response.limit - start);
      answerCount = this.#fitCount;
      authorityCount = 0;
    }
    const { bytes } = response;
    for (let index = 0; index < size; index++) bytes[start + index] = octets[from + index]!;
    if (response.ownerOffset !== HEADER_SIZE) this.#movePointers(start, answerCount + authorityCount);
    response.position = start + size;
    response.answerCount += answerCount;
    response.authorityCount += authorityCount;
    if (ttl < 0) return;
    const view = this.#view;
    for (let index = 0; index < ttlCount; index++) {
      const pair = words[ttlsAt + (index >>> 1)]!;
      const offset = (index & 1) === 0 ? pair & 0xffff : pair >>> 16;
      if (offset + 4 > size) break;
      view.setUint32(start + offset, ttl);
    }
  }

  /** Whole records that have room; TC if something that is needed has none. @returns their octets */
  #fit(from: number, size: number, answerCount: number, room: number): number {
    const { octets } = this.#cache;
    this.#response.isTruncated = true;
    let at = 0;
    let count = 0;
    while (count < answerCount) {
      let end = at;
      while (octets[from + end]! > 0 && octets[from + end]! < POINTER_BITS) end += 1 + octets[from + end]!;
      end += octets[from + end] === 0 ? 1 : 2;
      end += RECORD_FIXED_SIZE + ((octets[from + end + 8]! << 8) | octets[from + end + 9]!);
      if (end > room || end > size) break;
      at = end;
      count++;
    }
    this.#fitCount = count;
    return at;
  }

  /**
   * Whether records can be copied behind the response as it stands. They point into the name that was looked up: that of the
   * question, or the target of a CNAME of ours, where it is written out and can be pointed to.
   */
  #isPlaceKnown(): boolean {
    const { bytes, messageAt, ownerOffset, answerCount, position } = this.#response;
    if (ownerOffset === HEADER_SIZE) return answerCount === 0;
    if (position - messageAt > POINTER_TARGET_MAX) return false;
    const nameEnd = messageAt + ownerOffset + this.#query.nameSize - 1;
    let at = messageAt + ownerOffset;
    while (at < nameEnd && bytes[at]! < POINTER_BITS) at += bytes[at]! + 1;
    return at === nameEnd && bytes[at] === 0;
  }

  /** Whether pointers into an answer can still name their targets where it would stand. */
  #isInReach(at: number): boolean {
    return (
      this.#response.ownerOffset === HEADER_SIZE || this.#cache.words[at + CACHED.at.body]! >>> 8 <= MOVABLE_SIZE_MAX
    );
  }

  /** Compression pointers of records that were stored behind another question: to where the same names stand here. */
  #movePointers(start: number, recordCount: number): void {
    const { bytes } = this.#response;
    const view = this.#view;
    let at = start;
    for (let left = recordCount; left > 0; left--) {
      at = this.#moveName(at, start);
      const names = RDATA_NAMES.get(view.getUint16(at));
      const end = at + RECORD_FIXED_SIZE + view.getUint16(at + RECORD_FIXED_SIZE - 2);
      if (names !== undefined) {
        let nameAt = at + RECORD_FIXED_SIZE + names.before;
        for (let count = names.names; count > 0 && nameAt < end; count--) nameAt = this.#moveName(nameAt, start);
      }
      at = end;
    }
    // What was stored is well-formed; a walk that ends elsewhere would be a bug of the writer.
    assert(at <= bytes.length, 'a cached answer ends behind the memory it was copied to');
  }

  /** @returns the end of the name */
  #moveName(nameAt: number, start: number): number {
    const { bytes, messageAt, ownerOffset } = this.#response;
    const view = this.#view;
    const storedAt = HEADER_SIZE + this.#query.nameSize + QUESTION_FIXED_SIZE;
    let at = nameAt;
    while (bytes[at]! > 0 && bytes[at]! < POINTER_BITS) at += bytes[at]! + 1;
    if (bytes[at] === 0) return at + 1;
    const target = view.getUint16(at) & 0x3fff;
    const moved = target < storedAt ? ownerOffset + target - HEADER_SIZE : start - messageAt + target - storedAt;
    view.setUint16(at, (POINTER_BITS << 8) | moved);
    return at + 2;
  }
}
