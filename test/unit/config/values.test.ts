/** The values that plugins read: durations, networks, names, addresses, patterns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchFiles, type ConfigFiles } from '../../../src/config/corefile/config-files.ts';
import { parseDuration } from '../../../src/config/duration.ts';
import { formatNetwork, parseNetwork, parseNetworkOrAddress, reverseZonesOf } from '../../../src/config/network.ts';
import { parseInteger } from '../../../src/config/number.ts';
import { checkRegex } from '../../../src/config/regex.ts';
import { parseResolvConf } from '../../../src/config/resolv-conf.ts';
import { isHostName, parseAddressAndPort, splitHostPort } from '../../../src/config/upstream-address.ts';
import { canonicalName, isReverseZone, parseZones } from '../../../src/config/zone-name.ts';
import { parseType } from '../../../src/dns/records/record-words.ts';
import { parseName } from '../../../src/dns/name.ts';

test('durations as Go reads them, in milliseconds', () => {
  const cases: readonly (readonly [text: string, ms: number | undefined])[] = [
    ['5s', 5000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['5.s', 5000],
    ['-2s', -2000],
    ['+2s', 2000],
    ['0', 0],
    ['-0', 0],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['300', undefined],
    ['', undefined],
    ['s', undefined],
    ['.s', undefined],
    ['1 s', undefined],
    ['1d', undefined],
    ['1S', undefined],
    ['1e3s', undefined],
    ['9999999999h', undefined],
  ];
  for (const [text, ms] of cases)
    assert.equal(Math.abs(parseDuration(text) ?? Number.NaN), Math.abs(ms ?? Number.NaN), text);
  assert.equal(parseDuration('-2s'), -2000);
});

test('a long text that is no duration is refused in no time', () => {
  assert.equal(parseDuration(`${'1s'.repeat(200_000)}x`), undefined);
});

test('whole numbers in decimal', () => {
  for (const text of ['1', '+1', '01']) assert.equal(parseInteger(text), 1, text);
  for (const text of ['', '1.0', '0x1', '1e3', ' 1', '99999999999999999'])
    assert.equal(parseInteger(text), undefined, text);
});

test('networks drop their host bits; a mapped one is IPv4', () => {
  const show = (text: string): string | undefined => {
    const network = parseNetwork(text);
    return network && formatNetwork(network);
  };
  assert.equal(show('10.1.2.3/8'), '10.0.0.0/8');
  assert.equal(show('10.1.2.3/32'), '10.1.2.3/32');
  assert.equal(show('1.2.3.4/0'), '0.0.0.0/0');
  assert.equal(show('2001:db8:ffff::1/33'), '2001:db8:8000::/33');
  assert.equal(show('::ffff:10.1.2.3/104'), '10.0.0.0/8');
  for (const text of [
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/08',
    '10.0.0.0',
    'a/8',
    '::1/x',
    '/8',
    '1.2.3.4/',
  ]) {
    assert.equal(show(text), undefined, text);
  }
  assert.equal(formatNetwork(parseNetworkOrAddress('::1')!), '::1/128');
  assert.equal(formatNetwork(parseNetworkOrAddress('192.0.2.1')!), '192.0.2.1/32');
});

test('the reverse zones of a network hold its addresses and nobody else does', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 }), fc.nat(0xffffffff), (base, length, other) => {
      const text = (word: number): string => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.');
      const network = parseNetwork(`${text(base)}/${length}`)!;
      const reverse = `${text(other).split('.').reverse().join('.')}.in-addr.arpa.`;
      const isInside = length === 0 || base >>> (32 - length) === other >>> (32 - length);
      const isServed = reverseZonesOf(network).some((zone) => `.${reverse}`.endsWith(`.${zone}`));
      return isInside === isServed;
    }),
  );
});

test('zone arguments: schemes and ports are ignored, networks expanded', () => {
  assert.deepEqual(parseZones('dns://Example.ORG:53'), ['example.org.']);
  assert.deepEqual(parseZones('10.0.0.0/8'), ['10.in-addr.arpa.']);
  assert.equal(typeof parseZones('a..b'), 'string');
  assert.equal(typeof parseZones(''), 'string');
  assert.ok(isReverseZone('10.in-addr.arpa.') && isReverseZone('ip6.arpa.') && !isReverseZone('xip6.arpa.'));
});

test('a canonical name is one that the wire form gives back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      const name = canonicalName(text);
      if (name === undefined) return true;
      assert.equal(canonicalName(name), name);
      assert.ok(name.endsWith('.') && name === name.toLowerCase());
      return parseName(name) !== null;
    }),
  );
});

test('addresses with ports', () => {
  const show = (text: string): string | undefined => {
    const found = parseAddressAndPort(text, 53);
    return found && `${found.address} ${found.port}`;
  };
  assert.equal(show('8.8.8.8'), '8.8.8.8 53');
  assert.equal(show('8.8.8.8:153'), '8.8.8.8 153');
  assert.equal(show('8.8.8.8:'), '8.8.8.8 53');
  assert.equal(show('fe80::1%ens3'), 'fe80::1%ens3 53');
  assert.equal(show('[FD01::1]:153'), 'fd01::1 153');
  assert.equal(show('[fd01::1%ens3]:153'), 'fd01::1%ens3 153');
  for (const text of ['8.9.1043', 'a.a.a.a:153', '8.8.8.8::53', '8.8.8.8:65536', '[::1', '::1]:53', '', '1.1.1.1:x']) {
    assert.equal(show(text), undefined, text);
  }
  assert.deepEqual(splitHostPort(':8080'), { host: '', port: '8080' });
});

test('host names are letters, digits and hyphens, and not all digits at the end', () => {
  for (const name of ['a', 'ns1.example.org', 'a-b.c.', '_dns.x1', 'xn--a.test']) assert.ok(isHostName(name), name);
  for (const name of ['', '.', 'a..b', '-a', 'a-', 'a27.0.0.1', '/etc/x', 'a b', 'a:b', '1.2.3'])
    assert.ok(!isHostName(name), name);
});

test('resolv.conf', () => {
  const text =
    '# c\nnameserver 192.0.2.1\nnameserver  fe80::1%eth0 ; c\nnameserver bad\nsearch A.test b\noptions ndots:5 x\n';
  assert.deepEqual(parseResolvConf(text), {
    nameservers: [
      { address: '192.0.2.1', port: 53 },
      { address: 'fe80::1', port: 53 },
    ],
    search: ['a.test.', 'b.'],
    ndots: 5,
  });
});

test('record types by mnemonic and by number', () => {
  assert.equal(parseType('AAAA'), 28);
  assert.equal(parseType('TYPE65280'), 65280);
  for (const word of ['aaaa', 'TYPE65536', 'X', '']) assert.equal(parseType(word), undefined, word);
});

test("patterns are Go's, with a limit", () => {
  assert.deepEqual(checkRegex('(?P<a>x)(y)'), { pattern: '(?P<a>x)(y)', groupCount: 2, groupNames: { a: 1 } });
  for (const bad of ['[a', 'a(?=b)', '(a', '\\1', 'a'.repeat(10_001), '('.repeat(5000) + ')'.repeat(5000)]) {
    assert.equal(typeof checkRegex(bad), 'string', bad.slice(0, 20));
  }
});

test('import patterns: * and ? stop at a slash and take leading dots', () => {
  const names = ['/d/a.conf', '/d/b.conf', '/d/.c.conf', '/d/ab.conf', '/d/e/a.conf', '/f/e/x.conf'];
  const files: ConfigFiles = {
    read: () => undefined,
    exists: (file) => names.includes(file),
    list: (directory) => {
      const below = directory === '/' ? '/' : `${directory}/`;
      return [
        ...new Set(
          names.filter((name) => name.startsWith(below)).map((name) => name.slice(below.length).split('/')[0]!),
        ),
      ];
    },
  };
  assert.deepEqual(matchFiles('/d/*.conf', files), ['/d/.c.conf', '/d/a.conf', '/d/ab.conf', '/d/b.conf']);
  assert.deepEqual(matchFiles('/d/?.conf', files), ['/d/a.conf', '/d/b.conf']);
  assert.deepEqual(matchFiles('/d/a*?.conf', files), ['/d/ab.conf']);
  assert.deepEqual(matchFiles('/*/e/?.conf', files), ['/d/e/a.conf', '/f/e/x.conf']);
  assert.deepEqual(matchFiles('/d/a*b.conf', files), ['/d/ab.conf']);
  assert.deepEqual(matchFiles('/x/*', files), []);
});
