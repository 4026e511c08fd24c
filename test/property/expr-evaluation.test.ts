/** Any expression that can be read gives a value or its own error, for any query, and before long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseExpr } from '../../src/config/expr/expr-parser.ts';
import { BUILTIN_FUNCTIONS } from '../../src/config/expr/expr-builtins.ts';
import {
  LOOPS,
  QUERY_FUNCTIONS,
  type BinaryOperator,
  type Expr,
  type ExprScope,
  type LoopName,
} from '../../src/config/expr/expr-tree.ts';
import { compileExpr } from '../../src/expr/compile-expr.ts';
import { ExprError, type ExprValue } from '../../src/expr/expr-value.ts';
import type { ExprQuery } from '../../src/expr/expr-frame.ts';
import { budget } from './budget.ts';

const SCOPE: ExprScope = {
  functions: { ...QUERY_FUNCTIONS, group: { parameters: ['unknown'], result: 'string' } },
  variables: { any: 'unknown' },
};
const OPERATORS: readonly BinaryOperator[] =
  'or and == != < <= > >= in matches contains startsWith endsWith .. + - * / % ** ??'.split(' ') as BinaryOperator[];
/** A list of 2^60 items, if it were written out. */
let deepList: ExprValue = [1n];
for (let depth = 0; depth < 60; depth++) deepList = [deepList, deepList];

const text = fc.oneof(fc.string(), fc.constantFrom('10.0.0.0/8', '::1', 'x/y', '[', '(a*)*$', 'www.'));
const literal: fc.Arbitrary<Expr> = fc.oneof(
  text.map((value): Expr => ({ kind: 'literal', value })),
  fc.maxSafeInteger().map((value): Expr => ({ kind: 'literal', value })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value): Expr => ({ kind: 'literal', value, isFloat: true })),
  fc.constantFrom<Expr>({ kind: 'literal', value: true }, { kind: 'literal', value: null }),
  fc.constant<Expr>({ kind: 'variable', name: 'any' }),
);

const { expr: tree } = fc.letrec<{ expr: Expr }>((tie) => ({
  expr: fc.oneof(
    { depthSize: 'medium' },
    literal,
    fc.record({ kind: fc.constant('array' as const), items: fc.array(tie('expr'), { maxLength: 3 }) }),
    fc.record({
      kind: fc.constant('map' as const),
      pairs: fc.array(fc.record({ key: tie('expr'), value: tie('expr') }), { maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('loop' as const),
      name: fc.constantFrom(...(Object.keys(LOOPS) as LoopName[])),
      list: tie('expr'),
      body: fc.option(fc.oneof(tie('expr'), fc.constant<Expr>({ kind: 'pointer', name: '' }))),
      argument: fc.option(tie('expr')),
    }),
    fc.record({ kind: fc.constant('member' as const), of: tie('expr'), property: tie('expr') }),
    fc.record({
      kind: fc.constant('chain' as const),
      of: fc.record({
        kind: fc.constant('member' as const),
        of: tie('expr'),
        property: tie('expr'),
        isOptional: fc.constant(true as const),
      }),
    }),
    fc.record({
      kind: fc.constant('slice' as const),
      of: tie('expr'),
      from: fc.option(tie('expr')),
      to: fc.option(tie('expr')),
    }),
    fc.record({ kind: fc.constant('let' as const), name: fc.constant('any'), value: tie('expr'), body: tie('expr') }),
    fc.record({
      kind: fc.constant('unary' as const),
      operator: fc.constantFrom('not', '-', '+'),
      operand: tie('expr'),
    }),
    fc.record({
      kind: fc.constant('binary' as const),
      operator: fc.constantFrom(...OPERATORS),
      left: tie('expr'),
      right: tie('expr'),
    }),
    fc.record({
      kind: fc.constant('conditional' as const),
      test: tie('expr'),
      whenTrue: tie('expr'),
      whenFalse: tie('expr'),
    }),
    fc
      .tuple(
        fc.constantFrom(...Object.keys(SCOPE.functions), ...Object.keys(BUILTIN_FUNCTIONS)),
        fc.array(tie('expr'), { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 1, max: 3 }),
      )
      .map(([name, args, count]): Expr => ({
        kind: 'call',
        name,
        arguments: args.slice(0, SCOPE.functions[name]?.parameters.length ?? count),
      })),
  ) as fc.Arbitrary<Expr>,
}));

const query: fc.Arbitrary<ExprQuery> = fc.record({
  typeText: fc.func(text),
  classText: fc.func(text),
  name: fc.func(text),
  proto: fc.func(text),
  size: fc.func(fc.nat(65_535)),
  id: fc.func(fc.nat(65_535)),
  opcode: fc.func(fc.nat(15)),
  isDnssecOk: fc.func(fc.boolean()),
  bufferSize: fc.func(fc.nat(65_535)),
  clientAddress: fc.func(text),
  clientPort: fc.func(fc.nat(65_535)),
  serverAddress: fc.func(text),
  serverPort: fc.func(fc.nat(65_535)),
  metadata: fc.func(text),
});
const value = fc.oneof(text, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.double(), fc.constant(deepList));

/** Far above what any takes; a machine that holds the test up has room. */
const LONG_MS = 2000;

test('a tree of any shape is a value or an ExprError', () => {
  fc.assert(
    fc.property(tree, query, text, value, (expr, facts, group, any) => {
      const match = { groups: new Map([['0', group]]), variables: new Map<string, ExprValue>([['any', any]]) };
      const startMs = performance.now();
      try {
        compileExpr(expr)(facts, match);
      } catch (error) {
        assert.ok(error instanceof ExprError, error instanceof Error ? (error.stack ?? '') : String(error));
      }
      assert.ok(performance.now() - startMs < LONG_MS);
    }),
    budget(),
  );
});

test('what the type check lets through and holds nothing of unknown type fails only for its values', () => {
  const words = fc.array(
    fc.constantFrom(
      ...'( ) [ ] { } , ? : . .. ?. ?? | ; # + - * / % ** == != < <= > >= and or not in matches contains'.split(' '),
      ...[...Object.keys(BUILTIN_FUNCTIONS), ...Object.keys(LOOPS)].map((name) => `${name}(`),
      ...['a', 'let x =', 'x', '#acc', 'if'],
      ...Object.keys(QUERY_FUNCTIONS).map((name) => `${name}(`),
      ...['1', '2.0', "'a'", 'true', 'nil', 'name()', 'size()', 'do()'],
    ),
    { maxLength: 25 },
  );
  fc.assert(
    fc.property(words, query, (parts, facts) => {
      let expr: Expr;
      try {
        ({ expr } = parseExpr(parts.join(' '), SCOPE));
      } catch (error) {
        assert.equal((error as Error).name, 'ExprFault');
        return;
      }
      try {
        compileExpr(expr)(facts, { groups: new Map(), variables: new Map() });
      } catch (error) {
        assert.ok(error instanceof ExprError, error instanceof Error ? (error.stack ?? '') : String(error));
      }
    }),
    budget(),
  );
});
