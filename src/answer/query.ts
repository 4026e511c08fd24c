/**
 * One query, parsed out of the octets that came: the question, its name lower-cased for comparison, and EDNS.
 *
 * One object a thread, reused for every message: nothing here allocates. Written by `parse`, read by everything that
 * answers. The message itself stays in the arena, where the response will be written over it.
 */
import { EDNS_OPTION, OPCODE, TYPE } from '../dns/iana.ts';
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_HIGH_AT,
  HEADER_SIZE,
  LABELS_MAX,
  NAME_SIZE_MAX,
  NSCOUNT_AT,
  OPCODE_MASK,
  OPCODE_SHIFT,
  POINTER_BITS,
  QDCOUNT_AT,
  QR,
} from '../dns/wire-header.ts';

/** What `parse` found. Everything but QUERY is answered (or dropped) without looking at records. */
export const PARSED = {
  QUERY: 0,
  /** shorter than a header: no answer */
  SHORT: 1,
  /** QR is set: no answer, or two servers would talk for ever */
  RESPONSE: 2,
  FORMERR: 3,
  NOTIMP: 4,
  /** a notification of a change (RFC 1996), parsed as a query */
  NOTIFY: 6,
  /** no question but a COOKIE option (RFC 7873 §5.4) */
  COOKIE_ONLY: 5,
} as const;

/** Records a query may hold beside its question: the bounds CoreDNS has. */
const ANSWERS_MAX = 1;
const AUTHORITIES_MAX = 1;
const ADDITIONALS_MAX = 2;

/** Values of `tsigAt`. */
export const TSIG_NONE = 0;
export const TSIG_MISPLACED = -1;

const CLIENT_COOKIE_SIZE = 8;
const SERVER_COOKIE_SIZE_MIN = 8;
const SERVER_COOKIE_SIZE_MAX = 32;

export class Query {
  /** offset of the name in the arena */
  nameAt = 0;
  /** octets of the name in wire form, root label included; 0 until a name was parsed */
  nameSize = 0;
  /** labels of the name, without the root label */
  labelCount = 0;
  qtype = 0;
  qclass = 0;
  opcode = 0;
  /** end of the question in the arena; header and question of the response end here */
  questionEnd = 0;

  hasEdns = false;
  ednsVersion = 0;
  /** the client's UDP payload size as sent */
  udpSize = 0;
  isDo = 0;
  /** where the options of OPT lie in the arena; empty without OPT */
  optionsAt = 0;
  optionsEnd = 0;
  isNsidAsked = false;
  /** an edns-tcp-keepalive option (RFC 7828), which means something on a stream only */
  isKeepaliveAsked = false;
  /** a Padding option (RFC 7830) */
  isPaddingAsked = false;
  /** octets of the COOKIE option, 0 if there is none; its octets are in `cookie` */
  cookieSize = 0;
  /** offset in the arena of a TSIG record that ends the message; TSIG_NONE, TSIG_MISPLACED */
  tsigAt: number = TSIG_NONE;
  readonly cookie = new Uint8Array(CLIENT_COOKIE_SIZE + SERVER_COOKIE_SIZE_MAX);

  /** the name, lower-cased, zero-padded far enough to be read as words from any label on */
  readonly nameBytes: Uint8Array;
  readonly nameWords: Uint32Array;
  readonly nameView: DataView;
  /** start of each label, octets from the start of the name */
  readonly labelStarts = new Uint8Array(LABELS_MAX + 1);

  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(arena: ArrayBuffer) {
    this.bytes = new Uint8Array(arena);
    this.view = new DataView(arena);
    const name = new ArrayBuffer(NAME_SIZE_MAX + 1 + 8);
    this.nameBytes = new Uint8Array(name);
    this.nameWords = new Uint32Array(name);
    this.nameView = new DataView(name);
  }

