import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import { argumentFault } from './corefile/line-reader.ts';
import { quoteText, type CorefileToken } from './corefile/corefile-token.ts';

/** CoreDNS's limit: the compiled form of a longer one may not fit into memory. */
export const REGEX_LENGTH_MAX = 10_000;

export interface CheckedRegex {
  /** Go's syntax (RE2) */
  readonly pattern: string;
  /** capturing groups, the whole match not counted */
  readonly groupCount: number;
  /** names of groups; the number of each */
  readonly groupNames: Readonly<Record<string, number>>;
}

let re2: typeof Re2 | undefined;

/** Loaded by the first regex: most configurations have none. */
function loadRe2(): typeof Re2 {
  re2 ??= createRequire(import.meta.url)('re2js') as typeof Re2;
  return re2;
}

/** @returns a text that says what is wrong with the pattern, if something is */
export function checkRegex(pattern: string): CheckedRegex | string {
  if (pattern.length > REGEX_LENGTH_MAX) return `regex pattern too long: ${pattern.length} > ${REGEX_LENGTH_MAX}`;
  const { RE2JS } = loadRe2();
  try {
    const compiled = RE2JS.compile(pattern);
    return { pattern, groupCount: compiled.groupCount(), groupNames: { ...compiled.namedGroups() } };
  } catch (error) {
    return `invalid regex ${quoteText(pattern)}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export function readRegex(token: CorefileToken): CheckedRegex {
  const checked = checkRegex(token.text);
  if (typeof checked === 'string') throw argumentFault(token, checked);
  return checked;
}
