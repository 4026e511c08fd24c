/** Built-in functions of the expr language on numbers. */
import { takeInteger, takeNumber, wrongArgument } from './arguments.ts';
import type { ExprFunction } from './expr-frame.ts';
import {
  checkNesting,
  compare,
  ExprError,
  isList,
  isNumber,
  negate,
  textOf,
  type ExprValue,
  type ExprWork,
} from './expr-value.ts';

export const NUMBER_FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  int: ([value], { work }) => toInteger(value!, work),
  float: ([value], { work }) => toFloat(value!, work),
  abs: ([value]) => {
    const number = takeNumber('abs', value);
    return number < 0 ? negate(number) : number;
  },
  ceil: ([value]) => Math.ceil(Number(takeNumber('ceil', value))),
  floor: ([value]) => Math.floor(Number(takeNumber('floor', value))),
  round: ([value]) => roundAway(Number(takeNumber('round', value))),
  max: (args, { work }) => extremeOf('max', args, work, (found, item) => compare('max', found, item, work) < 0),
  min: (args, { work }) => extremeOf('min', args, work, (found, item) => compare('min', found, item, work) > 0),
  mean: (args, { work }) => {
    const numbers = numbersOf('mean', args, work);
    let sum = 0;
    for (const number of numbers) sum += Number(number);
    return numbers.length === 0 ? 0 : sum / numbers.length;
  },
  median: (args, { work }) => {
    const numbers = numbersOf('median', args, work).map(Number);
    if (numbers.length === 0) return 0;
    work.take(numbers.length * SORT_STEPS);
    numbers.sort((a, b) => a - b);
    const middle = numbers.length >>> 1;
    return numbers.length % 2 === 1 ? numbers[middle]! : (numbers[middle - 1]! + numbers[middle]!) / 2;
  },
  bitand: onBits('bitand', (a, b) => a & b),
  bitor: onBits('bitor', (a, b) => a | b),
  bitxor: onBits('bitxor', (a, b) => a ^ b),
  bitnand: onBits('bitnand', (a, b) => a & ~b),
  bitshl: onShift('bitshl', (value, count) => value << count),
  bitshr: onShift('bitshr', (value, count) => value >> count),
  bitushr: onShift('bitushr', (value, count) => BigInt.asUintN(64, value) >> count),
  bitnot: ([value]) => BigInt.asIntN(64, ~takeInteger('bitnot', value)),
};

/** Comparisons of each item that is sorted, about. */
export const SORT_STEPS = 8;
const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

function toInteger(value: ExprValue, work: ExprWork): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') {
    const isInRange = value >= Number(INT_MIN) && value < Number(INT_MAX);
    return isInRange ? BigInt(Math.trunc(value)) : INT_MIN;
  }
  if (typeof value === 'string' && /^[-+]?\d{1,100}$/.test(value)) {
    const number = BigInt(value.replace(/^\+/, ''));
    if (number >= INT_MIN && number <= INT_MAX) return number;
  }
  throw new ExprError(`${textOf(value, work)} is no int`);
}

const FLOAT = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

function toFloat(value: ExprValue, work: ExprWork): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string') {
    work.takeText(value.length);
    if (/^[-+]?inf(?:inity)?$/i.test(value)) return value.startsWith('-') ? -Infinity : Infinity;
    if (/^nan$/i.test(value)) return Number.NaN;
    const number = FLOAT.test(value) ? Number(value) : Number.NaN;
    if (Number.isFinite(number)) return number;
  }
  throw new ExprError(`${textOf(value, work)} is no float`);
}

/** Halves go away from 0. */
function roundAway(value: number): number {
  const floor = Math.floor(Math.abs(value));
  const rounded = Math.abs(value) - floor >= 0.5 ? floor + 1 : floor;
  return value < 0 || Object.is(value, -0) ? -rounded : rounded;
}

/** The numbers among the arguments, and in lists among them. */
function numbersOf(name: string, args: readonly ExprValue[], work: ExprWork, depth = 0): (bigint | number)[] {
  checkNesting(depth);
  work.take(args.length);
  return args.flatMap((value) => {
    if (isList(value)) return numbersOf(name, value, work, depth + 1);
    if (isNumber(value)) return [value];
    throw wrongArgument(name, 'numbers and arrays of numbers', value);
  });
}

/** nil if there is none; what is alone is given back, whatever it is. */
function extremeOf(
  name: string,
  args: readonly ExprValue[],
  work: ExprWork,
  isBetter: (found: ExprValue, item: ExprValue) => boolean,
): ExprValue {
  const [only] = args;
  if (args.length === 1 && !isList(only!)) return only!;
  let found: ExprValue = null;
  for (const number of numbersOf(name, args, work)) if (found === null || isBetter(found, number)) found = number;
  return found;
}

function onBits(name: string, apply: (a: bigint, b: bigint) => bigint): ExprFunction {
  return ([a, b]) => BigInt.asIntN(64, apply(takeInteger(name, a), takeInteger(name, b)));
}

function onShift(name: string, apply: (value: bigint, count: bigint) => bigint): ExprFunction {
  return ([value, by]) => {
    const count = takeInteger(name, by);
    if (count < 0n) throw new ExprError(`${name} shifts by ${count}`);
    // What is shifted by more than it has is gone, but for its sign.
    return BigInt.asIntN(64, apply(takeInteger(name, value), count > 64n ? 64n : count));
  };
}
