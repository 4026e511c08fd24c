/** Entries word by word, as the tables of snapshot-layout.ts have them: written out by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { encodeEntry, encodeNameServers, WordWriter } from '../../../src/snapshot/entry-encoder.ts';
import type { EntryContent } from '../../../src/snapshot/entry-content.ts';
import { KEY_SPACE } from '../../../src/snapshot/snapshot-layout.ts';
import { keyOf } from './snapshot-model.ts';

function encoded(name: string, content: EntryContent): number[] {
  const writer = new WordWriter();
  writer.words.fill(0xffff_ffff);
  encodeEntry(writer, keyOf(name), KEY_SPACE.FORWARD, content);
  return [...writer.words.subarray(0, writer.count)];
}

test('an empty non-terminal', () => {
  assert.deepEqual(encoded('svc', { kind: 'ent' }), [0x0000_0004, 0x6376_7303, 0]);
});

test('addresses of both families, an odd number of ports', () => {
  assert.deepEqual(
    encoded('ab.svc', {
      kind: 'address',
      ports: [80, 443, 53],
      weight: 100,
      targetSkip: 3,
      flags: 1,
      addresses4: [0x0a00_0001],
      addresses6: [0xfd00_0000, 0, 0, 9],
    }),
    [
      0x0001_1007, // flags 1, kind 1, key of 7 octets
      0x0362_6102, // \2 a b \3
      0x0063_7673, // s v c and padding
      1,
      1,
      0x0364_0003, // skip 3, weight 100, 3 ports
      (443 << 16) | 80,
      53,
      0x0a00_0001,
      0xfd00_0000,
      0,
      0,
      9,
    ],
  );
});

test('endpoints with two port sets', () => {
  assert.deepEqual(
    encoded('h', {
      kind: 'endpoints',
      portSets: [[80, 443, 5], []],
      groups: [
        { name: keyOf('web'), portSet: 0, addresses4: [1], addresses6: [] },
        { name: keyOf('x'), portSet: 1, addresses4: [2, 3], addresses6: [4, 5, 6, 7] },
      ],
      weight: 33,
      targetSkip: 0,
      addresses4: [1, 2, 3],
      addresses6: [4, 5, 6, 7],
    }),
    [
      0x0000_2002,
      0x0000_6801,
      3,
      1,
      2, // groups
      3, // SRV records: 3 of web, none of x
      4, // additional
      0x0021_0002,
      ...[1, 2, 3, 4, 5, 6, 7],
      ...[3, (443 << 16) | 80, 5],
      0,
      ...[0x0000_0004, 0x0000_0001, 0x6265_7703, 1],
      ...[0x0000_0102, 0x0001_0002, 0x0000_7801, 2, 3, 4, 5, 6, 7],
    ],
  );
});

test('an alias and an RRset', () => {
  assert.deepEqual(
    encoded('e', { kind: 'alias', target: Uint8Array.from([1, 0x58, 0]) }),
    [0x0000_3002, 0x0000_6501, 3, 0, 0x0000_5801],
  );
  assert.deepEqual(
    encoded('e', { kind: 'alias', target: Uint8Array.from([1, 0x58, 0]), ports: [80, 443, 81], weight: 33 }),
    [0x0000_3002, 0x0000_6501, 3, 0x0021_0003, 0x0000_5801, 0x01bb_0050, 81],
  );
  const rrset = { type: 16, count: 2, records: Uint8Array.from([1, 2, 3, 4, 5]) };
  assert.deepEqual(encoded('', { kind: 'raw', rrsets: [rrset] }), [0x0000_5000, 1, 0x0002_0010, 5, 0x0403_0201, 5]);
});

test('name servers', () => {
  const writer = new WordWriter();
  encodeNameServers(writer, [{ name: keyOf('ns'), addresses4: [7], addresses6: [1, 2, 3, 4] }]);
  assert.deepEqual([...writer.words.subarray(0, writer.count)], [1, 3, 1, 1, 0x0073_6e02, 7, 1, 2, 3, 4]);
});

test('an endpoint label with more addresses than its counts can tell keeps the first of them', () => {
  const addresses4 = Array.from({ length: 70_000 }, (_, index) => index + 1);
  const words = encoded('h', {
    kind: 'endpoints',
    portSets: [[80]],
    groups: [{ name: keyOf('x'), portSet: 0, addresses4, addresses6: [] }],
    weight: 1,
    targetSkip: 0,
    addresses4,
    addresses6: [],
  });
  assert.equal(words[2], 70_000);
  assert.equal(words[6], 65_535, 'additionalCount');
  assert.equal(words.at(-1), 65_535);
});

test('what does not fit into its bits is a bug that is caught, not another entry', () => {
  const address = { kind: 'address', ports: [], weight: 1, targetSkip: 0, addresses4: [], addresses6: [] } as const;
  assert.throws(() => encoded('a', { ...address, weight: 256 }), { code: 'INTERNAL_ASSERTION' });
  assert.throws(() => encoded('a', { ...address, targetSkip: 256 }), { code: 'INTERNAL_ASSERTION' });
  assert.throws(() => encoded('a', { ...address, flags: 0x1_0000 }), { code: 'INTERNAL_ASSERTION' });
});
