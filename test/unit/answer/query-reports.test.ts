/** What an answerer reports, from the query's octets to the line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Answerer } from '../../../src/answer/answerer.ts';
import { TYPE } from '../../../src/dns/iana.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { ErrorLog } from '../../../src/observability/queries/error-log.ts';
import type { ConsolidateRule } from '../../../src/observability/queries/error-log.ts';
import { formatMetrics } from '../../../src/observability/counters/prometheus-text.ts';
import { createQueryEventBuffer, QUERY_EVENTS_HEADER } from '../../../src/observability/queries/query-event-ring.ts';
import { QueryEventWriter } from '../../../src/observability/queries/query-event-writer.ts';
import type { WriteLine } from '../../../src/observability/queries/plugin-line.ts';
import { QueryLog } from '../../../src/observability/queries/query-log.ts';
import { DRAIN_INTERVAL_MS, QueryReports } from '../../../src/observability/queries/query-reports.ts';
import type { QueryConsumers } from '../../../src/observability/queries/query-reports.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { DEFAULT_POLICY } from '../../../src/snapshot/config-description.ts';
import type { PolicyDescription, RouteDescription } from '../../../src/snapshot/config-description.ts';
import { nameToWire, parseName } from '../../wire/names.ts';
import { buildQuery } from '../../wire/query.ts';

const LISTENER = 0;
const CLIENT_AT = 64;
const MESSAGE_AT = 256;
const COMMON =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';

/** 192.0.2.7, owned by the question's name. */
const ADDRESS = Uint8Array.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
const fixed = (qtype: number, answer: Uint8Array) =>
  ({
    kind: 'fixedAnswer',
    qtype,
    rcode: 0,
    extendedError: -1,
    answers: [answer],
    authorities: [],
    additionals: [],
  }) as const;

const both = { ...DEFAULT_POLICY, isLogged: true, reportsErrors: true };
const policies: Readonly<Record<string, PolicyDescription>> = {
  'logged.test': { ...DEFAULT_POLICY, isLogged: true },
  'errors.test': { ...DEFAULT_POLICY, reportsErrors: true },
  'both.test': both,
  'silent.test': DEFAULT_POLICY,
};

function createServer() {
  const buffer = reserveSharedBuffer({ sizeMax: 4 << 20 });
  const builder = new SnapshotBuilder(buffer);
  const routes: RouteDescription[] = Object.entries(policies).map(([zone, policy], index) => ({
    zone: nameToWire(parseName(zone)),
    scope: 1 + index,
    policy,
    steps: [fixed(TYPE.A, ADDRESS)],
  }));
  routes.push({ zone: nameToWire(parseName('unbuilt.test')), scope: 3, policy: both, steps: [{ kind: 'unbuilt' }] });
  builder.setConfig({ listeners: [{ id: LISTENER, routes }] });
  builder.publish(1);
  const arena = new Uint8Array(new ArrayBuffer(70_000));
  const eventBuffer = createQueryEventBuffer(1);
  const events = new QueryEventWriter(eventBuffer, 0);
  const answerer = new Answerer({
    buffer,
    readerSlot: builder.epochs.claimSlot(1),
    arena: arena.buffer,
    messageCapacity: 66_000,
    counters: createShardCounters(createCounterBuffer(1, 6), 6, 0),
    cookieSecret: new Uint8Array(16),
    events,
  });
  const lines: string[] = [];
  const reports = new QueryReports(eventBuffer, consumersOf(lines));
  const answer = (query: Uint8Array, isStream = false): void => {
    arena.set([192, 0, 2, 1], CLIENT_AT);
    arena.set(query, MESSAGE_AT);
    answerer.enterBatch();
    if (isStream) answerer.answerStream(LISTENER, MESSAGE_AT, query.length, CLIENT_AT, 4, 40_000);
    else answerer.answer(LISTENER, MESSAGE_AT, query.length, CLIENT_AT, 4, 40_000);
    answerer.leaveBatch();
    events.commit(0.5);
  };
  return {
    eventBuffer,
    lines,
    reports,
    answer,
    /** @returns the lines that the query led to, without the time it took */
    ask: (query: Uint8Array, isStream = false): readonly string[] => {
      answer(query, isStream);
      reports.close();
      return lines.splice(0).map((line) => line.replace(/ 0\.0005s\n$/, '\n'));
    },
  };
}

/** `log` and `errors` of all scopes, whose lines go to `lines`. */
function consumersOf(lines: string[], consolidate: readonly ConsolidateRule[] = []): QueryConsumers {
  const write: WriteLine = (line) => void lines.push(String(line));
  const rules = [{ zone: '.', format: COMMON, classes: ['all' as const] }];
  const blocks = Array.from({ length: 6 }, () => ({ rules, hasMetadata: false, consolidate, isDebug: false }));
  return {
    queryLog: new QueryLog({ format: 'text', write, blocks, localAddress: () => '' }),
    errorLog: new ErrorLog({ format: 'text', write, blocks }),
  };
}

const query = (name: string, type: number = TYPE.A, more: object = {}): Uint8Array =>
  buildQuery({ name, type, id: 0x1234, ...more });

