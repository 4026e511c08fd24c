/** Connections to an upstream that says nothing: what comes next is asked over others, so that it is served as soon as somebody is back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FLAGS_HIGH_AT, QR } from '../../../src/dns/wire-header.ts';
import { DEFAULT_FORWARD_GROUP } from '../../../src/forward/forward-group.ts';
import { StreamPool } from '../../../src/forward/connections/stream-pool.ts';
import { SILENT_MS, streamQuery } from '../../../src/forward/connections/upstream-stream.ts';
import { buildQuery } from '../../wire/query.ts';

interface Bench {
  /** connections that were accepted while it was silent say nothing for ever */
  isSilent: boolean;
  readonly connections: net.Socket[];
  /** resolves with whether there was a reply */
  ask(): Promise<boolean>;
}

async function bench(t: TestContext): Promise<Bench> {
  const connections: net.Socket[] = [];
  const server = net.createServer((socket) => {
    connections.push(socket);
    const isDead = started.isSilent;
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      piece[2 + FLAGS_HIGH_AT]! |= QR;
      if (!isDead) socket.write(piece);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pool = new StreamPool({ onQuery: () => undefined, onMismatch: () => undefined, log: () => undefined });
  const address = { address: '127.0.0.1', port: (server.address() as net.AddressInfo).port };
  pool.addUpstream(0, address, { ...DEFAULT_FORWARD_GROUP, upstreams: [address] });
  t.after(() => {
    pool.close();
    server.close();
    for (const connection of connections) connection.destroy();
  });
  const started: Bench = {
    isSilent: false,
    connections,
    ask: async () => {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const asker = { receiveReply: () => resolve(true), failQuery: () => resolve(false) };
      assert.ok(pool.ask(streamQuery(asker, 0, 0, 0, buildQuery({ name: 'a.org', type: 1 }))));
      return promise;
    },
  };
  return started;
}

test('as many as may be silent are, and the first question after that is answered', async (t) => {
  const started = await bench(t);
  started.isSilent = true;
  const waiting: Promise<boolean>[] = [];
  for (let round = 0; round < 6; round++) {
    for (let count = 0; count < 10; count++) waiting.push(started.ask());
    await delay(SILENT_MS + 20);
  }
  started.isSilent = false;
  assert.equal(await started.ask(), true);
  // Those that were silent the longest have made room, and what was asked of them has failed.
  assert.ok(started.connections.length > 32, `${started.connections.length} connections`);
  assert.equal(await waiting[0], false);
});

test('one that has spoken since is used on', async (t) => {
  const started = await bench(t);
  for (let count = 0; count < 3; count++) {
    assert.equal(await started.ask(), true);
    await delay(SILENT_MS + 20);
  }
  assert.equal(started.connections.length, 1);
});
