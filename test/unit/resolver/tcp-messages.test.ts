/** What a client may do with one connection, and what it gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EDNS_OPTION, TYPE } from '../../../src/dns/iana.ts';
import { buildQuery } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { framed } from '../../wire/tcp-client.ts';
import { answerCountOf, ask, eventually, HUGE_COUNT, idOf, startTcp } from './tcp-fixture.ts';

const LISTED = 100;

test('pipelined queries are all answered, however the stream is cut', async (t) => {
  const tcp = await startTcp(t);
  const queries = Array.from({ length: LISTED }, (_, id) => ask('one.test', id));
  const atOnce = await tcp.connect();
  atOnce.send(...queries);
  const ids = (await atOnce.receive(LISTED)).map(idOf);
  assert.deepEqual(
    ids,
    queries.map((_, id) => id),
  );

  const inPieces = await tcp.connect();
  const stream = framed(...queries.slice(0, 3));
  for (const octet of stream) {
    inPieces.socket.write(Uint8Array.of(octet));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await inPieces.receive(3)).length, 3);
  assert.equal(answerCountOf(inPieces.messages[2]!), 1);
});

test('a query that waits holds back no other: the answer that is ready first comes first', async (t) => {
  const tcp = await startTcp(t);
  const client = await tcp.connect();
  client.send(ask('later.test', 1), ask('later.test', 2), ask('one.test', 3));
  assert.deepEqual((await client.receive(1)).map(idOf), [3]);
  await eventually(() => tcp.later.length === 2, 'both queries wait');
  tcp.respond(1);
  await client.receive(2);
  client.send(ask('one.test', 4));
  await client.receive(3);
  tcp.respond(0);
  assert.deepEqual((await client.receive(4)).map(idOf), [3, 2, 4, 1]);
});

test('an answer for a connection that is gone goes nowhere', async (t) => {
  const tcp = await startTcp(t);
  const client = await tcp.connect();
  client.send(ask('later.test'));
  await eventually(() => tcp.later.length === 1, 'the query waits');
  // Closing is no more than saying that no query follows.
  client.socket.resetAndDestroy();
  await eventually(() => tcp.service.connectionCount === 0, 'the connection is gone');
  assert.equal(tcp.service.respond(tcp.later[0]!.token, tcp.later[0]!.response), false);
});

test('no more is read from a client that has enough queries waiting', async (t) => {
  const tcp = await startTcp(t, { inFlightMax: 3 });
  const client = await tcp.connect();
  client.send(...Array.from({ length: 5 }, (_, id) => ask('later.test', id)), ask('one.test', 9));
  await eventually(() => tcp.later.length === 3, 'three queries wait');
  const other = await tcp.connect();
  await other.ask(ask('one.test'));
  assert.equal(tcp.later.length, 3);
  assert.equal(client.messages.length, 0);
  tcp.respond(0, 1);
  await eventually(() => tcp.later.length === 5, 'the next two wait');
  tcp.respond(2, 3, 4);
  assert.deepEqual((await client.receive(6)).map(idOf).sort(), [0, 1, 2, 3, 4, 9]);
});

test('what came before the client closed its side is answered, then the server closes', async (t) => {
  const tcp = await startTcp(t);
  const client = await tcp.connect();
  client.socket.end(framed(ask('later.test', 1), ask('one.test', 2)));
  await client.receive(1);
  assert.equal(client.isEnded, false);
  tcp.respond(0);
  assert.deepEqual((await client.receive(2)).map(idOf), [2, 1]);
  await client.ended();
  await client.until(() => client.isClosed, 'closed');
  assert.equal(client.error, undefined);
  await eventually(() => tcp.service.connectionCount === 0, 'the connection is gone');
});

test('half a message before the client closed its side is owed nothing', async (t) => {
  const tcp = await startTcp(t);
  const client = await tcp.connect();
  client.socket.end(framed(ask('one.test', 1), ask('one.test', 2)).subarray(0, -1));
  assert.deepEqual((await client.receive(1)).map(idOf), [1]);
  await client.ended();
  assert.equal(client.messages.length, 1);
});

for (const [what, octets] of [
  ['an empty message', [0, 0]],
  ['less than a header', [0, 5, 1, 2, 3, 4, 5]],
  ['a response', [...framed(ask('one.test').map((octet, i) => (i === 2 ? octet | 0x80 : octet)))]],
] as const) {
  test(`${what} ends the connection, but not the answers owed before`, async (t) => {
    const tcp = await startTcp(t);
    const client = await tcp.connect();
    client.socket.write(
      Buffer.concat([framed(ask('one.test', 7)), Uint8Array.from(octets), framed(ask('one.test', 8))]),
    );
    await client.ended();
    assert.deepEqual(client.messages.map(idOf), [7]);
    // What still comes is read over, not answered with a reset that takes the answer away.
    client.send(ask('one.test', 9));
    await tcp.connect().then((other) => other.ask(ask('one.test')));
    client.send(ask('one.test', 10));
    client.socket.end();
    await client.until(() => client.isClosed, 'closed');
    assert.equal(client.error, undefined);
    assert.equal(client.messages.length, 1);
  });
}

test('what is no query is answered on the connection, which goes on', async (t) => {
  const tcp = await startTcp(t);
  const client = await tcp.connect();
  client.send(buildQuery({ name: 'one.test', type: TYPE.A, id: 1, opcode: 5 }), ask('one.test', 2).slice(0, 20));
  client.send(ask('one.test', 3));
  const rcodes = (await client.receive(3)).map((message) => decodeStrictly(message).rcode);
  assert.deepEqual(rcodes, [4, 1, 0]);
});

test('a message of 65,535 octets is FORMERR, and its end is found', async (t) => {
  const tcp = await startTcp(t);
  const client = await tcp.connect();
  const large = new Uint8Array(65_535);
  large.set(ask('one.test', 5));
  client.send(large, ask('one.test', 6));
  const [first, second] = await client.receive(2);
  assert.deepEqual([idOf(first!), decodeStrictly(first!).rcode], [5, 1]);
  assert.deepEqual([idOf(second!), answerCountOf(second!)], [6, 1]);
});

test('a response may have 60,000 octets, and many of them come whole', async (t) => {
  const tcp = await startTcp(t);
  const client = await tcp.connect();
  client.send(...Array.from({ length: 40 }, (_, id) => ask('huge.test', id)), ask('one.test', 99));
  const messages = await client.receive(41);
  assert.deepEqual(messages.map(idOf), [...Array.from({ length: 40 }, (_, id) => id), 99]);
  for (const message of messages.slice(0, 40)) {
    assert.equal(answerCountOf(message), HUGE_COUNT);
    assert.equal(message[2]! & 2, 0, 'TC');
  }
});

test('a client that asks is told how long it may be idle, and 0 with the last answer', async (t) => {
  const tcp = await startTcp(t, {}, { idleMs: 12_340, queriesMax: 2 });
  const edns = { options: [{ code: EDNS_OPTION.TCP_KEEPALIVE, data: [] }] };
  const client = await tcp.connect();
  client.send(
    buildQuery({ name: 'one.test', type: TYPE.A, edns }),
    buildQuery({ name: 'one.test', type: TYPE.A, edns }),
    buildQuery({ name: 'one.test', type: TYPE.A, edns }),
  );
  const options = (await client.receive(2)).flatMap((message) => decodeStrictly(message).opt!.options);
  assert.deepEqual(
    options.map(({ code, data }) => [code, ...data]),
    [
      [EDNS_OPTION.TCP_KEEPALIVE, 0, 124],
      [EDNS_OPTION.TCP_KEEPALIVE, 0, 0],
    ],
  );
  await client.ended();
  assert.equal(client.messages.length, 2, 'the third is beyond what a connection may ask');
});

test('a query that meets a bug is SERVFAIL, and the connection goes on', async (t) => {
  const tcp = await startTcp(t);
  tcp.isBroken = true;
  const client = await tcp.connect();
  client.send(ask('later.test', 1), ask('one.test', 2));
  const rcodes = (await client.receive(2)).map((message) => decodeStrictly(message).rcode);
  assert.deepEqual(rcodes, [2, 0]);
  assert.equal(tcp.panics.length, 1);
});
