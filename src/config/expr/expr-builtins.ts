/** Built-in functions of the expr language, without those that have a predicate: what they take and what they give. */
import {
  isArrayType,
  isMapType,
  isNumberType,
  listOf,
  LIST_OF_ANYTHING,
  MAP_OF_ANYTHING,
  nameOfType,
  TEXTS,
} from './expr-type-names.ts';
import type { ExprType } from './expr-tree.ts';

/** @returns the type of the result, or a sentence that says what is wrong with the arguments */
export type BuiltinSignature = (args: readonly ExprType[]) => ExprType | { readonly fault: string };

type Overload = readonly [parameters: readonly ExprType[], result: ExprType];

/** On values that do not suit they fail the query. */
export const BUILTIN_FUNCTIONS: Readonly<Record<string, BuiltinSignature>> = {
  len: ofOne((type) => (type === 'string' || isArrayType(type) || isMapType(type) ? 'int' : undefined), 'int'),
  abs: ofOne((type) => (isNumberType(type) ? type : undefined), 'unknown'),
  ceil: ofOne((type) => (isNumberType(type) ? 'float' : undefined), 'float'),
  floor: ofOne((type) => (isNumberType(type) ? 'float' : undefined), 'float'),
  round: ofOne((type) => (isNumberType(type) ? 'float' : undefined), 'float'),
  int: ofOne((type) => (isNumberType(type) || type === 'string' ? 'int' : undefined), 'int'),
  float: ofOne((type) => (isNumberType(type) || type === 'string' ? 'float' : undefined), 'float'),
  string: overloads([['unknown'], 'string']),
  trim: overloads([['string'], 'string'], [['string', 'string'], 'string']),
  trimPrefix: overloads([['string', 'string'], 'string'], [['string'], 'string']),
  trimSuffix: overloads([['string', 'string'], 'string'], [['string'], 'string']),
  upper: overloads([['string'], 'string']),
  lower: overloads([['string'], 'string']),
  split: overloads([['string', 'string'], TEXTS], [['string', 'string', 'int'], TEXTS]),
  splitAfter: overloads([['string', 'string'], TEXTS], [['string', 'string', 'int'], TEXTS]),
  replace: overloads([['string', 'string', 'string', 'int'], 'string'], [['string', 'string', 'string'], 'string']),
  repeat: overloads([['string', 'int'], 'string']),
  join: overloads(
    [[TEXTS, 'string'], 'string'],
    [[LIST_OF_ANYTHING, 'string'], 'string'],
    [[LIST_OF_ANYTHING], 'string'],
    [[TEXTS], 'string'],
  ),
  indexOf: overloads([['string', 'string'], 'int']),
  lastIndexOf: overloads([['string', 'string'], 'int']),
  hasPrefix: overloads([['string', 'string'], 'bool']),
  hasSuffix: overloads([['string', 'string'], 'bool']),
  max: aggregate,
  min: aggregate,
  mean: aggregate,
  median: aggregate,
  toJSON: overloads([['unknown'], 'string']),
  fromJSON: overloads([['string'], 'unknown']),
  toBase64: overloads([['string'], 'string']),
  fromBase64: overloads([['string'], 'string']),
  first: ofOne((type) => (isArrayType(type) ? (type.isTexts ? 'string' : 'unknown') : undefined), 'unknown'),
  last: ofOne((type) => (isArrayType(type) ? (type.isTexts ? 'string' : 'unknown') : undefined), 'unknown'),
  get: typeOfGet,
  take: typeOfTake,
  keys: ofOne((type) => (isMapType(type) ? LIST_OF_ANYTHING : undefined), LIST_OF_ANYTHING),
  values: ofOne((type) => (isMapType(type) ? LIST_OF_ANYTHING : undefined), LIST_OF_ANYTHING),
  toPairs: ofOne((type) => (isMapType(type) ? LIST_OF_ANYTHING : undefined), LIST_OF_ANYTHING),
  fromPairs: ofOne((type) => (isArrayType(type) ? MAP_OF_ANYTHING : undefined), MAP_OF_ANYTHING),
  reverse: ofOne((type) => (isArrayType(type) ? LIST_OF_ANYTHING : undefined), LIST_OF_ANYTHING),
  uniq: ofOne((type) => (isArrayType(type) ? LIST_OF_ANYTHING : undefined), LIST_OF_ANYTHING),
  flatten: ofOne((type) => (isArrayType(type) ? LIST_OF_ANYTHING : undefined), LIST_OF_ANYTHING),
  concat: typeOfConcat,
  sort: overloads(
    [[LIST_OF_ANYTHING, 'string'], LIST_OF_ANYTHING],
    [[TEXTS, 'string'], LIST_OF_ANYTHING],
    [[LIST_OF_ANYTHING], LIST_OF_ANYTHING],
    [[TEXTS], LIST_OF_ANYTHING],
  ),
  bitand: overloads([['int', 'int'], 'int']),
  bitor: overloads([['int', 'int'], 'int']),
  bitxor: overloads([['int', 'int'], 'int']),
  bitnand: overloads([['int', 'int'], 'int']),
  bitshl: overloads([['int', 'int'], 'int']),
  bitshr: overloads([['int', 'int'], 'int']),
  bitushr: overloads([['int', 'int'], 'int']),
  bitnot: overloads([['int'], 'int']),
};

