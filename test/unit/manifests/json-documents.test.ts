import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  LineIndex,
  findJsonFault,
  scanJsonDocument,
  skipJsonSeparator,
  splitJsonList,
} from '../../../src/manifests/json-documents.ts';

test('the fault is where JSON.parse says it is, and is there when JSON.parse finds one', () => {
  const mutated = fc
    .tuple(
      fc.json({ maxDepth: 3 }),
      fc.nat(),
      fc.constantFrom('', ',', '}', ']', '{', '"', ':', '1', 'x', '\\', '\n', '-'),
    )
    .map(([text, at, insert]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + insert + text.slice(cut + (at % 2));
    });
  fc.assert(
    fc.property(fc.oneof(fc.json(), mutated), (text) => {
      const fault = findJsonFault(text);
      let message = '';
      try {
        JSON.parse(text);
      } catch (error) {
        message = (error as Error).message;
      }
      const position = /at position (\d+)/.exec(message)?.[1];
      if (message === '') assert.equal(fault, text.length);
      else if (message.includes('Unexpected end')) assert.match(text.slice(fault), /^(?:$|"|-$|\d|[tfn])/);
      else assert.ok(fault < text.length || position !== undefined, message);
      // inside strings and numbers V8 points at the octet, we at the token
      if (position !== undefined && !/string|escape|control|number|decimal|fraction|exponent|minus/.test(message)) {
        assert.equal(fault, Number(position), message);
      }
    }),
    { numRuns: 3000 },
  );
});

test('the scan finds the end of a document and the items of a list, whatever the strings hold', () => {
  const list = fc.record({ items: fc.array(fc.dictionary(fc.string(), fc.json())), 'o"{': fc.json() });
  fc.assert(
    fc.property(list, fc.constantFrom(0, 1, 4), fc.string(), (value, indent, behind) => {
      const text = JSON.stringify(value, null, indent);
      const scan = scanJsonDocument(text + behind, 0);
      assert.equal(scan.end, text.length);
      assert.deepEqual(
        scan.items.map((at) => JSON.parse(text.slice(at, scanJsonDocument(text, at).end)) as unknown),
        JSON.parse(JSON.stringify(value.items)),
      );
    }),
    { numRuns: 500 },
  );
});

test('separators are white space and lines of ---', () => {
  assert.equal(skipJsonSeparator('\uFEFF \n---\n\r\n--- {', 0), 13);
  assert.equal(skipJsonSeparator('{}\n---', 2), 6);
  assert.equal(skipJsonSeparator('----', 0), 0);
  assert.equal(skipJsonSeparator('-1', 0), 0);
});

test('lines and columns in any order', () => {
  const index = new LineIndex('ab\n\ncd');
  const places = [5, 0, 2, 3, 4, 6, 1].map((offset) => Object.values(index.lineAndColumn(offset)).join(':'));
  assert.deepEqual(places, ['3:2', '1:1', '1:3', '2:1', '3:1', '3:3', '1:2']);
});

test('a long line is searched once for its end, however many places on it are asked for', () => {
  const line = 'x'.repeat(1000);
  let searches = 0;
  const text = {
    length: line.length,
    indexOf: (found: string, start: number) => {
      searches++;
      return line.indexOf(found, start);
    },
  };
  const index = new LineIndex(text as unknown as string);
  for (let offset = 0; offset < line.length; offset++) assert.equal(index.lineAndColumn(offset).column, offset + 1);
  assert.equal(searches, 1);
});

test('a list is split into the items that JSON.parse finds in it, or not at all', () => {
  const item = fc.oneof(
    { weight: 9, arbitrary: fc.dictionary(fc.string(), fc.json()) },
    fc.integer(),
    fc.constant(null),
  );
  const list = fc.record({ kind: fc.string(), items: fc.array(item, { maxLength: 5 }), metadata: fc.json() });
  let splitCount = 0;
  fc.assert(
    fc.property(list, fc.constantFrom(0, 2), fc.constantFrom('', '{}'), (value, indent, before) => {
      const text = before + JSON.stringify(value, null, indent);
      const split = splitJsonList(text, before.length, scanJsonDocument(text, before.length));
      const isPlain = value.items.length > 0 && value.items.every((item) => typeof item === 'object' && item !== null);
      assert.equal(split !== undefined, isPlain);
      if (split === undefined) return;
      splitCount++;
      const expected = JSON.parse(text.slice(before.length)) as { readonly items: unknown[] };
      assert.deepEqual([...split.values], expected.items);
      assert.deepEqual(split.list, { ...expected, items: [] });
    }),
    { numRuns: 500 },
  );
  assert.ok(splitCount > 100);
  for (const text of ['{"items":[{}],"items":[{},{}]}', '{"items":[{},1]}']) {
    assert.equal(splitJsonList(text, 0, scanJsonDocument(text, 0)), undefined, text);
  }
  for (const text of ['{"items":[{}', '{"items":[{}{}]}', '{"items":[{},]}', '{"items":[{}],}']) {
    assert.throws(() => splitJsonList(text, 0, scanJsonDocument(text, 0)), SyntaxError, text);
  }
});
