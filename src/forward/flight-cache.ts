/**
 * What the cache is to questions in flight: replies are kept under the profile of who asked, failures too, and an answer that
 * has ended is found for those whose upstreams have none.
 */
import type { CacheAccess } from '../cache/cache-access.ts';
import { CacheKey, KEY_CD, KEY_DO } from '../cache/cache-key.ts';
import { CACHE_CELLS, CACHE_PROFILE, CACHED, KIND, PROFILE_FLAG } from '../cache/cache-layout.ts';
import { machineTick } from '../base/machine-clock.ts';
import { EDE, EDNS_OPTION, RCODE, TYPE } from '../dns/iana.ts';
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  NAME_SIZE_MAX,
  NSCOUNT_AT,
  OPT_SIZE,
  QDCOUNT_AT,
  QR,
} from '../dns/wire-header.ts';
import { AnswerKeeper, SCRATCH_SIZE } from './answer-keeper.ts';
import type { QuestionMatch } from './question-match.ts';
import type { Reply } from './reply.ts';
import { ASKED, type TransactionTable } from './transaction-table.ts';

const EDE_OPTION_SIZE = 6;
/** Octets of a message made of a cached answer: the largest entry, its question and an extended error. */
export const CACHED_MESSAGE_SIZE: number =
  SCRATCH_SIZE + HEADER_SIZE + NAME_SIZE_MAX + 4 + OPT_SIZE + EDE_OPTION_SIZE + 26;
/** How long upstreams are waited for where a stale answer is at hand and nothing else is said (RFC 8767 §5). */
const STALE_WAIT_MS = 1800;
/** The same while no upstream answers probes. */
const BROKEN_STALE_WAIT_MS = 300;

export class FlightCache {
  readonly #access: CacheAccess;
  readonly #keeper: AnswerKeeper;
  readonly #table: TransactionTable;
  readonly #questions: QuestionMatch;
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #messageAt: number;
  readonly #key: CacheKey;

  /**
   * @param arena      replies and questions lie in it
   * @param messageAt  CACHED_MESSAGE_SIZE octets of it are for messages made here
   */
  constructor(
    access: CacheAccess,
    table: TransactionTable,
    questions: QuestionMatch,
    arena: ArrayBuffer,
    messageAt: number,
  ) {
    this.#access = access;
    this.#keeper = new AnswerKeeper(arena, access.answers, access.writer, messageAt);
    this.#table = table;
    this.#questions = questions;
    this.#octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
    this.#messageAt = messageAt;
    this.#key = new CacheKey(access.answers.words);
  }

  /**
   * How long a question may take, ms: less where a stale answer is at hand.
   *
   * @param isBroken  no upstream answers probes
   */
  totalMs(slot: number, totalMs: number, isBroken: boolean): number {
    const profile = this.#table.cacheProfile[slot]! - 1;
    if (profile < 0 || (this.#table.flags[slot]! & ASKED.HAS_STALE) === 0) return totalMs;
    const verifyMs = this.#access.answers.profile(profile, CACHE_PROFILE.at.verifyMs);
    let limit = verifyMs === 0 ? STALE_WAIT_MS : verifyMs;
    if (isBroken && limit > BROKEN_STALE_WAIT_MS) limit = BROKEN_STALE_WAIT_MS;
    return limit < totalMs ? limit : totalMs;
  }

  /** Keep what may be kept of a reply; its TTLs are put within the bounds. @returns whether it answers the question */
  keep(slot: number, reply: Reply): boolean {
    const profile = this.#table.cacheProfile[slot]! - 1;
    if (profile < 0) return true;
    const table = this.#table;
    const flags = table.flags[slot]!;
    this.#access.epoch.enter();
    this.#keeper.options = this.#questions.optionsOf(slot);
    const kind = this.#keeper.keep(
      reply,
      profile,
      table.qtype[slot]!,
      table.qclass[slot]!,
      (flags & ASKED.DO) !== 0,
      (flags & ASKED.CD) !== 0,
      this.#questions.nameAt(slot),
      table.nameSize[slot]!,
      machineTick(),
      Math.floor(Date.now() / 1000),
    );
    this.#access.epoch.leave();
    return kind === KIND.SUCCESS;
  }

  keepFailure(slot: number): void {
    const profile = this.#table.cacheProfile[slot]! - 1;
    if (profile < 0) return;
    const table = this.#table;
    const flags = table.flags[slot]!;
    this.#access.epoch.enter();
    this.#keeper.options = this.#questions.optionsOf(slot);
    this.#keeper.keepFailure(
      profile,
      table.qtype[slot]!,
      table.qclass[slot]!,
      (flags & ASKED.DO) !== 0,
      (flags & ASKED.CD) !== 0,
      this.#questions.nameAt(slot),
      table.nameSize[slot]!,
      machineTick(),
    );
    this.#access.epoch.leave();
  }

