import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PARSED, Query } from '../../../src/answer/query.ts';

const HEADER = '1234 0100 0001 0000 0000 0000';
/** www.Example.com, A, IN */
const QUESTION = '03777777 074578616d706c65 03636f6d 00 0001 0001';

function parse(hex: string): { query: Query; parsed: number } {
  const octets = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const arena = new ArrayBuffer(1024);
  // Not at the start: offsets in the arena and in the message must not be mixed up.
  new Uint8Array(arena).set(octets, 8);
  const query = new Query(arena);
  return { query, parsed: query.parse(8, octets.length) };
}

function withRecords(answer: number, authority: number, additional: number, records: string): string {
  const counts = [answer, authority, additional].map((count) => count.toString(16).padStart(4, '0')).join('');
  return `1234 0100 0001 ${counts} ${QUESTION} ${records}`;
}

test('a question: name in lower case and padded, labels, type, class', () => {
  const { query, parsed } = parse(`${HEADER} ${QUESTION}`);
  assert.equal(parsed, PARSED.QUERY);
  assert.equal(query.nameSize, 17);
  assert.equal(Buffer.from(query.nameBytes.subarray(0, 20)).toString('latin1'), '\x03www\x07example\x03com\0\0\0\0');
  assert.deepEqual([...query.labelStarts.subarray(0, query.labelCount + 1)], [0, 4, 12, 16]);
  assert.equal(query.qtype, 1);
  assert.equal(query.qclass, 1);
  assert.equal(query.questionEnd, 8 + 12 + 21);
  assert.equal(query.hasEdns, false);
});

test('only the letters A to Z are lower-cased', () => {
  const octets = Array.from({ length: 63 }, (_, index) => index + 0x38);
  const others = Array.from({ length: 63 }, (_, index) => index + 0xbc);
  const hex = (list: readonly number[]) => Buffer.from(list).toString('hex');
  const { query } = parse(`${HEADER} 3f ${hex(octets)} 3f ${hex(others)} 00 0001 0001`);
  const lower = octets.map((octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet));
  assert.deepEqual([...query.nameBytes.subarray(1, 64)], lower);
  assert.deepEqual([...query.nameBytes.subarray(65, 128)], others);
});

test('a name of 255 octets is taken, one of 256 is not', () => {
  const label = `3f${'61'.repeat(63)}`;
  const last = (size: number) => size.toString(16).padStart(2, '0') + '62'.repeat(size);
  assert.equal(parse(`${HEADER} ${label.repeat(3)} ${last(61)} 00 0001 0001`).parsed, PARSED.QUERY);
  assert.equal(parse(`${HEADER} ${label.repeat(3)} ${last(62)} 00 0001 0001`).parsed, PARSED.FORMERR);
});

test('127 labels of one octet are the longest name in labels', () => {
  const { query, parsed } = parse(`${HEADER} ${'0161'.repeat(127)} 00 0001 0001`);
  assert.equal(parsed, PARSED.QUERY);
  assert.equal(query.labelCount, 127);
});