  /** @returns a PARSED value; never throws, whatever the octets are */
  parse(at: number, size: number): number {
    this.nameSize = 0;
    this.hasEdns = false;
    this.ednsVersion = 0;
    this.udpSize = 0;
    this.isDo = 0;
    this.optionsEnd = 0;
    this.isNsidAsked = false;
    this.isKeepaliveAsked = false;
    this.isPaddingAsked = false;
    this.cookieSize = 0;
    this.tsigAt = TSIG_NONE;
    this.questionEnd = at + HEADER_SIZE;
    if (size < HEADER_SIZE) return PARSED.SHORT;
    const flags = this.bytes[at + FLAGS_HIGH_AT]!;
    if ((flags & QR) !== 0) return PARSED.RESPONSE;
    this.opcode = (flags >> OPCODE_SHIFT) & OPCODE_MASK;
    if (this.opcode !== OPCODE.QUERY && this.opcode !== OPCODE.NOTIFY) return PARSED.NOTIMP;
    const questionCount = this.view.getUint16(at + QDCOUNT_AT);
    const answerCount = this.view.getUint16(at + ANCOUNT_AT);
    const authorityCount = this.view.getUint16(at + NSCOUNT_AT);
    const additionalCount = this.view.getUint16(at + ARCOUNT_AT);
    if (questionCount > 1) return PARSED.FORMERR;
    if (answerCount > ANSWERS_MAX || authorityCount > AUTHORITIES_MAX || additionalCount > ADDITIONALS_MAX) {
      return PARSED.FORMERR;
    }
    const end = at + size;
    if (questionCount === 1 && !this.parseQuestion(at + HEADER_SIZE, end)) return PARSED.FORMERR;
    const position = this.parseRecords(this.questionEnd, end, answerCount + authorityCount, additionalCount);
    if (position !== end) return PARSED.FORMERR;
    if (questionCount === 0)
      return this.cookieSize === 0 || this.opcode !== OPCODE.QUERY ? PARSED.FORMERR : PARSED.COOKIE_ONLY;
    return this.opcode === OPCODE.QUERY ? PARSED.QUERY : PARSED.NOTIFY;
  }

  /** Nothing behind the header is known: of an opcode that is not served. */
  forgetBody(at: number): void {
    this.nameSize = 0;
    this.hasEdns = false;
    this.questionEnd = at + HEADER_SIZE;
  }

  /** Make another name of the arena the one that is looked up: the target of a CNAME, uncompressed and well-formed. */
  followName(at: number): void {
    this.readName(at, at + NAME_SIZE_MAX);
  }

  private parseQuestion(at: number, end: number): boolean {
    const nameEnd = this.readName(at, end);
    if (nameEnd === 0 || nameEnd + 4 > end) {
      this.nameSize = 0;
      return false;
    }
    this.qtype = this.view.getUint16(nameEnd);
    this.qclass = this.view.getUint16(nameEnd + 2);
    this.questionEnd = nameEnd + 4;
    return true;
  }

  /** @returns the end of the name, or 0 if it is no uncompressed name: before the question there is none to point to */
  private readName(at: number, end: number): number {
    const bytes = this.bytes;
    const labelStarts = this.labelStarts;
    const limit = end < at + NAME_SIZE_MAX ? end : at + NAME_SIZE_MAX;
    let position = at;
    let count = 0;
    for (;;) {
      if (position >= limit) return 0;
      const size = bytes[position]!;
      labelStarts[count] = position - at;
      if (size === 0) break;
      if (size >= 0x40) return 0;
      count++;
      position += size + 1;
    }
    position++;
    this.nameAt = at;
    this.nameSize = position - at;
    this.labelCount = count;
    this.lowerName(at, position - at);
    return position;
  }

  /**
   * Copy the name in lower case, four octets at a time: 0x20 is added to each octet between A and Z. Length octets are
   * below A and stay. An octet ≥ 128 is no letter.
   */
  private lowerName(at: number, size: number): void {
    const words = this.nameWords;
    const view = this.view;
    const wordEnd = (size + 3) >>> 2;
    // Reading whole words may pass the name's end: the arena has room, and the tail is cut off below.
    for (let index = 0; index < wordEnd; index++) {
      const word = view.getUint32(at + (index << 2), true);
      const low = word & 0x7f7f7f7f;
      // Bit 7 of each octet: set by the first sum from A (0x41) on, by the second from [ (0x5b) on.
      const isUpper = (low + 0x3f3f3f3f) & ~(low + 0x25252525) & ~word & 0x80808080;
      words[index] = word | (isUpper >>> 2);
    }
    const tail = size & 3;
    if (tail !== 0) words[wordEnd - 1]! &= (1 << (tail << 3)) - 1;
    words[wordEnd] = 0;
    words[wordEnd + 1] = 0;
  }

