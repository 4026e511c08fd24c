/** What a forwarded query is in the log, on both transports. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { TestContext } from 'node:test';
import type { ForwardGroup } from '../../../../src/forward/forward-group.ts';
import { ErrorLog } from '../../../../src/observability/queries/error-log.ts';
import { createQueryEventBuffer } from '../../../../src/observability/queries/query-event-ring.ts';
import type { WriteLine } from '../../../../src/observability/queries/plugin-line.ts';
import { QueryLog } from '../../../../src/observability/queries/query-log.ts';
import { QueryReports } from '../../../../src/observability/queries/query-reports.ts';
import type { Transport } from '../../../../src/shard/shard-options.ts';
import { buildQuery } from '../../../wire/query.ts';
import { eventually, skipReason, TRANSPORTS } from '../../shard/shard-fixture.ts';
import { startForwardServer } from '../forward-server.ts';
import { aRecord, reply, silent, StubUpstream } from '../stub-upstream.ts';

const A = 1;
const FORMAT = '{remote} {>id} {type} {name} {size} {>do} {>bufsize} {rcode} {>rflags} {rsize} {duration}';

/** Shards that forward, whose lines of `log` and `errors` are collected. */
async function start(
  t: TestContext,
  transport: Transport,
  group: Partial<ForwardGroup> & Pick<ForwardGroup, 'upstreams'>,
  policy = { isLogged: true, reportsErrors: true },
) {
  const eventBuffer = createQueryEventBuffer(1);
  const server = await startForwardServer(t, { transport, groups: [group], policy, eventBuffer });
  const lines: string[] = [];
  const write: WriteLine = (line) => void lines.push(String(line));
  const rules = [{ zone: '.', format: FORMAT, classes: ['all' as const] }];
  const blocks = [undefined, { rules, hasMetadata: false, consolidate: [], isDebug: false }];
  const reports = new QueryReports(eventBuffer, {
    queryLog: new QueryLog({ format: 'text', write, blocks, localAddress: () => '' }),
    errorLog: new ErrorLog({ format: 'text', write, blocks }),
  });
  t.after(() => reports.close());
  reports.start();
  return { ...server, lines };
}

for (const transport of TRANSPORTS) {
  const skip = skipReason(transport);

  test(`${transport}: a reply is a line of the client's query, with the time it took`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      setTimeout(() => stub.send(reply(query, { answers: [aRecord(1)] }), query.from), 30);
    });
    const { ask, lines } = await start(t, transport, { upstreams: [upstream.address] });
    await ask({ name: 'A.Test', type: A, id: 0x4321, edns: { udpSize: 1400, dnssecOk: true } });
    await eventually(() => lines.length > 0, 'a line');
    const [line] = lines;
    const [, seconds] = /^\[INFO\] 127\.0\.0\.1 17185 A a\.test\. 35 true 1400 NOERROR qr,rd,ra 46 (\S+)s\n$/.exec(
      line!,
    )!;
    assert.ok(Number(seconds) >= 0.029 && Number(seconds) < 5, seconds);
    assert.equal(lines.length, 1);
  });

  test(`${transport}: an upstream that says nothing is an error with its address`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, silent);
    const options = { upstreams: [upstream.address], readTimeoutMs: 100, attemptsMax: 1 };
    const { ask, lines } = await start(t, transport, options, { isLogged: false, reportsErrors: true });
    assert.equal((await ask({ name: 'dead.test', type: A })).rcode, 2);
    await eventually(() => lines.length > 0, 'a line');
    const { address, port } = upstream.address;
    assert.deepEqual(lines, [`[ERROR] plugin/errors: 2 dead.test. A: read udp ${address}:${port}: i/o timeout\n`]);
  });

  // node:dgram does not tell what the network says of a datagram: there it is a time-out.
  const isUntold = transport === 'dgram' && 'node:dgram does not say it';
  test(`${transport}: that nobody listens at an upstream is told`, { skip: skip || isUntold }, async (t) => {
    const address = { address: '127.0.0.1', port: 1 };
    const { ask, lines } = await start(
      t,
      transport,
      { upstreams: [address] },
      { isLogged: false, reportsErrors: true },
    );
    assert.equal((await ask({ name: 'dead.test', type: A })).rcode, 2);
    await eventually(() => lines.length > 0, 'a line');
    const said = `read udp ${address.address}:${address.port}: read: connection refused`;
    assert.deepEqual(lines, [`[ERROR] plugin/errors: 2 dead.test. A: ${said}\n`]);
  });

  // The fixture's mmsg shards have nobody to hand streams over to.
  const isAlone = transport === 'mmsg' && 'there is no resolver';
  test(`${transport}: that nobody listens at an upstream is told of TCP too`, { skip: skip || isAlone }, async (t) => {
    const address = { address: '127.0.0.1', port: 1 };
    const quiet = { isLogged: false, reportsErrors: true };
    const { ask, lines } = await start(t, transport, { upstreams: [address], forcesTcp: true }, quiet);
    assert.equal((await ask({ name: 'dead.test', type: A })).rcode, 2);
    await eventually(() => lines.length > 0, 'a line');
    const said = `dial tcp ${address.address}:${address.port}: connect: connection refused`;
    assert.deepEqual(lines, [`[ERROR] plugin/errors: 2 dead.test. A: ${said}\n`]);
  });

  test(`${transport}: a query beyond max_concurrent is an error of its own`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, silent);
    const { ask, lines, client, port } = await start(t, transport, {
      upstreams: [upstream.address],
      concurrentMax: 1,
      readTimeoutMs: 500,
      attemptsMax: 1,
    });
    client.send(Buffer.from(buildQuery({ name: 'first.test', type: A, id: 1 })), port, '127.0.0.1');
    await eventually(() => upstream.queries.length > 0, 'the first query');
    assert.equal((await ask({ name: 'second.test', type: A, id: 2 })).rcode, 5);
    await client.receive(2);
    await eventually(() => lines.length >= 4, 'four lines');
    assert.equal(lines[1], '[ERROR] plugin/errors: 5 second.test. A: concurrent queries exceeded maximum 1\n');
    assert.match(lines[0]!, / second\.test\. \d+ false 512 REFUSED /);
    assert.match(lines[2]!, / first\.test\. \d+ false 512 SERVFAIL qr,rd,ra 28 0\.[45]/);
    assert.match(lines[3]!, /first\.test\. A: read udp .* i\/o timeout\n$/);
  });
}

test('a query that nobody wants to hear of is not reported', { skip: skipReason('dgram') }, async (t) => {
  const upstream = await StubUpstream.open(t);
  const quiet = { isLogged: false, reportsErrors: true };
  const { ask, lines } = await start(t, 'dgram', { upstreams: [upstream.address] }, quiet);
  await ask({ name: 'a.test', type: A });
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.deepEqual(lines, []);
});
