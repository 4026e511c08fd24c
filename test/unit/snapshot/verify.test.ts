/** One word changed in a sound snapshot: each kind of damage is found, named and placed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseName, reverseKey4 } from '../../../src/dns/name.ts';
import { entriesOf, keyOf as entryKeyOf, pagesOf } from '../../../src/snapshot/entry-walk.ts';
import {
  ADDRESS,
  BUFFER_HEADER,
  CONFIG,
  DATASET,
  ENDPOINTS,
  ENTRY_FLAGS_SHIFT,
  ENTRY_KIND_SHIFT,
  ENTRY_SPACE_SHIFT,
  LISTENER,
  NS,
  PAGE_FILL_MAX,
  PAGE_WORDS,
  ROOT,
  ROUTE,
  STEP_WORDS,
  wordsFor,
  ZONE_INFO,
} from '../../../src/snapshot/snapshot-layout.ts';
import { verifyChange, verifySnapshot } from '../../../src/snapshot/verify.ts';
import { addressContent, keyOf, KEY_SPACE, labelOf, setUpBuilder } from './snapshot-model.ts';

/** A snapshot with every kind of block, and where they are (word indexes). */
function soundSnapshot() {
  const { buffer, builder, words } = setUpBuilder();
  const dataset = builder.dataset(0);
  const primary = parseName('cluster.local')!;
  const step = {
    kind: 'kubernetes',
    dataset: 0,
    ttlSeconds: 30,
    isPodsInsecure: true,
    isZonal: false,
    primary,
  } as const;
  builder.setConfig({ listeners: [{ id: 0, routes: [{ zone: primary, scope: 1, steps: [step] }] }] });
  for (let index = 0; index < 100; index++) dataset.put(keyOf(`n-${index}.svc`), addressContent(index));
  dataset.put(keyOf('web.svc'), {
    kind: 'endpoints',
    portSets: [[80, 443], [53]],
    groups: [
      { name: keyOf('web-0'), portSet: 0, addresses4: [1], addresses6: [1, 2, 3, 4] },
      { name: keyOf('web-1'), portSet: 1, addresses4: [2], addresses6: [] },
    ],
    weight: 50,
    targetSkip: 0,
    addresses4: [1, 2],
    addresses6: [1, 2, 3, 4],
  });
  dataset.put(keyOf('alias.svc'), { kind: 'alias', target: parseName('example.com')! });
  dataset.put(keyOf('raw.svc'), { kind: 'raw', rrsets: [{ type: 16, count: 1, records: Uint8Array.from([1, 2, 3]) }] });
  dataset.point(KEY_SPACE.REVERSE4, reverseKey4(0x0a00_0001), keyOf('web.n.svc'), [labelOf('web-0')], false);
  dataset.nameServers([{ name: keyOf('ns.dns'), addresses4: [1], addresses6: [] }]);
  builder.publish(1);
  const root = words[BUFFER_HEADER.at.root]! * 2;
  const datasetAt = words[root + ROOT.at.datasets]! * 2;
  const entryAt = (name: string): number =>
    [...entriesOf(words, datasetAt)].find((at) => Buffer.compare(entryKeyOf(words, at), keyOf(name)) === 0)!;
  const payloadAt = (name: string): number => entryAt(name) + 1 + wordsFor(keyOf(name).length);
  const config = words[root + ROOT.at.config]! * 2;
  const listener = words[config + CONFIG.at.listeners]! * 2;
  const slotsAt = listener + LISTENER.at.slots;
  const route = (words[slotsAt + 1]! !== 0 ? words[slotsAt + 1]! : words[slotsAt + 3]!) * 2;
  const zoneInfo = words[route + ROUTE.at.steps + 1]! * 2;
  const page = [...pagesOf(words, datasetAt)][0]!;
  const usedSlot = Array.from({ length: 64 }, (_, slot) => page + slot * 2).find((at) => words[at + 1] !== 0)!;
  return {
    buffer,
    builder,
    words,
    root,
    datasetAt,
    entryAt,
    payloadAt,
    config,
    listener,
    route,
    zoneInfo,
    page,
    usedSlot,
  };
}

type Sound = ReturnType<typeof soundSnapshot>;

const OUTSIDE = 0x7fff_ffff;

