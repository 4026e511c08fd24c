/** Query events from a shard's writer to main's reader. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { QueryEventReader } from '../../../../src/observability/queries/query-event-reader.ts';
import type { QueryEvent } from '../../../../src/observability/queries/query-event-reader.ts';
import {
  QUERY_EVENT,
  QUERY_EVENT_FLAG,
  createQueryEventBuffer,
} from '../../../../src/observability/queries/query-event-ring.ts';
import { QueryEventWriter } from '../../../../src/observability/queries/query-event-writer.ts';
import { CLIENT_AT, MESSAGE_AT, addEvent, arenaOf } from '../query-event-fixture.ts';

const RING_WORDS = 256;

function drainAll<T>(reader: QueryEventReader, read: (event: QueryEvent) => T): T[] {
  const seen: T[] = [];
  reader.drain((event) => seen.push(read(event)));
  return seen;
}

test('what was added is seen after the commit, with the time the batch took', () => {
  const buffer = createQueryEventBuffer(1);
  const writer = new QueryEventWriter(buffer, 0);
  const reader = new QueryEventReader(buffer);
  addEvent(writer, { name: 'A.Test', id: 1 });
  addEvent(writer, { name: 'b.test', id: 2 });
  assert.deepEqual(
    drainAll(reader, ({ id }) => id),
    [],
    'before the commit',
  );
  const beforeMs = Date.now();
  writer.commit(7_000.000_123);
  const seen = drainAll(reader, (event) => [event.id, event.name, event.durationNs, event.timeMs] as const);
  assert.deepEqual(
    seen.map(([id, name, durationNs]) => [id, name, durationNs]),
    [
      [1, 'a.test.', 7_000_000_123],
      [2, 'b.test.', 7_000_000_123],
    ],
  );
  assert.ok(seen.every(([, , , timeMs]) => timeMs >= beforeMs && timeMs <= Date.now()));
  writer.commit(1);
  assert.deepEqual(
    drainAll(reader, ({ id }) => id),
    [],
    'once',
  );
});

test('every fact comes through', () => {
  const buffer = createQueryEventBuffer(2);
  const writer = new QueryEventWriter(buffer, 1);
  const { LOG, ERRORS, STREAM, DNSSEC_OK, UPSTREAM_STREAM } = QUERY_EVENT_FLAG;
  const client = [0x20, 0x01, 0x0d, 0xb8, ...Array(11).fill(0), 1];
  Object.assign(writer.facts, {
    flags: LOG | ERRORS | STREAM | DNSSEC_OK | UPSTREAM_STREAM,
    scope: 70_000,
    listener: 3,
    clientPort: 65_535,
    queryFlags: 0x0130,
    udpSize: 65_534,
    querySize: 65_533,
    rcode: 23,
    error: 9,
    errorDetail: 0xffff_fffe,
    upstreamSize: 4,
    upstreamPort: 5353,
  });
  writer.facts.upstream.set([192, 0, 2, 53]);
  const { arena, size } = arenaOf({ name: 'x.y', id: 0xfffe, flags: 0x8583, type: 65_280, class: 4, client });
  writer.add(arena, MESSAGE_AT, size, arena, CLIENT_AT, 16);
  writer.commit(0.25);
  const [seen] = drainAll(new QueryEventReader(buffer), (event) => ({
    ...event,
    name: event.name,
    texts: [event.proto, event.typeText, event.classText, event.rcodeText, event.clientText, event.upstreamText],
    isDnssecOk: event.has(DNSSEC_OK),
  }));
  assert.deepEqual(
    {
      scope: seen?.scope,
      listener: seen?.listener,
      id: seen?.id,
      responseFlags: seen?.responseFlags,
      queryFlags: seen?.queryFlags,
      udpSize: seen?.udpSize,
      querySize: seen?.querySize,
      responseSize: seen?.responseSize,
      uncompressedSize: seen?.uncompressedSize,
      clientPort: seen?.clientPort,
      error: seen?.error,
      errorDetail: seen?.errorDetail,
      name: seen?.name,
      texts: seen?.texts,
      isDnssecOk: seen?.isDnssecOk,
    },
    {
      scope: 70_000,
      listener: 3,
      id: 0xfffe,
      responseFlags: 0x8583,
      queryFlags: 0x0130,
      udpSize: 65_534,
      querySize: 65_533,
      responseSize: size,
      uncompressedSize: size,
      clientPort: 65_535,
      error: 9,
      errorDetail: 0xffff_fffe,
      name: 'x.y.',
      texts: ['tcp', 'TYPE65280', 'HS', 'BADCOOKIE', '2001:db8::1', '192.0.2.53:5353'],
      isDnssecOk: true,
    },
  );
});

test('names of every size go through the end of the ring and on at its start', () => {
  const buffer = createQueryEventBuffer(1, RING_WORDS);
  const writer = new QueryEventWriter(buffer, 0);
  const reader = new QueryEventReader(buffer);
  for (let size = 0; size < 500; size++) {
    const labels = Array.from({ length: size % 63 }, (_, index) => String.fromCharCode(97 + ((index + size) % 26)));
    const name = [labels.join(''), 'x'.repeat(size % 50), 'y'.repeat(size % 40)]
      .filter((label) => label !== '')
      .join('.');
    addEvent(writer, { name, id: size });
    writer.commit(size / 100);
    assert.deepEqual(
      drainAll(reader, (event) => [event.id, event.name, event.durationNs, event.clientText, event.uncompressedSize]),
      [
        [
          size,
          name === '' ? '.' : `${name}.`,
          size * 10_000,
          '192.0.2.1',
          12 + (name === '' ? 1 : name.length + 2) + 4,
        ],
      ],
    );
  }
  assert.equal(reader.dropped, 0);
});

test('a full ring drops events and counts them; what is in it stays whole', () => {
  const buffer = createQueryEventBuffer(1, RING_WORDS);
  const writer = new QueryEventWriter(buffer, 0);
  const reader = new QueryEventReader(buffer);
  const fitting = Math.floor(RING_WORDS / (QUERY_EVENT.words + 2));
  for (let id = 0; id < 20; id++) addEvent(writer, { name: 'a.bcd', id });
  writer.commit(1);
  const ids = drainAll(reader, ({ id, name }) => [id, name]);
  assert.deepEqual(
    ids,
    Array.from({ length: fitting }, (_, id) => [id, 'a.bcd.']),
  );
  assert.equal(reader.dropped, 20 - fitting);
  addEvent(writer, { name: 'a.bcd', id: 99 });
  writer.commit(1);
  assert.deepEqual(
    drainAll(reader, ({ id }) => id),
    [99],
    'there is room again',
  );
  assert.equal(reader.dropped, 20 - fitting);
});

test('a drop is told even if nothing else is to be', () => {
  const buffer = createQueryEventBuffer(1, RING_WORDS);
  const writer = new QueryEventWriter(buffer, 0);
  const reader = new QueryEventReader(buffer);
  for (let id = 0; id < 20; id++) addEvent(writer, { name: 'a.bcd', id });
  writer.commit(1);
  reader.drain(() => undefined, 0);
  const before = reader.dropped;
  addEvent(writer, { name: 'a.bcd', id: 1 });
  writer.commit(1);
  reader.drain(() => undefined, 0);
  assert.equal(reader.dropped, before + 1);
});

test('a thread that takes over goes on behind what was committed; what was not is gone', () => {
  const buffer = createQueryEventBuffer(1, RING_WORDS);
  const reader = new QueryEventReader(buffer);
  const first = new QueryEventWriter(buffer, 0);
  addEvent(first, { name: 'a.test', id: 1 });
  first.commit(1);
  addEvent(first, { name: 'a.test', id: 2 });
  const second = new QueryEventWriter(buffer, 0);
  addEvent(second, { name: 'a.test', id: 3 });
  second.commit(1);
  assert.deepEqual(
    drainAll(reader, ({ id }) => id),
    [1, 3],
  );
});

test('a turn takes no more than it may, of each shard, and says that there is more', () => {
  const buffer = createQueryEventBuffer(2);
  const reader = new QueryEventReader(buffer);
  for (const shard of [0, 1]) {
    const writer = new QueryEventWriter(buffer, shard);
    for (let id = 0; id < 3; id++) addEvent(writer, { name: 'a.test', id: shard * 10 + id });
    writer.commit(1);
  }
  const seen: number[] = [];
  assert.equal(
    reader.drain(({ id }) => seen.push(id), 2),
    true,
  );
  assert.deepEqual(seen, [0, 1, 10, 11]);
  assert.equal(
    reader.drain(({ id }) => seen.push(id), 2),
    false,
  );
  assert.deepEqual(seen, [0, 1, 10, 11, 2, 12]);
});

for (const [octets, text] of [
  [[4, 0x57, 0x65, 0x42, 0x2a, 0], 'web*.'],
  [[3, 0x61, 0x0a, 0x62, 1, 0x2e, 0], 'a\\010b.\\..'],
  [[2, 0xff, 0x22, 0], '\\255\\".'],
  [[0], '.'],
] as const) {
  test(`a name is text on one line: ${text}`, () => {
    const buffer = createQueryEventBuffer(1);
    const writer = new QueryEventWriter(buffer, 0);
    addEvent(writer, { name: octets, id: 1 });
    writer.commit(1);
    assert.deepEqual(
      drainAll(new QueryEventReader(buffer), ({ name }) => [name, name]),
      [[text, text]],
    );
  });
}

test('a thread writes while another reads: nothing is torn, nothing is lost unseen', { timeout: 20_000 }, async () => {
  const buffer = createQueryEventBuffer(1, 1024);
  const count = 10_000;
  const worker = new Worker(new URL('../query-event-writer.worker.ts', import.meta.url), {
    workerData: { buffer, count },
  });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => resolve());
    worker.once('error', reject);
  });
  const reader = new QueryEventReader(buffer);
  let seen = 0;
  let last = -1;
  const visit = (event: QueryEvent): void => {
    // what an event says of itself, three times
    const number = event.errorDetail;
    assert.equal(event.name, `n${number}.test.`);
    assert.equal(event.durationNs, number);
    assert.ok(number > last, 'in order');
    last = number;
    seen++;
  };
  let isOver = false;
  void ended.then(() => (isOver = true));
  while (!isOver) {
    reader.drain(visit);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  reader.drain(visit);
  assert.ok(seen > 0);
  assert.equal(seen + reader.dropped, count);
});
