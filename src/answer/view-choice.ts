/**
 * `view`: which of several server blocks answers, by expressions about the query. Only names come here whose longest zone
 * has a block with `view`.
 */
import type { Expr } from '../config/expr/expr-tree.ts';
import { areAllTrue, compileExpr, type CompiledExpr } from '../expr/compile-expr.ts';
import { ExprError } from '../expr/expr-value.ts';
import { NOT_FOUND, type SnapshotReader } from '../snapshot/reader.ts';
import { CHOICE_WORDS, CHOICES, LISTENER, POLICY, ROUTE } from '../snapshot/snapshot-layout.ts';
import type { QueryClient } from './answerer-options.ts';
import { Programs } from './programs.ts';
import type { Query } from './query.ts';
import type { QueryFacts } from './query-facts.ts';

/** What is evaluated: plain data, which goes to the answering threads as JSON. */
export interface ViewProgram {
  /** all have to be true */
  readonly expressions: readonly Expr[];
}

/** Octets of the root's name. */
const ROOT_SIZE = 1;

export class ViewChoice {
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly client: QueryClient;
  private readonly facts: QueryFacts;
  private readonly conditions: Programs<readonly CompiledExpr[]>;

  constructor(reader: SnapshotReader, query: Query, client: QueryClient, facts: QueryFacts) {
    this.reader = reader;
    this.query = query;
    this.client = client;
    this.facts = facts;
    this.conditions = new Programs(reader, parseCondition);
  }

  /**
   * The first choice whose expressions hold.
   *
   * @param routeAt  word index of the ROUTE of the query's longest zone
   * @returns that of the block which answers, NOT_FOUND: none does
   */
  choose(routeAt: number): number {
    const { words } = this.reader;
    const choices = words[routeAt + ROUTE.at.choices]!;
    if (choices === 0) return routeAt;
    let choiceAt = choices * 2 + CHOICES.at.choices;
    for (let left = words[choices * 2 + CHOICES.at.count]!; left > 0; left--, choiceAt += CHOICE_WORDS) {
      if (this.holds(choiceAt)) return words[choiceAt + 1]! * 2;
    }
    return NOT_FOUND;
  }

  /**
   * DS is the parent's: of the server blocks those of the shortest zone but the root that has one which answers, and of
   * these the last one. Zones that a block's plugins name are looked for within it as for any other question.
   *
   * @returns word index of the ROUTE, NOT_FOUND: no block answers
   */
  chooseParent(): number {
    const { reader, query, client } = this;
    const { labelStarts, labelCount, nameSize, nameView } = query;
    let found = NOT_FOUND;
    let serverZoneSize = 0;
    const labelsMax = reader.words[reader.listenerAt(client.listener) + LISTENER.at.suffixLabelsMax]!;
    for (let label = Math.max(labelCount - labelsMax, 0); label <= labelCount; label++) {
      const start = labelStarts[label]!;
      const routeAt = reader.findZoneRoute(client.listener, nameView, start, nameSize - start);
      if (routeAt === NOT_FOUND || reader.words[routeAt + ROUTE.at.serverZoneSize] === serverZoneSize) continue;
      serverZoneSize = reader.words[routeAt + ROUTE.at.serverZoneSize]!;
      if (serverZoneSize === ROOT_SIZE) return found === NOT_FOUND ? this.choose(routeAt) : found;
      const last = this.lastOf(routeAt);
      if (last !== NOT_FOUND) found = last;
    }
    return found;
  }

  /** The last choice of the same zone whose expressions hold. */
  private lastOf(routeAt: number): number {
    const { words } = this.reader;
    const choices = words[routeAt + ROUTE.at.choices]!;
    if (choices === 0) return routeAt;
    let found = NOT_FOUND;
    let choiceAt = choices * 2 + CHOICES.at.choices;
    for (let left = words[choices * 2 + CHOICES.at.count]!; left > 0; left--, choiceAt += CHOICE_WORDS) {
      if (words[choiceAt + 2] === 1 && this.holds(choiceAt)) found = words[choiceAt + 1]! * 2;
    }
    return found;
  }

  /** An expression that cannot be evaluated does not hold. */
  private holds(choiceAt: number): boolean {
    const { words } = this.reader;
    const condition = words[choiceAt]!;
    if (condition === 0) return true;
    const policyAt = words[words[choiceAt + 1]! * 2 + ROUTE.at.policy]! * 2;
    this.facts.metadataAt = words[policyAt + POLICY.at.metadata]! * 2;
    try {
      return areAllTrue(this.conditions.at(condition * 2), this.facts);
    } catch (error) {
      if (error instanceof ExprError) return false;
      throw error;
    }
  }
}

function parseCondition(text: Uint8Array): readonly CompiledExpr[] {
  const { expressions } = JSON.parse(Buffer.from(text).toString()) as ViewProgram;
  return expressions.map(compileExpr);
}
