import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SkyshardError } from '../../../src/base/skyshard-error.ts';
import { parseLabelSelector } from '../../../src/kubernetes/label-selector.ts';

const CASES: readonly [selector: string, matching: Record<string, string>[], others: Record<string, string>[]][] = [
  ['', [{}, { a: 'b' }], []],
  ['a=b', [{ a: 'b' }], [{}, { a: 'c' }]],
  ['a == b , c=', [{ a: 'b', c: '' }], [{ a: 'b' }]],
  ['a!=b', [{}, { a: 'c' }], [{ a: 'b' }]],
  ['a in (b, c)', [{ a: 'b' }, { a: 'c' }], [{}, { a: 'd' }]],
  ['a notin (b,c)', [{}, { a: 'd' }], [{ a: 'b' }]],
  ['a in (,b)', [{ a: '' }, { a: 'b' }], [{}]],
  ['app.kubernetes.io/name', [{ 'app.kubernetes.io/name': 'x' }], [{}]],
  ['!a,b', [{ b: '' }], [{ a: '', b: '' }, {}]],
  ['in in (in)', [{ in: 'in' }], [{ in: 'x' }]],
  ['n>3,n<10', [{ n: '4' }, { n: '9' }], [{ n: '3' }, { n: '10' }, { n: 'x' }, {}]],
];

for (const [selector, matching, others] of CASES) {
  test(`selector "${selector}"`, () => {
    const parsed = parseLabelSelector(selector);
    for (const labels of matching) assert.ok(parsed.matches(labels), JSON.stringify(labels));
    for (const labels of others) assert.ok(!parsed.matches(labels), JSON.stringify(labels));
  });
}

test('keys that every object has are no labels', () => {
  assert.ok(!parseLabelSelector('constructor').matches({}));
});

test('a bad selector is refused with its column', () => {
  const bad: [string, number][] = [
    ['a=b c', 5],
    ['a in b', 6],
    ['a in (b', 8],
    ['=b', 1],
    ['a,,b', 3],
    ['a,', 3],
    ['a>b', 3],
    ['a=b=c', 4],
    ['!', 2],
    ['A_/x', 1],
    ['a like b', 3],
    [`${'x'.repeat(64)}`, 1],
  ];
  for (const [text, column] of bad) {
    assert.throws(
      () => parseLabelSelector(text),
      (error) => {
        assert.ok(error instanceof SkyshardError && error.code === 'LABEL_SELECTOR');
        assert.match(error.message, new RegExp(`column ${column}:`), error.message);
        return true;
      },
      text,
    );
  }
});
