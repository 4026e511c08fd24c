/**
 * Forwarding over TCP: what clients ask over TCP is asked upstream over TCP too, so that no answer is cut short. The
 * forwarder is the shards'; this is its transport on the resolver's event loop.
 *
 *   client ─► TcpService ─► Forwarder ─► one of a few connections to the upstream ─► Forwarder ─► TcpService.respond
 */
import type { QueryClient, QueryForwarder } from '../answer/answerer-options.ts';
import type { Query } from '../answer/query.ts';
import type { Response } from '../answer/response.ts';
import type { UpstreamAddress } from '../forward/forward-group.ts';
import { UPSTREAM_QUERY_MAX, type ForwardTransport } from '../forward/forward-transport.ts';
import { Forwarder, type ForwarderOptions, type UpstreamRegistrar } from '../forward/forwarder.ts';
import { WAITERS_MAX } from '../forward/transaction-table.ts';
import type { ShardCounters } from '../observability/shard-counters.ts';
import { UpstreamStream, type UpstreamStreamHost } from './upstream-stream.ts';

/** Connections to one upstream. With more in flight they are shared: some servers answer one query after the other. */
const STREAMS_MAX = 8;
/** How often it is looked what is due, ms: with something in flight, and with idle connections only. */
const TICK_MS = 20;
const IDLE_TICK_MS = 500;

const LENGTH_SIZE = 2;
const MESSAGE_ROOM = 65_536;
const REPLY_AT = 0;
const RESPONSE_AT = MESSAGE_ROOM;
const QUERY_AT = RESPONSE_AT + MESSAGE_ROOM;
/** Octets of the forwarder's arena that this transport works in. */
const IO_SIZE = (QUERY_AT + UPSTREAM_QUERY_MAX + 63) & ~63;

/** Where queries come from, and responses go. */
export interface StreamClients {
  /** names the connection whose query is in hand */
  readonly currentToken: number;
  /** @returns false if the connection is gone */
  respond(token: number, message: Uint8Array): boolean;
}

interface LaterResponse {
  readonly token: number;
  readonly message: Buffer;
}

export class StreamForwarder implements QueryForwarder, ForwardTransport, UpstreamRegistrar, UpstreamStreamHost {
  replySocket = 0;
  readonly #forwarder: Forwarder;
  readonly #counters: ShardCounters;
  readonly #octets: Buffer;
  /** by upstream */
  readonly #addresses: UpstreamAddress[] = [];
  readonly #streams: UpstreamStream[][] = [];
  /** by waiter: its connection */
  readonly #tokens = new Float64Array(WAITERS_MAX + 1);
  #responses: LaterResponse[] = [];
  /** responses were counted that nobody sees yet */
  #isUnpublished = false;
  #clients: StreamClients | undefined = undefined;
  #replyUpstream = -1;
  #lastNumber = 0;
  #streamCount = 0;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isTimerFast = false;
  #isClosed = false;

  constructor(options: Omit<ForwarderOptions, 'ioSize'>) {
    this.#forwarder = new Forwarder({ ...options, ioSize: IO_SIZE });
    this.#octets = Buffer.from(this.#forwarder.arena);
    this.#counters = options.counters;
  }

  /** Before the first query. */
  start(clients: StreamClients): void {
    this.#clients = clients;
    this.#forwarder.start(this);
  }

