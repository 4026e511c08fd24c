/**
 * What CoreDNS's log says of a response and its octets do not: how large it would be without compression, and what the
 * authority section has: an SOA, name servers. One object a thread, reused; no allocation.
 */
import { TYPE } from './iana.ts';
import { ANCOUNT_AT, HEADER_SIZE, NAME_SIZE_MAX, NSCOUNT_AT, POINTER_BITS } from './wire-header.ts';

/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 10;
/** Pointers followed in one name: a message of our own needs a few; more is a loop. */
const POINTERS_MAX = 16;
const QUESTION_POINTER = (POINTER_BITS << 8) | HEADER_SIZE;
/** Numbers in front of the name in the data of MX and SRV, behind the names in that of SOA. */
const MX_FIXED_SIZE = 2;
const SRV_FIXED_SIZE = 6;
const SOA_FIXED_SIZE = 20;

export class MessageMeasure {
  /** octets without compression; without OPT, which CoreDNS's log does not see either */
  uncompressedSize = 0;
  hasSoa = false;
  hasNameServers = false;
  private bytes: Uint8Array = new Uint8Array(0);
  private messageAt = 0;
  private end = 0;
  private questionNameSize = 0;
  /** end of the name that was read last */
  private nameEnd = 0;

  /** @param messageAt  offset of a well-formed message of at most one question; what is not ends the walk there */
  measure(bytes: Uint8Array, messageAt: number, size: number): void {
    this.bytes = bytes;
    this.messageAt = messageAt;
    this.end = messageAt + size;
    this.hasSoa = false;
    this.hasNameServers = false;
    this.questionNameSize = 0;
    let at = messageAt + HEADER_SIZE;
    if (this.word(messageAt + 4) !== 0) {
      this.questionNameSize = this.nameSize(at);
      at = this.nameEnd + 4;
    }
    let total = at - messageAt;
    const answers = this.word(messageAt + ANCOUNT_AT);
    const authorities = this.word(messageAt + NSCOUNT_AT);
    const count = answers + authorities + this.word(messageAt + NSCOUNT_AT + 2);
    for (let index = 0; index < count && at + 1 + RECORD_FIXED_SIZE <= this.end; index++) {
      const ownerSize = this.nameSize(at);
      const fixedAt = this.nameEnd;
      if (fixedAt + RECORD_FIXED_SIZE > this.end) break;
      const type = this.word(fixedAt);
      const dataAt = fixedAt + RECORD_FIXED_SIZE;
      const dataSize = this.word(fixedAt + 8);
      at = dataAt + dataSize;
      if (at > this.end) break;
      if (index >= answers && index < answers + authorities) {
        if (type === TYPE.SOA) this.hasSoa = true;
        else if (type === TYPE.NS) this.hasNameServers = true;
      }
      if (type !== TYPE.OPT) total += ownerSize + RECORD_FIXED_SIZE + this.dataSize(type, dataAt, dataSize);
    }
    this.uncompressedSize = total;
  }

  /** Only the types of RFC 1035, and SRV of our own, hold names that may be compressed. */
  private dataSize(type: number, at: number, size: number): number {
    switch (type) {
      case TYPE.CNAME:
      case TYPE.NS:
      case TYPE.PTR:
        return this.nameSize(at);
      case TYPE.MX:
        return MX_FIXED_SIZE + this.nameSize(at + MX_FIXED_SIZE);
      case TYPE.SRV:
        return SRV_FIXED_SIZE + this.nameSize(at + SRV_FIXED_SIZE);
      case TYPE.SOA: {
        const primarySize = this.nameSize(at);
        return primarySize + this.nameSize(this.nameEnd) + SOA_FIXED_SIZE;
      }
      default:
        return size;
    }
  }

  /** Octets of the name at `from` with its pointers followed; sets `nameEnd`. */
  private nameSize(from: number): number {
    const bytes = this.bytes;
    if (this.questionNameSize !== 0 && this.word(from) === QUESTION_POINTER) {
      this.nameEnd = from + 2;
      return this.questionNameSize;
    }
    let at = from;
    let size = 0;
    let pointers = 0;
    this.nameEnd = 0;
    while (at < this.end) {
      const label = bytes[at]!;
      if (label >= POINTER_BITS) {
        if (this.nameEnd === 0) this.nameEnd = at + 2;
        if (++pointers > POINTERS_MAX) return size;
        at = this.messageAt + (this.word(at) & 0x3fff);
        continue;
      }
      size += label + 1;
      at += label + 1;
      if (label === 0 || size > NAME_SIZE_MAX) break;
    }
    if (this.nameEnd === 0) this.nameEnd = at;
    return size;
  }

  private word(at: number): number {
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }
}
