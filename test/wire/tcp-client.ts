/** A client of DNS over TCP, for tests: frames, and knows what the server did to the connection. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

const DEADLINE_MS = 10_000;

export interface TcpClientOptions {
  readonly port: number;
  readonly address?: string;
  /** the client's own address */
  readonly localAddress?: string;
  /** DNS over TLS */
  readonly tls?: ConnectionOptions;
}

export class TcpClient {
  readonly socket: Socket;
  /** messages received, in order */
  readonly messages: Buffer[] = [];
  /** the server has closed its side, or the connection is gone */
  isEnded = false;
  isClosed = false;
  /** the connection ended in an error: a reset */
  error: NodeJS.ErrnoException | undefined;
  #unread = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece) => {
      this.#unread = Buffer.concat([this.#unread, piece]);
      this.#cut();
      this.#wake();
    });
    socket.on('end', () => {
      this.isEnded = true;
      this.#wake();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error));
    socket.on('close', () => {
      this.isEnded = true;
      this.isClosed = true;
      this.#wake();
    });
  }

  static async open({ port, address = '127.0.0.1', localAddress, tls }: TcpClientOptions): Promise<TcpClient> {
    const options = {
      port,
      host: address,
      allowHalfOpen: true,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    };
    const socket = tls === undefined ? connect(options) : connectTls({ ...options, ...tls });
    const event = tls === undefined ? 'connect' : 'secureConnect';
    await new Promise<void>((resolve, reject) => socket.once(event, resolve).once('error', reject));
    return new TcpClient(socket);
  }

  /** Send messages, each behind its length, in one write. */
  send(...messages: readonly Uint8Array[]): void {
    this.socket.write(framed(...messages));
  }

  /** Wait until so many messages have come in all; fails after 10 s, or when the server closes before. */
  async receive(count: number): Promise<readonly Buffer[]> {
    await this.until(() => this.messages.length >= count || this.isEnded, `${count} messages`);
    if (this.messages.length < count) throw new Error(`${this.messages.length} of ${count} messages, then the end`);
    return this.messages;
  }

  /** The response to one query; undefined if the server closes instead. */
  async ask(query: Uint8Array): Promise<Buffer | undefined> {
    const before = this.messages.length;
    this.send(query);
    await this.until(() => this.messages.length > before || this.isEnded, 'a response');
    return this.messages[before];
  }

  /** Wait until the server closes; fails after 10 s. */
  async ended(): Promise<void> {
    await this.until(() => this.isEnded, 'the end');
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const timer = setTimeout(() => this.#wake(), DEADLINE_MS);
    const endMs = performance.now() + DEADLINE_MS;
    try {
      while (!condition()) {
        if (performance.now() >= endMs) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #cut(): void {
    while (this.#unread.length >= 2) {
      const end = 2 + this.#unread.readUInt16BE(0);
      if (this.#unread.length < end) return;
      this.messages.push(this.#unread.subarray(2, end));
      this.#unread = this.#unread.subarray(end);
    }
  }
}

export function framed(...messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [Buffer.of(message.length >> 8, message.length & 255), message]));
}
