/**
 * `rewrite`: the question becomes another one, in its place, and the rest of the chain answers that. What the response has
 * to be changed back by goes with the client.
 */
import { CLASS, RCODE, TYPE } from '../../dns/iana.ts';
import { HEADER_SIZE, POINTER_OFFSET_MAX } from '../../dns/wire-header.ts';
import { QUERY_ERROR } from '../../observability/queries/query-error.ts';
import type { SnapshotReader } from '../../snapshot/reader.ts';
import type { QueryClient } from '../answerer-options.ts';
import { Programs } from '../programs.ts';
import type { QueryFacts } from '../query-facts.ts';
import type { Query } from '../query.ts';
import type { Response } from '../response.ts';
import { REWRITE_RESULT, RewriteRules, type TargetRule } from './rewrite-program.ts';

const RECORD_FIXED_SIZE = 10;

export const REWRITTEN = {
  /** the response is written: it failed */
  DONE: 0,
  /** the rest of the route's chain answers */
  SAME_NAME: 1,
  /** the query's name is another one: its route is to be found in the table of the block */
  OTHER_NAME: 2,
} as const;

export class RewriteStep {
  /** of the last call of `apply`: rules about where CNAME records lead */
  targets: readonly TargetRule[] = [];
  private readonly facts: QueryFacts;
  private readonly query: Query;
  private readonly response: Response;
  private readonly programs: Programs<RewriteRules>;

  constructor(reader: SnapshotReader, query: Query, response: Response, facts: QueryFacts) {
    this.facts = facts;
    this.programs = new Programs(reader, RewriteRules.parse);
    this.query = query;
    this.response = response;
  }

  /**
   * @param rewriteAt  word index of the PROGRAM
   * @returns REWRITTEN
   */
  apply(rewriteAt: number, client: QueryClient): number {
    const { query, response } = this;
    const rules = this.programs.at(rewriteAt);
    const result = rules.apply(query.nameBytes, query.qtype, query.qclass, this.facts);
    if (rules.options !== undefined) client.upstreamOptions = rules.options;
    this.targets = rules.targets;
    if (result === REWRITE_RESULT.NOTHING) return REWRITTEN.SAME_NAME;
    if (result === REWRITE_RESULT.INVALID || !isData(rules.qtype)) {
      return this.fail(client, QUERY_ERROR.NAME_INVALID);
    }
    const isSameQuestion = rules.name === undefined && rules.qtype === query.qtype && rules.qclass === query.qclass;
    if (isSameQuestion && rules.responses.length === 0) return REWRITTEN.SAME_NAME;
    const isFirst = response.answerCount === 0 && response.ownerOffset === HEADER_SIZE;
    client.rewriting ??= { question: this.questionAsAsked(), layers: [] };
    const firstAnswer = response.answerCount;
    const hasAlias = !isFirst && rules.name !== undefined;
    client.rewriting.layers.push({ firstAnswer, hasAlias, rules: rules.responses });
    query.qtype = rules.qtype;
    query.qclass = rules.qclass;
    if (isFirst) this.writeQuestion(rules.name);
    else if (rules.name !== undefined && !this.writeAlias(rules.name)) return REWRITTEN.DONE;
    return rules.name === undefined ? REWRITTEN.SAME_NAME : REWRITTEN.OTHER_NAME;
  }

  private fail(client: QueryClient, error: number): number {
    this.response.rcode = RCODE.SERVFAIL;
    client.error = error;
    client.errorDetail = 0;
    return REWRITTEN.DONE;
  }

  private questionAsAsked(): Uint8Array {
    const { bytes, messageAt } = this.response;
    return bytes.slice(messageAt + HEADER_SIZE, this.query.questionEnd);
  }

  /** The question in its place, and records behind it. What stood there of the query has been read. */
  private writeQuestion(name: Uint8Array | undefined): void {
    const { query, response } = this;
    const { bytes, view, messageAt } = response;
    if (name !== undefined) {
      bytes.set(name, messageAt + HEADER_SIZE);
      query.followName(messageAt + HEADER_SIZE);
    }
    const nameEnd = messageAt + HEADER_SIZE + query.nameSize;
    view.setUint16(nameEnd, query.qtype);
    view.setUint16(nameEnd + 2, query.qclass);
    query.questionEnd = nameEnd + 4;
    response.position = query.questionEnd;
  }

  /** A CNAME record that gives the new name its place in the message; it does not reach the client. */
  private writeAlias(name: Uint8Array): boolean {
    const { query, response } = this;
    const { bytes, view, messageAt, position: at } = response;
    const dataAt = at + 2 + RECORD_FIXED_SIZE;
    if (dataAt + name.length > response.limit || dataAt - messageAt > POINTER_OFFSET_MAX) {
      response.isTruncated = true;
      return false;
    }
    view.setUint16(at, 0xc000 | response.ownerOffset);
    view.setUint16(at + 2, TYPE.CNAME);
    view.setUint16(at + 4, CLASS.IN);
    view.setUint32(at + 6, 0);
    view.setUint16(at + 10, name.length);
    bytes.set(name, dataAt);
    response.position = dataAt + name.length;
    response.answerCount++;
    response.ownerOffset = dataAt - messageAt;
    query.followName(dataAt);
    return true;
  }
}

/** Whether questions for the type are answered by records: no transfer, no OPT, no signature of a message. */
function isData(qtype: number): boolean {
  return qtype !== TYPE.OPT && (qtype < TYPE.TKEY || qtype > TYPE.AXFR);
}
