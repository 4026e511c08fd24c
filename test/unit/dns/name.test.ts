import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareOctets,
  formatName,
  isAbsoluteName,
  isRelativeName,
  joinNames,
  labelCount,
  labelsOf,
  lowerCaseName,
  nameOfLabel,
  parseLabel,
  parseName,
  parseRelativeName,
  reverseKey4,
  reverseKey6,
} from '../../../src/dns/name.ts';

function octets(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

test('presentation form becomes wire form, with and without final dot', () => {
  const wire = octets('\x03www\x07example\x00');
  assert.deepEqual(parseName('www.example'), wire);
  assert.deepEqual(parseName('www.example.'), wire);
  assert.deepEqual(parseRelativeName('www.example'), wire.slice(0, -1));
  assert.deepEqual(parseName('.'), octets('\0'));
  assert.deepEqual(parseName(''), octets('\0'));
});

test('escapes are octets, also where the last dot is escaped', () => {
  assert.deepEqual(parseName('a\\.b.c'), octets('\x03a.b\x01c\0'));
  assert.deepEqual(parseName('\\032\\255'), octets('\x02\x20\xff\0'));
  assert.deepEqual(parseName('a\\.'), octets('\x02a.\0'));
  assert.deepEqual(parseName('a\\\\.'), octets('\x02a\\\0'));
});

test('every octet survives the way to text and back', () => {
  for (let octet = 0; octet < 256; octet++) {
    const wire = new Uint8Array([2, octet, 0x41, 1, octet, 0]);
    assert.deepEqual(parseName(formatName(wire)), wire, `octet ${octet}`);
  }
  assert.equal(formatName(octets('\x03a.b\x02\xc3\xa4\0')), 'a\\.b.\\195\\164.');
  assert.equal(formatName(octets('\x04 \x7f\x80~')), '\\032\\127\\128~');
  assert.equal(formatName(octets('\x01a')), 'a');
  assert.equal(formatName(octets('\0')), '.');
});

test('bad names are refused', () => {
  for (const text of ['a..b', '.a', 'a\\', 'a\\25', 'a\\256', 'a\\2x5', '..', 'x'.repeat(64)]) {
    assert.equal(parseName(text), null, text);
  }
  assert.equal(parseRelativeName('a.'), null);
});

test('the limits are 63 octets a label and 255 a name', () => {
  const label = 'x'.repeat(63);
  const longest = `${label}.${label}.${label}.${'x'.repeat(61)}`;
  assert.equal(parseName(longest)?.length, 255);
  assert.equal(parseName(`${longest}x`), null);
  assert.equal(parseRelativeName(longest)?.length, 254);
  assert.equal(parseRelativeName(`${longest}x`), null);
  assert.equal(parseLabel(label)?.length, 63);
  assert.equal(parseLabel(`${label}x`), null);
  assert.equal(parseLabel(''), null);
});

test('wire names are checked whole', () => {
  assert.ok(isAbsoluteName(octets('\x01a\0')));
  assert.ok(isAbsoluteName(octets('\0')));
  assert.ok(!isAbsoluteName(octets('\x01a')));
  assert.ok(!isAbsoluteName(octets('\x01a\0\0')));
  assert.ok(!isAbsoluteName(octets('\x05a\0')));
  assert.ok(isRelativeName(octets('\x01a\x01b')));
  assert.ok(isRelativeName(new Uint8Array(0)));
  assert.ok(!isRelativeName(octets('\x01a\0')));
  assert.ok(!isRelativeName(octets('\x02a')));
  assert.ok(!isRelativeName(octets('\xc0\x0c')));
});

test('labels, joining and letter case', () => {
  const name = joinNames(nameOfLabel(octets('A-Z')), octets('\x03sVc\0'));
  assert.equal(labelCount(name), 2);
  assert.deepEqual([...labelsOf(name)], [octets('A-Z'), octets('sVc')]);
  assert.deepEqual(lowerCaseName(name), octets('\x03a-z\x03svc\0'));
  assert.deepEqual(lowerCaseName(octets('@[`{\xc4Z')), octets('@[`{\xc4z'));
  assert.ok(compareOctets(octets('a'), octets('ab')) < 0);
  assert.ok(compareOctets(octets('b'), octets('ab')) > 0);
  assert.equal(compareOctets(octets('ab'), octets('ab')), 0);
});

test('reverse keys', () => {
  assert.equal(formatName(reverseKey4(0x0a60_0001)), '1.0.96.10');
  assert.equal(formatName(reverseKey4(0xffc8_630a)), '10.99.200.255');
  const key = reverseKey6([0xfd00_0000, 0, 0, 0x0000_0abc]);
  assert.equal(formatName(key), `c.b.a.${'0.'.repeat(27)}d.f`);
  assert.ok(isRelativeName(key));
});
