import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkVariableName } from '../../../../src/config/expr/expr-reader.ts';
import { parseExpr } from '../../../../src/config/expr/expr-parser.ts';
import { QUERY_FUNCTIONS, type Expr, type ExprScope, type ExprType } from '../../../../src/config/expr/expr-tree.ts';

const SCOPE: ExprScope = { functions: QUERY_FUNCTIONS, variables: { num: 'int', any: 'unknown' } };

/** The tree with every operator in parentheses. */
function show(expr: Expr): string {
  switch (expr.kind) {
    case 'literal':
      return JSON.stringify(expr.value);
    case 'variable':
      return expr.name;
    case 'array':
      return `[${expr.items.map(show).join(' ')}]`;
    case 'call':
      return `${expr.name}(${expr.arguments.map(show).join(' ')})`;
    case 'unary':
      return `(${expr.operator} ${show(expr.operand)})`;
    case 'binary':
      return `(${show(expr.left)} ${expr.operator} ${show(expr.right)})`;
    case 'integer':
      return expr.digits;
    case 'map':
      return `{${expr.pairs.map(({ key, value }) => `${show(key)}:${show(value)}`).join(' ')}}`;
    case 'pointer':
      return `#${expr.name}`;
    case 'loop':
      return `${expr.name}(${[expr.list, expr.body, expr.argument].flatMap((part) => (part === null ? [] : [show(part)])).join(' ')})`;
    case 'member':
      return `${show(expr.of)}${expr.isOptional === true ? '?' : ''}[${show(expr.property)}]`;
    case 'chain':
      return `<${show(expr.of)}>`;
    case 'slice':
      return `${show(expr.of)}[${expr.from === null ? '' : show(expr.from)}:${expr.to === null ? '' : show(expr.to)}]`;
    case 'comparison':
      return `(${expr.operands
        .map((operand, index) => `${show(operand)} ${expr.operators[index] ?? ''}`)
        .join(' ')
        .trim()})`;
    case 'let':
      return `(let ${expr.name} ${show(expr.value)} ${show(expr.body)})`;
    case 'sequence':
      return `(${expr.items.map(show).join('; ')})`;
    case 'conditional':
      return `(${show(expr.test)} ? ${show(expr.whenTrue)} : ${show(expr.whenFalse)})`;
  }
}

const READ: readonly (readonly [text: string, tree: string, type: ExprType])[] = [
  [`type() == 'A'`, '(type() == "A")', 'bool'],
  [`name() matches '^one\\\\..*\\\\.test\\\\.$'`, '(name() matches "^one\\\\..*\\\\.test\\\\.$")', 'bool'],
  [`incidr(client_ip(), "127.0.1.0/24")`, 'incidr(client_ip() "127.0.1.0/24")', 'bool'],
  ['true and false or !do()', '((true and false) or (not do()))', 'bool'],
  ['true && false || not do()', '((true and false) or (not do()))', 'bool'],
  ['1 + 2 * 3 - 4', '((1 + (2 * 3)) - 4)', 'int'],
  ['2 ** 3 ** 2', '(2 ** (3 ** 2))', 'float'],
  ['2 ^ 3', '(2 ** 3)', 'float'],
  ['-num * 2', '((- num) * 2)', 'int'],
  ['not (num == 1)', '(not (num == 1))', 'bool'],
  [`type() in ['A', "AAAA", \`MX\`]`, '(type() in ["A" "AAAA" "MX"])', 'bool'],
  [`type() not in ['A',]`, '(not (type() in ["A"]))', 'bool'],
  [`name() not startsWith 'a'`, '(not (name() startsWith "a"))', 'bool'],
  [`size() > 512 ? 'large' : 'small'`, '((size() > 512) ? "large" : "small")', 'string'],
  [`true ? 1 : false ? 2 : 3`, '(true ? 1 : (false ? 2 : 3))', 'int'],
  ['0x1F + 0b11 + 0o17 + 1_000', '(((31 + 3) + 15) + 1000)', 'int'],
  ['0 < num <= 5 == true', '((0 < num <= 5) == true)', 'bool'],
  ['num < 2.0 < 3', '(num < 2 < 3)', 'bool'],
  ['abs(num) + 1', '(abs(num) + 1)', 'int'],
  ['2.0', '2', 'float'],
  ['1.5 + .5e1', '(1.5 + 5)', 'float'],
  ['nil', 'null', 'nil'],
  [`'a\\'b\\n\\x41\\u00e9' + "\\""`, '("a\'b\\nAé" + "\\"")', 'string'],
  ['`a\\b``c`', '"a\\\\b`c"', 'string'],
  [`metadata('a/b') == ''`, '(metadata("a/b") == "")', 'bool'],
  ['any + 1 == any', '((any + 1) == any)', 'bool'],
  [`int('3') > num`, '(int("3") > num)', 'bool'],
  ['any[0].b?.c[1:-1]', '<any[0]["b"]?["c"]>[1:(- 1)]', 'unknown'],
  ['1..num + 1', '(1 .. (num + 1))', { items: 'int', isTexts: false }],
  ['any ?? 1 | string()', 'string((any ?? 1))', 'string'],
  ['{a: 1, (name()): 2}', '{"a":1 name():2}', { keys: 'string', values: 'unknown' }],
  ['filter(1..3, # > num)[0]', 'filter((1 .. 3) (# > num))[0]', 'int'],
  [`map(split(name(), '.'), len(#))`, 'map(split(name() ".") len(#))', { items: 'int', isTexts: false }],
  ['let x = num; reduce(1..x, #acc + #index, 0)', '(let x num reduce((1 .. x) (#acc + #index) 0))', 'unknown'],
  ['if do() { 1 } else { nil }', '(do() ? 1 : null)', 'int'],
  ['do() ?: num', '(do() ? true : num)', 'unknown'],
  ['1; "a"', '(1; "a")', 'string'],
];

