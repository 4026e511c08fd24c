/** The lines of `errors`, and how repeated ones become one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { PLUGIN } from '../../../../src/observability/counters/counter-layout.ts';
import { ErrorLog, REPEAT_LINES_MAX, REPEAT_PERIOD_MS } from '../../../../src/observability/queries/error-log.ts';
import type { ConsolidateRule, ErrorLogBlock } from '../../../../src/observability/queries/error-log.ts';
import { QUERY_ERROR } from '../../../../src/observability/queries/query-error.ts';
import { QueryEventReader } from '../../../../src/observability/queries/query-event-reader.ts';
import { QUERY_EVENT_FLAG, createQueryEventBuffer } from '../../../../src/observability/queries/query-event-ring.ts';
import { QueryEventWriter } from '../../../../src/observability/queries/query-event-writer.ts';
import type { QueryEventFacts } from '../../../../src/observability/queries/query-event-writer.ts';
import { addEvent } from '../query-event-fixture.ts';

const SERVFAIL = 0x8102;

interface Failing {
  /** one query of each name fails, in a block that has these options */
  readonly fail: (facts: Partial<QueryEventFacts>, ...names: readonly string[]) => void;
  readonly lines: string[];
  readonly log: ErrorLog;
}

function start(t: TestContext, block: Partial<ErrorLogBlock> = {}, format: 'text' | 'json' = 'text'): Failing {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const buffer = createQueryEventBuffer(1);
  const writer = new QueryEventWriter(buffer, 0);
  const reader = new QueryEventReader(buffer);
  const lines: string[] = [];
  const own: ErrorLogBlock = { consolidate: [], isDebug: false, ...block };
  const log = new ErrorLog({
    format,
    write: (line) => lines.push(String(line)),
    blocks: [undefined, own, undefined, own],
  });
  t.after(() => log.close());
  return {
    lines,
    log,
    fail: (facts, ...names) => {
      for (const name of names) {
        addEvent(writer, { name, flags: SERVFAIL, facts: { flags: QUERY_EVENT_FLAG.ERRORS, ...facts } });
      }
      writer.commit(1);
      reader.drain((event) => log.add(event));
    },
  };
}

const timeoutOf = (last: number): Partial<QueryEventFacts> => ({
  error: QUERY_ERROR.UPSTREAM_TIMEOUT,
  upstreamSize: 4,
  upstreamPort: 53,
  upstream: Uint8Array.from([10, 0, 0, last]),
});
const consolidate = (rule: Partial<ConsolidateRule>): ConsolidateRule => ({
  periodMs: 30_000,
  pattern: '.* i/o timeout$',
  level: 'error',
  showsFirst: false,
  ...rule,
});

for (const [facts, text] of [
  [{ error: QUERY_ERROR.NO_NEXT_PLUGIN, errorDetail: PLUGIN.HOSTS }, 'plugin/hosts: no next plugin found'],
  [{ error: QUERY_ERROR.NO_NEXT_PLUGIN, errorDetail: PLUGIN.SERVER }, 'no next plugin found'],
  [{ error: QUERY_ERROR.STEP_UNSUPPORTED }, 'a plugin of this server block is not served yet'],
  [{ error: QUERY_ERROR.ALIAS_LOOP }, 'CNAME records lead to no end'],
  [timeoutOf(1), 'read udp 10.0.0.1:53: i/o timeout'],
  [{ error: QUERY_ERROR.UPSTREAM_TIMEOUT }, 'read udp: i/o timeout'],
  [
    {
      ...timeoutOf(1),
      error: QUERY_ERROR.UPSTREAM_REFUSED,
      flags: QUERY_EVENT_FLAG.ERRORS | QUERY_EVENT_FLAG.UPSTREAM_STREAM,
    },
    'dial tcp 10.0.0.1:53: connect: connection refused',
  ],
  [{ ...timeoutOf(1), error: QUERY_ERROR.UPSTREAM_UNREACHABLE }, 'read udp 10.0.0.1:53: network is unreachable'],
  [
    { ...timeoutOf(1), error: QUERY_ERROR.UPSTREAM_MALFORMED },
    'read udp 10.0.0.1:53: the response does not fit the query',
  ],
  [{ error: QUERY_ERROR.NO_HEALTHY_UPSTREAM }, 'no healthy proxies'],
  [{ error: QUERY_ERROR.MAX_CONCURRENT, errorDetail: 1000 }, 'concurrent queries exceeded maximum 1000'],
  [{ error: QUERY_ERROR.NO_CAPACITY }, 'too many queries wait for upstreams'],
  [{ error: 99 }, 'error 99'],
] as const) {
  test(`the line of an error: ${text}`, (t) => {
    const { fail, lines } = start(t);
    fail(facts, 'Dead.Test');
    assert.deepEqual(lines, [`[ERROR] plugin/errors: 2 dead.test. A: ${text}\n`]);
  });
}

