/** How zones are sent: one snapshot from beginning to end, a few at a time, no faster than clients take them. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RCODE, TYPE } from '../../../src/dns/iana.ts';
import { SCOPE_CELLS } from '../../../src/observability/counters/counter-layout.ts';
import { TRANSFERS_MAX } from '../../../src/resolver/resolver-options.ts';
import { buildIxfr } from '../../wire/query.ts';
import { namespace, service } from '../records/cluster.ts';
import { eventually } from '../resolver/tcp-fixture.ts';
import { Sending } from './sender-fixture.ts';
import { Zones } from './zone-fixture.ts';

/** The scope of the zone's route, and the first cell of what was sent over TCP. */
const SCOPE = 1;
const SENT_AT = SCOPE_CELLS.at.responseSizeSum + 2;
const SERVICES = 2000;
/** More than one, so that clients can stop between them. */
const FIRST_MESSAGES = 1;

function start(t: TestContext, sizeMax = 16 << 20): { readonly zones: Zones; readonly sending: Sending } {
  const zones = new Zones({
    objects: [
      namespace('default'),
      ...Array.from({ length: SERVICES }, (_, index) => service(`default/s${index}`, [addressOf(index)])),
    ],
    sizeMax,
  });
  const sending = new Sending(zones);
  t.after(() => sending.sender.close());
  return { zones, sending };
}

function addressOf(index: number): string {
  return `10.96.${index >> 8}.${index & 255}`;
}

test('a transfer that a client takes slowly shows one state of the zone, whatever changes meanwhile', async (t) => {
  const { zones, sending } = start(t);
  const before = zones.lines('cluster.local.');
  const slow = sending.ask({}, FIRST_MESSAGES);
  await eventually(() => slow.messages.length === FIRST_MESSAGES, 'the first message');
  for (let index = 0; index < SERVICES; index++) zones.put(service(`default/s${index}`, [addressOf(30_000 + index)]));
  zones.builder.publish(2000);
  assert.ok(zones.builder.statistics().retainedCount > SERVICES, 'what it goes on with is kept');
  sending.resume(slow);
  await eventually(() => slow.isComplete, 'all of it');
  assert.deepEqual(slow.lines, before);
  zones.builder.epochs.reclaim();
  assert.equal(zones.builder.statistics().retainedCount, 0, 'nothing is kept when it is done');
  const after = sending.ask();
  await eventually(() => after.isComplete, 'the zone of now');
  assert.deepEqual(after.lines, zones.lines('cluster.local.'));
  assert.notDeepEqual(after.lines, before);
  assert.match(
    sending.log[0]!,
    /Outgoing transfer of 2003 records of zone "cluster.local." to 192.0.2.7 for 1000 SOA serial/,
  );
});

test('a client that is slower than memory allows gets no end of the zone', async (t) => {
  const { zones, sending } = start(t, 64 << 20);
  const slow = sending.ask({}, FIRST_MESSAGES);
  await eventually(() => slow.messages.length === FIRST_MESSAGES, 'the first message');
  const rrsets = (octet: number) => [{ type: TYPE.TXT, count: 1, records: new Uint8Array(60_000).fill(octet) }];
  for (let round = 0; round < 300; round++) {
    zones.builder.dataset(0).put(Uint8Array.of(1, 0x78), { kind: 'raw', rrsets: rrsets(round) });
    zones.builder.publish(2000 + round);
  }
  assert.ok(zones.builder.statistics().retainedSize < 1 << 20, 'what it held is free');
  sending.resume(slow);
  await eventually(() => slow.isCut, 'the end of the connection');
  assert.equal(slow.messages.length, FIRST_MESSAGES);
  assert.match(sending.log[0]!, /was cut: the zone changes faster/);
});

test('what a secondary gets under a serial is the last content with that serial', async (t) => {
  const { zones, sending } = start(t);
  while (Date.now() % 1000 > 600) await new Promise((resolve) => setTimeout(resolve, 50));
  const serial = Math.floor(Date.now() / 1000);
  zones.put(service('default/first', ['10.97.0.1']));
  zones.builder.publish(serial);
  const client = sending.ask();
  await new Promise((resolve) => setImmediate(resolve));
  zones.put(service('default/second', ['10.97.0.2']));
  zones.builder.publish(serial);
  await eventually(() => client.isComplete, 'the zone');
  assert.ok(client.lines.includes('second.default.svc.cluster.local. A 10.97.0.2'));
  assert.ok(client.lines[0]!.includes(` ${serial} `));
});

test('a few are sent at a time, the next when one is done or gone', async (t) => {
  const { sending } = start(t);
  const clients = Array.from({ length: TRANSFERS_MAX + 2 }, () => sending.ask({}, FIRST_MESSAGES));
  const begun = (): number => clients.filter(({ messages }) => messages.length > 0).length;
  await eventually(() => begun() === TRANSFERS_MAX, 'the first ones begin');
  assert.deepEqual([sending.sender.runningCount, sending.sender.waitingCount], [TRANSFERS_MAX, 2]);
  sending.resume(clients[0]!);
  await eventually(() => clients[0]!.isComplete && begun() === TRANSFERS_MAX + 1, 'one is done, the next begins');
  sending.sender.onGone(clients[1]!.token);
  await eventually(() => begun() === TRANSFERS_MAX + 2, 'one is gone, the next begins');
});

test('more than can wait are turned away', async (t) => {
  const { sending } = start(t);
  const clients = Array.from({ length: 80 }, () => sending.ask({}, FIRST_MESSAGES));
  const refused = clients.filter(({ messages }) => messages.length > 0);
  assert.ok(refused.length > 0 && refused.length < 40);
  for (const { rcodes } of refused) assert.deepEqual(rcodes, [RCODE.SERVFAIL]);
});

test('a zone that is gone when its turn comes is SERVFAIL', async (t) => {
  const { zones, sending } = start(t);
  const client = sending.ask({ edns: {} });
  zones.builder.setConfig({ listeners: [] });
  zones.builder.publish(2000);
  await eventually(() => client.isComplete, 'an answer');
  assert.deepEqual(client.rcodes, [RCODE.SERVFAIL]);
});

test('an IXFR from an older serial is the whole zone, one from this or a later serial the SOA record', async (t) => {
  const { zones, sending } = start(t);
  zones.put(service('default/new', ['10.98.0.1']));
  zones.builder.publish(1001);
  const ixfr = (serial: number) => sending.ask(buildIxfr('cluster.local.', serial));
  const older = [ixfr(1000), ixfr(0), ixfr(0xf000_0000)];
  for (const client of older) await eventually(() => client.isComplete, 'the zone');
  for (const { lines } of older) assert.deepEqual(lines, zones.lines('cluster.local.'));
  for (const serial of [1001, 1002, 0x8000_0000]) {
    assert.deepEqual(ixfr(serial).lines, [zones.lines('cluster.local.')[0]], String(serial));
  }
});

test('a transfer is counted once, with all its octets', async (t) => {
  const { sending } = start(t);
  const client = sending.ask();
  await eventually(() => client.isComplete, 'the zone');
  const size = client.messages.reduce((sum, { length }) => sum + length, 0);
  const { counters } = sending;
  assert.equal(counters.shardRequests(0), 1);
  assert.equal(counters.total(SCOPE, SENT_AT), size);
});
