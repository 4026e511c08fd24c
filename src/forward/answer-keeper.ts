/**
 * What of an upstream's reply is kept in the cache, and for how long.
 *
 * Kept are records that answer the question: at its name, and along the CNAME records from there; of a denial the SOA of a zone
 * that holds the last name (RFC 2308). Everything else an upstream adds is passed on once and forgotten. TTLs are put within the
 * profile's bounds in the reply itself, so that the first answer says what the later ones count down from.
 */
import { KEY_CD, KEY_DO, CacheKey } from '../cache/cache-key.ts';
import type { AnswerCache } from '../cache/answer-cache.ts';
import { CACHE_PROFILE, KIND, NO_REPLY_FLAGS, PROFILE_FLAG, TICKS_PER_SECOND } from '../cache/cache-layout.ts';
import { CacheableAnswer, TTLS_MAX, type CacheWriter } from '../cache/cache-writer.ts';
import { RCODE, TYPE } from '../dns/iana.ts';
import { HEADER_SIZE, LABELS_MAX, POINTER_BITS, TC } from '../dns/wire-header.ts';
import { RecordCopier } from './record-copier.ts';
import type { Reply } from './reply.ts';

const CNAME_CHAIN_MAX = 16;
const POINTERS_MAX = 16;
const DNAME = 39;
/** From the start of the type on: where the TTL is, and the data. */
const TTL_OFFSET = 4;
const DATA_OFFSET = 10;
/** In RRSIG data: the expiration, in seconds mod 2³² (RFC 4034 §3.1.5). */
const EXPIRATION_OFFSET = 8;
/** In SOA data, from its end: MINIMUM. */
const MINIMUM_FROM_END = 4;
/** Octets of a body that is put together anew. */
export const SCRATCH_SIZE = 32_768;
/** RFC 2181 §8: the highest bit stands for 0. */
const TTL_MAX = 0x7fff_ffff;
const AD_RA = 0xa0;
const EQUALIZED_MAX = 64;

export class AnswerKeeper {
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #cache: AnswerCache;
  readonly #writer: CacheWriter;
  readonly #key: CacheKey;
  readonly #copier: RecordCopier;
  readonly #scratchAt: number;
  readonly #answer: CacheableAnswer = new CacheableAnswer();
  /** offsets in the arena of the names that the answer is about: the question's, and CNAME targets */
  readonly #chain: Uint32Array = new Uint32Array(CNAME_CHAIN_MAX);
  /** that were sent upstream with the question; to be set before each call */
  options: Uint8Array | undefined;
  #chainSize = 0;
  #lifetimeSeconds = 0;

  /**
   * @param arena      replies lie in it
   * @param scratchAt  SCRATCH_SIZE octets of it are used within a call
   */
  constructor(arena: ArrayBuffer, cache: AnswerCache, writer: CacheWriter, scratchAt: number) {
    this.#scratchAt = scratchAt;
    this.#copier = new RecordCopier(arena);
    this.#octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
    this.#cache = cache;
    this.#writer = writer;
    this.#key = new CacheKey(cache.words);
  }

