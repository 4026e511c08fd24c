/**
 * Upstream servers on the mmsg transport: 16 sockets a family on random ports, one epoll set of them and the clients'.
 *
 * The queries of one client batch leave through one socket, chosen at random, with one sendmmsg; a socket is replaced every
 * few seconds. What has to be asked over a stream is handed over to the resolver, on a ring. Descriptors are noted in shared memory before they are used, so that a successor closes what a thread that
 * was ended left open.
 */
import {
  CLIENT_RESPONSE_MAX,
  UPSTREAM_QUERY_MAX,
  type ForwardTransport,
  type UpstreamRegistrar,
} from '../forward/forward-transport.ts';
import { type ForwardGroup, type UpstreamAddress, UPSTREAMS_TOTAL_MAX } from '../forward/forward-group.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import { WAITERS_MAX } from '../forward/transaction-table.ts';
import { WAITER_PATH_SIZE } from '../forward/waiters.ts';
import { addToEpoll, EpollWaiter, removeFromEpoll } from '../native/epoll.ts';
import { ERRNO, type Libc } from '../native/libc.ts';
import { BATCH_ARENA_SIZE, MessageBatch } from '../native/message-batch.ts';
import { RETURN_PATH, RETURN_PATH_SIZE, RETURN_PATH_WORDS, SendBatch, sendBatchSize } from '../native/send-batch.ts';
import { AF_INET, AF_INET6, familyOf, writeSockaddr } from '../native/sockaddr.ts';
import { writeSourceAddress } from '../native/source-address.ts';
import { openUpstreamSocket } from '../native/udp-socket.ts';
import { HANDOFF_LOOK_MS, type ShardHandoff } from './shard-handoff.ts';
import { SHARD_CONTROL, shardControlAt, type ShardSocket } from './shard-options.ts';

const SOCKETS_ACTIVE = 16;
/** One more than is active: the one that was replaced last still waits for responses. */
const SOCKETS = SOCKETS_ACTIVE + 1;
/** How often one socket is replaced: later than the last response to what it sent. */
const REPLACE_INTERVAL_MS = 5000;
const FAMILIES = 2;
/** Replies over streams that are taken in one turn. */
const STREAM_REPLIES_MAX = 64;
const EPOLL_CLOEXEC = 0o2000000;
/** Events name client sockets by their place, and upstream sockets by this and theirs. */
const UPSTREAMS_FROM = 1 << 16;
/** Sockets that one wait tells of at most; the others are told of by the next. */
const EVENTS_MAX = 128;

/** Octets of a reply over a stream, and room for a name that is read past its end. */
const STREAM_REPLY_MAX = 65_536;

const RESPONSES_AT = (BATCH_ARENA_SIZE + 63) & ~63;
const QUERIES_AT = (RESPONSES_AT + sendBatchSize(CLIENT_RESPONSE_MAX) + 63) & ~63;
const QUERIES_SIZE = (sendBatchSize(UPSTREAM_QUERY_MAX) + 63) & ~63;
const STREAM_QUERY_AT = QUERIES_AT + FAMILIES * QUERIES_SIZE;
const STREAM_REPLY_AT = (STREAM_QUERY_AT + UPSTREAM_QUERY_MAX + 63) & ~63;
/** Octets of the forwarder's arena that this transport works in. */
export const MMSG_IO_SIZE: number = STREAM_REPLY_AT + STREAM_REPLY_MAX;

export interface MmsgUpstreamsOptions {
  readonly libc: Libc;
  readonly forwarder: Forwarder;
  /** the clients' messages */
  readonly clients: MessageBatch;
  readonly clientSockets: readonly ShardSocket[];
  /** SHARD_CONTROL blocks */
  readonly control: SharedArrayBuffer;
  readonly shard: number;
  /** the way to the resolver */
  readonly handoff?: ShardHandoff | undefined;
}

export class MmsgUpstreams implements ForwardTransport, UpstreamRegistrar {
  replySocket = 0;
  /** index of the socket the clients' batch in hand came from */
  clientSocket = 0;

