/** What expressions give; every line was compared with what expr 1.17.8, which CoreDNS 1.15.0 has, says of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExpr } from '../../../src/config/expr/expr-parser.ts';
import { ExprFault, QUERY_FUNCTIONS, type Expr, type ExprScope } from '../../../src/config/expr/expr-tree.ts';
import { areAllTrue, compileExpr } from '../../../src/expr/compile-expr.ts';
import { ExprError, ExprWork, textOf, type ExprValue } from '../../../src/expr/expr-value.ts';
import { EXPRESSIONS, REFUSED_EXPRESSIONS } from './expression-table.ts';
import { QUERY_FACTS } from './query-facts.ts';

const SCOPE: ExprScope = {
  functions: { ...QUERY_FUNCTIONS, group: { parameters: ['unknown'], result: 'string' } },
  variables: { n: 'int', any: 'unknown' },
};

const MATCH = {
  groups: new Map([
    ['0', 'whole'],
    ['1', '7'],
    ['host', 'www'],
  ]),
  variables: new Map<string, ExprValue>([
    ['n', 5n],
    ['any', null],
  ]),
};

/** As the answering threads get it: through JSON. */
function evaluate(text: string): ExprValue {
  const expr = JSON.parse(JSON.stringify(parseExpr(text, SCOPE).expr)) as Expr;
  return compileExpr(expr)(QUERY_FACTS, MATCH);
}

const VALUES: readonly (readonly [text: string, value: ExprValue])[] = [
  // of the query
  ['type()', 'A'],
  ['class()', 'IN'],
  ['name()', 'www.example.org.'],
  ['proto()', 'udp'],
  ['size()', 47n],
  ['id()', 4660n],
  ['opcode()', 0n],
  ['do()', true],
  ['bufsize()', 1232n],
  ['client_ip()', '10.1.2.3'],
  ['port()', '5353'],
  ['server_ip()', '127.0.0.1'],
  ['server_port()', '53'],
  [`metadata('a/b')`, 'v'],
  [`metadata('a/c')`, ''],
  ['group(0)', 'whole'],
  ['group(1)', '7'],
  [`group('1')`, '7'],
  [`group('host')`, 'www'],
  ['group(2)', ''],
  ['group(1.0)', ''],
  ['group(nil)', ''],
  ['n + 1', 6n],
  ['any == nil', true],
  // arithmetic: integers have 64 bits, `/` and `**` give floating-point numbers
  ['1 + 2 * 3', 7n],
  ['7 / 2', 3.5],
  ['4 / 2', 2],
  ['1 / 0', Infinity],
  ['-7 % 3', -1n],
  ['2 ** 3', 8],
  ['-2 ** 2', -4],
  ['2 ^ 3 ^ 2', 512],
  ['1 ** (1 / 0)', 1],
  ['1 + 2.5', 3.5],
  ['2.0 + 1', 3],
  ['9007199254740991 * 9007199254740991', -18014398509481983n],
  ['0x10 + 0b11 + 0o17 + 1_000', 1034n],
  ['-n', -5n],
  ['+n', 5n],
  // comparison
  ['1 == 1.0', true],
  ['1 != 1.5', true],
  ['[1, 2] == [1.0, 2]', true],
  ['[1] == [1, 2]', false],
  ['nil == nil', true],
  ['name() == nil', false],
  ['1 < 2 < 3', true],
  ['3 > n', false],
  ['3 < n <= 5', true],
  [`'a' < 'b'`, true],
  [`'Z' < 'a'`, true],
  [`'a' < 'a'`, false],
  [`'a' <= 'a'`, true],
  [`'ab' > 'a'`, true],
  ['float("nan") < 1', false],
  ['float("nan") >= 1', false],
  // logic, which stops where it is decided
  ['true and false or true', true],
  ['do() && !do()', false],
  ['do() || size() % 0 == 1', true],
  ['!do() and size() % 0 == 1', false],
  ['do() ? 1 : size() % 0', 1n],
  ['not (type() == "A")', false],
  // texts and lists
  [`type() in ['A', 'AAAA']`, true],
  [`type() not in ['A', 'AAAA']`, false],
  ['1 in [1.0]', true],
  [`'a' in []`, false],
  [`name() matches '^www\\\\.'`, true],
  [`name() matches 'W'`, false],
  [`name() matches '(?i)W'`, true],
  ['name() matches name()', true],
  [`name() contains 'example'`, true],
  [`name() startsWith 'www.'`, true],
  [`name() not startsWith 'www.'`, false],
  [`name() endsWith '.org.'`, true],
  ['any contains any', false],
  ['any matches "a"', false],
  [`'a' + "b" + \`c\``, 'abc'],
  // networks
  [`incidr(client_ip(), '10.0.0.0/8')`, true],
  [`incidr(client_ip(), '10.1.2.3/32')`, true],
  [`incidr(client_ip(), '10.1.2.2/32')`, false],
  [`incidr(client_ip(), '10.1.2.2/31')`, true],
  [`incidr(client_ip(), '0.0.0.0/0')`, true],
  [`incidr(client_ip(), '::/0')`, false],
  [`incidr('::ffff:10.1.2.3', '10.0.0.0/8')`, true],
  [`incidr(client_ip(), '::ffff:0:0/96')`, true],
  [`incidr(client_ip(), '::ffff:10.0.0.0/104')`, true],
  [`incidr(client_ip(), '::ffff:11.0.0.0/104')`, false],
  [`incidr('fd00:1::5', 'fd00::/8')`, true],
  [`incidr('fd00:1::5', 'fd00:1::/64')`, true],
  [`incidr('fd00:1::5', 'fd00:1:0:1::/64')`, false],
  [`incidr('fd00::5', '10.0.0.0/8')`, false],
  // built-in functions
  [`int('12') + int(2.9) + int(-2.9)`, 12n],
  [`int('+5')`, 5n],
  ['int(1 / 0)', -9223372036854775808n],
  [`float('1.5')`, 1.5],
  ['float(2)', 2],
  ['string(1.0)', '1'],
  ['string(1e6)', '1e+06'],
  [`string(['', 1, nil, true])`, '[ 1 <nil> true]'],
  ['len("ä€😀")', 3n],
  ['len([1, 2])', 2n],
  ['abs(-3)', 3n],
  ['abs(-1.5)', 1.5],
  [`upper('aä') + lower('BÄ')`, 'AÄbä'],
  [`trim("  a \\n")`, 'a'],
  [`hasPrefix(name(), 'www')`, true],
  [`hasSuffix(name(), 'www')`, false],
  [`indexOf('ä.b', '.')`, 2n],
  [`indexOf('a', 'b')`, -1n],
];

