/** The table of lookups in a zone, asked in this thread; and what a socket does not show as well. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../../../../src/dns/name.ts';
import { parseType } from '../../../../src/dns/records/record-words.ts';
import { PLUGIN } from '../../../../src/observability/counters/shard-counters.ts';
import type { StepDescription } from '../../../../src/snapshot/config-description.ts';
import { linesOf, parseLookups } from '../../../cases/zone-lookup-format.ts';
import { LOOKUPS, ZONE_FILES, ZONES } from '../../../cases/zone-lookups.ts';
import { buildQuery } from '../../../wire/query.ts';
import { zoneOf } from '../../zones/zone-fixture.ts';
import { Chain } from '../chain-fixture.ts';

const EDNS = { edns: { udpSize: 4096 } };

function stepOf(
  zone: string,
  dataset: number,
  more: { isFallthrough?: boolean; ttlMaxSeconds?: number } = {},
): StepDescription {
  return { kind: 'zone', zone: parseName(zone)!, dataset, plugin: PLUGIN.FILE, ...more };
}

/** @param zones  text by name */
function chainOf(
  zones: Readonly<Record<string, string>>,
  more: { isFallthrough?: boolean; ttlMaxSeconds?: number } = {},
): Chain {
  const names = Object.keys(zones);
  return new Chain({
    routes: Object.fromEntries(
      names.map((name, index) => [name, [stepOf(name, index, more), { kind: 'whoami' } as const]]),
    ),
    zones: names.map((name) => zoneOf(zones[name]!, name)),
    policy: { udpSizeMax: 4096 },
  });
}

const TABLE = chainOf(Object.fromEntries(Object.entries(ZONES).map(([zone, file]) => [zone, ZONE_FILES[file]!])));

for (const { question, lines } of parseLookups(LOOKUPS)) {
  // In this fixture names of no zone are refused in the same words.
  test(question, () => {
    const [name, type] = question.split(' ');
    assert.deepEqual(linesOf(TABLE.askWire(buildQuery({ name: name!, type: parseType(type!)!, ...EDNS }))), lines);
  });
}

const SOA = '@ 60 SOA ns host 7 1 2 3 30\n';
const SOA_LINE = 'authority example.org. 30 SOA ns.example.org. host.example.org. 7 1 2 3 30';

test('a zone that is not loaded is SERVFAIL, and says so', () => {
  const chain = new Chain({ routes: { 'example.org.': [stepOf('example.org.', 0)] }, fill: () => undefined });
  assert.deepEqual(chain.ask('example.org. SOA', EDNS), ['SERVFAIL EDE 14']);
});

test('fallthrough: names that are not there, and those without records; no type that is not there', () => {
  const chain = chainOf({ 'example.org.': `${SOA}a.b 5 A 192.0.2.1\nc 5 CNAME nosuch\n` }, { isFallthrough: true });
  const isNext = (question: string): boolean => chain.ask(question).some((line) => line.startsWith('additional'));
  assert.equal(isNext('nosuch.example.org. A'), true);
  assert.equal(isNext('b.example.org. A'), true);
  assert.equal(isNext('c.example.org. A'), true);
  assert.deepEqual(chain.ask('a.b.example.org. TXT'), ['NOERROR aa', SOA_LINE]);
  assert.deepEqual(chain.ask('example.org. TXT'), ['NOERROR aa', SOA_LINE]);
});

test('minimal: nothing behind a positive answer', () => {
  const chain = chainOf({ 'example.org.': `${SOA}@ 5 NS ns\n@ 5 MX 1 ns\nns 5 A 192.0.2.1\n` });
  assert.equal(chain.ask('example.org. MX').length, 4);
  chain.setPolicy({ isMinimal: true });
  assert.deepEqual(chain.ask('example.org. MX'), ['NOERROR aa', 'example.org. 5 MX 1 ns.example.org.']);
  assert.deepEqual(chain.ask('example.org. TXT'), ['NOERROR aa', SOA_LINE]);
});

test('no TTL is longer than the cache would keep it', () => {
  const chain = chainOf({ 'example.org.': `${SOA}@ 7200 A 192.0.2.1\n` }, { ttlMaxSeconds: 20 });
  assert.deepEqual(chain.ask('example.org. A'), ['NOERROR aa', 'example.org. 20 A 192.0.2.1']);
  assert.deepEqual(chain.ask('example.org. TXT')[1], SOA_LINE.replace(' 30 SOA', ' 20 SOA'));
});

