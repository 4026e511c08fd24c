import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, readAtOnce, testOptions, warningsOf } from '../../plugins/corefile-fixture.ts';

function keysOf(key: string): string[] {
  return read(`${key} {\n whoami\n}`).blocks[0]!.keys.map(({ scheme, zone, port }) => `${scheme} ${zone} ${port}`);
}

const KEYS: readonly (readonly [key: string, ...keys: string[]])[] = [
  ['.', 'dns . 53'],
  ['.:5353', 'dns . 5353'],
  ['Example.ORG', 'dns example.org. 53'],
  ['example.org.:54', 'dns example.org. 54'],
  ['dns://example.org', 'dns example.org. 53'],
  ['https://example.org', 'https example.org. 443'],
  ['https://example.org:8443', 'https example.org. 8443'],
  ['10.0.0.0/24', 'dns 0.0.10.in-addr.arpa. 53'],
  ['10.0.0.77/24:54', 'dns 0.0.10.in-addr.arpa. 54'],
  ['10.1.0.0/15', 'dns 0.10.in-addr.arpa. 53', 'dns 1.10.in-addr.arpa. 53'],
  ['0.0.0.0/0', 'dns in-addr.arpa. 53'],
  ['192.0.2.1/32', 'dns 1.2.0.192.in-addr.arpa. 53'],
  ['2001:db8::/32', 'dns 8.b.d.0.1.0.0.2.ip6.arpa. 53'],
  ['2001:db8::/31:54', 'dns 8.b.d.0.1.0.0.2.ip6.arpa. 54', 'dns 9.b.d.0.1.0.0.2.ip6.arpa. 54'],
  ['0/25.2.0.192.in-addr.arpa', 'dns 0/25.2.0.192.in-addr.arpa. 53'],
  ['a,b', 'dns a,b. 53'],
  ['ȶ.test', 'dns \\200\\182.test. 53'],
];

for (const [key, ...expected] of KEYS) {
  test(`key ${key}`, () => {
    assert.deepEqual(keysOf(key), expected);
  });
}

test('a network that ends between octets is all of the longer ones', () => {
  assert.equal(keysOf('10.0.0.0/17').length, 128);
  assert.equal(keysOf('10.0.0.0/17').at(-1), 'dns 127.0.10.in-addr.arpa. 53');
});

test('several keys with commas and their own ports', () => {
  assert.deepEqual(keysOf('a.com, b.com:5300 10.0.0.0/16'), [
    'dns a.com. 53',
    'dns b.com. 5300',
    'dns 0.10.in-addr.arpa. 53',
  ]);
});

test('the port of keys without one can be set', () => {
  const { blocks } = readAtOnce('a https://b {\n}', 'Corefile', { ...testOptions(), dnsPort: 1053 });
  assert.deepEqual(
    blocks[0]!.keys.map((key) => key.port),
    [1053, 443],
  );
});

const BAD_KEYS: readonly (readonly [key: string, code: string, says: RegExp])[] = [
  ['foo:', 'CONFIG_ARGUMENT', /expecting data after last colon/],
  [':53', 'CONFIG_ARGUMENT', /not a valid domain name/],
  ['a..b', 'CONFIG_ARGUMENT', /not a valid domain name/],
  [`${'a'.repeat(64)}.test`, 'CONFIG_ARGUMENT', /not a valid domain name/],
  ['a.'.repeat(140), 'CONFIG_ARGUMENT', /too long/],
  ['a:65536', 'CONFIG_ARGUMENT', /out of range/],
  ['::/0', 'CONFIG_ARGUMENT', /CIDR/],
  ['0:1::/32', 'CONFIG_ARGUMENT', /CIDR/],
  ['quic://a', 'CONFIG_UNSUPPORTED', /quic/],
  ['grpc://a', 'CONFIG_UNSUPPORTED', /grpc/],
  ['https3://a', 'CONFIG_UNSUPPORTED', /https3/],
];

for (const [key, code, says] of BAD_KEYS) {
  test(`key ${key.slice(0, 40)} is refused`, () => {
    assert.throws(
      () => read(`good {\n whoami\n}\n ${key} {\n whoami\n}`),
      (error: Error & { readonly code?: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, says);
        assert.ok(error.message.startsWith('Corefile:4:2: '), error.message);
        return true;
      },
    );
  });
}

test('an IPv6 address without a length is taken as a zone, with a warning', () => {
  assert.match(warningsOf('2001:db8::a {\n whoami\n}').join(), /^1:1 .*a network is written ADDRESS\/LENGTH/);
});

