/** Zones of files on their way into the snapshot: where there is no room, where the configuration changes meanwhile. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { reserveSharedBuffer } from '../../../../src/memory/shared-buffer.ts';
import { MainCounters } from '../../../../src/observability/counters/server-metrics.ts';
import { RecordPublisher } from '../../../../src/server/objects/record-publisher.ts';
import type { PlannedZone } from '../../../../src/server/configuration/server-plan.ts';
import { ZoneTable } from '../../../../src/server/zones/zone-table.ts';
import { SnapshotBuilder } from '../../../../src/snapshot/builder.ts';
import { verifySnapshot } from '../../../../src/snapshot/verify.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-zones-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const RELOAD_MS = 20;
const DEADLINE_MS = 20_000;

async function setUp(name: string, text: string) {
  const buffer = reserveSharedBuffer({ sizeMax: 2 << 20, sizeMin: 2 << 20 });
  const builder = new SnapshotBuilder(buffer, { reserveChunkCount: 2 });
  const log: string[] = [];
  const publisher = new RecordPublisher({
    builder,
    datasetCount: 1,
    config: { listeners: [] },
    counters: new MainCounters(),
    log: (level, line) => log.push(`${level} ${line}`),
    fail: (error) => assert.fail(String(error)),
  });
  const file = path.join(folder, name);
  const plan: PlannedZone = {
    dataset: 0,
    plugin: 'file',
    origin: 'example.org.',
    file,
    reloadMs: RELOAD_MS,
    reloadsByTime: false,
  };
  const replace = (next: string): void => {
    writeFileSync(`${file}.new`, next);
    renameSync(`${file}.new`, file);
  };
  replace(text);
  const table = new ZoneTable(
    (dataset) => builder.dataset(dataset),
    publisher,
    (level, line) => log.push(`${level} ${line}`),
  );
  const change = await table.prepare([plan], new Map(), () => 0);
  change.commit();
  await publisher.start();
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    const endMs = performance.now() + DEADLINE_MS;
    while (!condition()) {
      assert.ok(performance.now() < endMs, `not within ${DEADLINE_MS} ms: ${what}, but:\n${log.join('\n')}`);
      await sleep(5);
    }
  };
  return { buffer, builder, publisher, table, plan, log, replace, until, serial: () => builder.dataset(0).serial };
}

function zone(serial: number, names: number): string {
  const more = Array.from({ length: names }, (_, index) => `h${index} A 192.0.2.${index % 250}\n`).join('');
  return `$TTL 5\n@ SOA ns host ${serial} 2 3 4 5\n${more}`;
}

test('a zone for which there is no room is said, and the one before stays; a smaller one is taken', async () => {
  const { buffer, builder, table, log, replace, until, serial } = await setUp('full', zone(1, 10));
  assert.equal(serial(), 1);
  replace(zone(2, 60_000));
  const isSaid = (): boolean =>
    log.some((line) => /zone "example\.org\." with 2 SOA serial is not served: SNAPSHOT_FULL/.test(line));
  await until(isSaid, 'said');
  assert.deepEqual([serial(), builder.dataset(0).entryCount], [1, 11]);
  verifySnapshot(buffer);
  replace(zone(3, 20));
  await until(() => serial() === 3, 'the smaller zone');
  assert.equal(builder.dataset(0).entryCount, 21);
  verifySnapshot(buffer);
  table.close();
});

test('a zone that leaves writes to its dataset no more, and goes on if it stays after all', async () => {
  const { table, replace, until, serial } = await setUp('leaving', zone(1, 1));
  const gone = await table.prepare([], new Map(), () => 0);
  gone.write();
  replace(zone(2, 1));
  await sleep(10 * RELOAD_MS);
  assert.equal(serial(), 1, 'paused');
  gone.revert();
  replace(zone(3, 1));
  await until(() => serial() === 3, 'it goes on');
  (await table.prepare([], new Map(), () => 0)).commit();
  replace(zone(4, 1));
  await sleep(10 * RELOAD_MS);
  assert.equal(serial(), 3, 'closed');
});

test('what is no zone file ends the start, and says where', async () => {
  await assert.rejects(setUp('broken', `${zone(1, 1)}x A 192.0.2\n`), {
    code: 'CONFIG_ARGUMENT',
    message: /zone "example\.org\.": .*broken:4:5: A: '192\.0\.2' is no IPv4 address/,
  });
  await assert.rejects(setUp('class', `${zone(1, 1)}x CH TXT a\n`), {
    message: /class:4:1: class 3 of x\.example\.org\. TXT/,
  });
});

test('two blocks with the same zone keep what they have, and both are let go', async () => {
  const { publisher, table, plan, replace, until, builder } = await setUp('twice', zone(1, 1));
  const both = [plan, { ...plan, dataset: 1 }];
  const numbers = new Map<number, number>();
  const taken: number[] = [];
  const take = (): number => {
    taken.push(taken.length + 1);
    return taken.length;
  };
  for (let round = 0; round < 3; round++) {
    const change = await table.prepare(both, numbers, take);
    await publisher.reconfigure({ listeners: [] }, new Set(numbers.values()), change);
    change.commit();
    assert.deepEqual([...numbers.values()], [0, 1]);
  }
  replace(zone(2, 1));
  await until(() => builder.dataset(0).serial === 2 && builder.dataset(1).serial === 2, 'both are read anew');
  const change = await table.prepare([], new Map(), take);
  await publisher.reconfigure({ listeners: [] }, new Set(), change);
  change.commit();
  replace(zone(3, 1));
  await sleep(5 * RELOAD_MS);
  assert.ok(![0, 1].some((dataset) => builder.dataset(dataset).serial === 3), 'nobody looks after the file any more');
  assert.deepEqual(taken, [1]);
  table.close();
});