  /**
   * Make `reply` the stale answer to a question in flight.
   *
   * @param isDenied  an upstream says that there is none: only one that goes before a denial will do
   * @returns false if there is none
   */
  loadStale(slot: number, reply: Reply, isDenied: boolean): boolean {
    const profile = this.#table.cacheProfile[slot]! - 1;
    if (profile < 0 || (this.#table.flags[slot]! & ASKED.HAS_STALE) === 0) return false;
    const { epoch, answers: cache, writer } = this.#access;
    const prefersPositive = (cache.profile(profile, CACHE_PROFILE.at.flags) & PROFILE_FLAG.PREFER_POSITIVE) !== 0;
    if (isDenied && !prefersPositive) return false;
    epoch.enter();
    this.#setKey(slot, profile);
    cache.find(this.#key);
    const { success, denial } = cache;
    const isDenialNewer = success === 0 || (denial !== 0 && cache.ageDifference(success, denial) < 0);
    const staleTicks = cache.profile(profile, CACHE_PROFILE.at.staleTicks);
    const nowTick = machineTick();
    const isPositiveThere = success !== 0 && -cache.ticksLeft(success, nowTick) < staleTicks;
    const at = isDenied || (prefersPositive && isPositiveThere) ? success : isDenialNewer ? denial : success;
    const isThere = at !== 0 && -cache.ticksLeft(at, nowTick) < staleTicks;
    if (isThere) {
      this.#writeMessage(slot, at, reply, cache.profile(profile, CACHE_PROFILE.at.staleTtl));
      writer.count(cache.profile(profile, CACHE_PROFILE.at.instance), CACHE_CELLS.at.servedStale);
    }
    epoch.leave();
    return isThere;
  }

  #setKey(slot: number, profile: number): void {
    const table = this.#table;
    const flags = table.flags[slot]!;
    const keyFlags = ((flags & ASKED.DO) === 0 ? 0 : KEY_DO) | ((flags & ASKED.CD) === 0 ? 0 : KEY_CD);
    const instance = this.#access.answers.profile(profile, CACHE_PROFILE.at.instance);
    this.#key.options = this.#questions.optionsOf(slot);
    this.#key.setFrom(
      instance,
      table.qtype[slot]!,
      table.qclass[slot]!,
      keyFlags,
      this.#octets,
      this.#questions.nameAt(slot),
      table.nameSize[slot]!,
    );
  }

  /** A response as an upstream would send it, with the extended error for stale answers. */
  #writeMessage(slot: number, entryAt: number, reply: Reply, ttl: number): void {
    const { words, octets: cached } = this.#access.answers;
    const octets = this.#octets;
    const view = this.#view;
    const table = this.#table;
    const at = this.#messageAt;
    const shape = words[entryAt + CACHED.at.shape]!;
    const counts = words[entryAt + CACHED.at.counts]!;
    const body = words[entryAt + CACHED.at.body]!;
    const rcode = (shape >>> 16) & 0xff;
    const ttlCount = shape & 0xffff;
    view.setUint16(at, 0);
    octets[at + FLAGS_HIGH_AT] = QR;
    octets[at + FLAGS_LOW_AT] = (body & 0xff) | rcode;
    view.setUint16(at + QDCOUNT_AT, 1);
    view.setUint16(at + ANCOUNT_AT, counts >>> 16);
    view.setUint16(at + NSCOUNT_AT, counts & 0xffff);
    view.setUint16(at + ARCOUNT_AT, 1);
    const nameSize = table.nameSize[slot]!;
    const nameAt = this.#questions.nameAt(slot);
    octets.copyWithin(at + HEADER_SIZE, nameAt, nameAt + nameSize);
    const questionEnd = at + HEADER_SIZE + nameSize + 4;
    view.setUint16(questionEnd - 4, table.qtype[slot]!);
    view.setUint16(questionEnd - 2, table.qclass[slot]!);
    const ttlsAt = entryAt + CACHED.words + (((shape >>> 24) + 3) >>> 2);
    const from = (ttlsAt + ((ttlCount + 1) >>> 1)) * 4;
    const size = body >>> 8;
    for (let index = 0; index < size; index++) octets[questionEnd + index] = cached[from + index]!;
    for (let index = 0; index < ttlCount; index++) {
      const pair = words[ttlsAt + (index >>> 1)]!;
      view.setUint32(questionEnd + ((index & 1) === 0 ? pair & 0xffff : pair >>> 16), ttl);
    }
    const optAt = questionEnd + size;
    octets[optAt] = 0;
    view.setUint16(optAt + 1, TYPE.OPT);
    view.setUint16(optAt + 3, 0);
    view.setUint32(optAt + 5, 0);
    view.setUint16(optAt + 9, EDE_OPTION_SIZE);
    view.setUint32(optAt + OPT_SIZE, (EDNS_OPTION.EDE << 16) | 2);
    view.setUint16(optAt + OPT_SIZE + 4, rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN_ANSWER : EDE.STALE_ANSWER);
    reply.parse(at, optAt + OPT_SIZE + EDE_OPTION_SIZE - at, questionEnd);
  }
}