/** @param whenUnknown  the result where only the query tells the type of the argument */
function ofOne(resultOf: (type: ExprType) => ExprType | undefined, whenUnknown: ExprType): BuiltinSignature {
  return (args) => {
    const [type] = args;
    if (args.length !== 1) return { fault: `takes 1 argument, found ${args.length}` };
    if (type === 'unknown') return whenUnknown;
    return resultOf(type!) ?? { fault: `cannot take a value of type ${nameOfType(type!)}` };
  };
}

/** The first that fits; what is wrong is said of the last one. */
export function overloads(...all: readonly Overload[]): BuiltinSignature {
  return (args) => {
    let fault = '';
    for (const [parameters, result] of all) {
      const found = checkArguments(args, parameters);
      if (found === undefined) return result;
      fault = found;
    }
    const counts = [...new Set(all.map(([parameters]) => parameters.length))].sort();
    const isCountWrong = !counts.includes(args.length);
    return { fault: isCountWrong ? `takes ${counts.join(' or ')} arguments, found ${args.length}` : fault };
  };
}

function checkArguments(args: readonly ExprType[], parameters: readonly ExprType[]): string | undefined {
  if (args.length !== parameters.length) return `takes ${parameters.length} arguments, found ${args.length}`;
  for (const [index, found] of args.entries()) {
    const expected = parameters[index]!;
    if (isAssignable(found, expected)) continue;
    return `argument ${index + 1} is of type ${nameOfType(found)}, expected ${nameOfType(expected)}`;
  }
  return undefined;
}

function isAssignable(found: ExprType, expected: ExprType): boolean {
  if (found === 'unknown' || expected === 'unknown' || found === expected) return true;
  if (found === 'int' && expected === 'float') return true;
  return isArrayType(found) && isArrayType(expected) && found.isTexts === expected.isTexts;
}

function aggregate(args: readonly ExprType[]): ReturnType<BuiltinSignature> {
  if (args.length === 0) return { fault: 'takes at least 1 argument' };
  for (const type of args) {
    if (type === 'unknown' || isArrayType(type)) return 'unknown';
    if (!isNumberType(type)) return { fault: `cannot take a value of type ${nameOfType(type)}` };
  }
  return args[0]!;
}

function typeOfGet(args: readonly ExprType[]): ReturnType<BuiltinSignature> {
  const [of, key] = args;
  if (args.length !== 2) return { fault: `takes 2 arguments, found ${args.length}` };
  if (of === 'unknown') return 'unknown';
  if (isArrayType(of!)) {
    const isIndex = key === 'int' || key === 'unknown';
    return isIndex ? of.items : { fault: `an array has no index of type ${nameOfType(key!)}` };
  }
  if (isMapType(of!)) {
    const isKey = of.keys === 'unknown' || key === 'string' || key === 'unknown';
    return isKey ? of.values : { fault: `the map has no key of type ${nameOfType(key!)}` };
  }
  return { fault: `cannot take a value of type ${nameOfType(of!)}` };
}

function typeOfTake(args: readonly ExprType[]): ReturnType<BuiltinSignature> {
  const [list, count] = args;
  if (args.length !== 2) return { fault: `takes 2 arguments, found ${args.length}` };
  if (list !== 'unknown' && !isArrayType(list!))
    return { fault: `cannot take from a value of type ${nameOfType(list!)}` };
  if (count !== 'unknown' && count !== 'int') return { fault: `cannot take ${nameOfType(count!)} items` };
  if (list === 'unknown') return 'unknown';
  return list.isTexts ? list : listOf('unknown');
}

function typeOfConcat(args: readonly ExprType[]): ReturnType<BuiltinSignature> {
  if (args.length === 0) return { fault: 'takes at least 1 argument' };
  const wrong = args.find((type) => type !== 'unknown' && !isArrayType(type));
  return wrong === undefined ? LIST_OF_ANYTHING : { fault: `cannot take a value of type ${nameOfType(wrong)}` };
}
