/** Messages in a stream, wherever it is cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framed, MessageFrames } from '../../../src/dns/message-frames.ts';

function streamOf(...sizes: readonly number[]): Buffer {
  return Buffer.concat(sizes.map((size, index) => framed(Buffer.alloc(size, index))));
}

test('messages are the same wherever the stream is cut', () => {
  const sizes = [12, 0, 700, 65_535, 1];
  const stream = streamOf(...sizes);
  for (const pieceSize of [1, 2, 3, 13, 1000, stream.length]) {
    const frames = new MessageFrames();
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; at += pieceSize)
      found.push(...frames.take(stream.subarray(at, at + pieceSize)));
    assert.deepEqual(
      found.map(({ length }) => length),
      sizes,
      `pieces of ${pieceSize}`,
    );
    assert.ok(found.every((message, index) => message.every((octet) => octet === index)));
  }
});

test('an octet at a time is copied once, not with all that came before', () => {
  let copied = 0;
  const set = Uint8Array.prototype.set;
  const frames = new MessageFrames();
  const stream = streamOf(65_535);
  try {
    Uint8Array.prototype.set = function (from, at) {
      copied += from.length;
      set.call(this, from, at);
    };
    for (let at = 0; at < stream.length; at++) for (const _ of frames.take(stream.subarray(at, at + 1))) void _;
  } finally {
    Uint8Array.prototype.set = set;
  }
  assert.equal(copied, 65_535);
});
