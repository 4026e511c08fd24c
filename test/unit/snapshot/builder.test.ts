import assert from 'node:assert/strict';
import { test } from 'node:test';

import { reverseKey4, reverseKey6 } from '../../../src/dns/name.ts';
import { EpochReader } from '../../../src/memory/epochs.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import {
  addressContent,
  comparableLines,
  keyOf,
  KEY_SPACE,
  labelOf,
  nameLines,
  setUpBuilder,
} from './snapshot-model.ts';

const manyName = (index: number): Uint8Array => keyOf(`name-${index}.default.svc`);

test('nothing is visible before it is published', () => {
  const { buffer, builder } = setUpBuilder();
  builder.dataset(0).put(keyOf('a.b.svc'), addressContent(1));
  assert.equal(builder.epochs.root, 0);
  const { generation } = builder.publish(1700)!;
  assert.deepEqual(nameLines(buffer), ['a.b.svc  A 0.0.0.1  SRV 0 100 80 a.b.svc']);
  builder.dataset(0).put(keyOf('a.b.svc'), addressContent(2));
  assert.match(nameLines(buffer)[0]!, /A 0\.0\.0\.1/);
  assert.equal(builder.publish(1701)!.generation, generation + 1);
  assert.match(nameLines(buffer)[0]!, /A 0\.0\.0\.2/);
});

test('equal content is no change: no publication, no block, no new serial', () => {
  const { builder } = setUpBuilder();
  const dataset = builder.dataset(0);
  const states = (): void => {
    dataset.put(keyOf('a.b.svc'), addressContent(1));
    dataset.put(keyOf('b.svc'), { kind: 'ent' });
    dataset.point(KEY_SPACE.REVERSE4, reverseKey4(1), keyOf('a.b.svc'), [labelOf('x'), labelOf('y')], false);
    dataset.nameServers([{ name: keyOf('ns.dns'), addresses4: [5], addresses6: [] }]);
    dataset.setSynced(true);
  };
  states();
  builder.publish(1700);
  const { liveSize } = builder;
  states();
  dataset.remove(keyOf('not.there'));
  dataset.point(KEY_SPACE.REVERSE4, reverseKey4(2), keyOf('a.b.svc'), [], false);
  assert.equal(builder.hasChange, false);
  assert.equal(builder.publish(1800), undefined);
  assert.equal(builder.liveSize, liveSize);
  assert.equal(dataset.serial, 1700);
});

test('the serial moves with records only, and only in the dataset that changed', () => {
  const { builder } = setUpBuilder();
  builder.dataset(0).put(keyOf('a'), addressContent(1));
  builder.dataset(1);
  builder.publish(100);
  assert.deepEqual([builder.dataset(0).serial, builder.dataset(1).serial], [100, 0]);
  builder.dataset(0).setSynced(true);
  builder.publish(200);
  assert.deepEqual([builder.dataset(0).serial, builder.dataset(0).isSynced], [100, true]);
  builder.dataset(1).put(keyOf('a'), addressContent(1));
  builder.publish(300);
  assert.deepEqual([builder.dataset(0).serial, builder.dataset(1).serial], [100, 300]);
});

test('a change set copies a page once, and costs the same in a small and in a large table', () => {
  const written: number[] = [];
  for (const count of [1000, 60_000]) {
    const { builder } = setUpBuilder(64 << 20);
    const dataset = builder.dataset(0);
    for (let index = 0; index < count; index++) dataset.put(manyName(index), addressContent(index));
    builder.publish(1);
    dataset.put(manyName(7), addressContent(99_999));
    const { writtenSize } = builder.publish(2)!;
    written.push(writtenSize);
    for (let round = 0; round < 10; round++) dataset.put(manyName(7), addressContent(100_000 + round));
    assert.equal(builder.publish(3)!.writtenSize, writtenSize, 'ten changes of one name cost what one costs');
  }
  assert.ok(written[1]! < written[0]! * 1.2, `${written}`);
  assert.ok(written[0]! < 4096, `${written}`);
});