/** What is damaged, how, and what the fault says. */
const DAMAGES: readonly (readonly [name: string, damage: (sound: Sound) => void, what: RegExp])[] = [
  ['header magic', ({ words }) => (words[0] = 1), /magic/],
  ['root reference', ({ words }) => (words[BUFFER_HEADER.at.root] = OUTSIDE), /^root at 2147483647: outside/],
  ['root reference into the header', ({ words }) => (words[BUFFER_HEADER.at.root] = 8), /outside of the blocks/],
  ['root magic', ({ words, root }) => (words[root] = 0), /^root at \d+: magic/],
  ['root version', ({ words, root }) => (words[root + ROOT.at.version] = 9), /version 9/],
  ['root generation', ({ words, root }) => (words[root + ROOT.at.generation] = 0), /generation 0/],
  ['dataset count', ({ words, root }) => (words[root + ROOT.at.datasetCount] = OUTSIDE), /end of the buffer/],
  ['config reference', ({ words, root }) => (words[root + ROOT.at.config] = 0), /^config at 0: outside/],
  ['listener count', ({ words, config }) => (words[config] = OUTSIDE), /^config .* end of the buffer/],
  ['slot mask', ({ words, listener }) => (words[listener + LISTENER.at.slotMask] = 2), /slotMask 2/],
  ['suffix labels', ({ words, listener }) => (words[listener + LISTENER.at.suffixLabelsMax] = 1), /suffixLabelsMax/],
  ['server zone size', ({ words, route }) => (words[route + ROUTE.at.serverZoneSize] = 0), /^route .*server zone size/],
  ['zone size', ({ words, route }) => words[route + ROUTE.at.zoneSize]!--, /^route .*(zone|label)/],
  ['zone name', ({ words, route }) => (words[route + ROUTE.at.steps + STEP_WORDS]! ^= 0x100), /hash of the zone/],
  ['step', ({ words, route }) => (words[route + ROUTE.at.steps] = 77), /step 77/],
  ['dataset of a zone', ({ words, zoneInfo }) => (words[zoneInfo + ZONE_INFO.at.dataset] = 1), /dataset 1/],
  ['key space of a zone', ({ words, zoneInfo }) => (words[zoneInfo + ZONE_INFO.at.keySpace] = 7), /keySpace 7/],
  ['key suffix', ({ words, zoneInfo }) => (words[zoneInfo + ZONE_INFO.at.keySuffixSize] = 99), /keySuffixSize 99/],
  ['serial of a zone', ({ words, zoneInfo }) => (words[zoneInfo + ZONE_INFO.at.serialField] = 99), /field 99/],
  ['apex', ({ words, zoneInfo }) => (words[zoneInfo + ZONE_INFO.at.apexSize] = 999), /apexSize 999/],
  ['primary', ({ words, zoneInfo }) => (words[zoneInfo + ZONE_INFO.at.primary]! ^= 0xff), /^zone info .* primary/],
  ['dataset reference', ({ words, root }) => (words[root + ROOT.at.datasets] = OUTSIDE), /^dataset 0 at .* outside/],
  ['depth 0', ({ words, datasetAt }) => (words[datasetAt + DATASET.at.depth] = 0), /depth 0/],
  ['depth', ({ words, datasetAt }) => (words[datasetAt + DATASET.at.depth] = 21), /depth 21/],
  ['entry count', ({ words, datasetAt }) => words[datasetAt + DATASET.at.entryCount]!++, /entryCount \d+, counted \d+/],
  ['dataset flags', ({ words, datasetAt }) => (words[datasetAt + DATASET.at.flags] = 8), /flags 8/],
  ['name servers', ({ words, datasetAt }) => (words[words[datasetAt + DATASET.at.ns]! * 2 + NS.words] = 0), /0 octets/],
  ['top reference', ({ words, datasetAt }) => (words[datasetAt + DATASET.at.top] = OUTSIDE), /^top at .* outside/],
  ['chunk reference', ({ words, datasetAt }) => (words[words[datasetAt]! * 2] = OUTSIDE), /^chunk at .* outside/],
  [
    'page reference',
    ({ words, datasetAt }) => (words[words[words[datasetAt]! * 2]! * 2] = OUTSIDE),
    /outside of the blocks|crooked row/,
  ],
  ['hash in a slot', ({ words, usedSlot }) => (words[usedSlot]! ^= 1), /^(page|entry) at .*(hash|hides)/],
  ['top bit of a hash', ({ words, usedSlot }) => (words[usedSlot]! ^= 0x8000_0000), /hash of another page/],
  ['entry reference', ({ words, usedSlot }) => (words[usedSlot + 1] = OUTSIDE), /^entry at .* outside/],
  ['an entry taken out', ({ words, usedSlot }) => (words[usedSlot + 1] = 0), /hides it|entryCount|child count/],
  [
    'two slots with one entry',
    ({ words, page, usedSlot }) => {
      const other = Array.from({ length: 64 }, (_, slot) => page + slot * 2).findLast((at) => words[at + 1] !== 0)!;
      words[other + 1] = words[usedSlot + 1]!;
    },
    /overlaps|hash of the key/,
  ],
  ['key size', ({ words, entryAt }) => words[entryAt('n-1.svc')]!++, /^entry at .*(label|padding|end)/],
  ['key space', ({ words, entryAt }) => (words[entryAt('n-1.svc')]! |= 8 << ENTRY_SPACE_SHIFT), /key space 8/],
  [
    'key space of pods',
    ({ words, entryAt }) => (words[entryAt('n-1.svc')]! |= 7 << ENTRY_SPACE_SHIFT),
    /kind \d in key space 7/,
  ],
  ['kind', ({ words, entryAt }) => (words[entryAt('n-1.svc')]! |= 0xf << ENTRY_KIND_SHIFT), /^entry at .* kind 15/],
  ['entry flags', ({ words, entryAt }) => (words[entryAt('n-1.svc')]! |= 0x8000 << ENTRY_FLAGS_SHIFT), /flags 32768/],
  ['a letter of a key', ({ words, entryAt }) => (words[entryAt('n-1.svc') + 1]! ^= 0x100), /hash of the key/],
  ['a label length', ({ words, entryAt }) => (words[entryAt('n-1.svc') + 1]! ^= 0x40), /label of 67 octets/],
  ['number of addresses', ({ words, payloadAt }) => (words[payloadAt('n-1.svc')] = OUTSIDE), /addresses run over/],
  [
    'number of SRV ports',
    ({ words, payloadAt }) => (words[payloadAt('n-1.svc') + ADDRESS.at.srv]! |= 0xf000),
    /overlaps/,
  ],
  ['group count', ({ words, payloadAt }) => words[payloadAt('web.svc') + ENDPOINTS.at.groupCount]!++, /^entry at/],
  [
    'SRV count',
    ({ words, payloadAt }) => words[payloadAt('web.svc') + ENDPOINTS.at.srvCount]!++,
    /srvCount, counted 3/,
  ],
  [
    'additional count',
    ({ words, payloadAt }) => words[payloadAt('web.svc') + ENDPOINTS.at.additionalCount]!--,
    /additionalCount, counted 3/,
  ],
  ['alias target', ({ words, payloadAt }) => words[payloadAt('alias.svc')]!++, /target/],
  ['RRset size', ({ words, payloadAt }) => (words[payloadAt('raw.svc') + 2] = OUTSIDE), /records run over/],
  ['target count', ({ words, payloadAt }) => (words[payloadAt('1.0.0.10')] = 0), /no target/],
  ['PTR target', ({ words, payloadAt }) => words[payloadAt('1.0.0.10') + 1]!++, /target/],
  ['child count', ({ words, payloadAt }) => words[payloadAt('0.10')]!++, /child count 2, counted 1/],
  ['child count at the top', ({ words, payloadAt }) => (words[payloadAt('10')] = 0), /child count 0, counted 1/],
  [
    'a reverse name in the forward space',
    ({ words, entryAt }) => (words[entryAt('10')]! &= ~(0xf << ENTRY_SPACE_SHIFT)),
    /hash of the key|no entry for the name above/,
  ],
];