  readonly #libc: Libc;
  readonly #forwarder: Forwarder;
  readonly #clients: MessageBatch;
  /** by place */
  #clientFds = new Int32Array(0);
  #isWildcard = new Uint8Array(0);
  readonly #control: Int32Array;
  readonly #controlAt: number;
  readonly #epollFd: number;
  readonly #epoll: EpollWaiter;
  readonly #words: Uint32Array;
  readonly #replies: MessageBatch;
  readonly #responses: SendBatch;
  readonly #queries: readonly SendBatch[];
  readonly #handoff: ShardHandoff | undefined;
  readonly #octets: Uint8Array;
  readonly #paths = new Uint32Array(UPSTREAMS_TOTAL_MAX * RETURN_PATH_WORDS);
  readonly #familyOf = new Uint8Array(UPSTREAMS_TOTAL_MAX);
  /** what names it to the resolver */
  readonly #numberOf = new Int32Array(UPSTREAMS_TOTAL_MAX);
  readonly #socketOfWaiter = new Uint16Array(WAITERS_MAX + 1);
  /** by family * SOCKETS + place */
  readonly #fds = new Int32Array(FAMILIES * SOCKETS).fill(-1);
  readonly #numbers = new Uint32Array(FAMILIES * SOCKETS);
  /** places of the active ones, by family * SOCKETS_ACTIVE */
  readonly #active = new Uint8Array(FAMILIES * SOCKETS_ACTIVE);
  readonly #isOpen = new Uint8Array(FAMILIES);
  /** place in use by the batch of queries */
  readonly #chosen = new Uint8Array(FAMILIES);
  readonly #spare = new Uint8Array(FAMILIES);
  #lastNumber = 0;
  #responseSocket = 0;
  #replaceAtMs = 0;

  constructor(options: MmsgUpstreamsOptions) {
    const { libc, forwarder } = options;
    this.#libc = libc;
    this.#forwarder = forwarder;
    this.#clients = options.clients;
    this.#control = new Int32Array(options.control);
    this.#controlAt = shardControlAt(options.shard);
    closeOwnFds(libc, this.#control, this.#controlAt);
    this.#epollFd = libc.epoll_create1(EPOLL_CLOEXEC);
    this.#noteFd(FAMILIES * SOCKETS, this.#epollFd);
    this.#epoll = new EpollWaiter(libc, this.#epollFd, EVENTS_MAX);
    this.adoptClientSockets(options.clientSockets);
    this.#handoff = options.handoff;
    const arena = forwarder.arena;
    this.#octets = new Uint8Array(arena);
    this.#words = new Uint32Array(arena, 0, arena.byteLength >>> 2);
    this.#replies = new MessageBatch(libc, arena);
    this.#responses = new SendBatch(libc, arena, RESPONSES_AT, CLIENT_RESPONSE_MAX);
    this.#queries = [0, 1].map(
      (family) => new SendBatch(libc, arena, QUERIES_AT + family * QUERIES_SIZE, UPSTREAM_QUERY_MAX),
    );
    forwarder.start(this);
  }

