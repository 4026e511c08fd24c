/** The first shard answers before the others have started, and nothing is lost on the way. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ECHO } from './echo-work.ts';
import { EchoClient, echoQuery, skipReason, startShards, TRANSPORTS } from './shard-fixture.ts';

const ADDRESS = '127.0.0.1';
/** Each is another flow for the kernel. */
const CLIENTS = 24;

for (const transport of TRANSPORTS) {
  test(
    `${transport}: the first shard has all queries until the others read`,
    { skip: skipReason(transport) },
    async (t) => {
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => EchoClient.open(t)));
      const askAll = async (port: number, number: number): Promise<number[]> => {
        const query = echoQuery(ECHO.LISTENER, number, 40);
        const responses = await Promise.all(clients.map((client) => client.ask(query, port, ADDRESS)));
        return responses.map(({ message }) => message[14]!);
      };
      let first: number[] = [];
      const { ports } = await startShards(t, transport, [ADDRESS], { count: 3 }, 0, (supervisor) => ({
        isServerReady: async () => undefined,
        mayGoOn: async (firstReads) => {
          await firstReads;
          first = await askAll(supervisor.listeners[0]!.port, 1);
        },
      }));
      assert.deepEqual([...new Set(first)], [0]);
      assert.ok(new Set(await askAll(ports[0]!, 2)).size > 1);
    },
  );

  test(`${transport}: who asks while the others start is answered`, { skip: skipReason(transport) }, async (t) => {
    const client = await EchoClient.open(t);
    let asked = 0;
    let timer: NodeJS.Timeout | undefined;
    t.after(() => clearInterval(timer));
    await startShards(t, transport, [ADDRESS], { count: 3 }, 0, (supervisor) => ({
      isServerReady: async () => undefined,
      mayGoOn: async (firstReads) => {
        await firstReads;
        timer = setInterval(
          () => client.send(echoQuery(ECHO.PLAIN, asked++), supervisor.listeners[0]!.port, ADDRESS),
          1,
        );
      },
    }));
    clearInterval(timer);
    assert.ok(asked > 0);
    await client.receive(asked);
  });
}

for (const transport of TRANSPORTS) {
  test(
    `${transport}: with sessions of a proxy all shards start at once, and none reads before all do`,
    { skip: skipReason(transport) },
    async (t) => {
      const proxy = { allow: [], otherwise: 'use' as const, udpSessionMs: 1000, udpSessionsMax: 2 };
      let hasGoneOn = false;
      // As the server does where CPUs are few.
      const mayGoOn = async (firstReads: Promise<unknown>): Promise<void> => {
        await firstReads;
        hasGoneOn = true;
      };
      const steps = { isServerReady: async () => undefined, mayGoOn };
      const { ports } = await startShards(t, transport, [ADDRESS], { count: 2 }, 0, () => steps, proxy);
      assert.ok(ports[0]! > 0);
      assert.ok(hasGoneOn, 'what comes after the first answer has been begun');
    },
  );
}

test('mmsg: nothing is answered where the rest of the server cannot be', { skip: skipReason('mmsg') }, async (t) => {
  const client = await EchoClient.open(t);
  const refusal = new Error('the port is taken');
  let port = 0;
  const starting = startShards(t, 'mmsg', [ADDRESS], { count: 2 }, 0, (supervisor) => ({
    isServerReady: async () => {
      ({ port } = supervisor.listeners[0]!);
      client.send(echoQuery(ECHO.PLAIN, 1), port, ADDRESS);
      throw refusal;
    },
    mayGoOn: async () => undefined,
  }));
  await assert.rejects(starting, refusal);
  assert.ok(port > 0);
  assert.deepEqual(client.responses, []);
});
