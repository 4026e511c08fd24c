/** Whose a datagram is that comes by way of a proxy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyRules } from '../../../src/dns/proxy-policy.ts';
import { ProxiedDatagrams } from '../../../src/shard/proxied-datagrams.ts';
import { proxyV2 } from '../../wire/proxy-header.ts';

const QUERY = Buffer.from('abcd01000001000000000000', 'hex');
const CLIENT = [192, 0, 2, 1];
const HEADER = proxyV2({ source: CLIENT, port: 40_000, protocol: 2 });
const RULES: ProxyRules = { allow: [], otherwise: 'use', udpSessionMs: 0, udpSessionsMax: 2 };

interface Sent {
  readonly octets: Uint8Array;
  readonly from?: number;
  readonly nowMs?: number;
}

/** What is found: octets passed over and the client, or that there is no answer. */
function ask(proxied: ProxiedDatagrams, { octets, from = 1, nowMs = 0 }: Sent): string {
  const placed = Buffer.concat([Buffer.of(10, 0, 0, from), octets]);
  const size = proxied.read(placed, 4, octets.length, 0, 4, 5300, nowMs);
  if (size < 0) return 'dropped';
  const client = [...proxied.address.subarray(0, proxied.addressSize)].join('.');
  return `${size} ${client === '' ? 'sender' : `${client} ${proxied.port}`}`;
}

for (const [otherwise, octets, expected] of [
  ['use', Buffer.concat([HEADER, QUERY]), '28 192.0.2.1 40000'],
  ['use', QUERY, '0 sender'],
  ['use', Buffer.concat([proxyV2({ command: 0 }), QUERY]), '16 sender'],
  ['use', HEADER, '28 192.0.2.1 40000'],
  ['use', HEADER.subarray(0, 20), 'dropped'],
  ['use', Buffer.concat([proxyV2({ source: CLIENT, port: 1, protocol: 1 }), QUERY]), 'dropped'],
  ['use', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.1 1 1\r\n'), 'dropped'],
  ['ignore', Buffer.concat([HEADER, QUERY]), '28 sender'],
  ['ignore', QUERY, '0 sender'],
  ['reject', Buffer.concat([HEADER, QUERY]), 'dropped'],
  ['reject', QUERY, '0 sender'],
  ['skip', Buffer.concat([HEADER, QUERY]), '0 sender'],
] as const) {
  test(`${otherwise}, ${octets.length} octets: ${expected}`, () => {
    assert.equal(ask(new ProxiedDatagrams({ ...RULES, otherwise }), { octets }), expected);
  });
}

test('only headers of allowed networks count', () => {
  const proxied = new ProxiedDatagrams({
    ...RULES,
    allow: [{ words: [0x0a00_0001], prefixLength: 32 }],
    otherwise: 'ignore',
  });
  const octets = Buffer.concat([HEADER, QUERY]);
  assert.equal(ask(proxied, { octets, from: 1 }), '28 192.0.2.1 40000');
  assert.equal(ask(proxied, { octets, from: 2 }), '28 sender');
});

test('sessions: a sender keeps the client of its last header, as long as it is heard of', () => {
  const proxied = new ProxiedDatagrams({ ...RULES, udpSessionMs: 1000 });
  assert.equal(ask(proxied, { octets: HEADER }), 'dropped');
  assert.equal(ask(proxied, { octets: QUERY, nowMs: 900 }), '0 192.0.2.1 40000');
  assert.equal(ask(proxied, { octets: QUERY, nowMs: 1800 }), '0 192.0.2.1 40000');
  assert.equal(ask(proxied, { octets: QUERY, nowMs: 1800, from: 2 }), '0 sender');
  assert.equal(ask(proxied, { octets: QUERY, nowMs: 2801 }), '0 sender');
});

test('sessions: who was heard of longest ago makes room', () => {
  const proxied = new ProxiedDatagrams({ ...RULES, udpSessionMs: 1000 });
  for (const from of [1, 2]) ask(proxied, { octets: Buffer.concat([HEADER, QUERY]), from });
  ask(proxied, { octets: QUERY, from: 1 });
  ask(proxied, { octets: HEADER, from: 3 });
  assert.deepEqual(
    [1, 2, 3].map((from) => ask(proxied, { octets: QUERY, from })),
    ['0 192.0.2.1 40000', '0 sender', '0 192.0.2.1 40000'],
  );
});

test('what headers say beside addresses is kept where that is wanted, for the datagrams of a session too', () => {
  const octets = Buffer.concat([proxyV2({ source: CLIENT, protocol: 2, more: [4, 0, 1, 9, 0xea, 0, 2, 1, 2] }), QUERY]);
  const kept = new ProxiedDatagrams({ ...RULES, udpSessionMs: 1000, keepsVectors: true });
  ask(kept, { octets });
  assert.equal(kept.vector, '040000ea00020102');
  ask(kept, { octets: QUERY });
  assert.equal(kept.vector, '040000ea00020102');
  ask(kept, { octets: QUERY, from: 2 });
  assert.equal(kept.vector, undefined);
  for (const more of [[], [0xea, 0], [0xea, 0, 2, 1]]) {
    ask(kept, { octets: Buffer.concat([proxyV2({ source: CLIENT, protocol: 2, more }), QUERY]), from: 3 });
    assert.equal(kept.vector, undefined);
  }
  ask(kept, { octets: Buffer.concat([proxyV2({ command: 0, more: [0xea, 0, 1, 1] }), QUERY]), from: 4 });
  assert.equal(kept.vector, undefined);
  for (const rules of [RULES, { ...RULES, keepsVectors: true, otherwise: 'ignore' } as const]) {
    const other = new ProxiedDatagrams(rules);
    ask(other, { octets });
    assert.equal(other.vector, undefined);
  }
});
