/** Zone files (RFC 1035 §5): records in the order of the text, with the directives $ORIGIN, $TTL, $INCLUDE and $GENERATE. */
import path from 'node:path';
import { lowerCaseName, parseName } from '../../dns/name.ts';
import { absoluteName, parseTtl } from '../../dns/records/rdata-text.ts';
import {
  readEntries,
  readRecord,
  ZoneFileFault,
  type ZoneEntry,
  type ZoneRecord,
  type ZoneState,
} from '../../dns/records/record-text.ts';
import type { ZoneSource } from '../../dns/records/zone-place.ts';
import { faultOfZoneRecord } from '../../dns/records/zone-record-fault.ts';
import type { ConfigFiles } from '../corefile/config-files.ts';
import { generateLines } from './zone-generate.ts';

export { ZoneFileFault, type ZoneRecord } from '../../dns/records/record-text.ts';

const SOA = 6;
/** Records looked at between two pauses. */
const RECORDS_BEFORE_PAUSE = 64;
const INCLUDE_DEPTH_MAX = 7;
/** Files of one zone, each counted as often as it is included. */
const INCLUDES_MAX = 1000;
/** Octets of a zone file: a million records are 50 MB. */
export const ZONE_FILE_SIZE_MAX = 400 * 1024 * 1024;
/** Characters that all files which one zone includes have, and those of all that its $GENERATE directives stand for. */
const INCLUDED_SIZE_MAX = ZONE_FILE_SIZE_MAX;
const GENERATED_SIZE_MAX = 64 * 1024 * 1024;
/** What a line that $GENERATE made costs besides its characters, in characters. */
const GENERATED_LINE_COST = 32;

/** For tests: less than what is served. */
export interface ZoneFileLimits {
  readonly includedSize: number;
  readonly generatedSize: number;
}

/** What a zone file includes. */
export type IncludedFiles = Pick<ConfigFiles, 'read'>;

/** A record whose data is known. */
export interface ReadRecord extends ZoneRecord {
  readonly rdata: Uint8Array;
}

/**
 * Whether a text is a zone file for an origin: each record may stand in the zone, and the zone has a SOA record. A generator
 * that pauses often.
 *
 * @param file    absolute
 * @param origin  canonical name
 * @returns what is wrong, undefined if nothing is
 */
export function* checkZoneFile(
  text: string,
  file: string,
  origin: string,
  files: IncludedFiles,
): Generator<void, string | undefined> {
  const apex = lowerCaseName(parseName(origin)!);
  let hasSoa = false;
  let count = 0;
  try {
    for (const record of readZoneFile(text, file, apex, files)) {
      if (record === null || ++count % RECORDS_BEFORE_PAUSE === 0) yield;
      if (record === null) continue;
      const fault = faultOfZoneRecord(record, apex);
      if (fault !== undefined) throw new ZoneFileFault(record.place, fault);
      if (record.type === SOA) hasSoa = true;
    }
  } catch (error) {
    if (error instanceof ZoneFileFault) return `zone file for ${origin} does not parse: ${error.message}`;
    throw error;
  }
  return hasSoa ? undefined : `zone file ${file} has no SOA record for origin ${origin}`;
}

/**
 * The records of a zone file in its order. null: no record yet, but much text was passed over, or made.
 *
 * @param origin  absolute wire form
 * @param limits  for tests
 * @throws ZoneFileFault
 */
export function* readZoneFile(
  text: string,
  file: string,
  origin: Uint8Array,
  files: IncludedFiles,
  limits: ZoneFileLimits = { includedSize: INCLUDED_SIZE_MAX, generatedSize: GENERATED_SIZE_MAX },
): Generator<ReadRecord | null, void> {
  const reader = new ZoneFileReader(files, limits);
  yield* reader.read({ text, file }, { origin, owner: undefined, defaultTtl: undefined, lastTtl: undefined }, 0);
}

class ZoneFileReader {
  readonly #files: IncludedFiles;
  readonly #limits: ZoneFileLimits;
  #includeCount = 0;
  #includedSize = 0;
  #generatedSize = 0;

  constructor(files: IncludedFiles, limits: ZoneFileLimits) {
    this.#files = files;
    this.#limits = limits;
  }

