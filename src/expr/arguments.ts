/** Arguments of functions, as the function needs them. */
import { ExprError, isList, isMap, isNumber, typeName, type ExprMap, type ExprValue } from './expr-value.ts';

export function takeText(name: string, value: ExprValue | undefined): string {
  if (typeof value === 'string') return value;
  throw wrongArgument(name, 'a string', value);
}

export function takeList(name: string, value: ExprValue | undefined): readonly ExprValue[] {
  if (value !== undefined && isList(value)) return value;
  throw wrongArgument(name, 'an array', value);
}

export function takeMap(name: string, value: ExprValue | undefined): ExprMap {
  if (value !== undefined && isMap(value)) return value;
  throw wrongArgument(name, 'a map', value);
}

export function takeNumber(name: string, value: ExprValue | undefined): bigint | number {
  if (value !== undefined && isNumber(value)) return value;
  throw wrongArgument(name, 'a number', value);
}

export function takeInteger(name: string, value: ExprValue | undefined): bigint {
  if (typeof value === 'bigint') return value;
  throw wrongArgument(name, 'an int', value);
}

/** A number as the index of an item or a count: without its fraction, of a range that JavaScript counts in. */
export function takeIndex(name: string, value: ExprValue | undefined): number {
  const number = Number(takeNumber(name, value));
  return Math.max(-INDEX_MAX, Math.min(INDEX_MAX, Math.trunc(number))) || 0;
}

const INDEX_MAX = 2 ** 40;

export function wrongArgument(name: string, wanted: string, found: ExprValue | undefined): ExprError {
  return new ExprError(`${name} takes ${wanted}, found ${typeName(found ?? null)}`);
}
