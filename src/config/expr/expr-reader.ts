import { BUILTIN_FUNCTIONS } from './expr-builtins.ts';
import type { CorefileToken } from '../corefile/corefile-token.ts';
import { isExprName, parseExpr, type CheckedExpr } from './expr-parser.ts';
import { ExprFault, LOOPS, type ExprScope } from './expr-tree.ts';
import { argumentFault } from '../corefile/line-reader.ts';

/**
 * The words of an expression joined by spaces, as CoreDNS joins them.
 *
 * @throws SkyshardError CONFIG_ARGUMENT at the word that is wrong
 */
export function readExpr(tokens: readonly CorefileToken[], scope: ExprScope): CheckedExpr {
  const text = tokens.map((token) => token.text).join(' ');
  try {
    return parseExpr(text, scope);
  } catch (error) {
    if (!(error instanceof ExprFault)) throw error;
    const message = `could not compile expression: ${error.message}: ${text.slice(0, 200)}`;
    throw argumentFault(tokenAt(tokens, error.at), message);
  }
}

/** The word that holds a character of the joined text. */
function tokenAt(tokens: readonly CorefileToken[], at: number): CorefileToken {
  let end = 0;
  for (const token of tokens) {
    end += token.text.length + 1;
    if (at < end) return token;
  }
  return tokens.at(-1)!;
}

/** Built-in functions that are not supported; no variable may have their names all the same. */
const FURTHER_BUILTINS = new Set(['now', 'date', 'duration', 'timezone', 'type']);

/** @returns a text that says what is wrong with the name of a variable, if something is */
export function checkVariableName(text: string, scope: ExprScope): string | undefined {
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(text)) return `invalid variable name "${text}", expected letters, digits and _`;
  const isTaken =
    [scope.functions, scope.variables, BUILTIN_FUNCTIONS, LOOPS].some((names) => Object.hasOwn(names, text)) ||
    FURTHER_BUILTINS.has(text) ||
    !isExprName(text);
  return isTaken ? `variable name "${text}" is reserved` : undefined;
}