for (const [text, value] of VALUES) {
  test(`${text} is ${String(value)}`, () => assert.deepEqual(evaluate(text), value));
}

for (const [text, printed] of EXPRESSIONS) {
  test(`${text} prints ${String(printed)}`, () => {
    const facts = { ...QUERY_FACTS, typeText: () => 'TXT', name: () => 'e1.test.' };
    const match = { groups: new Map([['0', 'e1.test.']]), variables: new Map() };
    const print = (): string => {
      const expr = JSON.parse(JSON.stringify(parseExpr(text, SCOPE).expr)) as Expr;
      return textOf(compileExpr(expr)(facts, match), new ExprWork());
    };
    if (typeof printed === 'string') assert.equal(print(), printed);
    else assert.throws(print, ExprError);
  });
}

for (const text of REFUSED_EXPRESSIONS) {
  test(`${text} is refused`, () => assert.throws(() => parseExpr(text, SCOPE), ExprFault));
}

test('nothing takes longer than its steps', () => {
  const endless = [
    '1..1000000000',
    'all(1..1000, all(1..1000, all(1..1000, # > 0)))',
    'reduce(1..10000, concat(#acc, #acc), [1])',
    'reduce(1..10000, #acc + #acc, "a")',
    'reduce(1..49000, [#acc], 1)',
    'string(reduce(1..9000, [#acc], 1))',
    'reduce(1..9000, [#acc], 1) == reduce(1..9000, [#acc], 2)',
    'reduce(1..60, [#acc, #acc], 1)',
    'flatten(reduce(1..60, [#acc, #acc], 1))',
    'toJSON(reduce(1..60, ({a: #acc, b: #acc}), 1))',
    'reduce(1..60, ({a: #acc, b: #acc}), 1) == reduce(1..60, ({a: #acc, b: #acc}), 1)',
    'len(map(1..1000, repeat("a", 60000)))',
    'len(map(1..1000, upper(repeat("a", 9000))))',
    'count(1..1000, repeat("a", 100) matches (string(#) + "(a+)+$"))',
    'fromJSON(repeat("[", 30000) + repeat("]", 30000))',
    'let t = [repeat("a", 60000), 1][0]; count(1..5000, t[0] == 98)',
    'uniq(1..40000)',
    'sort(1..40000)',
  ];
  for (const text of endless) {
    const expr = compileExpr(parseExpr(text, SCOPE).expr);
    assert.throws(() => expr(QUERY_FACTS, MATCH), ExprError, text);
  }
});

