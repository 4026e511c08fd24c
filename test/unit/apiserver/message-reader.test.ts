/** Responses, however they are cut: what is body, where it ends, and what is none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MessageReader } from '../../../src/apiserver/message-reader.ts';

interface Read {
  readonly reader: MessageReader;
  readonly body: string;
}

/** Read a response in pieces of `size` octets, through one buffer that is used again. */
function readAll(text: string, size: number): Read {
  const octets = Buffer.from(text, 'latin1');
  const buffer = Buffer.alloc(size);
  const reader = new MessageReader();
  const parts: Buffer[] = [];
  for (let at = 0; at < octets.length; at += size) {
    const count = octets.copy(buffer, 0, at, at + size);
    parts.push(reader.read(buffer, count));
    buffer.fill(0x58);
  }
  return { reader, body: Buffer.concat(parts).toString('latin1') };
}

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/x;stream=watch\r\n';
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;

describe('a body, cut anywhere', () => {
  const cases: Readonly<Record<string, readonly [text: string, body: string, isComplete: boolean]>> = {
    'in chunks': [`${CHUNKED}5\r\nhello\r\n0A;a=b\r\n\r\n\n world \r\n0\r\n\r\n`, 'hello\r\n\n world ', true],
    'in chunks whose sizes have letters and zeros': [
      `${CHUNKED}c\r\n12 octets...\r\n0B\r\n11 octets..\r\n0000000001\r\nx\r\n1a \r\n${'y'.repeat(26)}\r\n000\r\n\r\n`,
      `12 octets...11 octets..x${'y'.repeat(26)}`,
      true,
    ],
    'in chunks, with a trailer': [`${CHUNKED}1\r\nx\r\n0\r\nA: b\r\n\r\nmore`, 'x', true],
    'in chunks that go on': [`${CHUNKED}3\r\nabc\r\n4\r\nde`, 'abcde', false],
    'of a known length': [`${HEAD}content-length: 4\r\n\r\nabcdef`, 'abcd', true],
    'of no octets': [`${HEAD}content-length: 0\r\n\r\n`, '', true],
    'up to the end': [`${HEAD}\r\nabc`, 'abc', false],
    'behind an informational response': [
      `HTTP/1.1 103 Early\r\nA: b\r\n\r\n${HEAD}content-length: 1\r\n\r\nz`,
      'z',
      true,
    ],
  };
  for (const [name, [text, body, isComplete]] of Object.entries(cases)) {
    test(name, () => {
      for (let size = 1; size <= text.length; size++) {
        const read = readAll(text, size);
        assert.equal(read.body, body, `${size} octets a read`);
        assert.equal(read.reader.isComplete, isComplete);
        assert.equal(read.reader.head?.statusCode, 200);
        assert.equal(read.reader.head?.headers['content-type'], 'text/x;stream=watch');
      }
    });
  }

  test('only one without length and chunks ends with the connection', () => {
    assert.equal(readAll(`${HEAD}\r\nabc`, 9).reader.endsWithConnection, true);
    assert.equal(readAll(`${HEAD}content-length: 4\r\n\r\nabc`, 9).reader.endsWithConnection, false);
    assert.equal(readAll(`${CHUNKED}3\r\nabc\r\n`, 9).reader.endsWithConnection, false);
    assert.equal(readAll('HTTP/1.1 200', 9).reader.endsWithConnection, false);
  });
});

describe('what is no response ends it', () => {
  const cases: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
    'another protocol': ['SSH-2.0-server\r\n\r\n', /no HTTP response: "SSH-2\.0-server"/],
    'a header without a colon': ['HTTP/1.1 200 OK\r\nnonsense\r\n\r\n', /a header "nonsense"/],
    'a chunk of no size': [`${CHUNKED}zz\r\n`, /a chunk of the size "zz"/],
    'a chunk of a negative size': [`${CHUNKED}-1\r\n`, /a chunk of the size "-1"/],
    'a chunk whose size does not end': [`${CHUNKED}1:\r\nab\r\n`, /a chunk of the size "1:"/],
    'a chunk of no digits': [`${CHUNKED}\r\n\r\n`, /a chunk of the size ""/],
    'a chunk that is longer than it says': [`${CHUNKED}1\r\nab\r\n`, /longer than it says/],
    'another transfer coding': [`${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n`, /transfer coding "gzip, chunked"/],
    'a length that is none': [`${HEAD}Content-Length: 1e3\r\n\r\n`, /the length "1e3"/],
    'a head without end': [`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(70_000)}`, /the head of the answer is larger/],
    'a line without end': [`${CHUNKED}1;${'b'.repeat(5_000)}`, /does not end/],
  };
  for (const [name, [text, message]] of Object.entries(cases)) {
    test(name, () => {
      for (const size of [7, 1024, text.length]) assert.throws(() => readAll(text, size), message);
    });
  }
});