test('EDNS: size, version, DO, options', () => {
  const { query, parsed } = parse(
    withRecords(0, 0, 1, '00 0029 04d0 00 00 8000 0010 0003 0000 000a 0008 0102030405060708'),
  );
  assert.equal(parsed, PARSED.QUERY);
  assert.equal(query.hasEdns, true);
  assert.equal(query.udpSize, 1232);
  assert.equal(query.isDo, 1);
  assert.equal(query.isNsidAsked, true);
  assert.equal(query.cookieSize, 8);
  assert.deepEqual([...query.cookie.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a query before leaves nothing behind in the next', () => {
  const arena = new ArrayBuffer(1024);
  const query = new Query(arena);
  const bytes = new Uint8Array(arena);
  const put = (hex: string) => {
    const octets = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    bytes.set(octets);
    return query.parse(0, octets.length);
  };
  put(withRecords(0, 0, 1, '00 0029 04d0 00 00 8000 000c 000a 0008 0102030405060708'));
  assert.equal(put(`${HEADER} 0161 00 001c 0001`), PARSED.QUERY);
  assert.equal(query.hasEdns, false);
  assert.equal(query.isDo, 0);
  assert.equal(query.cookieSize, 0);
  assert.deepEqual([...query.nameBytes.subarray(0, 8)], [1, 0x61, 0, 0, 0, 0, 0, 0]);
});

const NOT_QUERIES: readonly (readonly [what: string, hex: string, parsed: number])[] = [
  ['shorter than a header', '1234 0100 0001 0000 0000 00', PARSED.SHORT],
  ['a response', `1234 8100 0001 0000 0000 0000 ${QUESTION}`, PARSED.RESPONSE],
  ['opcode STATUS', `1234 1000 0001 0000 0000 0000 ${QUESTION}`, PARSED.NOTIMP],
  ['opcode NOTIFY', `1234 2000 0001 0000 0000 0000 ${QUESTION}`, PARSED.NOTIFY],
  ['no question', '1234 0100 0000 0000 0000 0000', PARSED.FORMERR],
  [
    'no question but a cookie',
    '1234 0100 0000 0000 0000 0001 00 0029 04d0 00000000 000c 000a 0008 0102030405060708',
    PARSED.COOKIE_ONLY,
  ],
  ['two questions', `1234 0100 0002 0000 0000 0000 ${QUESTION} ${QUESTION}`, PARSED.FORMERR],
  ['two answers announced', withRecords(2, 0, 0, ''), PARSED.FORMERR],
  ['three additional records', withRecords(0, 0, 3, ''), PARSED.FORMERR],
  ['a label past the end', `${HEADER} 3f 616263`, PARSED.FORMERR],
  ['a pointer to itself', `${HEADER} c00c 0001 0001`, PARSED.FORMERR],
  ['a label type that does not exist', `${HEADER} 41 61 00 0001 0001`, PARSED.FORMERR],
  ['the class is missing', `${HEADER} 0161 00 0001`, PARSED.FORMERR],
  ['octets after the message', `${HEADER} ${QUESTION} 00`, PARSED.FORMERR],
  ['OPT announced but missing', withRecords(0, 0, 1, ''), PARSED.FORMERR],
  ['two OPT', withRecords(0, 0, 2, '00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000'), PARSED.FORMERR],
  ['OPT that is not owned by the root', withRecords(0, 0, 1, '0161 00 0029 04d0 00000000 0000'), PARSED.FORMERR],
  ['OPT in the answer section', withRecords(1, 0, 0, '00 0029 04d0 00000000 0000'), PARSED.FORMERR],
  ['OPT data cut off', withRecords(0, 0, 1, '00 0029 04d0 00000000 0008 0003'), PARSED.FORMERR],
  ['an option longer than OPT', withRecords(0, 0, 1, '00 0029 04d0 00000000 0004 0003 0001'), PARSED.FORMERR],
  [
    'a cookie of 7 octets',
    withRecords(0, 0, 1, `00 0029 04d0 00000000 000b 000a 0007 ${'01'.repeat(7)}`),
    PARSED.FORMERR,
  ],
  [
    'a cookie of 41 octets',
    withRecords(0, 0, 1, `00 0029 04d0 00000000 002d 000a 0029 ${'01'.repeat(41)}`),
    PARSED.FORMERR,
  ],
  [
    'a cookie of 40 octets',
    withRecords(0, 0, 1, `00 0029 04d0 00000000 002c 000a 0028 ${'01'.repeat(40)}`),
    PARSED.QUERY,
  ],
  [
    'another record beside OPT',
    withRecords(0, 0, 2, `00 0029 04d0 00000000 0000 c00c 00fa 00ff 00000000 0001 00`),
    PARSED.QUERY,
  ],
  ['version 1 with options of its own', withRecords(0, 0, 1, '00 0029 04d0 00010000 0003 ffffff'), PARSED.QUERY],
];

for (const [what, hex, expected] of NOT_QUERIES) {
  test(`parse: ${what}`, () => assert.equal(parse(hex).parsed, expected));
}
