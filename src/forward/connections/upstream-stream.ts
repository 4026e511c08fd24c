/**
 * A connection to an upstream server, TCP or TLS, which may carry several queries at a time (RFC 7766 §6.2.1.1).
 *
 * Queries of several askers share it, so each goes out under an id of the connection's own. Servers close connections when
 * they like: what was asked on one that had already brought replies is asked again on a new one; a connection that brings
 * none has failed.
 */
import type { Socket } from 'node:net';
import { OPCODE } from '../../dns/iana.ts';
import { framed, LENGTH_SIZE, MessageFrames } from '../../dns/message-frames.ts';
import { FLAGS_HIGH_AT, HEADER_SIZE, OPCODE_MASK, OPCODE_SHIFT, QDCOUNT_AT, QR } from '../../dns/wire-header.ts';

/** How long a reply is waited for, ms: longer than anybody waits for what is made of it. */
const REPLY_MAX_MS = 5000;
/** A connection that says nothing for as long although it was asked may be dead: what comes next goes elsewhere, ms. */
export const SILENT_MS = 400;
/** Ids of a connection that may be in use: what is more goes elsewhere or fails. */
const IDS_MAX = 32_768;

/** One query, of whoever wants to know. */
export interface StreamQuery {
  readonly asker: StreamAsker;
  readonly upstream: number;
  /** the asker's names for it */
  readonly attempt: number;
  readonly generation: number;
  /** the query behind its length */
  readonly octets: Buffer;
  /** as the asker has it */
  readonly id: number;
}

/** Who asks. Nothing of it is called within `ask`. */
export interface StreamAsker {
  /** @param message  with the id of the query; valid until this returns */
  receiveReply(query: StreamQuery, message: Uint8Array): void;
  /** No reply to it will come. @param isRefused  the host is there, and nobody listens on that port */
  failQuery(query: StreamQuery, isRefused: boolean): void;
}

export interface UpstreamStreamOptions {
  readonly connect: () => Socket;
  /** how long it is kept with nothing to do, ms */
  readonly idleMaxMs: number;
  /** how long it is used, ms; 0: as long as it lives */
  readonly ageMaxMs: number;
  /** something came that is no reply to what was asked */
  readonly onMismatch: () => void;
  /** it is gone */
  readonly onGone: (stream: UpstreamStream) => void;
}

interface SentQuery {
  readonly query: StreamQuery;
  readonly sentMs: number;
}

export class UpstreamStream {
  readonly #options: UpstreamStreamOptions;
  /** by id, in the order they were sent */
  readonly #unanswered = new Map<number, SentQuery>();
  readonly #bornMs = performance.now();
  #socket: Socket;
  #lastId = Math.floor(Math.random() * 0x1_0000);
  /** the socket has brought a reply */
  #hasReplied = false;
  #heardMs = performance.now();
  #isGone = false;
  #isRefused = false;
  #frames = new MessageFrames();

  constructor(options: UpstreamStreamOptions) {
    this.#options = options;
    this.#socket = this.#connect();
  }

  /** Queries without a reply. */
  get unansweredCount(): number {
    return this.#unanswered.size;
  }

