import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkZoneFile } from '../../../../src/config/zone-file/zone-file.ts';
import { formatName, parseName } from '../../../../src/dns/name.ts';
import { testFiles } from '../../plugins/corefile-fixture.ts';
import { zoneOf } from '../../zones/zone-fixture.ts';
import { recordsIn } from '../../zones/zone-file-records.ts';

const ORIGIN = parseName('example.org.')!;
const FILES = testFiles({ 'db.sub': '$ORIGIN sub\nb A 192.0.2.9\n', 'db.loop': '$INCLUDE db.loop\n' });

/** `OWNER TTL TYPE HEX` */
function read(text: string): string[] {
  return recordsIn(text, '/etc/coredns/db', ORIGIN, FILES).map(
    ({ owner, ttlSeconds, type, rdata }) =>
      `${formatName(owner)} ${ttlSeconds} ${type} ${rdata === null ? '?' : Buffer.from(rdata).toString('hex')}`,
  );
}

test('owners, times to live, parentheses, comments', () => {
  const text = `$TTL 1h
@ IN SOA ns.example.org. host\\.master ( ; comment
    2024010101 2h 30m
    1w 300 )
  NS ns
  30 IN A 192.0.2.1 ; of the apex
ns IN 60 AAAA 2001:db8::1
$ORIGIN sub
a.b 1D CNAME @
x. TXT "a b" c\\;d "q\\"\\065"
`;
  const origin = '076578616d706c65036f726700';
  assert.deepEqual(read(text), [
    `example.org. 3600 6 026e73${origin}0b686f73742e6d6173746572${origin}78a3f17500001c200000070800093a800000012c`,
    `example.org. 3600 2 026e73${origin}`,
    'example.org. 30 1 c0000201',
    'ns.example.org. 60 28 20010db8000000000000000000000001',
    `a.b.sub.example.org. 86400 5 03737562${origin}`,
    'x. 3600 16 0361206203633b6403712241',
  ]);
});

test('every kind of field', () => {
  const of = (record: string): string => read(`a 1 ${record}`)[0]!.split(' ')[3]!;
  assert.equal(of('MX 10 b.'), '000a016200');
  assert.equal(of('SRV 1 2 53 b.'), '000100020035016200');
  assert.equal(of('CAA 0 issue "ca.test"'), '000569737375656361' + '2e74657374');
  assert.equal(of('HINFO "a" b'), '01610162');
  assert.equal(of('NAPTR 1 2 "u" "s" "" b.'), '000100020175017300016200');
  assert.equal(of('DS 1 8 2 ABCD EF'), '00010802abcdef');
  assert.equal(of('DNSKEY 256 3 13 AQID BA=='), '0100030d01020304');
  assert.equal(of('RRSIG A 13 2 60 20240101000000 0 7 b. AQID'), '00010d020000003c65920080000000000007016200010203');
  assert.equal(of('NSEC b. A AAAA TYPE256'), '016200000440000008010180');
  assert.equal(of('TYPE65280 \\# 3 0a 0B0c'), '0a0b0c');
  assert.equal(of('URI 1 2 "x:y"'), '00010002783a79');
});

test('$INCLUDE is followed, relative to the file, and gives its origin back', () => {
  assert.deepEqual(
    read('$TTL 5\n$INCLUDE db.sub\nc A 192.0.2.8\n').map((line) => line.split(' ')[0]),
    ['b.sub.example.org.', 'c.example.org.'],
  );
});