for (const [name, damage, what] of DAMAGES) {
  test(`damage is found: ${name}`, () => {
    const sound = soundSnapshot();
    assert.equal(verifySnapshot(sound.buffer).entryCount, 107);
    damage(sound);
    assert.throws(() => verifySnapshot(sound.buffer), { code: 'SNAPSHOT_CORRUPT', message: what });
  });
}

test('a page that is too full is found: a reader would never meet a free slot', () => {
  const { buffer, words, page } = soundSnapshot();
  for (let at = page; at < page + PAGE_WORDS; at += 2) if (words[at + 1] === 0) words[at + 1] = 10_000;
  assert.ok(PAGE_FILL_MAX < 64);
  assert.throws(() => verifySnapshot(buffer), { code: 'SNAPSHOT_CORRUPT' });
});

test('the walk of a change set finds damage in its own blocks and leaves the others alone', () => {
  const { words, root, builder, payloadAt, entryAt } = soundSnapshot();
  const all = new Uint32Array(words.length / 64).fill(0xffff_ffff);
  const none = new Uint32Array(words.length / 64);
  const rootAlone = none.slice();
  rootAlone[root >>> 6]! |= 1 << ((root >>> 1) & 31);
  verifyChange(words, root / 2, all, true);
  words[payloadAt('web.svc') + ENDPOINTS.at.srvCount]!++;
  assert.throws(() => verifyChange(words, root / 2, all, true), { code: 'SNAPSHOT_CORRUPT', message: /srvCount/ });
  verifyChange(words, root / 2, rootAlone, true);
  words[payloadAt('web.svc') + ENDPOINTS.at.srvCount]!--;
  words[entryAt('n-1.svc') + 1]! ^= 0x100;
  assert.throws(() => verifyChange(words, root / 2, all, true), { message: /hash of the key/ });
  assert.equal(builder.hasChange, false);
});

test('a snapshot that fails its verification is never published', () => {
  const { builder, words, payloadAt } = soundSnapshot();
  const { root, generation } = builder.epochs;
  const dataset = builder.dataset(0);
  dataset.put(keyOf('new.svc'), addressContent(1));
  const isNew = words.lastIndexOf(0x7765_6e03); // the octets of "\3new"
  assert.ok(isNew > 0);
  // The page has the hash of the name beside it.
  const inPage = words.lastIndexOf((isNew - 1) / 2);
  assert.ok(inPage > 0);
  words[inPage - 1]! ^= 0x8000_0000;
  assert.throws(() => builder.publish(2), { code: 'SNAPSHOT_CORRUPT' });
  builder.abort();
  assert.deepEqual([builder.epochs.root, builder.epochs.generation], [root, generation]);
  assert.ok(payloadAt('web.svc') > 0);
});
