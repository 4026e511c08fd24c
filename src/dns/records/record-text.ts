/** Records in the text form of zone files (RFC 1035 §5): cut into words, and each record's words into octets. */
import { TYPE } from '../iana.ts';
import { absoluteName, encodeRdata, parseTtl, RdataFault, type ZoneWord } from './rdata-text.ts';
import { parseClass, parseType } from './record-words.ts';
import { ZoneFileFault, type ZonePlace, type ZoneSource } from './zone-place.ts';

export { ZoneFileFault } from './zone-place.ts';

/** One record of a zone file (RFC 1035 §5). */
export interface ZoneRecord {
  /** absolute wire form, letter case as written */
  readonly owner: Uint8Array;
  readonly type: number;
  readonly qclass: number;
  readonly ttlSeconds: number;
  /** wire form, not compressed; null for a type whose text form is not read */
  readonly rdata: Uint8Array | null;
  readonly place: ZonePlace;
}

const SOA = TYPE.SOA;
const IN = 1;

/** What a record takes over from what stands before it. */
export interface ZoneState {
  origin: Uint8Array;
  owner: Uint8Array | undefined;
  /** from $TTL */
  defaultTtl: number | undefined;
  /** of the record before */
  lastTtl: number | undefined;
}

/** @throws ZoneFileFault */
export function readRecord(entry: ZoneEntry, state: ZoneState): ZoneRecord {
  const fault = (message: string, at = entry.at): ZoneFileFault =>
    new ZoneFileFault({ source: entry.source, at }, message);
  const garbled = entry.words.find(({ text }) => text.includes('\ufffd'));
  if (garbled !== undefined) throw fault('octets that are not UTF-8: write them as \\DDD', garbled.at);
  let words = entry.words;
  if (!entry.hasNoOwner) {
    const [word] = words;
    const owner = absoluteName(word!.text, state.origin);
    if (owner === null) throw fault(`bad owner name '${word!.text}'`);
    state.owner = owner;
    words = words.slice(1);
  }
  if (state.owner === undefined) throw fault('the first record has no owner name');
  let ttl: number | undefined;
  let qclass: number | undefined;
  let index = 0;
  for (; index < words.length; index++) {
    const text = words[index]!.text.toUpperCase();
    const asTtl = ttl === undefined ? parseTtl(text) : undefined;
    const asClass = qclass === undefined && text !== 'ANY' ? readClass(text) : undefined;
    if (asTtl !== undefined) ttl = asTtl;
    else if (asClass !== undefined) qclass = asClass;
    else break;
  }
  const typeWord = words[index];
  const type = typeWord === undefined ? undefined : parseType(typeWord.text.toUpperCase());
  if (type === undefined) {
    const found = typeWord === undefined ? 'the end of the line' : `'${typeWord.text}'`;
    throw fault(`expected a record type, found ${found}`, typeWord?.at);
  }
  const ttlSeconds = ttl ?? state.defaultTtl ?? state.lastTtl ?? (type === SOA ? 3600 : undefined);
  if (ttlSeconds === undefined) {
    throw fault('missing TTL, expected one in the record or $TTL before it', typeWord!.at);
  }
  state.lastTtl = ttlSeconds;
  try {
    const rest = words.slice(index + 1);
    const rdata = encodeRdata(type, { words: rest, name: (text) => absoluteName(text, state.origin) });
    return { owner: state.owner, type, qclass: qclass ?? IN, ttlSeconds, rdata, place: entry };
  } catch (error) {
    if (error instanceof RdataFault) throw fault(`${typeWord!.text}: ${error.message}`, error.at ?? typeWord!.at);
    throw error;
  }
}

/** `IN` or `CLASS1` (RFC 3597 §5), in capitals. */
function readClass(text: string): number | undefined {
  const digits = /^CLASS(\d{1,5})$/.exec(text)?.[1];
  if (digits === undefined) return parseClass(text);
  return Number(digits) <= 0xffff ? Number(digits) : undefined;
}

/** The words of one record, which parentheses may spread over lines. Its place is where it begins. */
export interface ZoneEntry extends ZonePlace {
  readonly words: readonly ZoneWord[];
  /** the line starts with white space: the owner is that of the record before */
  readonly hasNoOwner: boolean;
}

