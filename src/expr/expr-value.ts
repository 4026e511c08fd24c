/** Values of the expr language, and what its operators do with them, as CoreDNS's expressions do. */
import { formatFloat } from '../base/float-text.ts';

/** Integers are bigint, of 64 bits; floating-point numbers are number; null is nil. */
export type ExprValue = string | bigint | number | boolean | null | readonly ExprValue[];

/** An expression that cannot be evaluated for this query. */
export class ExprError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ExprError';
  }
}

/** Characters of a text: longer than any name or record. Sums of variables would else have no end. */
const TEXT_SIZE_MAX = 65_536;
/** Values that one comparison or conversion looks at; lists in lists grow fast. */
const VALUES_MAX = 10_000;

export function isList(value: ExprValue): value is readonly ExprValue[] {
  return Array.isArray(value);
}

export function typeName(value: ExprValue): string {
  if (value === null) return 'nil';
  if (isList(value)) return 'array';
  switch (typeof value) {
    case 'bigint':
      return 'int';
    case 'number':
      return 'float';
    case 'boolean':
      return 'bool';
    default:
      return 'string';
  }
}

/** Numbers are compared as numbers, whatever kind they are of. */
export function isEqual(a: ExprValue, b: ExprValue): boolean {
  return isEqualWithin(a, b, { left: VALUES_MAX });
}

function isEqualWithin(a: ExprValue, b: ExprValue, budget: { left: number }): boolean {
  if (budget.left-- <= 0) throw new ExprError('too many values to compare');
  if (isList(a)) {
    return isList(b) && a.length === b.length && a.every((item, index) => isEqualWithin(item, b[index]!, budget));
  }
  if (typeof a === 'bigint' && typeof b === 'number') return Number(a) === b;
  if (typeof a === 'number' && typeof b === 'bigint') return a === Number(b);
  return a === b;
}

export function isIn(needle: ExprValue, list: ExprValue): boolean {
  if (list === null) return false;
  if (!isList(list)) throw new ExprError(`operator in is not defined on ${typeName(list)}`);
  return list.some((item) => isEqual(item, needle));
}

/** Below 0, 0, above 0; NaN where one is no number at all. */
export function compare(operator: string, a: ExprValue, b: ExprValue): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0;
  if (isNumber(a) && isNumber(b)) {
    const [left, right] = [Number(a), Number(b)];
    return left < right ? -1 : left > right ? 1 : left === right ? 0 : Number.NaN;
  }
  throw undefinedOperator(operator, a, b);
}

/** By code points, which is the order of the octets in UTF-8. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  for (let index = 0; index < a.length && index < b.length; index++) {
    if (a[index] !== b[index]) return a.codePointAt(index)! < b.codePointAt(index)! ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

export function isNumber(value: ExprValue): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

export function add(a: ExprValue, b: ExprValue): ExprValue {
  if (typeof a === 'string' && typeof b === 'string') return limited(a + b);
  if (typeof a === 'bigint' && typeof b === 'bigint') return BigInt.asIntN(64, a + b);
  if (isNumber(a) && isNumber(b)) return Number(a) + Number(b);
  throw undefinedOperator('+', a, b);
}

export function subtract(a: ExprValue, b: ExprValue): ExprValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return BigInt.asIntN(64, a - b);
  if (isNumber(a) && isNumber(b)) return Number(a) - Number(b);
  throw undefinedOperator('-', a, b);
}

export function multiply(a: ExprValue, b: ExprValue): ExprValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return BigInt.asIntN(64, a * b);
  if (isNumber(a) && isNumber(b)) return Number(a) * Number(b);
  throw undefinedOperator('*', a, b);
}

/** Always a floating-point number, and infinite where it is by 0. */
export function divide(a: ExprValue, b: ExprValue): ExprValue {
  if (isNumber(a) && isNumber(b)) return Number(a) / Number(b);
  throw undefinedOperator('/', a, b);
}

export function remainder(a: ExprValue, b: ExprValue): ExprValue {
  if (typeof a !== 'bigint' || typeof b !== 'bigint') throw undefinedOperator('%', a, b);
  if (b === 0n) throw new ExprError('integer divide by zero');
  return a % b;
}

export function power(a: ExprValue, b: ExprValue): ExprValue {
  if (!isNumber(a) || !isNumber(b)) throw undefinedOperator('**', a, b);
  const [base, exponent] = [Number(a), Number(b)];
  // As IEEE 754 has it, where JavaScript says NaN.
  if (base === 1 || (base === -1 && !Number.isFinite(exponent) && !Number.isNaN(exponent))) return 1;
  return base ** exponent;
}

export function negate(value: ExprValue): ExprValue {
  if (typeof value === 'bigint') return BigInt.asIntN(64, -value);
  if (typeof value === 'number') return -value;
  throw new ExprError(`operator - is not defined on ${typeName(value)}`);
}

export function limited(text: string): string {
  if (text.length > TEXT_SIZE_MAX) throw new ExprError(`a text is longer than ${TEXT_SIZE_MAX} characters`);
  return text;
}

/** As Go prints it. */
export function textOf(value: ExprValue): string {
  return limited(textWithin(value, { left: VALUES_MAX }));
}

function textWithin(value: ExprValue, budget: { left: number }): string {
  if (budget.left-- <= 0) throw new ExprError('too many values to print');
  if (value === null) return '<nil>';
  if (typeof value === 'number') return formatFloat(value, 'g', undefined);
  if (!isList(value)) return String(value);
  let text = '[';
  for (const [index, item] of value.entries()) {
    text = limited(`${text}${index === 0 ? '' : ' '}${textWithin(item, budget)}`);
  }
  return `${text}]`;
}

function undefinedOperator(operator: string, a: ExprValue, b: ExprValue): ExprError {
  return new ExprError(`operator ${operator} is not defined on ${typeName(a)} and ${typeName(b)}`);
}
