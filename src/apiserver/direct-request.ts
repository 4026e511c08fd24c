/**
 * A GET request over a connection of its own, for answers that last: an event of a watch is some hundred octets, and on the way
 * through Node's streams and its HTTP client costs more than all that is done with it. Octets are read into one buffer that is
 * used again, and what of them is body is handed on.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { OnReadOpts, Socket } from 'node:net';
import { MessageReader } from './message-reader.ts';

/** The octets of an answer as they come; ends with an error where the connection does before the answer. */
export interface ChunkSource extends AsyncIterable<Buffer> {
  destroy(error?: Error): unknown;
}

export interface DirectAnswer {
  readonly statusCode: number;
  /** by name in small letters; of one that is repeated the last */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: ChunkSource;
}

export interface DirectRequest {
  /** Connect; what is read is to go to `onread`. */
  readonly connect: (onread: OnReadOpts) => Socket;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly signal: AbortSignal;
  /** for the headers of the answer */
  readonly answerMs: number;
}

const READ_SIZE = 65_536;

/** Each read is over before the next begins, so all connections share it. */
const readBuffer = Buffer.allocUnsafeSlow(READ_SIZE);

/** @throws what kept the answer from beginning; the signal's reason */
export function requestDirectly(request: DirectRequest): Promise<DirectAnswer> {
  return new DirectExchange(request).answer;
}

class DirectExchange implements ChunkSource, AsyncIterator<Buffer, void> {
  readonly answer: Promise<DirectAnswer>;
  readonly #socket: Socket;
  readonly #reader = new MessageReader();
  readonly #begun = Promise.withResolvers<DirectAnswer>();
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  /** what came while nobody waited for it: at most what was read before the socket could be stopped */
  readonly #queue: Buffer[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<Buffer, void>> | undefined;
  #isStopped = false;
  #isDone = false;
  #error: Error | undefined;

  constructor({ connect, url, headers, signal, answerMs }: DirectRequest) {
    this.answer = this.#begun.promise;
    this.#signal = signal;
    // Throws where a value could be taken for another header, before anything is sent.
    const head = requestHead(url, headers);
    signal.throwIfAborted();
    this.#socket = connect({ buffer: readBuffer, callback: (size) => this.#take(size) });
    this.#timer = setTimeout(() => this.destroy(new Error(`no answer within ${answerMs / 1000} s`)), answerMs);
    signal.addEventListener('abort', this.#abort, { once: true });
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('end', () => this.#end(undefined));
    this.#socket.on('close', () => this.#end(undefined));
    this.#socket.write(head);
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void> {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, void>> {
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined });
    this.#waiting = Promise.withResolvers();
    if (this.#isStopped) {
      this.#isStopped = false;
      this.#socket.resume();
    }
    return this.#waiting.promise;
  }

  return(): Promise<IteratorResult<Buffer, void>> {
    this.destroy();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** @param error  what who waits is told; without one the answer is at its end */
  destroy(error?: Error): void {
    if (this.#isDone) return;
    if (error === undefined) this.#finish();
    else this.#end(error);
  }

  readonly #abort = (): void => this.#end(this.#signal.reason as Error);

  /** @returns whether to read on */
  #take(size: number): boolean {
    if (this.#isDone) return false;
    let body: Buffer;
    try {
      const hadHead = this.#reader.head !== undefined;
      body = this.#reader.read(readBuffer, size);
      if (!hadHead && this.#reader.head !== undefined) this.#begin();
    } catch (error) {
      this.#end(error as Error);
      return false;
    }
    if (body.length > 0) this.#handOn(body);
    if (this.#reader.isComplete) this.#finish();
    this.#isStopped = this.#queue.length > 0;
    return !this.#isStopped;
  }

  #begin(): void {
    clearTimeout(this.#timer);
    const { statusCode, headers } = this.#reader.head!;
    this.#begun.resolve({ statusCode, headers, body: this });
  }

  #handOn(value: Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#queue.push(value);
    else waiting.resolve({ done: false, value });
  }

  /** The connection has ended, or is to. */
  #end(error: Error | undefined): void {
    if (this.#isDone) return;
    if (error === undefined && this.#reader.endsWithConnection) return this.#finish();
    this.#error = error ?? Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    this.#begun.reject(this.#error);
    const waiting = this.#waiting;
    this.#finish();
    waiting?.reject(this.#error);
  }

  #finish(): void {
    this.#isDone = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#abort);
    this.#socket.destroy();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (this.#error === undefined) waiting?.resolve({ done: true, value: undefined });
  }
}

function requestHead(url: URL, headers: DirectRequest['headers']): string {
  let text = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n`;
  for (const [name, values] of Object.entries(headers)) {
    validateHeaderName(name);
    for (const value of typeof values === 'string' ? [values] : values) {
      validateHeaderValue(name, value);
      text += `${name}: ${value}\r\n`;
    }
  }
  return `${text}Connection: close\r\n\r\n`;
}
