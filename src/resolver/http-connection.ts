/**
 * One client's connection over HTTP/1.1 or HTTP/2: requests in, responses out as soon as they are there. Node reads the
 * protocol; what a client may keep waiting, and how much of everything it may have, is decided here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { ClientConnection } from './client-connection.ts';
import type { ConnectionHost, ConnectionListener, ConnectionOrigin, Responder } from './client-connection.ts';
import { EXCHANGE, HttpExchange, type ExchangeHost, type HttpChannel } from './http-exchange.ts';
import { StreamAnswerer } from './stream-answerer.ts';
import type { ConnectedStream } from './tcp-connection.ts';

/** Streams a client may reset before their responses, while fewer are answered: who does that is not asking (RFC 9113 §10.5). */
const RESETS_MAX = 100;
/** Service Unavailable: there are too many requests at a time. */
const TOO_MANY = 503;
/** NO_ERROR and ENHANCE_YOUR_CALM, RFC 9113 §7. */
const H2_NO_ERROR = 0;
const H2_ENHANCE_YOUR_CALM = 11;

export interface HttpHost extends ConnectionHost {
  takeToken(): number;
  addResponder(token: number, responder: Responder): void;
  removeResponder(token: number): void;
  /** A response was sent. */
  countHttp(listener: ConnectionListener, status: number): void;
}

export class HttpConnection extends ClientConnection implements ExchangeHost {
  readonly isEncrypted: boolean;
  readonly #http: HttpHost;
  readonly #socket: Socket;
  readonly #carrier: Socket;
  readonly #exchangesMax: number;
  readonly #exchanges = new Set<HttpExchange>();
  #session: ServerHttp2Session | undefined = undefined;
  #requestCount = 0;
  #answeredCount = 0;
  #resetCount = 0;
  /** an exchange has ended since it was last put into a list */
  #hasProgress = false;
  #isEnding = false;
  #isClosing = false;

  /** @param exchangesMax  requests at a time */
  constructor(
    { socket, carrier, isEncrypted }: ConnectedStream,
    exchangesMax: number,
    origin: ConnectionOrigin,
    listener: ConnectionListener,
    host: HttpHost,
    weight: number,
  ) {
    super(origin, listener, host, weight);
    this.#http = host;
    this.#socket = socket;
    this.#carrier = carrier;
    this.isEncrypted = isEncrypted;
    this.#exchangesMax = exchangesMax;
    socket.on('error', () => undefined);
    socket.on('close', () => this.gone());
    this.#settle();
  }

  get readMs(): number {
    return this.listener.timeouts.readMs;
  }

