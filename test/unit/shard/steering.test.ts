/** Pinned shards: the i-th socket of a group gets what the i-th CPU of the mask received. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { pinThread, threadCpus } from '../../../src/native/cpu-affinity.ts';
import { ECHO } from './echo-work.ts';
import { EchoClient, echoQuery, skipReason, startShards } from './shard-fixture.ts';

function skipSteering(): string | false {
  const reason = skipReason('mmsg');
  if (reason !== false) return reason;
  return threadCpus().length < 2 ? 'this machine gives the test one CPU' : false;
}

test(
  'a query goes to the shard of the CPU it was received on, on every listener',
  { skip: skipSteering() },
  async (t) => {
    const cpus = threadCpus();
    // Descending: shard 0 belongs to the highest CPU, so that neither chance nor a plain «return the CPU» passes.
    const order = cpus.slice(0, 2).toReversed();
    const { ports, lines } = await startShards(t, 'mmsg', ['127.0.0.1', '127.0.0.2'], {
      count: 2,
      isPinned: true,
      cpus: order,
    });
    assert.deepEqual(
      lines.filter((line) => /steered|pinned/.test(line)),
      [],
    );
    const client = await EchoClient.open(t);
    t.after(() => restoreAffinity(cpus));
    for (const round of [0, 1, 2]) {
      for (const [shard, cpu] of order.entries()) {
        // A datagram over the loopback is received by the CPU that sends it.
        assert.ok(pinThread(cpu));
        for (const [listener, port] of ports.entries()) {
          const { message } = await client.ask(echoQuery(ECHO.LISTENER, round), port, `127.0.0.${listener + 1}`);
          assert.equal(message[14], shard, `round ${round}, CPU ${cpu}, listener ${listener}`);
        }
      }
    }
  },
);

function restoreAffinity(cpus: readonly number[]): void {
  // The test process ends here; leave it on one of its CPUs.
  pinThread(cpus[0] as number);
}
