import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readClass, readRcode, readType } from '../../config/dns-words.ts';
import { argumentFault, countFault, refuseBlock, refuseBraces } from '../../config/corefile/line-reader.ts';
import { parseInteger, U32_MAX } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readRegex } from '../../config/regex.ts';
import { readEdns0Rule, type Edns0Rule } from './edns0.ts';
import { normalizeName, readMatchKind, readNameRule, type MatchKind, type NameRule } from './name-rule.ts';

export interface RewriteOptions {
  /** in the order of the text */
  readonly rules: readonly RewriteRule[];
}

export interface RewriteRule {
  /** stop: no rule behind this one is tried when it matched */
  readonly mode: 'stop' | 'continue';
  readonly change: RewriteChange;
}

export type RewriteChange = NameRule | NumberRule | TtlRule | RcodeRule | CnameRule | Edns0Rule;

export interface NumberRule {
  readonly field: 'type' | 'class';
  readonly from: number;
  readonly to: number;
}

export interface TtlRule {
  readonly field: 'ttl';
  readonly match: MatchKind;
  /** of the question: a name, a piece of one with its final dot, or RE2 */
  readonly name: string;
  readonly minTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

export interface RcodeRule {
  readonly field: 'rcode';
  readonly match: MatchKind;
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface CnameRule {
  readonly field: 'cname';
  readonly match: MatchKind;
  /** lower-case */
  readonly from: string;
  readonly to: string;
}

/** A rule on one line, or as the only one in a block: `rewrite [continue|stop] FIELD …`. */
export default definePlugin('rewrite', (lines): RewriteOptions => ({ rules: lines.map(readRule) }));

function readRule(line: CorefileLine): RewriteRule {
  const words = wordsOf(line);
  let [first, ...rest] = words;
  if (first === undefined) throw argumentFault(line.name, 'no rule type specified for rewrite');
  const word = first.text.toLowerCase();
  const mode = word === 'continue' ? 'continue' : 'stop';
  if (word === 'continue' || word === 'stop') {
    const [field, ...more] = rest;
    if (field === undefined) throw argumentFault(first, `${word} rule must begin with a rule type`);
    first = field;
    rest = more;
  }
  return { mode, change: readChange(first, rest) };
}

/** The words of the line; those of the block follow where the line holds no whole rule. */
function wordsOf(line: CorefileLine): readonly CorefileToken[] {
  if (line.arguments.length >= 2) {
    refuseBraces(line);
    return line.arguments;
  }
  const inBlock = (line.options ?? []).flatMap((option) => {
    refuseBlock(option);
    return [option.name, ...option.arguments];
  });
  return [...line.arguments, ...inBlock];
}

function readChange(field: CorefileToken, words: readonly CorefileToken[]): RewriteChange {
  const kind = field.text.toLowerCase();
  switch (kind) {
    case 'name':
      return readNameRule(field, words);
    case 'type':
    case 'class': {
      const [from, to] = words;
      if (from === undefined || to === undefined || words.length !== 2) {
        throw argumentFault(words[2] ?? field, `${kind} rules must have exactly two arguments`);
      }
      const read = kind === 'type' ? readType : readClass;
      return { field: kind, from: read(from, from.text.toUpperCase()), to: read(to, to.text.toUpperCase()) };
    }
    case 'ttl':
      return readTtlRule(field, words);
    case 'rcode':
      return readRcodeRule(field, words);
    case 'cname':
      return readCnameRule(field, words);
    case 'edns0':
      return readEdns0Rule(field, words);
    case 'answer':
      throw argumentFault(field, 'response rewrites must begin with a name rule');
    default: {
      const message = `invalid rule type ${quoteText(field.text)}, expected name, type, class, ttl, rcode, cname or edns0`;
      throw argumentFault(field, message);
    }
  }
}

function readTtlRule(field: CorefileToken, words: readonly CorefileToken[]): TtlRule {
  const usage = 'rewrite ttl [exact|prefix|suffix|substring|regex] NAME N|MIN-|-MAX|MIN-MAX';
  if (words.length < 2 || words.length > 3) throw countFault(words[3] ?? words.at(-1) ?? field, usage);
  const range = words.at(-1)!;
  const limits = parseTtlRange(range.text);
  if (limits === undefined)
    throw argumentFault(range, `invalid TTL ${quoteText(range.text)} for a ttl rule, expected '${usage}'`);
  const [minTtlSeconds, maxTtlSeconds] = limits;
  return { field: 'ttl', ...readQuestionMatch(words.slice(0, -1)), minTtlSeconds, maxTtlSeconds };
}

function parseTtlRange(text: string): readonly [min: number, max: number] | undefined {
  const [, low, dash, high] = /^(\d*)(-?)(\d*)$/.exec(text) ?? [];
  if (low === undefined || (low === '' && high === '')) return undefined;
  const min = low === '' ? 0 : Number(low);
  const max = dash === '' ? min : high === '' ? 0x7fffffff : Number(high);
  return min <= max && max <= U32_MAX ? [min, max] : undefined;
}

function readRcodeRule(field: CorefileToken, words: readonly CorefileToken[]): RcodeRule {
  const usage = 'rewrite rcode [exact|prefix|suffix|substring|regex] NAME FROM TO';
  if (words.length < 3 || words.length > 4) throw countFault(words[4] ?? words.at(-1) ?? field, usage);
  const [from, to] = [words.at(-2)!, words.at(-1)!];
  return {
    field: 'rcode',
    ...readQuestionMatch(words.slice(0, -2)),
    from: readRcodeOrNumber(from),
    to: readRcodeOrNumber(to),
  };
}

/** `[KIND] NAME` */
function readQuestionMatch(words: readonly CorefileToken[]): { readonly match: MatchKind; readonly name: string } {
  const [first, second] = words;
  if (second === undefined) return { match: 'exact', name: normalizeName(first!.text) };
  const match = readMatchKind(first!);
  return { match, name: match === 'regex' ? readRegex(second).pattern : normalizeName(second.text) };
}

const RCODE_NUMBER_MAX = 23;

function readRcodeOrNumber(token: CorefileToken): number {
  const number = parseInteger(token.text);
  if (number !== undefined && number >= 0 && number <= RCODE_NUMBER_MAX) return number;
  return readRcode(token, token.text.toUpperCase());
}

function readCnameRule(field: CorefileToken, words: readonly CorefileToken[]): CnameRule {
  if (words.length < 2 || words.length > 3) {
    throw countFault(words[3] ?? words.at(-1) ?? field, 'rewrite cname [exact|prefix|suffix|substring|regex] FROM TO');
  }
  const match = words.length === 3 ? readMatchKind(words[0]!) : 'exact';
  const [from, to] = words.slice(-2);
  if (match === 'regex') {
    const pattern = readRegex({ ...from!, text: from!.text.toLowerCase() }).pattern;
    return { field: 'cname', match, from: pattern, to: to!.text.toLowerCase() };
  }
  const normalize = match === 'exact' ? normalizeName : (text: string): string => text.toLowerCase();
  return { field: 'cname', match, from: normalize(from!.text), to: normalize(to!.text) };
}