  /** Whether it takes another query. */
  isUsable(nowMs: number): boolean {
    if (this.#unanswered.size >= IDS_MAX) return false;
    return this.#options.ageMaxMs === 0 || nowMs - this.#bornMs < this.#options.ageMaxMs;
  }

  /** How long it has been waited for without a word of it, ms; 0: it is not waited for, or has spoken since. */
  silenceMs(nowMs: number): number {
    for (const { sentMs } of this.#unanswered.values()) return this.#heardMs <= sentMs ? nowMs - sentMs : 0;
    return 0;
  }

  ask(query: StreamQuery): void {
    let id = this.#lastId;
    do id = (id + 1) & 0xffff;
    while (this.#unanswered.has(id));
    this.#lastId = id;
    this.#unanswered.set(id, { query, sentMs: performance.now() });
    query.octets.writeUInt16BE(id, LENGTH_SIZE);
    this.#socket.write(query.octets);
  }

  /** End what has waited too long. */
  tick(nowMs: number): void {
    for (const [id, { query, sentMs }] of this.#unanswered) {
      if (nowMs - sentMs < REPLY_MAX_MS) break;
      if (this.#heardMs <= sentMs) {
        this.giveUp();
        return;
      }
      this.#unanswered.delete(id);
      query.asker.failQuery(query, false);
    }
    if (this.#unanswered.size > 0) return;
    if (nowMs - this.#heardMs >= this.#options.idleMaxMs || !this.isUsable(nowMs)) this.destroy();
  }

  destroy(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#socket.destroy();
    this.#options.onGone(this);
  }

  #connect(): Socket {
    const socket = this.#options.connect();
    // Whatever is wrong with the connection, `close` follows.
    socket.on('error', (error) => (this.#isRefused = isRefusal(error)));
    socket.on('data', (piece: Buffer) => this.#read(piece));
    socket.on('close', () => this.#closed(socket));
    return socket;
  }

  #closed(socket: Socket): void {
    if (this.#isGone || socket !== this.#socket) return;
    if (this.#unanswered.size === 0) {
      this.destroy();
      return;
    }
    if (!this.#hasReplied) {
      this.giveUp();
      return;
    }
    this.#hasReplied = false;
    this.#frames = new MessageFrames();
    this.#socket = this.#connect();
    for (const { query } of this.#unanswered.values()) this.#socket.write(query.octets);
  }

  /** Nothing more is expected of it: what was asked has failed. */
  giveUp(): void {
    this.destroy();
    const unanswered = [...this.#unanswered.values()];
    this.#unanswered.clear();
    for (const { query } of unanswered) query.asker.failQuery(query, this.#isRefused);
  }

  #read(piece: Buffer): void {
    this.#heardMs = performance.now();
    for (const message of this.#frames.take(piece)) {
      this.#complete(message);
      if (this.#isGone) return;
    }
  }

  #complete(message: Buffer): void {
    const id = message.length < HEADER_SIZE ? -1 : message.readUInt16BE(0);
    const sent = this.#unanswered.get(id);
    // What is not the reply does not end the wait for it.
    if (sent === undefined || !isReplyTo(sent.query.octets, message)) {
      this.#options.onMismatch();
      return;
    }
    this.#hasReplied = true;
    this.#unanswered.delete(id);
    const { query } = sent;
    message.writeUInt16BE(query.id, 0);
    query.asker.receiveReply(query, message);
  }
}

/**
 * Whether a message is a response to a query's question. A header may stand alone: that is what servers send that do not know OPT.
 *
 * @param asked  the query behind its length
 */
function isReplyTo(asked: Buffer, message: Buffer): boolean {
  const high = message[FLAGS_HIGH_AT]!;
  if ((high & QR) === 0 || ((high >> OPCODE_SHIFT) & OPCODE_MASK) !== OPCODE.QUERY) return false;
  if (message.length === HEADER_SIZE) return true;
  if (message.readUInt16BE(QDCOUNT_AT) !== 1) return false;
  let end = HEADER_SIZE;
  // Names of queries are whole: they are written here.
  while (asked[LENGTH_SIZE + end]! > 0) end += asked[LENGTH_SIZE + end]! + 1;
  end += 1 + 4;
  if (message.length < end) return false;
  for (let at = HEADER_SIZE; at < end; at++) {
    const difference = message[at]! ^ asked[LENGTH_SIZE + at]!;
    if (difference === 0) continue;
    const letter = message[at]! | 0x20;
    // Letter case counts for nothing in the name.
    if (difference !== 0x20 || letter < 0x61 || letter > 0x7a || at >= end - 4) return false;
  }
  return true;
}

/** Whether a connection could not be opened because nobody listens there. */
export function isRefusal(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNREFUSED';
}

/** A query as a connection takes it. @param message  the query, id and all; copied */
export function streamQuery(
  asker: StreamAsker,
  upstream: number,
  attempt: number,
  generation: number,
  message: Uint8Array,
): StreamQuery {
  const octets = framed(message);
  return { asker, upstream, attempt, generation, octets, id: octets.readUInt16BE(LENGTH_SIZE) };
}
