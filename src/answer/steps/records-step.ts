/**
 * The step of the chain that answers from names stored whole: `hosts`. There is no SOA to be had, so an unknown name
 * that no other step may answer is SERVFAIL, and a known name without the type asked for is an empty answer: what
 * CoreDNS's plugin does.
 */
import { RCODE, TYPE } from '../../dns/iana.ts';
import { NOT_FOUND, type SnapshotReader } from '../../snapshot/reader.ts';
import {
  ADDRESS,
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  KEY_SPACE,
  KIND,
  RAW,
  RECORDS_FLAG,
  RECORDS_INFO,
  STEP_FLAG,
} from '../../snapshot/snapshot-layout.ts';
import type { Query } from '../query.ts';
import type { Response } from '../response.ts';
import type { Rotation } from '../order/rotation.ts';
import { STEP_RESULT } from './step-result.ts';

/** The label `*` with its length octet. */
const WILDCARD_SIZE = 2;
const WILDCARD = 0x2a01;

export class RecordsStep {
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly rotation: Rotation;
  private readonly words: Uint32Array;

  constructor(reader: SnapshotReader, query: Query, response: Response, rotation: Rotation) {
    this.reader = reader;
    this.query = query;
    this.response = response;
    this.rotation = rotation;
    this.words = reader.words;
  }

  /**
   * @param infoAt     word index of the RECORDS_INFO
   * @param stepFlags  STEP_FLAG bits
   * @returns STEP_RESULT
   */
  answer(infoAt: number, stepFlags: number): number {
    const words = this.words;
    const query = this.query;
    const flags = words[infoAt + RECORDS_INFO.at.flags]!;
    const { qtype } = query;
    const isPointer = qtype === TYPE.PTR;
    if (!isPointer && (flags & RECORDS_FLAG.POINTERS_ONLY) !== 0) return STEP_RESULT.NEXT;
    if ((flags & RECORDS_FLAG.UNSUPPORTED_NEXT) !== 0 && (stepFlags & STEP_FLAG.FALLTHROUGH) !== 0) {
      if (!isPointer && qtype !== TYPE.A && qtype !== TYPE.AAAA) return STEP_RESULT.NEXT;
    }
    const datasetAt = this.reader.datasetAt(words[infoAt + RECORDS_INFO.at.dataset]!);
    const keySize = query.nameSize - 1;
    let entryAt = this.reader.findEntry(datasetAt, KEY_SPACE.FORWARD, query.nameWords, keySize);
    if (isPointer) return this.answerPointer(entryAt);
    if (entryAt === NOT_FOUND && (flags & RECORDS_FLAG.WILDCARDS) !== 0) entryAt = this.findWildcard(datasetAt);
    if (entryAt === NOT_FOUND || this.kindOf(entryAt) !== KIND.ADDRESS) {
      if ((stepFlags & STEP_FLAG.FALLTHROUGH) !== 0) return STEP_RESULT.NEXT;
      this.response.rcode = RCODE.SERVFAIL;
      return STEP_RESULT.DONE;
    }
    this.response.isAuthoritative = true;
    this.answerAddress(entryAt, words[infoAt + RECORDS_INFO.at.ttl]!);
    return STEP_RESULT.DONE;
  }

  private kindOf(entryAt: number): number {
    return (this.words[entryAt]! >>> ENTRY_KIND_SHIFT) & 0xf;
  }

  private payloadAt(entryAt: number): number {
    return entryAt + 1 + (((this.words[entryAt]! & ENTRY_KEY_SIZE_MASK) + 3) >>> 2);
  }

  /** The name with its first label replaced by `*`. */
  private findWildcard(datasetAt: number): number {
    const query = this.query;
    if (query.labelCount < 2) return NOT_FOUND;
    const rest = query.labelStarts[1]!;
    const restSize = query.nameSize - 1 - rest;
    const keyWords = this.reader.keyWords;
    const keySize = WILDCARD_SIZE + restSize;
    const count = (keySize + 3) >>> 2;
    // The key is the two octets of `*`, then the rest: each word is put together from two octets on.
    keyWords[0] = WILDCARD | (query.nameView.getUint16(rest, true) << 16);
    for (let index = 1; index < count; index++) {
      keyWords[index] = query.nameView.getUint32(rest + (index << 2) - WILDCARD_SIZE, true);
    }
    const tail = keySize & 3;
    if (tail !== 0) keyWords[count - 1]! &= (1 << (tail << 3)) - 1;
    return this.reader.findKey(datasetAt, KEY_SPACE.FORWARD, keySize);
  }

  private answerAddress(entryAt: number, ttl: number): void {
    const words = this.words;
    const response = this.response;
    const at = this.payloadAt(entryAt);
    const count4 = words[at + ADDRESS.at.count4]!;
    const count6 = words[at + ADDRESS.at.count6]!;
    const addressesAt = at + ADDRESS.at.data + (((words[at + ADDRESS.at.srv]! & 0xffff) + 1) >>> 1);
    const { qtype } = this.query;
    if (qtype === TYPE.A) {
      const start = this.rotation.start(count4);
      if (response.writeA(words, addressesAt, count4, start, response.ownerOffset, ttl) < count4) {
        response.isTruncated = true;
      }
    } else if (qtype === TYPE.AAAA) {
      const start = this.rotation.start(count6);
      if (response.writeAaaa(words, addressesAt + count4, count6, start, response.ownerOffset, ttl) < count6) {
        response.isTruncated = true;
      }
    }
  }

  /** Addresses that no line names are always the next step's. */
  private answerPointer(entryAt: number): number {
    if (entryAt === NOT_FOUND || this.kindOf(entryAt) !== KIND.RAW) return STEP_RESULT.NEXT;
    const words = this.words;
    let rrsetAt = this.payloadAt(entryAt) + RAW.at.rrsets;
    for (let left = words[rrsetAt - 1]!; left > 0; left--) {
      const size = words[rrsetAt + 1]!;
      if ((words[rrsetAt]! & 0xffff) === TYPE.PTR) {
        this.response.isAuthoritative = true;
        const count = words[rrsetAt]! >>> 16;
        if (this.response.writeRaw(words, rrsetAt + 2, size, count) < count) this.response.isTruncated = true;
        return STEP_RESULT.DONE;
      }
      rrsetAt += 2 + ((size + 3) >>> 2);
    }
    return STEP_RESULT.NEXT;
  }
}
