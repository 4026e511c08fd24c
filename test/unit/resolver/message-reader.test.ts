import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageReader, STREAM_QUERY_MAX } from '../../../src/resolver/message-reader.ts';

const AT = 3;

function framed(...messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [Buffer.of(message.length >> 8, message.length & 255), message]));
}

function numbered(size: number, first = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => first + i);
}

/** All messages of a stream that comes in these pieces. */
function readAll(reader: MessageReader, pieces: readonly Uint8Array[]): Uint8Array[] {
  const into = new Uint8Array(AT + STREAM_QUERY_MAX);
  const messages: Uint8Array[] = [];
  for (const piece of pieces) {
    for (let position = 0; position < piece.length;) {
      position = reader.take(piece, position, into, AT);
      if (reader.isComplete) messages.push(into.slice(AT, AT + reader.messageSize));
    }
  }
  return messages;
}

test('messages come out whole, wherever the stream is cut', () => {
  const messages = [numbered(20), numbered(1, 7), numbered(300, 9)];
  const stream = framed(...messages);
  for (let first = 0; first <= stream.length; first++) {
    const second = Math.min(stream.length, first + 1 + (first % 40));
    const pieces = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
    const reader = new MessageReader();
    assert.deepEqual(readAll(reader, pieces), messages, `cut at ${first} and ${second}`);
    assert.equal(reader.isPartial, false);
    assert.equal(reader.heldSize, 0);
  }
  const octets = Array.from(stream, (octet) => Uint8Array.of(octet));
  assert.deepEqual(readAll(new MessageReader(), octets), messages, 'octet by octet');
});

test('an empty message is a message', () => {
  assert.deepEqual(readAll(new MessageReader(), [framed(new Uint8Array(0), numbered(5))]), [
    new Uint8Array(0),
    numbered(5),
  ]);
});

test('of a message larger than any query the beginning is kept, and the next one is found', () => {
  const large = numbered(65_535);
  const next = numbered(12, 100);
  const stream = framed(large, next);
  for (const cut of [1, 2, 3, STREAM_QUERY_MAX, STREAM_QUERY_MAX + 2, 65_000, stream.length]) {
    const found = readAll(new MessageReader(), [stream.subarray(0, cut), stream.subarray(cut)]);
    assert.deepEqual(found, [large.slice(0, STREAM_QUERY_MAX), next], `cut at ${cut}`);
  }
});

test('memory follows what has come, not what was announced', () => {
  const reader = new MessageReader();
  readAll(reader, [Uint8Array.of(255)]);
  assert.equal(reader.isPartial, true);
  readAll(reader, [Uint8Array.of(255, 1, 2, 3)]);
  assert.ok(reader.heldSize <= 64, `${reader.heldSize} octets for three`);
  readAll(reader, [new Uint8Array(60_000)]);
  assert.ok(reader.heldSize <= STREAM_QUERY_MAX, `${reader.heldSize} octets`);
});
