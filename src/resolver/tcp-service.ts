/**
 * Listens on TCP and keeps clients within their limits: how many connections, how many of one address, how many octets,
 * how long. Nothing here grows with what a client does, only with how many there are.
 *
 * Where there is no room, the connection that is missed least goes: one that is closing, one that has had its time to ask
 * and did not, the longest idle one, one whose client takes no responses. What waits for an answer never does.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress } from '../dns/address.ts';
import { TCP_CELLS } from '../observability/tcp-metrics.ts';
import { DeadlineList } from './deadline-list.ts';
import type { TcpLimits, TcpListenerOptions, TcpTimeouts } from './resolver-options.ts';
import type { StreamAnswerer } from './stream-answerer.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { ConnectionHost, ConnectionListener, ConnectionLists } from './tcp-connection.ts';

/** How often time-outs are looked at, ms. */
const TICK_MS = 250;
/** How long a query may wait for an answer that comes from elsewhere, ms: longer than anybody asks. */
const QUERY_MAX_MS = 10_000;
/** Connections that may wait to be accepted; the kernel takes somaxconn where that is less. */
const BACKLOG = 4096;
/**
 * Sockets of one address, where the platform can share a port: an event loop accepts one connection of each a turn, and
 * a turn is long when many clients send at once.
 */
const SOCKETS_OF_LISTENER = 16;
/** How long connections that have more to do may take before the event loop looks for others, ms. */
const TURN_MAX_MS = 2;
const DISPENSABLE = ['closing', 'fresh', 'partial', 'idle', 'blocked'] as const;
/** A client that goes on sending when we have closed gets this long to see it, ms. */
const CLOSING_MAX_MS = 2000;
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
  /** sends responses of many messages, and wants to know how they go */
  readonly transfers?: {
    /** the client has taken what was sent */
    readonly onReady: (token: number) => void;
    /** the connection is gone */
    readonly onGone: (token: number) => void;
  };
}

interface Listener extends ConnectionListener {
  readonly servers: readonly Server[];
}

export class TcpService implements ConnectionHost {
  readonly answerer: StreamAnswerer;
  readonly limits: TcpLimits;
  isOpen = false;
  isDraining = false;
  current: TcpConnection | undefined = undefined;
  readonly #options: TcpServiceOptions;
  readonly #listeners = new Map<string, Listener>();
  /** listeners that are closed; their connections go on */
  readonly #former = new Set<Listener>();
  readonly #connections = new Map<number, TcpConnection>();
  /** the connections of each client address */
  readonly #clients = new Map<string, Set<TcpConnection>>();
  readonly #peerWords = new Uint32Array(4);
  readonly #tick: NodeJS.Timeout;
  /** connections that have more to do, in the order of their turns */
  #turns: TcpConnection[] = [];
  #heldSize = 0;
  #lastToken = 0;
  #acceptFaults = 0;

