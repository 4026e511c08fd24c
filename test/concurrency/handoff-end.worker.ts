/** One end of a hand-off ring in the stress test: writes numbered frames, or checks them, until it is stopped or killed. */
import { workerData } from 'node:worker_threads';
import { Doorbell, HandoffReader, HandoffWriter, queryRingOf } from '../../src/forward/handoff-ring.ts';
import { HANDOFF_CONTROL as CONTROL, octetOf, sizeOf, type HandoffWorkerData } from './handoff-content.ts';

const { buffer, control: controlBuffer, role } = workerData as HandoffWorkerData;
const control = new Int32Array(controlBuffer);
const doorbell = new Doorbell(buffer);
const ring = queryRingOf(buffer, 0);
const message = new Uint8Array(70_000);
/** See snapshot-reader.worker.ts: V8 looks for termination where a function is entered. */
const termination = [1, 0];
const compare = (a: number, b: number): number => a - b;

function write(writer: HandoffWriter): void {
  const number = Atomics.load(control, CONTROL.WRITTEN);
  const size = sizeOf(number);
  for (let index = 0; index < size; index++) message[index] = octetOf(number, index);
  const isWritten = (): boolean =>
    size === 0
      ? writer.writeFailure(number, number ^ 7, number & 0xff, (number & 1) === 1)
      : writer.write(number, number ^ 7, number & 0xff, message, 0, size);
  while (!isWritten()) {
    // The ring is full.
    if (Atomics.wait(control, CONTROL.STOP, 0, 1) === 'not-equal') return;
  }
  Atomics.store(control, CONTROL.WRITTEN, number + 1);
  doorbell.ring();
}

/** A frame that a killed writer had not noted comes again, and so does one that a killed reader had not released. */
function check(reader: HandoffReader): void {
  const number = reader.attempt;
  const last = Atomics.load(control, CONTROL.READ);
  const size = sizeOf(number);
  let isRight = number === last || number === last + 1;
  if (reader.generation !== (number ^ 7) || reader.upstream !== (number & 0xff)) isRight = false;
  if (reader.size !== size || reader.isFailure !== (size === 0)) isRight = false;
  if (reader.isRefused !== (size === 0 && (number & 1) === 1)) isRight = false;
  reader.copyTo(message, 0);
  for (let index = 0; index < size; index++) if (message[index] !== octetOf(number, index)) isRight = false;
  if (!isRight) Atomics.add(control, CONTROL.FAULTS, 1);
  Atomics.store(control, CONTROL.READ, number);
  reader.release();
}

if (role === 'writer') {
  const writer = new HandoffWriter(ring);
  while (Atomics.load(control, CONTROL.STOP) === 0) {
    write(writer);
    termination.sort(compare);
  }
} else {
  const reader = new HandoffReader(ring);
  // A sleep of this kind does not keep a thread running.
  const keepAlive = setInterval(() => undefined, 1000);
  while (Atomics.load(control, CONTROL.STOP) === 0) {
    const { value } = doorbell;
    while (reader.read()) {
      check(reader);
      termination.sort(compare);
    }
    await doorbell.sleep(value);
  }
  clearInterval(keepAlive);
}
