/**
 * Upstream servers as a thread with an event loop reaches them for its forwarder: over UDP, TCP and TLS. Where clients'
 * responses go is the business of whoever made it.
 */
import type { RemoteInfo } from 'node:dgram';
import { FORWARD_CELLS, UPSTREAM_CELLS } from '../counts/forward-counters.ts';
import type { ForwardGroup, UpstreamAddress } from '../forward-group.ts';
import { type ForwardTransport, UPSTREAM_QUERY_MAX, type UpstreamRegistrar } from '../forward-transport.ts';
import type { Forwarder } from '../forwarder.ts';
import { StreamPool } from './stream-pool.ts';
import type { LogText } from './tls-connector.ts';
import { UdpPool, type UdpPoolHost } from './udp-pool.ts';
import { type StreamAsker, type StreamQuery, streamQuery } from './upstream-stream.ts';

const MESSAGE_ROOM = 65_536;
const REPLY_AT = 0;
const RESPONSE_AT = MESSAGE_ROOM;
const QUERY_AT = RESPONSE_AT + MESSAGE_ROOM;
/** Octets of the forwarder's arena that this transport works in. */
export const EVENT_LOOP_IO_SIZE: number = (QUERY_AT + UPSTREAM_QUERY_MAX + 63) & ~63;

/** Where the forwarder's clients are. */
export interface EventLoopClients {
  /** Keep where the query in hand came from for `waiter`. */
  saveReturnPath(waiter: number): void;
  /** The way back for `to` is that for `from`. */
  copyReturnPath(from: number, to: number): void;
  /** Send a response, now or in `flush`. @param message  the callee's to keep */
  queueResponse(waiter: number, message: Buffer): void;
  /** The forwarder is done with what came from upstream. */
  flush(): void;
}

export class EventLoopUpstreams implements ForwardTransport, UpstreamRegistrar, UdpPoolHost, StreamAsker {
  replySocket = 0;
  /** for others who ask over streams in this thread */
  readonly streams: StreamPool;
  readonly #forwarder: Forwarder;
  readonly #clients: EventLoopClients;
  readonly #octets: Buffer;
  readonly #datagrams: UdpPool;
  #peerAddress = '';
  #peerPort = 0;
  #isClosed = false;

  /**
   * @param forwarder  with EVENT_LOOP_IO_SIZE octets for the transport; started here
   * @param log        told why connections over TLS are not trusted
   */
  constructor(forwarder: Forwarder, clients: EventLoopClients, log: LogText) {
    this.#forwarder = forwarder;
    this.#clients = clients;
    this.#octets = Buffer.from(forwarder.arena);
    this.#datagrams = new UdpPool(forwarder.random, this);
    const { streamHits, streamMisses } = UPSTREAM_CELLS.at;
    this.streams = new StreamPool({
      onQuery: (upstream, isNew) => forwarder.counters.countUpstream(upstream, isNew ? streamMisses : streamHits),
      onMismatch: () => forwarder.counters.count(FORWARD_CELLS.at.mismatched),
      log,
    });
    forwarder.start(this);
  }

  addUpstream(upstream: number, address: UpstreamAddress, group: ForwardGroup): boolean {
    this.streams.addUpstream(upstream, address, group);
    return this.#datagrams.addUpstream(upstream, address.address, address.port, group.sourceAddress);
  }

  removeUpstream(upstream: number): void {
    this.streams.removeUpstream(upstream);
  }

  /** Now and then: what is due, sockets and connections that have served their time. */
  tick(nowMs: number): void {
    this.#forwarder.tick(nowMs);
    this.#forwarder.random.refill();
    this.streams.tick(nowMs);
    this.#datagrams.tick(nowMs);
    this.#finish();
  }

  close(): void {
    this.#isClosed = true;
    this.streams.close();
    this.#datagrams.close();
  }

  saveReturnPath(waiter: number): void {
    this.#clients.saveReturnPath(waiter);
  }

  copyReturnPath(from: number, to: number): void {
    this.#clients.copyReturnPath(from, to);
  }

  queryRoom(): number {
    return QUERY_AT;
  }

  queueQuery(upstream: number, size: number, attempt: number): number {
    return this.#datagrams.send(upstream, this.#copy(QUERY_AT, size), attempt);
  }

  streamRoom(): number {
    return QUERY_AT;
  }

  queueStream(upstream: number, size: number, attempt: number, generation: number): boolean {
    const message = this.#octets.subarray(QUERY_AT, QUERY_AT + size);
    return this.streams.ask(streamQuery(this, upstream, attempt, generation, message));
  }

  responseRoom(): number {
    return RESPONSE_AT;
  }

  queueResponse(waiter: number, size: number): void {
    this.#clients.queueResponse(waiter, this.#copy(RESPONSE_AT, size));
  }

  isReplyFrom(upstream: number): boolean {
    return this.#datagrams.isFrom(upstream, this.#peerAddress, this.#peerPort);
  }

  receiveDatagram(socket: number, message: Buffer, peer: RemoteInfo): void {
    this.replySocket = socket;
    this.#peerAddress = peer.address;
    this.#peerPort = peer.port;
    this.#take(message);
    this.#forwarder.receive(REPLY_AT, message.length);
    this.#finish();
  }

  failDatagram(attempt: number): void {
    this.#forwarder.nowMs = performance.now();
    this.#forwarder.failAttempt(attempt);
  }

  receiveReply({ attempt, generation }: StreamQuery, message: Uint8Array): void {
    if (this.#isClosed) return;
    this.#take(message);
    this.#forwarder.receiveStream(attempt, generation, REPLY_AT, message.length);
    this.#finish();
  }

  failQuery({ attempt, generation }: StreamQuery, isRefused: boolean): void {
    if (this.#isClosed) return;
    this.#forwarder.nowMs = performance.now();
    this.#forwarder.failStream(attempt, generation, isRefused);
  }

  /** What came from upstream is dealt with. */
  #finish(): void {
    this.#forwarder.resume();
    this.#clients.flush();
  }

  #take(message: Uint8Array): void {
    this.#octets.set(message, REPLY_AT);
    this.#forwarder.nowMs = performance.now();
  }

  #copy(at: number, size: number): Buffer {
    const message = Buffer.allocUnsafe(size);
    this.#octets.copy(message, 0, at, at + size);
    return message;
  }
}
