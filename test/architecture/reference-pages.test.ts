/** The tables of the reference pages equal the code's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGES, renderPage } from '../../scripts/reference-pages.ts';

for (const page of PAGES) {
  test(`${page.file} is what \`npm run docs\` writes`, () => {
    const { found, expected } = renderPage(page);
    assert.equal(found, expected);
    assert.match(found, /\n\| `?\w+`? \|/, 'the generated block holds a table');
  });
}