const CONFLICTS: readonly (readonly [name: string, text: string, place: string, says: RegExp])[] = [
  [
    'a zone twice in one block',
    'a a {\n}',
    '1:3',
    /cannot serve dns:\/\/a\.:53 - it is already defined at Corefile:1:1/,
  ],
  ['a zone twice in two blocks', 'a {\n}\nA. {\n}', '3:1', /already defined at Corefile:1:1/],
  ['a network twice', '10.0.0.0/23 10.0.1.0/24 {\n}', '1:13', /1\.0\.10\.in-addr\.arpa/],
  ['everywhere and on an address', 'a {\n}\na {\n bind 127.0.0.1\n}', '3:1', /zone overlap.*which has no bind/],
  ['on an address and everywhere', 'a {\n bind 127.0.0.1\n}\na {\n}', '4:1', /zone overlap.*which has a bind/],
  ['an address twice', 'a {\n bind 127.0.0.1 127.0.0.1\n}', '1:1', /on 127\.0\.0\.1 - it is already defined/],
  ['tls:// without tls', 'tls://a {\n}', '1:1', /needs plugin tls/],
  ['two schemes on one port', 'a {\n}\nhttps://b:53 {\n}', '3:1', /both listen on TCP :53: Corefile:1:1/],
  [
    'tls in one block only',
    'https://a {\n tls cert.pem key.pem\n}\nhttps://b {\n}',
    '4:1',
    /conflicting TLS.*https:\/\/:443 between zones a\./,
  ],
  [
    'different tls',
    'tls://a {\n tls cert.pem key.pem\n}\ntls://b {\n tls cert.pem key.pem ca.pem\n}',
    '4:1',
    /conflicting TLS configuration for shared listener tls:\/\/:853/,
  ],
  [
    'different max_streams',
    'https://a {\n https {\n max_streams 1\n}\n}\nhttps://b {\n https {\n max_streams 2\n}\n}',
    '6:1',
    /conflicting max_streams.*1 .* and 2/,
  ],
];

for (const [name, text, place, says] of CONFLICTS) {
  test(`conflict: ${name}`, () => {
    assert.throws(
      () => read(text),
      (error: Error & { readonly code?: string }) => {
        assert.equal(error.code, 'CONFIG_CONFLICT');
        assert.match(error.message, says);
        assert.ok(error.message.startsWith(`Corefile:${place}: `), error.message);
        return true;
      },
    );
  });
}

const FINE: readonly (readonly [name: string, text: string])[] = [
  ['one zone on two ports', 'a:53 {\n}\na:54 {\n}'],
  ['one zone on two addresses', 'a {\n bind 127.0.0.1\n}\na {\n bind 127.0.0.2\n}'],
  ['one zone with two schemes', 'a {\n}\nhttps://a {\n}'],
  ['different zones, one with bind', 'a {\n}\nb {\n bind 127.0.0.1\n}'],
  ['views of a zone, then the zone', 'a {\n view v {\n expr true\n}\n}\na {\n view w {\n expr true\n}\n}\na {\n}'],
  ['the zone, then a view of it', 'a {\n}\na {\n view v {\n expr true\n}\n}'],
  ['the same tls twice', 'tls://a {\n tls cert.pem key.pem\n}\ntls://b {\n tls cert.pem key.pem\n}'],
  ['https:// without tls, behind a proxy', 'https://a {\n}\nhttps://b {\n}'],
  [
    'the same max_streams',
    'https://a {\n https {\n max_streams 1\n}\n}\nhttps://b {\n https {\n max_streams 1\n}\n}\nhttps://c {\n}',
  ],
];

for (const [name, text] of FINE) {
  test(`no conflict: ${name}`, () => {
    assert.ok(read(text).listeners.length > 0);
  });
}

test('more zones than a server can have are refused before they cost memory', () => {
  const networks = Array.from({ length: 2000 }, (_, index) => `${index >> 8}.${index & 255}.0.0/17`).join(' ');
  assert.throws(() => read(`${networks} {\n}`), { code: 'CONFIG_ARGUMENT', message: /more than 200000 zones/ });
  assert.throws(() => read(`a {\n acl ${networks}\n}`), { code: 'CONFIG_ARGUMENT', message: /more than 200000 zones/ });
  const keys = Array.from({ length: 2000 }, (_, index) => `k${index}`).join(' ');
  const addresses = Array.from({ length: 600 }, (_, index) => `10.0.${index >> 8}.${index & 255}`).join(' ');
  assert.throws(() => read(`${keys} {\n bind ${addresses}\n}`), {
    code: 'CONFIG_CONFLICT',
    message: /zones times addresses/,
  });
});

test('listeners are grouped by scheme, address and port, zones in the order of the text', () => {
  const text = `a b:54 {
  bind lo 192.0.2.9
}
c {
  bind 127.0.0.1
}
tls://a {
  tls cert.pem key.pem
}`;
  assert.deepEqual(
    read(text).listeners.map(({ scheme, address, port, zones }) => [
      `${scheme} ${address} ${port}`,
      ...zones.map(({ zone, blockIndex }) => `${zone}${blockIndex}`),
    ]),
    [
      ['dns 127.0.0.1 53', 'a.0', 'c.1'],
      ['dns ::1 53', 'a.0'],
      ['dns 192.0.2.9 53', 'a.0'],
      ['dns 127.0.0.1 54', 'b.0'],
      ['dns ::1 54', 'b.0'],
      ['dns 192.0.2.9 54', 'b.0'],
      ['tls  853', 'a.2'],
    ],
  );
});