test('an IPv6 upstream has brackets', (t) => {
  const { fail, lines } = start(t);
  const upstream = Uint8Array.from([0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1]);
  fail({ ...timeoutOf(1), upstreamSize: 16, upstream }, 'a');
  assert.deepEqual(lines, ['[ERROR] plugin/errors: 2 a. A: read udp [2001:db8::1]:53: i/o timeout\n']);
});

test('only failures of blocks with errors are told', (t) => {
  const { fail, lines } = start(t);
  fail({ error: QUERY_ERROR.NONE }, 'no.failure');
  fail({ error: QUERY_ERROR.ALIAS_LOOP, flags: QUERY_EVENT_FLAG.LOG }, 'only.logged');
  for (const scope of [0, 1, 2, 3, 4]) fail({ error: QUERY_ERROR.ALIAS_LOOP, scope }, `s${scope}`);
  assert.deepEqual(
    lines.map((line) => line.split(' ')[3]),
    ['s1.', 's3.'],
  );
});

test('JSON: one object a line', (t) => {
  const { fail, lines } = start(t, {}, 'json');
  t.mock.timers.setTime(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  fail(timeoutOf(1), 'a"b');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [
      {
        time: '2026-01-02T03:04:05.678Z',
        level: 'ERROR',
        msg: '2 a\\"b. A: read udp 10.0.0.1:53: i/o timeout',
        plugin: 'errors',
      },
    ],
  );
});

test('what a pattern matches is counted over its period and told in one line', (t) => {
  const { fail, lines } = start(t, { consolidate: [consolidate({ periodMs: 90_000, level: 'warning' })] });
  fail(timeoutOf(1), 'a', 'b');
  fail(timeoutOf(2), 'c');
  t.mock.timers.tick(89_999);
  assert.deepEqual(lines, []);
  t.mock.timers.tick(1);
  const line = "[WARNING] plugin/errors: 3 errors like '.* i/o timeout$' occurred in last 1m30s\n";
  assert.deepEqual(lines, [line]);
  t.mock.timers.tick(500_000);
  assert.deepEqual(lines, [line], 'nothing came, nothing is told');
  fail(timeoutOf(1), 'a');
  t.mock.timers.tick(90_000);
  assert.equal(lines[1], "[WARNING] plugin/errors: 1 errors like '.* i/o timeout$' occurred in last 1m30s\n");
});

test('show_first prints the first at the level, and the count only if there were more', (t) => {
  const { fail, lines } = start(t, { consolidate: [consolidate({ showsFirst: true, level: 'info' })] });
  fail(timeoutOf(1), 'a');
  assert.deepEqual(lines, ['[INFO] plugin/errors: 2 a. A: read udp 10.0.0.1:53: i/o timeout\n']);
  t.mock.timers.tick(30_000);
  assert.equal(lines.length, 1);
  fail(timeoutOf(1), 'b', 'c', 'd');
  t.mock.timers.tick(30_000);
  assert.deepEqual(lines.slice(1), [
    '[INFO] plugin/errors: 2 b. A: read udp 10.0.0.1:53: i/o timeout\n',
    "[INFO] plugin/errors: 3 errors like '.* i/o timeout$' occurred in last 30s\n",
  ]);
});

