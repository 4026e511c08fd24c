import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { discardEarly, startEarly, takeShardPool } from '../../../../src/server/threads/shard-pool.ts';

const skip = process.platform === 'linux' ? false : 'no thread is made early here';

/** The thread that is made meanwhile, and whether it has said that it has come up. */
async function madeEarly(): Promise<{ readonly worker: Worker; readonly hasComeUp: () => boolean }> {
  const made = once(process, 'worker');
  startEarly();
  const [worker] = (await made) as [Worker];
  let count = 0;
  worker.on('message', () => count++);
  return { worker, hasComeUp: () => count > 0 };
}

test('a thread that nobody takes is ended, and not while it loads native code', { skip }, async () => {
  const { worker, hasComeUp } = await madeEarly();
  const gone = once(worker, 'exit');
  await discardEarly();
  assert.equal(hasComeUp(), true);
  await gone;
  // Nothing is left to be discarded.
  await discardEarly();
});

test('nor one that cannot be used, as the transport is another', { skip }, async () => {
  const { worker, hasComeUp } = await madeEarly();
  const gone = once(worker, 'exit');
  const pool = takeShardPool('dgram');
  await gone;
  assert.equal(hasComeUp(), true);
  await pool.destroy();
});
