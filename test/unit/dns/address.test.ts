import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { test } from 'node:test';
import { formatIPv4, formatIPv6, parseAddress, parseIPv4, parseIPv6 } from '../../../src/dns/address.ts';

test('IPv4 text is read strictly', () => {
  assert.equal(parseIPv4('10.0.0.1'), 0x0a00_0001);
  assert.equal(parseIPv4('255.255.255.255'), 0xffff_ffff);
  assert.equal(parseIPv4('0.0.0.0'), 0);
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '256.1.1.1',
    '010.1.1.1',
    '1.2.3.4 ',
    '00.1.1.1',
    '1.2.3.0x4',
    '-1.2.3.4',
    '1.2.3.1000',
  ]) {
    assert.equal(parseIPv4(text), null, text);
  }
});

test('IPv6 text is read strictly', () => {
  const good: [string, number[]][] = [
    ['::', [0, 0, 0, 0]],
    ['::1', [0, 0, 0, 1]],
    ['1::', [0x1_0000, 0, 0, 0]],
    ['FD00::9', [0xfd00_0000, 0, 0, 9]],
    ['1:2:3:4:5:6:7:8', [0x1_0002, 0x3_0004, 0x5_0006, 0x7_0008]],
    ['1:2:3:4:5:6:7::', [0x1_0002, 0x3_0004, 0x5_0006, 0x7_0000]],
    ['::2:3:4:5:6:7:8', [2, 0x3_0004, 0x5_0006, 0x7_0008]],
    ['::ffff:10.0.0.1', [0, 0, 0xffff, 0x0a00_0001]],
    ['1:2:3:4:5:6:1.2.3.4', [0x1_0002, 0x3_0004, 0x5_0006, 0x0102_0304]],
    ['0db8:0001::ffff', [0x0db8_0001, 0, 0, 0xffff]],
  ];
  for (const [text, words] of good) assert.deepEqual([...(parseIPv6(text) ?? [])], words, text);
  const bad = [
    '',
    ':',
    ':::',
    '1',
    '1:',
    ':1',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    '::1:',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7:1.2.3.4',
    '1:2:3:4:5:1.2.3.4',
    '::1.2.3',
    '::01.2.3.4',
    '[::1]',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:8:',
    '1:2:3:4:5:6:7:8::',
  ];
  for (const text of bad) assert.equal(parseIPv6(text), null, text);
});

test('any text is an address exactly if node:net says so', () => {
  const alphabet = ['1', '0', 'f', '25', ':', '::', '.', 'ab', '1.2.3.4'];
  let seed = 7;
  const next = (bound: number): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % bound;
  for (let round = 0; round < 50_000; round++) {
    let text = '';
    for (let left = 1 + next(16); left > 0; left--) text += alphabet[(next(1 << 16) >>> 5) % alphabet.length];
    assert.equal(parseIPv4(text) !== null, isIPv4(text), text);
    assert.equal(parseIPv6(text) !== null, isIPv6(text), text);
  }
});

test('either family, an IPv4-mapped address being IPv4', () => {
  const words = new Uint32Array(5);
  assert.equal(parseAddress('10.0.0.1', words, 1), 4);
  assert.equal(words[1], 0x0a00_0001);
  assert.equal(parseAddress('fd00::1', words, 1), 6);
  assert.deepEqual([...words.subarray(1)], [0xfd00_0000, 0, 0, 1]);
  assert.equal(parseAddress('::ffff:10.0.0.2', words), 4);
  assert.equal(words[0], 0x0a00_0002);
  assert.equal(parseAddress('None', words), 0);
});

test('canonical text', () => {
  assert.equal(formatIPv4(0xff00_0001), '255.0.0.1');
  const texts = [
    '::',
    '::1',
    '1::',
    'fd00::9',
    '1:2:3:4:5:6:7:8',
    '1:0:3:4:5:6:7:8',
    '1:0:0:4::8',
    '::2:3:4:5:6:7:8'.replace('::', '0:'),
    '2001:db8::1:0:0:1',
    '1:2:3:4:5:6::',
  ];
  for (const text of texts) assert.equal(formatIPv6(parseIPv6(text)!), text);
});
