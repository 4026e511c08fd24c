import type { ExprArrayType, ExprMapType, ExprType } from './expr-tree.ts';

export const LIST_OF_ANYTHING: ExprArrayType = { items: 'unknown', isTexts: false };
/** What `split` gives. */
export const TEXTS: ExprArrayType = { items: 'string', isTexts: true };
export const MAP_OF_TEXT_KEYS: ExprMapType = { keys: 'string', values: 'unknown' };
export const MAP_OF_ANYTHING: ExprMapType = { keys: 'unknown', values: 'unknown' };

export function listOf(items: ExprType): ExprArrayType {
  return { items, isTexts: false };
}

export function isArrayType(type: ExprType): type is ExprArrayType {
  return typeof type === 'object' && 'items' in type;
}

export function isMapType(type: ExprType): type is ExprMapType {
  return typeof type === 'object' && 'values' in type;
}

export function isNumberType(type: ExprType): boolean {
  return type === 'int' || type === 'float';
}

/** As messages call it. */
export function nameOfType(type: ExprType): string {
  if (typeof type === 'string') return type;
  if (isMapType(type)) return 'map';
  return type.items === 'unknown' ? 'array' : `array of ${nameOfType(type.items)}`;
}

/** What is known of the type of a value that a variable of a template keeps for the expressions after it. */
export function typeOfKept(type: ExprType): ExprType {
  if (type === 'nil') return 'unknown';
  return isArrayType(type) && !type.isTexts ? LIST_OF_ANYTHING : type;
}