test('a table that grew to 30,000 names and shrank again holds no more than an empty one', () => {
  const { buffer, builder } = setUpBuilder();
  const dataset = builder.dataset(0);
  builder.publish(1);
  const { liveSize } = builder;
  for (let index = 0; index < 30_000; index++) dataset.put(manyName(index), addressContent(index));
  builder.publish(2);
  assert.equal(verifySnapshot(buffer).entryCount, 30_000);
  for (let index = 0; index < 30_000; index++) dataset.remove(manyName(index));
  builder.publish(3);
  assert.equal(verifySnapshot(buffer).entryCount, 0);
  assert.equal(builder.liveSize, liveSize);
});

test('abort frees what the change set took, new datasets and the configuration included', () => {
  const { buffer, builder } = setUpBuilder();
  builder.dataset(0).put(keyOf('a'), addressContent(1));
  builder.publish(1);
  const { liveSize } = builder;
  const lines = nameLines(buffer);
  const added = builder.dataset(1);
  const change = (): void => {
    builder.dataset(0).remove(keyOf('a'));
    builder.dataset(0).setSynced(true);
    for (let index = 0; index < 500; index++) added.put(manyName(index), addressContent(index));
    builder.setConfig({ listeners: [{ id: 0, routes: [] }] });
  };
  change();
  builder.abort();
  assert.equal(builder.liveSize, liveSize);
  assert.equal(builder.dataset(0).isSynced, false);
  assert.deepEqual(nameLines(buffer), lines);
  change();
  builder.publish(2);
  assert.equal(builder.dataset(1), added, 'a dataset someone holds is still the one that is published');
  assert.equal(nameLines(buffer).length, 500);
  verifySnapshot(buffer);
});

test('a dropped dataset leaves no block', () => {
  const { buffer, builder } = setUpBuilder();
  builder.dataset(0).put(keyOf('a'), addressContent(1));
  builder.publish(1);
  const { liveSize } = builder;
  for (let index = 0; index < 500; index++) builder.dataset(1).put(manyName(index), addressContent(index));
  builder.dataset(1).nameServers([{ name: keyOf('ns'), addresses4: [1], addresses6: [] }]);
  builder.publish(2);
  builder.dropDatasets(1);
  builder.publish(3);
  assert.equal(builder.liveSize, liveSize);
  assert.equal(verifySnapshot(buffer).entryCount, 1);
});

test('a reader keeps the snapshot it entered, whatever is published, until it leaves', () => {
  const { buffer, builder, words } = setUpBuilder();
  const dataset = builder.dataset(0);
  for (let index = 0; index < 200; index++) dataset.put(manyName(index), addressContent(index));
  builder.publish(1);
  const { liveSize } = builder;
  const reader = new EpochReader(buffer, builder.epochs.claimSlot(1));
  const root = reader.enter();
  const before = words.slice(root * 2, root * 2 + 6);
  for (let round = 0; round < 50; round++) {
    for (let index = 0; index < 200; index++) dataset.put(manyName(index), addressContent(1000 * round + index));
    builder.publish(2);
  }
  assert.deepEqual(words.slice(root * 2, root * 2 + 6), before);
  const { retainedSize, retainedCount } = builder.statistics();
  assert.ok(retainedSize > 40 * 200 * 40 && retainedCount > 40 * 200, `${retainedSize} in ${retainedCount}`);
  reader.leave();
  assert.equal(builder.publish(3), undefined, 'nothing changed, but what was retained is freed');
  assert.equal(builder.statistics().retainedSize, 0);
  assert.equal(builder.liveSize, liveSize);
});

