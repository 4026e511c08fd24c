/** Transfers of zones with records of their own: what is in them, in which order, in messages of which size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeName } from '../../../src/dns/iana.ts';
import { parseName } from '../../../src/dns/name.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { PLUGIN } from '../../../src/observability/counters/shard-counters.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { SnapshotReader } from '../../../src/snapshot/reader.ts';
import { writeStoredZone } from '../../../src/transfer/stored-records.ts';
import { TransferMessage } from '../../../src/transfer/transfer-message.ts';
import { findTransferZone } from '../../../src/transfer/transfer-zone.ts';
import { PAUSE } from '../../../src/transfer/zone-records.ts';
import { publishZone } from '../../../src/zones/publish-zone.ts';
import { formatName } from '../../wire/names.ts';
import { buildQuery } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { zoneOf } from '../zones/zone-fixture.ts';

const ZONE = 'example.org.';
const SOA = '@ 60 SOA ns host 7 1 2 3 30\n';

/** The messages of a transfer. */
function transfer(text: string, isLoaded = true): Buffer[] {
  const buffer = reserveSharedBuffer({ sizeMax: 16 << 20 });
  const builder = new SnapshotBuilder(buffer);
  const zone = parseName(ZONE)!;
  const dataset = builder.dataset(0);
  if (isLoaded) for (const _ of publishZone(dataset, zoneOf(text, ZONE))) void _;
  const steps = [{ kind: 'zone', zone, dataset: 0, plugin: PLUGIN.FILE } as const];
  builder.setConfig({ listeners: [{ id: 0, routes: [{ zone, scope: 0, steps }] }] });
  builder.publish(1);
  const reader = new SnapshotReader(buffer, builder.epochs.claimSlot(1));
  reader.enter();
  const found = findTransferZone(reader, 0, zone, 0);
  if (found === undefined) return [];
  assert.equal(found.kind, 'stored');
  assert.equal(found.serial, 7);
  const question = buildQuery({ name: ZONE, type: 252 });
  const message = new TransferMessage({
    question,
    isRecursionAvailable: false,
    opt: new Uint8Array(0),
    tsig: undefined,
  });
  const messages: Buffer[] = [];
  for (const pause of found.kind === 'stored' ? writeStoredZone(found, message) : []) {
    if (pause !== PAUSE.TIME) messages.push(message.finish().subarray(2));
  }
  return messages;
}

function lines(messages: readonly Buffer[]): string[] {
  return messages.flatMap((message) =>
    decodeStrictly(message).answer.map(
      ({ owner, ttlSeconds, type, rdata }) => `${formatName(owner)} ${ttlSeconds} ${typeName(type)} ${rdata}`,
    ),
  );
}

test('all records, glue too, in canonical order between two SOA records', () => {
  const text = `${SOA}z 1 A 192.0.2.1
@ 2 NS ns.sub
sub 3 NS ns.sub
ns.sub 4 A 192.0.2.2
*.w 5 TXT "a"
@ 6 TYPE65280 \\# 1 07
a.b.c 7 A 192.0.2.3
`;
  const soa = 'example.org. 60 SOA ns.example.org. host.example.org. 7 1 2 3 30';
  assert.deepEqual(lines(transfer(text)), [
    soa,
    'example.org. 2 NS ns.sub.example.org.',
    'example.org. 6 TYPE65280 \\# 1 07',
    'a.b.c.example.org. 7 A 192.0.2.3',
    'sub.example.org. 3 NS ns.sub.example.org.',
    'ns.sub.example.org. 4 A 192.0.2.2',
    '*.w.example.org. 5 TXT "a"',
    'z.example.org. 1 A 192.0.2.1',
    soa,
  ]);
});

test('many messages, none above 16384 octets but for a record that is larger by itself', () => {
  const many = Array.from({ length: 3000 }, (_, index) => `n${index} 5 A 192.0.2.1\n`).join('');
  const strings = Array.from({ length: 150 }, () => `"${'x'.repeat(255)}"`).join(' ');
  const messages = transfer(`${SOA}${many}big 5 TXT ${strings}\n`);
  assert.equal(lines(messages).length, 3003);
  const large = messages.filter(({ length }) => length > 16_384);
  assert.equal(large.length, 1);
  assert.ok(large[0]!.length > 150 * 256 && decodeStrictly(large[0]!).answer.length === 1);
});

test('a zone that is not loaded has no transfer', () => {
  assert.deepEqual(transfer(SOA, false), []);
});
