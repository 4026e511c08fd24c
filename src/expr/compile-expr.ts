/**
 * From the tree of an expression to closures, made once a thread. Evaluating one for a query allocates and takes its time,
 * but never without bound: what loops, lists and texts take is counted.
 */
import type { BinaryOperator, Expr } from '../config/expr/expr-tree.ts';
import { compileLoop } from './compile-loop.ts';
import { compileMatches } from './compile-matches.ts';
import { FUNCTIONS } from './expr-functions.ts';
import type { CompiledPart, ExprFrame, ExprMatch, ExprQuery } from './expr-frame.ts';
import {
  add,
  checkCount,
  compare,
  divide,
  ExprError,
  ExprWork,
  isEqual,
  isIn,
  isNumber,
  multiply,
  negate,
  power,
  remainder,
  subtract,
  typeName,
  type ExprKey,
  type ExprValue,
} from './expr-value.ts';
import { itemAt, sliceOf } from './list-functions.ts';
import { isInRange, rangeOf } from './range.ts';
import { ExprSlots } from './slots.ts';

/** @throws ExprError */
export type CompiledExpr = (query: ExprQuery, match?: ExprMatch) => ExprValue;

/** Where there is no template. */
const NO_MATCH: ExprMatch = { groups: new Map(), variables: new Map() };

/** @param expr  as read and checked from the configuration */
export function compileExpr(expr: Expr): CompiledExpr {
  const evaluate = compilePart(expr, new ExprSlots());
  return (query, match = NO_MATCH) => {
    const value = evaluate({ query, match, work: new ExprWork(), slots: [] });
    if (value !== null && typeof value === 'object') checkCount(value);
    return value;
  };
}

/** Whether all of them are true. @throws ExprError  where one cannot be evaluated */
export function areAllTrue(exprs: readonly CompiledExpr[], query: ExprQuery, match: ExprMatch = NO_MATCH): boolean {
  for (const expr of exprs) if (expr(query, match) !== true) return false;
  return true;
}

/** @param slots  where the names and pointers around it have their values */
function compilePart(expr: Expr, slots: ExprSlots): CompiledPart {
  switch (expr.kind) {
    case 'literal': {
      const { value, isFloat } = expr;
      const known = typeof value === 'number' && isFloat !== true ? BigInt(value) : value;
      return () => known;
    }
    case 'integer': {
      const known = BigInt(expr.digits);
      return () => known;
    }
    case 'variable': {
      const slot = slots.find(expr.name);
      if (slot !== undefined) return (frame) => frame.slots[slot]!;
      return ({ match }) => match.variables.get(expr.name) ?? null;
    }
    case 'array': {
      const items = expr.items.map((item) => compilePart(item, slots));
      return (frame) => items.map((item) => item(frame));
    }
    case 'map':
      return compileMap(expr, slots);
    case 'call':
      return compileCall(expr, slots);
    case 'loop':
      return compileLoop(expr, slots, compilePart);
    case 'pointer': {
      const slot = slots.findPointer(expr.name);
      return (frame) => frame.slots[slot]!;
    }
    case 'member':
      return compileMember(expr, slots);
    case 'chain':
      return compileChain(compilePart(expr.of, slots));
    case 'slice': {
      const [of, from, to] = [expr.of, expr.from, expr.to].map((part) => part && compilePart(part, slots));
      return (frame) => sliceOf(of!(frame), from?.(frame) ?? 0n, to?.(frame) ?? null, frame.work);
    }
    case 'unary':
      return compileUnary(expr.operator, compilePart(expr.operand, slots));
    case 'conditional': {
      const [test, whenTrue, whenFalse] = [expr.test, expr.whenTrue, expr.whenFalse].map((part) =>
        compilePart(part, slots),
      );
      return (frame) => (takeBool('? :', test!(frame)) ? whenTrue!(frame) : whenFalse!(frame));
    }
    case 'comparison':
      return compileComparison(expr, slots);
    case 'binary':
      return compileBinary(expr, slots);
    case 'let': {
      const value = compilePart(expr.value, slots);
      const slot = slots.open(expr.name);
      const body = compilePart(expr.body, slots);
      slots.close();
      return (frame) => {
        frame.slots[slot] = value(frame);
        return body(frame);
      };
    }
    case 'sequence': {
      const items = expr.items.map((item) => compilePart(item, slots));
      return (frame) => {
        let last: ExprValue = null;
        for (const item of items) last = item(frame);
        return last;
      };
    }
  }
}

function compileMap({ pairs }: Extract<Expr, { readonly kind: 'map' }>, slots: ExprSlots): CompiledPart {
  const compiled = pairs.map(({ key, value }) => [compilePart(key, slots), compilePart(value, slots)] as const);
  return (frame) => {
    const map = new Map<ExprKey, ExprValue>();
    for (const [key, value] of compiled) {
      const found = key(frame);
      if (typeof found !== 'string') throw new ExprError(`key of type ${typeName(found)} in a map, expected string`);
      map.set(found, value(frame));
    }
    return map;
  };
}

