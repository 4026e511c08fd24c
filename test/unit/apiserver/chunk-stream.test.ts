/** A connection on which nothing comes is given up, after the whole time and not before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChunkReader } from '../../../src/apiserver/chunk-stream.ts';
import type { ChunkSource } from '../../../src/apiserver/direct-request.ts';

const LIMIT_MS = 60;

/** Octets that come when the test says so. */
class ToldSource implements ChunkSource, AsyncIterator<Buffer, void> {
  #waiting = Promise.withResolvers<IteratorResult<Buffer, void>>();

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void> {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer, void>> {
    const result = await this.#waiting.promise;
    this.#waiting = Promise.withResolvers();
    return result;
  }

  send(text: string): void {
    this.#waiting.resolve({ done: false, value: Buffer.from(text) });
  }

  destroy(error?: Error): void {
    if (error !== undefined) this.#waiting.reject(error);
  }
}

function readerOf(source: ToldSource, silenceMs: () => number = () => LIMIT_MS): ChunkReader {
  return new ChunkReader(source, silenceMs, () => new Error('silent'));
}

test('nothing comes', async () => {
  await assert.rejects(readerOf(new ToldSource()).next(), /silent/);
});

test('what comes gives whoever waits next the whole time', async () => {
  const source = new ToldSource();
  const reader = readerOf(source);
  for (const text of ['one', 'two', 'three']) {
    const next = reader.next();
    setTimeout(() => source.send(text), LIMIT_MS / 2);
    assert.equal((await next)?.toString(), text);
  }
  const sinceMs = performance.now();
  await assert.rejects(reader.next(), /silent/);
  const waitedMs = performance.now() - sinceMs;
  assert.ok(waitedMs >= LIMIT_MS - 1, `given up after ${waitedMs} ms`);
});

test('the time in which a piece is worked on is no silence', async () => {
  const source = new ToldSource();
  const reader = readerOf(source);
  source.send('one');
  await reader.next();
  await sleep(3 * LIMIT_MS);
  const next = reader.next();
  source.send('two');
  assert.equal((await next)?.toString(), 'two');
  await assert.rejects(reader.next(), /silent/);
});

test('another limit holds from the next wait on', async () => {
  const source = new ToldSource();
  let silenceMs = 3_600_000;
  const reader = readerOf(source, () => silenceMs);
  source.send('one');
  await reader.next();
  silenceMs = LIMIT_MS;
  await assert.rejects(reader.next(), /silent/);
});
