/** Headers of the PROXY protocol, sound and broken ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROXY_HEADER, ProxyHeader } from '../../../src/dns/proxy-header.ts';
import { proxyPolicyOf } from '../../../src/dns/proxy-policy.ts';
import { proxyV2 } from '../../wire/proxy-header.ts';

const FOUND = Object.entries(PROXY_HEADER).map(([name]) => name);
const V4 = [192, 0, 2, 1];
const filled = (count: number, value: number): number[] => Array.from({ length: count }, () => value);
const V6 = [0x20, 1, 0xd, 0xb8, ...filled(11, 0), 7];

/** What is found at offset 3 of some octets: `FOUND 12 192.0.2.1 port`. */
function read(octets: Uint8Array): string {
  const header = new ProxyHeader();
  const placed = Buffer.concat([Buffer.of(1, 2, 3), octets]);
  const found = header.read(placed, 3, placed.length);
  if (found !== PROXY_HEADER.FOUND) return FOUND[found]!;
  const address = [...header.address.subarray(0, header.addressSize)].join('.');
  return `${header.size} ${address} ${header.port}${header.isForDatagrams ? ' datagrams' : ''}`;
}

const text = (line: string): Buffer => Buffer.from(`${line}\r\n`);

for (const [what, octets, expected] of [
  ['TCP4', text('PROXY TCP4 192.0.2.1 198.51.100.1 40000 53'), '44 192.0.2.1 40000'],
  ['TCP6', text('PROXY TCP6 2001:db8::7 ::1 1 65535'), `36 ${V6.join('.')} 1`],
  ['UNKNOWN', text('PROXY UNKNOWN'), '15  0'],
  ['UNKNOWN with what it is not', text('PROXY UNKNOWN ffff:f ffff 1 2'), '31  0'],
  ['text behind a header', Buffer.concat([text('PROXY UNKNOWN'), Buffer.from('\r\nx')]), '15  0'],
  ['TCP4 without a port', text('PROXY TCP4 192.0.2.1 198.51.100.1 40000'), 'BAD'],
  ['TCP4 of IPv6', text('PROXY TCP4 ::1 ::1 1 1'), 'BAD'],
  ['TCP6 of IPv4', text('PROXY TCP6 192.0.2.1 192.0.2.1 1 1'), 'BAD'],
  ['a port that is none', text('PROXY TCP4 192.0.2.1 192.0.2.1 65536 1'), 'BAD'],
  ['a port with a zero in front', text('PROXY TCP4 192.0.2.1 192.0.2.1 01 1'), 'BAD'],
  ['an address that is none', text('PROXY TCP4 192.0.2.256 192.0.2.1 1 1'), 'BAD'],
  ['two spaces', text('PROXY TCP4  192.0.2.1 192.0.2.1 1 1'), 'BAD'],
  ['UDP4', text('PROXY UDP4 192.0.2.1 192.0.2.1 1 1'), 'BAD'],
  ['a line that ends with LF alone', Buffer.from('PROXY UNKNOWN\n'), 'BAD'],
  ['a line without an end', Buffer.alloc(107, 'PROXY UNKNOWN '), 'BAD'],
  ['most of a line', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 40000 5'), 'INCOMPLETE'],
  ['TCP over IPv4', proxyV2({ source: V4, port: 40_000 }), '28 192.0.2.1 40000'],
  ['UDP over IPv6', proxyV2({ source: V6, port: 7, protocol: 2 }), `52 ${V6.join('.')} 7 datagrams`],
  ['a mapped address', proxyV2({ source: [...filled(10, 0), 255, 255, ...V4], port: 7 }), '52 192.0.2.1 7'],
  ['with more behind the addresses', proxyV2({ source: V4, port: 1, more: [4, 0, 1, 0] }), '32 192.0.2.1 1'],
  ['LOCAL', proxyV2({ command: 0 }), '16  0 datagrams'],
  ['LOCAL with addresses', proxyV2({ command: 0, source: V4, port: 9 }), '28  0 datagrams'],
  ['of no family', proxyV2({ family: 0, protocol: 0 }), '16  0 datagrams'],
  ['UNIX', proxyV2({ family: 3, more: filled(216, 1) }), '232  0'],
  ['UNIX, too short', proxyV2({ family: 3, more: filled(215, 1) }), 'BAD'],
  ['IPv4, too short', proxyV2({ family: 1, more: filled(11, 1) }), 'BAD'],
  ['IPv6, too short', proxyV2({ family: 2, more: filled(35, 1) }), 'BAD'],
  ['version 1 in octets', proxyV2({ version: 1, source: V4 }), 'BAD'],
  ['version 3', proxyV2({ version: 3, source: V4 }), 'BAD'],
  ['another command', proxyV2({ command: 2, source: V4 }), 'BAD'],
  ['another family', proxyV2({ family: 4, source: V4 }), 'BAD'],
  ['another protocol', proxyV2({ protocol: 3, source: V4 }), 'BAD'],
  ['more than is taken', proxyV2({ source: V4, more: filled(5000, 0) }), 'BAD'],
  ['nothing', Buffer.alloc(0), 'INCOMPLETE'],
  ['a query', Buffer.from('abcd010000010000', 'hex'), 'NONE'],
  ['a query whose id begins like one', Buffer.from('0d0a0d0a0100', 'hex'), 'NONE'],
  ['another word', Buffer.from('PRI * HTTP/2.0'), 'NONE'],
] as const) {
  test(`${what}: ${expected}`, () => assert.equal(read(octets), expected));
}

test('any beginning of a header is incomplete, and no change of an octet makes it throw', () => {
  for (const whole of [
    proxyV2({ source: V6, port: 1, more: [4, 0, 1, 0] }),
    text('PROXY TCP6 2001:db8::7 ::1 1 65535'),
  ]) {
    for (let size = 0; size < whole.length; size++) assert.equal(read(whole.subarray(0, size)), 'INCOMPLETE');
    for (let at = 0; at < whole.length; at++) {
      for (const octet of [0, 1, 0x0a, 0x0d, 0x20, 0x7f, 0xff]) {
        const changed = Buffer.from(whole);
        changed[at] = octet;
        assert.equal(typeof read(changed), 'string');
      }
    }
  }
});

test('networks decide whose headers count', () => {
  const rules = {
    allow: [
      { words: [0x0a01_0200], prefixLength: 23 },
      { words: [0x2001_0db8, 0, 0, 0], prefixLength: 33 },
      { words: [0xc000_0201], prefixLength: 32 },
    ],
    otherwise: 'reject',
    udpSessionMs: 0,
    udpSessionsMax: 0,
  } as const;
  const policyOf = (...octets: readonly number[]): string => {
    const placed = Uint8Array.of(9, ...octets);
    return proxyPolicyOf(rules, placed, 1, octets.length);
  };
  const v6 = (third: number): number[] => [0x20, 1, 0xd, 0xb8, third, ...filled(11, 5)];
  assert.deepEqual(
    [policyOf(10, 1, 3, 255), policyOf(10, 1, 4, 0), policyOf(192, 0, 2, 1), policyOf(192, 0, 2, 3)],
    ['use', 'reject', 'use', 'reject'],
  );
  assert.deepEqual([policyOf(...v6(0x7f)), policyOf(...v6(0x80))], ['use', 'reject']);
  assert.equal(proxyPolicyOf({ ...rules, allow: [], otherwise: 'use' }, Uint8Array.of(1, 2, 3, 4), 0, 4), 'use');
});
