import path from 'node:path';
import { equalOctets, formatName, lowerCaseName, parseName } from '../dns/name.ts';
import type { ConfigFiles } from './config-files.ts';
import { parseClass, parseType } from './dns-words.ts';
import { absoluteName, encodeRdata, parseTtl, RdataFault, type ZoneWord } from './zone-rdata.ts';

/** One record of a zone file (RFC 1035 §5). */
export interface ZoneRecord {
  /** absolute wire form, letter case as written */
  readonly owner: Uint8Array;
  readonly type: number;
  readonly qclass: number;
  readonly ttlSeconds: number;
  /** wire form, not compressed; null for a type whose text form is not read */
  readonly rdata: Uint8Array | null;
}

/** Something wrong with a zone file. The message starts with file and line. */
export class ZoneFileFault extends Error {
  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`);
    this.name = 'ZoneFileFault';
  }
}

const SOA = 6;
const IN = 1;
const INCLUDE_DEPTH_MAX = 7;
/** Files of one zone, each counted as often as it is included. */
const INCLUDES_MAX = 1000;

/**
 * Whether a text is a zone file for an origin: it parses, and its SOA is the origin's.
 *
 * @param file    absolute
 * @param origin  canonical name
 * @returns what is wrong, undefined if nothing is
 */
export function checkZoneFile(text: string, file: string, origin: string, files: ConfigFiles): string | undefined {
  const apex = parseName(origin)!;
  let hasSoa = false;
  try {
    for (const record of readZoneFile(text, file, apex, files)) {
      if (record.type !== SOA) continue;
      hasSoa = true;
      if (equalOctets(lowerCaseName(record.owner.slice()), apex)) continue;
      return `zone file ${file} has SOA owner ${formatName(record.owner)} that does not match origin ${origin}`;
    }
  } catch (error) {
    if (error instanceof ZoneFileFault) return `zone file for ${origin} does not parse: ${error.message}`;
    throw error;
  }
  return hasSoa ? undefined : `zone file ${file} has no SOA record for origin ${origin}`;
}

/**
 * The records of a zone file in its order. `$ORIGIN`, `$TTL` and `$INCLUDE` are followed.
 *
 * @param origin  absolute wire form
 * @throws ZoneFileFault
 */
export function* readZoneFile(
  text: string,
  file: string,
  origin: Uint8Array,
  files: ConfigFiles,
  includes: Includes = { depth: 0, count: { files: 0 }, defaultTtl: undefined },
): Generator<ZoneRecord, void> {
  const state: ZoneState = { origin, owner: undefined, defaultTtl: includes.defaultTtl, lastTtl: undefined };
  for (const entry of readEntries(text, file)) {
    const [first] = entry.words;
    if (first!.isQuoted || !first!.text.startsWith('$') || entry.hasNoOwner) {
      yield readRecord(entry, file, state);
      continue;
    }
    const [, value, second] = entry.words;
    switch (first!.text.toUpperCase()) {
      case '$ORIGIN': {
        const name = absoluteName(value?.text ?? '', state.origin);
        if (name === null) throw new ZoneFileFault(file, entry.line, `$ORIGIN needs a domain name`);
        state.origin = name;
        break;
      }
      case '$TTL':
        state.defaultTtl = parseTtl(value?.text ?? '');
        if (state.defaultTtl === undefined) throw new ZoneFileFault(file, entry.line, '$TTL needs a number of seconds');
        break;
      case '$INCLUDE': {
        if (includes.depth === INCLUDE_DEPTH_MAX || ++includes.count.files > INCLUDES_MAX) {
          throw new ZoneFileFault(file, entry.line, 'too deeply nested $INCLUDE, or too many');
        }
        const included = path.resolve(path.dirname(file), value?.text ?? '');
        const content = readIncluded(included, files, file, entry.line);
        const below = second === undefined ? state.origin : absoluteName(second.text, state.origin);
        if (below === null) throw new ZoneFileFault(file, entry.line, `'${second?.text}' is no domain name`);
        yield* readZoneFile(content, included, below, files, {
          depth: includes.depth + 1,
          count: includes.count,
          defaultTtl: state.defaultTtl,
        });
        break;
      }
      default:
        throw new ZoneFileFault(
          file,
          entry.line,
          `unknown directive ${first!.text}, expected $ORIGIN, $TTL or $INCLUDE`,
        );
    }
  }
}

interface Includes {
  readonly depth: number;
  /** of all files together */
  readonly count: { files: number };
  readonly defaultTtl: number | undefined;
}

interface ZoneState {
  origin: Uint8Array;
  owner: Uint8Array | undefined;
  /** from $TTL */
  defaultTtl: number | undefined;
  /** of the record before */
  lastTtl: number | undefined;
}

function readRecord(entry: ZoneEntry, file: string, state: ZoneState): ZoneRecord {
  const fault = (message: string): ZoneFileFault => new ZoneFileFault(file, entry.line, message);
  let words = entry.words;
  if (!entry.hasNoOwner) {
    const owner = absoluteName(words[0]!.text, state.origin);
    if (owner === null) throw fault(`bad owner name '${words[0]!.text}'`);
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
    const asClass = qclass === undefined && text !== 'ANY' ? parseClass(text) : undefined;
    if (asTtl !== undefined) ttl = asTtl;
    else if (asClass !== undefined) qclass = asClass;
    else break;
  }
  const typeWord = words[index];
  const type = typeWord === undefined ? undefined : parseType(typeWord.text.toUpperCase());
  if (type === undefined)
    throw fault(
      `expected a record type, found ${typeWord === undefined ? 'the end of the line' : `'${typeWord.text}'`}`,
    );
  const ttlSeconds = ttl ?? state.defaultTtl ?? state.lastTtl ?? (type === SOA ? 3600 : undefined);
  if (ttlSeconds === undefined) throw fault('missing TTL, expected one in the record or $TTL before it');
  state.lastTtl = ttlSeconds;
  try {
    const rest = words.slice(index + 1);
    const rdata = encodeRdata(type, { words: rest, name: (text) => absoluteName(text, state.origin) });
    return { owner: state.owner, type, qclass: qclass ?? IN, ttlSeconds, rdata };
  } catch (error) {
    if (error instanceof RdataFault) throw fault(`${typeWord!.text}: ${error.message}`);
    throw error;
  }
}

function readIncluded(included: string, files: ConfigFiles, file: string, line: number): string {
  try {
    const text = files.read(included);
    if (text !== undefined) return text;
  } catch (error) {
    throw new ZoneFileFault(
      file,
      line,
      `cannot include ${included}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  throw new ZoneFileFault(file, line, `file to include not found: ${included}`);
}