test('round robin: each address is the first at times, all are there always', () => {
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
  const chain = chainOf({ 'example.org.': SOA + addresses.map((address) => `a 5 A ${address}\n`).join('') });
  chain.setPolicy({ rotates: true });
  const firsts = new Set<string>();
  for (let round = 0; round < 200; round++) {
    const found = chain
      .ask('a.example.org. A')
      .slice(1)
      .map((line) => line.split(' ').at(-1)!);
    assert.deepEqual(found.toSorted(), addresses);
    firsts.add(found[0]!);
  }
  assert.equal(firsts.size, 3);
});

test('the letter case of the question comes back, and does not matter', () => {
  const chain = chainOf({ 'example.org.': `${SOA}@ 5 NS Ns.Example.ORG.\nns 5 A 192.0.2.1\n*.w 5 A 192.0.2.2\n` });
  assert.deepEqual(chain.ask('FOO.W.eXample.org. A'), [
    'NOERROR aa',
    'FOO.W.eXample.org. 5 A 192.0.2.2',
    'authority eXample.org. 5 NS Ns.Example.ORG.',
  ]);
  assert.deepEqual(chain.ask('EXAMPLE.org. NS'), [
    'NOERROR aa',
    'EXAMPLE.org. 5 NS Ns.Example.ORG.',
    'additional Ns.Example.ORG. 5 A 192.0.2.1',
  ]);
});

test('what a UDP response has no room for: first what is optional, then with TC', () => {
  const mails = Array.from(
    { length: 6 },
    (_, index) => `@ 5 MX ${index} mail${index}\nmail${index} 5 A 192.0.2.${index}\n`,
  );
  const servers = ['a', 'b', 'c'].map(
    (sign) => `@ 5 NS ${sign.repeat(60)}.${sign.repeat(60)}.${sign.repeat(60)}.test.\n`,
  );
  const many = Array.from({ length: 60 }, (_, index) => `many 5 A 192.0.2.${index}\n`).join('');
  const chain = chainOf({
    'example.org.': `${SOA}${servers.join('')}${mails.join('')}${many}`,
  });
  const mail = chain.ask('example.org. MX');
  assert.equal(mail[0], 'NOERROR aa');
  assert.equal(mail.filter((line) => line.startsWith('example.org. 5 MX')).length, 6);
  assert.equal(
    mail.some((line) => line.startsWith('authority')),
    false,
    'servers do not fit beside',
  );
  assert.equal(mail.filter((line) => line.startsWith('additional')).length, 6);
  const addresses = chain.ask('many.example.org. A');
  assert.equal(addresses[0], 'NOERROR aa tc');
  assert.ok(addresses.length > 25 && addresses.length < 60, String(addresses.length));
});

test('a referral without room for the addresses of servers in the delegated zone has TC (RFC 9471)', () => {
  const servers = Array.from(
    { length: 13 },
    (_, index) =>
      `sub 5 NS ns${index}.sub\nns${index}.sub 5 A 192.0.2.${index}\nns${index}.sub 5 AAAA 2001:db8::${index}\n`,
  );
  const chain = chainOf({ 'example.org.': SOA + servers.join('') });
  assert.equal(chain.ask('x.sub.example.org. A')[0], 'NOERROR tc');
  assert.equal(chain.ask('x.sub.example.org. A', EDNS)[0], 'NOERROR');
  assert.equal(chain.ask('x.sub.example.org. A', EDNS).length, 1 + 13 + 26);
});

test('a DNAME that makes a name too long is YXDOMAIN', () => {
  const long = Array.from({ length: 3 }, () => 'l'.repeat(60)).join('.');
  const chain = chainOf({ 'example.org.': `${SOA}d 5 DNAME ${long}.test.\n` });
  assert.equal(chain.ask(`${'x'.repeat(60)}.${'y'.repeat(30)}.d.example.org. A`, EDNS)[0], 'YXDOMAIN aa');
  assert.equal(chain.ask('x.d.example.org. A', EDNS)[0], 'NOERROR aa');
});

test('the root as a zone', () => {
  const chain = chainOf({
    '.': '. 60 SOA ns. host. 7 1 2 3 30\n. 5 NS ns.\nns. 5 A 192.0.2.1\norg. 5 NS ns.org.\nns.org. 5 A 192.0.2.2\n*. 5 TXT "w"\n',
  });
  assert.deepEqual(chain.ask('. NS'), ['NOERROR aa', '. 5 NS ns.', 'additional ns. 5 A 192.0.2.1']);
  assert.deepEqual(chain.ask('a.org. A'), [
    'NOERROR',
    'authority org. 5 NS ns.org.',
    'additional ns.org. 5 A 192.0.2.2',
  ]);
  assert.deepEqual(chain.ask('test. TXT'), ['NOERROR aa', 'test. 5 TXT "w"', 'authority . 5 NS ns.']);
});

