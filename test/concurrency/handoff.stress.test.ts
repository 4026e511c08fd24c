/** A hand-off ring between real threads, either of which is killed now and then. SKYSHARD_STRESS_SECONDS: for how long. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createHandoffBuffer, Doorbell } from '../../src/forward/handoff-ring.ts';
import { HANDOFF_CONTROL as CONTROL, type HandoffWorkerData } from './handoff-content.ts';

const SECONDS = Number(process.env['SKYSHARD_STRESS_SECONDS'] ?? 3);

/** No frame for so long is none for ever. */
const STUCK_MS = 20_000;

test(
  'frames come whole and in order through a ring whose ends are killed',
  { timeout: (SECONDS + 60) * 1000 },
  async (t) => {
    const buffer = createHandoffBuffer(1);
    const controlBuffer = new SharedArrayBuffer(CONTROL.WORDS * 4);
    const control = new Int32Array(controlBuffer);
    // Nothing is read yet; the first frame has the number 0.
    control[CONTROL.READ] = -1;
    const start = (role: HandoffWorkerData['role']): Worker => {
      const workerData: HandoffWorkerData = { buffer, control: controlBuffer, role };
      return new Worker(new URL('./handoff-end.worker.ts', import.meta.url), { workerData });
    };
    const ends = { writer: start('writer'), reader: start('reader') };
    t.after(() => Promise.all(Object.values(ends).map((worker) => worker.terminate())));
    const endMs = performance.now() + SECONDS * 1000;
    let kills = 0;
    while (performance.now() < endMs || kills < 6) {
      const before = Atomics.load(control, CONTROL.READ);
      const stuckMs = performance.now() + STUCK_MS;
      while (Atomics.load(control, CONTROL.READ) <= before + 200) {
        assert.equal(Atomics.load(control, CONTROL.FAULTS), 0);
        assert.ok(performance.now() < stuckMs, `stuck: ${control.join(' ')}`);
        await sleep(5);
      }
      const role = kills++ % 2 === 0 ? 'writer' : 'reader';
      await ends[role].terminate();
      ends[role] = start(role);
    }
    Atomics.store(control, CONTROL.STOP, 1);
    Atomics.notify(control, CONTROL.STOP);
    await once(ends.writer, 'exit');
    new Doorbell(buffer).ring();
    await once(ends.reader, 'exit');
    assert.equal(Atomics.load(control, CONTROL.FAULTS), 0);
    t.diagnostic(`${Atomics.load(control, CONTROL.READ)} frames, ${kills} kills`);
  },
);