  /** These are the clients' sockets from now on, by place. */
  adoptClientSockets(sockets: readonly ShardSocket[]): void {
    for (const fd of this.#clientFds) {
      if (!sockets.some((socket) => socket.fd === fd)) removeFromEpoll(this.#libc, this.#epollFd, fd);
    }
    this.#clientFds = Int32Array.from(sockets, (socket) => socket.fd);
    this.#isWildcard = Uint8Array.from(sockets, (socket) => (socket.isWildcard ? 1 : 0));
    for (const [place, { fd }] of sockets.entries()) {
      // Refused where it is in the set already.
      if (fd >= 0) addToEpoll(this.#libc, this.#epollFd, fd, place);
    }
  }

  /** Wait for clients or upstreams. @returns how many sockets have something */
  wait(maxMs: number): number {
    const isLooking = this.#forwarder.openStreams > 0 && maxMs > HANDOFF_LOOK_MS;
    return this.#epoll.wait(isLooking ? HANDOFF_LOOK_MS : maxMs);
  }

  /** Take what came back from the resolver. */
  receiveStreams(): void {
    const forwarder = this.#forwarder;
    if (this.#handoff === undefined || forwarder.openStreams === 0) return;
    const { reader } = this.#handoff;
    // What comes meanwhile waits for the next turn: clients have theirs.
    for (let left = STREAM_REPLIES_MAX; left > 0 && reader.read(); left--) {
      if (reader.isFailure) {
        forwarder.failStream(reader.attempt, reader.generation, reader.isRefused);
      } else {
        reader.copyTo(this.#octets, STREAM_REPLY_AT);
        forwarder.receiveStream(reader.attempt, reader.generation, STREAM_REPLY_AT, reader.size);
      }
      reader.release();
    }
  }

  /** Index of the client socket that is the i-th of those that have something, -1: an upstream's. */
  clientSocketAt(i: number): number {
    const index = this.#epoll.readableAt(i);
    return index < UPSTREAMS_FROM ? index : -1;
  }

  /** Take what came to the upstream socket that is the i-th of those that have something. @returns datagrams */
  receiveAt(i: number): number {
    const place = this.#epoll.readableAt(i) - UPSTREAMS_FROM;
    const fd = this.#fds[place]!;
    if (fd < 0) return 0;
    this.replySocket = this.#numbers[place]!;
    // Receiving afterwards clears an error that is pending without a queued datagram; it would be reported for ever.
    if (this.#epoll.hasErrorAt(i)) this.#receiveErrors(fd);
    const batch = this.#replies;
    const count = batch.receive(fd, place, false);
    for (let index = 0; index < count; index++) {
      if (batch.select(index)) this.#forwarder.receive(batch.messageOffset, batch.messageSize);
    }
    if (count > 0) batch.rearm();
    return count;
  }

  #receiveErrors(fd: number): void {
    const batch = this.#replies;
    const forwarder = this.#forwarder;
    const count = batch.receiveErrors(fd);
    for (let index = 0; index < count; index++) {
      batch.select(index);
      const attempt = forwarder.attemptOf(batch.messageOffset, batch.messageSize, this.replySocket);
      if (attempt >= 0 && this.isReplyFrom(forwarder.upstreamOf(attempt))) {
        forwarder.failAttempt(attempt, batch.networkError === ERRNO.ECONNREFUSED);
      }
    }
    if (count > 0) batch.rearm();
  }

  saveReturnPath(waiter: number): void {
    const socket = this.clientSocket;
    this.#socketOfWaiter[waiter] = socket;
    const word = this.#forwarder.waiters.pathAt(waiter) >>> 2;
    this.#clients.copyReturnPath(this.#isWildcard[socket] === 1, this.#words, word);
  }

  copyReturnPath(from: number, to: number): void {
    const { waiters } = this.#forwarder;
    const word = waiters.pathAt(from) >>> 2;
    this.#socketOfWaiter[to] = this.#socketOfWaiter[from]!;
    this.#words.copyWithin(waiters.pathAt(to) >>> 2, word, word + WAITER_PATH_SIZE / 4);
  }

  queryRoom(upstream: number): number {
    const family = this.#familyOf[upstream]!;
    const queries = this.#queries[family]!;
    if (queries.isFull) this.#sendQueries(family);
    if (queries.count === 0) {
      const pick = this.#forwarder.random.below(SOCKETS_ACTIVE);
      this.#chosen[family] = this.#active[family * SOCKETS_ACTIVE + pick]!;
    }
    return queries.room;
  }

  queueQuery(upstream: number, size: number, attempt: number): number {
    const family = this.#familyOf[upstream]!;
    this.#queries[family]!.queue(size, this.#paths, upstream * RETURN_PATH_WORDS, attempt);
    return this.#numbers[family * SOCKETS + this.#chosen[family]!]!;
  }

  streamRoom(): number {
    return STREAM_QUERY_AT;
  }

  queueStream(upstream: number, size: number, attempt: number, generation: number): boolean {
    const handoff = this.#handoff;
    const number = this.#numberOf[upstream]!;
    return handoff !== undefined && handoff.hand(attempt, generation, number, this.#octets, STREAM_QUERY_AT, size);
  }

  responseRoom(waiter: number): number {
    const socket = this.#socketOfWaiter[waiter]!;
    const responses = this.#responses;
    if (responses.isFull || socket !== this.#responseSocket) this.sendResponses();
    this.#responseSocket = socket;
    return responses.room;
  }

  queueResponse(waiter: number, size: number): void {
    this.#responses.queue(size, this.#words, this.#forwarder.waiters.pathAt(waiter) >>> 2, waiter);
  }

  isReplyFrom(upstream: number): boolean {
    return this.#replies.isFrom(this.#paths, upstream * RETURN_PATH_WORDS + RETURN_PATH.ADDRESS);
  }

  /** responses the kernel refused, since the last time this was read */
  get refused(): number {
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }
  #refused = 0;

  sendResponses(): void {
    if (this.#responses.count === 0) return;
    this.#refused += this.#responses.send(this.#clientFds[this.#responseSocket]!);
  }

  sendQueries(): void {
    this.#handoff?.ring();
    for (let family = 0; family < FAMILIES; family++) {
      if (this.#queries[family]!.count > 0) this.#sendQueries(family);
    }
  }

  #sendQueries(family: number): void {
    const queries = this.#queries[family]!;
    const refused = queries.send(this.#fds[family * SOCKETS + this.#chosen[family]!]!);
    for (let i = 0; i < refused; i++) this.#forwarder.failAttempt(queries.refusedTag(i));
  }

  addUpstream(
    upstream: number,
    { address, port }: UpstreamAddress,
    { sourceAddress }: ForwardGroup,
    number: number,
  ): boolean {
    this.#numberOf[upstream] = number;
    // Of an upstream that had the index before nothing is left.
    const octets = new Uint8Array(this.#paths.buffer, upstream * RETURN_PATH_SIZE, RETURN_PATH_SIZE);
    octets.fill(0);
    if (sourceAddress !== '' && familyOf(sourceAddress) !== familyOf(address)) return false;
    const family = familyOf(address) === AF_INET ? 0 : 1;
    const size = writeSockaddr(octets, RETURN_PATH.ADDRESS * 4, address, port);
    if (size === 0) return false;
    this.#paths[upstream * RETURN_PATH_WORDS + RETURN_PATH.ADDRESS_SIZE] = size;
    if (sourceAddress !== '') {
      const word = upstream * RETURN_PATH_WORDS;
      const controlSize = writeSourceAddress(this.#paths, word + RETURN_PATH.CONTROL, sourceAddress);
      this.#paths[word + RETURN_PATH.CONTROL_SIZE] = controlSize;
    }
    this.#familyOf[upstream] = family;
    return this.#isOpen[family] === 1 || this.#openFamily(family);
  }

  /** Its sockets are everybody's, and its connections the resolver's. */
  removeUpstream(): void {}

  #openFamily(family: number): boolean {
    for (let place = 0; place < SOCKETS_ACTIVE; place++) {
      if (!this.#open(family, place)) return false;
      this.#active[family * SOCKETS_ACTIVE + place] = place;
    }
    this.#spare[family] = SOCKETS_ACTIVE;
    this.#isOpen[family] = 1;
    return true;
  }

  #open(family: number, place: number): boolean {
    const index = family * SOCKETS + place;
    const fd = openUpstreamSocket(this.#libc, family === 0 ? AF_INET : AF_INET6);
    if (fd < 0) return false;
    this.#noteFd(index, fd);
    this.#fds[index] = fd;
    this.#numbers[index] = ++this.#lastNumber;
    return addToEpoll(this.#libc, this.#epollFd, fd, UPSTREAMS_FROM + index);
  }

  #close(index: number): void {
    const fd = this.#fds[index]!;
    if (fd < 0) return;
    this.#fds[index] = -1;
    this.#noteFd(index, 0);
    this.#libc.close(fd);
  }

  /** Where it is time, replace one socket a family; the one before it has had time for its last responses. */
  replaceSockets(nowMs: number): void {
    if (nowMs < this.#replaceAtMs) return;
    this.#replaceAtMs = nowMs + REPLACE_INTERVAL_MS;
    this.#forwarder.random.refill();
    for (let family = 0; family < FAMILIES; family++) {
      if (this.#isOpen[family] === 0 || this.#queries[family]!.count > 0) continue;
      const place = this.#spare[family]!;
      this.#close(family * SOCKETS + place);
      if (!this.#open(family, place)) continue;
      const at = family * SOCKETS_ACTIVE + this.#forwarder.random.below(SOCKETS_ACTIVE);
      this.#spare[family] = this.#active[at]!;
      this.#active[at] = place;
    }
  }

  close(): void {
    for (let index = 0; index < this.#fds.length; index++) this.#fds[index] = -1;
    closeOwnFds(this.#libc, this.#control, this.#controlAt);
  }

  #noteFd(index: number, fd: number): void {
    Atomics.store(this.#control, this.#controlAt + SHARD_CONTROL.at.ownFds + index, fd);
  }
}

/**
 * Close what a thread of a shard opened itself and left open. No such thread may run.
 *
 * @param controlAt  word of the shard's SHARD_CONTROL block
 */
export function closeOwnFds(libc: Libc, control: Int32Array, controlAt: number): void {
  const at = controlAt + SHARD_CONTROL.at.ownFds;
  for (let index = 0; index <= FAMILIES * SOCKETS; index++) {
    const fd = Atomics.exchange(control, at + index, 0);
    if (fd > 0) libc.close(fd);
  }
}