test('an answer of a block with log is a line: the name as asked, sizes without compression', () => {
  const { ask } = createServer();
  assert.deepEqual(ask(query('X.Logged.Test')), [
    '[INFO] 192.0.2.1:40000 - 4660 "A IN x.logged.test. udp 31 false 512" NOERROR qr,aa,rd 60\n',
  ]);
  const edns = { udpSize: 1400, dnssecOk: true };
  const [line] = ask(query('x.logged.test', TYPE.A, { edns }), true);
  assert.match(line!, /"A IN x\.logged\.test\. tcp \d+ true 65535" NOERROR qr,aa,rd 60\n$/);
});

test('a failure is an error where the block has errors, a line where it has log', () => {
  const { ask } = createServer();
  const query4 = (zone: string) => ask(query(`x.${zone}`, TYPE.AAAA));
  const line = (zone: string): string =>
    `[INFO] 192.0.2.1:40000 - 4660 "AAAA IN x.${zone}. udp ${20 + zone.length} false 512" SERVFAIL qr,rd ${20 + zone.length}\n`;
  const error = (zone: string): string =>
    `[ERROR] plugin/errors: 2 x.${zone}. AAAA: plugin/template: no next plugin found\n`;
  assert.deepEqual(query4('logged.test'), [line('logged.test')]);
  assert.deepEqual(query4('errors.test'), [error('errors.test')]);
  assert.deepEqual(query4('both.test'), [line('both.test'), error('both.test')]);
  assert.deepEqual(query4('silent.test'), []);
});

test('a plugin that is not built yet is an error that says so', () => {
  const [, error] = createServer().ask(query('x.unbuilt.test'));
  assert.equal(error, '[ERROR] plugin/errors: 2 x.unbuilt.test. A: a plugin of this server block is not served yet\n');
});

test('what never entered a block is not logged, nor is an answer of a block without log', () => {
  const { ask } = createServer();
  assert.deepEqual(ask(query('x.errors.test')), []);
  assert.deepEqual(ask(query('x.silent.test')), []);
  assert.deepEqual(ask(query('x.elsewhere')), []);
  assert.deepEqual(ask(new Uint8Array(12)), []);
  assert.deepEqual(ask(query('x.logged.test', TYPE.A, { class: 3 })), []);
});

test('an error of one query is not the next one’s', () => {
  const { ask } = createServer();
  assert.equal(ask(query('x.both.test', TYPE.AAAA)).length, 2);
  assert.equal(ask(query('x.both.test')).length, 1);
});

test('the rings are looked at now and then; what main did not get is a metric', async (t) => {
  const { reports, lines, answer } = createServer();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  reports.start();
  for (let round = 1; round <= 3; round++) {
    answer(query('x.logged.test'));
    assert.equal(lines.length, round - 1);
    t.mock.timers.tick(DRAIN_INTERVAL_MS);
    assert.equal(lines.length, round);
  }
  for (let count = 0; count < 10_000; count++) answer(query('x.logged.test'));
  reports.close();
  const dropped = 10_003 - lines.length;
  assert.ok(dropped > 0 && dropped < 8000, `${dropped} dropped`);
  assert.match(await formatMetrics(reports.metrics()), new RegExp(`^skyshard_log_dropped_total ${dropped}$`, 'm'));
});

test('while nothing is reported nobody looks; the first event after that is told', { timeout: 20_000 }, async () => {
  const { reports, eventBuffer, lines, answer } = createServer();
  const header = new Int32Array(eventBuffer, 0, QUERY_EVENTS_HEADER.words);
  reports.start();
  for (let round = 1; round <= 2; round++) {
    while (Atomics.load(header, QUERY_EVENTS_HEADER.at.bell) === 0) await sleep(5);
    answer(query('x.logged.test'));
    while (lines.length < round) await sleep(5);
  }
  reports.close();
});

test('more than a turn takes does not wait for the next look', (t) => {
  const { reports, lines, answer } = createServer();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  reports.start();
  for (let count = 0; count < 2500; count++) answer(query('x.logged.test'));
  t.mock.timers.tick(DRAIN_INTERVAL_MS);
  const first = lines.length;
  assert.ok(first > 0 && first < 2500, `${first} lines in a turn`);
  t.mock.timers.tick(DRAIN_INTERVAL_MS - 1);
  assert.equal(lines.length, 2500);
  reports.close();
});

test('new rules: what came before them is reported by the old ones, what comes later by them', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { reports, lines, answer } = createServer();
  const counted: string[] = [];
  const rule = { periodMs: 60_000, pattern: 'no next', level: 'error' as const, showsFirst: false };
  answer(query('a.logged.test'));
  reports.configure(consumersOf(counted, [rule]));
  answer(query('b.errors.test', TYPE.AAAA));
  const later: string[] = [];
  reports.configure(consumersOf(later));
  answer(query('c.errors.test', TYPE.AAAA));
  reports.close();
  assert.deepEqual(
    [lines, counted, later].map(([line, ...more]) => [/[abc]\.[a-z]+\.test|\d errors/.exec(line!)![0], more.length]),
    [
      ['a.logged.test', 0],
      ['1 errors', 0],
      ['c.errors.test', 0],
    ],
  );
});
