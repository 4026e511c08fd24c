import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeExternals, encodeExternals } from '../../../src/cluster/externals.ts';

test('addresses of both families and host names come back; equal addresses count', () => {
  const texts = ['2001:db8::1', 'lb.example.com', '192.0.2.9', '192.0.2.1', '192.0.2.9', 'a.b', 'lb.example.com'];
  const { addresses, hostnames } = decodeExternals(encodeExternals(texts));
  assert.deepEqual(hostnames, ['lb.example.com', 'a.b']);
  assert.deepEqual(addresses.slice(0, 3), [0xc000_0201, 0xc000_0209, 0xc000_0209]);
  assert.equal(addresses.length, 4);
  assert.equal(encodeExternals(['192.0.2.9', '192.0.2.1']), encodeExternals(['192.0.2.1', '192.0.2.9']));
});

test('addresses without host names, host names without addresses, nothing', () => {
  assert.deepEqual(decodeExternals(encodeExternals(['10.0.0.0'])), { addresses: [0x0a00_0000], hostnames: [] });
  // Octets of addresses look like separators and sizes.
  assert.deepEqual(decodeExternals(encodeExternals(['0.4.0.16', '4.0.0.0'])).addresses, [0x0004_0010, 0x0400_0000]);
  assert.deepEqual(decodeExternals(encodeExternals(['x.y'])), { addresses: [], hostnames: ['x.y'] });
  assert.equal(encodeExternals([]), '');
  assert.deepEqual(decodeExternals(''), { addresses: [], hostnames: [] });
});