/** Characters of the words of one record: 65,535 octets of data, each written as `\\DDD`, are half of it. */
const ENTRY_SIZE_MAX = 512 * 1024;
/** Characters of a text between two pauses. */
const SIZE_BEFORE_PAUSE = 16 * 1024;

/**
 * The records of a text and its directives, not read yet. null: nothing yet, but much text was passed over.
 *
 * @throws ZoneFileFault
 */
export function* readEntries(source: ZoneSource): Generator<ZoneEntry | null, void> {
  const { text } = source;
  const fault = (at: number, message: string): ZoneFileFault => new ZoneFileFault({ source, at }, message);
  let words: ZoneWord[] = [];
  let size = 0;
  let hasNoOwner = false;
  let depth = 0;
  let openAt = 0;
  let pauseAt = SIZE_BEFORE_PAUSE;
  for (let at = 0; at < text.length;) {
    if (at >= pauseAt) {
      yield null;
      pauseAt = at + SIZE_BEFORE_PAUSE;
    }
    const sign = text[at]!;
    if (sign === '\n') {
      if (depth === 0 && words.length > 0) {
        yield { source, words, hasNoOwner, at: words[0]!.at };
        words = [];
        size = 0;
      }
      at++;
      continue;
    }
    const isLineStart = words.length === 0 && depth === 0 && (at === 0 || text[at - 1] === '\n');
    if (isLineStart) hasNoOwner = sign === ' ' || sign === '\t';
    if (sign === ' ' || sign === '\t' || sign === '\r') at++;
    else if (sign === ';') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (sign === '(' || sign === ')') {
      if (depth === 0) openAt = at;
      depth += sign === '(' ? 1 : -1;
      if (depth < 0) throw fault(at, "')' without '('");
      at++;
    } else {
      const isQuoted = sign === '"';
      const start = isQuoted ? at + 1 : at;
      const end = isQuoted ? endOfQuoted(text, start) : endOfWord(text, start);
      size += end - start + 1;
      if (size > ENTRY_SIZE_MAX) throw fault(words[0]?.at ?? at, `a record of more than ${ENTRY_SIZE_MAX} characters`);
      if (end === text.length && isQuoted) throw fault(at, 'the quoted text that starts here never ends');
      if (end === start && !isQuoted) throw fault(at, `unexpected ${JSON.stringify(sign)}`);
      words.push({ text: text.slice(start, end), isQuoted, at });
      at = isQuoted ? end + 1 : end;
    }
  }
  if (depth > 0) throw fault(openAt, "the file ends inside of '('");
  if (words.length > 0) yield { source, words, hasNoOwner, at: words[0]!.at };
}

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const LINE_END = 0x0a;

/** Where the quoted text ends that starts at `start`; not looked for further than a record may be long. */
function endOfQuoted(text: string, start: number): number {
  const last = Math.min(text.length, start + ENTRY_SIZE_MAX);
  let at = start;
  for (; at < last; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) break;
    if (code === BACKSLASH) at++;
  }
  return Math.min(at, text.length);
}

/** Where the word ends that starts at `start`, likewise. A backslash at the end of a line is no part of one. */
function endOfWord(text: string, start: number): number {
  const last = Math.min(text.length, start + ENTRY_SIZE_MAX);
  let at = start;
  for (; at < last; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) {
      if (at + 1 >= text.length || text.charCodeAt(at + 1) === LINE_END) break;
      at++;
    } else if (isBesideWords(code)) break;
  }
  return Math.min(at, text.length);
}

/** White space, quotes, parentheses and semicolons. */
function isBesideWords(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x80) return code === QUOTE || code === 0x28 || code === 0x29 || code === 0x3b;
  return /\s/.test(String.fromCharCode(code));
}

/**
 * The first record of a text that is no file: names are absolute with or without a final dot, and there are no
 * directives.
 *
 * @param what        the text is, for messages
 * @param ttlSeconds  of a record that does not say
 * @returns undefined if there is none
 * @throws ZoneFileFault
 */
export function readOneRecord(text: string, what: string, ttlSeconds: number): ZoneRecord | undefined {
  for (const entry of readEntries({ text, file: what })) {
    if (entry === null) continue;
    return readRecord(entry, { origin: ROOT, owner: undefined, defaultTtl: ttlSeconds, lastTtl: undefined });
  }
  return undefined;
}

const ROOT = Uint8Array.of(0);