  constructor(options: TcpServiceOptions) {
    this.#options = options;
    this.answerer = options.answerer;
    this.limits = options.limits;
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Octets that connections hold. */
  get heldSize(): number {
    return this.#heldSize;
  }

  /**
   * Listen on these addresses and no others. A listener that is in both sets stays as it is, with its new time-outs; the
   * connections of one that is gone are closed when what they asked is answered.
   *
   * @throws ListenError; then the set is as before, but for listeners opened until the fault
   */
  async listen(wanted: readonly TcpListenerOptions[]): Promise<void> {
    const keys = new Set(wanted.map(keyOf));
    for (const options of wanted) {
      const known = this.#listeners.get(keyOf(options));
      if (known === undefined) this.#listeners.set(keyOf(options), await this.#open(options));
      else if (adopt(known, options)) this.#reconsider(known);
    }
    const leaving: Listener[] = [];
    for (const [key, listener] of this.#listeners) {
      if (keys.has(key)) continue;
      this.#listeners.delete(key);
      this.#former.add(listener);
      void closeServers(listener.servers).then(() => this.#former.delete(listener));
      leaving.push(listener);
    }
    if (leaving.length === 0) return;
    // What clients had sent until now is in the sockets: one turn of the event loop reads it.
    await sleep(1);
    for (const listener of leaving) {
      listener.isLeaving = true;
      this.#reconsider(listener);
    }
  }

  #reconsider(listener: Listener): void {
    for (const connection of [...this.#connections.values()]) {
      if (connection.listener === listener) connection.reconsider();
    }
  }

  /** Take queries from now on. */
  open(): void {
    this.isOpen = true;
    for (const connection of this.#connections.values()) connection.reconsider();
  }

  /** The name of the connection whose query the answerer has in hand, for `respond`. */
  get currentToken(): number {
    return this.current?.token ?? 0;
  }

  /**
   * Send a response that comes later.
   *
   * @returns false if the connection is gone
   */
  respond(token: number, message: Uint8Array): boolean {
    const connection = this.#connections.get(token);
    connection?.respond(message);
    return connection !== undefined;
  }

  /** Send a message of a response that comes later. @returns whether the client takes more now */
  sendPart(token: number, framed: Buffer, isLast: boolean): boolean {
    return this.#connections.get(token)?.sendPart(framed, isLast) ?? false;
  }

  /** Close a connection in the middle of a response. */
  cut(token: number): void {
    this.#connections.get(token)?.destroy();
  }

  /**
   * Accept no more, answer what was asked, close everything.
   *
   * @returns how many connections had something to come when the time was over
   */
  async drain(maxMs: number): Promise<number> {
    const endMs = performance.now() + maxMs;
    for (const { servers } of this.#listeners.values()) void closeServers(servers);
    // What clients had sent until now is in the sockets: one turn of the event loop reads it.
    await sleep(1);
    this.isDraining = true;
    for (const connection of [...this.#connections.values()]) connection.reconsider();
    while (this.#connections.size > 0 && performance.now() < endMs) await sleep(10);
    const cutCount = this.#connections.size;
    for (const connection of [...this.#connections.values()]) connection.destroy();
    clearInterval(this.#tick);
    this.answerer.publish();
    return cutCount;
  }

  planTurn(connection: TcpConnection): void {
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
    this.#heldSize += size;
    while (this.#heldSize > this.limits.heldSizeMax) {
      const holder = this.#oldest('blocked') ?? this.#oldest('partial') ?? this.#oldest('querying');
      if (holder === undefined) break;
      this.#evict(holder);
    }
  }

  release(connection: TcpConnection): void {
    this.#connections.delete(connection.token);
    this.#options.transfers?.onGone(connection.token);
    Atomics.sub(this.#options.cells, TCP_CELLS.at.connections, 1);
    const ofClient = this.#clients.get(connection.client);
    ofClient?.delete(connection);
    if (ofClient?.size === 0) this.#clients.delete(connection.client);
  }

  async #open(options: TcpListenerOptions): Promise<Listener> {
    const servers: Server[] = [];
    const { listener: id, timeouts } = options;
    const isHeld = options.isHeld === true;
    const listener: Listener = { servers, id, timeouts, isHeld, isLeaving: false, lists: createLists(timeouts) };
    const count = this.#options.isPortShared ? SOCKETS_OF_LISTENER : 1;
    try {
      while (servers.length < count) servers.push(await this.#openSocket(options, listener));
    } catch (error) {
      await closeServers(servers);
      throw error;
    }
    return listener;
  }

  #openSocket(options: TcpListenerOptions, listener: Listener): Promise<Server> {
    const { promise, resolve, reject } = Promise.withResolvers<Server>();
    // With the smallest mark, `drain` follows every write that had to wait, and a paused socket reads one piece at most.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: 1 });
    server.once('error', (cause) => reject(new ListenError(options, cause)));
    server.on('connection', (socket) => this.#accept(socket, listener));
    const { address: host, port, isV6Only } = options;
    const reusePort = this.#options.isPortShared;
    server.listen({ host, port, ipv6Only: isV6Only, backlog: BACKLOG, exclusive: true, reusePort }, () => {
      server.removeAllListeners('error');
      server.on('error', (error) => this.#onAcceptFault(error));
      resolve(server);
    });
    return promise;
  }

  /** The process has no descriptor left, most likely. */
  #onAcceptFault(error: Error): void {
    if (this.#acceptFaults++ % ACCEPT_FAULTS_LOGGED_EVERY === 0) {
      this.#options.log(`TCP connections cannot be accepted: ${error.message}`);
    }
    this.#countRefused();
    const victim = this.#leastMissed();
    if (victim !== undefined) this.#evict(victim);
  }

  #accept(socket: Socket, listener: Listener): void {
    // Whatever is wrong with the connection, `close` follows.
    socket.on('error', () => undefined);
    const peer = this.#peerOf(socket.remoteAddress ?? '');
    if (peer === undefined || this.isDraining || listener.isLeaving) {
      socket.destroy();
      return;
    }
    const client = peer.join('.');
    if (!this.#makeRoom(client)) {
      this.#countRefused();
      socket.destroy();
      return;
    }
    const where = { token: ++this.#lastToken, client, peer, peerPort: socket.remotePort ?? 0 };
    const connection = new TcpConnection(socket, where, listener, this);
    this.#connections.set(connection.token, connection);
    Atomics.add(this.#options.cells, TCP_CELLS.at.connections, 1);
    const ofClient = this.#clients.get(client);
    if (ofClient === undefined) this.#clients.set(client, new Set([connection]));
    else ofClient.add(connection);
    socket.on('data', (piece) => connection.receive(piece));
    socket.on('end', () => connection.endOfStream());
    socket.on('drain', () => {
      connection.drained();
      this.#options.transfers?.onReady(connection.token);
    });
    socket.on('close', () => connection.gone());
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

  /** @returns whether there is room for a connection of this client */
  #makeRoom(client: string): boolean {
    const ofClient = this.#clients.get(client);
    if (ofClient !== undefined && ofClient.size >= this.limits.connectionsOfClientMax) {
      const victim = leastMissedOf(ofClient);
      if (victim === undefined) return false;
      this.#evict(victim);
    }
    if (this.#connections.size >= this.limits.connectionsMax) {
      const victim = this.#leastMissed();
      if (victim === undefined) return false;
      this.#evict(victim);
    }
    return true;
  }

  #leastMissed(): TcpConnection | undefined {
    // Within a list the first is the one that waits longest.
    return leastMissedOf(DISPENSABLE.map((kind) => this.#oldest(kind)));
  }

  /** The connection that waits longest for this, over all listeners. */
  #oldest(kind: keyof ConnectionLists): TcpConnection | undefined {
    let oldest: TcpConnection | undefined;
    let oldestMs = Infinity;
    for (const listeners of [this.#listeners.values(), this.#former]) {
      for (const { lists } of listeners) {
        const { first, durationMs } = lists[kind];
        if (first === undefined || first.deadlineMs - durationMs >= oldestMs) continue;
        oldest = first;
        oldestMs = first.deadlineMs - durationMs;
      }
    }
    return oldest;
  }

  #evict(connection: TcpConnection): void {
    Atomics.add(this.#options.cells, TCP_CELLS.at.evicted, 1);
    connection.destroy();
  }

  #countRefused(): void {
    Atomics.add(this.#options.cells, TCP_CELLS.at.refused, 1);
  }

  #onTick(): void {
    this.answerer.publish();
    if (!this.isOpen) return;
    const nowMs = performance.now();
    for (const listeners of [this.#listeners.values(), this.#former]) {
      for (const { lists } of listeners) {
        for (const list of Object.values(lists) as DeadlineList<TcpConnection>[]) {
          for (let due = list.due(nowMs); due !== undefined; due = list.due(nowMs)) due.destroy();
        }
      }
    }
  }
}

/** Resolves when their connections have ended too. */
async function closeServers(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
}

function keyOf({ address, port, isV6Only }: TcpListenerOptions): string {
  return `${address} ${port} ${isV6Only}`;
}

function createLists(timeouts: TcpTimeouts): ConnectionLists {
  return {
    fresh: new DeadlineList(timeouts.readMs),
    partial: new DeadlineList(timeouts.readMs),
    idle: new DeadlineList(timeouts.idleMs),
    querying: new DeadlineList(QUERY_MAX_MS),
    blocked: new DeadlineList(timeouts.writeMs),
    closing: new DeadlineList(CLOSING_MAX_MS),
  };
}

/** @returns whether its connections are to look at it again */
function adopt(listener: Listener, { listener: id, timeouts, isHeld = false }: TcpListenerOptions): boolean {
  const isServedNow = listener.isHeld && !isHeld;
  listener.isHeld = isHeld;
  listener.id = id;
  listener.timeouts = timeouts;
  listener.lists.fresh.durationMs = timeouts.readMs;
  listener.lists.partial.durationMs = timeouts.readMs;
  listener.lists.idle.durationMs = timeouts.idleMs;
  listener.lists.blocked.durationMs = timeouts.writeMs;
  return isServedNow;
}

function leastMissedOf(connections: Iterable<TcpConnection | undefined>): TcpConnection | undefined {
  const nowMs = performance.now();
  let found: TcpConnection | undefined;
  let most = -Infinity;
  for (const connection of connections) {
    const dispensability = connection?.dispensability(nowMs) ?? -Infinity;
    if (dispensability <= most) continue;
    found = connection;
    most = dispensability;
  }
  return found;
}
