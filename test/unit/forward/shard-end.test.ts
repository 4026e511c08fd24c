/** What a shard that ends leaves behind: no socket, and no client that is not answered when it asks again. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { buildQuery } from '../../wire/query.ts';
import { eventually, skipReason } from '../shard/shard-fixture.ts';
import { startForwardServer } from './forward-server.ts';
import { answerA, silent, StubUpstream } from './stub-upstream.ts';

test(
  'mmsg: a shard that is replaced leaves no descriptor open, and its successor forwards',
  { skip: skipReason('mmsg') },
  async (t) => {
    const upstream = await StubUpstream.open(t, silent);
    const server = await startForwardServer(t, { transport: 'mmsg', groups: [{ upstreams: [upstream.address] }] });
    server.client.send(Buffer.from(buildQuery({ name: 'a.org', type: 1, id: 1 })), server.port, '127.0.0.1');
    await eventually(() => upstream.queries.length === 1, 'a query is under way');
    const before = countDescriptors();
    for (let round = 0; round < 3; round++) await server.supervisor.replace(0);
    // A thread takes a descriptor or two of its own with it; sixteen sockets a thread would be 51.
    assert.ok(countDescriptors() < before + 16, `${before} descriptors before, ${countDescriptors()} after`);
    upstream.handler = answerA;
    assert.equal((await server.ask({ name: 'a.org', type: 1, id: 2 })).answer.length, 1);
    await server.supervisor.stop();
    assert.ok(countDescriptors() <= before - 16, 'the sockets are closed at the end');
  },
);

function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