const BAD: readonly (readonly [text: string, says: RegExp])[] = [
  ['this is no zone file at all', /db:1:6: expected a record type, found 'is'/],
  ['@ 1 IN', /found the end of the line/],
  ['\n@ 1 A 192.0.2', /db:2:7: A: '192\.0\.2' is no IPv4 address/],
  ['@ 1 A', /data too short, expected ipv4/],
  ['@ 1 A 192.0.2.1 x', /garbage after the data: 'x'/],
  ['@ 1 MX 70000 a', /no number of 16 bits/],
  ['@ 1 CNAME a..b', /no domain name/],
  ['@ 1 TXT "a', /never ends/],
  ['@ 1 SOA a b ( 1 2 3 4 5', /ends inside of '\('/],
  ['@ 1 A 192.0.2.1 )', /'\)' without/],
  ['@ A 192.0.2.1', /missing TTL/],
  ['  1 A 192.0.2.1', /no owner name/],
  ['a..b 1 A 192.0.2.1', /bad owner name/],
  ['$FOO 1', /unknown directive \$FOO/],
  ['$TTL x', /\$TTL needs/],
  ['$INCLUDE nothing', /not found/],
  ['$INCLUDE db.loop', /too deeply nested/],
  ['@ 1 TYPE1 \\# 5 00', /followed by 1 octets/],
  [`@ 1 HINFO "${'a'.repeat(256)}"`, /longer than 255/],
];

for (const [text, says] of BAD) {
  test(`refuse ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.throws(() => read(text), { name: 'ZoneFileFault', message: says });
  });
}

test('files that include each other many times end in a fault', () => {
  const many = '$INCLUDE db.many\n'.repeat(20);
  const files = testFiles({ 'db.many': many });
  assert.throws(() => recordsIn(many, '/etc/coredns/db', ORIGIN, files), {
    name: 'ZoneFileFault',
    message: /too deeply nested \$INCLUDE, or too many/,
  });
});

/** @returns what is wrong */
function check(text: string): string | undefined {
  const steps = checkZoneFile(text, '/etc/coredns/db', 'example.org.', FILES);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

test('a zone has an SOA, and it is its own', () => {
  assert.equal(check('@ 1 SOA a b 1 2 3 4 5\n'), undefined);
  assert.equal(check('EXAMPLE.org. 1 SOA a b 1 2 3 4 5\n'), undefined);
  assert.match(check('@ 1 A 192.0.2.1\n') ?? '', /has no SOA record for origin example\.org\./);
  assert.match(check('sub 1 SOA a b 1 2 3 4 5\n') ?? '', /db:1:1: SOA owner sub\.example\.org\. does not match/);
});

const UNFIT: readonly (readonly [record: string, says: RegExp])[] = [
  ['a 1 A \\# 3 010203', /db:2:1: a\.example\.org\. A: data of 3 octets, expected ipv4/],
  ['a 1 MX \\# 3 000a01', /MX: a name in the data is cut/],
  ['a 1 TXT \\# 2 0561', /TXT: data of 2 octets, expected texts/],
  ['a 1 TXT \\# 0', /TXT: data of 0 octets/],
  ['a 1 CAA \\# 3 000061', /CAA: data of 3 octets/],
  ['a 1 HTTPS \\# 7 00010000010005', /HTTPS: data of 7 octets/],
  ['a 1 NSEC \\# 4 00000021', /NSEC: data of 4 octets/],
  ['a 1 LOC \\# 2 0000', /LOC: data of 2 octets/],
  ['a 1 IPSECKEY \\# 5 0a01020102', /IPSECKEY: data of 5 octets/],
  ['a 1 HIP \\# 4 ff020001', /HIP: data of 4 octets/],
  ['a 1 APL \\# 4 00011805', /APL: data of 4 octets/],
  ['a 1 CH A 192.0.2.1', /db:2:1: class 3 of a\.example\.org\. A: expected IN/],
  ['a 1 TYPE41 \\# 0', /TYPE41|OPT: no zone has records of this type/],
  ['a 1 TYPE255 \\# 0', /no zone has records of this type/],
  ['a 1 NSEC3PARAM 1 0 0 -', /NSEC3 zone is not supported/],
];

for (const [record, says] of UNFIT) {
  test(`what a zone cannot have is refused where it is checked, and where it is loaded: ${record}`, () => {
    const text = `@ 1 SOA a b 1 2 3 4 5\n${record}\n`;
    assert.match(check(text) ?? '', says);
    const loaded = /^(?:.*db:2:1: )?(.*)$/.exec(check(text)!)![1]!;
    assert.throws(() => zoneOf(text), { name: 'ZoneFault', message: loaded });
  });
}
