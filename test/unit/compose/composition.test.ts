/** The life of an answer that waits for others: counted and reported once, given up where there is no room, ended in time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTINUED_MAX } from '../../../src/forward/waiters.ts';
import { typeName } from '../../../src/dns/iana.ts';
import { QUERY_EVENT_FLAG } from '../../../src/observability/queries/query-event-ring.ts';
import { QueryEventReader } from '../../../src/observability/queries/query-event-reader.ts';
import { ComposedServer, type UpstreamData } from './composed-server.ts';

const CLIENT6 = '2001:db8::1';
const UPSTREAM: UpstreamData = {
  'four.test. A': ['four.test. 60 A 198.51.100.1'],
  'four.test. AAAA': 'NODATA',
};
const COREFILE = `.:53 {\n bind 127.0.0.1\n log\n errors\n dns64\n forward . 192.0.2.53\n}`;

/** What main was told. */
function readEvents({ eventBuffer }: ComposedServer) {
  const seen: { question: string; isLog: boolean; isError: boolean; durationMs: number }[] = [];
  new QueryEventReader(eventBuffer).drain((event) => {
    seen.push({
      question: `${event.name} ${typeName(event.type)}`,
      isLog: event.has(QUERY_EVENT_FLAG.LOG),
      isError: event.error !== 0,
      durationMs: event.durationNs / 1e6,
    });
  });
  return seen;
}

test('equal questions of several clients share what is asked upstream, and each gets its own response', () => {
  const server = new ComposedServer({ corefile: COREFILE, upstream: UPSTREAM });
  const clients = [1, 2, 3].map((id) => server.send('four.test AAAA', { peer: CLIENT6, id }));
  server.settle();
  for (const [index, client] of clients.entries()) {
    const message = server.responseTo(client);
    assert.equal(message?.id, index + 1);
    assert.equal(message.answer.length, 1);
  }
  assert.deepEqual(server.asked, ['four.test. AAAA', 'four.test. A']);
  assert.equal(server.sum('responses'), 3);
  assert.equal(server.sum('durations'), 3);
});

test('it is logged once, with the whole time, and errors name the question that failed', () => {
  const server = new ComposedServer({ corefile: COREFILE, upstream: { ...UPSTREAM, 'four.test. A': 'silent' } });
  const client = server.send('four.test AAAA', { peer: CLIENT6 });
  server.pass(1000);
  server.settle();
  server.pass(6000);
  assert.equal(server.responseTo(client)?.rcode, 2);
  const seen = readEvents(server);
  assert.deepEqual(
    seen.map(({ question, isLog, isError }) => ({ question, isLog, isError })),
    [
      { question: 'four.test. A', isLog: false, isError: true },
      { question: 'four.test. AAAA', isLog: true, isError: false },
    ],
  );
  // What the second question took, and what the first one took before.
  assert.ok(seen[1]!.durationMs >= 4000, String(seen[1]!.durationMs));
});

test('where too many wait already, a client is told so at once', () => {
  const upstream = Object.fromEntries(
    Array.from({ length: CONTINUED_MAX }, (_, index) => [`n${index}.test. AAAA`, 'silent' as const]),
  );
  const server = new ComposedServer({ corefile: COREFILE, upstream });
  for (let index = 0; index < CONTINUED_MAX; index++)
    server.send(`n${index}.test AAAA`, { peer: `2001:db8::${(index % 64) + 1}` });
  assert.equal(server.responses.length, 0);
  assert.equal(server.ask('one.test AAAA', { peer: CLIENT6 })[0], 'SERVFAIL');
  server.pass(6000);
  assert.equal(server.responses.length, CONTINUED_MAX + 1);
  // All of it is free again.
  server.upstream = UPSTREAM;
  assert.equal(server.ask('four.test AAAA', { peer: CLIENT6 })[1], 'four.test. 60 AAAA 64:ff9b::c633:6401');
});

test('an end that waits for clients waits for answers that go on', () => {
  const server = new ComposedServer({ corefile: COREFILE, upstream: UPSTREAM });
  const client = server.send('four.test AAAA', { peer: CLIENT6 });
  assert.equal(server.forwarder.hasClients, true);
  server.settle();
  assert.equal(server.forwarder.hasClients, false);
  assert.equal(server.responseTo(client)?.answer.length, 1);
});
