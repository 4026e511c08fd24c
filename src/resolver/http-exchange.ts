/**
 * One HTTP request and its response, over HTTP/1.1 or a stream of HTTP/2: a message that is collected, answered, sent.
 *
 *   RECEIVING ─► ANSWERING ─► SENDING ─► gone        a fault goes from RECEIVING to SENDING at once
 */
import { lifetimeSeconds } from '../dns/message-lifetime.ts';
import { withPadding } from '../dns/padding.ts';
import type { Responder } from './client-connection.ts';
import { DOH_MESSAGE_MAX, MESSAGE_TYPE, readDohRequest, TOO_LARGE, type HttpRequestHead } from './doh-request.ts';

const LENGTH_SIZE = 2;

export type HttpHeaders = Readonly<Record<string, string | number>>;

/** The way back of one request. */
export interface HttpChannel {
  /** The whole response. */
  send(status: number, headers: HttpHeaders, body: Uint8Array): void;
  /** There is none. */
  abort(): void;
}

/** Who has the connection. */
export interface ExchangeHost {
  /** responses are padded for clients that pad */
  readonly isEncrypted: boolean;
  /** how long the rest of a request may take, ms */
  readonly readMs: number;
  /** Answer a message, now or later by the exchange's `respond`. */
  answer(exchange: HttpExchange, message: Uint8Array): void;
  /** A response is about to be sent. */
  counted(status: number): void;
  /** The exchange has gone a step further. */
  progressed(): void;
  /** It is over: nothing more comes or goes. @param isReset  before its response was sent */
  ended(exchange: HttpExchange, isReset: boolean): void;
}

export const EXCHANGE = { RECEIVING: 0, ANSWERING: 1, SENDING: 2, ENDED: 3 } as const;

export class HttpExchange implements Responder {
  /** an EXCHANGE value */
  state: number = EXCHANGE.RECEIVING;
  /** never used again by another one */
  readonly token: number;
  readonly #host: ExchangeHost;
  readonly #channel: HttpChannel;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(token: number, host: ExchangeHost, channel: HttpChannel) {
    this.token = token;
    this.#host = host;
    this.#channel = channel;
  }

  /** Octets that it holds. */
  get heldSize(): number {
    return this.#size;
  }

  /** The head of the request. */
  begin(head: HttpRequestHead): void {
    const request = readDohRequest(head);
    if (request.kind === 'fault') {
      this.fail(request.status, request.reason);
    } else if (request.kind === 'message') {
      this.#ask(request.message);
    } else {
      this.#timer = setTimeout(() => this.fail(408, 'the rest of the request did not come'), this.#host.readMs);
      this.#host.progressed();
    }
  }

  /** A piece of its body. */
  receive(piece: Uint8Array): void {
    if (this.state !== EXCHANGE.RECEIVING) return;
    this.#size += piece.length;
    if (this.#size > DOH_MESSAGE_MAX) {
      this.fail(TOO_LARGE.status, TOO_LARGE.reason);
      return;
    }
    this.#pieces.push(piece);
  }

  /** The body is complete. */
  complete(): void {
    if (this.state !== EXCHANGE.RECEIVING) return;
    const message = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#ask(message);
  }

  respond(octets: Uint8Array): void {
    if (this.state !== EXCHANGE.ANSWERING) return;
    const body = this.#host.isEncrypted ? withPadding(octets) : Uint8Array.from(octets);
    const headers = {
      'content-type': MESSAGE_TYPE,
      'content-length': body.length,
      'cache-control': `max-age=${lifetimeSeconds(body)}`,
    };
    this.#send(200, headers, body);
  }

  /** A response has to be one message here: a zone is not. */
  sendPart(framed: Buffer, isLast: boolean): boolean {
    if (isLast) this.respond(framed.subarray(LENGTH_SIZE));
    else if (this.state === EXCHANGE.ANSWERING) this.fail(500, 'a zone is transferred over TCP');
    return false;
  }

  /** What is wrong with the request, or with its answer. */
  fail(status: number, reason: string): void {
    if (this.state === EXCHANGE.SENDING || this.state === EXCHANGE.ENDED) return;
    const body = Buffer.from(`${reason}\n`);
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length };
    this.#send(status, status === 405 ? { ...headers, allow: 'GET, POST' } : headers, body);
  }

  destroy(): void {
    this.#channel.abort();
  }

  /** The channel is closed. */
  closed(): void {
    if (this.state === EXCHANGE.ENDED) return;
    clearTimeout(this.#timer);
    const isReset = this.state !== EXCHANGE.SENDING;
    this.state = EXCHANGE.ENDED;
    this.#pieces = [];
    this.#host.ended(this, isReset);
  }

  #ask(message: Uint8Array): void {
    clearTimeout(this.#timer);
    this.state = EXCHANGE.ANSWERING;
    this.#pieces = [];
    this.#size = 0;
    this.#host.answer(this, message);
  }

  #send(status: number, headers: HttpHeaders, body: Uint8Array): void {
    clearTimeout(this.#timer);
    this.state = EXCHANGE.SENDING;
    this.#pieces = [];
    this.#size = body.length;
    this.#host.counted(status);
    this.#channel.send(status, headers, body);
    this.#host.progressed();
  }
}