test('names in rdata are compressed where that is allowed, and nowhere else', () => {
  const chain = chainOf({
    'example.org.': `${SOA}a 5 MX 1 mail.other.test.\na 5 MX 2 mail2.other.test.\na 5 SRV 1 2 3 mail.other.test.\n`,
  });
  const size = (question: string): number => {
    const [name, type] = question.split(' ');
    return chain.askBytes(buildQuery({ name: name!, type: parseType(type!)! }), [192, 0, 2, 1]).length;
  };
  const question = 12 + 'a.example.org.'.length + 1 + 4;
  assert.equal(size('a.example.org. MX'), question + (14 + 17) + (14 + 6 + 2));
  assert.equal(size('a.example.org. SRV'), question + (12 + 6 + 17));
});

/** A zone that is signed in form: each RRset of `records` has a signature, each name that is given a NSEC record. */
function signed(records: readonly string[], chainOfNames: readonly string[]): string {
  const signature = (owner: string, type: string): string =>
    `${owner} 30 RRSIG ${type} 13 2 30 20300101000000 20200101000000 1 @ U0lH\n`;
  const sets = new Set(records.map((record) => record.split(' ').slice(0, 3).join(' ')));
  return [
    '@ 30 SOA ns host 7 1 2 3 30\n',
    signature('@', 'SOA'),
    ...records.map((record) => `${record}\n`),
    ...[...sets].map((set) => set.split(' ')).map(([owner, , type]) => signature(owner!, type!)),
    ...chainOfNames.map((owner, index) => {
      const next = chainOfNames[(index + 1) % chainOfNames.length];
      return `${owner} 30 NSEC ${next} A\n${signature(owner, 'NSEC')}`;
    }),
  ].join('');
}

test('a signed zone with DO: signatures beside each set, and who says that a name is not there', () => {
  const records = [
    '@ 30 NS ns',
    'ns 30 A 192.0.2.1',
    'a.ent 30 A 192.0.2.2',
    '*.w 30 A 192.0.2.3',
    'sub 30 NS ns',
    'sub 30 DS 1 8 2 00',
    'y6 30 NS ns',
    'y5 30 CNAME ns',
    '*.y1 30 CNAME ns',
    '*.y2 30 CNAME a.other.test.',
    '*.y3 30 CNAME nosuch',
    '*.y4 30 CNAME x.y6',
  ];
  const owners = ['@', 'a.ent', 'ns', 'sub', '*.w', 'y6', 'y5', '*.y1', '*.y2', '*.y3', '*.y4'];
  const chain = chainOf({ 'example.org.': signed(records, owners) });
  const typesOf = (question: string): string[] => {
    const [name, type] = question.split(' ');
    const query = buildQuery({
      name: `${name}.example.org.`.replace('@.', ''),
      type: parseType(type!)!,
      edns: { udpSize: 4096, dnssecOk: true },
    });
    const [head, ...lines] = linesOf(chain.askWire(query));
    return [
      head!,
      ...lines.map((line) => {
        const [section, owner, , found] = line.split(' ');
        return `${section!.slice(0, 2)} ${owner!.replace('example.org.', '@').replace('.@', '')} ${found}`;
      }),
    ].filter((line, index, all) => all.indexOf(line) === index);
  };
  const servers = ['au @ NS', 'au @ RRSIG'];
  const denial = ['au @ RRSIG', 'au @ SOA'];
  const expected: Readonly<Record<string, readonly string[]>> = {
    'ns A': ['NOERROR aa', 'an ns A', 'an ns RRSIG', ...servers],
    'ns TXT': ['NOERROR aa', ...denial, 'au ns NSEC', 'au ns RRSIG'],
    'ent A': ['NOERROR aa', 'au @ NSEC', ...denial],
    'nosuch A': ['NXDOMAIN aa', 'au @ NSEC', ...denial, 'au a.ent NSEC', 'au a.ent RRSIG'],
    'x.w A': ['NOERROR aa', 'an x.w A', 'an x.w RRSIG', 'au *.w NSEC', 'au *.w RRSIG', ...servers],
    'x.w TXT': ['NOERROR aa', 'au *.w NSEC', 'au *.w RRSIG', ...denial],
    'sub DS': ['NOERROR aa', 'an sub DS', 'an sub RRSIG', ...servers],
    'x.sub A': ['NOERROR', 'au sub DS', 'au sub NS', 'au sub RRSIG'],
    // That a delegation is not signed is proved.
    'x.y6 A': ['NOERROR', 'au y6 NS', 'au y6 NSEC', 'au y6 RRSIG'],
    // An alias that a wildcard stands for is proved wherever it leads to.
    'x.y1 A': [
      ...['NOERROR aa', 'an x.y1 CNAME', 'an x.y1 RRSIG', 'an ns A', 'an ns RRSIG'],
      ...['au *.y1 NSEC', 'au *.y1 RRSIG', ...servers],
    ],
    'x.y2 A': ['NOERROR aa', 'an x.y2 CNAME', 'an x.y2 RRSIG', 'au *.y2 NSEC', 'au *.y2 RRSIG', ...servers],
    'x.y3 A': [
      ...['NXDOMAIN aa', 'an x.y3 CNAME', 'an x.y3 RRSIG', ...denial, 'au @ NSEC'],
      ...['au a.ent NSEC', 'au a.ent RRSIG', 'au *.y3 NSEC', 'au *.y3 RRSIG'],
    ],
    'x.y4 A': [
      ...['NOERROR aa', 'an x.y4 CNAME', 'an x.y4 RRSIG', 'au y6 NS', 'au y6 NSEC', 'au y6 RRSIG'],
      ...['au *.y4 NSEC', 'au *.y4 RRSIG'],
    ],
    'y5 NSEC': ['NOERROR aa', 'an y5 NSEC', 'an y5 RRSIG', ...servers],
    'y5 RRSIG': ['NOERROR aa', 'an y5 RRSIG', ...servers],
  };
  for (const [question, lines] of Object.entries(expected))
    assert.deepEqual(typesOf(question).toSorted(), lines.toSorted(), question);
  // Whatever else is left out, what makes an answer of a wildcard worth something is not.
  chain.setPolicy({ isMinimal: true });
  const minimal = expected['x.w A']!.filter((line) => !servers.includes(line));
  assert.deepEqual(typesOf('x.w A').toSorted(), minimal.toSorted());
});

