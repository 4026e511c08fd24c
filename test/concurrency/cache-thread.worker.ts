/**
 * A thread of the cache's stress test: looks answers up, holds them for a while, checks every octet again, and stores others;
 * until it is stopped or killed.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { CacheThread } from '../unit/cache/cache-bench.ts';
import { bodyOf, CACHE_CONTROL, isBodyOf, NAME_COUNT, type CacheStressData } from './cache-stress-content.ts';

const { buffer, snapshot, writer, control: controlBuffer, seed } = workerData as CacheStressData;
const control = new Int32Array(controlBuffer);
const thread = new CacheThread(buffer, writer, snapshot);
const HELD_MAX = 32;
const STORES_PER_TURN = 40;
let random = seed;
let version = seed * 1_000_000;

function nextRandom(bound: number): number {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return (random >>> 8) % bound;
}

function fail(text: string): void {
  Atomics.add(control, CACHE_CONTROL.FAULTS, 1);
  parentPort!.postMessage(text);
}

/** Few names are asked often, many once. */
function nextName(): number {
  return nextRandom(4) === 0 ? nextRandom(50) : nextRandom(NAME_COUNT);
}

function turn(): void {
  thread.epoch.enter();
  const held: { readonly at: number; readonly name: number; readonly body: string }[] = [];
  for (let count = 0; count < HELD_MAX; count++) {
    const name = nextName();
    const body = thread.hit({ name: `n${name}.test.` });
    if (body === undefined) continue;
    Atomics.add(control, CACHE_CONTROL.FOUND, 1);
    if (!isBodyOf(body, name)) fail(`name ${name}: found ${body.slice(0, 60)}`);
    held.push({ at: thread.cache.success, name, body });
  }
  // Time for the others to go round their rings and want the memory back.
  if (nextRandom(16) === 0) Atomics.wait(control, CACHE_CONTROL.STOP, 0, 1 + nextRandom(4));
  for (const { at, name, body } of held) {
    if (thread.bodyOf(at) !== body) fail(`name ${name}: changed while it was held`);
  }
  // A batch ends here: what follows holds nothing.
  thread.epoch.enter();
  for (let count = 0; count < STORES_PER_TURN; count++) {
    const name = nextName();
    if (thread.store({ name: `n${name}.test.` }, bodyOf(name, version++)))
      Atomics.add(control, CACHE_CONTROL.STORED, 1);
  }
  thread.epoch.leave();
}

/** V8 ends a thread where a function is entered that is not part of its caller: a sort's comparison never is. */
const termination = [1, 0];
while (Atomics.load(control, CACHE_CONTROL.STOP) === 0) {
  turn();
  termination.sort((a, b) => a - b);
}
