/**
 * One client's connection: messages in, responses out as soon as they are there, in whatever order (RFC 7766 §6.2.1.1).
 *
 * It is always in one list of its listener, which says what it waits for and how long it may:
 *
 *   fresh      for the first octet                  querying   for responses that come later
 *   partial    for the rest of a message            blocked    for the client to take responses
 *   idle       for another message                  closing    for the client to close too
 *
 * It reads only while it can answer: not while the client leaves responses lying, not while too many queries wait. So one
 * connection holds at most a piece of the stream and one write of responses, whatever its client does.
 */
import type { Socket } from 'node:net';
import type { DeadlineList, DeadlineNode } from './deadline-list.ts';
import { MessageReader } from './message-reader.ts';
import type { TcpLimits, TcpTimeouts } from './resolver-options.ts';
import { StreamAnswerer } from './stream-answerer.ts';

/** What a paused socket may still take from the kernel, octets: one read. */
const PAUSED_SIZE = 65_536;
/** A client that has connected gets this long to say something before others are worth more, ms: a round trip and more. */
const GRACE_MS = 1000;
const FAR_MS = 1e9;

export interface ConnectionLists {
  readonly fresh: DeadlineList<TcpConnection>;
  readonly partial: DeadlineList<TcpConnection>;
  readonly idle: DeadlineList<TcpConnection>;
  readonly querying: DeadlineList<TcpConnection>;
  readonly blocked: DeadlineList<TcpConnection>;
  readonly closing: DeadlineList<TcpConnection>;
}

/** The listener it came to. */
export interface ConnectionListener {
  /** listener id */
  id: number;
  timeouts: TcpTimeouts;
  /** no connection is read yet */
  isHeld: boolean;
  /** it is closed: what was asked is answered, then its connections are closed */
  isLeaving: boolean;
  readonly lists: ConnectionLists;
}

/** Who has all the connections. */
export interface ConnectionHost {
  readonly answerer: StreamAnswerer;
  readonly limits: TcpLimits;
  /** whether queries are taken */
  readonly isOpen: boolean;
  /** what was asked is answered, then connections are closed */
  readonly isDraining: boolean;
  /** the connection whose message the answerer has in hand */
  current: TcpConnection | undefined;
  /** a connection holds so many octets more, or fewer; one that holds too much may be gone then */
  hold(size: number): void;
  /** the connection has more to do when others had their turn: call `continue` */
  planTurn(connection: TcpConnection): void;
  /** the connection is gone */
  release(connection: TcpConnection): void;
}

export class TcpConnection implements DeadlineNode<TcpConnection> {
  deadlineMs = 0;
  list: DeadlineList<TcpConnection> | undefined = undefined;
  before: TcpConnection | undefined = undefined;
  after: TcpConnection | undefined = undefined;
  /** never used again by another connection: names it for responses that come later */
  readonly token: number;
  /** the client's address as text, the key of its share */
  readonly client: string;
  /** queries not answered yet */
  inFlight = 0;
  readonly #socket: Socket;
  readonly #listener: ConnectionListener;
  readonly #host: ConnectionHost;
  /** 4 or 16 octets */
  readonly #peer: Uint8Array;
  readonly #peerPort: number;
  readonly #reader = new MessageReader();
  #queryCount = 0;
  /** a message was completed since it was last put into a list */
  #hasProgress = false;
  /** a piece of the stream, and how far it is read */
  #rest: Uint8Array | undefined = undefined;
  #restAt = 0;
  #heldSize = 0;
  #isPaused = true;
  /** nothing more is waited for: the client has said so, or the server ends */
  #isEnding = false;
  /** what comes is passed over */
  #isDiscarding = false;
  /** our side is closed */
  #isClosing = false;
  #isGone = false;
  #isTurnPlanned = false;

  constructor(
    socket: Socket,
    where: { readonly token: number; readonly client: string; readonly peer: Uint8Array; readonly peerPort: number },
    listener: ConnectionListener,
    host: ConnectionHost,
  ) {
    this.#socket = socket;
    this.token = where.token;
    this.client = where.client;
    this.#peer = where.peer;
    this.#peerPort = where.peerPort;
    this.#listener = listener;
    this.#host = host;
    this.#settle();
  }

  /**
   * How little it would be missed: the longer it waits the less, and whoever has had the time to finish a message and
   * has not least of all. -Infinity: a query waits for its answer.
   */
  dispensability(nowMs: number): number {
    const { list } = this;
    const { fresh, partial, blocked, closing } = this.#listener.lists;
    if (list === undefined || this.inFlight > 0) return -Infinity;
    const waitedMs = nowMs - this.deadlineMs + list.durationMs;
    if (list === closing) return waitedMs + 2 * FAR_MS;
    if (list === blocked) return waitedMs - FAR_MS;
    return (list === fresh || list === partial) && waitedMs > GRACE_MS ? waitedMs + FAR_MS : waitedMs;
  }

