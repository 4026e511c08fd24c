/** What both transports owe a client, over real sockets with an echo in place of the answerer. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DROP } from '../../../src/observability/counters/shard-counters.ts';
import { ECHO, ECHO_WORD } from './echo-work.ts';
import { EchoClient, echoQuery, eventually, hasIPv6, skipReason, startShards, TRANSPORTS } from './shard-fixture.ts';

/** What a shard may take to end, ms. */
const END_MAX_MS = 500;
const V6_SKIP = hasIPv6() ? false : 'this machine has no ::1';

for (const transport of TRANSPORTS) {
  const skip = skipReason(transport);
  const skipV6 = skip || V6_SKIP;

  test(
    `${transport}: a query is answered in place, over IPv4, with the client's 4 address octets`,
    { skip },
    async (t) => {
      const { ports, words } = await startShards(t, transport, ['127.0.0.1']);
      const client = await EchoClient.open(t);
      const { message } = await client.ask(echoQuery(ECHO.PLAIN, 77), ports[0]!, '127.0.0.1');
      const expected = echoQuery(ECHO.PLAIN, 77);
      expected[2]! |= 0x80;
      assert.deepEqual(message, expected);
      assert.deepEqual([...words.subarray(ECHO_WORD.PEER, ECHO_WORD.PEER + 5)], [4, 127, 0, 0, 1]);
      assert.equal(words[ECHO_WORD.ENTERED], words[ECHO_WORD.LEFT], 'the snapshot is let go of');
    },
  );

  test(`${transport}: IPv6 clients are known by 16 octets, mapped IPv4 clients by 4`, { skip: skipV6 }, async (t) => {
    const { ports, words } = await startShards(t, transport, ['::']);
    const client6 = await EchoClient.open(t, 'udp6');
    const { from } = await client6.ask(echoQuery(ECHO.PLAIN, 1), ports[0]!, '::1');
    assert.equal(from.address, '::1');
    assert.deepEqual([...words.subarray(ECHO_WORD.PEER, ECHO_WORD.PEER + 17)], [16, ...Array(15).fill(0), 1]);
    const client4 = await EchoClient.open(t);
    const response = await client4.ask(echoQuery(ECHO.PLAIN, 2), ports[0]!, '127.0.0.1');
    assert.equal(response.from.address, '127.0.0.1');
    assert.deepEqual([...words.subarray(ECHO_WORD.PEER, ECHO_WORD.PEER + 5)], [4, 127, 0, 0, 1]);
  });

  test(
    `${transport}: 0.0.0.0 and :: side by side on one port each answer their family`,
    { skip: skipV6 },
    async (t) => {
      const first = await startShards(t, transport, ['0.0.0.0']);
      const port = first.ports[0]!;
      await first.supervisor.stop();
      const { supervisor } = await startShards(t, transport, ['0.0.0.0', '::'], {}, port);
      assert.deepEqual(
        supervisor.listeners.map((listener) => listener.isV6Only),
        [false, true],
      );
      const client4 = await EchoClient.open(t);
      const client6 = await EchoClient.open(t, 'udp6');
      assert.equal((await client4.ask(echoQuery(ECHO.LISTENER, 1), port, '127.0.0.1')).message[13], 10);
      assert.equal((await client6.ask(echoQuery(ECHO.LISTENER, 2), port, '::1')).message[13], 11);
    },
  );

  test(`${transport}: a wildcard listener replies from the address that was asked`, { skip }, async (t) => {
    const { ports } = await startShards(t, transport, ['0.0.0.0']);
    const client = await EchoClient.open(t);
    // The event loop has a socket for each address an interface lists; other loopback addresses need packet information.
    const addresses = transport === 'mmsg' ? ['127.0.0.1', '127.0.0.5', '127.9.8.7'] : ['127.0.0.1'];
    for (const [number, address] of addresses.entries()) {
      const { from } = await client.ask(echoQuery(ECHO.PLAIN, number), ports[0]!, address);
      assert.equal(from.address, address);
    }
  });

  test(
    `${transport}: each listener's queries carry its id, and one that is flooded does not starve the other`,
    { skip },
    async (t) => {
      const { ports } = await startShards(t, transport, ['127.0.0.1', '127.0.0.2']);
      const flood = await EchoClient.open(t);
      const client = await EchoClient.open(t);
      for (let number = 0; number < 1000; number++)
        flood.send(echoQuery(ECHO.LISTENER, number), ports[0]!, '127.0.0.1');
      const { message } = await client.ask(echoQuery(ECHO.LISTENER, 5), ports[1]!, '127.0.0.2');
      assert.equal(message[13], 11);
      const responses = await flood.receive(1000);
      assert.ok(responses.every((response) => response.message[13] === 10));
    },
  );

  test(
    `${transport}: a datagram larger than a slot is dropped and counted, the next one answered`,
    { skip },
    async (t) => {
      const { ports, words } = await startShards(t, transport, ['127.0.0.1']);
      const client = await EchoClient.open(t);
      client.send(echoQuery(ECHO.PLAIN, 1, 4097), ports[0]!, '127.0.0.1');
      const { message } = await client.ask(echoQuery(ECHO.PLAIN, 2, 4096), ports[0]!, '127.0.0.1');
      assert.equal(message.readUInt32BE(16), 2);
      assert.equal(message.length, 4096);
      assert.equal(words[ECHO_WORD.DROPS + DROP.TRUNCATED], 1);
    },
  );

  test(
    `${transport}: no response where the answerer gives none; a response may be larger than its query`,
    { skip },
    async (t) => {
      const { ports } = await startShards(t, transport, ['127.0.0.1']);
      const client = await EchoClient.open(t);
      client.send(echoQuery(ECHO.DROP, 1), ports[0]!, '127.0.0.1');
      client.send(echoQuery(ECHO.LARGE, 2), ports[0]!, '127.0.0.1');
      client.send(echoQuery(ECHO.PLAIN, 3), ports[0]!, '127.0.0.1');
      const responses = await client.receive(2);
      assert.deepEqual(
        responses.map(({ message }) => [message.readUInt16BE(0), message.length]),
        [
          [2, 4096],
          [3, 20],
        ],
      );
    },
  );

  test(
    `${transport}: a query that makes the answerer throw gets SERVFAIL, the shard starts again`,
    { skip },
    async (t) => {
      const { ports, supervisor, slotsGone, lines } = await startShards(t, transport, ['127.0.0.1']);
      const client = await EchoClient.open(t);
      const { message } = await client.ask(echoQuery(ECHO.THROW, 0x4321), ports[0]!, '127.0.0.1');
      assert.deepEqual([...message], [0x43, 0x21, 0x81, 0x02, 0, 0, 0, 0, 0, 0, 0, 0]);
      await eventually(() => supervisor.restarts === 1, 'the shard is started again');
      assert.deepEqual(slotsGone, [0], 'the reader slot of the thread that ended is free');
      assert.match(lines.join('\n'), /^panic asked to throw, in \w+\n.*shard 0 ended \(asked to throw\)/m);
      await supervisor.ready();
      const { message: next } = await client.ask(echoQuery(ECHO.PLAIN, 2), ports[0]!, '127.0.0.1');
      assert.equal(next.readUInt32BE(16), 2);
    },
  );

  test(`${transport}: counters are published soon after the last query`, { skip }, async (t) => {
    const { ports, words } = await startShards(t, transport, ['127.0.0.1']);
    const client = await EchoClient.open(t);
    for (let number = 0; number < 3; number++) await client.ask(echoQuery(ECHO.PLAIN, number), ports[0]!, '127.0.0.1');
    // A machine that is busy may take longer for them than for a round of publishing.
    await eventually(() => words[ECHO_WORD.DURATIONS] === 3, 'counters are published');
  });

  test(`${transport}: shards stop when told to, with queries coming in`, { skip }, async (t) => {
    const { ports, supervisor, slotsGone } = await startShards(t, transport, ['127.0.0.1'], { count: 2 });
    const client = await EchoClient.open(t);
    const flood = setInterval(() => {
      for (let i = 0; i < 20; i++) client.send(echoQuery(ECHO.PLAIN, i), ports[0]!, '127.0.0.1');
    }, 5);
    t.after(() => clearInterval(flood));
    await client.receive(100);
    await supervisor.stop();
    assert.deepEqual(slotsGone.toSorted(), [0, 1]);
    const before = client.responses.length;
    for (let i = 0; i < 20; i++) client.send(echoQuery(ECHO.PLAIN, i), ports[0]!, '127.0.0.1');
    await assert.rejects(client.receive(before + 1, 200), 'nothing answers any more');
  });

  test(`${transport}: shards have ended half a second after stop, one that hangs too`, { skip }, async (t) => {
    let leastMs = Infinity;
    // The least of several: other programs may have the CPUs at any one time.
    for (let attempt = 0; attempt < 8 && leastMs >= END_MAX_MS; attempt++) {
      const { ports, supervisor, words } = await startShards(t, transport, ['127.0.0.1'], { count: 2 });
      const client = await EchoClient.open(t);
      client.send(echoQuery(ECHO.HANG, 1), ports[0]!, '127.0.0.1');
      await eventually(() => words[ECHO_WORD.HANGS] === 1, 'one shard hangs');
      const startMs = performance.now();
      await supervisor.stop();
      leastMs = Math.min(leastMs, performance.now() - startMs);
    }
    assert.ok(leastMs < END_MAX_MS, `${leastMs} ms`);
  });

  test(`${transport}: a port another server listens on is an error that says so`, { skip }, async (t) => {
    const { ports } = await startShards(t, transport, ['127.0.0.1']);
    await assert.rejects(startShards(t, transport, ['127.0.0.1'], {}, ports[0]!), {
      code: 'BIND_FAILED',
      message: new RegExp(`127\\.0\\.0\\.1:${ports[0]}.*another server`),
    });
  });
}

test(
  'mmsg: a response the kernel refuses is counted, those around it are sent',
  { skip: skipReason('mmsg') },
  async (t) => {
    const { ports, words } = await startShards(t, 'mmsg', ['127.0.0.1']);
    const client = await EchoClient.open(t);
    for (let number = 0; number < 30; number++) {
      client.send(echoQuery(number % 3 === 1 ? ECHO.REFUSE : ECHO.PLAIN, number), ports[0]!, '127.0.0.1');
    }
    const responses = await client.receive(20);
    const expected = Array.from({ length: 30 }, (_, number) => number).filter((number) => number % 3 !== 1);
    assert.deepEqual(
      responses.map(({ message }) => message.readUInt32BE(16)),
      expected,
    );
    await eventually(() => words[ECHO_WORD.DROPS + DROP.SEND_REFUSED] === 10, 'ten refused responses are counted');
  },
);
