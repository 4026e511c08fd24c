/** `a..b`: the integers from one to the other. */
import { takeIndex } from './arguments.ts';
import { isNumber, type ExprValue, type ExprWork } from './expr-value.ts';

export function rangeOf(from: ExprValue, to: ExprValue, work: ExprWork): ExprValue {
  const [first, last] = [takeIndex('..', from), takeIndex('..', to)];
  const count = Math.max(0, last - first + 1);
  work.take(count);
  return Array.from({ length: count }, (_, index) => BigInt(first + index));
}

export function isInRange(value: ExprValue, from: ExprValue, to: ExprValue): boolean {
  const [first, last] = [takeIndex('..', from), takeIndex('..', to)];
  if (!isNumber(value) || (typeof value === 'number' && !Number.isInteger(value))) return false;
  return value >= first && value <= last;
}
