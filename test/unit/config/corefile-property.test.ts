/** Whatever stands in a Corefile: it is read or refused with a place, and what was read can be written and read again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SkyshardError } from '../../../src/base/skyshard-error.ts';
import { formatCorefile } from '../../../src/config/corefile/corefile-format.ts';
import { parseCorefile } from '../../../src/config/corefile/corefile-parser.ts';
import type { CorefileToken } from '../../../src/config/corefile/corefile-token.ts';
import type { CorefileLine, CorefileTree } from '../../../src/config/corefile/corefile-tree.ts';
import { PLUGIN_NAMES } from '../../../src/plugins/order.ts';
import { read, testFiles } from '../plugins/corefile-fixture.ts';

const OPTIONS = {
  environment: {},
  directory: '/etc/coredns',
  files: testFiles({ 'a.conf': 'errors\n', 'b.conf': 'x {\n}' }),
};

/** Pieces that mean something, so that random texts get deep into the grammar. */
const PIECE = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '{',
      '}',
      '\n',
      '\n  ',
      ' ',
      '"',
      '#',
      '\\',
      ',',
      '(s)',
      'import',
      'a.conf',
      '*.conf',
      's',
      '\r',
      '{$A}',
      '{%B%}',
      '\ufeff',
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom('.:53', 'example.org', 'log', 'errors', 'cache', '30', 'hosts', '1.2.3.4') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
);
const TEXT = fc.array(PIECE, { maxLength: 60 }).map((pieces) => pieces.join(''));

function show(tree: CorefileTree): unknown {
  const showLine = (line: CorefileLine): unknown => [
    line.name.text,
    line.arguments.map((token) => token.text),
    line.options?.map(showLine),
  ];
  return tree.blocks.map((block) => [block.keys.map((key) => key.text), block.directives.map(showLine)]);
}

/**
 * A word that has to stand in quotes and has an odd number of backslashes before a quote or its end, as a variable in it can make
 * one: the last of them would escape that quote, so no text says it.
 */
function hasOpenQuote(tree: CorefileTree): boolean {
  const isOpen = ({ text, isQuoted }: CorefileToken): boolean =>
    /(?:^|[^\\])(?:\\\\)*\\(?:"|$)/.test(text) && (isQuoted || /^"|[#{}\s\u0085\u180e\ufeff]/.test(text));
  const isLineOpen = (line: CorefileLine): boolean =>
    [line.name, ...line.arguments].some(isOpen) || (line.options?.some(isLineOpen) ?? false);
  return tree.blocks.some((block) => block.keys.some(isOpen) || block.directives.some(isLineOpen));
}

/** The value, or undefined where a SkyshardError with a place was thrown; anything else fails the test. */
function attempt<Value>(action: () => Value): Value | undefined {
  try {
    return action();
  } catch (error) {
    assert.ok(error instanceof SkyshardError, String(error));
    assert.ok(error.code.startsWith('CONFIG_'), error.code);
    assert.match(error.message, /^[^\n]*:\d+:\d+: /);
    return undefined;
  }
}

test('any text is read or refused with its place', () => {
  fc.assert(
    fc.property(TEXT, (text) => void attempt(() => parseCorefile(text, 'Corefile', OPTIONS))),
    { numRuns: 3000 },
  );
});

test('what was read is written so that it reads the same', () => {
  let readCount = 0;
  fc.assert(
    fc.property(TEXT, (text) => {
      const tree = attempt(() => parseCorefile(text, 'Corefile', OPTIONS));
      // A comma at the end of a key, or braces that a variable could be, cannot be written down.
      const isSpecial = tree?.blocks.some((block) =>
        block.keys.some((key) => key.text.endsWith(',') || /^\(.*\)$/s.test(key.text)),
      );
      if (tree === undefined || isSpecial === true || hasOpenQuote(tree) || /\{[$%]/.test(formatCorefile(tree))) return;
      if (tree.blocks.length > 0) readCount++;
      const written = formatCorefile(tree);
      assert.deepEqual(show(parseCorefile(written, 'Corefile', OPTIONS)), show(tree), written);
    }),
    { numRuns: 3000 },
  );
  assert.ok(readCount > 50, `only ${readCount} texts were Corefiles`);
});

const WORD = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      '30',
      '5s',
      '0',
      '-1',
      '.',
      'example.org',
      '10.0.0.0/8',
      '192.0.2.1',
      '::1',
      ':8080',
      '127.0.0.1:9153',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'all',
      'stop',
      'name',
      'regex',
      'A',
      'IN',
      'ANY',
      'set',
      '"a b"',
      '""',
      '(a)',
      '{0}',
      '"{{ .Name }}"',
      '@kubernetes',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'success',
      'ttl',
      'fallthrough',
      'to',
      'reload',
      'match',
      'answer',
      'expr',
      'policy',
      'net',
      'type',
      'tls',
      'file',
    ),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 6 }).filter((text) => !/[\s"{}#\\]/.test(text)) },
);
const WORDS = fc.array(WORD, { maxLength: 5 }).map((words) => words.join(' '));

test('any words behind any plugin are read or refused with their place', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PLUGIN_NAMES),
      WORDS,
      fc.array(WORDS, { maxLength: 4 }),
      (plugin, words, options) => {
        const block = options.length === 0 ? '' : ` {\n${options.map((option) => `    ${option}\n`).join('')}  }`;
        attempt(() => read(`example.org {\n  ${plugin} ${words}${block}\n}\n`));
      },
    ),
    { numRuns: 4000 },
  );
});
