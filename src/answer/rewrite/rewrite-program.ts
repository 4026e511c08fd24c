/**
 * The rules of a server block's `rewrite` as an answering thread runs them: what a question becomes, and what is done to
 * the response. Rules that compare names as they stand allocate nothing unless they match.
 */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import { parseName } from '../../dns/name.ts';
import { QueryOptions, type OptionFacts, type OptionRule } from './edns0-rules.ts';
import { NAME_TEXT_SIZE_MAX, writeNameText } from '../name-text.ts';

export type NameMatch = 'exact' | 'prefix' | 'suffix' | 'substring' | 'regex';

/** What is evaluated: plain data, which goes to the answering threads as JSON. In the order of the configuration. */
export interface RewriteProgram {
  readonly rules: readonly ProgramRule[];
}

export type ProgramRule = {
  /** no rule behind it is tried when it matched */
  readonly isStop: boolean;
} & (
  | {
      readonly field: 'name';
      readonly match: NameMatch;
      /** text form, lower-cased, or RE2 over it */
      readonly name: string;
      /** `{N}` is a group of a regex */
      readonly to: string;
      /** what stands there instead where values of metadata go into it; null: nothing of that */
      readonly pieces: readonly NamePiece[] | null;
      /** how names of the response become what they were, before `answers` is looked at */
      readonly restores: 'nothing' | 'name' | 'suffix';
      readonly answers: readonly ProgramAnswerRule[];
    }
  | { readonly field: 'type' | 'class'; readonly from: number; readonly to: number }
  | {
      readonly field: 'ttl';
      readonly match: NameMatch;
      readonly name: string;
      readonly minSeconds: number;
      readonly maxSeconds: number;
    }
  | {
      readonly field: 'rcode';
      readonly match: NameMatch;
      readonly name: string;
      readonly from: number;
      readonly to: number;
    }
  | { readonly field: 'edns0'; readonly option: OptionRule }
  /** matches every question: `name` is where a CNAME record of the response leads to, which becomes `to` */
  | { readonly field: 'cname'; readonly match: NameMatch; readonly name: string; readonly to: string }
  /** matches every question and changes nothing */
  | { readonly field: 'nothing' }
);

export type NamePiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'group'; readonly index: number }
  /** of metadata */
  | { readonly kind: 'label'; readonly label: string };

export interface ProgramAnswerRule {
  /** owner names, or what records hold */
  readonly part: 'name' | 'value';
  /** RE2 */
  readonly pattern: string;
  readonly to: string;
}

/** What is done to a response. */
export type ResponseRule =
  /** owner names and values: a name, or the end of one behind a dot */
  | { readonly kind: 'name'; readonly from: string; readonly to: string }
  /** owner names and values: the end of their text */
  | { readonly kind: 'suffix'; readonly from: string; readonly to: string }
  | { readonly kind: 'regex'; readonly part: 'name' | 'value'; readonly regex: Re2.RE2JS; readonly to: string }
  | { readonly kind: 'ttl'; readonly minSeconds: number; readonly maxSeconds: number }
  | { readonly kind: 'rcode'; readonly from: number; readonly to: number };

/** Where a CNAME record leads to. */
export interface TargetRule {
  readonly match: NameMatch;
  /** text form, lower-cased */
  readonly name: string;
  readonly regex: Re2.RE2JS | undefined;
  readonly to: string;
}

export const REWRITE_RESULT = {
  /** no rule matched */
  NOTHING: 0,
  DONE: 1,
  /** what the rules made of the name is none */
  INVALID: 2,
} as const;

interface CompiledRule {
  readonly rule: ProgramRule;
  /** what the name is compared with, as octets */
  readonly octets: Uint8Array;
  readonly regex: Re2.RE2JS | undefined;
  /** of the response, where they are the same for every name */
  readonly responses: readonly ResponseRule[];
  readonly target: TargetRule | undefined;
}

const NO_RULES: readonly ResponseRule[] = [];
const NO_TARGET_RULES: readonly TargetRule[] = [];

export class RewriteRules {
  /** what the question becomes; of the last call of `apply` */
  qtype = 0;
  qclass = 0;
  /** wire form; undefined: as it was */
  name: Uint8Array | undefined;
  /** to be applied to the response, the last one first */
  responses: readonly ResponseRule[] = NO_RULES;
  /** of the query that goes to an upstream, as they go on the wire; undefined: no rule adds one */
  options: Uint8Array | undefined;
  /** to be applied to CNAME records of the response, the last one first */
  targets: readonly TargetRule[] = NO_TARGET_RULES;