  /** Connections to upstream servers. */
  get streamCount(): number {
    return this.#streamCount;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#publish();
    for (const stream of this.#streams.flat()) stream.destroy();
  }

  forward(group: number, query: Query, response: Response, client: QueryClient): boolean {
    if (this.#isClosed) return false;
    const nowMs = performance.now();
    this.#forwarder.nowMs = nowMs;
    // With nothing in flight, it may have been long since it heard which upstreams are part of a loop.
    if (!this.#isTimerFast) this.#forwarder.tick(nowMs);
    const isTaken = this.#forwarder.forward(group, query, response, client);
    this.#plan();
    return isTaken;
  }

  addUpstream(upstream: number, address: string, port: number): boolean {
    this.#addresses[upstream] = { address, port };
    this.#streams[upstream] = [];
    return true;
  }

  saveReturnPath(waiter: number): void {
    this.#tokens[waiter] = this.#clients!.currentToken;
  }

  queryRoom(): number {
    return QUERY_AT;
  }

  queueQuery(upstream: number, size: number): number {
    const octets = Buffer.allocUnsafe(LENGTH_SIZE + size);
    octets.writeUInt16BE(size, 0);
    this.#octets.copy(octets, LENGTH_SIZE, QUERY_AT, QUERY_AT + size);
    const stream = this.#streamTo(upstream);
    stream.ask(octets);
    return stream.number;
  }

  responseRoom(): number {
    return RESPONSE_AT;
  }

  /** Kept until the forwarder is done: a connection that gets a response may go on with its next query. */
  queueResponse(waiter: number, size: number): void {
    const message = Buffer.allocUnsafe(size);
    this.#octets.copy(message, 0, RESPONSE_AT, RESPONSE_AT + size);
    this.#responses.push({ token: this.#tokens[waiter]!, message });
  }

  isReplyFrom(upstream: number): boolean {
    return upstream === this.#replyUpstream;
  }

  receive(stream: UpstreamStream, message: Uint8Array): void {
    if (this.#isClosed) return;
    const forwarder = this.#forwarder;
    this.#octets.set(message, REPLY_AT);
    this.replySocket = stream.number;
    this.#replyUpstream = stream.upstream;
    forwarder.nowMs = performance.now();
    forwarder.receive(REPLY_AT, message.length);
    this.#flush();
  }

  fail(stream: UpstreamStream, query: Buffer): void {
    if (this.#isClosed) return;
    const forwarder = this.#forwarder;
    query.copy(this.#octets, QUERY_AT, LENGTH_SIZE);
    const attempt = forwarder.attemptOf(QUERY_AT, query.length - LENGTH_SIZE, stream.number);
    if (attempt < 0) return;
    forwarder.nowMs = performance.now();
    forwarder.failAttempt(attempt);
    this.#plan();
  }

  release(stream: UpstreamStream): void {
    const streams = this.#streams[stream.upstream]!;
    streams.splice(streams.indexOf(stream), 1);
    this.#streamCount--;
  }

  /** An idle connection, else a new one, else the one with the least to do. */
  #streamTo(upstream: number): UpstreamStream {
    const streams = this.#streams[upstream]!;
    let least: UpstreamStream | undefined;
    for (const stream of streams) {
      if (least === undefined || stream.unansweredCount < least.unansweredCount) least = stream;
    }
    if (least !== undefined && (least.unansweredCount === 0 || streams.length >= STREAMS_MAX)) return least;
    const stream = new UpstreamStream(upstream, ++this.#lastNumber, this.#addresses[upstream]!, this);
    streams.push(stream);
    this.#streamCount++;
    return stream;
  }

  #plan(): void {
    if (this.#isClosed) return;
    const isFast = this.#forwarder.inFlight > 0;
    if (this.#timer !== undefined) {
      if (this.#isTimerFast || !isFast) return;
      clearTimeout(this.#timer);
    }
    this.#timer = undefined;
    this.#isTimerFast = isFast;
    if (!isFast && !this.#forwarder.isProbing && this.#streamCount === 0) return;
    this.#timer = setTimeout(() => this.#tick(), isFast ? TICK_MS : IDLE_TICK_MS);
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    this.#forwarder.tick(nowMs);
    this.#forwarder.random.refill();
    for (const streams of this.#streams) {
      for (let index = streams.length - 1; index >= 0; index--) streams[index]!.tick(nowMs);
    }
    this.#flush();
    this.#publish();
    this.#plan();
  }

  #publish(): void {
    if (!this.#isUnpublished) return;
    this.#isUnpublished = false;
    this.#counters.publish();
  }

  #flush(): void {
    const responses = this.#responses;
    if (responses.length === 0) return;
    this.#responses = [];
    this.#isUnpublished = true;
    for (const { token, message } of responses) this.#clients!.respond(token, message);
  }
}
