/**
 * The octets of one HTTP/1.1 response (RFC 9112), as they come from a connection, to its head and the octets of its body: without
 * their framing, all that came in one read in one piece.
 */

export interface ResponseHead {
  readonly statusCode: number;
  /** by name in small letters; of one that is repeated the last */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Octets of a head, and of what stands between two chunks. */
const HEAD_SIZE_MAX = 65_536;
const CHUNK_LINE_SIZE_MAX = 4_096;
/** What stands behind the last chunk of a read, and is no body. */
const LINE_END_SIZE = 2;
const HEAD_END = '\r\n\r\n';
const CR = 0x0d;
const LF = 0x0a;
/** Digits of a size that fits a small integer. */
const PLAIN_DIGITS_MAX = 7;
const NO_OCTETS = Buffer.alloc(0);

/** What comes next. `line`: the size of a chunk; `gap`: the line end behind one; `trailer`: lines up to an empty one. */
type Expected = 'head' | 'line' | 'chunk' | 'gap' | 'trailer' | 'counted' | 'rest' | 'nothing';

export class MessageReader {
  #head: ResponseHead | undefined;
  #expected: Expected = 'head';
  /** of a head or line that has not come whole, one character an octet */
  #text = '';
  /** octets of the chunk or the body that are to come */
  #missing = 0;

  /** undefined until it has come whole */
  get head(): ResponseHead | undefined {
    return this.#head;
  }

  get isComplete(): boolean {
    return this.#expected === 'nothing';
  }

  /** The end of the connection is that of the body. */
  get endsWithConnection(): boolean {
    return this.#expected === 'rest' || this.#expected === 'nothing';
  }

  /**
   * Take what was read. What comes behind the response is passed over.
   *
   * @param size  octets of it
   * @returns a copy of what of it is body; often nothing
   * @throws Error where this is no response, or one that cannot be followed
   */
  read(octets: Buffer, size: number): Buffer {
    let body = NO_OCTETS;
    let bodySize = 0;
    let at = 0;
    while (at < size && this.#expected !== 'nothing') {
      if (this.#expected === 'head') {
        at = this.#readHead(octets, at, size);
      } else if (this.#expected === 'chunk' || this.#expected === 'counted' || this.#expected === 'rest') {
        const count = this.#expected === 'rest' ? size - at : Math.min(size - at, this.#missing);
        if (bodySize === 0) body = Buffer.allocUnsafe(size - at <= count + LINE_END_SIZE ? count : size - at);
        // Buffer's own copy is a call out of compiled code.
        body.set(new Uint8Array(octets.buffer, octets.byteOffset + at, count), bodySize);
        bodySize += count;
        at += count;
        this.#leave(count);
      } else {
        at = this.#readLine(octets, at, size);
      }
    }
    return bodySize === body.length ? body : body.subarray(0, bodySize);
  }

  #leave(count: number): void {
    if (this.#expected === 'rest') return;
    this.#missing -= count;
    if (this.#missing === 0) this.#expected = this.#expected === 'chunk' ? 'gap' : 'nothing';
  }

  #readHead(octets: Buffer, at: number, size: number): number {
    const before = this.#text.length;
    const text = this.#text + octets.toString('latin1', at, size);
    const end = text.indexOf(HEAD_END, Math.max(0, before - HEAD_END.length));
    if (end < 0) {
      if (text.length > HEAD_SIZE_MAX) throw new Error(`the head of the answer is larger than ${HEAD_SIZE_MAX} octets`);
      this.#text = text;
      return size;
    }
    this.#text = '';
    const head = parseHead(text.slice(0, end));
    // Informational ones come before the response (RFC 9110 §15.2).
    if (head.statusCode >= 200) this.#begin(head);
    return at + end + HEAD_END.length - before;
  }

  #begin(head: ResponseHead): void {
    this.#head = head;
    const { statusCode, headers } = head;
    const coding = headers['transfer-encoding']?.toLowerCase();
    const length = headers['content-length'];
    if (statusCode === 204 || statusCode === 304) this.#expected = 'nothing';
    else if (coding === 'chunked') this.#expected = 'line';
    else if (coding !== undefined) throw new Error(`the answer has the transfer coding ${JSON.stringify(coding)}`);
    else if (length === undefined) this.#expected = 'rest';
    else {
      if (!/^\d{1,15}$/.test(length)) throw new Error(`the answer has the length ${JSON.stringify(length)}`);
      this.#missing = Number(length);
      this.#expected = this.#missing === 0 ? 'nothing' : 'counted';
    }
  }

  /** A line that is not body, or as much of it as there is. */
  #readLine(octets: Buffer, at: number, size: number): number {
    const plainEnd = this.#readPlainLine(octets, at, size);
    if (plainEnd > at) return plainEnd;
    const found = octets.indexOf(LF, at);
    const end = found < 0 || found >= size ? size : found + 1;
    const text = this.#text + octets.toString('latin1', at, end);
    if (text.length > CHUNK_LINE_SIZE_MAX) throw new Error('a line between two chunks of the answer does not end');
    if (!text.endsWith('\n')) {
      this.#text = text;
      return end;
    }
    this.#text = '';
    this.#takeLine(text.endsWith('\r\n') ? text.slice(0, -2) : text.slice(0, -1));
    return end;
  }

  /**
   * The usual lines between two chunks, without a text: a size of digits alone that is not 0, and the line end behind a chunk.
   *
   * @returns behind it; `at` where it is another, or has not come whole
   */
  #readPlainLine(octets: Buffer, at: number, size: number): number {
    if (this.#text !== '') return at;
    let end = at;
    if (this.#expected === 'line') {
      let value = 0;
      const digitsEnd = Math.min(size, at + PLAIN_DIGITS_MAX);
      for (; end < digitsEnd; end++) {
        const digit = hexDigitOf(octets[end]!);
        if (digit < 0) break;
        value = value * 16 + digit;
      }
      if (value === 0 || end + 2 > size || octets[end] !== CR || octets[end + 1] !== LF) return at;
      this.#missing = value;
      this.#expected = 'chunk';
    } else {
      if (this.#expected !== 'gap' || end + 2 > size || octets[end] !== CR || octets[end + 1] !== LF) return at;
      this.#expected = 'line';
    }
    return end + 2;
  }

  #takeLine(line: string): void {
    if (this.#expected === 'gap') {
      if (line !== '') throw new Error('a chunk of the answer is longer than it says');
      this.#expected = 'line';
    } else if (this.#expected === 'trailer') {
      if (line === '') this.#expected = 'nothing';
    } else {
      const digits = /^([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(line)?.[1];
      if (digits === undefined) throw new Error(`the answer has a chunk of the size ${JSON.stringify(line)}`);
      this.#missing = Number.parseInt(digits, 16);
      this.#expected = this.#missing === 0 ? 'trailer' : 'chunk';
    }
  }
}

/** @returns -1 if it is none */
function hexDigitOf(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

function parseHead(text: string): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const code = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1];
  if (code === undefined) throw new Error(`no HTTP response: ${JSON.stringify(statusLine.slice(0, 80))}`);
  const headers: Record<string, string | undefined> = Object.create(null) as Record<string, string | undefined>;
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new Error(`the answer has a header ${JSON.stringify(line.slice(0, 80))}`);
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { statusCode: Number(code), headers };
}
