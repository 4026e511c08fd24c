import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import { argumentFault, countFault } from '../../config/corefile/line-reader.ts';
import { checkRegex, readRegex, type CheckedRegex } from '../../config/regex.ts';

const MATCH_KINDS = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const;
export type MatchKind = (typeof MATCH_KINDS)[number];

/** The name of the question, and of the answer on the way back. */
export interface NameRule {
  readonly field: 'name';
  readonly match: MatchKind;
  /** lower-case with a final dot, or RE2 over such a name */
  readonly from: string;
  /** lower-case with a final dot; `{N}` is a group of a regex */
  readonly to: string;
  /** `to` in pieces where values of metadata go into it; null: it goes as it stands */
  readonly metadataPieces: readonly NamePiece[] | null;
  /** names and targets in the answer are changed back; `exact` always does it */
  readonly restoresAnswer: boolean;
  /** applied in reverse order */
  readonly answerRules: readonly AnswerRule[];
}

export type NamePiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'group'; readonly index: number }
  | { readonly kind: 'label'; readonly label: string };

export interface AnswerRule {
  /** owner names, or what records hold */
  readonly part: 'name' | 'value';
  /** RE2 */
  readonly pattern: string;
  readonly to: string;
}

const USAGE = 'rewrite name [exact|prefix|suffix|substring|regex] FROM TO [answer …]';

/** Lower case with a final dot. It need not be a domain name: for a suffix it may start with a dot. */
export function normalizeName(text: string): string {
  const lower = text.toLowerCase();
  const trailing = /(\\*)\.$/.exec(lower);
  return trailing !== null && trailing[1]!.length % 2 === 0 ? lower : `${lower}.`;
}

export function readMatchKind(token: CorefileToken): MatchKind {
  const found = MATCH_KINDS.find((kind) => kind === token.text.toLowerCase());
  if (found !== undefined) return found;
  throw argumentFault(
    token,
    `unknown kind of match ${quoteText(token.text)}, expected one of ${MATCH_KINDS.join(', ')}`,
  );
}

export function readNameRule(field: CorefileToken, words: readonly CorefileToken[]): NameRule {
  if (words.length < 2) throw countFault(words[0] ?? field, USAGE);
  const match = words.length === 2 ? 'exact' : readMatchKind(words[0]!);
  const [fromToken, toToken, ...rest] = words.length === 2 ? words : words.slice(1);
  const hasMetadata = rest[0]?.text === 'metadata';
  if (hasMetadata && match !== 'regex') {
    throw argumentFault(rest[0]!, 'metadata is only supported for regex name rules');
  }
  const answers = readAnswerRules(hasMetadata ? rest.slice(1) : rest);
  const to = normalizeName(toToken!.text);
  if (match !== 'regex') {
    const from = normalizeName(fromToken!.text);
    // CoreDNS compiles the target of an exact rule as a regex: what is none there is refused here as well.
    if (match === 'exact') checkGroups(checkedRegex(toToken!, to), from, fromToken!);
    return { field: 'name', match, from, to, metadataPieces: null, ...answers };
  }
  const regex = readRegex(fromToken!);
  if (!hasMetadata) {
    checkGroups(regex, toToken!.text, toToken!);
    return { field: 'name', match, from: regex.pattern, to, metadataPieces: null, ...answers };
  }
  const metadataPieces = readMetadataPieces(toToken!, regex.groupCount);
  return { field: 'name', match, from: regex.pattern, to, metadataPieces, ...answers };
}

function checkedRegex(token: CorefileToken, pattern: string): CheckedRegex {
  const checked = checkRegex(pattern);
  if (typeof checked === 'string') throw argumentFault(token, checked);
  return checked;
}

/** As many different groups may be used as there are in the pattern; `{0}` counts. */
function checkGroups(regex: CheckedRegex, replacement: string, token: CorefileToken): void {
  const used = new Set([...replacement.matchAll(/\{(0|[1-9]\d?|100)\}/g)].map((match) => match[1]));
  if (used.size <= regex.groupCount) return;
  const message = `the rewrite regex pattern (${replacement}) uses more subexpressions than its corresponding matching regex pattern (${regex.pattern})`;
  throw argumentFault(token, message);
}

/** `[answer auto | answer name RE TO | answer value RE TO]…`; the word answer may be left out behind the first. */
function readAnswerRules(words: readonly CorefileToken[]): Pick<NameRule, 'restoresAnswer' | 'answerRules'> {
  const answerRules: AnswerRule[] = [];
  let restoresAnswer = false;
  const [first] = words;
  if (first !== undefined && first.text !== 'answer') {
    throw argumentFault(first, `exceeded the number of arguments for a non-answer rule, expected '${USAGE}'`);
  }
  for (let at = 0; at < words.length;) {
    const keyword = words[at]!;
    if (keyword.text === 'answer') at++;
    const kind = words[at];
    if (kind === undefined) throw argumentFault(keyword, 'type missing for answer rule, expected auto, name or value');
    at++;
    if (kind.text === 'auto') {
      restoresAnswer = true;
      continue;
    }
    if (kind.text !== 'name' && kind.text !== 'value') {
      throw argumentFault(kind, `invalid type ${quoteText(kind.text)} for answer rule, expected auto, name or value`);
    }
    const [from, to] = words.slice(at, at + 2);
    if (from === undefined || to === undefined) {
      throw argumentFault(from ?? kind, `${kind.text} answer rule: 2 arguments required, expected REGEX TO`);
    }
    const regex = readRegex(from);
    checkGroups(regex, to.text, to);
    answerRules.push({ part: kind.text, pattern: regex.pattern, to: normalizeName(to.text) });
    at += 2;
  }
  if (restoresAnswer && answerRules.some((rule) => rule.part === 'name')) {
    throw argumentFault(first!, 'auto name answer rule cannot be combined with explicit name answer rules');
  }
  return { restoresAnswer, answerRules };
}

function readMetadataPieces(token: CorefileToken, groupCount: number): readonly NamePiece[] {
  const pieces: NamePiece[] = [];
  let rest = normalizeFinalDot(token.text);
  while (rest !== '') {
    const openAt = rest.indexOf('{');
    const text = openAt < 0 ? rest : rest.slice(0, openAt);
    if (text.includes('}')) throw argumentFault(token, 'unmatched closing brace in metadata name replacement');
    if (text !== '') pieces.push({ kind: 'text', text: text.toLowerCase() });
    if (openAt < 0) break;
    const closeAt = rest.indexOf('}', openAt);
    if (closeAt < 0) throw argumentFault(token, 'unclosed placeholder in metadata name replacement');
    pieces.push(readPlaceholder(token, rest.slice(openAt + 1, closeAt), groupCount));
    rest = rest.slice(closeAt + 1);
  }
  return pieces;
}

function readPlaceholder(token: CorefileToken, label: string, groupCount: number): NamePiece {
  if (/^[-+]?\d+$/.test(label)) {
    const index = Number(label);
    if (index < 0 || index > groupCount) {
      throw argumentFault(token, `capture group ${label} does not exist in name matching pattern`);
    }
    return { kind: 'group', index };
  }
  if (!isMetadataLabel(label) || label.includes('{')) {
    throw argumentFault(token, `invalid metadata label ${quoteText(label)} in name replacement, expected PLUGIN/LABEL`);
  }
  return { kind: 'label', label };
}

/** `PLUGIN/LABEL`, neither empty. */
export function isMetadataLabel(text: string): boolean {
  const slashAt = text.indexOf('/');
  return slashAt > 0 && slashAt < text.length - 1;
}

function normalizeFinalDot(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}