  readonly #rules: readonly CompiledRule[];
  readonly #text: Uint8Array = new Uint8Array(NAME_TEXT_SIZE_MAX);
  #textSize = 0;
  #facts: OptionFacts | undefined;
  readonly #options = new QueryOptions();

  /** @throws if a pattern is none; the configuration was checked before */
  constructor(program: RewriteProgram) {
    this.#rules = program.rules.map(compileRule);
  }

  /** @param program  JSON @throws if it is no program */
  static parse(program: Uint8Array): RewriteRules {
    return new RewriteRules(JSON.parse(Buffer.from(program).toString()) as RewriteProgram);
  }

  /**
   * Apply the rules to a question.
   *
   * @param name   wire form, lower-cased
   * @param facts  what else rules may ask about the query; without it those that do are for no query
   * @returns REWRITE_RESULT
   */
  apply(name: Uint8Array, qtype: number, qclass: number, facts?: OptionFacts): number {
    this.#facts = facts;
    this.#options.begin();
    const result = this.#applyAll(name, qtype, qclass);
    this.options = this.#options.encode();
    return result;
  }

  #applyAll(name: Uint8Array, qtype: number, qclass: number): number {
    this.qtype = qtype;
    this.qclass = qclass;
    this.name = undefined;
    this.responses = NO_RULES;
    this.targets = NO_TARGET_RULES;
    this.#textSize = writeNameText(name, 0, this.#text);
    let result: number = REWRITE_RESULT.NOTHING;
    for (let index = 0; index < this.#rules.length; index++) {
      const compiled = this.#rules[index]!;
      if (!this.#matches(compiled)) continue;
      const applied = this.#applyOne(compiled);
      if (applied === REWRITE_RESULT.NOTHING) continue;
      result = applied;
      if (result !== REWRITE_RESULT.DONE || compiled.rule.isStop) return result;
    }
    return result;
  }

  #matches({ rule, octets, regex }: CompiledRule): boolean {
    switch (rule.field) {
      case 'name':
      case 'ttl':
      case 'rcode':
        return regex === undefined ? this.#isFound(rule.match, octets) : regex.matcher(this.#textNow()).find();
      case 'type':
        return this.qtype === rule.from;
      case 'class':
        return this.qclass === rule.from;
      default:
        return true;
    }
  }

  #isFound(match: NameMatch, octets: Uint8Array): boolean {
    const last = this.#textSize - octets.length;
    if (last < 0) return false;
    switch (match) {
      case 'exact':
        return last === 0 && this.#isAt(octets, 0);
      case 'prefix':
        return this.#isAt(octets, 0);
      case 'suffix':
        return this.#isAt(octets, last);
      default:
        for (let at = 0; at <= last; at++) if (this.#isAt(octets, at)) return true;
        return false;
    }
  }

  #isAt(octets: Uint8Array, at: number): boolean {
    const text = this.#text;
    for (let index = 0; index < octets.length; index++) if (text[at + index] !== octets[index]) return false;
    return true;
  }

  #textNow(): string {
    return Buffer.from(this.#text.buffer, 0, this.#textSize).toString('latin1');
  }

  /** @returns undefined if a value of metadata is not there: the rule is not for this query */
  #putTogether(pieces: readonly NamePiece[], regex: Re2.RE2JS, text: string): string | undefined {
    const matcher = regex.matcher(text);
    if (!matcher.find()) return undefined;
    let name = '';
    for (const piece of pieces) {
      let part: string | undefined;
      if (piece.kind === 'text') part = piece.text;
      else if (piece.kind === 'group') part = matcher.group(piece.index) ?? '';
      else part = this.#facts?.metadataValue(piece.label)?.toLowerCase();
      if (part === undefined || (part === '' && piece.kind === 'label')) return undefined;
      name += part;
    }
    return name;
  }

  /** A rule that matched. @returns REWRITE_RESULT, NOTHING if it is not for this query after all */
  #applyOne({ rule, regex, responses, target }: CompiledRule): number {
    switch (rule.field) {
      case 'edns0':
        if (this.#facts === undefined || !this.#options.apply(rule.option, this.#facts, this.qtype)) {
          return REWRITE_RESULT.NOTHING;
        }
        break;
      case 'type':
        this.qtype = rule.to;
        break;
      case 'class':
        this.qclass = rule.to;
        break;
      case 'cname':
        if (target !== undefined) this.targets = [...this.targets, target];
        break;
      case 'name': {
        const before = this.#textNow();
        const after =
          rule.pieces === null ? replaceName(rule, regex, before) : this.#putTogether(rule.pieces, regex!, before);
        if (after === undefined) return REWRITE_RESULT.NOTHING;
        const name = parseName(after);
        if (name === null) return REWRITE_RESULT.INVALID;
        if (rule.restores === 'name') this.#add([{ kind: 'name', from: after, to: before }]);
        this.name = name;
        // Digits behind a backslash are the octet they stand for, and letters of the rules are lower-case.
        this.#textSize = writeNameText(name, 0, this.#text);
        break;
      }
      default:
    }
    this.#add(responses);
    return REWRITE_RESULT.DONE;
  }

  #add(responses: readonly ResponseRule[]): void {
    if (responses.length === 0) return;
    this.responses = this.responses.length === 0 ? responses : [...this.responses, ...responses];
  }
}

