/**
 * A connection to an upstream server, which may carry several queries at a time (RFC 7766 §6.2.1.1).
 *
 * Servers close connections when they like. What was asked on one that had already brought replies is asked again on a
 * new one, under the same number; a connection that brings none has failed.
 */
import { connect, type Socket } from 'node:net';
import type { UpstreamAddress } from '../forward/forward-group.ts';

const LENGTH_SIZE = 2;
/** How long a reply is waited for, ms: longer than anybody waits for what is made of it. */
const REPLY_MAX_MS = 5000;
/** How long a connection with nothing to do is kept, ms. */
const IDLE_MAX_MS = 10_000;

/** Who has the connections. Never called within `ask`. */
export interface UpstreamStreamHost {
  /** @param message  valid until it returns */
  receive(stream: UpstreamStream, message: Uint8Array): void;
  /** No reply to this query will come. @param query  behind its length */
  fail(stream: UpstreamStream, query: Buffer): void;
  /** the connection is gone */
  release(stream: UpstreamStream): void;
}

interface SentQuery {
  /** behind its length */
  readonly octets: Buffer;
  readonly sentMs: number;
}

export class UpstreamStream {
  /** index of the upstream */
  readonly upstream: number;
  /** no other connection ever has it */
  readonly number: number;
  readonly #address: UpstreamAddress;
  readonly #host: UpstreamStreamHost;
  /** by id, in the order they were sent */
  readonly #unanswered = new Map<number, SentQuery>();
  #socket: Socket;
  /** the socket has brought a reply */
  #hasReplied = false;
  #heardMs = performance.now();
  #isGone = false;
  /** of the message under way: octets of its length that have come, its octets, and how many of them have come */
  #lengthOctets = 0;
  #messageSize = 0;
  #message: Buffer | undefined = undefined;
  #seenSize = 0;

  constructor(upstream: number, number: number, address: UpstreamAddress, host: UpstreamStreamHost) {
    this.upstream = upstream;
    this.number = number;
    this.#address = address;
    this.#host = host;
    this.#socket = this.#connect();
  }

  /** Queries without a reply. */
  get unansweredCount(): number {
    return this.#unanswered.size;
  }

  /** @param octets  the query behind its length */
  ask(octets: Buffer): void {
    const id = octets.readUInt16BE(LENGTH_SIZE);
    // What had the id before is no longer waited for; the new one is last in order.
    this.#unanswered.delete(id);
    this.#unanswered.set(id, { octets, sentMs: performance.now() });
    this.#socket.write(octets);
  }

  /** End what has waited too long. */
  tick(nowMs: number): void {
    for (const [id, { sentMs }] of this.#unanswered) {
      if (nowMs - sentMs < REPLY_MAX_MS) break;
      if (this.#heardMs < sentMs) {
        this.#giveUp();
        return;
      }
      this.#unanswered.delete(id);
    }
    if (this.#unanswered.size === 0 && nowMs - this.#heardMs >= IDLE_MAX_MS) this.destroy();
  }

  destroy(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#socket.destroy();
    this.#host.release(this);
  }

  #connect(): Socket {
    const { address: host, port } = this.#address;
    const socket = connect({ host, port, noDelay: true });
    // Whatever is wrong with the connection, `close` follows.
    socket.on('error', () => undefined);
    socket.on('data', (piece) => this.#read(piece));
    socket.on('close', () => this.#closed());
    return socket;
  }

  #closed(): void {
    if (this.#isGone) return;
    if (this.#unanswered.size === 0) {
      this.destroy();
      return;
    }
    if (this.#hasReplied) {
      this.#hasReplied = false;
      this.#lengthOctets = 0;
      this.#message = undefined;
      this.#socket = this.#connect();
      for (const { octets } of this.#unanswered.values()) this.#socket.write(octets);
      return;
    }
    this.#giveUp();
  }

  #giveUp(): void {
    this.destroy();
    for (const { octets } of this.#unanswered.values()) this.#host.fail(this, octets);
  }

  #read(piece: Buffer): void {
    this.#heardMs = performance.now();
    let at = 0;
    while (at < piece.length && !this.#isGone) {
      if (this.#lengthOctets < LENGTH_SIZE) {
        this.#messageSize = ((this.#messageSize << 8) | piece[at++]!) & 0xffff;
        if (++this.#lengthOctets === LENGTH_SIZE) {
          this.#message = Buffer.allocUnsafe(this.#messageSize);
          this.#seenSize = 0;
        }
      } else {
        const end = Math.min(piece.length, at + this.#messageSize - this.#seenSize);
        piece.copy(this.#message!, this.#seenSize, at, end);
        this.#seenSize += end - at;
        at = end;
      }
      if (this.#lengthOctets === LENGTH_SIZE && this.#seenSize === this.#messageSize) this.#complete();
    }
  }

  #complete(): void {
    const message = this.#message!;
    this.#message = undefined;
    this.#lengthOctets = 0;
    this.#hasReplied = true;
    if (message.length >= 2) this.#unanswered.delete(message.readUInt16BE(0));
    this.#host.receive(this, message);
  }
}
