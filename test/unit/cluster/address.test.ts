import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressOf,
  compareAddresses,
  dashedLabel,
  dashedText,
  decodeAddresses,
  encodeAddresses,
  formatAddress,
  wordsOf,
} from '../../../src/cluster/address.ts';

const TEXTS = ['0.0.0.1', '10.0.0.1', '255.255.255.255', '::', '::1', '1234:abcd::', 'fd00::9', 'ffff::ffff'];

test('addresses come back as they went in, sorted by family and value', () => {
  const addresses = TEXTS.map((text) => addressOf(text)!);
  assert.deepEqual(addresses.map(formatAddress), TEXTS);
  assert.deepEqual(addresses.toReversed().sort(compareAddresses), addresses);
  assert.deepEqual(decodeAddresses(encodeAddresses([...addresses, ...addresses].reverse())), addresses);
  assert.deepEqual(wordsOf(addressOf('fd00:1::ffff:fffe') as string), [0xfd00_0001, 0, 0, 0xffff_fffe]);
});

test('one address has one form, however it is written', () => {
  assert.equal(addressOf('FD00:0:0::1'), addressOf('fd00::1'));
  assert.equal(addressOf('::ffff:10.0.0.1'), addressOf('10.0.0.1'));
  assert.equal(addressOf('10.0.0'), undefined);
});

test('dashed labels', () => {
  const labels = ['0-0-0-1', '10-0-0-1', '255-255-255-255', '--0', '--1', '1234-abcd--0', 'fd00--9', 'ffff--ffff'];
  assert.deepEqual(
    TEXTS.map((text) => dashedLabel(addressOf(text)!)),
    labels,
  );
  assert.deepEqual(TEXTS.map(dashedText), labels);
  assert.equal(dashedText('FD00:0::1'), 'fd00-0--1');
});
