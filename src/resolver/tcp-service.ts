/**
 * Listens on TCP and makes connections of what comes, each with what is spoken over it: DNS, in TLS or not, or HTTP.
 * connection-table.ts keeps clients within their limits.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { setImmediate as afterPoll, setTimeout as sleep } from 'node:timers/promises';
import { parseAddress } from '../dns/address.ts';
import type { ClientConnection, ConnectionListener, ConnectionOrigin, Responder } from './client-connection.ts';
import { ANY_CLIENT, ConnectionTable, createLists, setTimeouts } from './connection-table.ts';
import { HttpConnection, type HttpHost } from './http-connection.ts';
import { HttpCounts } from './http-counts.ts';
import { HttpProtocols } from './http-protocols.ts';
import { OpeningConnection, type OpenedConnection } from './opening-connection.ts';
import { BACKLOG, DEFAULT_HTTP_LIMITS } from './resolver-options.ts';
import type { HttpCount, TcpLimits, TcpListenerOptions, TlsEnd } from './resolver-options.ts';
import type { StreamAnswerer } from './stream-answerer.ts';
import { TcpConnection } from './tcp-connection.ts';
import { TlsTerminator } from './tls-terminator.ts';

/** How often time-outs are looked at, ms. */
const TICK_MS = 250;
/**
 * Sockets of one address, where the platform can share a port: an event loop accepts one connection of each a turn, and
 * a turn is long when many clients send at once.
 */
const SOCKETS_OF_LISTENER = 16;
/** How long connections that have more to do may take before the event loop looks for others, ms. */
const TURN_MAX_MS = 2;
/** What a connection costs with TLS, and over HTTP beside that, in plain TCP connections. */
const TLS_WEIGHT = 6;
const HTTP_WEIGHT = 6;
/** How long connections may go on coming to sockets that are about to be closed, ms. */
const ACCEPT_WAITING_MAX_MS = 100;
/** How often one address may fail to accept in a row without a word in the log. */
const ACCEPT_FAULTS_LOGGED_EVERY = 1000;

/** Why an address could not be bound. */
export class ListenError extends Error {
  readonly address: string;
  readonly port: number;
  readonly code: string;

  constructor(options: TcpListenerOptions, cause: NodeJS.ErrnoException) {
    super(cause.message, { cause });
    this.address = options.address;
    this.port = options.port;
    this.code = cause.code ?? '';
  }
}

export interface TcpServiceOptions {
  readonly answerer: StreamAnswerer;
  readonly limits: TcpLimits;
  /** several sockets can share a port here */
  readonly isPortShared: boolean;
  /** TCP_CELLS of this thread */
  readonly cells: Int32Array;
  readonly log: (text: string) => void;
  /** is told now and then what was sent over HTTP */
  readonly onHttpResponses?: (counts: readonly HttpCount[]) => void;
  /** sends responses of many messages, and wants to know how they go */
  readonly transfers?: {
    /** the client has taken what was sent */
    readonly onReady: (token: number) => void;
    /** the connection is gone */
    readonly onGone: (token: number) => void;
  };
}

interface Listener extends ConnectionListener {
  options: TcpListenerOptions;
  readonly servers: readonly Server[];
  terminator: TlsTerminator | undefined;
}

export class TcpService implements HttpHost {
  readonly answerer: StreamAnswerer;
  readonly limits: TcpLimits;
  isOpen = false;
  isDraining = false;
  currentToken = 0;
  readonly #options: TcpServiceOptions;
  readonly #listeners = new Map<string, Listener>();
  /** listeners that are closed; their connections go on */
  readonly #former = new Set<Listener>();
  readonly #table: ConnectionTable;
  readonly #http = new HttpProtocols();
  readonly #httpCounts = new HttpCounts();
  readonly #peerWords = new Uint32Array(4);
  readonly #tick: NodeJS.Timeout;
  /** connections that have more to do, in the order of their turns */
  #turns: { continue(): void }[] = [];
  #acceptFaults = 0;
  #acceptedCount = 0;

  constructor(options: TcpServiceOptions) {
    this.#options = options;
    this.answerer = options.answerer;
    this.limits = options.limits;
    this.#table = new ConnectionTable(options.limits, options.cells, () => this.#lists());
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
  }

  get connectionCount(): number {
    return this.#table.count;
  }

  /** Octets that connections hold. */
  get heldSize(): number {
    return this.#table.heldSize;
  }