function compileCall(
  { name, arguments: argumentExprs }: Extract<Expr, { readonly kind: 'call' }>,
  slots: ExprSlots,
): CompiledPart {
  const call = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (call === undefined) throw new ExprError(`there is no function ${name}`);
  const args = argumentExprs.map((argument) => compilePart(argument, slots));
  if (args.length === 0) return (frame) => call([], frame);
  return (frame) =>
    call(
      args.map((argument) => argument(frame)),
      frame,
    );
}

/** Thrown by an optional member of nil, caught by the chain around it. */
const BROKEN_CHAIN: unique symbol = Symbol('an optional member of nil');

function compileMember(
  { of: ofExpr, property, isOptional }: Extract<Expr, { readonly kind: 'member' }>,
  slots: ExprSlots,
): CompiledPart {
  const [of, key] = [compilePart(ofExpr, slots), compilePart(property, slots)];
  return (frame) => {
    const found = of(frame);
    if (found === null && isOptional === true) throw BROKEN_CHAIN;
    return itemAt(found, key(frame), frame.work);
  };
}

function compileChain(of: CompiledPart): CompiledPart {
  return (frame) => {
    try {
      return of(frame);
    } catch (error) {
      if (error === BROKEN_CHAIN) return null;
      throw error;
    }
  };
}

function compileUnary(operator: 'not' | '-' | '+', operand: CompiledPart): CompiledPart {
  switch (operator) {
    case 'not':
      return (frame) => !takeBool('not', operand(frame));
    case '-':
      return (frame) => negate(operand(frame));
    case '+':
      return (frame) => {
        const value = operand(frame);
        if (!isNumber(value)) throw new ExprError(`operator + is not defined on ${typeName(value)}`);
        return value;
      };
  }
}

function compileComparison(
  { operators, operands }: Extract<Expr, { readonly kind: 'comparison' }>,
  slots: ExprSlots,
): CompiledPart {
  const [first, ...others] = operands.map((operand) => compilePart(operand, slots));
  return (frame) => {
    let left = first!(frame);
    for (const [index, other] of others.entries()) {
      const right = other(frame);
      if (OPERATORS[operators[index]!](left, right, frame) !== true) return false;
      left = right;
    }
    return true;
  };
}

function compileBinary(expr: Extract<Expr, { readonly kind: 'binary' }>, slots: ExprSlots): CompiledPart {
  const { operator } = expr;
  const left = compilePart(expr.left, slots);
  // A range need not be made to see what lies in it.
  if (operator === 'in' && expr.right.kind === 'binary' && expr.right.operator === '..') {
    const [from, to] = [compilePart(expr.right.left, slots), compilePart(expr.right.right, slots)];
    return (frame) => isInRange(left(frame), from(frame), to(frame));
  }
  const right = compilePart(expr.right, slots);
  switch (operator) {
    case 'and':
      return (frame) => takeBool('and', left(frame)) && takeBool('and', right(frame));
    case 'or':
      return (frame) => takeBool('or', left(frame)) || takeBool('or', right(frame));
    case '??':
      return (frame) => left(frame) ?? right(frame);
    case 'matches':
      return compileMatches(left, right, expr.right);
    case 'in':
      return (frame) => isIn(left(frame), right(frame), frame.work);
    default: {
      const apply = OPERATORS[operator];
      return (frame) => apply(left(frame), right(frame), frame);
    }
  }
}

const OPERATORS: Readonly<
  Record<
    Exclude<BinaryOperator, 'and' | 'or' | 'matches' | 'in' | '??'>,
    (left: ExprValue, right: ExprValue, frame: ExprFrame) => ExprValue
  >
> = {
  '==': (left, right, { work }) => isEqual(left, right, work),
  '!=': (left, right, { work }) => !isEqual(left, right, work),
  '<': (left, right, { work }) => compare('<', left, right, work) < 0,
  '<=': (left, right, { work }) => compare('<=', left, right, work) <= 0,
  '>': (left, right, { work }) => compare('>', left, right, work) > 0,
  '>=': (left, right, { work }) => compare('>=', left, right, work) >= 0,
  contains: onTexts('contains', (text, part) => text.includes(part)),
  startsWith: onTexts('startsWith', (text, part) => text.startsWith(part)),
  endsWith: onTexts('endsWith', (text, part) => text.endsWith(part)),
  '..': (from, to, { work }) => rangeOf(from, to, work),
  '+': (left, right, { work }) => add(left, right, work),
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
): (left: ExprValue, right: ExprValue, frame: ExprFrame) => boolean {
  return (left, right, { work }) => {
    if (left === null || right === null) return false;
    if (typeof left === 'string' && typeof right === 'string') {
      work.takeText(left.length);
      return apply(left, right);
    }
    throw new ExprError(`operator ${operator} is not defined on ${typeName(left)} and ${typeName(right)}`);
  };
}

function takeBool(operator: string, value: ExprValue): boolean {
  if (typeof value === 'boolean') return value;
  throw new ExprError(`operator ${operator} is not defined on ${typeName(value)}`);
}
