import { lexExpr, type ExprToken } from './expr-lexer.ts';
import { typeOfExpr } from './expr-types.ts';
import { ExprFault, type BinaryOperator, type Expr, type ExprScope, type ExprType } from './expr-tree.ts';

/** Longer and deeper ones are refused before they cost time or stack. */
export const EXPR_LENGTH_MAX = 10_000;
const DEPTH_MAX = 100;

/** How tightly operators bind, as in the expr language. */
const PRECEDENCES: Readonly<Record<BinaryOperator, number>> = {
  or: 10,
  and: 15,
  '==': 20,
  '!=': 20,
  '<': 20,
  '<=': 20,
  '>': 20,
  '>=': 20,
  in: 20,
  matches: 20,
  contains: 20,
  startsWith: 20,
  endsWith: 20,
  '+': 30,
  '-': 30,
  '*': 60,
  '/': 60,
  '%': 60,
  '**': 100,
};
const NOT_PRECEDENCE = 50;
const SIGN_PRECEDENCE = 90;

const SPELLINGS: Readonly<Record<string, BinaryOperator>> = { '&&': 'and', '||': 'or', '^': '**' };
const COMPARISONS: readonly BinaryOperator[] = ['<', '<=', '>', '>='];
const NEGATABLE: readonly string[] = ['in', 'matches', 'contains', 'startsWith', 'endsWith'];
/** Words that are no names. */
const KEYWORDS = new Set(['true', 'false', 'nil', 'and', 'or', 'not', ...NEGATABLE]);

export interface CheckedExpr {
  readonly expr: Expr;
  readonly type: ExprType;
}

/**
 * Read an expression of the expr language: literals, lists, comparison, logic, `in`, `matches`, `contains`, `startsWith`,
 * `endsWith`, arithmetic, `? :` and calls of the scope's functions. Patterns and types that are known are checked.
 *
 * @throws ExprFault
 */
export function parseExpr(text: string, scope: ExprScope): CheckedExpr {
  if (text.length > EXPR_LENGTH_MAX) throw new ExprFault(EXPR_LENGTH_MAX, `longer than ${EXPR_LENGTH_MAX} characters`);
  const reader = new ExprReader(lexExpr(text), scope);
  const expr = reader.readConditional();
  const rest = reader.peek();
  if (rest.kind !== 'end') throw reader.unexpected(rest, 'an operator or the end');
  return { expr, type: typeOfExpr(expr, scope, reader.places) };
}

/** Whether the text can name a variable: it is a name and no word of the language. */
export function isExprName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && !KEYWORDS.has(text);
}

class ExprReader {
  /** where each node begins, for what the type check says */
  readonly places = new Map<Expr, number>();
  readonly #tokens: readonly ExprToken[];
  readonly #scope: ExprScope;
  #index = 0;
  #depth = 0;

  constructor(tokens: readonly ExprToken[], scope: ExprScope) {
    this.#tokens = tokens;
    this.#scope = scope;
  }

  peek(): ExprToken {
    return this.#tokens[this.#index]!;
  }

