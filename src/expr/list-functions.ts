/** Built-in functions of the expr language on arrays and maps. */
import { takeIndex, takeInteger, takeList, takeMap, takeText, wrongArgument } from './arguments.ts';
import type { ExprFunction } from './expr-frame.ts';
import { SORT_STEPS } from './number-functions.ts';
import {
  checkNesting,
  compare,
  ExprError,
  isEqual,
  isList,
  isMap,
  keyOf,
  type ExprKey,
  type ExprValue,
  type ExprWork,
} from './expr-value.ts';

export const LIST_FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  len: ([value], { work }) => lengthOf(value!, work),
  first: ([list], { work }) => itemOrNil(list!, 0n, work),
  last: ([list], { work }) => itemOrNil(list!, -1n, work),
  get: ([of, key], { work }) => itemOrNil(of!, key!, work),
  take: ([value, count], { work }) => {
    const [list, wanted] = [takeList('take', value), takeInteger('take', count)];
    if (wanted < 0n) throw new ExprError(`take takes a count that is not negative, found ${wanted}`);
    work.take(list.length);
    return list.slice(0, takeIndex('take', wanted));
  },
  keys: ([map], { work }) => [...counted(takeMap('keys', map), work).keys()],
  values: ([map], { work }) => [...counted(takeMap('values', map), work).values()],
  toPairs: ([map], { work }) => [...counted(takeMap('toPairs', map), work)].map(([key, value]) => [key, value]),
  fromPairs: ([list], { work }) => {
    const map = new Map<ExprKey, ExprValue>();
    for (const pair of takeItems('fromPairs', list, work)) {
      if (!isList(pair) || pair.length !== 2) throw new ExprError('fromPairs takes arrays of two');
      map.set(keyOf(pair[0]!), pair[1]!);
    }
    return map;
  },
  reverse: ([list], { work }) => takeItems('reverse', list, work).toReversed(),
  uniq: ([list], { work }) => {
    const found: ExprValue[] = [];
    for (const item of takeItems('uniq', list, work)) {
      work.take(found.length);
      if (!found.some((other) => isEqual(item, other, work))) found.push(item);
    }
    return found;
  },
  concat: (lists, { work }) => lists.flatMap((list) => takeItems('concat', list, work)),
  flatten: ([list], { work }) => flattened(takeItems('flatten', list, work), work, 0),
  sort: ([list, order], { work }) => {
    if (!isList(list!)) return [];
    return sorted('sort', list, list, takeText('sort', order ?? 'asc'), work);
  },
};

/** Characters of a text, items of a list or a map. */
function lengthOf(value: ExprValue, work: ExprWork): bigint {
  if (isList(value)) return BigInt(value.length);
  if (isMap(value)) return BigInt(value.size);
  if (typeof value !== 'string') throw wrongArgument('len', 'a string, an array or a map', value);
  work.takeText(value.length);
  let count = 0;
  for (const _ of value) count++;
  return BigInt(count);
}

/** Of a list that the function goes through. */
function takeItems(name: string, value: ExprValue | undefined, work: ExprWork): readonly ExprValue[] {
  const list = takeList(name, value);
  work.take(list.length);
  return list;
}

function counted<Collection extends { readonly size: number }>(collection: Collection, work: ExprWork): Collection {
  work.take(collection.size);
  return collection;
}

/**
 * `a[key]`: an item of a list, from the end where the index is negative; the octet of a text; a value of a map, nil if it does not
 * have the key.
 */
export function itemAt(of: ExprValue, key: ExprValue, work: ExprWork): ExprValue {
  const item = findItem(of, key, work);
  if (item === undefined) throw new ExprError('index out of range');
  return item;
}

function findItem(of: ExprValue, key: ExprValue, work: ExprWork): ExprValue | undefined {
  if (of !== null && isMap(of)) return of.get(keyOf(key)) ?? null;
  const index = takeIndex('an index', key);
  if (typeof of === 'string') {
    work.takeText(of.length);
    const octets = Buffer.from(of);
    const octet = octets[position(index, octets.length)];
    return octet === undefined ? undefined : BigInt(octet);
  }
  if (of === null || !isList(of)) throw wrongArgument('an index', 'an array or a map', of);
  return of[position(index, of.length)];
}

function position(index: number, length: number): number {
  return index < 0 ? index + length : index;
}

/** nil where there is no such item, or nothing that has items. */
function itemOrNil(of: ExprValue, key: ExprValue, work: ExprWork): ExprValue {
  const hasItems = typeof of === 'string' || (of !== null && (isList(of) || isMap(of)));
  return hasItems ? (findItem(of, key, work) ?? null) : null;
}

/** `a[from:to]`, of octets where it is a text. @param to  null: the end */
export function sliceOf(of: ExprValue, from: ExprValue, to: ExprValue, work: ExprWork): ExprValue {
  const octets = typeof of === 'string' ? Buffer.from(of) : undefined;
  if (octets === undefined && (of === null || !isList(of))) throw wrongArgument('a slice', 'a string or an array', of);
  const { length } = octets ?? (of as readonly ExprValue[]);
  const start = Math.max(0, position(takeIndex('a slice', from), length));
  const end = to === null ? length : Math.max(0, position(takeIndex('a slice', to), length));
  if (octets === undefined) {
    work.take(length);
    return (of as readonly ExprValue[]).slice(Math.min(start, end), end);
  }
  work.takeText(length);
  return octets.toString('utf8', Math.min(start, end), Math.min(end, length));
}

function flattened(list: readonly ExprValue[], work: ExprWork, depth: number): ExprValue[] {
  checkNesting(depth);
  work.take(list.length);
  return list.flatMap((item) => (isList(item) ? flattened(item, work, depth + 1) : [item]));
}

/** The items in the order of their values. @param order  asc or desc */
export function sorted(
  name: string,
  items: readonly ExprValue[],
  values: readonly ExprValue[],
  order: string,
  work: ExprWork,
): ExprValue[] {
  if (order !== 'asc' && order !== 'desc')
    throw new ExprError(`invalid order ${order} of ${name}, expected asc or desc`);
  work.take(items.length * SORT_STEPS);
  const sign = order === 'desc' ? -1 : 1;
  const places = [...values.keys()].sort((a, b) => sign * compare(name, values[a]!, values[b]!, work));
  return places.map((index) => items[index]!);
}