/** What a rule makes of a name in text form; undefined if it is not about it. */
export function replaceTarget({ match, name, regex, to }: TargetRule, text: string): string | undefined {
  if (regex !== undefined) return regex.matcher(text).find() ? replaceByRegex(regex, to, text) : undefined;
  const isIts = {
    exact: text === name,
    prefix: text.startsWith(name),
    suffix: text.endsWith(name),
    substring: text.includes(name),
    regex: false,
  }[match];
  return isIts ? replacePart(match, name, to, text) : undefined;
}

function compileRule(rule: ProgramRule): CompiledRule {
  const isNamed = rule.field === 'name' || rule.field === 'ttl' || rule.field === 'rcode';
  const isRegex = isNamed && rule.match === 'regex';
  return {
    rule,
    octets: new TextEncoder().encode(isNamed && !isRegex ? rule.name : ''),
    regex: isRegex ? compileRegex(rule.name) : undefined,
    responses: responsesOf(rule),
    target: rule.field === 'cname' ? targetOf(rule) : undefined,
  };
}

function targetOf({ match, name, to }: Extract<ProgramRule, { readonly field: 'cname' }>): TargetRule {
  return { match, name, regex: match === 'regex' ? compileRegex(name) : undefined, to };
}

function responsesOf(rule: ProgramRule): readonly ResponseRule[] {
  switch (rule.field) {
    case 'ttl':
      return [{ kind: 'ttl', minSeconds: rule.minSeconds, maxSeconds: rule.maxSeconds }];
    case 'rcode':
      return [{ kind: 'rcode', from: rule.from, to: rule.to }];
    case 'name': {
      const answers = rule.answers.map(({ part, pattern, to }): ResponseRule => ({
        kind: 'regex',
        part,
        regex: compileRegex(pattern),
        to,
      }));
      return rule.restores === 'suffix' ? [{ kind: 'suffix', from: rule.to, to: rule.name }, ...answers] : answers;
    }
    default:
      return NO_RULES;
  }
}

function replaceName(
  rule: Extract<ProgramRule, { readonly field: 'name' }>,
  regex: Re2.RE2JS | undefined,
  text: string,
): string {
  return regex === undefined ? replacePart(rule.match, rule.name, rule.to, text) : replaceByRegex(regex, rule.to, text);
}

function replacePart(match: NameMatch, name: string, to: string, text: string): string {
  switch (match) {
    case 'prefix':
      return to + text.slice(name.length);
    case 'suffix':
      return text.slice(0, text.length - name.length) + to;
    case 'substring':
      return text.replaceAll(name, () => to);
    default:
      return to;
  }
}

/** The replacement with the groups of the first match in it, one after the other; the text itself where there is none. */
export function replaceByRegex(regex: Re2.RE2JS, replacement: string, text: string): string {
  const matcher = regex.matcher(text);
  if (!matcher.find()) return text;
  let replaced = replacement;
  for (let group = 0; group <= regex.groupCount(); group++) {
    const value = matcher.group(group) ?? '';
    replaced = replaced.replaceAll(`{${group}}`, () => value);
  }
  return replaced;
}

let re2: typeof Re2 | undefined;

/** Loaded by the first regex: most servers have none. */
function compileRegex(pattern: string): Re2.RE2JS {
  re2 ??= createRequire(import.meta.url)('re2js') as typeof Re2;
  return re2.RE2JS.compile(pattern);
}
