/**
 * One client's connection over TCP or TLS: messages in, responses out as soon as they are there, in whatever order (RFC 7766
 * §6.2.1.1).
 *
 * It reads only while it can answer: not while the client leaves responses lying, not while too many queries wait. So one
 * connection holds at most a piece of the stream and one write of responses, whatever its client does.
 */
import type { Socket } from 'node:net';
import { withPadding } from '../dns/padding.ts';
import { ClientConnection } from './client-connection.ts';
import type { ConnectionHost, ConnectionListener, ConnectionOrigin, Responder } from './client-connection.ts';
import { MessageReader } from './message-reader.ts';
import { StreamAnswerer } from './stream-answerer.ts';

/** What a paused socket may still take from the kernel, octets: one read. */
const PAUSED_SIZE = 65_536;

/** What a connection is that is ready for messages. */
export interface ConnectedStream {
  /** over it messages are read and written */
  readonly socket: Socket;
  /** the TCP connection below, where `socket` is a TLS one */
  readonly carrier: Socket;
  readonly isEncrypted: boolean;
}

export class TcpConnection extends ClientConnection implements Responder {
  readonly #socket: Socket;
  readonly #carrier: Socket;
  readonly #isEncrypted: boolean;
  readonly #reader = new MessageReader();
  #queryCount = 0;
  /** a message was completed since it was last put into a list */
  #hasProgress = false;
  /** a piece of the stream, and how far it is read */
  #rest: Uint8Array | undefined = undefined;
  #restAt = 0;
  #isPaused = true;
  /** nothing more is waited for: the client has said so, or the server ends */
  #isEnding = false;
  /** what comes is passed over */
  #isDiscarding = false;
  /** our side is closed */
  #isClosing = false;
  #isTurnPlanned = false;
  readonly #onTaken = (): void => this.drained();

  /** @param stream  paused; what it says from now on is to be told to this */
  constructor(
    { socket, carrier, isEncrypted }: ConnectedStream,
    origin: ConnectionOrigin,
    listener: ConnectionListener,
    host: ConnectionHost,
    weight: number,
  ) {
    super(origin, listener, host, weight);
    this.#socket = socket;
    this.#carrier = carrier;
    this.#isEncrypted = isEncrypted;
    this.#settle();
  }

