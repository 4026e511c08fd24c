/** Forwarding over real sockets, on both transports, to an upstream that does what a test says. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { formatName } from '../../wire/names.ts';
import { skipReason, TRANSPORTS } from '../shard/shard-fixture.ts';
import { startForwardServer } from './forward-server.ts';
import { StubUpstream } from './stub-upstream.ts';

for (const transport of TRANSPORTS) {
  const skip = skipReason(transport);

  test(`${transport}: a question goes upstream and its answer to the client`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t);
    const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    const response = await ask({ name: 'wWw.Example.org', type: 1, id: 0x4321 });
    assert.equal(response.id, 0x4321);
    assert.equal(response.rcode, 0);
    assert.equal(formatName(response.questions[0]!.name), 'wWw.Example.org.');
    assert.deepEqual(
      response.answer.map(({ rdata }) => rdata),
      ['192.0.2.1'],
    );
    assert.equal(upstream.queries.length, 1);
  });
}