test('the first pattern that matches counts; what none matches is printed', (t) => {
  const { fail, lines } = start(t, {
    consolidate: [consolidate({ pattern: '10\\.0\\.0\\.2' }), consolidate({ pattern: 'timeout', periodMs: 500 })],
  });
  fail(timeoutOf(2), 'a');
  fail(timeoutOf(1), 'b');
  fail({ error: QUERY_ERROR.NO_HEALTHY_UPSTREAM }, 'c');
  t.mock.timers.tick(30_000);
  assert.deepEqual(lines, [
    '[ERROR] plugin/errors: 2 c. A: no healthy proxies\n',
    "[ERROR] plugin/errors: 1 errors like 'timeout' occurred in last 500ms\n",
    "[ERROR] plugin/errors: 1 errors like '10\\.0\\.0\\.2' occurred in last 30s\n",
  ]);
});

test('the name is not what a pattern sees', (t) => {
  const { fail, lines } = start(t, { consolidate: [consolidate({ pattern: 'special' })] });
  fail(timeoutOf(1), 'special');
  assert.equal(lines.length, 1);
});

test('a level of debug is for blocks with debug', (t) => {
  const rule = consolidate({ level: 'debug', showsFirst: true });
  const silent = start(t, { consolidate: [rule] });
  silent.fail(timeoutOf(1), 'a', 'b');
  silent.log.close();
  assert.deepEqual(silent.lines, []);
  t.mock.timers.reset();
  const loud = start(t, { consolidate: [rule], isDebug: true });
  loud.fail(timeoutOf(1), 'a', 'b');
  loud.log.close();
  assert.deepEqual(
    loud.lines.map((line) => line.split(' ')[0]),
    ['[DEBUG]', '[DEBUG]'],
  );
});

test('closing tells what was counted so far', (t) => {
  const { fail, lines, log } = start(t, { consolidate: [consolidate({})] });
  fail(timeoutOf(1), 'a');
  log.close();
  assert.deepEqual(lines, ["[ERROR] plugin/errors: 1 errors like '.* i/o timeout$' occurred in last 30s\n"]);
  t.mock.timers.tick(30_000);
  assert.equal(lines.length, 1);
});

test('a pattern that would hang a backtracking engine does not', { timeout: 5000 }, (t) => {
  const { fail, lines } = start(t, { consolidate: [consolidate({ pattern: '^(([a-z ])+.)+[A-Z]([a-z ])+$' })] });
  const error = { error: QUERY_ERROR.STEP_UNSUPPORTED };
  fail(error, 'a');
  assert.equal(lines.length, 1);
});

test('equal messages without a pattern: the first are printed, the rest counted over a period', (t) => {
  const { fail, lines } = start(t);
  const names = Array.from({ length: REPEAT_LINES_MAX + 3 }, (_, index) => `n${index}`);
  fail(timeoutOf(1), ...names);
  assert.equal(lines.length, REPEAT_LINES_MAX);
  assert.match(lines[0]!, /: 2 n0\. A: /);
  fail(timeoutOf(2), 'other');
  assert.equal(lines.length, REPEAT_LINES_MAX + 1, 'another message has a count of its own');
  t.mock.timers.tick(REPEAT_PERIOD_MS);
  assert.deepEqual(lines.slice(REPEAT_LINES_MAX + 1), [
    "[ERROR] plugin/errors: 3 more errors 'read udp 10.0.0.1:53: i/o timeout' occurred in last 10s\n",
  ]);
  fail(timeoutOf(1), 'again');
  assert.match(lines.at(-1)!, /: 2 again\. A: /);
});

test('many different messages share one count: memory is bounded', (t) => {
  const { fail, lines } = start(t);
  for (let detail = 0; detail < 1000; detail++) fail({ error: QUERY_ERROR.MAX_CONCURRENT, errorDetail: detail }, 'a');
  const shown = lines.length;
  assert.ok(shown < 100, `${shown} lines`);
  t.mock.timers.tick(REPEAT_PERIOD_MS);
  assert.deepEqual(lines.slice(shown), [
    `[ERROR] plugin/errors: ${1000 - shown} more errors 'other errors' occurred in last 10s\n`,
  ]);
});