  /** A piece of the stream. */
  receive(piece: Uint8Array): void {
    if (this.#isDiscarding || this.#isClosing || this.isGone) return;
    this.#rest = piece;
    this.#restAt = 0;
    this.#work();
  }

  /** The client sends no more. What came before is answered, a message without its end is not. */
  endOfStream(): void {
    this.#isEnding = true;
    this.#settle();
  }

  /** Its turn. */
  continue(): void {
    this.#isTurnPlanned = false;
    if (!this.isGone && this.#rest !== undefined && !this.#isFull()) this.#work();
  }

  /** The client has taken what was written. */
  drained(): void {
    if (this.isGone) return;
    if (this.#rest === undefined) this.#settle();
    else this.#work();
    this.host.taken(this.origin.token);
  }

  reconsider(): void {
    if (this.isToEnd) this.#isEnding = true;
    this.#hasProgress = true;
    this.#settle();
  }

  respond(octets: Uint8Array): void {
    const message = this.#isEncrypted ? withPadding(octets) : octets;
    const framed = Buffer.allocUnsafe(2 + message.length);
    framed.writeUInt16BE(message.length, 0);
    framed.set(message, 2);
    this.sendPart(framed, true);
  }

  sendPart(framed: Buffer, isLast: boolean): boolean {
    if (this.isGone || this.#isClosing) return false;
    if (isLast) this.inFlight--;
    this.#write(framed);
    const takesMore = this.#socket.writableLength === 0;
    if (this.#rest === undefined || !takesMore) this.#settle();
    else this.#work();
    return takesMore;
  }

  /**
   * Close at once. A client that takes nothing gets a reset: the kernel would keep its responses for minutes.
   * (`resetAndDestroy` waits for them to be taken.)
   */
  destroy(): void {
    if (this.isGone) return;
    const carrier: Socket & { resetAndClosing?: boolean } = this.#carrier;
    // libuv resets no socket whose shutdown is under way.
    if (this.#socket.writableLength > 0 && !this.#isClosing) carrier.resetAndClosing = true;
    this.gone();
    this.#socket.destroy();
  }

  /** The socket is closed, or about to be. */
  gone(): void {
    this.#rest = undefined;
    this.leave();
  }

  /** Answer as much as one write takes. */
  #work(): void {
    const { answerer } = this.host;
    answerer.enter(this.origin.peer, this.origin.peerPort, this.origin.proxyVector);
    this.host.currentToken = this.origin.token;
    try {
      this.#answerSome(answerer);
    } finally {
      this.host.currentToken = 0;
      answerer.leave();
    }
    const responses = answerer.take();
    if (responses !== undefined && !this.isGone) this.#write(responses);
    this.#settle();
  }

  #answerSome(answerer: StreamAnswerer): void {
    while (!answerer.isFull) {
      const rest = this.#rest;
      if (rest === undefined || this.#isFull()) return;
      this.#restAt = this.#reader.take(rest, this.#restAt, answerer.octets, StreamAnswerer.MESSAGE_AT);
      if (this.#restAt === rest.length) this.#rest = undefined;
      if (this.#reader.isComplete) this.#answer(answerer, this.#reader.messageSize);
    }
  }

  #answer(answerer: StreamAnswerer, messageSize: number): void {
    const { id, timeouts } = this.listener;
    this.#queryCount++;
    this.#hasProgress = true;
    const isLast = this.#queryCount >= timeouts.queriesMax;
    const size = answerer.answer(id, messageSize, {
      idleTimeoutMs: isLast || this.#isEnding ? 0 : timeouts.idleMs,
      isEncrypted: this.#isEncrypted,
    });
    if (size === StreamAnswerer.PENDING) this.inFlight++;
    // A message that is owed no response, an empty one too: whoever sends that does not speak DNS.
    if (size === StreamAnswerer.NONE || isLast) this.#stopReading();
  }

  #stopReading(): void {
    this.#isEnding = true;
    this.#isDiscarding = true;
    this.#rest = undefined;
  }

  #write(octets: Buffer): void {
    // A TLS socket has a mark of its own, below which it says nothing of what was taken.
    if (this.#isEncrypted) this.#socket.write(octets, this.#onTaken);
    else this.#socket.write(octets);
  }

  #isFull(): boolean {
    return this.#socket.writableLength > 0 || this.inFlight >= this.host.limits.inFlightMax;
  }

  /** Decide what the connection waits for now. */
  #settle(): void {
    if (this.isGone) return;
    const isFull = this.#isFull();
    if (this.#rest !== undefined && !isFull) this.#planTurn();
    if (this.#isEnding && this.#rest === undefined && this.inFlight === 0) this.#close();
    const isOpen = this.host.isOpen && !this.listener.isHeld;
    this.#pause(!this.#isClosing && (isFull || this.#rest !== undefined || !isOpen));
    this.#enterList();
    const pausedSize = this.#isPaused && isOpen ? PAUSED_SIZE : 0;
    const restSize = this.#rest?.length ?? 0;
    this.countHeld(this.#reader.heldSize + restSize + this.#socket.writableLength + pausedSize);
  }

  #planTurn(): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    this.host.planTurn(this);
  }

  /**
   * Close our side. What the client still sends is read and passed over until it closes too: closing both sides with
   * something unread would be a reset, which can take the last responses away from the client (RFC 1122 §4.2.2.13).
   */
  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.isToEnd) this.#socket.destroySoon();
    else this.#socket.end();
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  #enterList(): void {
    const { lists } = this.listener;
    const nowMs = performance.now();
    if (this.#socket.writableLength > 0) this.stayOrEnter(lists.blocked, nowMs);
    else if (this.#isClosing) this.stayOrEnter(lists.closing, nowMs);
    else if (this.inFlight > 0) lists.querying.append(this, nowMs);
    else if (!this.#reader.isPartial) (this.#queryCount > 0 ? lists.idle : lists.fresh).append(this, nowMs);
    else if (this.#hasProgress) lists.partial.append(this, nowMs);
    // An octet now and then is no reason to wait longer.
    else this.stayOrEnter(lists.partial, nowMs);
    this.#hasProgress = false;
  }
}