  /** It speaks HTTP/2. */
  adoptSession(session: ServerHttp2Session): void {
    this.#session = session;
    session.on('error', () => undefined);
    session.on('close', () => this.#socket.destroy());
    // Half a connection is of no use to HTTP/2.
    this.#socket.on('end', () => this.destroy());
    session.on('stream', (stream, headers, flags) => this.#takeStream(stream, headers, (flags & 1) !== 0));
  }

  /** A request of HTTP/1.1. */
  takeRequest(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => undefined);
    const { 'transfer-encoding': coding, 'content-length': length = '0' } = request.headers;
    const hasBody = coding !== undefined || length !== '0';
    const channel: HttpChannel = {
      send: (status, headers, body) => {
        // What is left of a request that is not read is not worth the connection.
        const isLast = this.#isEnding || (hasBody && !request.complete) || status === TOO_MANY;
        response.writeHead(status, isLast ? { ...headers, connection: 'close' } : headers).end(body);
      },
      abort: () => this.destroy(),
    };
    const exchange = this.#open(channel);
    response.on('close', () => exchange.closed());
    request.on('data', (piece: Uint8Array) => exchange.receive(piece));
    request.on('end', () => exchange.complete());
    this.#begin(exchange, request.method ?? '', request.url ?? '', request.headers);
  }

  /** What came is no HTTP. */
  refuse(status: number): void {
    if (this.isGone) return;
    this.counted(status);
    this.#socket.end(`HTTP/1.1 ${status} \r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    this.#isClosing = true;
    this.#settle();
  }

  reconsider(): void {
    if (this.isToEnd) this.#isEnding = true;
    this.#hasProgress = true;
    this.#settle();
  }

  destroy(): void {
    if (this.isGone) return;
    const carrier: Socket & { resetAndClosing?: boolean } = this.#carrier;
    // The kernel is to keep nothing for who does not take it. libuv resets no socket whose shutdown is under way, which a
    // session begins when it ends: so the socket goes first, and the session sees it.
    if (this.#exchanges.size > 0 && !this.#isClosing) carrier.resetAndClosing = true;
    this.gone();
    this.#socket.destroy();
  }

  /** The socket is closed, or about to be. */
  gone(): void {
    if (!this.leave()) return;
    for (const exchange of [...this.#exchanges]) exchange.closed();
  }

  answer(exchange: HttpExchange, message: Uint8Array): void {
    const { answerer } = this.host;
    answerer.octets.set(message, StreamAnswerer.MESSAGE_AT);
    answerer.enter(this.origin.peer, this.origin.peerPort, this.origin.proxyVector);
    this.host.currentToken = exchange.token;
    let size: number;
    try {
      // How long it may be idle is a matter of HTTP.
      size = answerer.answer(this.listener.id, message.length, { idleTimeoutMs: -1, isEncrypted: this.isEncrypted });
    } finally {
      this.host.currentToken = 0;
      answerer.leave();
    }
    const response = answerer.take()?.subarray(2);
    if (size === StreamAnswerer.PENDING) {
      this.#settle();
    } else if (response !== undefined) {
      if (isFormatError(response)) exchange.fail(400, 'the message cannot be read');
      else exchange.respond(response);
    } else if (size === StreamAnswerer.NONE) {
      exchange.fail(400, 'it is no query');
    } else {
      exchange.fail(500, 'there is no response');
    }
  }

  counted(status: number): void {
    this.#http.countHttp(this.listener, status);
  }

  progressed(): void {
    this.#settle();
  }

  ended(exchange: HttpExchange, isReset: boolean): void {
    this.#http.removeResponder(exchange.token);
    this.#exchanges.delete(exchange);
    this.#hasProgress = true;
    if (isReset) this.#resetCount++;
    else this.#answeredCount++;
    if (this.#resetCount > RESETS_MAX && this.#resetCount > this.#answeredCount) {
      this.destroy();
      return;
    }
    this.#settle();
  }

  #takeStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, isComplete: boolean): void {
    stream.on('error', () => undefined);
    const channel: HttpChannel = {
      send: (status, more, body) => {
        if (stream.destroyed || stream.closed) return;
        stream.respond({ ':status': status, ...more });
        stream.end(body);
        // The client need not send what is not read (RFC 9113 §8.1).
        if (!stream.readableEnded && !isComplete) stream.once('finish', () => stream.close(H2_NO_ERROR));
      },
      abort: () => stream.close(H2_ENHANCE_YOUR_CALM),
    };
    const exchange = this.#open(channel);
    stream.on('close', () => exchange.closed());
    if (!isComplete) {
      stream.on('data', (piece: Uint8Array) => exchange.receive(piece));
      stream.on('end', () => exchange.complete());
    }
    this.#begin(exchange, String(headers[':method'] ?? ''), String(headers[':path'] ?? ''), headers);
    if (isComplete) exchange.complete();
  }

  #open(channel: HttpChannel): HttpExchange {
    const exchange = new HttpExchange(this.#http.takeToken(), this, channel);
    this.#exchanges.add(exchange);
    this.#http.addResponder(exchange.token, exchange);
    this.#requestCount++;
    return exchange;
  }

  #begin(exchange: HttpExchange, method: string, target: string, headers: IncomingHttpHeaders): void {
    if (this.#exchanges.size > this.#exchangesMax) {
      exchange.fail(TOO_MANY, 'too many requests at a time');
      return;
    }
    const { 'content-type': contentType, 'content-length': contentLength } = headers;
    exchange.begin({ method, target, contentType, contentLength });
  }

  #settle(): void {
    if (this.isGone) return;
    if (this.#isEnding && this.#exchanges.size === 0) this.#close();
    let heldSize = 0;
    let sendingCount = 0;
    let answeringCount = 0;
    for (const { state, heldSize: size } of this.#exchanges) {
      heldSize += size;
      if (state === EXCHANGE.SENDING) sendingCount++;
      else if (state === EXCHANGE.ANSWERING) answeringCount++;
    }
    this.inFlight = answeringCount;
    this.#enterList(sendingCount);
    this.countHeld(heldSize);
  }

  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#session !== undefined) this.#session.close();
    else this.#socket.destroySoon();
  }

  #enterList(sendingCount: number): void {
    const { lists } = this.listener;
    const nowMs = performance.now();
    const list =
      sendingCount > 0
        ? lists.blocked
        : this.#isClosing
          ? lists.closing
          : this.inFlight > 0
            ? lists.querying
            : this.#exchanges.size > 0
              ? lists.partial
              : this.#requestCount > 0
                ? lists.idle
                : lists.fresh;
    // What begins and does not end is no reason to wait longer.
    if (this.#hasProgress || list === lists.querying) list.append(this, nowMs);
    else this.stayOrEnter(list, nowMs);
    this.#hasProgress = false;
  }
}

function isFormatError(response: Uint8Array): boolean {
  return (response[3]! & 0x0f) === 1;
}