test('a full buffer: the last snapshot stays, the change set is given up, and can be made again later', () => {
  const { buffer, builder } = setUpBuilder(1 << 20, { reserveChunkCount: 2 });
  const dataset = builder.dataset(0);
  dataset.put(keyOf('kept.svc'), addressContent(42));
  builder.publish(1);
  const { liveSize } = builder;
  const lines = nameLines(buffer);
  const fill = (count: number): void => {
    for (let index = 0; index < count; index++) dataset.put(manyName(index), addressContent(index));
  };
  for (let attempt = 0; attempt < 3; attempt++) {
    assert.throws(() => fill(100_000), { code: 'SNAPSHOT_FULL' });
    assert.throws(() => builder.publish(2), { code: 'INTERNAL_ASSERTION' }, 'half a change set is never published');
    builder.abort();
    assert.deepEqual(nameLines(buffer), lines);
    assert.equal(builder.liveSize, liveSize);
  }
  fill(2000);
  builder.publish(3);
  assert.equal(verifySnapshot(buffer).entryCount, 2001);
});

test('in a full buffer names can be removed and replaced by others of their size, which makes room', () => {
  const { buffer, builder } = setUpBuilder(1 << 20, { reserveChunkCount: 3 });
  const dataset = builder.dataset(0);
  let count = 0;
  for (let isFull = false; !isFull;) {
    try {
      for (let index = 0; index < 50; index++) dataset.put(manyName(count + index), addressContent(1));
      builder.publish(1);
      count += 50;
    } catch {
      builder.abort();
      isFull = true;
    }
  }
  assert.ok(count > 3000, String(count));
  assert.equal(verifySnapshot(buffer).entryCount, count);
  for (let index = 0; index < count; index += 100) {
    dataset.put(manyName(index), addressContent(2));
    dataset.remove(manyName(index + 1));
    builder.publish(2);
  }
  for (let index = 2; index < count; index += 10) {
    dataset.remove(manyName(index));
    builder.publish(3);
  }
  const left = verifySnapshot(buffer).entryCount;
  assert.equal(nameLines(buffer).filter((line) => line.includes('A 0.0.0.2')).length, Math.ceil(count / 100));
  for (let index = 0; index < 50; index++) dataset.put(manyName(count + index), addressContent(3));
  builder.publish(4);
  assert.equal(verifySnapshot(buffer).entryCount, left + 50);
});

test('what a hanging reader retains can fill the buffer, and is there again once its slot is released', () => {
  const { buffer, builder } = setUpBuilder(1 << 20);
  const dataset = builder.dataset(0);
  for (let index = 0; index < 1000; index++) dataset.put(manyName(index), addressContent(0));
  builder.publish(1);
  const slot = builder.epochs.claimSlot(9);
  new EpochReader(buffer, slot).enter();
  let rounds = 0;
  const churn = (): void => {
    for (let index = 0; index < 1000; index++) dataset.put(manyName(index), addressContent(rounds + 1));
    builder.publish(2);
    rounds++;
  };
  assert.throws(
    () => {
      for (;;) churn();
    },
    { code: 'SNAPSHOT_FULL' },
  );
  builder.abort();
  assert.ok(builder.statistics().retainedSize > 200_000);
  verifySnapshot(buffer);
  const grow = (): void => {
    for (let index = 1000; index < 4000; index++) dataset.put(manyName(index), addressContent(0));
  };
  assert.throws(grow, { code: 'SNAPSHOT_FULL' });
  builder.abort();
  builder.epochs.releaseSlot(slot);
  grow();
  builder.abort();
  for (let more = 0; more < 20; more++) churn();
  assert.equal(verifySnapshot(buffer).entryCount, 1000);
});

test('PTR targets: a cluster IP is first and alone answered; a Service touches its own targets only', () => {
  const { buffer, builder } = setUpBuilder();
  const dataset = builder.dataset(0);
  const address = reverseKey4(0x0a00_0001);
  const lines = (): string[] => {
    builder.publish(1);
    return comparableLines(buffer).filter((line) => line.startsWith('1.0.0.10'));
  };
  dataset.point(KEY_SPACE.REVERSE4, address, keyOf('web.default.svc'), [labelOf('a'), labelOf('b')], false);
  dataset.point(KEY_SPACE.REVERSE4, address, keyOf('db.default.svc'), [labelOf('db-0')], false);
  assert.deepEqual(lines(), ['1.0.0.10  PTR a.web.default.svc  PTR b.web.default.svc  PTR db-0.db.default.svc']);
  dataset.point(KEY_SPACE.REVERSE4, address, keyOf('zz.default.svc'), [], true);
  builder.publish(1);
  const line = nameLines(buffer).find((text) => text.startsWith('1.0.0.10'));
  assert.match(line!, /^1\.0\.0\.10 {2}PTR zz\.default\.svc {2}PTR .*\(only the first is answered\)$/);
  dataset.point(KEY_SPACE.REVERSE4, address, keyOf('web.default.svc'), [labelOf('b')], false);
  dataset.point(KEY_SPACE.REVERSE4, address, keyOf('zz.default.svc'), [], false);
  assert.deepEqual(lines(), ['1.0.0.10  PTR b.web.default.svc  PTR db-0.db.default.svc']);
});

