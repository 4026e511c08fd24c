/** Catalog zones: which zones they list, what makes them none, and who has a zone that two of them list. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCatalog, type CatalogMember } from '../../../src/secondary/catalog.ts';
import { CatalogMembers } from '../../../src/server/zones/catalog-members.ts';
import type { PlannedSecondary } from '../../../src/server/configuration/server-plan.ts';
import { zoneOf } from '../zones/zone-fixture.ts';

const HEAD = `$ORIGIN catalog.example.
$TTL 0
@ SOA . . 1 2 3 4 5
@ NS invalid.
`;
const VERSION = 'version TXT 2\n';

function membersIn(text: string): readonly CatalogMember[] {
  return readCatalog(zoneOf(text, 'catalog.example.'));
}

test('members are listed with their ids and next catalogs, in order, and other properties mean nothing', () => {
  const text = `${HEAD}${VERSION}
b.zones PTR Example.ORG.
group.b.zones TXT default
a.zones PTR example.net.
coo.a.zones PTR Other.Example.
x.ext.a.zones PTR elsewhere.
zones PTR no.member.
a.nozones PTR no.member.
other PTR no.member.
`;
  assert.deepEqual(membersIn(text), [
    { id: 'a', zone: 'example.net.', nextCatalog: 'other.example.' },
    { id: 'b', zone: 'example.org.', nextCatalog: undefined },
  ]);
  assert.deepEqual(membersIn(`${HEAD}${VERSION}`), []);
});

for (const [what, text, fault] of [
  ['without a version', HEAD, /exactly one version/],
  ['with two versions', `${HEAD}version TXT 2\nversion TXT 3\n`, /exactly one version/],
  ['of another version', `${HEAD}version TXT 1\n`, /unsupported version "1"/],
  ['without a server', `$ORIGIN catalog.example.\n@ 0 SOA . . 1 2 3 4 5\nversion 0 TXT 2\n`, /no NS record/],
  [
    'with a member of two names',
    `${HEAD}${VERSION}a.zones PTR a.\na.zones PTR b.\n`,
    /exactly one PTR record at member a/,
  ],
  ['with a name at two members', `${HEAD}${VERSION}a.zones PTR a.\nb.zones PTR A.\n`, /lists a\. by both a and b/],
  [
    'with two next catalogs',
    `${HEAD}${VERSION}a.zones PTR a.\ncoo.a.zones PTR b.\ncoo.a.zones PTR c.\n`,
    /more than one coo/,
  ],
] as const) {
  test(`a zone ${what} is no catalog`, () => {
    assert.throws(() => membersIn(text), fault);
  });
}

function planOf(origin: string, memberZones: readonly string[] = [], block = 'b'): PlannedSecondary {
  return { dataset: 0, block, blockKeys: block, origin, primaries: [], memberId: null, isCatalog: true, memberZones };
}

const member = (id: string, zone: string, nextCatalog?: string): CatalogMember => ({ id, zone, nextCatalog });

test('a name that two catalogs list is the first one’s, until that gives it away', () => {
  const catalogs = new CatalogMembers(() => undefined);
  let changes = 0;
  catalogs.start(() => changes++);
  const zonesOf = (origin: string): string[] => catalogs.membersOf('b', origin).map(({ id, zone }) => `${id} ${zone}`);
  catalogs.update(planOf('old.'), [member('1', 'a.'), member('2', 'b.')]);
  catalogs.update(planOf('new.'), [member('1', 'a.'), member('3', 'c.')]);
  assert.deepEqual([zonesOf('old.'), zonesOf('new.'), changes], [['1 a.', '2 b.'], ['3 c.'], 2]);
  // At once: the other one need not change for it.
  catalogs.update(planOf('old.'), [member('1', 'a.', 'new.'), member('2', 'b.')]);
  assert.deepEqual([zonesOf('old.'), zonesOf('new.'), changes], [['2 b.'], ['3 c.', '1 a.'], 3]);
  // Still listed where it was, but it is not theirs any more.
  catalogs.update(planOf('old.'), [member('1', 'a.', 'new.')]);
  assert.deepEqual([zonesOf('old.'), zonesOf('new.'), changes], [[], ['3 c.', '1 a.'], 4]);
});

test('a name that a catalog does not list any more is the other’s that does, which need not change for it', () => {
  const lines: string[] = [];
  const catalogs = new CatalogMembers((level, text) => lines.push(`${level} ${text}`));
  const zonesOf = (origin: string): string[] => catalogs.membersOf('b', origin).map(({ id, zone }) => `${id} ${zone}`);
  catalogs.update(planOf('one.'), [member('1', 'a.'), member('2', 'b.'), member('3', 'c.')]);
  catalogs.update(planOf('two.', ['a.']), [member('4', 'a.'), member('5', 'b.')]);
  catalogs.update(planOf('three.', [], 'elsewhere'), [member('6', 'c.')]);
  lines.length = 0;
  catalogs.update(planOf('one.'), []);
  // Not what the other may not have, and not what a catalog of another server block lists.
  assert.deepEqual([zonesOf('one.'), zonesOf('two.')], [[], ['4 a.']]);
  assert.deepEqual(lines, ['info plugin/secondary: catalog one. has 0 member zones']);
});

test('what a catalog had that is configured no more is at once the other’s that lists it', () => {
  const catalogs = new CatalogMembers(() => undefined);
  let changes = 0;
  const zonesOf = (origin: string): string[] => catalogs.membersOf('b', origin).map(({ id, zone }) => `${id} ${zone}`);
  catalogs.update(planOf('one.'), [member('1', 'a.'), member('2', 'b.')]);
  catalogs.update(planOf('two.'), [member('3', 'a.')]);
  catalogs.update(planOf('three.', [], 'elsewhere'), [member('4', 'c.')]);
  catalogs.start(() => changes++);
  catalogs.keep([planOf('two.'), planOf('three.', [], 'elsewhere')]);
  assert.deepEqual([zonesOf('one.'), zonesOf('two.'), changes], [[], ['3 a.'], 1]);
  // Nobody else lists what this one had.
  catalogs.keep([planOf('two.')]);
  assert.equal(changes, 1);
});

test('whom a zone is given to may give it to a third one, in whatever order they came; a circle has an end', () => {
  const catalogs = new CatalogMembers(() => undefined);
  const ownersOf = (zone: string): string[] =>
    ['one.', 'two.', 'three.'].filter((origin) => catalogs.membersOf('b', origin).some((own) => own.zone === zone));
  catalogs.update(planOf('one.'), [member('1', 'a.'), member('2', 'b.')]);
  catalogs.update(planOf('three.'), [member('3', 'a.'), member('4', 'b.', 'two.')]);
  catalogs.update(planOf('two.'), [member('5', 'a.', 'three.'), member('6', 'b.', 'three.')]);
  catalogs.update(planOf('one.'), [member('1', 'a.', 'two.'), member('2', 'b.', 'two.')]);
  assert.deepEqual(ownersOf('a.'), ['three.']);
  assert.equal(ownersOf('b.').length, 1);
});

test('a catalog of another server block has its own zones, and one that is configured no more has none', () => {
  const catalogs = new CatalogMembers(() => undefined);
  catalogs.update(planOf('one.'), [member('1', 'a.')]);
  catalogs.update(planOf('one.', [], 'other'), [member('1', 'a.')]);
  assert.equal(catalogs.membersOf('b', 'one.').length, 1);
  assert.equal(catalogs.membersOf('other', 'one.').length, 1);
  catalogs.keep([planOf('one.')]);
  assert.equal(catalogs.membersOf('other', 'one.').length, 0);
});

test('only zones at or below those that are allowed are taken', () => {
  const warnings: string[] = [];
  const catalogs = new CatalogMembers((level, text) => level === 'warn' && warnings.push(text));
  catalogs.update(planOf('one.', ['example.org.', 'net.']), [
    member('1', 'example.org.'),
    member('2', 'a.example.org.'),
    member('3', 'notexample.org.'),
    member('4', 'x.net.'),
  ]);
  assert.deepEqual(
    catalogs.membersOf('b', 'one.').map(({ id }) => id),
    ['1', '2', '4'],
  );
  assert.match(warnings.join(), /1 member zones of catalog one\. are left out/);
});
