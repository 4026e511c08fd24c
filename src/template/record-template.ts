/**
 * One `template` directive as an answering thread runs it: its regexes compiled, its templates evaluated for each query,
 * what they give read as records. It may allocate: only names in its zones come here.
 */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import type { Expr } from '../config/expr/expr-tree.ts';
import type { Template } from '../config/template/template-tree.ts';
import { lowerCaseName, parseName } from '../dns/name.ts';
import { readOneRecord, type ZoneRecord } from '../dns/records/record-text.ts';
import { executeTemplate } from './go-template.ts';
import { GoTemplateError } from './go-value.ts';
import { makeTemplateData, type MatchFacts, type QuestionFacts, type TemplateSurroundings } from './question-facts.ts';

/** What is evaluated: plain data, which goes to the answering threads as JSON. */
export interface TemplateProgram {
  /** 255: any */
  readonly qclass: number;
  /** 255: any */
  readonly qtype: number;
  /** canonical names */
  readonly zones: readonly string[];
  /** RE2; the first that matches gives the groups */
  readonly patterns: readonly string[];
  /** each may use those before it; worked out once a pattern has matched */
  readonly variables: readonly { readonly name: string; readonly expression: Expr }[];
  /** all have to be true, else it is as if no pattern had matched */
  readonly expressions: readonly Expr[];
  readonly answer: readonly Template[];
  readonly authority: readonly Template[];
  readonly additional: readonly Template[];
  readonly rcode: number;
  readonly extendedError: { readonly code: number; readonly text: string } | null;
  /** canonical names; null: no fallthrough */
  readonly fallthrough: readonly string[] | null;
  /** for each template of each section, in the order of evaluation, the cell that counts its failures; absent: none do */
  readonly faultCells?: readonly (readonly number[])[];
}

export interface TemplateRecord extends ZoneRecord {
  readonly rdata: Uint8Array;
}

/** Records of the three sections. */
export interface TemplateAnswer {
  readonly answer: readonly TemplateRecord[];
  readonly authority: readonly TemplateRecord[];
  readonly additional: readonly TemplateRecord[];
}

const TTL_SECONDS_DEFAULT = 3600;

interface Zone {
  readonly name: string;
  /** wire form, lower-cased */
  readonly wire: Uint8Array;
}

export class RecordTemplate {
  readonly program: TemplateProgram;
  /** where `evaluate` failed last: 0 answer, 1 additional, 2 authority; and whether a text that was there is no record */
  sectionAtFault = 0;
  isRecordAtFault = false;
  /** which of the section's */
  #indexAtFault = 0;
  /** octets of the extended error's text */
  readonly extendedErrorText: Uint8Array;
  readonly #patterns: readonly Re2.RE2JS[];
  readonly #zones: readonly Zone[];
  readonly #fallthrough: readonly Zone[];

  /** @throws if a pattern is none; the configuration was checked before */
  constructor(program: TemplateProgram) {
    this.program = program;
    this.extendedErrorText = new TextEncoder().encode(program.extendedError?.text ?? '');
    const { RE2JS } = loadRe2();
    this.#patterns = program.patterns.map((pattern) => RE2JS.compile(pattern));
    this.#zones = program.zones.map(makeZone);
    this.#fallthrough = (program.fallthrough ?? []).map(makeZone);
  }

  /**
   * The longest of its zones that a name lies in.
   *
   * @param name  wire form, lower-cased, `size` octets
   */
  findZone(name: Uint8Array, size: number): string | undefined {
    return longestZone(this.#zones, name, size)?.name;
  }

  /** Whether a name that no pattern matches is the next one's. */
  fallsThrough(name: Uint8Array, size: number): boolean {
    return longestZone(this.#fallthrough, name, size) !== undefined;
  }

  /** The first pattern that is found in the name. */
  match(name: string, zone: string): MatchFacts | undefined {
    const { qtype, qclass, patterns } = this.program;
    for (const [index, compiled] of this.#patterns.entries()) {
      const matcher = compiled.matcher(name);
      if (!matcher.find()) continue;
      const groups: string[] = [];
      for (let group = 0; group <= compiled.groupCount(); group++) groups.push(matcher.group(group) ?? '');
      return { zone, pattern: patterns[index]!, groups, groupNames: compiled.namedGroups(), qtype, qclass };
    }
    return undefined;
  }

  /** The cell for the failure of the template that failed last, -1: there is none. */
  get cellAtFault(): number {
    return this.program.faultCells?.[this.sectionAtFault]?.[this.#indexAtFault] ?? -1;
  }

  /** @throws GoTemplateError, ZoneFileFault */
  evaluate(question: QuestionFacts, match: MatchFacts, surroundings?: TemplateSurroundings): TemplateAnswer {
    const data = makeTemplateData(question, match, surroundings);
    const read = (template: Template, index: number): TemplateRecord => {
      this.#indexAtFault = index;
      this.isRecordAtFault = false;
      const text = executeTemplate(template, data);
      this.isRecordAtFault = true;
      const record = readOneRecord(text, 'template', TTL_SECONDS_DEFAULT);
      if (record === undefined) throw new GoTemplateError('the template gives no record');
      if (record.rdata === null) throw new GoTemplateError(`the data of type ${record.type} is not read`);
      return { ...record, rdata: record.rdata };
    };
    const { answer, authority, additional } = this.program;
    const [answers, additionals, authorities] = [answer, additional, authority].map((section, index) => {
      this.sectionAtFault = index;
      return section.map(read);
    });
    return { answer: answers!, additional: additionals!, authority: authorities! };
  }
}

let re2: typeof Re2 | undefined;

/** Loaded by the first template that is evaluated: most servers have none. */
function loadRe2(): typeof Re2 {
  re2 ??= createRequire(import.meta.url)('re2js') as typeof Re2;
  return re2;
}

function makeZone(name: string): Zone {
  return { name, wire: lowerCaseName(parseName(name)!) };
}

function longestZone(zones: readonly Zone[], name: Uint8Array, size: number): Zone | undefined {
  let longest: Zone | undefined;
  for (const zone of zones) {
    if ((longest?.wire.length ?? 0) < zone.wire.length && isAtOrBelow(name, size, zone.wire)) longest = zone;
  }
  return longest;
}

function isAtOrBelow(name: Uint8Array, size: number, zone: Uint8Array): boolean {
  let at = 0;
  while (size - at > zone.length) at += 1 + name[at]!;
  if (size - at !== zone.length) return false;
  for (let index = 0; index < zone.length; index++) {
    if (name[at + index] !== zone[index]) return false;
  }
  return true;
}
