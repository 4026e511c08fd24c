/** Zones made of transfers: whole ones, differences, and what primaries send that is neither. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../../../src/dns/name.ts';
import { type HeldZone, ZoneReader } from '../../../src/secondary/zone-reader.ts';
import type { Zone } from '../../../src/zones/zone-data.ts';
import {
  A,
  addressOf,
  AXFR,
  finish,
  heldRecord,
  ID,
  IXFR,
  messageOf,
  NS,
  recordOf,
  soaOf,
  textsOf,
  TXT,
  ZONE,
} from './transfer-messages.ts';

const AXFR_ASKED = { id: ID, zone: ZONE, qtype: AXFR };
const IXFR_ASKED = { id: ID, zone: ZONE, qtype: IXFR };
const WWW = 'www.example.org.';

function readAll(
  messages: readonly Buffer[],
  held?: HeldZone,
  limits = { records: 1000, octets: 100_000 },
): Zone | undefined {
  const reader = new ZoneReader(held === undefined ? AXFR_ASKED : IXFR_ASKED, held, limits);
  for (const message of messages) {
    assert.equal(reader.isComplete, false, 'asked for more than there is to come');
    finish(reader.take(message));
  }
  return finish(reader.finish());
}

const HELD: HeldZone = {
  serial: 1,
  records: () => [
    heldRecord('example.org.', 6, soaOf(1).subarray(13 + 10)),
    heldRecord(WWW, A, Buffer.of(192, 0, 2, 1)),
    heldRecord(WWW, A, Buffer.of(192, 0, 2, 2)),
    heldRecord('a.example.org.', A, Buffer.of(192, 0, 2, 3)),
  ],
};

test('a zone comes in one message or in many, with the question in the first or not at all', () => {
  const expected = ['@ 6 300 7', 'a 1 300 192.0.2.2', 'www 1 300 192.0.2.1'];
  const records = [soaOf(7), addressOf(WWW, 1), addressOf('a.example.org.', 2), soaOf(7)];
  assert.deepEqual(textsOf(readAll([messageOf(records, { question: { qtype: AXFR } })])!), expected);
  assert.deepEqual(textsOf(readAll(records.map((record) => messageOf([record])))!), expected);
});

test('owner names and names in data are compressed, in any letter case', () => {
  const question = { qtype: AXFR, name: Buffer.from('\x07EXAMPLE\x03ORG\0', 'latin1') };
  const pointed = recordOf(Buffer.from('\x03nS1\xc0\x0c', 'latin1'), A, Buffer.of(192, 0, 2, 5));
  const soa = soaOf(7);
  // The server's name is the owner of the third record.
  const message = messageOf([soa, pointed], { question });
  const nsAt = 12 + ZONE.length + 4 + soa.length;
  const server = recordOf(Buffer.from('\xc0\x0c', 'latin1'), NS, Buffer.of(0xc0 | (nsAt >> 8), nsAt & 255));
  const zone = readAll([Buffer.concat([message, server, soa]).fill(4, 7, 8)]);
  assert.deepEqual(textsOf(zone!), [
    '@ 2 300 3.110.83.49.7.69.88.65.77.80.76.69.3.79.82.71.0',
    '@ 6 300 7',
    'ns1 1 300 192.0.2.5',
  ]);
});

test('records outside of the zone are left out, whatever they are', () => {
  const zone = readAll([
    messageOf([
      soaOf(7),
      addressOf('example.com.', 1),
      addressOf('notexample.org.', 2),
      addressOf('org.', 3),
      addressOf(WWW, 4),
      soaOf(7),
    ]),
  ]);
  assert.deepEqual(textsOf(zone!), ['@ 6 300 7', 'www 1 300 192.0.2.4']);
  assert.equal(zone!.outsideCount, 3);
});

const STREAMS: readonly (readonly [string, readonly Buffer[], RegExp])[] = [
  ['another id', [messageOf([soaOf(7)], { id: 1 })], /bad id/],
  ['a query', [messageOf([soaOf(7)], { flags: 0 })], /no response/],
  ['a notification', [messageOf([soaOf(7)], { flags: 0xa400 })], /no response/],
  ['a refusal', [messageOf([], { flags: 0x8405 })], /rcode was REFUSED/],
  ['a truncated message', [messageOf([soaOf(7)], { flags: 0x8600 })], /truncated/],
  ['another question', [messageOf([soaOf(7)], { question: { qtype: A } })], /another question/],
  [
    'the question of another zone',
    [messageOf([soaOf(7)], { question: { qtype: AXFR, name: parseName(WWW)! } })],
    /another question/,
  ],
  ['no records', [messageOf([])], /without records/],
  ['no SOA record first', [messageOf([addressOf(WWW, 1)])], /no SOA record at the beginning/],
  ['the SOA record of another zone', [messageOf([soaOf(7, WWW)])], /SOA record of another zone/],
  ['a SOA record of a name below', [messageOf([soaOf(7), soaOf(7, WWW)])], /SOA record of another zone/],
  ['a SOA record without numbers', [messageOf([recordOf('example.org.', 6, Buffer.of(0, 0))])], /SOA record: /],
  ['two serials', [messageOf([soaOf(7), addressOf(WWW, 1), soaOf(8)])], /different serials/],
  [
    'records behind the end',
    [messageOf([soaOf(7), addressOf(WWW, 1), soaOf(7), addressOf(WWW, 2)])],
    /behind the last/,
  ],
  ['an end too early', [messageOf([soaOf(7), addressOf(WWW, 1)])], /ended before/],
  ['more records counted than there are', [messageOf([soaOf(7)], { answerCount: 2 })], /bad owner name/],
  ['a record that runs over', [messageOf([soaOf(7), addressOf(WWW, 1).subarray(0, -1)])], /runs over/],
  [
    'a name that is a loop',
    [messageOf([soaOf(7), recordOf(Buffer.from('\x01a\xc0\x43', 'latin1'), A, Buffer.alloc(4))])],
    /bad owner name/,
  ],
  [
    'a name that points forward',
    [messageOf([soaOf(7), recordOf(Buffer.of(0xff, 0xff), A, Buffer.alloc(4))])],
    /bad owner name/,
  ],
  [
    'a name in data that runs over',
    [messageOf([soaOf(7), recordOf(WWW, NS, Buffer.from('\x03ns1', 'latin1'))])],
    /bad name|runs over/,
  ],
  ['data that is none', [messageOf([soaOf(7), recordOf(WWW, A, Buffer.alloc(5))])], /data of 5 octets/],
  [
    'text that is none',
    [messageOf([soaOf(7), recordOf(WWW, TXT, Buffer.of(9, 1))])],
    /TXT: data of 2 octets, expected texts/,
  ],
  ['class CH', [messageOf([soaOf(7), recordOf(WWW, A, Buffer.alloc(4), 1, 3)])], /class 3/],
  ['half a header', [Buffer.alloc(7)], /no DNS message/],
];

for (const [what, messages, fault] of STREAMS) {
  test(`no zone is made of ${what}`, () => {
    assert.throws(() => readAll(messages), fault);
  });
}

test('a stream without end is ended, by records and by octets', () => {
  const reader = new ZoneReader(AXFR_ASKED, undefined, { records: 50, octets: 1_000_000 });
  finish(reader.take(messageOf([soaOf(7)])));
  assert.throws(() => {
    for (let index = 0; index < 60; index++) finish(reader.take(messageOf([addressOf(WWW, index)])));
  }, /more than 50 records/);
  const other = new ZoneReader(AXFR_ASKED, undefined, { records: 1_000_000, octets: 2000 });
  finish(other.take(messageOf([soaOf(7)])));
  assert.throws(() => {
    for (let index = 0; index < 60; index++) finish(other.take(messageOf([addressOf(WWW, index)])));
  }, /more than 2000 octets/);
});

test('octets that are cut or changed anywhere throw nothing but what a transfer’s end is made of', () => {
  const whole = messageOf([soaOf(7), addressOf(WWW, 1), recordOf('example.org.', NS, parseName(WWW)!), soaOf(7)], {
    question: { qtype: AXFR },
  });
  for (let at = 0; at < whole.length; at++) {
    for (const octet of [0, 1, 0x3f, 0x40, 0xc0, 0xff]) {
      const changed = Buffer.from(whole);
      changed[at] = octet;
      for (const message of [changed, changed.subarray(0, at)]) {
        try {
          readAll([message]);
        } catch (error) {
          assert.match((error as Error).name, /^(TransferFault|ZoneFault)$/);
        }
      }
    }
  }
});

test('of differences: one SOA record that is not newer says that nothing is', () => {
  assert.equal(readAll([messageOf([soaOf(1)])], HELD), undefined);
  assert.equal(readAll([messageOf([soaOf(0)])], HELD), undefined);
});

test('differences are applied one after the other to what is held', () => {
  const zone = readAll(
    [
      messageOf([soaOf(3), soaOf(1), addressOf(WWW, 1), addressOf('a.example.org.', 3), soaOf(2)]),
      messageOf([addressOf('b.example.org.', 4), addressOf(WWW, 5), soaOf(2), addressOf(WWW, 5)]),
      messageOf([addressOf(WWW, 2), soaOf(3), addressOf(WWW, 2, 60), addressOf('a.example.org.', 6), soaOf(3)]),
    ],
    HELD,
  );
  assert.deepEqual(textsOf(zone!), ['@ 6 300 3', 'a 1 300 192.0.2.6', 'b 1 300 192.0.2.4', 'www 1 60 192.0.2.2']);
});

test('a zone may come whole where differences were asked for', () => {
  const zone = readAll([messageOf([soaOf(3), addressOf(WWW, 9), soaOf(3)])], HELD);
  assert.deepEqual(textsOf(zone!), ['@ 6 300 3', 'www 1 300 192.0.2.9']);
  const empty = readAll([messageOf([soaOf(3)]), messageOf([soaOf(3)])], HELD);
  assert.deepEqual(textsOf(empty!), ['@ 6 300 3']);
});

test('differences that do not fit are not applied', () => {
  const streams: readonly (readonly [readonly Buffer[], RegExp])[] = [
    [[soaOf(3), soaOf(1), addressOf('no.example.org.', 1), soaOf(3), soaOf(3)], /do not fit/],
    [[soaOf(3), soaOf(1), soaOf(1), soaOf(3)], /leads nowhere/],
    [[soaOf(3), soaOf(1), soaOf(2), soaOf(3)], /do not follow/],
    [[soaOf(3), soaOf(1), addressOf(WWW, 1), soaOf(2)], /ended before/],
  ];
  for (const [records, fault] of streams) assert.throws(() => readAll([messageOf(records)], HELD), fault);
});

test('serials go round', () => {
  const held = { ...HELD, serial: 0xffff_fff0 };
  assert.equal(readAll([messageOf([soaOf(0xffff_ffef)])], held), undefined);
  const zone = readAll([messageOf([soaOf(5), soaOf(0xffff_fff0), addressOf(WWW, 1), soaOf(5), soaOf(5)])], held);
  assert.equal(zone?.serial, 5);
});
