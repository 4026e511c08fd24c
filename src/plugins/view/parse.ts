import { readExpr } from '../../config/expr/expr-reader.ts';
import { QUERY_FUNCTIONS, type Expr } from '../../config/expr/expr-tree.ts';
import { countFault, readOptions, takeArgument } from '../../config/corefile/line-reader.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';

export interface ViewOptions {
  readonly name: string;
  /** all have to be true */
  readonly expressions: readonly Expr[];
}

/** `view NAME { expr EXPRESSION }…` */
export default definePluginOnce('view', (line, block): ViewOptions => {
  const name = takeArgument(line, 'view NAME').text;
  const expressions: Expr[] = [];
  readOptions(line, {
    expr: (option) => {
      if (option.arguments.length === 0) throw countFault(option.name, 'expr EXPRESSION');
      expressions.push(readExpr(option.arguments, { functions: QUERY_FUNCTIONS, variables: {} }).expr);
    },
  });
  block.settings.isFiltered = true;
  return { name, expressions };
});
