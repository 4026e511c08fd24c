/** A shard's thread ends under load: what it had received and what waits in its sockets is its successor's. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'node:test';
import { ECHO, ECHO_WORD } from './echo-work.ts';
import { EchoClient, echoQuery, eventually, skipReason, startShards, TRANSPORTS } from './shard-fixture.ts';
import type { TestShards } from './shard-fixture.ts';

/** Octets of queue a small query takes, and a third more: the kernel counts a quarter of the queue late as free. */
const QUEUED_SIZE = 1280;
/** KILLS=100 KILL_QPS=20000: what is promised; the ordinary run is for a machine that does other things as well. */
const KILLS = Number(process.env['KILLS'] ?? 5);
const PER_SECOND = Number(process.env['KILL_QPS'] ?? 5000);
/** Time between a shard that reads and its end, ms. */
const KILL_AFTER_MS = 50;

interface Load {
  /** queries a second that were sent while it ran */
  readonly rate: number;
  readonly sent: number;
  /** most that waited for their answers at a time */
  readonly waitingMax: number;
}

/**
 * Send queries at PER_SECOND until told to stop; not more at a time than the queue of one socket holds, for on a busy
 * machine a thread may take seconds to start.
 */
async function load({ supervisor, ports }: TestShards, client: EchoClient, signal: AbortSignal): Promise<Load> {
  const unansweredMax = Math.floor(supervisor.receiveBufferSize / QUEUED_SIZE);
  const startMs = performance.now();
  let sent = 0;
  let waitingMax = 0;
  while (!signal.aborted) {
    const due = Math.ceil(((performance.now() - startMs) / 1000) * PER_SECOND);
    const end = Math.min(due, client.responses.length + unansweredMax);
    for (; sent < end; sent++) client.send(echoQuery(ECHO.PLAIN, sent), ports[0]!, '127.0.0.1');
    waitingMax = Math.max(waitingMax, sent - client.responses.length);
    await sleep(2);
  }
  return { rate: (sent / (performance.now() - startMs)) * 1000, sent, waitingMax };
}

test('mmsg: a shard killed again and again under load loses no query', { skip: skipReason('mmsg') }, async (t) => {
  const shards = await startShards(t, 'mmsg', ['127.0.0.1']);
  const client = await EchoClient.open(t);
  const end = new AbortController();
  const loading = load(shards, client, end.signal);
  const goneMs: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(KILL_AFTER_MS);
    const startMs = performance.now();
    await shards.supervisor.replace(0);
    goneMs.push(performance.now() - startMs);
  }
  end.abort();
  const { rate, sent, waitingMax } = await loading;
  const answered = () => new Set(client.responses.map(({ message }) => message.readUInt32BE(16))).size;
  await eventually(() => client.responses.length >= sent && answered() === sent, 'all are answered').catch(
    () => undefined,
  );
  assert.equal(answered(), sent, 'every query is answered');
  assert.equal(shards.supervisor.restarts, KILLS);
  assert.equal(shards.slotsGone.length, KILLS, 'every dead thread gave its reader slot back');
  const median = goneMs.toSorted((a, b) => a - b)[KILLS >>> 1]!;
  t.diagnostic(
    `${KILLS} kills, ${sent} queries at ${Math.round(rate)} a second, all answered; ` +
      `a successor reads after ${median.toFixed(0)} ms (median), at most ${waitingMax} queries waited`,
  );
});

test(
  'mmsg: a query that hangs its shard is tried once more, then answered with SERVFAIL',
  { skip: skipReason('mmsg') },
  async (t) => {
    const { supervisor, ports, words } = await startShards(t, 'mmsg', ['127.0.0.1']);
    const client = await EchoClient.open(t);
    const actions = [ECHO.PLAIN, ECHO.HANG, ECHO.PLAIN];
    for (const [number, action] of actions.entries()) client.send(echoQuery(action, number), ports[0]!, '127.0.0.1');
    for (const attempt of [1, 2]) {
      await eventually(() => words[ECHO_WORD.HANGS] === attempt, `attempt ${attempt} hangs`);
      await supervisor.replace(0);
    }
    const responses = await client.receive(3);
    assert.deepEqual(
      responses.map(({ message }) => [message.readUInt16BE(0), message[3]]),
      [
        [0, 0],
        [1, 2],
        [2, 0],
      ],
    );
  },
);

test(
  'mmsg: a query in hand when its shard ends is answered from its original octets',
  { skip: skipReason('mmsg') },
  async (t) => {
    const { supervisor, ports, words } = await startShards(t, 'mmsg', ['127.0.0.1']);
    const client = await EchoClient.open(t);
    client.send(echoQuery(ECHO.HANG_ONCE, 9), ports[0]!, '127.0.0.1');
    await eventually(() => words[ECHO_WORD.HANGS] === 1, 'the shard hangs');
    await supervisor.replace(0);
    const [response] = await client.receive(1);
    const expected = echoQuery(ECHO.HANG_ONCE, 9);
    expected[2]! |= 0x80;
    assert.deepEqual(response?.message, expected);
  },
);

for (const transport of TRANSPORTS) {
  test(`${transport}: the other shard goes on while one is replaced`, { skip: skipReason(transport) }, async (t) => {
    const { supervisor, ports, slotsGone } = await startShards(t, transport, ['127.0.0.1'], { count: 2 });
    await supervisor.replace(1);
    assert.deepEqual(slotsGone, [1]);
    const shardsSeen = new Set<number>();
    for (let number = 0; number < 200 && shardsSeen.size < 2; number++) {
      // A client's port decides which shard it reaches.
      const client = await EchoClient.open(t);
      const { message } = await client.ask(echoQuery(ECHO.LISTENER, number), ports[0]!, '127.0.0.1');
      shardsSeen.add(message[14]!);
    }
    assert.deepEqual([...shardsSeen].toSorted(), [0, 1]);
  });
}