  /** A piece of the stream. */
  receive(piece: Uint8Array): void {
    if (this.#isDiscarding || this.#isClosing || this.#isGone) return;
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
    if (!this.#isGone && this.#rest !== undefined && !this.#isFull()) this.#work();
  }

  /** The client has taken what was written. */
  drained(): void {
    if (this.#rest === undefined) this.#settle();
    else this.#work();
  }

  get listener(): ConnectionListener {
    return this.#listener;
  }

  /** The host's or the listener's state has changed: it takes queries now, or no more. */
  reconsider(): void {
    if (this.#host.isDraining || this.#listener.isLeaving) this.#isEnding = true;
    this.#hasProgress = true;
    this.#settle();
  }

  /** A response that came later. @param octets  the message without its length; copied */
  respond(octets: Uint8Array): void {
    const framed = Buffer.allocUnsafe(2 + octets.length);
    framed.writeUInt16BE(octets.length, 0);
    framed.set(octets, 2);
    this.sendPart(framed, true);
  }

  /**
   * A message of a response that came later.
   *
   * @param framed  the message behind its length; kept
   * @param isLast  the response is complete
   * @returns whether the client takes more now
   */
  sendPart(framed: Buffer, isLast: boolean): boolean {
    if (this.#isGone || this.#isClosing) return false;
    if (isLast) this.inFlight--;
    this.#socket.write(framed);
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
    if (this.#isGone) return;
    const socket: Socket & { resetAndClosing?: boolean } = this.#socket;
    // libuv resets no socket whose shutdown is under way.
    if (socket.writableLength > 0 && !this.#isClosing) socket.resetAndClosing = true;
    this.gone();
    socket.destroy();
  }

  /** The socket is closed, or about to be. */
  gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#rest = undefined;
    this.list?.remove(this);
    this.#countHeld(0);
    this.#host.release(this);
  }

  /** Answer as much as one write takes. */
  #work(): void {
    const { answerer } = this.#host;
    answerer.enter(this.#peer, this.#peerPort);
    this.#host.current = this;
    try {
      this.#answerSome(answerer);
    } finally {
      this.#host.current = undefined;
      answerer.leave();
    }
    const responses = answerer.take();
    if (responses !== undefined && !this.#isGone) this.#socket.write(responses);
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
    const { id, timeouts } = this.#listener;
    this.#queryCount++;
    this.#hasProgress = true;
    const isLast = this.#queryCount >= timeouts.queriesMax;
    const size = answerer.answer(id, messageSize, isLast || this.#isEnding ? 0 : timeouts.idleMs);
    if (size === StreamAnswerer.PENDING) this.inFlight++;
    // A message that is owed no response, an empty one too: whoever sends that does not speak DNS.
    if (size === StreamAnswerer.NONE || isLast) this.#stopReading();
  }

  #stopReading(): void {
    this.#isEnding = true;
    this.#isDiscarding = true;
    this.#rest = undefined;
  }

  #isFull(): boolean {
    return this.#socket.writableLength > 0 || this.inFlight >= this.#host.limits.inFlightMax;
  }

  /** Decide what the connection waits for now. */
  #settle(): void {
    if (this.#isGone) return;
    const isFull = this.#isFull();
    if (this.#rest !== undefined && !isFull) this.#planTurn();
    if (this.#isEnding && this.#rest === undefined && this.inFlight === 0) this.#close();
    const isOpen = this.#host.isOpen && !this.#listener.isHeld;
    this.#pause(!this.#isClosing && (isFull || this.#rest !== undefined || !isOpen));
    this.#enterList();
    const pausedSize = this.#isPaused && isOpen ? PAUSED_SIZE : 0;
    const restSize = this.#rest?.length ?? 0;
    this.#countHeld(this.#reader.heldSize + restSize + this.#socket.writableLength + pausedSize);
  }

  #planTurn(): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    this.#host.planTurn(this);
  }

  /**
   * Close our side. What the client still sends is read and passed over until it closes too: closing both sides with
   * something unread would be a reset, which can take the last responses away from the client (RFC 1122 §4.2.2.13).
   */
  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#host.isDraining || this.#listener.isLeaving) this.#socket.destroySoon();
    else this.#socket.end();
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  #enterList(): void {
    const { lists } = this.#listener;
    const nowMs = performance.now();
    if (this.#socket.writableLength > 0) stayOrEnter(lists.blocked, this, nowMs);
    else if (this.#isClosing) stayOrEnter(lists.closing, this, nowMs);
    else if (this.inFlight > 0) lists.querying.append(this, nowMs);
    else if (!this.#reader.isPartial) (this.#queryCount > 0 ? lists.idle : lists.fresh).append(this, nowMs);
    else if (this.#hasProgress) lists.partial.append(this, nowMs);
    // An octet now and then is no reason to wait longer.
    else stayOrEnter(lists.partial, this, nowMs);
    this.#hasProgress = false;
  }

  #countHeld(size: number): void {
    const more = size - this.#heldSize;
    this.#heldSize = size;
    if (more !== 0) this.#host.hold(more);
  }
}

function stayOrEnter(list: DeadlineList<TcpConnection>, connection: TcpConnection, nowMs: number): void {
  if (connection.list !== list) list.append(connection, nowMs);
}
