/** `toJSON` and `fromJSON` of the expr language. */
import { takeText } from './arguments.ts';
import type { ExprFunction } from './expr-frame.ts';
import {
  checkNesting,
  checkSize,
  ExprError,
  isList,
  limited,
  sortedPairs,
  typeName,
  type ExprValue,
  type ExprWork,
} from './expr-value.ts';

export const JSON_FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  toJSON: ([value], { work }) => limited(jsonOf(value!, work, 0)),
  fromJSON: ([value], { work }) => {
    const text = takeText('fromJSON', value);
    work.take(text.length);
    let found: unknown;
    try {
      found = JSON.parse(text);
    } catch (error) {
      throw new ExprError(`fromJSON: ${error instanceof Error ? error.message : String(error)}`);
    }
    return valueOf(found, 0);
  },
};

/** As Go writes it, indented by two. */
function jsonOf(value: ExprValue, work: ExprWork, depth: number): string {
  checkNesting(depth);
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') {
    work.takeText(value.length);
    return textJson(value);
  }
  if (typeof value === 'number') return numberJson(value);
  const parts: string[] = [];
  let size = 0;
  const put = (part: string): void => {
    work.takeText(part.length);
    size += part.length;
    checkSize(size);
    parts.push(`${'  '.repeat(depth + 1)}${part}`);
  };
  if (isList(value)) for (const item of value) put(jsonOf(item, work, depth + 1));
  else {
    for (const [key, item] of sortedPairs(value)) {
      if (typeof key !== 'string') throw new ExprError(`JSON has no key of type ${typeName(key)}`);
      put(`${textJson(key)}: ${jsonOf(item, work, depth + 1)}`);
    }
  }
  const [open, close] = isList(value) ? ['[', ']'] : ['{', '}'];
  return parts.length === 0 ? open + close : `${open}\n${parts.join(',\n')}\n${'  '.repeat(depth)}${close}`;
}

/** Go writes what HTML reads as something else by its number. */
function textJson(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function numberJson(value: number): string {
  if (!Number.isFinite(value)) throw new ExprError(`JSON has no ${String(value)}`);
  if (Object.is(value, -0)) return '-0';
  return JSON.stringify(value);
}

/** Numbers are floating-point ones. */
function valueOf(found: unknown, depth: number): ExprValue {
  checkNesting(depth);
  if (Array.isArray(found)) return found.map((item) => valueOf(item, depth + 1));
  if (typeof found === 'object' && found !== null) {
    return new Map(Object.entries(found).map(([key, value]) => [key, valueOf(value, depth + 1)]));
  }
  return found as string | number | boolean | null;
}
