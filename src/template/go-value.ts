/** Values as Go's text/template sees them, for the data that a template starts with and what functions make of it. */

/**
 * Integers of every size are bigint, floating-point numbers are number, slices are arrays, maps are
 * Map, structs are GoStruct; null is nil, and NO_VALUE what a map gives for a key it does not have.
 */
export type GoValue =
  | string
  | bigint
  | number
  | boolean
  | null
  | readonly GoValue[]
  | GoMap
  | GoStruct
  | typeof NO_VALUE;

export type GoMap = ReadonlyMap<GoKey, GoValue>;

/** Maps with other keys than strings come from expressions only. */
export type GoKey = string | bigint | number | boolean | null;

export const NO_VALUE: unique symbol = Symbol('no value');

/** A struct: exported fields, and methods. */
export class GoStruct {
  readonly typeName: string;
  readonly fields: ReadonlyMap<string, GoValue>;
  readonly methods: ReadonlyMap<string, (...args: readonly GoValue[]) => GoValue>;

  constructor(
    typeName: string,
    fields: Readonly<Record<string, GoValue>>,
    methods: Readonly<Record<string, (...args: readonly GoValue[]) => GoValue>> = {},
  ) {
    this.typeName = typeName;
    this.fields = new Map(Object.entries(fields));
    this.methods = new Map(Object.entries(methods));
  }
}

/** A template that cannot be evaluated for this query. */
export class GoTemplateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GoTemplateError';
  }
}

export function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}

/** Whether `if` takes it for true: not the zero value, not empty. A struct always is. */
export function isTrue(value: GoValue): boolean {
  if (value === null || value === NO_VALUE || value === false || value === '') return false;
  if (typeof value === 'bigint' || typeof value === 'number') return value !== 0n && value !== 0;
  if (isList(value)) return value.length > 0;
  return !(value instanceof Map && value.size === 0);
}

/** As Go names the type in its messages. */
export function typeOf(value: GoValue): string {
  if (value === null || value === NO_VALUE) return 'nil';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (isList(value)) return '[]string';
  if (value instanceof GoStruct) return value.typeName;
  return 'map[string]string';
}

/** Octets in UTF-8, which is what Go counts. */
export function sizeOf(text: string): number {
  return Buffer.byteLength(text);
}