test('an alias at the apex hides what is there, but not what makes it a zone', () => {
  const chain = chainOf({ 'example.org.': `${SOA}@ 5 NS ns\n@ 5 CNAME ns\n@ 5 A 192.0.2.9\nns 5 A 192.0.2.1\n` });
  const servers = 'authority example.org. 5 NS ns.example.org.';
  const alias = 'example.org. 5 CNAME ns.example.org.';
  const soa = 'example.org. 60 SOA ns.example.org. host.example.org. 7 1 2 3 30';
  assert.deepEqual(chain.ask('example.org. SOA'), ['NOERROR aa', soa, servers]);
  assert.deepEqual(chain.ask('example.org. NS').slice(0, 2), ['NOERROR aa', 'example.org. 5 NS ns.example.org.']);
  assert.deepEqual(chain.ask('example.org. A'), ['NOERROR aa', alias, 'ns.example.org. 5 A 192.0.2.1', servers]);
  assert.deepEqual(chain.ask('x.example.org. A'), ['NXDOMAIN aa', SOA_LINE]);
});

test('a DNAME record stands in each response that needs it, whatever stood in the one before', () => {
  const chain = chainOf({ 'example.org.': `${SOA}d 5 DNAME e\na.e 5 A 192.0.2.1\nalias 5 CNAME a.d\n` });
  const lines = [
    'NOERROR aa',
    'alias.example.org. 5 CNAME a.d.example.org.',
    String.raw`d.example.org. 5 DNAME \# 15 0165076578616d706c65036f726700`,
    'a.d.example.org. 5 CNAME a.e.example.org.',
    'a.e.example.org. 5 A 192.0.2.1',
  ];
  // Twice: the second response begins with an alias, behind one that ended with the record.
  assert.deepEqual(chain.ask('alias.example.org. A'), lines);
  assert.deepEqual(chain.ask('alias.example.org. A'), lines);
});

test('a DNAME record that leads to itself stands in the response once', () => {
  const chain = chainOf({ 'example.org.': `${SOA}w 5 DNAME @\n` });
  assert.deepEqual(chain.ask('w.w.example.org. DNAME'), [
    'NOERROR aa',
    String.raw`w.example.org. 5 DNAME \# 13 076578616d706c65036f726700`,
    'w.w.example.org. 5 CNAME w.example.org.',
  ]);
});
