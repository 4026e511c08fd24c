import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorefileLexer, replaceEnvironment, type Environment } from '../../../../src/config/corefile/corefile-lexer.ts';
import type { CorefileToken } from '../../../../src/config/corefile/corefile-token.ts';

function lex(text: string, environment: Environment = {}): CorefileToken[] {
  const lexer = new CorefileLexer(text, 'Corefile', environment);
  const tokens: CorefileToken[] = [];
  for (let token = lexer.next(); token !== undefined; token = lexer.next()) tokens.push(token);
  return tokens;
}

const CASES: readonly { readonly name: string; readonly text: string; readonly words: readonly string[] }[] = [
  { name: 'white space separates', text: ' a\tb\n\n c\u00a0d\u3000e', words: ['a', 'b', 'c', 'd', 'e'] },
  { name: 'a byte order mark is dropped at the start only', text: '\ufeffa \ufeffb', words: ['a', '\ufeffb'] },
  { name: 'carriage returns vanish, inside a word too', text: 'a\r\nb\rc\r\n', words: ['a', 'bc'] },
  { name: 'a comment runs to the end of its line', text: 'a # b "c\nd', words: ['a', 'd'] },
  { name: 'a comment inside a word runs to the next space', text: '8.8.8.8#x y', words: ['8.8.8.8', 'y'] },
  { name: 'a comment that follows a quoted word', text: '"a"#b c\nd', words: ['a', 'd'] },
  { name: 'quotes hold spaces and comments', text: '"a # b" c', words: ['a # b', 'c'] },
  { name: 'quotes hold line ends', text: '"a\nb" c', words: ['a\nb', 'c'] },
  { name: 'an empty quoted word is a word', text: 'a "" b', words: ['a', '', 'b'] },
  { name: 'only a quote is escaped', text: String.raw`"a\"b\.c\\d\\"`, words: [String.raw`a"b\.c\\d\\`] },
  { name: 'a quote inside a word is plain', text: 'a"b c"', words: ['a"b', 'c"'] },
  { name: 'a backslash outside quotes is plain', text: String.raw`a\ b\"`, words: ['a\\', 'b\\"'] },
  { name: 'no single quotes', text: "'a b'", words: ["'a", "b'"] },
  { name: 'two quoted words touch', text: '"a""b"c', words: ['a', 'b', 'c'] },
  { name: 'nothing', text: '\ufeff \n# a', words: [] },
];

for (const { name, text, words } of CASES) {
  test(name, () => {
    assert.deepEqual(
      lex(text).map((token) => token.text),
      words,
    );
  });
}

test('every word knows its line and its column in characters', () => {
  const places = lex('\ufeffab 😀😀 c\n  "d\ne" f\n').map((token) => [token.text, token.line, token.column]);
  assert.deepEqual(places, [
    ['ab', 1, 1],
    ['😀😀', 1, 4],
    ['c', 1, 7],
    ['d\ne', 2, 3],
    ['f', 3, 4],
  ]);
});

test('a word behind the end of a quoted text that spans lines is on its line', () => {
  assert.deepEqual(
    lex('a "b\nc" d\ne').map((token) => token.isLineStart),
    [true, false, false, true],
  );
});

test('a quote that never ends is named where it starts', () => {
  assert.throws(() => lex('a\n  b "c\nd'), {
    code: 'CONFIG_SYNTAX',
    message: /^Corefile:2:5: the quoted text that starts here never ends/,
  });
});

test('variables are replaced in each word, and only once', () => {
  const environment = { A: 'one two', B: '{$A}', C: '' };
  assert.deepEqual(
    lex('{$A} x{%A%}y{$C} "q {$B}" {$NONE}. {$} {%%} {$A', environment).map((token) => token.text),
    ['one two', 'xone twoy', 'q {$A}', '.', '{$}', '{%%}', '{$A'],
  );
});

test('a name that every object has is no variable', () => {
  assert.equal(replaceEnvironment('a{$constructor}b', {}), 'ab');
});

test('a million braces, quotes or references on one line are read in a blink', () => {
  const count = 1_000_000;
  assert.equal(lex('{ '.repeat(count)).length, count);
  assert.equal(lex('{$'.repeat(count)).length, 1);
  assert.equal(lex('"" '.repeat(count)).length, count);
});
