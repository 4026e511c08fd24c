/** Functions of the expr language that evaluate a predicate for each item of a list. */
import type { Expr, ExprLoop, LoopName } from '../config/expr/expr-tree.ts';
import { takeText } from './arguments.ts';
import type { CompiledPart, ExprFrame } from './expr-frame.ts';
import { add, ExprError, isList, keyOf, typeName, type ExprKey, type ExprValue } from './expr-value.ts';
import { sorted } from './list-functions.ts';
import type { ExprSlots, LoopSlots } from './slots.ts';

/** A loop over the items of one evaluation. */
interface Loop {
  readonly name: LoopName;
  readonly list: readonly ExprValue[];
  readonly frame: ExprFrame;
  readonly slots: LoopSlots;
  /** what the predicate gives for an item */
  readonly bodyOf: (index: number) => ExprValue;
  readonly argument: CompiledPart | undefined;
}

/** @param compilePart  of the same expression */
export function compileLoop(
  expr: ExprLoop,
  slots: ExprSlots,
  compilePart: (expr: Expr, slots: ExprSlots) => CompiledPart,
): CompiledPart {
  const { name } = expr;
  const list = compilePart(expr.list, slots);
  const argument = expr.argument === null ? undefined : compilePart(expr.argument, slots);
  const own = slots.openLoop();
  const body = expr.body === null ? undefined : compilePart(expr.body, slots);
  slots.closeLoop();
  const run = LOOPS[name];
  const steps = expr.body === null ? 1 : countNodes(expr.body);
  return (frame) => {
    const items = list(frame);
    if (!isList(items)) throw new ExprError(`${name} takes an array, found ${typeName(items)}`);
    const bodyOf = (index: number): ExprValue => {
      frame.work.take(steps);
      if (body === undefined) return items[index]!;
      frame.slots[own.item] = items[index]!;
      frame.slots[own.index] = BigInt(index);
      return body(frame);
    };
    return run({ name, list: items, frame, slots: own, bodyOf, argument });
  };
}

/** Nodes of a tree, at least: what evaluating it once takes. */
function countNodes(expr: Expr): number {
  let count = 1;
  JSON.stringify(expr, (key, value: unknown) => {
    if (key === 'kind') count++;
    return value;
  });
  return count;
}

const LOOPS: Readonly<Record<LoopName, (loop: Loop) => ExprValue>> = {
  all: (loop) => findIndex(loop, false) < 0,
  none: (loop) => findIndex(loop, true) < 0,
  any: (loop) => findIndex(loop, true) >= 0,
  one: (loop) => indexesOf(loop).length === 1,
  filter: (loop) => indexesOf(loop).map((index) => loop.list[index]!),
  map: ({ list, bodyOf }) => Array.from(list, (_, index) => bodyOf(index)),
  count: (loop) => BigInt(indexesOf(loop).length),
  sum: ({ list, bodyOf, frame }) => {
    let sum: ExprValue = 0n;
    for (const index of list.keys()) sum = add(bodyOf(index), sum, frame.work);
    return sum;
  },
  find: (loop) => itemOrNil(loop, findIndex(loop, true)),
  findIndex: (loop) => indexOrNil(findIndex(loop, true)),
  findLast: (loop) => itemOrNil(loop, findLastIndex(loop)),
  findLastIndex: (loop) => indexOrNil(findLastIndex(loop)),
  groupBy: ({ list, bodyOf }) => {
    const groups = new Map<ExprKey, ExprValue[]>();
    for (const [index, item] of list.entries()) {
      const key = keyOf(bodyOf(index));
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [item]);
      else group.push(item);
    }
    return groups;
  },
  sortBy: ({ list, bodyOf, frame, argument }) => {
    const order = takeText('sortBy', argument?.(frame) ?? 'asc');
    const values = Array.from(list, (_, index) => bodyOf(index));
    return sorted('sortBy', list, values, order, frame.work);
  },
  reduce: reduce,
};

function reduce({ list, bodyOf, frame, slots, argument }: Loop): ExprValue {
  if (argument === undefined && list.length === 0)
    throw new ExprError('reduce of an empty array without a first value');
  let acc = argument === undefined ? list[0]! : argument(frame);
  for (let index = argument === undefined ? 1 : 0; index < list.length; index++) {
    frame.slots[slots.acc] = acc;
    acc = bodyOf(index);
  }
  return acc;
}

function isTrue({ name, bodyOf }: Loop, index: number): boolean {
  const value = bodyOf(index);
  if (typeof value === 'boolean') return value;
  throw new ExprError(`the predicate of ${name} is of type ${typeName(value)}, expected bool`);
}

/** -1: there is none */
function findIndex(loop: Loop, wanted: boolean): number {
  for (const index of loop.list.keys()) if (isTrue(loop, index) === wanted) return index;
  return -1;
}

function findLastIndex(loop: Loop): number {
  for (let index = loop.list.length - 1; index >= 0; index--) if (isTrue(loop, index)) return index;
  return -1;
}

function indexesOf(loop: Loop): number[] {
  return [...loop.list.keys()].filter((index) => isTrue(loop, index));
}

function itemOrNil({ list }: Loop, index: number): ExprValue {
  return index < 0 ? null : list[index]!;
}

function indexOrNil(index: number): ExprValue {
  return index < 0 ? null : BigInt(index);
}
