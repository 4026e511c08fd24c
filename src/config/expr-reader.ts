import type { CorefileToken } from './corefile-token.ts';
import { isExprName, parseExpr, type CheckedExpr } from './expr-parser.ts';
import { BUILTIN_FUNCTIONS, ExprFault, QUERY_FUNCTIONS, type ExprFunction, type ExprScope } from './expr-tree.ts';
import { argumentFault } from './line-reader.ts';

/** All functions of an expression that is asked about a query. */
export const EXPR_FUNCTIONS: Readonly<Record<string, ExprFunction>> = { ...BUILTIN_FUNCTIONS, ...QUERY_FUNCTIONS };

/** The words of an expression joined by spaces, as CoreDNS joins them. */
export function readExpr(tokens: readonly CorefileToken[], scope: ExprScope): CheckedExpr {
  const text = tokens.map((token) => token.text).join(' ');
  try {
    return parseExpr(text, scope);
  } catch (error) {
    if (!(error instanceof ExprFault)) throw error;
    throw argumentFault(tokens[0]!, `could not compile expression: ${error.message}: ${text.slice(0, 200)}`);
  }
}

/** Built-in functions of the expr language: names that no variable may have, though only those of the scope can be called. */
const BUILTINS = new Set(
  (
    'all none any one filter map find findIndex findLast findLastIndex count sum groupBy sortBy reduce len abs ceil floor ' +
    'round int float string trim trimPrefix trimSuffix upper lower split splitAfter replace repeat join indexOf ' +
    'lastIndexOf hasPrefix hasSuffix max min mean median toJSON fromJSON toBase64 fromBase64 now duration date timezone ' +
    'first last get take keys values toPairs fromPairs reverse concat flatten uniq sort bitand bitor bitxor bitnand bitshl ' +
    'bitshr bitushr bitnot let if else'
  ).split(' '),
);

/** @returns a text that says what is wrong with the name of a variable, if something is */
export function checkVariableName(text: string, scope: ExprScope): string | undefined {
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(text)) return `invalid variable name "${text}", expected letters, digits and _`;
  const isTaken =
    Object.hasOwn(scope.functions, text) ||
    Object.hasOwn(scope.variables, text) ||
    BUILTINS.has(text) ||
    !isExprName(text);
  return isTaken ? `variable name "${text}" is reserved` : undefined;
}
