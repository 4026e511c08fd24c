/**
 * All connections of a resolver, and how much of it each client may have: how many connections, how many of one address, how
 * many octets. Nothing here grows with what a client does, only with how many there are.
 *
 * Where there is no room, the connection that is missed least goes: one that is closing, one that has had its time to ask
 * and did not, the longest idle one, one whose client takes no responses. What waits for an answer never does.
 */
import { TCP_CELLS } from '../observability/counters/tcp-metrics.ts';
import type { ClientConnection, ConnectionListener, ConnectionLists, Responder } from './client-connection.ts';
import { DeadlineList } from './deadline-list.ts';
import type { TcpLimits, TcpTimeouts } from './resolver-options.ts';

/** How long a query may wait for an answer that comes from elsewhere, ms: longer than anybody asks. */
const QUERY_MAX_MS = 10_000;
/** A client that goes on sending when we have closed gets this long to see it, ms. */
const CLOSING_MAX_MS = 2000;
const DISPENSABLE = ['closing', 'fresh', 'partial', 'idle', 'blocked'] as const;
/** The client of connections that have no share: the address of a proxy says nothing of who is behind it. */
export const ANY_CLIENT = '';

export class ConnectionTable {
  readonly #limits: TcpLimits;
  readonly #cells: Int32Array;
  /** the lists of all listeners, also of those that are closed and have connections */
  readonly #lists: () => Iterable<ConnectionLists>;
  readonly #connections = new Map<number, ClientConnection>();
  /** who gets responses that come later */
  readonly #responders = new Map<number, Responder>();
  /** how many each listener has */
  readonly #counts = new Map<ConnectionListener, number>();
  /** the connections of each client address */
  readonly #clients = new Map<string, Set<ClientConnection>>();
  #weight = 0;
  #heldSize = 0;
  #lastToken = 0;

  constructor(limits: TcpLimits, cells: Int32Array, lists: () => Iterable<ConnectionLists>) {
    this.#limits = limits;
    this.#cells = cells;
    // Those of a thread that was killed are closed.
    Atomics.store(cells, TCP_CELLS.at.connections, 0);
    this.#lists = lists;
  }

  get count(): number {
    return this.#connections.size;
  }

  countOf(listener: ConnectionListener): number {
    return this.#counts.get(listener) ?? 0;
  }

  /** Octets that connections hold. */
  get heldSize(): number {
    return this.#heldSize;
  }

  /** A name that nobody else has had. */
  takeToken(): number {
    return ++this.#lastToken;
  }

  /** All of them, also when some go meanwhile. */
  all(): readonly ClientConnection[] {
    return [...this.#connections.values()];
  }

  responder(token: number): Responder | undefined {
    return this.#responders.get(token);
  }

  addResponder(token: number, responder: Responder): void {
    this.#responders.set(token, responder);
  }

  removeResponder(token: number): void {
    this.#responders.delete(token);
  }

  add(connection: ClientConnection): void {
    const { token, client } = connection.origin;
    this.#connections.set(token, connection);
    this.#weight += connection.weight;
    this.#counts.set(connection.listener, this.countOf(connection.listener) + 1);
    Atomics.add(this.#cells, TCP_CELLS.at.connections, 1);
    if (client === ANY_CLIENT) return;
    const ofClient = this.#clients.get(client);
    if (ofClient === undefined) this.#clients.set(client, new Set([connection]));
    else ofClient.add(connection);
  }

  remove(connection: ClientConnection): void {
    const { token, client } = connection.origin;
    if (!this.#connections.delete(token)) return;
    this.#responders.delete(token);
    this.#weight -= connection.weight;
    const count = this.countOf(connection.listener) - 1;
    if (count > 0) this.#counts.set(connection.listener, count);
    else this.#counts.delete(connection.listener);
    Atomics.sub(this.#cells, TCP_CELLS.at.connections, 1);
    const ofClient = this.#clients.get(client);
    ofClient?.delete(connection);
    if (ofClient?.size === 0) this.#clients.delete(client);
  }

  /** @returns whether there is room for a connection of this client */
  makeRoom(client: string, weight: number): boolean {
    const ofClient = this.#clients.get(client);
    if (ofClient !== undefined && ofClient.size >= this.#limits.connectionsOfClientMax) {
      if (!this.#evictLeastMissed(ofClient)) return false;
    }
    while (this.#weight + weight > this.#limits.connectionsMax) {
      // Within a list the first is the one that waits longest.
      if (!this.#evictLeastMissed(DISPENSABLE.map((kind) => this.#oldest(kind)))) return false;
    }
    return true;
  }

  /** @returns whether one of a listener's own connections has gone */
  makeRoomWithin(lists: ConnectionLists): boolean {
    return this.#evictLeastMissed(DISPENSABLE.map((kind) => lists[kind].first));
  }

  /** The process has no descriptor left. */
  makeAnyRoom(): void {
    this.#evictLeastMissed(DISPENSABLE.map((kind) => this.#oldest(kind)));
  }

  countRefused(): void {
    Atomics.add(this.#cells, TCP_CELLS.at.refused, 1);
  }

  hold(size: number): void {
    this.#heldSize += size;
    while (this.#heldSize > this.#limits.heldSizeMax) {
      const holder = this.#oldest('blocked') ?? this.#oldest('partial') ?? this.#oldest('querying');
      if (holder === undefined) break;
      this.#evict(holder);
    }
  }

  /** End what has had its time. */
  tick(nowMs: number): void {
    for (const lists of this.#lists()) {
      for (const list of Object.values(lists) as DeadlineList<ClientConnection>[]) {
        for (let due = list.due(nowMs); due !== undefined; due = list.due(nowMs)) due.destroy();
      }
    }
  }

  /** The connection that waits longest for this, over all listeners. */
  #oldest(kind: keyof ConnectionLists): ClientConnection | undefined {
    let oldest: ClientConnection | undefined;
    let oldestMs = Infinity;
    for (const lists of this.#lists()) {
      const { first, durationMs } = lists[kind];
      if (first === undefined || first.deadlineMs - durationMs >= oldestMs) continue;
      oldest = first;
      oldestMs = first.deadlineMs - durationMs;
    }
    return oldest;
  }

  #evictLeastMissed(connections: Iterable<ClientConnection | undefined>): boolean {
    const nowMs = performance.now();
    let found: ClientConnection | undefined;
    let most = -Infinity;
    for (const connection of connections) {
      const dispensability = connection?.dispensability(nowMs) ?? -Infinity;
      if (dispensability <= most) continue;
      found = connection;
      most = dispensability;
    }
    if (found !== undefined) this.#evict(found);
    return found !== undefined;
  }

  #evict(connection: ClientConnection): void {
    Atomics.add(this.#cells, TCP_CELLS.at.evicted, 1);
    connection.destroy();
  }
}

export function createLists(timeouts: TcpTimeouts): ConnectionLists {
  return {
    fresh: new DeadlineList(timeouts.readMs),
    partial: new DeadlineList(timeouts.readMs),
    idle: new DeadlineList(timeouts.idleMs),
    querying: new DeadlineList(QUERY_MAX_MS),
    blocked: new DeadlineList(timeouts.writeMs),
    closing: new DeadlineList(CLOSING_MAX_MS),
  };
}

/** What waits already keeps its deadline. */
export function setTimeouts(lists: ConnectionLists, timeouts: TcpTimeouts): void {
  lists.fresh.durationMs = timeouts.readMs;
  lists.partial.durationMs = timeouts.readMs;
  lists.idle.durationMs = timeouts.idleMs;
  lists.blocked.durationMs = timeouts.writeMs;
}