  #next(): ExprToken {
    const token = this.peek();
    if (token.kind !== 'end') this.#index++;
    return token;
  }

  unexpected(token: ExprToken, expected: string): ExprFault {
    const found =
      token.kind === 'end'
        ? 'the end'
        : token.kind === 'word' || token.kind === 'sign'
          ? `'${token.text}'`
          : `a ${token.kind}`;
    return new ExprFault(token.at, `unexpected ${found}, expected ${expected}`);
  }

  #isSign(text: string): boolean {
    const token = this.peek();
    return token.kind === 'sign' && token.text === text;
  }

  #take(text: string): void {
    if (!this.#isSign(text)) throw this.unexpected(this.peek(), `'${text}'`);
    this.#index++;
  }

  #place(expr: Expr, at: number): Expr {
    this.places.set(expr, at);
    return expr;
  }

  readConditional(): Expr {
    const { at } = this.peek();
    if (++this.#depth > DEPTH_MAX) throw new ExprFault(at, `nested more than ${DEPTH_MAX} deep`);
    let expr = this.#readBinary(0);
    if (this.#isSign('?')) {
      this.#index++;
      const whenTrue = this.readConditional();
      this.#take(':');
      expr = this.#place({ kind: 'conditional', test: expr, whenTrue, whenFalse: this.readConditional() }, at);
    }
    this.#depth--;
    return expr;
  }

  #readBinary(precedence: number): Expr {
    const { at } = this.peek();
    if (++this.#depth > DEPTH_MAX) throw new ExprFault(at, `nested more than ${DEPTH_MAX} deep`);
    let left = this.#readUnary();
    for (;;) {
      const isNegated = this.#isNegatedOperator();
      const operator = this.#peekOperator(isNegated ? 1 : 0);
      if (operator === undefined || PRECEDENCES[operator] < precedence) break;
      this.#index += isNegated ? 2 : 1;
      if (COMPARISONS.includes(operator)) {
        left = this.#readComparison(left, operator, at);
        continue;
      }
      const binds = PRECEDENCES[operator] + (operator === '**' ? 0 : 1);
      left = this.#place({ kind: 'binary', operator, left, right: this.#readBinary(binds) }, at);
      if (isNegated) left = this.#place({ kind: 'unary', operator: 'not', operand: left }, at);
    }
    this.#depth--;
    return left;
  }

  /** `a < b <= c` is `a < b and b <= c`. */
  #readComparison(first: Expr, operator: BinaryOperator, at: number): Expr {
    let left = this.#readBinary(PRECEDENCES[operator] + 1);
    let all = this.#place({ kind: 'binary', operator, left: first, right: left }, at);
    for (;;) {
      const next = this.#peekOperator(0);
      if (next === undefined || !COMPARISONS.includes(next)) return all;
      this.#index++;
      const right = this.#readBinary(PRECEDENCES[next] + 1);
      const compared = this.#place({ kind: 'binary', operator: next, left, right }, at);
      all = this.#place({ kind: 'binary', operator: 'and', left: all, right: compared }, at);
      left = right;
    }
  }

  /** `a not in b` */
  #isNegatedOperator(): boolean {
    const token = this.peek();
    const after = this.#tokens[this.#index + 1];
    return token.kind === 'word' && token.text === 'not' && after?.kind === 'word' && NEGATABLE.includes(after.text);
  }

  #peekOperator(ahead: number): BinaryOperator | undefined {
    const token = this.#tokens[this.#index + ahead];
    if (token?.kind !== 'word' && token?.kind !== 'sign') return undefined;
    const name = Object.hasOwn(SPELLINGS, token.text) ? SPELLINGS[token.text]! : token.text;
    return Object.hasOwn(PRECEDENCES, name) ? (name as BinaryOperator) : undefined;
  }

  #readUnary(): Expr {
    const token = this.peek();
    const text = token.kind === 'word' || token.kind === 'sign' ? token.text : '';
    if (text !== '!' && text !== 'not' && text !== '-' && text !== '+') return this.#readPrimary();
    this.#index++;
    const isNot = text === '!' || text === 'not';
    const operand = this.#readBinary(isNot ? NOT_PRECEDENCE : SIGN_PRECEDENCE);
    return this.#place({ kind: 'unary', operator: isNot ? 'not' : text, operand }, token.at);
  }

  #readPrimary(): Expr {
    const token = this.#next();
    if (token.kind === 'string') return this.#place({ kind: 'literal', value: token.value }, token.at);
    if (token.kind === 'number') {
      const { value, isFloat } = token;
      return this.#place(isFloat ? { kind: 'literal', value, isFloat } : { kind: 'literal', value }, token.at);
    }
    if (token.kind === 'word') return this.#readWord(token.text, token);
    if (token.kind === 'sign' && token.text === '(') {
      const inner = this.readConditional();
      this.#take(')');
      return inner;
    }
    if (token.kind === 'sign' && token.text === '[') {
      return this.#place({ kind: 'array', items: this.#readList(']') }, token.at);
    }
    throw this.unexpected(token, 'a value');
  }

  #readWord(text: string, token: ExprToken): Expr {
    if (text === 'true' || text === 'false') return this.#place({ kind: 'literal', value: text === 'true' }, token.at);
    if (text === 'nil') return this.#place({ kind: 'literal', value: null }, token.at);
    if (KEYWORDS.has(text)) throw this.unexpected(token, 'a value');
    const isCall = this.#isSign('(');
    if (isCall && Object.hasOwn(this.#scope.functions, text)) {
      this.#index++;
      return this.#place({ kind: 'call', name: text, arguments: this.#readList(')') }, token.at);
    }
    if (!isCall && Object.hasOwn(this.#scope.variables, text)) {
      return this.#place({ kind: 'variable', name: text }, token.at);
    }
    const known = Object.keys(this.#scope.functions).map((name) => `${name}()`);
    const hint = [...known, ...Object.keys(this.#scope.variables)].join(', ');
    throw new ExprFault(token.at, `unknown name ${text}, expected one of ${hint}`);
  }

  #readList(closing: string): Expr[] {
    const items: Expr[] = [];
    while (!this.#isSign(closing)) {
      items.push(this.readConditional());
      if (!this.#isSign(closing)) this.#take(',');
    }
    this.#index++;
    return items;
  }
}
