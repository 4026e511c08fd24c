/** The tables of the reference pages equal the code's. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { PAGES, renderPage } from '../../scripts/reference-pages.ts';
import { ROOT, sourceFiles } from './source-files.ts';

for (const page of PAGES) {
  test(`${page.file} is what \`npm run docs\` writes`, () => {
    const { found, expected } = renderPage(page);
    assert.equal(found, expected);
    assert.match(found, /\n\| `?\w+`? \|/, 'the generated block holds a table');
  });
}

test('every metric that the code names stands in docs/reference/metrics.md', () => {
  const reference = readFileSync(path.join(ROOT, 'docs/reference/metrics.md'), 'utf8');
  const named = sourceFiles('src').flatMap(({ text }) =>
    [...text.matchAll(/'((?:coredns|skyshard|process)_[a-z0-9_]+)'/g)].map(([, name]) => name!),
  );
  const missing = [...new Set(named)].filter((name) => !reference.includes(`\`${name}\``));
  assert.ok(named.length > 40);
  assert.deepEqual(missing, []);
});
