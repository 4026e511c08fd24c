import { BUILTIN_FUNCTIONS } from './expr-builtins.ts';
import { lexExpr, type ExprToken } from './expr-lexer.ts';
import { typeOfExpr } from './expr-types.ts';
import {
  ExprFault,
  LOOPS,
  type BinaryOperator,
  type ComparisonOperator,
  type Expr,
  type ExprPair,
  type ExprScope,
  type ExprType,
  type LoopName,
} from './expr-tree.ts';

/** Longer and deeper ones are refused before they cost time or stack. */
export const EXPR_LENGTH_MAX = 10_000;
const DEPTH_MAX = 100;
/** Of the whole expression: a row of them is as deep as it is long. */
const OPERATORS_MAX = 1000;

/** How tightly operators bind, as in the expr language. */
const PRECEDENCES: Readonly<Record<BinaryOperator | '|', number>> = {
  '|': 0,
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
  '..': 25,
  '+': 30,
  '-': 30,
  '*': 60,
  '/': 60,
  '%': 60,
  '**': 100,
  '??': 500,
};
const NOT_PRECEDENCE = 50;
const SIGN_PRECEDENCE = 90;

const SPELLINGS: Readonly<Record<string, BinaryOperator>> = { '&&': 'and', '||': 'or', '^': '**' };
const NEGATABLE: readonly string[] = ['in', 'matches', 'contains', 'startsWith', 'endsWith'];
const OPERATOR_WORDS = new Set(['and', 'or', 'not', 'let', 'if', 'else', ...NEGATABLE]);
/** Words that are no names. */
const KEYWORDS = new Set(['true', 'false', 'nil', ...OPERATOR_WORDS]);

/** Of the language, but not here. */
const DATE_FUNCTIONS = new Set(['now', 'date', 'duration', 'timezone']);

export interface CheckedExpr {
  readonly expr: Expr;
  readonly type: ExprType;
}

/**
 * Read an expression of the expr language, version 1.17: all of it but octets, dates and methods. Patterns and types that are
 * known are checked.
 *
 * @throws ExprFault
 */
