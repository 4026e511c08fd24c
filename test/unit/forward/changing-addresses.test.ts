/** A host name that has ever other addresses: whoever asks has answers of those that it has, and the groups are used again. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { framed, MessageFrames } from '../../../src/dns/message-frames.ts';
import { UpstreamCounts } from '../../../src/forward/counts/upstream-counts.ts';
import { UPSTREAM_CELLS } from '../../../src/forward/forward-buffer.ts';
import { DEFAULT_FORWARD_GROUP, type ForwardGroup } from '../../../src/forward/forward-group.ts';
import type { GroupLease } from '../../../src/forward/group-table.ts';
import { freeTcpPort } from '../../wire/free-port.ts';
import { buildQuery } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { eventually, EchoClient, skipReason, TRANSPORTS } from '../shard/shard-fixture.ts';
import { startForwardServer } from './forward-server.ts';
import { aRecord, reply } from './stub-upstream.ts';

const A = 1;
const ROTATIONS = 2000;
const UPSTREAMS = 10;
const ASKERS = 6;
const SEED = Number(process.env['SKYSHARD_SEED'] ?? 1);

interface Upstream {
  readonly number: number;
  readonly address: { readonly address: string; readonly port: number };
  datagrams: number;
}

/** Answers over UDP and TCP with its own number in the address. */
async function startUpstream(t: TestContext, number: number, port: number): Promise<Upstream> {
  const address = `127.0.31.${number}`;
  const upstream = { number, address: { address, port }, datagrams: 0 };
  const answer = (octets: Buffer): Uint8Array => {
    const query = {
      octets,
      message: decodeStrictly(octets),
      from: { address, port, family: 'IPv4' as const, size: 0 },
    };
    return reply(query, { answers: [aRecord(number)] });
  };
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  socket.on('message', (octets, from) => {
    upstream.datagrams++;
    socket.send(answer(octets), from.port, from.address);
  });
  const server = createServer((connection) => {
    const frames = new MessageFrames();
    connection.on('error', () => undefined);
    connection.on('data', (piece: Buffer) => {
      for (const message of frames.take(piece)) connection.write(framed(answer(message)));
    });
    t.after(() => connection.destroy());
  });
  t.after(() => {
    socket.close();
    server.close();
  });
  await Promise.all([
    new Promise<void>((resolve) => socket.bind(port, address, resolve)),
    new Promise<void>((resolve) => server.listen(port, address, resolve)),
  ]);
  return upstream;
}

/** Numbers from 0 to `limit`, the same for a seed. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

for (const transport of TRANSPORTS) {
  const skip = skipReason(transport);
  test(
    `${transport}: ${ROTATIONS} sets of addresses one after the other, over datagrams and connections`,
    { skip },
    async (t) => {
      const random = randomOf(SEED);
      const port = await freeTcpPort('127.0.31.1');
      const numbers = Array.from({ length: UPSTREAMS }, (_, index) => index + 1);
      const upstreams = await Promise.all(numbers.map((number) => startUpstream(t, number, port)));
      const groupOf = (chosen: readonly number[], forcesTcp: boolean): ForwardGroup => ({
        ...DEFAULT_FORWARD_GROUP,
        forcesTcp,
        upstreams: chosen.map((number) => upstreams[number - 1]!.address),
      });
      const server = await startForwardServer(t, { transport, groups: [groupOf([1], false)], hasStreams: true });
      const { table } = server;
      const counts = new UpstreamCounts(server.forwardBuffer, table);

      // By rotation: who may answer.
      const history: (readonly number[])[] = [[1]];
      let lease: GroupLease | undefined;
      const rotate = async (chosen: readonly number[], forcesTcp: boolean): Promise<void> => {
        const next = table.lease();
        const number = next.numberOf(groupOf(chosen, forcesTcp));
        history.push(chosen);
        server.publish(number);
        lease?.release();
        lease = next;
        await sleep(random(8));
      };

      let isOver = false;
      let answered = 0;
      const faults: string[] = [];
      const askOn = async (asker: number): Promise<void> => {
        const client = await EchoClient.open(t);
        for (let count = 0; !isOver; count++) {
          const name = `q${count}.a${asker}.test`;
          const from = history.length - 1;
          const { message } = await client.ask(
            Buffer.from(buildQuery({ name, type: A, id: count & 0xffff })),
            server.port,
            '127.0.0.1',
          );
          const { answer, rcode } = decodeStrictly(message);
          const allowed = new Set(history.slice(from).flat());
          const by = answer[0]?.rdataOctets.at(-1);
          if (by === undefined || !allowed.has(by))
            faults.push(`${name}: rcode ${rcode}, of ${by}, not ${[...allowed].join(' ')}`);
          answered++;
        }
      };
      const asking = Array.from({ length: ASKERS }, (_, asker) => askOn(asker));
      let most = 0;
      for (let rotation = 0; rotation < ROTATIONS && faults.length === 0; rotation++) {
        const chosen = numbers.filter(() => random(4) === 0);
        await rotate(chosen.length === 0 ? [1 + random(UPSTREAMS)] : chosen, random(2) === 0);
        most = Math.max(most, table.groups.length);
        // As a reload does, where a machine is too busy to give back as fast.
        await eventually(() => table.groups.length < 400, 'groups are given back', 60_000);
      }
      await rotate(numbers, false);
      isOver = true;
      await Promise.all(asking);
      t.diagnostic(`${answered} answers, ${most} groups at a time`);
      assert.deepEqual(faults, []);
      assert.deepEqual(server.lines, []);
      assert.ok(answered > ROTATIONS / 4, 'few were asked');
      // The first is held for good.
      await eventually(() => table.groups.length === 2, 'all others are free', 30_000);
      // What was asked of one is counted for it, whichever index it had.
      for (const counted of counts.upstreams()) {
        const upstream = upstreams.find(({ address }) => `${address.address}:${port}` === counted.to)!;
        assert.equal(counts.sum(counted, UPSTREAM_CELLS.at.datagrams), upstream.datagrams, counted.to);
      }
    },
  );
}
