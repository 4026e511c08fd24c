/** A forwarding loop is found, its upstream is not asked any more, and is again when the loop is gone. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createForwardBuffer } from '../../../src/forward/forward-buffer.ts';
import { ForwardGroupTable } from '../../../src/forward/group-table.ts';
import { DEFAULT_FORWARD_GROUP } from '../../../src/forward/forward-group.ts';
import { HINFO, LoopSearch, LoopWatch } from '../../../src/forward/loop-search.ts';
import { Query } from '../../../src/answer/query.ts';
import { questionOctets } from '../../wire/query.ts';
import { eventually, skipReason, TRANSPORTS } from '../shard/shard-fixture.ts';
import { startForwardServer } from './forward-server.ts';
import { answerA, StubUpstream } from './stub-upstream.ts';

const A = 1;

for (const transport of TRANSPORTS) {
  test(
    `${transport}: an upstream that asks us what we ask it is quarantined, the other one serves`,
    { skip: skipReason(transport) },
    async (t) => {
      const good = await StubUpstream.open(t);
      let port = 0;
      const looping = await StubUpstream.open(t, (query, stub) => {
        // As a forwarder does that was given our address: what it is asked it asks us.
        // What comes while the server starts comes again.
        if (query.message.qr || port === 0) return;
        const own = Buffer.from(query.octets);
        own.writeUInt16BE(query.message.id ^ 0x5555, 0);
        if (query.message.questions[0]!.type === HINFO) stub.socket.send(own, port, '127.0.0.1');
        else answerA(query, stub);
      });
      const server = await startForwardServer(t, {
        transport,
        groups: [{ upstreams: [looping.address, good.address], policy: 'sequential', loopZone: 'example.org' }],
        shards: transport === 'mmsg' ? 2 : 1,
      });
      port = server.port;
      const watch = new LoopWatch(server.forwardBuffer, server.table);
      const found: string[] = [];
      await eventually(() => {
        found.push(...watch.changes().map(({ text }) => text));
        return found.length > 0;
      }, 'the loop is found');
      assert.match(found[0]!, new RegExp(`zone "example\\.org": 127\\.0\\.0\\.1:${looping.address.port} `));
      assert.equal(found.length, 1);
      // The other shards hear of it at their next look; one client's queries all go to one shard.
      // What is slow is asked twice, and of the next upstream: so what counts is that eight names in a row went to one alone.
      const askedOf = (stub: StubUpstream): ReadonlySet<string> =>
        new Set(stub.queries.map(({ message: { questions } }) => questions[0]!.name[0]!));
      const goToGood = async (first: number): Promise<boolean> => {
        const names = Array.from({ length: 8 }, (_, index) => `n${first + index}`);
        for (const [index, name] of names.entries()) {
          await server.ask({ name: `${name}.org`, type: A, id: first + index });
        }
        return names.every((name) => askedOf(good).has(name) && !askedOf(looping).has(name));
      };
      let number = 100;
      while (!(await goToGood(number))) assert.ok((number += 8) < 10_000, 'the shard never hears of the loop');
      assert.ok(await goToGood(number + 8));
    },
  );
}

test('a question that does not come back ends the quarantine', () => {
  const buffer = createForwardBuffer(2);
  const table = new ForwardGroupTable(buffer);
  table.hold({ ...DEFAULT_FORWARD_GROUP, upstreams: [{ address: '192.0.2.1', port: 53 }], loopZone: '.' });
  const sender = new LoopSearch(buffer, true);
  const other = new LoopSearch(buffer, false);
  const watch = new LoopWatch(buffer, table);
  const isLoop = new Uint8Array(1);
  sender.addUpstream(0, 0, '.', 1000);
  other.addUpstream(0, 0, '.', 1000);
  assert.equal(sender.dueUpstream(1400), -1);
  assert.equal(sender.dueUpstream(1600), 0);
  assert.equal(other.dueUpstream(1e9), -1, 'one shard looks for loops');
  const name = sender.nextName(0, 1600, 0xdeadbeef);
  assert.equal(other.isOwn(queryOf(name)), true);
  sender.follow(isLoop, 1650);
  assert.deepEqual([...isLoop], [1]);
  assert.deepEqual(
    watch.changes().map(({ isFound }) => isFound),
    [true],
  );
  assert.deepEqual(watch.changes(), []);
  // It is sent again and comes back again.
  const second = sender.nextName(0, 20_000, 1);
  assert.notDeepEqual(second, name);
  assert.equal(other.isOwn(queryOf(second)), true);
  sender.nextName(0, 40_000, 2);
  assert.equal(watch.changes().length, 0, 'still a loop');
  sender.nextName(0, 60_000, 3);
  sender.follow(isLoop, 60_000);
  assert.deepEqual([...isLoop], [0]);
  assert.deepEqual(
    watch.changes().map(({ isFound }) => isFound),
    [false],
  );
});

test('names of others are not ours', () => {
  const sender = new LoopSearch(createForwardBuffer(1), true);
  const stranger = new LoopSearch(createForwardBuffer(1), true);
  sender.addUpstream(0, 0, 'example.org', 0);
  const name = sender.nextName(0, 1000, 7);
  assert.equal(sender.isOwn(queryOf(name)), true);
  assert.equal(stranger.isOwn(queryOf(name)), false);
  assert.equal(sender.isOwn(queryOf(questionName('x.example.org'))), false);
});

function questionName(name: string): Uint8Array {
  return Uint8Array.from(questionOctets(name, HINFO)).slice(0, -4);
}

function queryOf(name: Uint8Array): Query {
  const arena = new ArrayBuffer(1024);
  const octets = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, HINFO, 0, 1];
  new Uint8Array(arena).set(octets);
  const query = new Query(arena);
  query.parse(0, octets.length);
  return query;
}