  /**
   * Listen on these addresses and no others. A listener that is in both sets stays as it is, with its new time-outs and
   * certificates; the connections of one that is gone are closed when what they asked is answered.
   *
   * @throws ListenError; then the set is as before, but for listeners opened until the fault
   */
  async listen(wanted: readonly TcpListenerOptions[]): Promise<void> {
    const keys = new Set(wanted.map(keyOf));
    for (const options of wanted) {
      const known = this.#listeners.get(keyOf(options));
      if (known === undefined) this.#listeners.set(keyOf(options), await this.#open(options));
      else await this.#adopt(known, options);
    }
    if (![...this.#listeners.keys()].some((key) => !keys.has(key))) return;
    await this.#acceptWaiting();
    const leaving: Listener[] = [];
    for (const [key, listener] of this.#listeners) {
      if (keys.has(key)) continue;
      this.#listeners.delete(key);
      this.#former.add(listener);
      void closeServers(listener.servers).then(() => this.#forget(listener));
      leaving.push(listener);
    }
    // What clients had sent until now is in the sockets.
    await turnOfEventLoop();
    for (const listener of leaving) {
      listener.isLeaving = true;
      this.#reconsider(listener);
    }
  }

  #forget(listener: Listener): void {
    this.#former.delete(listener);
    listener.terminator?.close();
  }

  #reconsider(listener: Listener): void {
    for (const connection of this.#table.all()) if (connection.listener === listener) connection.reconsider();
  }

  /** Take queries from now on. */
  open(): void {
    this.isOpen = true;
    for (const connection of this.#table.all()) connection.reconsider();
  }

  /**
   * Send a response that comes later.
   *
   * @returns false if the connection is gone
   */
  respond(token: number, message: Uint8Array): boolean {
    const responder = this.#table.responder(token);
    responder?.respond(message);
    return responder !== undefined;
  }

  /** Send a message of a response that comes later. @returns whether the client takes more now */
  sendPart(token: number, framed: Buffer, isLast: boolean): boolean {
    return this.#table.responder(token)?.sendPart(framed, isLast) ?? false;
  }

  /** Close a connection in the middle of a response. */
  cut(token: number): void {
    this.#table.responder(token)?.destroy();
  }

  /**
   * Accept no more, answer what was asked, close everything.
   *
   * @returns how many connections had something to come when the time was over
   */
  async drain(maxMs: number): Promise<number> {
    const endMs = performance.now() + maxMs;
    await this.#acceptWaiting();
    for (const { servers } of this.#listeners.values()) void closeServers(servers);
    // What clients had sent until now is in the sockets.
    await turnOfEventLoop();
    this.isDraining = true;
    for (const connection of this.#table.all()) connection.reconsider();
    while (this.#table.count > 0 && performance.now() < endMs) await sleep(10);
    const cutCount = this.#table.count;
    for (const connection of this.#table.all()) connection.destroy();
    for (const { terminator } of [...this.#listeners.values(), ...this.#former]) terminator?.close();
    clearInterval(this.#tick);
    this.answerer.publish();
    this.#reportHttp();
    return cutCount;
  }

  /** Accept the connections that wait, as a socket that is closed resets them: until a turn brings none. */
  async #acceptWaiting(): Promise<void> {
    const endMs = performance.now() + ACCEPT_WAITING_MAX_MS;
    for (let before = -1; before !== this.#acceptedCount && performance.now() < endMs;) {
      before = this.#acceptedCount;
      await turnOfEventLoop();
    }
  }

  planTurn(connection: { continue(): void }): void {
    if (this.#turns.push(connection) === 1) setImmediate(() => this.#takeTurns());
  }

  #takeTurns(): void {
    const endMs = performance.now() + TURN_MAX_MS;
    const turns = this.#turns;
    this.#turns = [];
    let taken = 0;
    while (taken < turns.length && performance.now() < endMs) turns[taken++]!.continue();
    // Those that were not reached come first next time.
    const later = turns.slice(taken).concat(this.#turns);
    this.#turns = later;
    if (later.length > 0) setImmediate(() => this.#takeTurns());
  }

  hold(size: number): void {
    this.#table.hold(size);
  }

  taken(token: number): void {
    this.#options.transfers?.onReady(token);
  }

  takeToken(): number {
    return this.#table.takeToken();
  }

  addResponder(token: number, responder: Responder): void {
    this.#table.addResponder(token, responder);
  }

  removeResponder(token: number): void {
    this.#table.removeResponder(token);
    this.#options.transfers?.onGone(token);
  }

  countHttp(listener: ConnectionListener, status: number): void {
    this.#httpCounts.count((listener as Listener).options.server ?? '', status);
  }

  release(connection: ClientConnection): void {
    this.#table.remove(connection);
    this.#options.transfers?.onGone(connection.origin.token);
  }

  async #open(options: TcpListenerOptions): Promise<Listener> {
    const servers: Server[] = [];
    const { listener: id, timeouts, tls, scheme = 'dns', proxy } = options;
    const isHeld = options.isHeld === true;
    let terminator: TlsTerminator | undefined;
    try {
      terminator = tls === undefined ? undefined : await this.#openTls(options, tls);
    } catch (error) {
      throw new ListenError(options, error as Error);
    }
    const lists = createLists(timeouts);
    const where = { id, scheme, proxy, timeouts, isHeld, isLeaving: false, lists };
    const listener: Listener = { options, servers, terminator, ...where };
    const count = this.#options.isPortShared ? SOCKETS_OF_LISTENER : 1;
    try {
      while (servers.length < count) {
        // What listens already has connections that wait.
        const fd = servers.length === 0 ? options.fd : undefined;
        servers.push(await this.#openSocket(options, listener, fd));
      }
    } catch (error) {
      await closeServers(servers);
      terminator?.close();
      throw error;
    }
    return listener;
  }

  #openTls({ scheme }: TcpListenerOptions, end: TlsEnd): Promise<TlsTerminator> {
    const protocols = scheme === 'https' ? ['h2', 'http/1.1'] : ['dot'];
    return TlsTerminator.open({ end, protocols, log: this.#options.log });
  }

  /** Be a listener as it is wanted now. */
  async #adopt(listener: Listener, options: TcpListenerOptions): Promise<void> {
    const { listener: id, timeouts, tls, isHeld = false } = options;
    const isServedNow = listener.isHeld && !isHeld;
    listener.options = options;
    listener.proxy = options.proxy;
    listener.isHeld = isHeld;
    listener.id = id;
    listener.timeouts = timeouts;
    setTimeouts(listener.lists, timeouts);
    const before = listener.terminator;
    if (JSON.stringify(tls) !== JSON.stringify(before?.end)) {
      try {
        listener.terminator = tls === undefined ? undefined : await this.#openTls(options, tls);
        before?.close();
      } catch (error) {
        this.#options.log(`plugin/tls: ${(error as Error).message}; what was used before stays`);
      }
    }
    if (isServedNow) this.#reconsider(listener);
  }

  #openSocket(options: TcpListenerOptions, listener: Listener, fd: number | undefined): Promise<Server> {
    const { promise, resolve, reject } = Promise.withResolvers<Server>();
    // With the smallest mark, `drain` follows every write that had to wait, and a paused socket reads one piece at most.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: 1 });
    server.once('error', (cause) => reject(new ListenError(options, cause)));
    server.on('connection', (socket) => this.#accept(socket, listener));
    const { address: host, port, isV6Only } = options;
    const reusePort = this.#options.isPortShared;
    const where = fd === undefined ? { host, port, ipv6Only: isV6Only, reusePort } : { fd };
    const onListening = (): void => {
      server.removeAllListeners('error');
      server.on('error', (error) => this.#onAcceptFault(error));
      resolve(server);
    };
    // With a descriptor the backlog counts as an argument alone, which the types do not have.
    Reflect.apply(server.listen, server, [{ ...where, exclusive: true }, BACKLOG, onListening]);
    return promise;
  }

  /** The process has no descriptor left, most likely. */
  #onAcceptFault(error: Error): void {
    if (this.#acceptFaults++ % ACCEPT_FAULTS_LOGGED_EVERY === 0) {
      this.#options.log(`TCP connections cannot be accepted: ${error.message}`);
    }
    this.#table.countRefused();
    this.#table.makeAnyRoom();
  }

  #accept(socket: Socket, listener: Listener): void {
    this.#acceptedCount++;
    // Whatever is wrong with the connection, `close` follows.
    socket.on('error', () => undefined);
    const { terminator, scheme, proxy } = listener;
    const weight = 1 + (terminator === undefined ? 0 : TLS_WEIGHT) + (scheme === 'https' ? HTTP_WEIGHT : 0);
    const peer = this.#peerOf(socket.remoteAddress ?? '');
    if (peer === undefined || this.isDraining || listener.isLeaving) {
      socket.destroy();
      return;
    }
    // Whom a proxy speaks for is known when its header is.
    const origin = this.#originOf(peer, socket.remotePort ?? 0, proxy === undefined);
    if (!this.#admit(socket, origin, listener, weight)) return;
    if (terminator === undefined && proxy === undefined && scheme !== 'https') {
      const opened = { socket, isEncrypted: false, protocol: '', client: undefined, vector: undefined };
      this.#serve(socket, opened, origin, listener, weight);
      return;
    }
    const opening = new OpeningConnection(socket, terminator, origin, listener, this, weight, (opened) => {
      const { address, port } = opened.client ?? { address: peer, port: origin.peerPort };
      const known = { ...this.#originOf(address, port, true), proxyVector: opened.vector };
      if (this.#admit(socket, known, listener, weight)) this.#serve(socket, opened, known, listener, weight);
    });
    this.#table.add(opening);
    opening.reconsider();
  }

  /** @returns whether there is room for a connection; it is closed if not */
  #admit(socket: Socket, { client }: ConnectionOrigin, listener: Listener, weight: number): boolean {
    const { scheme, lists, options } = listener;
    const { connectionsMax } = scheme === 'https' ? (options.http ?? DEFAULT_HTTP_LIMITS) : { connectionsMax: 0 };
    const isFull = connectionsMax > 0 && this.#table.countOf(listener) >= connectionsMax;
    if ((!isFull || this.#table.makeRoomWithin(lists)) && this.#table.makeRoom(client, weight)) return true;
    this.#table.countRefused();
    socket.destroy();
    return false;
  }

  /** Read messages from a connection, and answer them. */
  #serve(
    carrier: Socket,
    { socket, isEncrypted, protocol }: OpenedConnection,
    origin: ConnectionOrigin,
    listener: Listener,
    weight: number,
  ): void {
    const stream = { socket, carrier, isEncrypted };
    if (listener.scheme === 'https') {
      const { streamsMax } = listener.options.http ?? DEFAULT_HTTP_LIMITS;
      const connection = new HttpConnection(stream, streamsMax, origin, listener, this, weight);
      this.#table.add(connection);
      this.#http.serve(connection, socket, protocol, streamsMax);
      return;
    }
    const connection = new TcpConnection(stream, origin, listener, this, weight);
    this.#table.add(connection);
    this.#table.addResponder(origin.token, connection);
    if (isEncrypted) socket.on('error', () => undefined);
    else socket.on('drain', () => connection.drained());
    socket.on('data', (piece) => connection.receive(piece));
    socket.on('end', () => connection.endOfStream());
    socket.on('close', () => connection.gone());
  }

  #originOf(peer: Uint8Array, peerPort: number, hasShare: boolean): ConnectionOrigin {
    return { token: this.#table.takeToken(), client: hasShare ? peer.join('.') : ANY_CLIENT, peer, peerPort };
  }

  /** The octets of a client's address; a mapped IPv4 address is IPv4. */
  #peerOf(address: string): Uint8Array | undefined {
    const words = this.#peerWords;
    const zoneAt = address.indexOf('%');
    const family = parseAddress(zoneAt < 0 ? address : address.slice(0, zoneAt), words);
    if (family === 0) return undefined;
    const octets = new Uint8Array(family === 4 ? 4 : 16);
    for (let i = 0; i < octets.length; i++) octets[i] = words[i >> 2]! >>> (24 - 8 * (i & 3));
    return octets;
  }

  *#lists(): Generator<Listener['lists']> {
    for (const listeners of [this.#listeners.values(), this.#former]) for (const { lists } of listeners) yield lists;
  }

  #onTick(): void {
    this.answerer.publish();
    const nowMs = performance.now();
    for (const { terminator } of this.#listeners.values()) terminator?.tick(nowMs);
    if (this.isOpen) this.#table.tick(nowMs);
    this.#reportHttp();
  }

  #reportHttp(): void {
    const counts = this.#httpCounts.take();
    if (counts.length > 0) this.#options.onHttpResponses?.(counts);
  }
}

/** Resolves when their connections have ended too. */
async function closeServers(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
}

/**
 * Resolves when the event loop has looked once at every socket. The first step may follow in the turn in hand, which has
 * looked already, and so may a timer that is due.
 */
async function turnOfEventLoop(): Promise<void> {
  await afterPoll();
  await afterPoll();
}

function keyOf({ address, port, isV6Only, scheme = 'dns' }: TcpListenerOptions): string {
  return `${scheme} ${address} ${port} ${isV6Only}`;
}
