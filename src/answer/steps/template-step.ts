/**
 * `template` where the answer depends on the query. It allocates, and it takes its time: what it answers alike for every
 * name is compiled into fixed answers before.
 */
import { CLASS, RCODE, TYPE } from '../../dns/iana.ts';
import { POINTER_OFFSET_MAX } from '../../dns/wire-header.ts';
import { areAllTrue, compileExpr, type CompiledExpr } from '../../expr/compile-expr.ts';
import { ExprError, type ExprValue } from '../../expr/expr-value.ts';
import { QUERY_ERROR } from '../../observability/queries/query-error.ts';
import { TEMPLATE_COUNT } from '../../observability/counters/counter-layout.ts';
import type { ShardCounters } from '../../observability/counters/shard-counters.ts';
import type { SnapshotReader } from '../../snapshot/reader.ts';
import { groupsOf, type MatchFacts } from '../../template/question-facts.ts';
import {
  RecordTemplate,
  type TemplateAnswer,
  type TemplateProgram,
  type TemplateRecord,
} from '../../template/record-template.ts';
import type { QueryClient } from '../answerer-options.ts';
import { presentName } from '../name-text.ts';
import { Programs } from '../programs.ts';
import { presentAddress, type QueryFacts } from '../query-facts.ts';
import type { Query } from '../query.ts';
import { type Response, SECTION } from '../response.ts';
import { STEP_RESULT } from './step-result.ts';

const RECORD_FIXED_SIZE = 10;
const FAILED: unique symbol = Symbol('a variable or an expression cannot be worked out');

interface AnsweringTemplate {
  readonly template: RecordTemplate;
  readonly variables: readonly { readonly name: string; readonly expr: CompiledExpr }[];
  readonly conditions: readonly CompiledExpr[];
}

function parseTemplate(text: Uint8Array): AnsweringTemplate {
  const program = JSON.parse(Buffer.from(text).toString()) as TemplateProgram;
  return {
    template: new RecordTemplate(program),
    variables: program.variables.map(({ name, expression }) => ({ name, expr: compileExpr(expression) })),
    conditions: program.expressions.map(compileExpr),
  };
}

export class TemplateStep {
  private readonly query: Query;
  private readonly response: Response;
  private readonly facts: QueryFacts;
  private readonly counters: ShardCounters;
  private readonly templates: Programs<AnsweringTemplate>;
  /** sections that stand behind what the target of a CNAME adds to the answer */
  private rest: TemplateAnswer | undefined;
  private restTemplate: RecordTemplate | undefined;

  constructor(reader: SnapshotReader, query: Query, response: Response, facts: QueryFacts, counters: ShardCounters) {
    this.counters = counters;
    this.templates = new Programs(reader, parseTemplate);
    this.facts = facts;
    this.query = query;
    this.response = response;
  }

  /**
   * @param templateAt  word index of the PROGRAM
   * @param scope       metric scope that counts what it does, 0: it is not counted
   * @returns STEP_RESULT
   */
  answer(templateAt: number, scope: number, client: QueryClient): number {
    const { query, response } = this;
    const { template, variables, conditions } = this.templates.at(templateAt);
    const { qtype, qclass, rcode } = template.program;
    const { nameBytes, nameSize } = query;
    if (qclass !== CLASS.ANY && qclass !== query.qclass) return STEP_RESULT.NEXT;
    if (qtype !== TYPE.ANY && query.qtype !== TYPE.ANY && qtype !== query.qtype) return STEP_RESULT.NEXT;
    const zone = template.findZone(nameBytes, nameSize);
    if (zone === undefined) return STEP_RESULT.NEXT;
    const name = presentName(nameBytes, 0);
    const match = template.match(name, zone);
    const found = match === undefined ? undefined : this.find(match, variables, conditions);
    if (match === undefined || found === undefined) {
      if (template.fallsThrough(nameBytes, nameSize)) return STEP_RESULT.NEXT;
      response.rcode = RCODE.SERVFAIL;
      return STEP_RESULT.DONE;
    }
    if (found === FAILED) {
      response.rcode = RCODE.SERVFAIL;
      return STEP_RESULT.DONE;
    }
    const counted = query.qtype === TYPE.ANY ? qtype : query.qtype;
    if (scope !== 0) this.counters.countTemplate(scope, TEMPLATE_COUNT.MATCH, counted);
    if (rcode === RCODE.SERVFAIL) {
      response.rcode = rcode;
      return STEP_RESULT.DONE;
    }
    const answer = this.evaluate(template, name, match, found, client);
    if (answer === undefined) {
      const what = template.isRecordAtFault ? TEMPLATE_COUNT.NO_RECORD : TEMPLATE_COUNT.FAILED;
      if (scope !== 0) {
        this.counters.countTemplate(scope, what + template.sectionAtFault, counted);
        if (template.cellAtFault >= 0) this.counters.countTemplateText(scope, what, template.cellAtFault);
      }
      return STEP_RESULT.DONE;
    }
    this.setOutcome(template);
    return this.writeAnswer(answer, template);
  }

  /**
   * The end of a chain of CNAME records that a template began. What was found adds to the answer, and nothing else: rcode
   * and the other sections are the template's, as with CoreDNS.
   *
   * @param isWanted  the response is written here, not by someone who answers later
   */
  writeRest(isWanted: boolean, client: QueryClient): void {
    const { rest, restTemplate, response } = this;
    this.rest = undefined;
    // A chain without end has left nothing.
    if (rest === undefined || restTemplate === undefined || !isWanted || response.answerCount === 0) return;
    client.error = QUERY_ERROR.NONE;
    this.setOutcome(restTemplate);
    response.keepAnswersOnly(this.query.questionEnd);
    if (!response.isTruncated) this.writeSections(rest);
  }

