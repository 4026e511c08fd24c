/** The functions of text/template, and CoreDNS's `parseInt`. `and` and `or` are the evaluator's: they stop early. */
import { print, printf, println } from './go-format.ts';
import { GoTemplateError, isList, isTrue, sizeOf, typeOf, type GoKey, type GoMap, type GoValue } from './go-value.ts';

type GoFunction = (args: readonly GoValue[]) => GoValue;

/** By name. Each throws a GoTemplateError where Go's returns an error. */
export const FUNCTIONS: Readonly<Record<string, GoFunction>> = {
  eq: (args) => isEqualToAny(args),
  ne: (args) => !isEqualToAny(take('ne', args, 2, 2)),
  lt: (args) => compare('lt', args) < 0,
  le: (args) => compare('le', args) <= 0,
  gt: (args) => compare('gt', args) > 0,
  ge: (args) => compare('ge', args) >= 0,
  not: (args) => !isTrue(take('not', args, 1, 1)[0]!),
  len: (args) => lengthOf(take('len', args, 1, 1)[0]!),
  index: (args) => {
    const [item, ...keys] = take('index', args, 1, Infinity);
    return keys.reduce<GoValue>(elementAt, item!);
  },
  slice: (args) => sliceOf(take('slice', args, 1, 4)),
  print: (args) => print(args),
  println: (args) => println(args),
  printf: (args) => {
    const [format, ...values] = take('printf', args, 1, Infinity);
    if (typeof format !== 'string') throw new GoTemplateError('printf: expected a string first');
    return printf(format, values);
  },
  parseInt: (args) => parseUint(take('parseInt', args, 3, 3)),
};

function take(name: string, args: readonly GoValue[], min: number, max: number): readonly GoValue[] {
  if (args.length < min || args.length > max) {
    const wanted = min === max ? `want ${min}` : `want at least ${min}`;
    throw new GoTemplateError(`wrong number of args for ${name}: ${wanted} got ${args.length}`);
  }
  return args;
}

function isEqualToAny(args: readonly GoValue[]): boolean {
  const [first, ...others] = args;
  if (others.length === 0) throw new GoTemplateError('eq: missing argument for comparison');
  return others.some((other) => isEqual(first!, other));
}

function isEqual(a: GoValue, b: GoValue): boolean {
  if (a === null || b === null) return a === b;
  checkComparable(a);
  checkComparable(b);
  if (typeof a !== typeof b) throw new GoTemplateError('incompatible types for comparison');
  return a === b;
}

function checkComparable(value: GoValue): void {
  if (typeof value === 'object' && value !== null) {
    throw new GoTemplateError(`non-comparable type ${typeOf(value)}`);
  }
}

function compare(name: string, args: readonly GoValue[]): number {
  const [a, b] = take(name, args, 2, 2);
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if ((typeof a === 'bigint' && typeof b === 'bigint') || (typeof a === 'number' && typeof b === 'number')) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  throw new GoTemplateError(
    typeof a === typeof b ? 'invalid type for comparison' : 'incompatible types for comparison',
  );
}

function lengthOf(value: GoValue): bigint {
  if (typeof value === 'string') return BigInt(sizeOf(value));
  if (isList(value)) return BigInt(value.length);
  if (value instanceof Map) return BigInt(value.size);
  throw new GoTemplateError(value === null ? 'len of nil pointer' : `len of type ${typeOf(value)}`);
}

function elementAt(item: GoValue, key: GoValue): GoValue {
  if (item instanceof Map) {
    const found = (item as GoMap).get(key as GoKey);
    if (found === undefined && typeof key !== 'string') {
      throw new GoTemplateError(`index: value has type ${typeOf(key)}; should be string`);
    }
    return found ?? '';
  }
  if (isList(item)) return item[indexOf(key, item.length - 1)]!;
  if (typeof item === 'string') {
    const octets = Buffer.from(item);
    return BigInt(octets[indexOf(key, octets.length - 1)]!);
  }
  throw new GoTemplateError(item === null ? 'index of untyped nil' : `can't index item of type ${typeOf(item)}`);
}

function indexOf(key: GoValue, max: number): number {
  if (typeof key !== 'bigint') throw new GoTemplateError(`cannot index slice/array with type ${typeOf(key)}`);
  if (key < 0n || key > BigInt(max)) throw new GoTemplateError(`index out of range: ${key}`);
  return Number(key);
}

function sliceOf([item, ...bounds]: readonly GoValue[]): GoValue {
  if (typeof item === 'string') {
    if (bounds.length === 3) throw new GoTemplateError('cannot 3-index slice a string');
    const octets = Buffer.from(item);
    const [start, end] = rangeOf(bounds, octets.length);
    return octets.toString('utf8', start, end);
  }
  if (item === undefined || !isList(item)) {
    throw new GoTemplateError(`can't slice item of type ${typeOf(item ?? null)}`);
  }
  const [start, end] = rangeOf(bounds, item.length);
  return item.slice(start, end);
}

function rangeOf(bounds: readonly GoValue[], size: number): [number, number] {
  const [start = 0, end = size] = bounds.map((bound) => indexOf(bound, size));
  if (start > end) throw new GoTemplateError(`invalid slice index: ${start} > ${end}`);
  return [start, end];
}

/** Go's strconv.ParseUint: digits of a base from 2 to 36, or with base 0 a prefix that says which; at most `bits` bits. */
function parseUint([text, base, bits]: readonly GoValue[]): bigint {
  if (typeof text !== 'string' || typeof base !== 'bigint' || typeof bits !== 'bigint') {
    throw new GoTemplateError(`wrong type of argument for parseInt; expected string, int, int`);
  }
  const fault = (reason: string): GoTemplateError =>
    new GoTemplateError(`error calling parseInt: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${reason}`);
  if (base !== 0n && (base < 2n || base > 36n)) throw fault(`invalid base ${base}`);
  if (bits < 0n || bits > 64n) throw fault(`invalid bit size ${bits}`);
  const { radix, digits } = base === 0n ? readPrefix(text) : { radix: Number(base), digits: text };
  if (digits === '') throw fault('invalid syntax');
  let value = 0n;
  for (const sign of digits.toLowerCase()) {
    const digit = /^[0-9a-z]$/.test(sign) ? Number.parseInt(sign, 36) : 36;
    if (digit >= radix) throw fault('invalid syntax');
    value = value * BigInt(radix) + BigInt(digit);
    if (value >> 64n !== 0n) throw fault('value out of range');
  }
  if (value >> (bits === 0n ? 64n : bits) !== 0n) throw fault('value out of range');
  return value;
}

/** `0x`, `0b`, `0o` or `0`, with underscores between digits. */
function readPrefix(text: string): { readonly radix: number; readonly digits: string } {
  const found = /^0([xXbBoO])_?(.+)$/.exec(text);
  const rest = found?.[2] ?? (text.length > 1 && text.startsWith('0') ? text.slice(1).replace(/^_/, '') : text);
  const digits = /^_|_$|__/.test(rest) ? '' : rest.replaceAll('_', '');
  const letter = found?.[1]?.toLowerCase();
  const radix = letter === 'x' ? 16 : letter === 'b' ? 2 : letter === 'o' || rest !== text ? 8 : 10;
  return { radix, digits };
}
