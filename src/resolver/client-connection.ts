/**
 * What all connections of clients have in common, whatever is spoken over them: a place in one of their listener's lists,
 * octets that they hold, and how little they would be missed.
 */
import type { ProxyRules } from '../dns/proxy-policy.ts';
import type { DeadlineList, DeadlineNode } from './deadline-list.ts';
import type { StreamScheme, TcpLimits, TcpTimeouts } from './resolver-options.ts';
import type { StreamAnswerer } from './stream-answerer.ts';

/** A client that has connected gets this long to say something before others are worth more, ms: a round trip and more. */
const GRACE_MS = 1000;
const FAR_MS = 1e9;

/** A connection is always in one of these, which says what it waits for. */
export interface ConnectionLists {
  /** for the first octet, for a handshake to be done */
  readonly fresh: DeadlineList<ClientConnection>;
  /** for the rest of a message */
  readonly partial: DeadlineList<ClientConnection>;
  /** for another message */
  readonly idle: DeadlineList<ClientConnection>;
  /** for responses that come later */
  readonly querying: DeadlineList<ClientConnection>;
  /** for the client to take responses */
  readonly blocked: DeadlineList<ClientConnection>;
  /** for the client to close too */
  readonly closing: DeadlineList<ClientConnection>;
}

/** The listener it came to. */
export interface ConnectionListener {
  /** listener id */
  id: number;
  timeouts: TcpTimeouts;
  readonly scheme: StreamScheme;
  /** whose headers of the PROXY protocol count; undefined: none begins a connection */
  proxy: ProxyRules | undefined;
  /** no connection is read yet */
  isHeld: boolean;
  /** it is closed: what was asked is answered, then its connections are closed */
  isLeaving: boolean;
  readonly lists: ConnectionLists;
}

/** Who responses that come later are for. */
export interface Responder {
  /** A response. @param octets  the message without its length; copied */
  respond(octets: Uint8Array): void;
  /**
   * A message of a response of several.
   *
   * @param framed  the message behind its length; kept
   * @param isLast  the response is complete
   * @returns whether the client takes more now
   */
  sendPart(framed: Buffer, isLast: boolean): boolean;
  /** Nothing more is to come from the server. */
  destroy(): void;
}

/** Who has all the connections. */
export interface ConnectionHost {
  readonly answerer: StreamAnswerer;
  readonly limits: TcpLimits;
  /** whether queries are taken */
  readonly isOpen: boolean;
  /** what was asked is answered, then connections are closed */
  readonly isDraining: boolean;
  /** names whoever has its message in the answerer's hands */
  currentToken: number;
  /** a connection holds so many octets more, or fewer; one that holds too much may be gone then */
  hold(size: number): void;
  /** the connection has more to do when others had their turn: call `continue` */
  planTurn(connection: { continue(): void }): void;
  /** the client has taken what was written */
  taken(token: number): void;
  /** the connection is gone */
  release(connection: ClientConnection): void;
}

/** Where a connection came from. */
export interface ConnectionOrigin {
  /** never used again: names it for responses that come later */
  readonly token: number;
  /** the client's address as text, the key of its share */
  readonly client: string;
  /** its octets, 4 or 16 */
  readonly peer: Uint8Array;
  readonly peerPort: number;
  /** what the proxy before the client told of it, where that is kept */
  readonly proxyVector?: string | undefined;
}

export abstract class ClientConnection implements DeadlineNode<ClientConnection> {
  deadlineMs = 0;
  list: DeadlineList<ClientConnection> | undefined = undefined;
  before: ClientConnection | undefined = undefined;
  after: ClientConnection | undefined = undefined;
  /** queries not answered yet */
  inFlight = 0;
  readonly origin: ConnectionOrigin;
  readonly listener: ConnectionListener;
  /** how many plain TCP connections it costs as much as */
  readonly weight: number;
  protected readonly host: ConnectionHost;
  protected isGone = false;
  #heldSize = 0;

  constructor(origin: ConnectionOrigin, listener: ConnectionListener, host: ConnectionHost, weight: number) {
    this.origin = origin;
    this.listener = listener;
    this.host = host;
    this.weight = weight;
  }

  /** The host's or the listener's state has changed: it takes queries now, or no more. */
  abstract reconsider(): void;

  /** Close at once. */
  abstract destroy(): void;

  /**
   * How little it would be missed: the longer it waits the less, and whoever has had the time to finish a message and
   * has not least of all. -Infinity: a query waits for its answer.
   */
  dispensability(nowMs: number): number {
    const { list } = this;
    const { fresh, partial, blocked, closing } = this.listener.lists;
    if (list === undefined || this.inFlight > 0) return -Infinity;
    const waitedMs = nowMs - this.deadlineMs + list.durationMs;
    if (list === closing) return waitedMs + 2 * FAR_MS;
    if (list === blocked) return waitedMs - FAR_MS;
    return (list === fresh || list === partial) && waitedMs > GRACE_MS ? waitedMs + FAR_MS : waitedMs;
  }

  /** The server or the listener ends. */
  protected get isToEnd(): boolean {
    return this.host.isDraining || this.listener.isLeaving;
  }

  /** @returns whether it was there until now */
  protected leave(): boolean {
    if (this.isGone) return false;
    this.isGone = true;
    this.list?.remove(this);
    this.countHeld(0);
    this.host.release(this);
    return true;
  }

  protected countHeld(size: number): void {
    const more = size - this.#heldSize;
    this.#heldSize = size;
    if (more !== 0) this.host.hold(more);
  }

  /** Wait for what the list is for, with a deadline that does not move while it does. */
  protected stayOrEnter(list: DeadlineList<ClientConnection>, nowMs: number): void {
    if (this.list !== list) list.append(this, nowMs);
  }
}