  /**
   * Work out the variables of a template that matches, one after the other.
   *
   * @returns undefined if one of its expressions is not true, FAILED if something cannot be worked out
   */
  private find(
    match: MatchFacts,
    variables: AnsweringTemplate['variables'],
    conditions: readonly CompiledExpr[],
  ): ReadonlyMap<string, ExprValue> | typeof FAILED | undefined {
    const found = new Map<string, ExprValue>();
    if (variables.length === 0 && conditions.length === 0) return found;
    const seen = { groups: groupsOf(match), variables: found };
    try {
      for (const { name, expr } of variables) found.set(name, expr(this.facts, seen));
      return areAllTrue(conditions, this.facts, seen) ? found : undefined;
    } catch (error) {
      if (error instanceof ExprError) return FAILED;
      throw error;
    }
  }

  /** @returns undefined if it failed: a template is the operator's, and a query may be anything */
  private evaluate(
    template: RecordTemplate,
    name: string,
    match: MatchFacts,
    variables: ReadonlyMap<string, ExprValue>,
    client: QueryClient,
  ): TemplateAnswer | undefined {
    const { query, response } = this;
    const { bytes, view, messageAt } = response;
    try {
      return template.evaluate(
        {
          name,
          nameAsAsked: presentName(bytes, query.nameAt),
          qtype: query.qtype,
          qclass: query.qclass,
          remote: presentAddress(view, client.peerOffset, client.peerSize),
          id: view.getUint16(messageAt),
          flags: view.getUint16(messageAt + 2),
          hasEdns: query.hasEdns,
        },
        match,
        { variables, metadata: (label) => this.facts.metadata(label) },
      );
    } catch {
      response.rcode = RCODE.SERVFAIL;
      client.error = QUERY_ERROR.TEMPLATE_FAILED;
      return undefined;
    }
  }

  private writeAnswer(answer: TemplateAnswer, template: RecordTemplate): number {
    const { query, response } = this;
    let aliasOffset = 0;
    for (const record of answer.answer) {
      const dataOffset = this.writeRecord(record);
      if (dataOffset === 0) {
        response.isTruncated = true;
        return STEP_RESULT.DONE;
      }
      response.answerCount++;
      if (record.type === TYPE.CNAME && !hasOwner(answer.answer, record.rdata)) aliasOffset = dataOffset;
    }
    const isFollowed = query.qtype === TYPE.A || query.qtype === TYPE.AAAA;
    if (isFollowed && aliasOffset !== 0 && aliasOffset <= POINTER_OFFSET_MAX) {
      if (this.rest === undefined) {
        this.rest = answer;
        this.restTemplate = template;
      }
      response.followOffset = aliasOffset;
      return STEP_RESULT.FOLLOW;
    }
    this.writeSections(answer);
    return STEP_RESULT.DONE;
  }

  private setOutcome({ program, extendedErrorText }: RecordTemplate): void {
    const response = this.response;
    response.rcode = program.rcode;
    response.isAuthoritative = true;
    response.extendedError = program.extendedError?.code ?? -1;
    response.extendedErrorText = extendedErrorText;
  }

  private writeSections({ authority, additional }: TemplateAnswer): void {
    const response = this.response;
    for (const record of authority) {
      if (this.writeRecord(record) === 0) {
        response.isTruncated = true;
        return;
      }
      response.authorityCount++;
    }
    for (const record of additional) {
      if (this.writeRecord(record) === 0) return;
      response.additionalCount++;
    }
    response.section = SECTION.ANSWER;
  }

  /** @returns where its data stands in the message, 0 if the record does not fit */
  private writeRecord({ owner, type, qclass, ttlSeconds, rdata }: TemplateRecord): number {
    const response = this.response;
    const { bytes, view } = response;
    const isQuestion = this.isQuestionName(owner);
    const ownerSize = isQuestion ? 2 : owner.length;
    let at = response.position;
    if (at + ownerSize + RECORD_FIXED_SIZE + rdata.length > response.limit) return 0;
    if (isQuestion) view.setUint16(at, 0xc000 | response.ownerOffset);
    else bytes.set(owner, at);
    at += ownerSize;
    view.setUint16(at, type);
    view.setUint16(at + 2, qclass);
    view.setUint32(at + 4, ttlSeconds);
    view.setUint16(at + 8, rdata.length);
    at += RECORD_FIXED_SIZE;
    bytes.set(rdata, at);
    response.position = at + rdata.length;
    return at - response.messageAt;
  }

  private isQuestionName(owner: Uint8Array): boolean {
    const { nameBytes, nameSize } = this.query;
    return owner.length === nameSize && isSameName(owner, nameBytes, nameSize);
  }
}

/** Whether records of that name are there already. */
function hasOwner(records: readonly TemplateRecord[], name: Uint8Array): boolean {
  return records.some(({ owner }) => owner.length === name.length && isSameName(owner, name, name.length));
}

/** Without regard to letter case; length octets are no letters. */
function isSameName(a: Uint8Array, b: Uint8Array, size: number): boolean {
  for (let index = 0; index < size; index++) {
    if (lowerCase(a[index]!) !== lowerCase(b[index]!)) return false;
  }
  return true;
}

function lowerCase(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}
