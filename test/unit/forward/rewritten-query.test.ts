/** `rewrite` before `forward`: what upstreams are asked, and what the clients that wait for the same reply get. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ErrorLog } from '../../../src/observability/queries/error-log.ts';
import type { WriteLine } from '../../../src/observability/queries/plugin-line.ts';
import { createQueryEventBuffer } from '../../../src/observability/queries/query-event-ring.ts';
import { QueryLog } from '../../../src/observability/queries/query-log.ts';
import { QueryReports } from '../../../src/observability/queries/query-reports.ts';
import { formatName } from '../../wire/names.ts';
import { buildQuery } from '../../wire/query.ts';
import { decodeStrictly, type DecodedMessage } from '../../wire/strict-message.ts';
import { eventually, skipReason, TRANSPORTS } from '../shard/shard-fixture.ts';
import { startForwardServer } from './forward-server.ts';
import { aRecord, reply, silent, StubUpstream } from './stub-upstream.ts';

const A = 1;
const REWRITE = `rewrite name suffix .out.test .in.test answer auto
  rewrite continue ttl exact plain.test 77
  rewrite name exact old.test a.in.test`;

const namesOf = ({ questions, answer }: DecodedMessage): string[] =>
  [...questions.map(({ name }) => name), ...answer.map(({ owner }) => owner)].map((name) => formatName(name));

for (const transport of TRANSPORTS) {
  const skip = skipReason(transport);

  test(`${transport}: upstreams see the other name, each client what it asked for`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      setTimeout(() => stub.send(reply(query, { answers: [aRecord(1)] }), query.from), 100);
    });
    const options = { transport, groups: [{ upstreams: [upstream.address] }], rewrite: REWRITE };
    const { client, port, ask } = await startForwardServer(t, options);
    const names = ['A.out.test', 'old.test', 'a.in.test'];
    for (const [index, name] of names.entries()) {
      client.send(Buffer.from(buildQuery({ name, type: A, id: index + 1 })), port, '127.0.0.1');
    }
    const responses = (await client.receive(names.length)).map(({ message }) => decodeStrictly(message));
    responses.sort((a, b) => a.id - b.id);
    assert.deepEqual(responses.map(namesOf), [
      ['A.out.test.', 'A.out.test.'],
      ['old.test.', 'old.test.'],
      ['a.in.test.', 'a.in.test.'],
    ]);
    const asked = upstream.queries.map(({ message }) => formatName(message.questions[0]!.name));
    assert.deepEqual([...new Set(asked)], ['a.in.test.']);
    const plain = await ask({ name: 'plain.test', type: A });
    assert.equal(plain.answer[0]!.ttlSeconds, 77);
  });

  test(`${transport}: errors speak of the name upstreams were asked for, log of the client's`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, silent);
    const eventBuffer = createQueryEventBuffer(1);
    const { ask } = await startForwardServer(t, {
      transport,
      groups: [{ upstreams: [upstream.address], readTimeoutMs: 100, attemptsMax: 1 }],
      policy: { isLogged: true, reportsErrors: true },
      rewrite: REWRITE,
      eventBuffer,
    });
    const lines: string[] = [];
    const write: WriteLine = (line) => void lines.push(String(line));
    const rules = [{ zone: '.', format: '{type} {name} {rcode}', classes: ['all' as const] }];
    const blocks = [undefined, { rules, hasMetadata: false, consolidate: [], isDebug: false }];
    const reports = new QueryReports(eventBuffer, {
      queryLog: new QueryLog({ format: 'text', write, blocks, localAddress: () => '' }),
      errorLog: new ErrorLog({ format: 'text', write, blocks }),
    });
    t.after(() => reports.close());
    reports.start();
    const response = await ask({ name: 'x.out.test', type: A });
    assert.equal(response.rcode, 2);
    assert.deepEqual(namesOf(response), ['x.out.test.']);
    await eventually(() => lines.length > 1, 'two lines');
    const { address, port } = upstream.address;
    assert.deepEqual(lines, [
      `[ERROR] plugin/errors: 0 x.in.test. A: read udp ${address}:${port}: i/o timeout\n`,
      '[INFO] A x.out.test. SERVFAIL\n',
    ]);
  });
}
