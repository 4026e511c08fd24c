/** An expression of `view` or `template`, as read and type-checked. It holds no functions, so it can go to another thread. */
export type Expr =
  /** a number is an integer unless `isFloat` is set */
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null; readonly isFloat?: true }
  /** one that JSON would round */
  | { readonly kind: 'integer'; readonly digits: string }
  | { readonly kind: 'array'; readonly items: readonly Expr[] }
  | { readonly kind: 'map'; readonly pairs: readonly ExprPair[] }
  /** of `var`, or of `let` */
  | { readonly kind: 'variable'; readonly name: string }
  /** `#`, `#index` and `#acc` of the innermost loop */
  | { readonly kind: 'pointer'; readonly name: PointerName }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expr[] }
  | ExprLoop
  | { readonly kind: 'member'; readonly of: Expr; readonly property: Expr; readonly isOptional?: true }
  /** where an optional member of it meets nil, all of it is nil */
  | { readonly kind: 'chain'; readonly of: Expr }
  | { readonly kind: 'slice'; readonly of: Expr; readonly from: Expr | null; readonly to: Expr | null }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expr }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expr; readonly right: Expr }
  /** `a < b <= c`: each operator between its neighbours, all have to hold */
  | {
      readonly kind: 'comparison';
      readonly operators: readonly ComparisonOperator[];
      readonly operands: readonly Expr[];
    }
  | { readonly kind: 'conditional'; readonly test: Expr; readonly whenTrue: Expr; readonly whenFalse: Expr }
  | { readonly kind: 'let'; readonly name: string; readonly value: Expr; readonly body: Expr }
  /** all are evaluated, the last one counts */
  | { readonly kind: 'sequence'; readonly items: readonly Expr[] };

export interface ExprPair {
  readonly key: Expr;
  readonly value: Expr;
}

/** A function that evaluates `body` for each item of a list. */
export interface ExprLoop {
  readonly kind: 'loop';
  readonly name: LoopName;
  readonly list: Expr;
  /** null: the item itself */
  readonly body: Expr | null;
  /** order of `sortBy`, first value of `reduce` */
  readonly argument: Expr | null;
}

export type PointerName = '' | 'index' | 'acc';

/** Functions with a predicate; `body`: whether it may be left out; `argument`: whether something may follow it. */
export const LOOPS = {
  all: { isBodyOptional: false, takesArgument: false },
  none: { isBodyOptional: false, takesArgument: false },
  any: { isBodyOptional: false, takesArgument: false },
  one: { isBodyOptional: false, takesArgument: false },
  filter: { isBodyOptional: false, takesArgument: false },
  map: { isBodyOptional: false, takesArgument: false },
  count: { isBodyOptional: true, takesArgument: false },
  sum: { isBodyOptional: true, takesArgument: false },
  find: { isBodyOptional: false, takesArgument: false },
  findIndex: { isBodyOptional: false, takesArgument: false },
  findLast: { isBodyOptional: false, takesArgument: false },
  findLastIndex: { isBodyOptional: false, takesArgument: false },
  groupBy: { isBodyOptional: false, takesArgument: false },
  sortBy: { isBodyOptional: false, takesArgument: true },
  reduce: { isBodyOptional: false, takesArgument: true },
} as const;

export type LoopName = keyof typeof LOOPS;

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
  | '..'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '**'
  | '??';

export type ComparisonOperator = Extract<BinaryOperator, '<' | '<=' | '>' | '>='>;

/** `unknown` is a value whose type only the query tells. */
export type ExprType = 'string' | 'int' | 'float' | 'bool' | 'nil' | 'unknown' | ExprArrayType | ExprMapType;

export interface ExprArrayType {
  /** type of every item */
  readonly items: ExprType;
  /** what `split` gives: nothing but texts, which `join` and `sort` tell from lists of values */
  readonly isTexts: boolean;
}

export interface ExprMapType {
  /** literals and what `fromJSON` reads have texts as keys, `groupBy` and `fromPairs` anything */
  readonly keys: 'string' | 'unknown';
  readonly values: ExprType;
}

export interface ExprFunction {
  readonly parameters: readonly ExprType[];
  readonly result: ExprType;
}

/** What an expression may name besides the built-in functions. */
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

/** A fault of an expression. */
export class ExprFault extends Error {
  /** the character it was found at, from 0 */
  readonly at: number;

  constructor(at: number, message: string) {
    super(`${message} (at character ${at + 1})`);
    this.at = at;
    this.name = 'ExprFault';
  }
}
