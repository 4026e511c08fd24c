/** What is read without the library is what the library reads. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import * as yaml from 'yaml';
import { composeYaml } from '../../../src/manifests/manifest-text.ts';
import { readPlainYaml } from '../../../src/manifests/plain-yaml.ts';

const DEPLOY = path.resolve(import.meta.dirname, '../../../deploy');
const CHANGES = 4_000;

/** @returns undefined where it is not plain */
function readPlain(text: string): { readonly value: unknown; readonly at: number }[] | undefined {
  const found = [];
  const documents = readPlainYaml(text);
  for (;;) {
    const { done, value } = documents.next();
    if (done === true) return value ? found : undefined;
    found.push(value);
  }
}

/** As manifests are read where they are not plain. @returns undefined where something is wrong */
function readWithLibrary(text: string): { readonly value: unknown; readonly at: number }[] | undefined {
  const found = [];
  for (const document of composeYaml(yaml, text, new yaml.LineCounter())) {
    if (document.errors.length > 0) return undefined;
    const value: unknown = document.toJS();
    if (value !== null) found.push({ value, at: document.contents!.range[0] });
  }
  return found;
}

function filesOf(folder: string): string[] {
  return readdirSync(path.join(DEPLOY, folder)).map((name) => readFileSync(path.join(DEPLOY, folder, name), 'utf8'));
}

test('the demo is plain, and read as the library reads it', () => {
  for (const text of filesOf('demo')) {
    const plain = readPlain(text);
    assert.ok(plain);
    assert.deepEqual(plain, readWithLibrary(text));
  }
});

const PLAIN: Readonly<Record<string, unknown>> = {
  'a: b': { a: 'b' },
  'a: 10.96.0.1': { a: '10.96.0.1' },
  'a: -7 # seven': { a: -7 },
  'e3: E10': { e3: 'E10' },
  'a: [b:1.0, http://c/, fd00::1]': { a: ['b:1.0', 'http://c/', 'fd00::1'] },
  'a: "x: #y"': { a: 'x: #y' },
  "a: 'no'": { a: 'no' },
  'a: [b, "c", 1, true, [], {}]': { a: ['b', 'c', 1, true, [], {}] },
  'a: {b: c, d: [1, 2]}': { a: { b: 'c', d: [1, 2] } },
  'a:\n- b\n- c: 1\n  d: 2\n- {e: f}\nb: x': { a: ['b', { c: 1, d: 2 }, { e: 'f' }], b: 'x' },
  'a:   # here\n    b:\n        - c\n\n# there\n  # and there\nd: e': { a: { b: ['c'] }, d: 'e' },
  '---\n---\na: b\n---\n': { a: 'b' },
};

for (const [text, value] of Object.entries(PLAIN)) {
  test(`plain: ${JSON.stringify(text)}`, () => {
    const plain = readPlain(text);
    assert.deepEqual(
      plain?.map((document) => document.value),
      [value],
    );
    assert.deepEqual(plain, readWithLibrary(text));
  });
}

const NOT_PLAIN = [
  ...[
    'a: yes',
    'no: 1',
    'a: NULL',
    'a:',
    'a: ~',
    'a: 0777',
    'a: 1.5',
    'a: 1:30',
    'a: 0x1f',
    'a: 2026-01-01',
    'a: 1_000',
  ],
  ...['a: b c', 'a: b\n c', 'a: b: c', 'a: "\\n"', "a: 'it''s'", 'a: "b\n  c"', 'a: |\n  b', 'a: >\n  b', 'a: b#c: d'],
  ...['a: &x b\nc: *x', 'a: !!str 1', '<<: {a: b}', '? a\n: b', '"a": b', '[a: b]', 'a: [b,c]', 'a: [b', 'a: {b}'],
  ...['a: 1\na: 2', 'a: {b: 1, b: 2}', 'a:\n  b: 1\n c: 2', ' a: b', 'a: b\n...\n', '%YAML 1.1\n---\na: b', '--- a: b'],
  ...[
    'a:\n- - b',
    'a:\n-   b',
    'a:\n-\n  b',
    '- a',
    'a',
    'a:\tb',
    'a: b\r\n',
    'a: \u00e9',
    `a: ${'['.repeat(200)}${']'.repeat(200)}`,
  ],
];

test('what is not plain is left to the library', () => {
  for (const text of NOT_PLAIN) assert.equal(readPlain(text), undefined, JSON.stringify(text));
});

test('a text that was changed somewhere is read as the library reads it, or left to it', () => {
  const texts = ['demo', 'kubernetes', 'kube-dns'].flatMap(filesOf).flatMap((text) => text.split(/^---$/m));
  const pieces = [
    '  ',
    ' ',
    '- ',
    ': ',
    ':',
    '\n',
    '#',
    ' #',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    ',',
    ', ',
    '---\n',
    '-',
    '1',
    'y',
    '.',
    'a: b\n',
    'null',
    '0',
    'e3',
    'E10',
  ];
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  let plainCount = 0;
  for (let i = 0; i < CHANGES; i++) {
    // Without comments most changes hit something.
    let text = texts[random(texts.length)]!.replaceAll(/^ *#.*\n/gm, '');
    for (let change = random(3); change >= 0; change--) {
      const at = random(text.length);
      text = text.slice(0, at) + (random(3) > 0 ? pieces[random(pieces.length)]! : '') + text.slice(at + random(3));
    }
    const plain = readPlain(text);
    if (plain === undefined) continue;
    plainCount++;
    assert.deepEqual(plain, readWithLibrary(text), text);
  }
  assert.ok(plainCount > CHANGES / 20, `${plainCount} were plain`);
});

test('a number with an exponent has a digit before it, everything else is text to the library too', () => {
  const numbers = 'a: [1e3, -1.5E+3, 1.e2, .5e1, 1_0e2]';
  assert.deepEqual(readWithLibrary(numbers)?.[0]?.value, { a: [1000, -1500, 100, 5, 1000] });
  assert.deepEqual(readWithLibrary('e3: [E10, -e3, .e3, e-3]')?.[0]?.value, { e3: ['E10', '-e3', '.e3', 'e-3'] });
});
