/** The response to a client, written from the upstream's reply or without one. */
import { setHeaderFlags } from '../answer/header-flags.ts';
import { RecordOrder } from '../answer/order/record-order.ts';
import { ResponseRestorer } from '../answer/rewrite/response-restorer.ts';
import { EDNS_OPTION, RCODE } from '../dns/iana.ts';
import {
  AA,
  AD,
  ANCOUNT_AT,
  CD,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  NSCOUNT_AT,
  OPT_SIZE,
  QDCOUNT_AT,
  QR,
  RA,
  RD,
  TC,
} from '../dns/wire-header.ts';
import { hasEmptyPadding, PADDING_OPTION_SIZE } from '../dns/padding.ts';
import { RecordCopier } from './record-copier.ts';
import type { Reply } from './reply.ts';
import { WAITER, type Waiters } from './waiters.ts';

const OPT_RCODE_AT = 5;
const OPT_DATA_SIZE_AT = 9;
const EDE_OPTION_SIZE = 6;

export class ClientResponse {
  /** of the response just written */
  size = 0;
  rcode = 0;
  isTruncated = false;

  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #waiters: Waiters;
  readonly #copier: RecordCopier;
  readonly #order: RecordOrder;
  readonly #arena: ArrayBuffer;
  /** made by the first response that needs it */
  #restorer: ResponseRestorer | undefined;
  #position = 0;
  #answerCount = 0;
  #authorityCount = 0;
  #additionalCount = 0;

  constructor(arena: ArrayBuffer, waiters: Waiters) {
    this.#arena = arena;
    this.#octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
    this.#waiters = waiters;
    this.#copier = new RecordCopier(arena);
    this.#order = new RecordOrder(arena, (Math.random() * 0xffff_ffff) >>> 0);
  }

  /** Write the response of `waiter` at `at`. The reply answers its question. */
  write(waiter: number, at: number, reply: Reply): void {
    const waiters = this.#waiters;
    this.#begin(waiter, at, reply.rcode);
    this.isTruncated = (reply.flagsHigh & TC) !== 0;
    const limit = at + waiters.sizeMax[waiter]! - waiters.optSize[waiter]!;
    if (waiters.aliasCount[waiter] === 0 && reply.isContiguous) this.#copyRecords(waiter, reply, limit);
    else this.#rewriteRecords(waiter, reply, limit);
    if (waiters.optSize[waiter] !== 0) {
      if (reply.edeSize !== 0) this.#writeOpt(waiter, at, reply.edeAt, reply.edeSize, -1);
      else this.#writeOpt(waiter, at, 0, 0, -1);
    }
    let low = reply.flagsLow & RA;
    // Nobody has signed it for us: RFC 8945 §5.5.
    const isSigned = waiters.tsig[waiter] !== undefined;
    if ((waiters.flags[waiter]! & WAITER.AD) !== 0 && !isSigned) low |= reply.flagsLow & AD;
    // What came from elsewhere is not ours, whoever the upstream had it from: AA is of our own records alone.
    this.#finish(waiter, at, 0, low);
    this.restore(waiter, at);
    if ((waiters.flags[waiter]! & WAITER.ORDERED) === 0) return;
    this.size = this.#order.apply(at, this.size, waiters.sizeMax[waiter]!, waiters.addressOrder[waiter]);
  }

