/** All functions of expressions but those with a predicate, by name. Who calls them has compared the number of arguments. */
import type { ExprFunction } from './expr-frame.ts';
import { JSON_FUNCTIONS } from './json-functions.ts';
import { LIST_FUNCTIONS } from './list-functions.ts';
import { NUMBER_FUNCTIONS } from './number-functions.ts';
import { QUERY_FUNCTIONS } from './query-functions.ts';
import { TEXT_FUNCTIONS } from './text-functions.ts';

export const FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  ...QUERY_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  ...NUMBER_FUNCTIONS,
  ...LIST_FUNCTIONS,
  ...JSON_FUNCTIONS,
};
