/** An expression of `view` or `template`, as read and type-checked. It holds no functions, so it can go to another thread. */
export type Expr =
  /** a number is an integer unless `isFloat` is set */
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null; readonly isFloat?: true }
  | { readonly kind: 'array'; readonly items: readonly Expr[] }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expr[] }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expr }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'conditional'; readonly test: Expr; readonly whenTrue: Expr; readonly whenFalse: Expr };

export type UnaryOperator = 'not' | '-' | '+';

/** `&&` and `||` are read as `and` and `or`, `^` as `**`; `a not in b` is `not (a in b)`. */
export type BinaryOperator =
  | 'or'
  | 'and'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | 'matches'
  | 'contains'
  | 'startsWith'
  | 'endsWith'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '**';

/** `unknown` is a value whose type only the query tells. */
export type ExprType = 'string' | 'int' | 'float' | 'bool' | 'nil' | 'array' | 'unknown';

export interface ExprFunction {
  readonly parameters: readonly ExprType[];
  readonly result: ExprType;
}

/** What an expression may name. */
export interface ExprScope {
  readonly functions: Readonly<Record<string, ExprFunction>>;
  readonly variables: Readonly<Record<string, ExprType>>;
}

/** The functions of `view`, answered from the query. */
export const QUERY_FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  incidr: { parameters: ['string', 'string'], result: 'bool' },
  metadata: { parameters: ['string'], result: 'string' },
  type: { parameters: [], result: 'string' },
  name: { parameters: [], result: 'string' },
  class: { parameters: [], result: 'string' },
  proto: { parameters: [], result: 'string' },
  size: { parameters: [], result: 'int' },
  client_ip: { parameters: [], result: 'string' },
  port: { parameters: [], result: 'string' },
  id: { parameters: [], result: 'int' },
  opcode: { parameters: [], result: 'int' },
  do: { parameters: [], result: 'bool' },
  bufsize: { parameters: [], result: 'int' },
  server_ip: { parameters: [], result: 'string' },
  server_port: { parameters: [], result: 'string' },
};

/** Built-in functions of the expr language that can be called besides; on values that do not suit they fail the query. */
export const BUILTIN_FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  int: { parameters: ['unknown'], result: 'int' },
  float: { parameters: ['unknown'], result: 'float' },
  string: { parameters: ['unknown'], result: 'string' },
  len: { parameters: ['unknown'], result: 'int' },
  abs: { parameters: ['unknown'], result: 'unknown' },
  lower: { parameters: ['string'], result: 'string' },
  upper: { parameters: ['string'], result: 'string' },
  trim: { parameters: ['string'], result: 'string' },
  hasPrefix: { parameters: ['string', 'string'], result: 'bool' },
  hasSuffix: { parameters: ['string', 'string'], result: 'bool' },
  indexOf: { parameters: ['string', 'string'], result: 'int' },
};

/** A fault of an expression, with the character it was found at, from 1. */
export class ExprFault extends Error {
  constructor(at: number, message: string) {
    super(`${message} (at character ${at + 1})`);
    this.name = 'ExprFault';
  }
}