  *read(source: ZoneSource, state: ZoneState, depth: number): Generator<ReadRecord | null, void> {
    for (const entry of readEntries(source)) {
      if (entry === null) {
        yield null;
        continue;
      }
      const [first] = entry.words;
      if (first!.isQuoted || !first!.text.startsWith('$') || entry.hasNoOwner) yield readWhole(entry, state);
      else yield* this.#direct(entry, state, depth);
    }
  }

  *#direct(entry: ZoneEntry, state: ZoneState, depth: number): Generator<ReadRecord | null, void> {
    const { source } = entry;
    const [directive, value, second, third] = entry.words;
    switch (directive!.text.toUpperCase()) {
      case '$ORIGIN': {
        const name = absoluteName(value?.text ?? '', state.origin);
        if (name === null) throw faultOf(entry, 1, `$ORIGIN needs a domain name`);
        endOf(entry, second === undefined ? 0 : 2);
        state.origin = name;
        return;
      }
      case '$TTL': {
        const ttl = parseTtl(value?.text ?? '');
        if (ttl === undefined) throw faultOf(entry, 1, '$TTL needs a number of seconds');
        endOf(entry, second === undefined ? 0 : 2);
        state.defaultTtl = ttl;
        return;
      }
      case '$INCLUDE': {
        if (depth === INCLUDE_DEPTH_MAX || ++this.#includeCount > INCLUDES_MAX) {
          throw faultOf(entry, 0, 'too deeply nested $INCLUDE, or too many');
        }
        const included = path.resolve(path.dirname(source.file), value?.text ?? '');
        const text = this.#readIncluded(included, entry);
        const origin = second === undefined ? state.origin : absoluteName(second.text, state.origin);
        if (origin === null) throw faultOf(entry, 2, `'${second?.text}' is no domain name`);
        endOf(entry, third === undefined ? 0 : 3);
        const { defaultTtl, lastTtl } = state;
        yield* this.read({ text, file: included }, { origin, owner: undefined, defaultTtl, lastTtl }, depth + 1);
        return;
      }
      case '$GENERATE':
        if (source.from !== undefined) throw faultOf(entry, 0, '$GENERATE in what $GENERATE made');
        for (const text of generateLines(entry)) {
          this.#generatedSize += text.length + GENERATED_LINE_COST;
          if (this.#generatedSize > this.#limits.generatedSize) {
            throw faultOf(entry, 0, `$GENERATE: more than ${this.#limits.generatedSize} characters in one zone`);
          }
          yield* this.read({ text, file: source.file, from: entry }, state, depth);
        }
        return;
      default:
        throw faultOf(entry, 0, `unknown directive ${directive!.text}, expected $ORIGIN, $TTL, $INCLUDE or $GENERATE`);
    }
  }

  #readIncluded(included: string, entry: ZoneEntry): string {
    let text: string | undefined;
    try {
      text = this.#files.read(included);
    } catch (error) {
      throw faultOf(entry, 1, `cannot include ${included}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (text === undefined) throw faultOf(entry, 1, `file to include not found: ${included}`);
    this.#includedSize += text.length;
    if (this.#includedSize > this.#limits.includedSize) {
      throw faultOf(entry, 1, `more than ${this.#limits.includedSize} characters are included in one zone`);
    }
    return text;
  }
}

function readWhole(entry: ZoneEntry, state: ZoneState): ReadRecord {
  const record = readRecord(entry, state);
  if (record.rdata !== null) return { ...record, rdata: record.rdata };
  throw new ZoneFileFault(entry, `the data of type ${record.type} is not read: write it as \\# SIZE HEX (RFC 3597)`);
}

/** At a word of the entry, or at its start. */
function faultOf(entry: ZoneEntry, word: number, message: string): ZoneFileFault {
  return new ZoneFileFault({ source: entry.source, at: entry.words[word]?.at ?? entry.at }, message);
}

/** @param word  index of the first word too many, 0: there is none */
function endOf(entry: ZoneEntry, word: number): void {
  if (word > 0) throw faultOf(entry, word, `garbage after the directive: '${entry.words[word]!.text}'`);
}
