import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { addressOctets, isWildcardAddress, writeSockaddr } from '../../../src/native/sockaddr.ts';
import { parseAddress, PEER_ADDRESS_END } from '../../../src/shard/peer-address.ts';

function hex(octets: Uint8Array | undefined): string | undefined {
  return octets && Buffer.from(octets).toString('hex');
}

/** What an event-loop socket's text becomes, or undefined if its octets are not where they should be. */
function peerHex(text: string): string {
  const memory = new Uint8Array(32).fill(0xaa);
  const size = parseAddress(memory, 8, text, text.includes(':'));
  return hex(memory.subarray(8 + PEER_ADDRESS_END - size, 8 + PEER_ADDRESS_END)) ?? '';
}

const ADDRESSES: readonly (readonly [text: string, octets: string])[] = [
  ['192.0.2.1', 'c0000201'],
  ['0.0.0.0', '00000000'],
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['1::', '00010000000000000000000000000000'],
  ['2001:db8::7:0:1', '20010db8000000000000000700000001'],
  ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
  ['fe80::1%3', 'fe800000000000000000000000000001'],
];

for (const [text, octets] of ADDRESSES) {
  test(`octets of ${text}`, () => {
    assert.equal(hex(addressOctets(text)), octets);
    assert.equal(peerHex(text), octets);
  });
}

test('a mapped IPv4 client is an IPv4 client; a mapped listener address stays IPv6', () => {
  assert.equal(peerHex('::ffff:192.0.2.1'), 'c0000201');
  assert.equal(hex(addressOctets('::ffff:192.0.2.1')), '00000000000000000000ffffc0000201');
  assert.equal(peerHex('::192.0.2.1'), '000000000000000000000000c0000201');
});

test('any IPv6 address, however it is shortened', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      fc.pre(isIPv6(text) && !text.includes('.'));
      // The URL parser is the judge: it prints all forms of an address alike.
      const octets = hex(addressOctets(text)) ?? '';
      const words = octets.match(/.{4}/g) ?? [];
      assert.equal(new URL(`http://[${words.join(':')}]`).hostname, new URL(`http://[${text}]`).hostname);
      assert.equal(peerHex(text), octets);
    }),
  );
});

test('what is no address', () => {
  for (const text of ['', 'localhost', '192.0.2', '192.0.2.256', '::1::', '1:2:3:4:5:6:7:8:9']) {
    assert.equal(addressOctets(text), undefined, text);
    assert.equal(writeSockaddr(new Uint8Array(32), 0, text, 53), 0);
  }
});

test('wildcards', () => {
  for (const text of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::0.0.0.0']) assert.ok(isWildcardAddress(text), text);
  for (const text of ['127.0.0.1', '::1', '10.0.0.0', 'localhost']) assert.ok(!isWildcardAddress(text), text);
});

test('sockaddr of both families', () => {
  const memory = new Uint8Array(40).fill(0xaa);
  assert.equal(writeSockaddr(memory, 4, '192.0.2.1', 1053), 16);
  assert.equal(hex(memory.subarray(4, 20)), `0200041dc0000201${'00'.repeat(8)}`);
  assert.equal(writeSockaddr(memory, 4, 'fe80::1%3', 1053), 28);
  assert.equal(hex(memory.subarray(4, 32)), `0a00041d00000000fe800000000000000000000000000001${'03000000'}`);
});
