/**
 * From the tree of an expression to closures, made once a thread. Evaluating one for a query allocates and takes its time,
 * but never without bound: there are no loops in the language, and values are limited in size.
 */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import type { BinaryOperator, Expr } from '../config/expr-tree.ts';
import { FUNCTIONS, type ExprMatch, type ExprQuery } from './expr-functions.ts';
import {
  add,
  compare,
  divide,
  ExprError,
  isEqual,
  isIn,
  isNumber,
  multiply,
  negate,
  power,
  remainder,
  subtract,
  typeName,
  type ExprValue,
} from './expr-value.ts';

/** @throws ExprError */
export type CompiledExpr = (query: ExprQuery, match: ExprMatch) => ExprValue;

/** Where there is no template. */
const NO_MATCH: ExprMatch = { groups: new Map(), variables: new Map() };

/** @param expr  as read and checked from the configuration */
export function compileExpr(expr: Expr): CompiledExpr {
  switch (expr.kind) {
    case 'literal': {
      const { value, isFloat } = expr;
      const known = typeof value === 'number' && isFloat !== true ? BigInt(value) : value;
      return () => known;
    }
    case 'variable':
      return (_, { variables }) => variables.get(expr.name) ?? null;
    case 'array': {
      const items = expr.items.map(compileExpr);
      return (query, match) => items.map((item) => item(query, match));
    }
    case 'call':
      return compileCall(expr.name, expr.arguments);
    case 'unary':
      return compileUnary(expr.operator, compileExpr(expr.operand));
    case 'conditional': {
      const [test, whenTrue, whenFalse] = [expr.test, expr.whenTrue, expr.whenFalse].map(compileExpr);
      return (query, match) =>
        takeBool('? :', test!(query, match)) ? whenTrue!(query, match) : whenFalse!(query, match);
    }
    case 'binary':
      return expr.operator === 'matches'
        ? compileMatches(expr.left, expr.right)
        : compileBinary(expr.operator, compileExpr(expr.left), compileExpr(expr.right));
  }
}

/** Whether all of them are true. @throws ExprError  where one cannot be evaluated */
export function areAllTrue(exprs: readonly CompiledExpr[], query: ExprQuery, match: ExprMatch = NO_MATCH): boolean {
  for (const expr of exprs) if (expr(query, match) !== true) return false;
  return true;
}

function compileCall(name: string, argumentExprs: readonly Expr[]): CompiledExpr {
  const call = FUNCTIONS[name];
  if (call === undefined) throw new ExprError(`there is no function ${name}`);
  const args = argumentExprs.map(compileExpr);
  if (args.length === 0) return (query, match) => call([], query, match);
  return (query, match) =>
    call(
      args.map((argument) => argument(query, match)),
      query,
      match,
    );
}

function compileUnary(operator: 'not' | '-' | '+', operand: CompiledExpr): CompiledExpr {
  switch (operator) {
    case 'not':
      return (query, match) => !takeBool('not', operand(query, match));
    case '-':
      return (query, match) => negate(operand(query, match));
    case '+':
      return (query, match) => {
        const value = operand(query, match);
        if (!isNumber(value)) throw new ExprError(`operator + is not defined on ${typeName(value)}`);
        return value;
      };
  }
}

function compileBinary(
  operator: Exclude<BinaryOperator, 'matches'>,
  left: CompiledExpr,
  right: CompiledExpr,
): CompiledExpr {
  switch (operator) {
    case 'and':
      return (query, match) => takeBool('and', left(query, match)) && takeBool('and', right(query, match));
    case 'or':
      return (query, match) => takeBool('or', left(query, match)) || takeBool('or', right(query, match));
    default: {
      const apply = OPERATORS[operator];
      return (query, match) => apply(left(query, match), right(query, match));
    }
  }
}

const OPERATORS: Readonly<
  Record<Exclude<BinaryOperator, 'and' | 'or' | 'matches'>, (left: ExprValue, right: ExprValue) => ExprValue>
> = {
  '==': isEqual,
  '!=': (left, right) => !isEqual(left, right),
  '<': (left, right) => compare('<', left, right) < 0,
  '<=': (left, right) => compare('<=', left, right) <= 0,
  '>': (left, right) => compare('>', left, right) > 0,
  '>=': (left, right) => compare('>=', left, right) >= 0,
  in: isIn,
  contains: onTexts('contains', (text, part) => text.includes(part)),
  startsWith: onTexts('startsWith', (text, part) => text.startsWith(part)),
  endsWith: onTexts('endsWith', (text, part) => text.endsWith(part)),
  '+': add,
  '-': subtract,
  '*': multiply,
  '/': divide,
  '%': remainder,
  '**': power,
};

/** nil holds nothing. */
function onTexts(
  operator: string,
  apply: (text: string, part: string) => boolean,
): (left: ExprValue, right: ExprValue) => boolean {
  return (left, right) => {
    if (left === null || right === null) return false;
    if (typeof left === 'string' && typeof right === 'string') return apply(left, right);
    throw new ExprError(`operator ${operator} is not defined on ${typeName(left)} and ${typeName(right)}`);
  };
}

/** A pattern that the text of the expression holds is compiled once, another one whenever it changes. */
function compileMatches(leftExpr: Expr, rightExpr: Expr): CompiledExpr {
  const [left, right] = [compileExpr(leftExpr), compileExpr(rightExpr)];
  let pattern = rightExpr.kind === 'literal' && typeof rightExpr.value === 'string' ? rightExpr.value : undefined;
  let regex = pattern === undefined ? undefined : compileRegex(pattern);
  const isFound = onTexts('matches', (text, wanted) => {
    if (regex === undefined || pattern !== wanted) {
      regex = compileRegex(wanted);
      pattern = wanted;
    }
    return regex.matcher(text).find();
  });
  return (query, match) => isFound(left(query, match), right(query, match));
}

function takeBool(operator: string, value: ExprValue): boolean {
  if (typeof value === 'boolean') return value;
  throw new ExprError(`operator ${operator} is not defined on ${typeName(value)}`);
}

let re2: typeof Re2 | undefined;

const PATTERN_LENGTH_MAX = 10_000;

/** RE2, which is loaded by the first pattern: most servers have none. */
function compileRegex(pattern: string): Re2.RE2JS {
  if (pattern.length > PATTERN_LENGTH_MAX) throw new ExprError('the pattern is too long');
  re2 ??= createRequire(import.meta.url)('re2js') as typeof Re2;
  try {
    return re2.RE2JS.compile(pattern);
  } catch (error) {
    throw new ExprError(`bad pattern: ${error instanceof Error ? error.message : String(error)}`);
  }
}
