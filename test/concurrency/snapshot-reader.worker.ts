/** A reading thread of the stress test: enters, checks pairs of names, leaves; until it is stopped, killed or hangs. */
import { parentPort, workerData } from 'node:worker_threads';

import { SnapshotReader } from '../../src/snapshot/reader.ts';
import {
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  KEY_SPACE,
  KIND,
  wordsFor,
} from '../../src/snapshot/snapshot-layout.ts';
import { checkedVersion, CONTROL, PAIR_COUNT, pairName } from './stress-content.ts';
import type { StressWorkerData } from './stress-content.ts';

const { buffer, slot, control: controlBuffer, seed } = workerData as StressWorkerData;
const control = new Int32Array(controlBuffer);
const reader = new SnapshotReader(buffer, slot);
const names = Array.from({ length: PAIR_COUNT * 2 }, (_, index) => {
  const name = pairName(index >>> 1, index & 1);
  const words = new Uint32Array(66);
  new Uint8Array(words.buffer).set(name);
  return { words, size: name.length };
});
let random = seed;
const PAIRS_PER_BATCH = 64;
const HELD_MS_MAX = 8;

function nextRandom(bound: number): number {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return random % bound;
}

/** Version of one name in the snapshot held, 0 if it is not there. */
function versionOf(datasetAt: number, pair: number, side: number): number {
  const { words, size } = names[pair * 2 + side]!;
  const entryAt = reader.findEntry(datasetAt, KEY_SPACE.FORWARD, words, size);
  if (entryAt === 0) return 0;
  const head = reader.words[entryAt]!;
  if (((head >>> ENTRY_KIND_SHIFT) & 0xf) !== KIND.ADDRESS) return -1;
  return checkedVersion(reader.words, entryAt + 1 + wordsFor(head & ENTRY_KEY_SIZE_MASK), pair, side);
}

const pairs = new Uint32Array(PAIRS_PER_BATCH);
const versions = new Int32Array(PAIRS_PER_BATCH);

function fail(pair: number, left: number, right: number): void {
  Atomics.add(control, CONTROL.FAULTS, 1);
  parentPort!.postMessage(`pair ${pair}: ${left} and ${right}`);
}

function runBatch(): void {
  if (!reader.enter()) return;
  const datasetAt = reader.datasetAt(0);
  for (let index = 0; index < PAIRS_PER_BATCH; index++) {
    const pair = nextRandom(PAIR_COUNT);
    pairs[index] = pair;
    const left = versionOf(datasetAt, pair, 0);
    versions[index] = left;
    if (left > 0) Atomics.add(control, CONTROL.FOUND, 1);
    const right = versionOf(datasetAt, pair, 1);
    if (left !== right || left === -1) fail(pair, left, right);
  }
  // In every other batch the writer has time to publish, retire and reclaim many times while this snapshot is held.
  if (nextRandom(1 << 16) < 1 << 15) Atomics.wait(control, CONTROL.STOP, 0, 1 + nextRandom(HELD_MS_MAX));
  for (let index = 0; index < PAIRS_PER_BATCH; index++) {
    const right = versionOf(datasetAt, pairs[index]!, 1);
    if (right !== versions[index]) fail(pairs[index]!, versions[index]!, right);
  }
  if (Atomics.load(control, CONTROL.HANG) === slot + 1) Atomics.wait(control, CONTROL.STOP, 0);
  reader.leave();
  Atomics.add(control, CONTROL.BATCHES, 1);
}

/**
 * V8 looks for a request to terminate where a function is entered. Everything above may be compiled into one loop that
 * enters none; the comparison of a sort is never made part of its caller.
 */
const termination = [1, 0];
function compare(a: number, b: number): number {
  return a - b;
}

while (Atomics.load(control, CONTROL.STOP) === 0) {
  runBatch();
  termination.sort(compare);
}
