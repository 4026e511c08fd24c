import path from 'node:path';
import { equalOctets, formatName, lowerCaseName, parseName } from '../dns/name.ts';
import { absoluteName, parseTtl } from '../dns/rdata-text.ts';
import { readEntries, readRecord, ZoneFileFault, type ZoneRecord, type ZoneState } from '../dns/record-text.ts';
import type { ConfigFiles } from './config-files.ts';

export { ZoneFileFault, type ZoneRecord } from '../dns/record-text.ts';

const SOA = 6;
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
