/** Every type with a text form, octet for octet as CoreDNS reads it: rdata relative to `types.test.`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../../../src/dns/name.ts';
import { recordsIn } from '../zones/zone-file-records.ts';

const ORIGIN = parseName('types.test.')!;

function read(record: string): string {
  const [found] = [...recordsIn(`a 5 ${record}\n`, 'db', ORIGIN, { read: () => undefined })];
  return Buffer.from(found!.rdata).toString('hex');
}

const RECORDS: readonly (readonly [text: string, hex: string])[] = [
  [String.raw`A 192.0.2.1`, 'c0000201'],
  [String.raw`HINFO "PC" "Linux x"`, '025043074c696e75782078'],
  [String.raw`MINFO a b.other.`, '01610574797065730474657374000162056f7468657200'],
  [String.raw`RP mbox.other. txt`, '046d626f78056f746865720003747874057479706573047465737400'],
  [String.raw`AFSDB 1 a`, '00010161057479706573047465737400'],
  [String.raw`ISDN "150862028003217" "004"`, '0f31353038363230323830303332313703303034'],
  [String.raw`RT 10 a`, '000a0161057479706573047465737400'],
  [String.raw`PX 10 a b`, '000a01610574797065730474657374000162057479706573047465737400'],
  [String.raw`KX 10 a`, '000a0161057479706573047465737400'],
  [String.raw`GPOS -32.6882 116.8652 10.0`, '082d33322e36383832083131362e383635320431302e30'],
  [String.raw`LOC 42 21 54 N 71 06 18 W -24m 30m`, '0033161389172dd070be15f000988d20'],
  [String.raw`LOC 52 14 05 N 00 08 50 E 10m`, '001216138b3556c88008165000989a68'],
  [String.raw`LOC 32 7 19 S 116 2 25 E 10m 1.5m 2000m 9m`, '00122592791b7d2898e6486800989a68'],
  [String.raw`LOC 10 N 20 W 0.55m`, '00121613822551007bb55e00009896b7'],
  [String.raw`SRV 1 2 3 a`, '0001000200030161057479706573047465737400'],
  [
    String.raw`NAPTR 100 50 "s" "z3950+I2L+I2C" "" _z3950._tcp`,
    '0064003201730d7a333935302b49324c2b49324300065f7a33393530045f746370057479706573047465737400',
  ],
  [String.raw`CERT PKIX 1 RSASHA256 AQIDBA==`, '000100010801020304'],
  [String.raw`CERT 65534 2 8 AQIDBA==`, 'fffe00020801020304'],
  [
    String.raw`DS 60485 5 1 ( 2BB183AF5F22588179A53B0A 98631FAD1A292118 )`,
    'ec4505012bb183af5f22588179a53b0a98631fad1a292118',
  ],
  [String.raw`DS 1 RSASHA256 2 00ff`, '0001080200ff'],
  [String.raw`CDS 1 8 2 00ff`, '0001080200ff'],
  [String.raw`CDS 0 0 0 00`, '0000000000'],
  [String.raw`SSHFP 2 1 123456789abcdef67890123456789abcdef67890`, '0201123456789abcdef67890123456789abcdef67890'],
  [String.raw`TLSA 3 1 1 0123456789abcdef`, '0301010123456789abcdef'],
  [String.raw`SMIMEA 3 1 1 0123456789abcdef`, '0301010123456789abcdef'],
  [
    String.raw`HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p9+LrV4e1 rvs`,
    '10020024200100107b1a74df365639cc39f1d57803010001b771ca136e4aeb5ce44333c53b3d2c13c22243851fc708bcce29f7e2eb5787b503727673057479706573047465737400',
  ],
  [String.raw`OPENPGPKEY AQIDBA==`, '01020304'],
  [String.raw`CSYNC 66 3 A NS AAAA`, '000000420003000460000008'],
  [
    String.raw`ZONEMD 2018031500 1 1 FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E55217057BEE7EB1A7B641A47BA7FED2DD5B97AE499FAFA4F22C6BD647DE`,
    '7848b78c0101febe3d4ce2ec2ffa4ba99d46cd69d6d29711e55217057bee7eb1a7b641a47ba7fed2dd5b97ae499fafa4f22c6bd647de',
  ],
  [
    String.raw`SVCB 16 foo alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1`,
    '001003666f6f0574797065730474657374000000000400010004000100090268320568332d313900040004c0000201',
  ],
  [String.raw`SVCB 1 . key667="hello\210qoo" port=53`, '000100000300020035029b000968656c6c6fd2716f6f'],
  [
    String.raw`SVCB 1 foo ipv6hint="2001:db8::1,2001:db8::53:1" no-default-alpn alpn="f\\\\oo\\,bar,h2"`,
    '000103666f6f0574797065730474657374000001000c08665c6f6f2c626172026832000200000006002020010db800000000000000000000000120010db8000000000000000000530001',
  ],
  [String.raw`HTTPS 0 foo.other.`, '000003666f6f056f7468657200'],
  [
    String.raw`HTTPS 1 . ech=AEn+DQBFKwAgACABWIHUGj4u+PIggYXcR5JF0gYk3dCRioBW8uJq9H4mKAAIAAEAAQABAANAEnB1YmxpYy50bHMtZWNoLmRldgAA dohpath=/dns-query{?dns} ohttp`,
    '0001000005004b0049fe0d00452b00200020015881d41a3e2ef8f2208185dc479245d20624ddd0918a8056f2e26af47e26280008000100010001000340127075626c69632e746c732d6563682e6465760000000700102f646e732d71756572797b3f646e737d00080000',
  ],
  [String.raw`SPF "v=spf1 -all"`, '0b763d73706631202d616c6c'],
  [String.raw`NID 10 0014:4fff:ff20:ee64`, '000a00144fffff20ee64'],
  [String.raw`L32 10 10.1.2.0`, '000a0a010200'],
  [String.raw`L64 10 2001:0DB8:1140:1000`, '000a20010db811401000'],
  [String.raw`LP 10 l64-subnet`, '000a0a6c36342d7375626e6574057479706573047465737400'],
  [String.raw`EUI48 00-00-5e-00-53-2a`, '00005e00532a'],
  [String.raw`EUI64 00-00-5e-ef-10-00-00-2a`, '00005eef1000002a'],
  [
    String.raw`URI 10 1 "ftp://ftp1.example.com/public"`,
    '000a00016674703a2f2f667470312e6578616d706c652e636f6d2f7075626c6963',
  ],
  [String.raw`CAA 128 tbs "Unknown"`, '8003746273556e6b6e6f776e'],
  [String.raw`AVC "app-name:x"`, '0a6170702d6e616d653a78'],
  [String.raw`APL 1:192.168.32.0/21 !1:192.168.38.0/28 2:ff00::/8`, '00011503c0a82000011c83c0a82600020801ff'],
  [String.raw`DNAME a.other.`, '0161056f7468657200'],
  [String.raw`TA 1 8 2 00ff`, '0001080200ff'],
  [String.raw`DLV 1 8 2 00ff`, '0001080200ff'],
  [String.raw`PTR a`, '0161057479706573047465737400'],
  [String.raw`TXT abc "d e\"f" g\;h "\000\255"`, '0361626305642065226603673b680200ff'],
  [
    String.raw`TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`,
    'ff6161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161611361616161616161616161616161616161616161',
  ],
  [String.raw`NSAP-PTR a`, '0161057479706573047465737400'],
  [String.raw`TALINK a b`, '01610574797065730474657374000162057479706573047465737400'],
  [
    String.raw`RESINFO qnamemin exterr=15,16,17 infourl=https://x`,
    '08716e616d656d696e0f6578746572723d31352c31362c313711696e666f75726c3d68747470733a2f2f78',
  ],
  [String.raw`NINFO "x"`, '0178'],
  [String.raw`UID 5`, '00000005'],
  [String.raw`GID 6`, '00000006'],
  [String.raw`UINFO "x"`, '0178'],
  [String.raw`RKEY 0 0 255 AQIDBA==`, '000000ff01020304'],
  [String.raw`TYPE10 \# 2 0102`, '0102'],
  [
    String.raw`DS 60485 5 1 ( 2BB183AF5F22588179A53B0A 98631FAD1A292118 )`,
    'ec4505012bb183af5f22588179a53b0a98631fad1a292118',
  ],
  [
    String.raw`RRSIG A 5 3 86400 20030322173103 20030220173103 2642 @ AQIDBA==`,
    '00010503000151803e7c9dd73e5510d70a5205747970657304746573740001020304',
  ],
  [
    String.raw`NSEC b A MX RRSIG NSEC TYPE1234`,
    '01620574797065730474657374000006400100000003041b000000000000000000000000000000000000000000000000000020',
  ],
  [String.raw`DNSKEY 256 3 5 AQPSKmynfzW4`, '010003050103d22a6ca77f35b8'],
  [String.raw`CDNSKEY 256 3 5 AQPSKmynfzW4`, '010003050103d22a6ca77f35b8'],
  [String.raw`KEY 256 3 5 AQPSKmynfzW4`, '010003050103d22a6ca77f35b8'],
  [String.raw`X25 311061700956`, '0c333131303631373030393536'],
  [
    String.raw`IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==`,
    '0a0102c0000226010351537986ed35533b6064478eeeb27b5bd74dae149b6e81ba3a0521af82ab7801',
  ],
  // Those that CoreDNS does not read, or not well.
  ['IPSECKEY 10 0 2 . AQID', '0a0002010203'],
  ['IPSECKEY 10 2 2 2001:db8::1 AQID', '0a020220010db8000000000000000000000001010203'],
  ['IPSECKEY 10 3 2 gw.other. AQID', '0a0302026777056f7468657200010203'],
  ['AMTRELAY 10 0 1 203.0.113.15', '0a01cb00710f'],
  ['AMTRELAY 10 1 3 relay.other.', '0a830572656c6179056f7468657200'],
  ['CLASS1 TYPE1 \\# 4 C0000201', 'c0000201'],
  [
    'NSEC3 1 0 12 aabb 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG',
    '0100000c02aabb1417f3df17b2b2adaef615257de4d2020b80ac6c7c0006400000000002',
  ],
];

for (const [text, hex] of RECORDS) {
  test(text.slice(0, 60), () => assert.equal(read(text), hex));
}

const BAD: readonly (readonly [text: string, says: RegExp])[] = [
  ['SVCB 1 . alpn', /db:1:14: SVCB: 'alpn' needs a value/],
  ['SVCB 1 . port=70000', /db:1:14: SVCB: '70000' is no number of 16 bits/],
  ['SVCB 1 . port=1 port=2', /db:1:21: SVCB: key 'port' twice/],
  ['SVCB 1 . nokey=1', /unknown key 'nokey'/],
  ['SVCB 1 . key65535=1', /unknown key 'key65535'/],
  ['SVCB 1 . no-default-alpn', /'no-default-alpn' without 'alpn'/],
  ['SVCB 1 . mandatory=alpn', /mandatory key 'alpn' is not given/],
  ['SVCB 1 . mandatory=mandatory', /each key once, and not itself/],
  ['SVCB 1 . alpn=a,,b', /an empty item in a list/],
  ['SVCB 1 . "a=b"', /db:1:14: SVCB: expected KEY=VALUE/],
  ['LOC 91 N 0 E 0m', /db:1:9: LOC: expected degrees, minutes, seconds and N or S, found '91'/],
  ['LOC 1 N 0 E', /no altitude/],
  ['LOC 1 N 0 E x', /'x' is no number of metres/],
  ['LOC 1 N 0 E 0m 1m 1m 1m 1m', /garbage after the data: '1m'/],
  ['APL 3:192.0.2.1/24', /expected \[!\]FAMILY:ADDRESS\/PREFIX/],
  ['APL 1:192.0.2.1/33', /expected \[!\]FAMILY:ADDRESS\/PREFIX/],
  ['EUI48 00-00-5e-00-53', /is not 6 groups of hexadecimal digits/],
  ['NSEC3 1 0 12 - ?? A', /is not base32hex/],
  ['IPSECKEY 10 4 2 . AQID', /kind of gateway from 0 to 3, found '4'/],
  ['HIP 2 aa', /data too short/],
  ['HIP 2 aa !!!', /'!!!' is not base64/],
  ['IPSECKEY 10 0 2 . AQ=B', /'AQ=B' is not base64/],
  ['DS 1 FOO 2 00', /'FOO' is no number of 8 bits/],
  ['TXT caf\ufffd', /db:1:9: octets that are not UTF-8: write them as \\DDD/],
  ['TYPE41 x', /the data of type 41 is not read: write it as/],
];

for (const [text, says] of BAD) {
  test(`refused: ${text}`, () => assert.throws(() => read(text), { name: 'ZoneFileFault', message: says }));
}

function lines(text: string): string[] {
  return recordsIn(text, 'db', ORIGIN, { read: () => undefined }).map(
    ({ owner, ttlSeconds, type, rdata }) =>
      `${Buffer.from(owner.subarray(1, 1 + owner[0]!)).toString()} ${ttlSeconds} ${type} ${Buffer.from(rdata).toString('hex')}`,
  );
}

function hexOf(text: string): string {
  return Buffer.from(text).toString('hex');
}

test('$GENERATE: numbers, steps, offsets, widths and bases; what stands before it goes on', () => {
  const text = (rest: string): string[] => lines(`$TTL 7\n${rest}\n`);
  assert.deepEqual(text('$GENERATE 1-2 h$ A 192.0.2.$'), ['h1 7 1 c0000201', 'h2 7 1 c0000202']);
  assert.deepEqual(text('$GENERATE 0-4/2 h$ 9 IN A 192.0.2.$').length, 3);
  assert.deepEqual(text('$GENERATE 9-10 h${1,3,d} TXT "$ ${-9} ${0,2,x} ${0,0,X} ${0,3,o} $$ \\$"'), [
    `h010 7 16 10${hexOf('9 0 09 9 011 $ $')}`,
    `h011 7 16 11${hexOf('10 1 0a A 012 $ $')}`,
  ]);
  assert.deepEqual(
    lines('$TTL 7\na A 192.0.2.1\n$GENERATE 1-1 h$ A 192.0.2.$\n b TXT\n'.replace(' b TXT\n', ' TXT x\n'))[2],
    'h1 7 16 0178',
  );
});

for (const range of ['2-1', '1', '1-2/0', '0-65536', 'a-b', '1-2147483648']) {
  test(`$GENERATE ${range} is refused`, () => {
    assert.throws(() => lines(`$GENERATE ${range} h$ 1 A 192.0.2.1\n`), { message: /^db:1:11: \$GENERATE: / });
  });
}

test('what $GENERATE makes is told with the place of the directive', () => {
  const at = (text: string): void => void lines(text);
  assert.throws(() => at('\n$GENERATE 1-300 h$ 1 A 192.0.2.$\n'), { message: /^db:2:1: A: '192\.0\.2\.256'/ });
  assert.throws(() => at('$GENERATE 1-2 $GENERATE 1 1-2 h A 192.0.2.1\n'), /expected a record type|GENERATE/);
  assert.throws(() => at('$GENERATE 1-2 h${x} 1 A 192.0.2.1\n'), /bad modifier '\$\{x\}'/);
});