for (const [text, tree, type] of READ) {
  test(`read ${text}`, () => {
    const checked = parseExpr(text, SCOPE);
    assert.equal(show(checked.expr), tree);
    assert.deepEqual(checked.type, type);
  });
}

const REFUSED: readonly (readonly [text: string, says: RegExp])[] = [
  ['', /unexpected the end/],
  ['type(', /unexpected the end/],
  ['type() ==', /unexpected the end/],
  ['type() = 1', /unexpected '=', expected an operator/],
  [`type() == 'A`, /never ends \(at character 11\)/],
  ['1 2', /expected an operator or the end \(at character 3\)/],
  ['foo', /unknown name foo, expected a built-in function or one of .*, num, any/],
  ['type', /unknown name type/],
  ['constructor()', /unknown name constructor/],
  ['filter([1], 1)', /the predicate of filter is of type int, expected bool \(at character 13\)/],
  ['filter([1])', /unexpected '\)', expected a predicate: filter\(LIST, PREDICATE\)/],
  ['map([1], #acc)', /unknown pointer #acc: this function has none/],
  ['map([1], #x)', /unknown pointer #x, expected #, #index or #acc/],
  [`name() | split('.') | map(.a)`, /has no field a/],
  ['map([1], 1; 2)', /put \{ and \} around/],
  ['#', /unexpected '#', expected a value/],
  ['name', /unknown name name: a function is called with parentheses, name\(…\)/],
  ['now().Hour() < 8', /now is not supported: there are no dates/],
  ['$env.num', /\$env is not supported/],
  ['name().Foo()', /there are no methods, and so no Foo/],
  [`b'abc'`, /octets, b"…", are not supported/],
  ['let len = 1; 2', /len is taken/],
  ['any ?? 1 + 1', /\+ and \?\? cannot be mixed/],
  ['{a: 1}[1]', /keys of the map are of type string, found int/],
  ['num % 2 + 5 % 0', /integer divide by zero/],
  ['1 /* 2', /the comment that starts here never ends/],
  ['type() == 1', /between string and int/],
  ['do() + 1', /between bool and int/],
  ['not type()', /not of type string/],
  ['type() ? 1 : 2', /condition of type string/],
  [`incidr('1.2.3.4')`, /takes 2 arguments, found 1/],
  [`incidr(1, 'x')`, /incidr argument 1 is of type int, expected string/],
  [`name() matches '['`, /invalid regex/],
  [`'a\\.b'`, /unknown escape/],
  [`'a' in [1, 2]`, /a value of type string is looked for in a list of type int/],
  ['not abs(1)', /not of type int/],
  ['2.0 % 2', /between float and int/],
  ['a.b', /unknown name a,/],
  ['let x = 1; y', /unknown name y, .* x, num, any/],
  ['1 +', /unexpected the end/],
  ['(1', /expected '\)'/],
  ['[1 2]', /expected ','/],
  ['99999999999999999999', /too large/],
  ['('.repeat(1000), /nested more than/],
  ['!'.repeat(1000), /nested more than/],
  ['1'.repeat(20_000), /longer than/],
];

for (const [text, says] of REFUSED) {
  test(`refuse ${text.slice(0, 40)}`, () => {
    assert.throws(() => parseExpr(text, SCOPE), { name: 'ExprFault', message: says });
  });
}

test('names of variables that are taken', () => {
  assert.equal(checkVariableName('x1', SCOPE), undefined);
  for (const name of ['type', 'num', 'int', 'filter', 'not', 'in', 'true', 'let']) {
    assert.match(checkVariableName(name, SCOPE) ?? '', /is reserved/, name);
  }
  for (const name of ['1x', 'a-b', ''])
    assert.match(checkVariableName(name, SCOPE) ?? '', /invalid variable name/, name);
});
