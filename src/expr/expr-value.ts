/** Values of the expr language, and what its operators do with them, as CoreDNS's expressions do. */
import { formatFloat } from '../base/float-text.ts';

/** Integers are bigint, of 64 bits; floating-point numbers are number; null is nil. */
export type ExprValue = string | bigint | number | boolean | null | readonly ExprValue[] | ExprMap;

/** Keys of literals and of what was JSON are texts. */
export type ExprMap = ReadonlyMap<ExprKey, ExprValue>;

export type ExprKey = string | bigint | number | boolean | null;

/** An expression that cannot be evaluated for this query. */
export class ExprError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ExprError';
  }
}

/** Values of a result, with those that lie in them: who prints it goes through all of them. */
const VALUES_MAX = 10_000;
/** Characters of a text: longer than any name or record. Sums of variables would else have no end. */
const TEXT_SIZE_MAX = 65_536;
/** Values in values that one comparison or conversion goes into. */
const NESTING_MAX = 500;
/** Of one evaluation: nodes that loops evaluate, values in lists that are made or looked through. Milliseconds, then it ends. */
const STEPS_MAX = 50_000;

/** What one evaluation may still do. */
export class ExprWork {
  private left = STEPS_MAX;

  /** @throws ExprError when it has taken too many */
  take(steps: number): void {
    this.left -= steps;
    if (this.left < 0) throw new ExprError(`the expression takes more than ${STEPS_MAX} steps`);
  }

  /** For a text that has to be looked through, or is made. */
  takeText(characters: number): void {
    this.take((characters >>> 4) + 1);
  }
}

export function isList(value: ExprValue): value is readonly ExprValue[] {
  return Array.isArray(value);
}

export function isMap(value: ExprValue): value is ExprMap {
  return value instanceof Map;
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
    case 'string':
      return 'string';
    default:
      return 'map';
  }
}

/** Numbers are compared as numbers, whatever kind they are of, but not where they lie in a map. */
export function isEqual(a: ExprValue, b: ExprValue, work: ExprWork): boolean {
  return isEqualWithin(a, b, work, 0, false);
}

function isEqualWithin(a: ExprValue, b: ExprValue, work: ExprWork, depth: number, isStrict: boolean): boolean {
  if (typeof a === 'bigint' && typeof b === 'number') return !isStrict && Number(a) === b;
  if (typeof a === 'number' && typeof b === 'bigint') return !isStrict && a === Number(b);
  if (typeof a !== 'object' || a === null) return a === b;
  work.take(1);
  checkNesting(depth);
  if (isList(a)) {
    if (!isList(b) || a.length !== b.length) return false;
    work.take(a.length);
    return a.every((item, index) => isEqualWithin(item, b[index]!, work, depth + 1, isStrict));
  }
  if (b === null || !isMap(b) || a.size !== b.size) return false;
  work.take(a.size);
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !isEqualWithin(value, other, work, depth + 1, true)) return false;
  }
  return true;
}

export function isIn(needle: ExprValue, holder: ExprValue, work: ExprWork): boolean {
  if (holder === null) return false;
  if (isMap(holder)) return holder.has(keyOf(needle));
  if (!isList(holder)) throw new ExprError(`operator in is not defined on ${typeName(holder)}`);
  work.take(holder.length);
  return holder.some((item) => isEqual(item, needle, work));
}

/** @throws ExprError for what no map has as a key */
export function keyOf(value: ExprValue): ExprKey {
  if (value !== null && typeof value === 'object') throw new ExprError(`a map has no key of type ${typeName(value)}`);
  return value;
}

/** Below 0, 0, above 0; NaN where one is no number at all. */
export function compare(operator: string, a: ExprValue, b: ExprValue, work: ExprWork): number {
  if (typeof a === 'string' && typeof b === 'string') {
    work.takeText(Math.min(a.length, b.length));
    return compareText(a, b);
  }
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0;
  if (isNumber(a) && isNumber(b)) {
    const [left, right] = [Number(a), Number(b)];
    return left < right ? -1 : left > right ? 1 : left === right ? 0 : Number.NaN;
  }
  throw undefinedOperator(operator, a, b);
}

/** By code points, which is the order of the octets in UTF-8. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  for (let index = 0; index < a.length && index < b.length; index++) {
    if (a[index] !== b[index]) return a.codePointAt(index)! < b.codePointAt(index)! ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

export function isNumber(value: ExprValue): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

export function add(a: ExprValue, b: ExprValue, work: ExprWork): ExprValue {
  if (typeof a === 'string' && typeof b === 'string') {
    work.takeText(a.length + b.length);
    return limited(a + b);
  }
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
  checkSize(text.length);
  return text;
}

/** @throws ExprError for a text of so many characters */
export function checkSize(characters: number): void {
  if (characters > TEXT_SIZE_MAX) throw new ExprError(`a text is longer than ${TEXT_SIZE_MAX} characters`);
}

/** As Go prints it. */
export function textOf(value: ExprValue, work: ExprWork): string {
  return limited(textWithin(value, work, 0));
}

function textWithin(value: ExprValue, work: ExprWork, depth: number): string {
  if (value === null) return '<nil>';
  if (typeof value === 'number') return formatFloat(value, 'g', undefined);
  if (typeof value !== 'object') return String(value);
  checkNesting(depth);
  const parts: string[] = [];
  let length = 0;
  const put = (part: string): void => {
    work.takeText(part.length);
    length += part.length;
    checkSize(length);
    parts.push(part);
  };
  if (isList(value)) {
    for (const item of value) put(textWithin(item, work, depth + 1));
    return `[${parts.join(' ')}]`;
  }
  for (const [key, item] of sortedPairs(value)) {
    put(`${textWithin(key, work, depth + 1)}:${textWithin(item, work, depth + 1)}`);
  }
  return `map[${parts.join(' ')}]`;
}

/** By key: nil, truth, numbers, texts. */
export function sortedPairs(map: ExprMap): (readonly [ExprKey, ExprValue])[] {
  return [...map].sort(([a], [b]) => compareKeys(a, b));
}

function compareKeys(a: ExprKey, b: ExprKey): number {
  const ranks = KEY_RANKS[typeof a]! - KEY_RANKS[typeof b]!;
  if (ranks !== 0) return ranks;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  const [left, right] = [Number(a), Number(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

const KEY_RANKS: Readonly<Record<string, number>> = { object: 0, boolean: 1, bigint: 2, number: 3, string: 4 };

/** @throws ExprError for a value that holds too many, each counted as often as it stands there */
export function checkCount(value: ExprValue): void {
  const waiting: ExprValue[] = [value];
  for (let left = VALUES_MAX; ; left--) {
    const next = waiting.pop();
    if (next === undefined) return;
    if (left === 0 || waiting.length > VALUES_MAX) throw new ExprError(`a value holds more than ${VALUES_MAX} others`);
    if (next === null || typeof next !== 'object') continue;
    for (const item of next.values()) waiting.push(item);
  }
}

/** @throws ExprError where values lie in values that deep */
export function checkNesting(depth: number): void {
  if (depth >= NESTING_MAX) throw new ExprError(`values are nested more than ${NESTING_MAX} deep`);
}

function undefinedOperator(operator: string, a: ExprValue, b: ExprValue): ExprError {
  return new ExprError(`operator ${operator} is not defined on ${typeName(a)} and ${typeName(b)}`);
}