test('an expression that doubles with each part it holds is read and compiled all the same', () => {
  assert.equal(evaluate(`${'('.repeat(40)}do()${' ?: true)'.repeat(40)}`), true);
  assert.equal(evaluate(`${'(1 < len(string('.repeat(12)}do()${')) < 9)'.repeat(12)}`), true);
  assert.equal(evaluate(`${'(1 in 1..len(string('.repeat(12)}do()${')))'.repeat(12)}`), true);
});

test('a long row of operators does not exhaust the stack', () => {
  assert.equal(evaluate(`1${'+1'.repeat(1000)}`), 1001n);
  assert.throws(() => evaluate(`any${'[0]'.repeat(1000)}`), ExprError);
  for (const text of [`1${'+1'.repeat(4900)}`, `any${'[0]'.repeat(3300)}`, `any${'.a'.repeat(1001)}`]) {
    assert.throws(() => parseExpr(text, SCOPE), { name: 'ExprFault', message: /more than 1000 operators/ });
  }
});

const ERRORS: readonly (readonly [text: string, says: RegExp])[] = [
  ['size() % opcode()', /integer divide by zero/],
  [`int('x')`, /x is no int/],
  [`int('9223372036854775808')`, /is no int/],
  [`int('1.5')`, /is no int/],
  [`float('x')`, /is no float/],
  [`float('1e999')`, /is no float/],
  [`incidr('x', '10.0.0.0/8')`, /no IP address/],
  [`incidr(client_ip(), '10.0.0.0')`, /no network/],
  [`incidr(client_ip(), '10.0.0.0/33')`, /no network/],
  [`incidr(client_ip(), 'fd00::/129')`, /no network/],
  ['any + 1', /operator \+ is not defined on nil and int/],
  ['any and do()', /operator and is not defined on nil/],
  ['any < 1', /operator < is not defined/],
  ['-any', /operator - is not defined on nil/],
  ['len(any)', /len takes/],
  ['upper(any)', /upper takes a string, found nil/],
  [`name() matches ('[' + name())`, /bad pattern/],
];

for (const [text, says] of ERRORS) {
  test(`${text} cannot be evaluated`, () => {
    assert.throws(
      () => evaluate(text),
      (error) => error instanceof ExprError && says.test(error.message),
    );
  });
}

test('all have to be true, and only true is true', () => {
  const compile = (...texts: readonly string[]) => texts.map((text) => compileExpr(parseExpr(text, SCOPE).expr));
  assert.equal(areAllTrue(compile(), QUERY_FACTS), true);
  assert.equal(areAllTrue(compile('true', 'do()'), QUERY_FACTS), true);
  assert.equal(areAllTrue(compile('true', 'false'), QUERY_FACTS), false);
  assert.equal(areAllTrue(compile('1'), QUERY_FACTS), false);
  assert.equal(areAllTrue(compile('"true"'), QUERY_FACTS), false);
});

test('a pattern that is another one each time is not the one before', () => {
  const isFound = compileExpr(parseExpr(`'ab' matches group(0)`, SCOPE).expr);
  const withGroup = (text: string) => ({ ...MATCH, groups: new Map([['0', text]]) });
  assert.equal(isFound(QUERY_FACTS, withGroup('^a')), true);
  assert.equal(isFound(QUERY_FACTS, withGroup('^b')), false);
  assert.equal(isFound(QUERY_FACTS, withGroup('b$')), true);
});

test('texts and lists that double with each variable end', () => {
  let text: ExprValue = 'a'.repeat(1000);
  let list: ExprValue = [1n];
  const double = compileExpr(parseExpr('any + any', SCOPE).expr);
  const nest = compileExpr(parseExpr('[any, any, any, any]', SCOPE).expr);
  const print = compileExpr(parseExpr('string(any)', SCOPE).expr);
  const match = (any: ExprValue) => ({ ...MATCH, variables: new Map([['any', any]]) });
  assert.throws(() => {
    for (;;) text = double(QUERY_FACTS, match(text));
  }, ExprError);
  assert.throws(() => {
    for (;;) list = nest(QUERY_FACTS, match(list));
  }, ExprError);
  for (let depth = 0; depth < 100; depth++) list = [list, list];
  assert.throws(() => print(QUERY_FACTS, match(list)), ExprError);
  const areEqual = compileExpr(parseExpr('[any] == [any]', SCOPE).expr);
  assert.throws(() => areEqual(QUERY_FACTS, match(list)), ExprError);
});