export function parseExpr(text: string, scope: ExprScope): CheckedExpr {
  if (text.length > EXPR_LENGTH_MAX) throw new ExprFault(EXPR_LENGTH_MAX, `longer than ${EXPR_LENGTH_MAX} characters`);
  const reader = new ExprReader(lexExpr(text), scope);
  const expr = reader.readSequence();
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
  /** of `let`, those that can be named here */
  readonly #names: string[] = [];
  #index = 0;
  #depth = 0;
  #predicateDepth = 0;
  #operatorCount = 0;

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

  #is(text: string, token = this.peek()): boolean {
    return (token.kind === 'sign' || token.kind === 'word') && token.text === text;
  }

  #take(text: string): void {
    if (!this.#is(text)) throw this.unexpected(this.peek(), `'${text}'`);
    this.#index++;
  }

  #takeIf(text: string): boolean {
    const isThere = this.#is(text);
    if (isThere) this.#index++;
    return isThere;
  }

  #place<Node extends Expr>(at: number, expr: Node): Node {
    this.places.set(expr, at);
    return expr;
  }

  #enter(): void {
    if (++this.#depth > DEPTH_MAX) throw new ExprFault(this.peek().at, `nested more than ${DEPTH_MAX} deep`);
  }

  #countOperator(at: number): void {
    if (++this.#operatorCount > OPERATORS_MAX) throw new ExprFault(at, `more than ${OPERATORS_MAX} operators`);
  }

  /** `a; b; c`, of which the last one counts. */
  readSequence(): Expr {
    const { at } = this.peek();
    const items = [this.#readExpression()];
    while (this.#takeIf(';') && this.peek().kind !== 'end') items.push(this.#readExpression());
    return items.length === 1 ? items[0]! : this.#place(at, { kind: 'sequence', items });
  }

  #readExpression(): Expr {
    const { at } = this.peek();
    this.#enter();
    const expr = this.#is('let') ? this.#readLet(at) : this.#is('if') ? this.#readIf(at) : this.#readConditional(at);
    this.#depth--;
    return expr;
  }

  #readLet(at: number): Expr {
    this.#index++;
    const token = this.#next();
    if (token.kind !== 'word' || KEYWORDS.has(token.text)) throw this.unexpected(token, 'a name');
    const name = token.text;
    if (this.#isTaken(name)) throw new ExprFault(token.at, `${name} is taken: a variable cannot have that name`);
    this.#take('=');
    const value = this.#readExpression();
    this.#take(';');
    this.#names.push(name);
    const body = this.readSequence();
    this.#names.pop();
    return this.#place(at, { kind: 'let', name, value, body });
  }

  #isTaken(name: string): boolean {
    const { functions, variables } = this.#scope;
    return (
      [functions, variables, LOOPS, BUILTIN_FUNCTIONS].some((names) => Object.hasOwn(names, name)) ||
      this.#names.includes(name)
    );
  }

  /** `if a { b } else { c }` */
  #readIf(at: number): Expr {
    this.#index++;
    const test = this.#readExpression();
    const whenTrue = this.#readBraced();
    this.#take('else');
    const elseAt = this.peek().at;
    this.#enter();
    const whenFalse = this.#is('if') ? this.#readIf(elseAt) : this.#readBraced();
    this.#depth--;
    return this.#place(at, { kind: 'conditional', test, whenTrue, whenFalse });
  }

  #readBraced(): Expr {
    this.#take('{');
    const expr = this.readSequence();
    this.#take('}');
    return expr;
  }

  /** `a ? b : c`; in `a ?: b` what is given where `a` is true is `a`, which is true then. */
  #readConditional(at: number): Expr {
    let expr = this.#readBinary(0);
    while (this.#takeIf('?')) {
      const test = expr;
      let whenTrue: Expr = { kind: 'literal', value: true };
      if (!this.#takeIf(':')) {
        whenTrue = this.#readExpression();
        this.#take(':');
      }
      expr = this.#place(at, { kind: 'conditional', test, whenTrue, whenFalse: this.#readExpression() });
    }
    return expr;
  }

  #readBinary(precedence: number): Expr {
    const { at } = this.peek();
    this.#enter();
    let left = this.#readUnary();
    let before: string | undefined;
    for (;;) {
      const isNegated = this.#isNegatedOperator();
      const operator = this.#peekOperator(isNegated ? 1 : 0);
      if (operator === undefined || PRECEDENCES[operator] < precedence) break;
      const operatorAt = this.peek().at;
      this.#countOperator(operatorAt);
      this.#index += isNegated ? 2 : 1;
      if (operator === '|') {
        left = this.#readCall(this.#next(), left);
      } else if (before === '??' && operator !== '??') {
        throw new ExprFault(operatorAt, `${operator} and ?? cannot be mixed, write parentheses around either`);
      } else if (isComparison(operator)) {
        left = this.#readComparison(left, operator, at);
      } else {
        const binds = PRECEDENCES[operator] + (operator === '**' ? 0 : 1);
        left = this.#place(at, { kind: 'binary', operator, left, right: this.#readBinary(binds) });
        if (isNegated) left = this.#place(at, { kind: 'unary', operator: 'not', operand: left });
      }
      before = operator;
    }
    this.#depth--;
    return left;
  }

  /** `a < b <= c` is `a < b and b <= c`. */
  #readComparison(first: Expr, firstOperator: ComparisonOperator, at: number): Expr {
    const operands = [first];
    const operators: ComparisonOperator[] = [];
    let operator: ComparisonOperator | undefined = firstOperator;
    while (operator !== undefined) {
      operators.push(operator);
      operands.push(this.#readBinary(PRECEDENCES[operator] + 1));
      const next = this.#peekOperator(0);
      operator = isComparison(next) ? next : undefined;
      if (operator !== undefined) this.#index++;
    }
    const [left, right] = operands;
    return operators.length === 1
      ? this.#place(at, { kind: 'binary', operator: firstOperator, left: left!, right: right! })
      : this.#place(at, { kind: 'comparison', operators, operands });
  }

  /** `a not in b` */
  #isNegatedOperator(): boolean {
    const after = this.#tokens[this.#index + 1];
    return this.#is('not') && after?.kind === 'word' && NEGATABLE.includes(after.text);
  }

  #peekOperator(ahead: number): BinaryOperator | '|' | undefined {
    const token = this.#tokens[this.#index + ahead];
    if (token?.kind !== 'word' && token?.kind !== 'sign') return undefined;
    const name = Object.hasOwn(SPELLINGS, token.text) ? SPELLINGS[token.text]! : token.text;
    return Object.hasOwn(PRECEDENCES, name) ? (name as BinaryOperator | '|') : undefined;
  }

  #readUnary(): Expr {
    const token = this.peek();
    const text = token.kind === 'word' || token.kind === 'sign' ? token.text : '';
    if (text !== '!' && text !== 'not' && text !== '-' && text !== '+') return this.#readPrimary();
    this.#index++;
    const isNot = text === '!' || text === 'not';
    const operand = this.#readBinary(isNot ? NOT_PRECEDENCE : SIGN_PRECEDENCE);
    return this.#readPostfix(this.#place(token.at, { kind: 'unary', operator: isNot ? 'not' : text, operand }));
  }

  #readPrimary(): Expr {
    const token = this.#next();
    const { at } = token;
    if (token.kind === 'number') return this.#place(at, readNumber(token.value));
    if (token.kind === 'string') return this.#readPostfix(this.#place(at, { kind: 'literal', value: token.value }));
    if (token.kind === 'word') return this.#readWord(token.text, token);
    if (this.#is('(', token)) {
      const inner = this.readSequence();
      this.#take(')');
      return this.#readPostfix(inner);
    }
    if (this.#predicateDepth > 0 && (this.#is('#', token) || this.#is('.', token))) return this.#readPointer(token);
    if (this.#is('[', token)) return this.#readPostfix(this.#place(at, { kind: 'array', items: this.#readList(']') }));
    if (this.#is('{', token)) return this.#readPostfix(this.#readMap(at));
    if (this.#is('::', token)) return this.#readPostfix(this.#readCall(this.#next(), undefined));
    throw this.unexpected(token, 'a value');
  }

  /** `#`, `#index`, `#acc`; `.a` is `#.a` */
  #readPointer(token: ExprToken): Expr {
    if (this.#is('.', token)) {
      this.#index--;
      return this.#readPostfix(this.#place(token.at, { kind: 'pointer', name: '' }));
    }
    const word = this.peek();
    const name = word.kind === 'word' && !OPERATOR_WORDS.has(word.text) ? word.text : '';
    if (name !== '') this.#index++;
    if (name !== '' && name !== 'index' && name !== 'acc') {
      throw new ExprFault(token.at, `unknown pointer #${name}, expected #, #index or #acc`);
    }
    return this.#readPostfix(this.#place(token.at, { kind: 'pointer', name }));
  }

  #readWord(text: string, token: ExprToken): Expr {
    const { at } = token;
    if (text === 'true' || text === 'false') return this.#place(at, { kind: 'literal', value: text === 'true' });
    if (text === 'nil') return this.#place(at, { kind: 'literal', value: null });
    if (KEYWORDS.has(text)) throw this.unexpected(token, 'a value');
    if (this.#is('(')) return this.#readPostfix(this.#readCall(token, undefined));
    if (this.#names.includes(text) || Object.hasOwn(this.#scope.variables, text)) {
      return this.#readPostfix(this.#place(at, { kind: 'variable', name: text }));
    }
    throw this.#unknownName(text, at);
  }

  #unknownName(text: string, at: number): ExprFault {
    const { functions, variables } = this.#scope;
    if (text === '$env') return new ExprFault(at, '$env is not supported: name what is meant');
    if (DATE_FUNCTIONS.has(text)) return new ExprFault(at, `${text} is not supported: there are no dates`);
    const isFunction = [functions, LOOPS, BUILTIN_FUNCTIONS].some((names) => Object.hasOwn(names, text));
    if (isFunction) return new ExprFault(at, `unknown name ${text}: a function is called with parentheses, ${text}(…)`);
    const known = [...Object.keys(functions).map((name) => `${name}()`), ...this.#names, ...Object.keys(variables)];
    return new ExprFault(at, `unknown name ${text}, expected a built-in function or one of ${known.join(', ')}`);
  }

  /** @param piped  what stands before `|`: the first argument */
  #readCall(token: ExprToken, piped: Expr | undefined): Expr {
    if (token.kind !== 'word' || KEYWORDS.has(token.text)) throw this.unexpected(token, 'the name of a function');
    const { text: name, at } = token;
    const isKnown = Object.hasOwn(this.#scope.functions, name) || Object.hasOwn(BUILTIN_FUNCTIONS, name);
    const isLoop = Object.hasOwn(LOOPS, name);
    if (!isKnown && !isLoop) throw this.#unknownName(name, at);
    this.#take('(');
    if (isLoop) return this.#readLoop(name as LoopName, at, piped);
    const args = this.#readList(')');
    return this.#place(at, { kind: 'call', name, arguments: piped === undefined ? args : [piped, ...args] });
  }

  #readLoop(name: LoopName, at: number, piped: Expr | undefined): Expr {
    const { isBodyOptional, takesArgument } = LOOPS[name];
    const list = piped ?? this.#readExpression();
    if (piped === undefined && !this.#is(')')) this.#take(',');
    let body: Expr | null = null;
    let argument: Expr | null = null;
    if (!this.#is(')')) {
      body = this.#readPredicate();
      if (this.#takeIf(',') && takesArgument && !this.#is(')')) {
        argument = this.#readExpression();
        this.#takeIf(',');
      }
    } else if (!isBodyOptional) {
      throw this.unexpected(this.peek(), `a predicate: ${name}(LIST, PREDICATE)`);
    }
    this.#take(')');
    return this.#place(at, { kind: 'loop', name, list, body, argument });
  }

  /** In braces it may be a sequence. */
  #readPredicate(): Expr {
    this.#predicateDepth++;
    const body = this.#is('{') ? this.#readBraced() : this.#readExpression();
    if (this.#is(';')) throw this.unexpected(this.peek(), "')'; put { and } around a predicate with ;");
    this.#predicateDepth--;
    return body;
  }

  #readList(closing: string): Expr[] {
    const items: Expr[] = [];
    while (!this.#is(closing)) {
      items.push(this.#readExpression());
      if (!this.#is(closing)) this.#take(',');
    }
    this.#index++;
    return items;
  }

  /** A key is a word, a text, a number, or anything in parentheses. */
  #readMap(at: number): Expr {
    const pairs: ExprPair[] = [];
    while (!this.#is('}')) {
      const token = this.peek();
      let key: Expr;
      if (this.#is('(', token)) key = this.#readExpression();
      else if (token.kind === 'string') key = this.#place(token.at, { kind: 'literal', value: token.value });
      else if (token.kind === 'number' || (token.kind === 'word' && !OPERATOR_WORDS.has(token.text))) {
        key = this.#place(token.at, { kind: 'literal', value: token.text });
      } else
        throw this.unexpected(token, 'a key of the map: a name, a text, a number, or an expression in parentheses');
      if (!this.#is('(', token)) this.#index++;
      this.#take(':');
      pairs.push({ key, value: this.#readExpression() });
      if (!this.#is('}')) this.#take(',');
    }
    this.#index++;
    return this.#place(at, { kind: 'map', pairs });
  }

  /** What follows a value: `.name`, `?.name`, `[index]`, `[from:to]`. */
  #readPostfix(value: Expr): Expr {
    let expr = value;
    for (;;) {
      const { at } = this.peek();
      const isOptional = this.#is('?.');
      if (isOptional || this.#is('.') || this.#is('[')) this.#countOperator(at);
      if (isOptional || this.#is('.')) {
        this.#index++;
        if (isOptional && this.#takeIf('[')) {
          expr = this.#readIndex(expr, at, true);
          continue;
        }
        const name = this.#next();
        if (name.kind !== 'word') throw this.unexpected(name, 'a name');
        if (this.#is('(')) throw new ExprFault(name.at, `there are no methods, and so no ${name.text}`);
        const property = this.#place(name.at, { kind: 'literal', value: name.text });
        // One chain holds all that follows it.
        const of = expr.kind === 'chain' ? expr.of : expr;
        const isChain = isOptional || expr.kind === 'chain';
        const member = this.#place(
          at,
          isOptional ? { kind: 'member', of, property, isOptional } : { kind: 'member', of, property },
        );
        expr = isChain ? this.#place(at, { kind: 'chain', of: member }) : member;
      } else if (this.#takeIf('[')) expr = this.#readIndex(expr, at, false);
      else return expr;
    }
  }

  #readIndex(of: Expr, at: number, isOptional: boolean): Expr {
    const from = this.#is(':') ? null : this.#readExpression();
    if (this.#takeIf(':')) {
      const to = this.#is(']') ? null : this.#readExpression();
      this.#take(']');
      return this.#place(at, { kind: 'slice', of, from, to });
    }
    this.#take(']');
    const property = from!;
    if (!isOptional) return this.#place(at, { kind: 'member', of, property });
    return this.#place(at, { kind: 'chain', of: this.#place(at, { kind: 'member', of, property, isOptional }) });
  }
}

function isComparison(operator: string | undefined): operator is ComparisonOperator {
  return operator === '<' || operator === '<=' || operator === '>' || operator === '>=';
}

function readNumber(value: number | bigint): Expr {
  if (typeof value === 'number') return { kind: 'literal', value, isFloat: true };
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return { kind: 'integer', digits: String(value) };
  return { kind: 'literal', value: Number(value) };
}
