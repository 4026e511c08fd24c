/**
 * `rewrite` on the way back: a response that is otherwise done gets the question as the client asked it, and its records
 * what the rules that matched make of them. Names point to each other, so the message is written anew.
 */
import { TYPE } from '../../dns/iana.ts';
import { NameCompressor } from '../../dns/name-compressor.ts';
import { parseName } from '../../dns/name.ts';
import { RDATA_NAMES } from '../../dns/records/rdata-names.ts';
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  NAME_SIZE_MAX,
  NSCOUNT_AT,
  POINTER_BITS,
  QDCOUNT_AT,
  TC,
} from '../../dns/wire-header.ts';
import { RCODE } from '../../dns/iana.ts';
import { presentName } from '../name-text.ts';
import { replaceByRegex, type ResponseRule } from './rewrite-program.ts';

/** What was changed about one query. */
export interface Rewriting {
  /** the question as the client asked it: name, type, class */
  readonly question: Uint8Array;
  /** what is done to the response: for the question first, then for names that CNAME records led to */
  readonly layers: RewriteLayer[];
}

export interface RewriteLayer {
  /** records before it in the answer section are left as they are */
  readonly firstAnswer: number;
  /** the first answer is a CNAME that stands for the change of the name: it is left out */
  readonly hasAlias: boolean;
  /** the last one is applied first */
  readonly rules: readonly ResponseRule[];
}

const MESSAGE_MAX = 65_535;
/** From the type on. */
const TTL_AT = 4;
const DATA_AT = 10;
const QUESTION_POINTER = 0xc000 | HEADER_SIZE;
const OPT_RCODE_AT = 5;

const TYPE_DNAME = 39;
const TYPE_NAPTR = 35;
/** Types whose (first) name is the value that rules look at. */
const VALUE_TYPES: ReadonlySet<number> = new Set([
  TYPE.NS,
  TYPE.CNAME,
  TYPE.SOA,
  TYPE.PTR,
  TYPE.MX,
  TYPE.SRV,
  TYPE_NAPTR,
  TYPE_DNAME,
]);

export class ResponseRestorer {
  /** of the message just written */
  rcode = 0;
  isTruncated = false;

  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #copy: Uint8Array = new Uint8Array(MESSAGE_MAX);
  readonly #copyView: DataView = new DataView(this.#copy.buffer);
  readonly #names: NameCompressor = new NameCompressor(this.#copy);
  readonly #expanded: Uint8Array = new Uint8Array(NAME_SIZE_MAX);
  #rewriting: Rewriting = { question: new Uint8Array(0), layers: [] };
  #messageAt = 0;
  #messageEnd = 0;
  /** position in the new message */
  #to = 0;
  /** end of the room for records there */
  #limit = 0;

  /** @param arena  the messages lie in it */
  constructor(arena: ArrayBuffer) {
    this.#octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
  }