  /** @returns where the records end, or 0 if they are not well-formed or OPT stands where it may not */
  private parseRecords(at: number, end: number, before: number, additional: number): number {
    let position = at;
    for (let index = before + additional; index > 0; index--) {
      const nameEnd = this.bytes[position] === 0 && position < end ? position + 1 : this.skipName(position, end);
      if (nameEnd === 0 || nameEnd + 10 > end) return 0;
      const dataAt = nameEnd + 10;
      const dataEnd = dataAt + this.view.getUint16(nameEnd + 8);
      if (dataEnd > end) return 0;
      const type = this.view.getUint16(nameEnd);
      if (type === TYPE.OPT) {
        // One OPT, in the additional section, owned by the root (RFC 6891 §6.1.1).
        if (this.hasEdns || index > additional || nameEnd !== position + 1) return 0;
        this.hasEdns = true;
        this.optionsAt = dataAt;
        this.optionsEnd = dataEnd;
        this.udpSize = this.view.getUint16(nameEnd + 2);
        this.ednsVersion = this.bytes[nameEnd + 5]!;
        this.isDo = this.bytes[nameEnd + 6]! >> 7;
        // Another version's options are not ours to judge: BADVERS is the answer.
        if (this.ednsVersion === 0 && !this.parseOptions(dataAt, dataEnd)) return 0;
      } else if (type === TYPE.TSIG) {
        // The last record of the additional section, and the only one (RFC 8945 §5.1).
        const isPlaced = index === 1 && additional > 0 && this.tsigAt === TSIG_NONE;
        this.tsigAt = isPlaced ? position : TSIG_MISPLACED;
      }
      position = dataEnd;
    }
    return position;
  }

  private parseOptions(at: number, end: number): boolean {
    let position = at;
    while (position < end) {
      if (position + 4 > end) return false;
      const code = this.view.getUint16(position);
      const size = this.view.getUint16(position + 2);
      position += 4;
      if (position + size > end) return false;
      if (code === EDNS_OPTION.COOKIE) {
        if (!this.readCookie(position, size)) return false;
      } else if (code === EDNS_OPTION.NSID) {
        this.isNsidAsked = true;
      } else if (code === EDNS_OPTION.TCP_KEEPALIVE) {
        this.isKeepaliveAsked = true;
      } else if (code === EDNS_OPTION.PADDING) {
        this.isPaddingAsked = true;
      }
      position += size;
    }
    return true;
  }

  /** The first COOKIE option counts, further ones are ignored (RFC 7873 §5.2). */
  private readCookie(at: number, size: number): boolean {
    if (size !== CLIENT_COOKIE_SIZE) {
      const serverSize = size - CLIENT_COOKIE_SIZE;
      if (serverSize < SERVER_COOKIE_SIZE_MIN || serverSize > SERVER_COOKIE_SIZE_MAX) return false;
    }
    if (this.cookieSize !== 0) return true;
    this.cookieSize = size;
    for (let index = 0; index < size; index++) this.cookie[index] = this.bytes[at + index]!;
    return true;
  }

  /** Step over a name that may end in a compression pointer. @returns its end, or 0 */
  private skipName(at: number, end: number): number {
    let position = at;
    for (let labels = 0; labels <= LABELS_MAX; labels++) {
      if (position >= end) return 0;
      const size = this.bytes[position]!;
      if (size === 0) return position + 1;
      if (size >= POINTER_BITS) return position + 2 <= end ? position + 2 : 0;
      if (size >= 0x40) return 0;
      position += size + 1;
    }
    return 0;
  }
}
