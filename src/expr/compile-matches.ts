/** The operator `matches`. */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import type { Expr } from '../config/expr/expr-tree.ts';
import type { CompiledPart } from './expr-frame.ts';
import { ExprError, typeName } from './expr-value.ts';

/**
 * A pattern that the text of the expression holds is compiled once, another one whenever it changes.
 *
 * @param rightExpr  what gives the pattern
 */
export function compileMatches(left: CompiledPart, right: CompiledPart, rightExpr: Expr): CompiledPart {
  let pattern = rightExpr.kind === 'literal' && typeof rightExpr.value === 'string' ? rightExpr.value : undefined;
  let regex = pattern === undefined ? undefined : compileRegex(pattern);
  return (frame) => {
    const [text, wanted] = [left(frame), right(frame)];
    if (text === null || wanted === null) return false;
    if (typeof text !== 'string' || typeof wanted !== 'string') {
      throw new ExprError(`operator matches is not defined on ${typeName(text)} and ${typeName(wanted)}`);
    }
    // A step for each character of the text, many for each of a pattern.
    frame.work.take(text.length);
    if (regex === undefined || pattern !== wanted) {
      frame.work.take(PATTERN_STEPS * (wanted.length + 1));
      regex = compileRegex(wanted);
      pattern = wanted;
    }
    return regex.matcher(text).find();
  };
}

let re2: typeof Re2 | undefined;

const PATTERN_LENGTH_MAX = 10_000;
const PATTERN_STEPS = 20;

/** RE2, which is loaded by the first pattern: most servers have none. */
function compileRegex(pattern: string): Re2.RE2JS {
  if (pattern.length > PATTERN_LENGTH_MAX) throw new ExprError('the pattern is too long');
  re2 ??= createRequire(import.meta.url)('re2js') as typeof Re2;
  try {
    return re2.RE2JS.compile(pattern);
  } catch (error) {
    throw new ExprError(`bad pattern: ${error instanceof Error ? error.message : String(error)}`);
  }
}