  /**
   * Look at a whole reply to a question, and keep what may be kept.
   *
   * @param nameAt    offset in the arena of the name asked, letter case as it may be
   * @param nowTick   of the machine's clock
   * @param unixTime  seconds, for the end of signatures
   * @returns KIND, whether it was kept or not; -1: of a kind that never is
   */
  keep(
    reply: Reply,
    profile: number,
    qtype: number,
    qclass: number,
    isDo: boolean,
    isCd: boolean,
    nameAt: number,
    nameSize: number,
    nowTick: number,
    unixTime: number,
  ): number {
    const kind = (reply.flagsHigh & TC) !== 0 ? -1 : this.#kindOf(reply, qtype);
    if (kind < 0) return kind;
    const answer = this.#answer;
    answer.kind = kind;
    answer.rcode = reply.rcode;
    answer.flags = reply.flagsLow & AD_RA;
    answer.bodyAt = reply.questionEnd;
    answer.ttlCount = 0;
    if (kind === KIND.FAILURE) {
      answer.lifetime = this.#cache.profile(profile, CACHE_PROFILE.at.failureTicks);
      answer.answerCount = answer.authorityCount = answer.bodySize = 0;
      if (answer.lifetime === 0) return kind;
    } else {
      const isKept =
        kind === KIND.SUCCESS
          ? this.#takeAnswers(reply, profile, isDo, unixTime)
          : this.#takeDenial(reply, profile, isDo, unixTime);
      const unwanted = kind === KIND.SUCCESS ? PROFILE_FLAG.NO_SUCCESS : PROFILE_FLAG.NO_DENIAL;
      if (!isKept || (this.#cache.profile(profile, CACHE_PROFILE.at.flags) & unwanted) !== 0) return kind;
      answer.lifetime = this.#lifetimeSeconds * TICKS_PER_SECOND;
    }
    this.#setKey(profile, qtype, qclass, (isDo ? KEY_DO : 0) | (isCd ? KEY_CD : 0), nameAt, nameSize);
    this.#writer.store(this.#key, answer, this.#octets, nowTick);
    return kind;
  }

  /** No upstream answered, or all that did failed: it is not tried again for a while (RFC 9520). */
  keepFailure(
    profile: number,
    qtype: number,
    qclass: number,
    isDo: boolean,
    isCd: boolean,
    nameAt: number,
    nameSize: number,
    nowTick: number,
  ): void {
    const answer = this.#answer;
    answer.kind = KIND.FAILURE;
    answer.rcode = RCODE.SERVFAIL;
    answer.lifetime = this.#cache.profile(profile, CACHE_PROFILE.at.failureTicks);
    if (answer.lifetime === 0) return;
    answer.flags = NO_REPLY_FLAGS;
    answer.ttlCount = answer.answerCount = answer.authorityCount = answer.bodySize = 0;
    this.#setKey(profile, qtype, qclass, (isDo ? KEY_DO : 0) | (isCd ? KEY_CD : 0), nameAt, nameSize);
    this.#writer.store(this.#key, answer, this.#octets, nowTick);
  }

  #setKey(profile: number, qtype: number, qclass: number, flags: number, nameAt: number, nameSize: number): void {
    const instance = this.#cache.profile(profile, CACHE_PROFILE.at.instance);
    this.#key.options = this.options;
    this.#key.setFrom(instance, qtype, qclass, flags, this.#octets, nameAt, nameSize);
  }

  /** @returns KIND, or -1: nothing that may be kept. Follows the CNAME records. */
  #kindOf(reply: Reply, qtype: number): number {
    const { rcode } = reply;
    if (rcode === RCODE.SERVFAIL || rcode === RCODE.NOTIMP) return KIND.FAILURE;
    if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return -1;
    if (!this.#followChain(reply, qtype)) return -1;
    if (rcode === RCODE.NXDOMAIN) return KIND.DENIAL;
    const view = this.#view;
    let at = reply.questionEnd;
    for (let left = reply.answerCount; left > 0; left--) {
      const type = view.getUint16(reply.nameEnd(at));
      if (type === qtype || qtype === TYPE.ANY) return KIND.SUCCESS;
      at = reply.recordEnd(at);
    }
    return KIND.DENIAL;
  }

  /** Gather the names that the answer is about. @returns false if there are records at others */
  #followChain(reply: Reply, qtype: number): boolean {
    const view = this.#view;
    const chain = this.#chain;
    // The question's name is the one behind the header.
    chain[0] = reply.at + 12;
    this.#chainSize = 1;
    let at = reply.questionEnd;
    for (let left = reply.answerCount; left > 0; left--) {
      const typeAt = reply.nameEnd(at);
      const type = view.getUint16(typeAt);
      const isAlias = type === TYPE.CNAME && qtype !== TYPE.CNAME && qtype !== TYPE.ANY;
      if (!this.#isOfChain(reply, at, type)) {
        // Some servers shuffle: a record may stand before the CNAME that leads to it.
        return this.#followShuffled(reply, qtype);
      }
      if (isAlias) {
        if (this.#chainSize === CNAME_CHAIN_MAX) return false;
        chain[this.#chainSize++] = typeAt + DATA_OFFSET;
      }
      at = reply.recordEnd(at);
    }
    return true;
  }

  #followShuffled(reply: Reply, qtype: number): boolean {
    if (qtype === TYPE.CNAME || qtype === TYPE.ANY) return false;
    const view = this.#view;
    this.#chainSize = 1;
    for (let before = 0; before !== this.#chainSize && this.#chainSize < CNAME_CHAIN_MAX;) {
      before = this.#chainSize;
      let at = reply.questionEnd;
      for (let left = reply.answerCount; left > 0; left--) {
        const typeAt = reply.nameEnd(at);
        if (view.getUint16(typeAt) === TYPE.CNAME && this.#isSame(reply, at, this.#chain[before - 1]!)) {
          this.#chain[this.#chainSize++] = typeAt + DATA_OFFSET;
          break;
        }
        at = reply.recordEnd(at);
      }
    }
    let at = reply.questionEnd;
    for (let left = reply.answerCount; left > 0; left--) {
      if (!this.#isOfChain(reply, at, view.getUint16(reply.nameEnd(at)))) return false;
      at = reply.recordEnd(at);
    }
    return true;
  }

  /** Whether a record's owner is one of the names gathered; that of a DNAME may lie above. */
  #isOfChain(reply: Reply, at: number, type: number): boolean {
    for (let index = this.#chainSize - 1; index >= 0; index--) {
      if (this.#isSame(reply, at, this.#chain[index]!)) return true;
      if ((type === DNAME || type === TYPE.RRSIG) && this.#isBelow(reply, this.#chain[index]!, at)) return true;
    }
    return false;
  }

  /** TTLs and extent of a positive answer. @returns false if it may not be kept */
  #takeAnswers(reply: Reply, profile: number, isDo: boolean, unixTime: number): boolean {
    const answer = this.#answer;
    const min = this.#cache.profile(profile, CACHE_PROFILE.at.successMinTtl);
    const max = this.#cache.profile(profile, CACHE_PROFILE.at.successMaxTtl);
    const raisesZero = (this.#cache.profile(profile, CACHE_PROFILE.at.flags) & PROFILE_FLAG.RAISE_ZERO_SUCCESS) !== 0;
    this.#lifetimeSeconds = max;
    this.#equalize(reply);
    let at = reply.questionEnd;
    for (let left = reply.answerCount; left > 0; left--) {
      if (!this.#takeTtl(reply, at, min, max, raisesZero)) return false;
      if (isDo && !this.#isSignatureValid(reply, at, unixTime)) return false;
      at = reply.recordEnd(at);
    }
    answer.answerCount = reply.answerCount;
    answer.authorityCount = 0;
    answer.bodySize = at - answer.bodyAt;
    // What proves a wildcard answer stands in the authority section (RFC 4035 §3.1.3.3).
    if (isDo && reply.authorityCount > 0) return this.#takeAuthority(reply, at, 0, min, max, raisesZero, unixTime);
    return true;
  }

  /** Those of a denial: the answers, the SOA, and with DO what proves it. @returns false if it may not be kept */
  #takeDenial(reply: Reply, profile: number, isDo: boolean, unixTime: number): boolean {
    const view = this.#view;
    const answer = this.#answer;
    const min = this.#cache.profile(profile, CACHE_PROFILE.at.denialMinTtl);
    const max = this.#cache.profile(profile, CACHE_PROFILE.at.denialMaxTtl);
    const raisesZero = (this.#cache.profile(profile, CACHE_PROFILE.at.flags) & PROFILE_FLAG.RAISE_ZERO_DENIAL) !== 0;
    this.#lifetimeSeconds = max;
    let at = reply.questionEnd;
    for (let left = reply.answerCount; left > 0; left--) {
      if (!this.#takeTtl(reply, at, min, max, raisesZero)) return false;
      if (isDo && !this.#isSignatureValid(reply, at, unixTime)) return false;
      at = reply.recordEnd(at);
    }
    const soaAt = this.#soaAt(reply, at);
    if (soaAt === 0) return false;
    const typeAt = reply.nameEnd(soaAt);
    const minimum = view.getUint32(reply.recordEnd(soaAt) - MINIMUM_FROM_END);
    if (minimum < view.getUint32(typeAt + TTL_OFFSET)) view.setUint32(typeAt + TTL_OFFSET, minimum);
    answer.answerCount = reply.answerCount;
    answer.authorityCount = 0;
    answer.bodySize = at - answer.bodyAt;
    if (isDo) return this.#takeAuthority(reply, at, soaAt, min, max, raisesZero, unixTime);
    return this.#takeTtl(reply, soaAt, min, max, raisesZero) && this.#appendRecord(reply, soaAt);
  }

  /** The SOA of a zone that holds the last name. @returns 0: there is none */
  #soaAt(reply: Reply, from: number): number {
    let at = from;
    for (let left = reply.authorityCount; left > 0; left--) {
      if (this.#view.getUint16(reply.nameEnd(at)) === TYPE.SOA) {
        return this.#isBelow(reply, this.#chain[this.#chainSize - 1]!, at) ? at : 0;
      }
      at = reply.recordEnd(at);
    }
    return 0;
  }

  /**
   * Of the authority section the SOA, and what proves with it: nothing else is believed, who is asked next is our business.
   *
   * @param soaAt  0: there is none
   * @returns false if the answer may not be kept
   */
  #takeAuthority(
    reply: Reply,
    from: number,
    soaAt: number,
    min: number,
    max: number,
    raisesZero: boolean,
    unixTime: number,
  ): boolean {
    const view = this.#view;
    let at = from;
    for (let left = reply.authorityCount; left > 0; left--) {
      const typeAt = reply.nameEnd(at);
      const type = view.getUint16(typeAt);
      // A signature is for what it says it is for.
      const proven = type === TYPE.RRSIG ? view.getUint16(typeAt + DATA_OFFSET) : type;
      const isProof = proven === TYPE.NSEC || proven === TYPE.NSEC3 || (proven === TYPE.SOA && soaAt !== 0);
      if (at === soaAt || (isProof && type !== TYPE.SOA && (soaAt === 0 || this.#isBelow(reply, at, soaAt)))) {
        if (!this.#takeTtl(reply, at, min, max, raisesZero) || !this.#isSignatureValid(reply, at, unixTime))
          return false;
        if (!this.#appendRecord(reply, at)) return false;
      }
      at = reply.recordEnd(at);
    }
    return true;
  }

  /** The record whose TTL was taken last comes behind the body. @returns false if there is no room */
  #appendRecord(reply: Reply, at: number): boolean {
    const answer = this.#answer;
    const end = reply.recordEnd(at);
    const bodyEnd = answer.bodyAt + answer.bodySize;
    answer.authorityCount++;
    if (at === bodyEnd) {
      answer.bodySize += end - at;
      return true;
    }
    // Something between was left out: from here on records are copied, with their names written out.
    if (answer.bodyAt !== this.#scratchAt) {
      this.#octets.copyWithin(this.#scratchAt, answer.bodyAt, bodyEnd);
      answer.bodyAt = this.#scratchAt;
    }
    const to = answer.bodyAt + answer.bodySize;
    const copyEnd = this.#copier.copy(reply, at, to, HEADER_SIZE, this.#scratchAt + SCRATCH_SIZE);
    if (copyEnd === 0) return false;
    answer.ttlOffsets[answer.ttlCount - 1] = this.#nameEnd(to) + TTL_OFFSET - answer.bodyAt;
    answer.bodySize = copyEnd - answer.bodyAt;
    return true;
  }

  /** End of a name that was just copied: as good as any that is read. */
  #nameEnd(at: number): number {
    const octets = this.#octets;
    let end = at;
    while (octets[end]! > 0 && octets[end]! < POINTER_BITS) end += octets[end]! + 1;
    return octets[end] === 0 ? end + 1 : end + 2;
  }

  /** Records of one set have one TTL, the lowest there is (RFC 2181 §5.2). */
  #equalize(reply: Reply): void {
    const view = this.#view;
    let at = reply.questionEnd;
    // Of so many records the comparison of all would be felt; they come from one set anyway.
    if (reply.answerCount > EQUALIZED_MAX) return;
    for (let left = reply.answerCount; left > 1; left--) {
      const typeAt = reply.nameEnd(at);
      let other = reply.recordEnd(at);
      for (let others = left - 1; others > 0; others--) {
        const otherTypeAt = reply.nameEnd(other);
        const ttl = view.getUint32(typeAt + TTL_OFFSET);
        const otherTtl = view.getUint32(otherTypeAt + TTL_OFFSET);
        if (
          ttl !== otherTtl &&
          view.getUint16(typeAt) === view.getUint16(otherTypeAt) &&
          this.#isSame(reply, at, other)
        ) {
          const lowest = ttl < otherTtl ? ttl : otherTtl;
          view.setUint32(typeAt + TTL_OFFSET, lowest);
          view.setUint32(otherTypeAt + TTL_OFFSET, lowest);
        }
        other = reply.recordEnd(other);
      }
      at = reply.recordEnd(at);
    }
  }

  /** Put a TTL within its bounds. @returns false if it forbids to keep the answer, or there are too many */
  #takeTtl(reply: Reply, recordAt: number, min: number, max: number, raisesZero: boolean): boolean {
    const view = this.#view;
    const at = reply.nameEnd(recordAt) + TTL_OFFSET;
    let ttl = view.getUint32(at);
    if (ttl > TTL_MAX) ttl = 0;
    if (ttl === 0 && !raisesZero) return false;
    if (ttl < min) ttl = min;
    if (ttl > max) ttl = max;
    view.setUint32(at, ttl);
    if (ttl < this.#lifetimeSeconds) this.#lifetimeSeconds = ttl;
    return ttl > 0 && this.#noteTtl(reply, at);
  }

  #noteTtl(reply: Reply, at: number): boolean {
    const answer = this.#answer;
    if (answer.ttlCount === TTLS_MAX) return false;
    answer.ttlOffsets[answer.ttlCount++] = at - reply.questionEnd;
    return true;
  }

  /** A signature bounds how long what it signs is kept (RFC 4035 §5.3.3). @returns false if it has ended */
  #isSignatureValid(reply: Reply, recordAt: number, unixTime: number): boolean {
    const view = this.#view;
    const typeAt = reply.nameEnd(recordAt);
    if (view.getUint16(typeAt) !== TYPE.RRSIG) return true;
    const dataAt = typeAt + DATA_OFFSET;
    if (dataAt + EXPIRATION_OFFSET + 4 > reply.recordEnd(recordAt)) return false;
    const left = (view.getUint32(dataAt + EXPIRATION_OFFSET) - unixTime) | 0;
    if (left < this.#lifetimeSeconds) this.#lifetimeSeconds = left;
    return left > 0;
  }

  // ---- names of a message -----------------------------------------------------------------------------------------------

  /** Whether two names are the same but for letter case. */
  #isSame(reply: Reply, one: number, other: number): boolean {
    const octets = this.#octets;
    let a = one;
    let b = other;
    for (let labels = 0; labels <= LABELS_MAX; labels++) {
      a = this.#labelAt(reply, a);
      b = this.#labelAt(reply, b);
      if (a === b) return a !== 0;
      if (a === 0 || b === 0) return false;
      const size = octets[a]!;
      if (size !== octets[b]) return false;
      if (size === 0) return true;
      for (let index = 1; index <= size; index++) {
        const x = octets[a + index]!;
        const y = octets[b + index]!;
        if (x !== y && ((x ^ y) !== 0x20 || (x | 0x20) < 0x61 || (x | 0x20) > 0x7a)) return false;
      }
      a += size + 1;
      b += size + 1;
    }
    return false;
  }

  /** Whether a name is another, or lies below it. */
  #isBelow(reply: Reply, name: number, ancestor: number): boolean {
    let at = name;
    for (let labels = 0; labels <= LABELS_MAX; labels++) {
      if (this.#isSame(reply, at, ancestor)) return true;
      at = this.#labelAt(reply, at);
      if (at === 0 || this.#octets[at] === 0) return false;
      at += this.#octets[at]! + 1;
    }
    return false;
  }

  /** Where the first label of a name lies: pointers lead there. @returns 0: nowhere in the message */
  #labelAt(reply: Reply, at: number): number {
    const octets = this.#octets;
    let position = at;
    for (let pointers = 0; pointers <= POINTERS_MAX; pointers++) {
      if (position >= reply.end) return 0;
      const size = octets[position]!;
      if (size < POINTER_BITS) return size > 63 ? 0 : position;
      if (position + 1 >= reply.end) return 0;
      position = reply.at + (((size & 0x3f) << 8) | octets[position + 1]!);
    }
    return 0;
  }
}
