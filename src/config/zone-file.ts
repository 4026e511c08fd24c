/** Zone files (RFC 1035 §5): records in the order of the text, with the directives $ORIGIN, $TTL, $INCLUDE and $GENERATE. */
import path from 'node:path';
import { equalOctets, formatName, lowerCaseName, parseName } from '../dns/name.ts';
import { absoluteName, parseTtl } from '../dns/rdata-text.ts';
import {
  readEntries,
  readRecord,
  ZoneFileFault,
  type ZoneEntry,
  type ZoneRecord,
  type ZoneState,
} from '../dns/record-text.ts';
import { placeText, type ZoneSource } from '../dns/zone-place.ts';
import type { ConfigFiles } from './config-files.ts';
import { generateLines } from './zone-generate.ts';

export { ZoneFileFault, type ZoneRecord } from '../dns/record-text.ts';

const SOA = 6;
const NSEC3 = 50;
const NSEC3PARAM = 51;
const INCLUDE_DEPTH_MAX = 7;
/** Files of one zone, each counted as often as it is included. */
const INCLUDES_MAX = 1000;

/** What a zone file includes. */
export type IncludedFiles = Pick<ConfigFiles, 'read'>;

/** A record whose data is known. */
export interface ReadRecord extends ZoneRecord {
  readonly rdata: Uint8Array;
}

/**
 * Whether a text is a zone file for an origin: it parses, and its SOA is the origin's.
 *
 * @param file    absolute
 * @param origin  canonical name
 * @returns what is wrong, undefined if nothing is
 */
export function checkZoneFile(text: string, file: string, origin: string, files: IncludedFiles): string | undefined {
  const apex = parseName(origin)!;
  let hasSoa = false;
  try {
    for (const record of readZoneFile(text, file, apex, files)) {
      if (record.type === NSEC3 || record.type === NSEC3PARAM) {
        return `NSEC3 zone is not supported, sign it with NSEC: ${placeText(record.place)}`;
      }
      if (record.type !== SOA) continue;
      hasSoa = true;
      if (equalOctets(lowerCaseName(record.owner.slice()), apex)) continue;
      return (
        `zone file ${file} has SOA owner ${formatName(record.owner)} that does not match origin ${origin}: ` +
        placeText(record.place)
      );
    }
  } catch (error) {
    if (error instanceof ZoneFileFault) return `zone file for ${origin} does not parse: ${error.message}`;
    throw error;
  }
  return hasSoa ? undefined : `zone file ${file} has no SOA record for origin ${origin}`;
}

/**
 * The records of a zone file in its order.
 *
 * @param origin  absolute wire form
 * @throws ZoneFileFault
 */
export function* readZoneFile(
  text: string,
  file: string,
  origin: Uint8Array,
  files: IncludedFiles,
): Generator<ReadRecord, void> {
  const reader = new ZoneFileReader(files);
  yield* reader.read({ text, file }, { origin, owner: undefined, defaultTtl: undefined, lastTtl: undefined }, 0);
}

class ZoneFileReader {
  readonly #files: IncludedFiles;
  #includeCount = 0;

  constructor(files: IncludedFiles) {
    this.#files = files;
  }

  *read(source: ZoneSource, state: ZoneState, depth: number): Generator<ReadRecord, void> {
    for (const entry of readEntries(source)) {
      const [first] = entry.words;
      if (first!.isQuoted || !first!.text.startsWith('$') || entry.hasNoOwner) yield readWhole(entry, state);
      else yield* this.#direct(entry, state, depth);
    }
  }

  *#direct(entry: ZoneEntry, state: ZoneState, depth: number): Generator<ReadRecord, void> {
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
        for (const text of generateLines(entry))
          yield* this.read({ text, file: source.file, from: entry }, state, depth);
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
