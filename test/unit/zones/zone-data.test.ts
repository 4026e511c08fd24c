import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName, parseRelativeName } from '../../../src/dns/name.ts';
import { BUFFER_HEADER } from '../../../src/memory/buffer-layout.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { entryLine } from '../../../src/snapshot/entry-text.ts';
import { entriesOf, keyOf } from '../../../src/snapshot/entry-walk.ts';
import { DATASET, ENTRY_FLAG, ENTRY_FLAGS_SHIFT, NAME_ORDER, ROOT } from '../../../src/snapshot/snapshot-layout.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import { publishZone, withdrawZone } from '../../../src/zones/publish-zone.ts';
import { compareNames } from '../../../src/zones/zone-data.ts';
import { faultOfRdata } from '../../../src/dns/records/rdata-shape.ts';
import { zoneOf } from './zone-fixture.ts';

const SOA = '@ 60 SOA ns host 7 1 2 3 4\n';

/** A dataset that zones are published to, one after the other. */
class Published {
  readonly #buffer = reserveSharedBuffer({ sizeMax: 8 << 20 });
  readonly builder = new SnapshotBuilder(this.#buffer);

  /** @returns octets that were written */
  publish(text: string): number {
    for (const _ of publishZone(this.builder.dataset(0), zoneOf(text))) void _;
    const written = this.builder.publish(1_000_000)?.writtenSize ?? 0;
    verifySnapshot(this.#buffer);
    return written;
  }

  get #words(): Uint32Array {
    return new Uint32Array(this.#buffer);
  }

  get datasetAt(): number {
    const root = this.#words[BUFFER_HEADER.at.root]! * 2;
    return this.#words[root + ROOT.at.datasets]! * 2;
  }

  get lines(): string[] {
    return [...entriesOf(this.#words, this.datasetAt)].map((at) => entryLine(this.#words, at)).sort();
  }

  get flags(): Record<string, number> {
    const words = this.#words;
    return Object.fromEntries(
      [...entriesOf(words, this.datasetAt)].map((at) => [
        entryLine(words, at).split('  ')[0]!,
        words[at]! >>> ENTRY_FLAGS_SHIFT,
      ]),
    );
  }

  get order(): string[] {
    const words = this.#words;
    const order = words[this.datasetAt + DATASET.at.order]! * 2;
    if (order === 0) return [];
    return Array.from({ length: words[order]! }, (_, index) =>
      Buffer.from(keyOf(words, words[order + NAME_ORDER.at.entries + index]! * 2)).toString('latin1'),
    );
  }
}

test('a zone has its records by name and type, each once and with one TTL a set, and its empty non-terminals', () => {
  const published = new Published();
  published.publish(`${SOA}@ NS ns
a.b 30 A 192.0.2.1
A.B 20 A 192.0.2.2
a.b 30 A 192.0.2.1
a.b 9 TXT "x"
other.test. 5 A 192.0.2.9
`);
  assert.deepEqual(published.lines, [
    '@  NS \\# 16 026e73076578616d706c65036f726700  SOA \\# 54 026e73076578616d706c65036f72670004686f7374076578616d706c65036f7267000000000700000001000000020000000300000004',
    'a.b  A \\# 4 c0000201  A \\# 4 c0000202  TXT "x"',
    'b  ENT',
  ]);
  assert.equal(published.builder.dataset(0).serial, 7);
  assert.equal(published.builder.dataset(0).isSynced, true);
});

test('what lies outside, and a CNAME beside others, is told', () => {
  const zone = zoneOf(`${SOA}x.test. 5 A 192.0.2.9\nxample.org. 5 A 192.0.2.9\nc 5 CNAME a\nc 5 A 192.0.2.1\n`);
  assert.equal(zone.outsideCount, 2);
  assert.equal(zone.warnings.length, 3);
  assert.match(zone.warnings[0]!, /x\.test\. A lies outside/);
  assert.match(zone.warnings[2]!, /^c\.example\.org\. has a CNAME record and others/);
  assert.match(zoneOf(`${SOA}@ 5 CNAME a\n`).warnings[0]!, /^example\.org\. has a CNAME record and others/);
});

test('delegations, what they occlude, DNAME and wildcards are marked', () => {
  const published = new Published();
  published.publish(`${SOA}@ NS ns
sub NS ns.sub
ns.sub A 192.0.2.1
x.y.sub A 192.0.2.2
d DNAME e.test.
e.d A 192.0.2.3
*.w A 192.0.2.4
plain A 192.0.2.5
`);
  const { CUT, DNAME, OCCLUDED, WILDCARD } = ENTRY_FLAG;
  assert.deepEqual(published.flags, {
    '@': 0,
    sub: CUT,
    'ns.sub': OCCLUDED,
    'y.sub': OCCLUDED,
    'x.y.sub': OCCLUDED,
    d: DNAME,
    'e.d': OCCLUDED,
    w: WILDCARD,
    '*.w': 0,
    plain: 0,
  });
});

test('another zone in its place: what is the same is not written again, what is gone is gone', () => {
  const published = new Published();
  const many = Array.from({ length: 500 }, (_, index) => `n${index} 5 A 192.0.2.1\n`).join('');
  const first = published.publish(SOA + many);
  assert.equal(published.publish(SOA + many), 0, 'nothing changed');
  const second = published.publish(`${SOA.replace(' 7 ', ' 8 ')}${many}`.replace('n7 5 A', 'm.n7 5 A'));
  assert.ok(second < first / 10, `${second} of ${first} octets`);
  assert.equal(published.builder.dataset(0).serial, 8);
  assert.equal(published.lines.length, 502);
  assert.ok(published.lines.includes('n7  ENT'));
  withdrawZone(published.builder.dataset(0));
  published.builder.publish(1);
  assert.deepEqual(published.lines, []);
  assert.equal(published.builder.dataset(0).isSynced, false);
});

test('names with NSEC records are kept in canonical order, through changes', () => {
  const published = new Published();
  const names = ['@', 'b', 'a.b', 'z.b', 'B2', '*.b', '\\200.b', 'c-x', 'c'];
  const text = SOA + names.map((name) => `${name} 5 NSEC a A NSEC\n`).join('') + 'plain 5 A 192.0.2.1\n';
  published.publish(text);
  const inOrder = [
    '',
    '\x01b',
    '\x01*\x01b',
    '\x01a\x01b',
    '\x01z\x01b',
    '\x01\xc8\x01b',
    '\x02b2',
    '\x01c',
    '\x03c-x',
  ];
  // A shorter label is before a longer one that begins with it.
  inOrder.splice(6, 1);
  inOrder.splice(6, 0, '\x02b2');
  assert.deepEqual(published.order, inOrder);
  published.publish(text.replace(' 7 ', ' 8 '));
  assert.deepEqual(published.order, inOrder, 'the apex is another entry now');
  published.publish(SOA);
  assert.deepEqual(published.order, []);
});

test('a change set that is given up leaves order and serial', () => {
  const published = new Published();
  published.publish(`${SOA}@ 5 NSEC a A\n`);
  const before = published.order;
  for (const _ of publishZone(published.builder.dataset(0), zoneOf(`${SOA.replace(' 7 ', ' 9 ')}b 5 NSEC a A\n`)))
    void _;
  published.builder.abort();
  assert.equal(published.builder.dataset(0).serial, 7);
  published.publish(`${SOA}@ 5 NSEC a A\n`);
  assert.deepEqual(published.order, before);
});

test('RFC 4034 §6.1: the example', () => {
  const sorted = [
    'example',
    'a.example',
    'yljkjljk.a.example',
    'Z.a.example',
    'zABC.a.EXAMPLE',
    'z.example',
    '\\001.z.example',
    '*.z.example',
    '\\200.z.example',
  ];
  const wire = sorted.map((name) => parseRelativeName(name.toLowerCase())!);
  for (let index = 1; index < wire.length; index++) {
    assert.ok(compareNames(wire[index - 1]!, wire[index]!) < 0, sorted[index]);
    assert.ok(compareNames(wire[index]!, wire[index - 1]!) > 0, sorted[index]);
  }
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['a 5 A 192.0.2.1\n', /no SOA record for origin example\.org\.$/],
  ['a 5 SOA ns host 1 2 3 4 5\n', /SOA owner a\.example\.org\. does not match origin example\.org\./],
  ['b.test. 5 SOA ns host 1 2 3 4 5\n', /SOA owner b\.test\. does not match/],
  [`${SOA}a 5 CH TXT "x"\n`, /class 3 of a\.example\.org\. TXT: expected IN/],
  [`${SOA}a 5 TYPE50 \\# 1 00\n`, /NSEC3 zone is not supported: a\.example\.org\./],
  [`${SOA}a 5 A \\# 3 c00002\n`, /a\.example\.org\. A: data of 3 octets/],
  [`${SOA}a 5 CNAME \\# 2 c00c\n`, /a name in the data is cut, compressed or too long/],
  [`${SOA}a 5 TXT \\# 2 0541\n`, /TXT: data of 2 octets, expected texts/],
];

for (const [text, says] of REFUSED) {
  test(`refused: ${text.trim().split('\n').at(-1)}`, () => assert.throws(() => zoneOf(text), says));
}

test('rdata: names must be whole, and sizes right', () => {
  const name = [...parseName('ns.test.')!];
  assert.equal(faultOfRdata(15, Uint8Array.from([0, 1, ...name])), undefined);
  assert.notEqual(faultOfRdata(15, Uint8Array.from([0, 1, ...name, 0])), undefined);
  assert.notEqual(faultOfRdata(15, Uint8Array.from([0, 1, ...name.slice(0, -1)])), undefined);
  assert.equal(faultOfRdata(6, Uint8Array.from([...name, ...name, ...new Uint8Array(20)])), undefined);
  assert.notEqual(faultOfRdata(6, Uint8Array.from([...name, ...new Uint8Array(20)])), undefined);
  assert.equal(faultOfRdata(65_280, new Uint8Array(0)), undefined);
});

test('a name with more records, or more data, than can be served is refused, in few steps', () => {
  const addresses = (count: number): string =>
    Array.from({ length: count }, (_, index) => `a 5 A 10.0.${index >> 8}.${index & 255}\n`).join('');
  assert.equal(zoneOf(SOA + addresses(16_384)).recordCount, 16_385);
  const says = /^a\.example\.org\. has more than 16384 records, or 4194304 octets of data$/;
  assert.throws(() => zoneOf(SOA + addresses(16_385)), { name: 'ZoneFault', message: says });
  const text = `"${'x'.repeat(255)}" `.repeat(255);
  const texts = Array.from({ length: 65 }, (_, index) => `a 5 TXT ${text} "${index}"\n`).join('');
  assert.throws(() => zoneOf(SOA + texts), { name: 'ZoneFault', message: says });
});