  /** The same where no upstream answered: the CNAME records there are, and the rcode. To be restored by the caller. */
  writeFailure(waiter: number, at: number, rcode: number, extendedError: number): void {
    this.#begin(waiter, at, rcode);
    this.isTruncated = false;
    if (this.#waiters.optSize[waiter] !== 0) this.#writeOpt(waiter, at, 0, 0, extendedError);
    this.#finish(waiter, at, 0, RA);
  }

  /** Change a response that is otherwise done back to what was asked, where `rewrite` had changed that. */
  restore(waiter: number, at: number): void {
    const rewriting = this.#waiters.rewriting[waiter];
    if (rewriting === undefined) return;
    const restorer = (this.#restorer ??= new ResponseRestorer(this.#arena));
    this.size = restorer.restore(at, this.size, this.rcode, this.#waiters.sizeMax[waiter]!, rewriting);
    this.rcode = restorer.rcode;
    this.isTruncated = restorer.isTruncated;
  }

  /** Sign a response that is otherwise done, where its query is signed. */
  sign(waiter: number, at: number): void {
    const session = this.#waiters.tsig[waiter];
    if (session === undefined) return;
    this.size = session.sign(this.#octets, at, this.size);
    if (this.isTruncated) this.rcode = RCODE.NOERROR;
  }

  #begin(waiter: number, at: number, rcode: number): void {
    const waiters = this.#waiters;
    const octets = this.#octets;
    const headSize = waiters.headSize[waiter]!;
    const from = waiters.dataAt[waiter]!;
    for (let index = 0; index < headSize; index++) octets[at + index] = octets[from + index]!;
    this.#position = at + headSize;
    this.#answerCount = waiters.aliasCount[waiter]!;
    this.#authorityCount = 0;
    this.#additionalCount = 0;
    // Without OPT an extended rcode has no place.
    this.rcode = rcode > 15 && waiters.optSize[waiter] === 0 ? RCODE.SERVFAIL : rcode;
  }

  /** Records as they are: the question has the same length, so pointers lead where they did. */
  #copyRecords(waiter: number, reply: Reply, limit: number): void {
    const shift = this.#position - reply.questionEnd;
    let end = reply.recordsEnd;
    this.#answerCount = reply.answerCount;
    this.#authorityCount = reply.authorityCount;
    this.#additionalCount = reply.additionalCount;
    const flags = this.#waiters.flags[waiter]!;
    if (reply.answerCount > 0 && (flags & WAITER.MINIMAL) !== 0) {
      end = reply.answerEnd;
      this.#authorityCount = 0;
      this.#additionalCount = 0;
    }
    if (end + shift > limit) {
      // Additional records first, then the authority of a positive answer (RFC 2181 §9), then answers with TC.
      this.#additionalCount = 0;
      end = reply.authorityEnd;
      if (end + shift > limit) {
        const isNeeded = reply.answerCount === 0 || (flags & WAITER.DO) !== 0;
        if (this.#authorityCount > 0 && isNeeded) this.isTruncated = true;
        this.#authorityCount = 0;
        end = reply.answerEnd;
      }
      if (end + shift > limit) {
        this.isTruncated = true;
        end = reply.lastAnswerEnd(limit - shift);
        this.#answerCount = reply.fitCount;
      }
    }
    this.#octets.copyWithin(this.#position, reply.questionEnd, end);
    this.#position = end + shift;
  }

  /** Behind CNAME records of our own, or where OPT stood among the records. */
  #rewriteRecords(waiter: number, reply: Reply, limit: number): void {
    const isMinimal = reply.answerCount > 0 && (this.#waiters.flags[waiter]! & WAITER.MINIMAL) !== 0;
    const ownerOffset = this.#waiters.nameOffset[waiter]!;
    let from = reply.questionEnd;
    for (let left = reply.answerCount; left > 0; left--) {
      const end = this.#copier.copy(reply, from, this.#position, ownerOffset, limit);
      if (end === 0) {
        this.isTruncated = true;
        return;
      }
      this.#position = end;
      this.#answerCount++;
      from = reply.recordEnd(from);
    }
    if (isMinimal) return;
    for (let left = reply.authorityCount; left > 0; left--) {
      const end = this.#copier.copy(reply, from, this.#position, ownerOffset, limit);
      if (end === 0) {
        if (reply.answerCount === 0) this.isTruncated = true;
        return;
      }
      this.#position = end;
      this.#authorityCount++;
      from = reply.recordEnd(from);
    }
  }

  /** OPT as prepared when the query came, with the extended rcode and, where there is room, one extended error. */
  #writeOpt(waiter: number, at: number, edeAt: number, edeSize: number, extendedError: number): void {
    const waiters = this.#waiters;
    const octets = this.#octets;
    const start = this.#position;
    const size = waiters.optSize[waiter]!;
    const from = waiters.dataAt[waiter]! + waiters.headSize[waiter]!;
    for (let index = 0; index < size; index++) octets[start + index] = octets[from + index]!;
    octets[start + OPT_RCODE_AT] = this.rcode >>> 4;
    let end = start + size;
    const limit = at + waiters.sizeMax[waiter]!;
    // What is filled when all else is written has to stay last.
    const isPadded = hasEmptyPadding(this.#view, start, end);
    if (isPadded) end -= PADDING_OPTION_SIZE;
    const roomEnd = isPadded ? limit - PADDING_OPTION_SIZE : limit;
    if (edeSize > 0 && end + edeSize <= roomEnd) {
      octets.copyWithin(end, edeAt, edeAt + edeSize);
      end += edeSize;
    } else if (extendedError >= 0 && end + EDE_OPTION_SIZE <= roomEnd) {
      this.#view.setUint32(end, (EDNS_OPTION.EDE << 16) | 2);
      this.#view.setUint16(end + 4, extendedError);
      end += EDE_OPTION_SIZE;
    }
    if (isPadded) {
      this.#view.setUint32(end, EDNS_OPTION.PADDING << 16);
      end += PADDING_OPTION_SIZE;
    }
    this.#view.setUint16(start + OPT_DATA_SIZE_AT, end - start - OPT_SIZE);
    this.#position = end;
    this.#additionalCount++;
  }

  #finish(waiter: number, at: number, flagsHigh: number, flagsLow: number): void {
    const octets = this.#octets;
    const view = this.#view;
    let high = QR | (octets[at + FLAGS_HIGH_AT]! & RD) | flagsHigh;
    // AA speaks of the first owner name (RFC 1035 §4.1.1), which is ours where a CNAME record led here.
    const waiters = this.#waiters;
    if (waiters.aliasCount[waiter] !== 0) high = (waiters.flags[waiter]! & WAITER.AA) === 0 ? high & ~AA : high | AA;
    if (this.isTruncated) high |= TC;
    octets[at + FLAGS_HIGH_AT] = high;
    octets[at + FLAGS_LOW_AT] = flagsLow | (octets[at + FLAGS_LOW_AT]! & CD) | (this.rcode & 0x0f);
    if (waiters.headerFlags[waiter] !== 0) setHeaderFlags(view, at, waiters.headerFlags[waiter]!);
    view.setUint16(at + QDCOUNT_AT, 1);
    view.setUint16(at + ANCOUNT_AT, this.#answerCount);
    view.setUint32(at + NSCOUNT_AT, (this.#authorityCount << 16) | this.#additionalCount);
    this.size = this.#position - at;
  }
}