  /**
   * Write a response anew, over itself.
   *
   * @param rcode    the one it has, the extended one
   * @param sizeMax  octets it may have; what has no room is left out, with TC where it is needed
   * @returns its size
   */
  restore(messageAt: number, size: number, rcode: number, sizeMax: number, rewriting: Rewriting): number {
    const view = this.#view;
    const copy = this.#copy;
    this.#rewriting = rewriting;
    this.#messageAt = messageAt;
    this.#messageEnd = messageAt + size;
    const counts = [ANCOUNT_AT, NSCOUNT_AT, ARCOUNT_AT].map((at) => view.getUint16(messageAt + at));
    const records = this.#findRecords(counts[0]! + counts[1]! + counts[2]!);
    const opt = records.find(({ isOpt }) => isOpt);
    copy.set(this.#octets.subarray(messageAt, messageAt + HEADER_SIZE));
    this.#names.begin();
    const { question } = rewriting;
    this.#to = this.#names.write(question, 0, question.length, 0, HEADER_SIZE, false);
    copy.set(question.subarray(-4), this.#to);
    this.#to += 4;
    this.#limit = Math.min(sizeMax, MESSAGE_MAX) - (opt === undefined ? 0 : opt.end - opt.start);
    this.isTruncated = (copy[FLAGS_HIGH_AT]! & TC) !== 0;
    const written = this.#writeSections(records, counts);
    if (opt !== undefined) {
      copy.set(this.#octets.subarray(opt.start, opt.end), this.#to);
      written[2]!++;
    }
    this.#setRcode(rcode, opt === undefined ? 0 : this.#to);
    if (opt !== undefined) this.#to += opt.end - opt.start;
    if (this.isTruncated) copy[FLAGS_HIGH_AT]! |= TC;
    this.#copyView.setUint16(QDCOUNT_AT, 1);
    for (const [section, at] of [ANCOUNT_AT, NSCOUNT_AT, ARCOUNT_AT].entries()) {
      this.#copyView.setUint16(at, written[section]!);
    }
    this.#octets.set(copy.subarray(0, this.#to), messageAt);
    return this.#to;
  }

  #findRecords(count: number): RecordPlace[] {
    const records: RecordPlace[] = [];
    const questionCount = this.#view.getUint16(this.#messageAt + QDCOUNT_AT);
    let at = this.#messageAt + HEADER_SIZE;
    if (questionCount > 0) at = this.#nameEnd(at) + 4;
    for (let index = 0; index < count; index++) {
      const typeAt = this.#nameEnd(at);
      if (typeAt === 0 || typeAt + DATA_AT > this.#messageEnd) break;
      const end = typeAt + DATA_AT + this.#view.getUint16(typeAt + DATA_AT - 2);
      if (end > this.#messageEnd) break;
      records.push({ start: at, typeAt, end, isOpt: this.#view.getUint16(typeAt) === TYPE.OPT });
      at = end;
    }
    return records;
  }

  /** All records but OPT. @returns the number of each section */
  #writeSections(records: readonly RecordPlace[], counts: readonly number[]): number[] {
    const written = [0, 0, 0];
    let index = 0;
    for (const [section, count] of counts.entries()) {
      for (const end = index + count; index < end && index < records.length; index++) {
        const record = records[index]!;
        if (record.isOpt || (section === 0 && this.#isAlias(index))) continue;
        const from = this.#to;
        const to = this.#writeRecord(record, section === 0 ? index : Number.POSITIVE_INFINITY);
        if (to === 0 || to > this.#limit) {
          this.#to = from;
          // Of a denial the authority section is needed; additional records are a kindness.
          if (section === 0 || (section === 1 && written[0] === 0)) this.isTruncated = true;
          return written;
        }
        this.#to = to;
        written[section]!++;
      }
    }
    return written;
  }

  #isAlias(index: number): boolean {
    return this.#rewriting.layers.some(({ hasAlias, firstAnswer }) => hasAlias && firstAnswer === index);
  }

  #setRcode(rcode: number, optAt: number): void {
    let changed = rcode;
    for (const { rules } of this.#rewriting.layers.toReversed()) {
      for (const rule of rules.toReversed()) if (rule.kind === 'rcode' && rule.from === changed) changed = rule.to;
    }
    // Without OPT an extended rcode has no place.
    if (changed > 15 && optAt === 0) changed = RCODE.SERVFAIL;
    this.rcode = changed;
    const copy = this.#copy;
    copy[FLAGS_LOW_AT] = (copy[FLAGS_LOW_AT]! & 0xf0) | (changed & 0x0f);
    if (optAt !== 0) copy[optAt + OPT_RCODE_AT] = changed >>> 4;
  }

  /** @param index  of the record in the answer section @returns its end, 0 if it has no room or is broken */
  #writeRecord({ start, typeAt, end }: RecordPlace, index: number): number {
    const copy = this.#copy;
    const type = this.#view.getUint16(typeAt);
    let at = this.#writeName(start, this.#to, 'name', index, true);
    if (at === 0 || at + DATA_AT > MESSAGE_MAX) return 0;
    copy.set(this.#octets.subarray(typeAt, typeAt + DATA_AT), at);
    this.#copyView.setUint32(at + TTL_AT, this.#ttl(this.#view.getUint32(typeAt + TTL_AT), index));
    at += DATA_AT;
    const dataAt = at;
    let source = typeAt + DATA_AT;
    const shape = type === TYPE_NAPTR ? this.#naptrShape(source, end) : RDATA_NAMES.get(type);
    if (shape !== undefined) {
      if (source + shape.before > end || at + shape.before > MESSAGE_MAX) return 0;
      copy.set(this.#octets.subarray(source, source + shape.before), at);
      source += shape.before;
      at += shape.before;
      for (let name = 0; name < shape.names; name++) {
        const part = name === 0 && VALUE_TYPES.has(type) ? 'value' : 'none';
        const nameEnd = this.#nameEnd(source);
        if (nameEnd === 0 || nameEnd > end) return 0;
        at = this.#writeName(source, at, part, index, shape.isCompressible);
        if (at === 0) return 0;
        source = nameEnd;
      }
    }
    if (at + end - source > MESSAGE_MAX) return 0;
    copy.set(this.#octets.subarray(source, end), at);
    at += end - source;
    this.#copyView.setUint16(dataAt - 2, at - dataAt);
    return at;
  }

  /** Order, preference and three texts before the replacement (RFC 3403 §4.1). */
  #naptrShape(dataAt: number, end: number): { before: number; names: number; isCompressible: boolean } | undefined {
    let at = dataAt + 4;
    for (let left = 3; left > 0; left--) at += 1 + (this.#octets[at] ?? 0);
    return at < end ? { before: at - dataAt, names: 1, isCompressible: false } : undefined;
  }

  #ttl(seconds: number, index: number): number {
    let changed = seconds;
    for (const { firstAnswer, rules } of this.#rewriting.layers.toReversed()) {
      if (index < firstAnswer) continue;
      for (const rule of rules.toReversed()) {
        if (rule.kind === 'ttl') changed = Math.min(Math.max(changed, rule.minSeconds), rule.maxSeconds);
      }
    }
    return changed;
  }

  /** @returns end of what was written, 0 if it is no name or has no room */
  #writeName(
    nameAt: number,
    to: number,
    part: 'name' | 'value' | 'none',
    index: number,
    isCompressed: boolean,
  ): number {
    const changed = part === 'none' ? undefined : this.#changedName(nameAt, part, index);
    const { question } = this.#rewriting;
    if (changed === undefined) {
      return this.#names.write(this.#octets, this.#messageAt, this.#messageEnd, nameAt, to, isCompressed);
    }
    if (isCompressed && isSameName(changed, question)) {
      if (to + 2 > MESSAGE_MAX) return 0;
      this.#copyView.setUint16(to, QUESTION_POINTER);
      return to + 2;
    }
    return this.#names.write(changed, 0, changed.length, 0, to, isCompressed);
  }

  /** @returns wire form; undefined if no rule changes it, or what one makes of it is no name */
  #changedName(nameAt: number, part: 'name' | 'value', index: number): Uint8Array | undefined {
    let text: string | undefined;
    let before = '';
    for (const { firstAnswer, rules } of this.#rewriting.layers.toReversed()) {
      if (index < firstAnswer) continue;
      for (const rule of rules.toReversed()) {
        if (rule.kind === 'ttl' || rule.kind === 'rcode' || (rule.kind === 'regex' && rule.part !== part)) continue;
        if (text === undefined) {
          if (!this.#expand(nameAt)) return undefined;
          before = presentName(this.#expanded, 0);
          text = before;
        }
        text = changeName(rule, text);
      }
    }
    return text === undefined || text === before ? undefined : (parseName(text) ?? undefined);
  }

  /** The name without pointers, which lead backwards. */
  #expand(nameAt: number): boolean {
    const octets = this.#octets;
    let at = nameAt;
    let lowest = nameAt;
    let size = 0;
    while (at < this.#messageEnd) {
      const length = octets[at]!;
      if (length >= POINTER_BITS) {
        at = this.#messageAt + (((length & 0x3f) << 8) | octets[at + 1]!);
        if (at >= lowest) return false;
        lowest = at;
        continue;
      }
      if (length > 63 || size + length + 1 > NAME_SIZE_MAX) return false;
      for (const end = at + length; at <= end; at++) this.#expanded[size++] = octets[at]!;
      if (length === 0) return true;
    }
    return false;
  }

  #nameEnd(at: number): number {
    const octets = this.#octets;
    for (let position = at; position < this.#messageEnd;) {
      const size = octets[position]!;
      if (size === 0) return position + 1;
      if (size >= POINTER_BITS) return position + 2;
      position += size + 1;
    }
    return 0;
  }
}

interface RecordPlace {
  readonly start: number;
  readonly typeAt: number;
  readonly end: number;
  readonly isOpt: boolean;
}

function changeName(rule: Extract<ResponseRule, { readonly kind: 'name' | 'suffix' | 'regex' }>, text: string): string {
  if (rule.kind === 'regex') return replaceByRegex(rule.regex, rule.to, text);
  const at = text.length - rule.from.length;
  if (at < 0 || text.slice(at).toLowerCase() !== rule.from.toLowerCase()) return text;
  if (rule.kind === 'name' && at > 0 && text[at - 1] !== '.') return text;
  return text.slice(0, at) + rule.to;
}

/** Whether a name is the one that a question begins with, without regard to letter case. */
function isSameName(name: Uint8Array, question: Uint8Array): boolean {
  if (name.length !== question.length - 4) return false;
  for (let index = 0; index < name.length; index++) {
    if (lowerCase(name[index]!) !== lowerCase(question[index]!)) return false;
  }
  return true;
}

function lowerCase(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}
