/** What an expression is evaluated for. */
import type { ExprValue, ExprWork } from './expr-value.ts';

/** What is known of the query. All texts are as CoreDNS has them. */
export interface ExprQuery {
  /** mnemonic of the type of the question */
  typeText(): string;
  classText(): string;
  /** of the question, presentation form, lower-cased, absolute */
  name(): string;
  /** udp or tcp */
  proto(): string;
  /** octets of the query */
  size(): number;
  id(): number;
  opcode(): number;
  isDnssecOk(): boolean;
  /** largest response that the client takes, octets */
  bufferSize(): number;
  clientAddress(): string;
  clientPort(): number;
  serverAddress(): string;
  serverPort(): number;
  /** '' if it is not known */
  metadata(label: string): string;
}

/** What a `template` adds. */
export interface ExprMatch {
  /** by number or by name; '' if there is none */
  readonly groups: ReadonlyMap<string, string>;
  /** of the `var` options before */
  readonly variables: ReadonlyMap<string, ExprValue>;
}

/** One evaluation. */
export interface ExprFrame {
  readonly query: ExprQuery;
  readonly match: ExprMatch;
  readonly work: ExprWork;
  /** variables of `let` and what loops are at, by the number that compiling gave them */
  readonly slots: ExprValue[];
}

/** A part of an expression. @throws ExprError */
export type CompiledPart = (frame: ExprFrame) => ExprValue;

export type ExprFunction = (args: readonly ExprValue[], frame: ExprFrame) => ExprValue;