/** The words of one record, which parentheses may spread over lines. */
interface ZoneEntry {
  readonly words: readonly ZoneWord[];
  /** the line starts with white space: the owner is that of the record before */
  readonly hasNoOwner: boolean;
  readonly line: number;
}

const WORD = /[^\s"();\\]*(?:\\[^\n][^\s"();\\]*)*/y;

function* readEntries(text: string, file: string): Generator<ZoneEntry, void> {
  let words: ZoneWord[] = [];
  let line = 1;
  let entryLine = 1;
  let hasNoOwner = false;
  let depth = 0;
  for (let at = 0; at < text.length;) {
    const sign = text[at]!;
    if (sign === '\n') {
      if (depth === 0 && words.length > 0) {
        yield { words, hasNoOwner, line: entryLine };
        words = [];
      }
      line++;
      at++;
      continue;
    }
    const isLineStart = words.length === 0 && depth === 0 && (at === 0 || text[at - 1] === '\n');
    if (isLineStart) {
      hasNoOwner = sign === ' ' || sign === '\t';
      entryLine = line;
    }
    if (sign === ' ' || sign === '\t' || sign === '\r') at++;
    else if (sign === ';') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (sign === '(' || sign === ')') {
      depth += sign === '(' ? 1 : -1;
      if (depth < 0) throw new ZoneFileFault(file, line, "')' without '('");
      at++;
    } else if (sign === '"') {
      const end = endOfQuoted(text, at);
      if (end < 0) throw new ZoneFileFault(file, line, 'the quoted text that starts here never ends');
      const quoted = text.slice(at + 1, end);
      words.push({ text: quoted, isQuoted: true });
      line += quoted.split('\n').length - 1;
      at = end + 1;
    } else {
      WORD.lastIndex = at;
      const word = WORD.exec(text)?.[0] ?? '';
      if (word === '') throw new ZoneFileFault(file, line, `unexpected ${JSON.stringify(sign)}`);
      words.push({ text: word, isQuoted: false });
      at += word.length;
    }
  }
  if (depth > 0) throw new ZoneFileFault(file, line, "the file ends inside of '('");
  if (words.length > 0) yield { words, hasNoOwner, line: entryLine };
}

function endOfQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}