test('a Service whose name ends like another, length octet included, keeps its PTR target', () => {
  const { buffer, builder } = setUpBuilder();
  const dataset = builder.dataset(0);
  const address = reverseKey4(1);
  const name = 's'.repeat(48);
  assert.equal(String.fromCodePoint(48), '0');
  dataset.point(KEY_SPACE.REVERSE4, address, keyOf(`x0${name}.n.svc`), [], true);
  dataset.point(KEY_SPACE.REVERSE4, address, keyOf(`${name}.n.svc`), [], false);
  builder.publish(1);
  assert.ok(nameLines(buffer).some((line) => line.includes(`PTR x0${name}.n.svc`)));
});

test('reverse empty non-terminals come with the first address below them and go with the last', () => {
  const { buffer, builder } = setUpBuilder();
  const dataset = builder.dataset(0);
  const point = (address: Uint8Array, isThere: boolean): void => {
    const keySpace = address.length < 20 ? KEY_SPACE.REVERSE4 : KEY_SPACE.REVERSE6;
    dataset.point(keySpace, address, keyOf('s.n.svc'), isThere ? [labelOf('e')] : [], false);
  };
  const ents = (): string[] => {
    builder.publish(1);
    verifySnapshot(buffer);
    return nameLines(buffer).flatMap((line) => (line.endsWith('  ENT') ? [line.split('  ')[0]!] : []));
  };
  point(reverseKey4(0x0a60_0001), true);
  point(reverseKey4(0x0a60_0101), true);
  point(reverseKey4(0x0a61_0001), true);
  assert.deepEqual(ents(), ['10', '96.10', '0.96.10', '1.96.10', '97.10', '0.97.10']);
  point(reverseKey4(0x0a60_0001), false);
  point(reverseKey4(0x0a61_0001), false);
  assert.deepEqual(ents(), ['10', '96.10', '1.96.10']);
  point(reverseKey4(0x0a60_0101), false);
  assert.deepEqual(ents(), []);
  point(reverseKey6([0xfd00_0000, 0, 0, 1]), true);
  point(reverseKey6([0xfd00_0000, 0, 0, 2]), true);
  assert.equal(ents().length, 31);
  point(reverseKey6([0xfd00_0000, 0, 0, 1]), false);
  point(reverseKey6([0xfd00_0000, 0, 0, 2]), false);
  assert.deepEqual(ents(), []);
  assert.equal(dataset.entryCount, 0);
});

test('one address of 2,000 Services: every other one leaves', () => {
  const { buffer, builder } = setUpBuilder(64 << 20);
  const dataset = builder.dataset(0);
  const address = reverseKey4(0x0a00_0001);
  for (let index = 0; index < 2000; index++) {
    dataset.point(KEY_SPACE.REVERSE4, address, keyOf(`service-${index}.default.svc`), [labelOf('node')], false);
  }
  builder.publish(1);
  verifySnapshot(buffer);
  for (let index = 0; index < 2000; index += 2) {
    dataset.point(KEY_SPACE.REVERSE4, address, keyOf(`service-${index}.default.svc`), [], false);
  }
  builder.publish(2);
  const line = nameLines(buffer).find((text) => text.startsWith('1.0.0.10'))!;
  assert.equal(line.split('  ').length, 1001);
});
