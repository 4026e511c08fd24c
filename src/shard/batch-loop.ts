/**
 * The loop of a shard on the mmsg transport: receive a batch, answer it in place, send it, and again. Runs until main sets
 * the stop flag or ends the thread; the sockets stay main's.
 *
 * One socket: block in recvmmsg. Several: wait in epoll_wait, then at most one batch from each that has something. While
 * upstream servers are asked the wait is for them as well, and each turn is their replies, one batch of each client socket,
 * and what is due.
 */
import { addToEpoll, EpollWaiter, removeFromEpoll } from '../native/epoll.ts';
import type { Libc } from '../native/libc.ts';
import { BATCH_MAX, type MessageBatch } from '../native/message-batch.ts';
import { SocketQueue } from '../native/socket-queue.ts';
import { ThreadPause } from '../native/thread-pause.ts';
import type { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import type { ShardCounters } from '../observability/counters/shard-counters.ts';
import { DROP } from '../observability/counters/shard-counters.ts';
import { writeFailureResponse } from '../answer/failure-response.ts';
import { ProxiedDatagrams } from './proxied-datagrams.ts';
import { ShardHandoff } from './shard-handoff.ts';
import { SHARD_CONTROL, SHARD_DRAIN_MAX_MS, shardControlAt } from './shard-options.ts';
import type { Admission } from '../forward/admission.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import { BatchPace } from './batch-pace.ts';
import { MmsgUpstreams } from './mmsg-upstreams.ts';
import type { BatchAnswerer, ShardCommand, ShardSocket, ShardWork } from './shard-options.ts';

/** How long epoll_wait may block, ms: the stop flag is seen within this; a socket's own time-out is the same. */
export const BLOCK_MAX_MS = 100;

/** Queries counted before the counters are published; also published when nothing comes. */
const PUBLISH_QUERIES = 64;

/** Sockets that one wait tells of at most; the others are told of by the next. */
const EVENTS_MAX = 64;

/** Where a loop hears from main. */
export interface CommandSource {
  /** the next that is not carried out yet; undefined: none */
  receive(): ShardCommand | undefined;
  /** it is carried out */
  confirm(command: ShardCommand): void;
}

export interface BatchLoopOptions {
  readonly libc: Libc;
  readonly batch: MessageBatch;
  readonly sockets: readonly ShardSocket[];
  /** an epoll set for the sockets; a predecessor's may be in it */
  readonly epollFd: number;
  readonly commands?: CommandSource | undefined;
  readonly control: SharedArrayBuffer;
  readonly shard: number;
  readonly work: ShardWork;
}

export class BatchLoop {
  readonly #batch: MessageBatch;
  readonly #answerer: BatchAnswerer;
  readonly #counters: ShardCounters;
  readonly #events: QueryEventWriter | undefined;
  readonly #control: Int32Array;
  readonly #stopAt: number;
  readonly #commandsAt: number;
  readonly #commands: CommandSource | undefined;
  /** how many commands were posted when it looked last; the first look finds what came while it started */
  #commandsSeen = -1;
  readonly #libc: Libc;
  readonly #epollFd: number;
  readonly #epoll: EpollWaiter;
  readonly #pause: ThreadPause;
  readonly #queue: SocketQueue;
  /** whether one of the queues had more than a batch in this turn, and how full the fullest of them is, part of its room */
  #isCrowded = false;
  #fill = 0;
  #dropsBefore = 0;
  /** the last window looked at what was dropped too */
  #isCountingDrops = false;
  /** by place */
  #fds = new Int32Array(0);
  #listeners = new Int32Array(0);
  #isWildcard = new Uint8Array(0);
  #proxied: readonly (ProxiedDatagrams | undefined)[] = [];
  #proxyNames: readonly string[] = [];
  /** the only place with a socket; -1: there are several, or none */
  #onlyPlace = -1;
  readonly #forwarder: Forwarder | undefined;
  readonly #upstreams: MmsgUpstreams | undefined;
  #unpublished = 0;
  #lastReceived = 0;
  readonly #pace: BatchPace = new BatchPace();
  #drainEndMs = 0;
  #failure: unknown = undefined;

  constructor(options: BatchLoopOptions) {
    this.#batch = options.batch;
    this.#answerer = options.work.answerer;
    this.#counters = options.work.counters;
    this.#events = options.work.events;
    this.#control = new Int32Array(options.control);
    this.#stopAt = shardControlAt(options.shard) + SHARD_CONTROL.at.stop;
    this.#commandsAt = shardControlAt(options.shard) + SHARD_CONTROL.at.commands;
    this.#commands = options.commands;
    this.#libc = options.libc;
    this.#epollFd = options.epollFd;
    this.#epoll = new EpollWaiter(options.libc, options.epollFd, EVENTS_MAX);
    this.#pause = new ThreadPause(options.libc);
    this.#queue = new SocketQueue(options.libc);
    this.#adoptSockets(options.sockets);
    this.#forwarder = options.work.forwarder;
    if (options.work.forwarder !== undefined) {
      this.#upstreams = new MmsgUpstreams({
        libc: options.libc,
        forwarder: options.work.forwarder,
        clients: options.batch,
        clientSockets: options.sockets,
        control: options.control,
        shard: options.shard,
        handoff:
          options.work.handoffBuffer === undefined
            ? undefined
            : new ShardHandoff(options.work.handoffBuffer, options.shard),
      });
    }
  }

  /** @throws what the answerer threw, after the rest of that batch was answered */
  run(): void {
    try {
      this.#finishPredecessor();
      this.#loop();
      this.#counters.publish();
    } finally {
      this.#upstreams?.close();
    }
  }

  #loop(): void {
    const forwarder = this.#forwarder;
    while (!this.#isOver()) {
      if (Atomics.load(this.#control, this.#commandsAt) !== this.#commandsSeen) this.#hear();
      if (this.#pace.isPauseDue(this.#lastReceived)) this.#pause.pause();
      if (forwarder !== undefined && forwarder.inFlight > 0) {
        this.#lastReceived = this.#forwardTurn(forwarder, this.#upstreams!);
      } else {
        this.#lastReceived = this.#onlyPlace >= 0 ? this.#serve(this.#onlyPlace, true) : this.#turn();
      }
      if (!this.#isCrowded) forwarder?.admission.rest();
      this.#isCrowded = false;
      this.#fill = 0;
      if (this.#lastReceived === 0) this.#idle();
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  /** Carry out what main has posted. */
  #hear(): void {
    // Before looking: what is posted meanwhile is found again.
    this.#commandsSeen = Atomics.load(this.#control, this.#commandsAt);
    for (let command = this.#commands?.receive(); command !== undefined; command = this.#commands?.receive()) {
      this.#adoptSockets(command.sockets);
      this.#upstreams?.adoptClientSockets(command.sockets);
      for (const [place, { fd, isLeaving }] of command.sockets.entries()) {
        // Nothing new comes to it: this ends.
        while (fd >= 0 && isLeaving === true && this.#serve(place, false) > 0);
      }
      this.#commands?.confirm(command);
    }
  }

  #adoptSockets(sockets: readonly ShardSocket[]): void {
    for (const fd of this.#fds)
      if (!sockets.some((socket) => socket.fd === fd)) removeFromEpoll(this.#libc, this.#epollFd, fd);
    this.#fds = Int32Array.from(sockets, (socket) => socket.fd);
    this.#listeners = Int32Array.from(sockets, (socket) => socket.listener);
    this.#isWildcard = Uint8Array.from(sockets, (socket) => (socket.isWildcard ? 1 : 0));
    this.#adoptProxies(sockets);
    let count = 0;
    for (const [place, { fd }] of sockets.entries()) {
      if (fd < 0) continue;
      count++;
      this.#onlyPlace = place;
      // Refused where it is in the set already.
      addToEpoll(this.#libc, this.#epollFd, fd, place);
    }
    if (count !== 1) this.#onlyPlace = -1;
  }

  /** A socket whose rules stay keeps what it knows of senders. */
  #adoptProxies(sockets: readonly ShardSocket[]): void {
    const before = new Map(this.#proxyNames.map((name, place) => [name, this.#proxied[place]]));
    this.#proxyNames = sockets.map(({ fd, proxy }) => `${fd} ${JSON.stringify(proxy)}`);
    this.#proxied = sockets.map(({ proxy }, place) =>
      proxy === undefined ? undefined : (before.get(this.#proxyNames[place]!) ?? new ProxiedDatagrams(proxy)),
    );
  }

  /** Whether it is to end and has answered what it forwarded; new queries are answered until then. */
  #isOver(): boolean {
    if (Atomics.load(this.#control, this.#stopAt) === 0) return false;
    if (this.#forwarder === undefined || !this.#forwarder.hasClients) return true;
    const nowMs = performance.now();
    if (this.#drainEndMs === 0) {
      this.#drainEndMs = nowMs + SHARD_DRAIN_MAX_MS;
      Atomics.store(this.#control, this.#stopAt - SHARD_CONTROL.at.stop + SHARD_CONTROL.at.draining, 1);
    }
    return nowMs >= this.#drainEndMs;
  }

  /** One turn while upstreams are asked. @returns datagrams received */
  #forwardTurn(forwarder: Forwarder, upstreams: MmsgUpstreams): number {
    const waitMs = forwarder.waitMs(performance.now(), BLOCK_MAX_MS);
    const readable = upstreams.wait(waitMs);
    const nowMs = performance.now();
    forwarder.nowMs = nowMs;
    let received = 0;
    for (let i = 0; i < readable; i++) if (upstreams.clientSocketAt(i) < 0) received += upstreams.receiveAt(i);
    upstreams.receiveStreams();
    forwarder.resume();
    upstreams.sendResponses();
    this.#unpublished += received;
    for (let i = 0; i < readable; i++) {
      const socket = upstreams.clientSocketAt(i);
      if (socket >= 0) received += this.#serve(socket, false);
    }
    forwarder.tick(nowMs);
    forwarder.resume();
    upstreams.sendResponses();
    upstreams.sendQueries();
    upstreams.replaceSockets(nowMs);
    const refused = upstreams.refused;
    for (let i = 0; i < refused; i++) this.#counters.countDrop(DROP.SEND_REFUSED);
    return received;
  }

  /** Now and then, also with nothing under way: probes that are due. */
  #keepUpstreams(nowMs: number): void {
    if (this.#forwarder === undefined) return;
    this.#forwarder.tick(nowMs);
    this.#forwarder.resume();
    this.#upstreams!.sendResponses();
    this.#upstreams!.sendQueries();
  }

  /** One turn over several sockets. @returns datagrams received */
  #turn(): number {
    const readable = this.#epoll.wait(BLOCK_MAX_MS);
    let received = 0;
    for (let i = 0; i < readable; i++) received += this.#serve(this.#epoll.readableAt(i), false);
    return received;
  }

  /** Receive a batch from one socket, answer and send it. @returns datagrams received */
  #serve(socketIndex: number, isBlocking: boolean): number {
    const received = this.#batch.receive(this.#fds[socketIndex]!, socketIndex, isBlocking);
    if (received === BATCH_MAX && this.#forwarder?.admission.isOfUse === true) this.#lookAt(socketIndex);
    if (received > 0) this.#answerFrom(0, socketIndex);
    return received;
  }

  /** More than a batch may wait in a socket: how full is it? */
  #lookAt(socketIndex: number): void {
    const fill = this.#queue.fill(this.#fds[socketIndex]!);
    if (fill > this.#fill) this.#fill = fill;
    this.#isCrowded = true;
    this.#forwarder!.admission.look(this.#fill, performance.now());
  }

  #answerFrom(first: number, socketIndex: number): void {
    const startMs = performance.now();
    const batch = this.#batch;
    const answerer = this.#answerer;
    const listener = this.#listeners[socketIndex]!;
    const isWildcard = this.#isWildcard[socketIndex] === 1;
    const proxied = this.#proxied[socketIndex];
    const count = batch.received;
    const upstreams = this.#upstreams;
    if (upstreams !== undefined) {
      upstreams.clientSocket = socketIndex;
      this.#forwarder!.nowMs = startMs;
    }
    let scope = -1;
    let scopeCount = 0;
    answerer.enterBatch();
    for (let i = first; i < count; i++) {
      if (!batch.select(i)) {
        this.#counters.countDrop(DROP.TRUNCATED);
        continue;
      }
      if (proxied !== undefined && !this.#findClient(proxied, startMs)) continue;
      const size = this.#answer(listener);
      // nothing, or later
      if (size <= 0) continue;
      batch.queueResponse(i, size, isWildcard);
      if (answerer.scope !== scope) {
        if (scopeCount > 0) this.#countDuration(scope, scopeCount, startMs);
        scope = answerer.scope;
        scopeCount = 0;
      }
      scopeCount++;
    }
    answerer.leaveBatch();
    const refused = batch.send(this.#fds[socketIndex]!);
    for (let i = 0; i < refused; i++) this.#counters.countDrop(DROP.SEND_REFUSED);
    batch.rearm();
    if (upstreams !== undefined) upstreams.sendQueries();
    const endMs = performance.now();
    if (scopeCount > 0) this.#counters.countDuration(scope, scopeCount, endMs - startMs);
    this.#events?.commit(endMs - startMs);
    this.#unpublished += count;
    if (this.#unpublished >= PUBLISH_QUERIES) this.#publish();
    this.#measureRate(count, endMs);
  }

  /** @returns false if the message in hand gets no answer */
  #findClient(proxied: ProxiedDatagrams, nowMs: number): boolean {
    const { octets, messageOffset, messageSize, peerOffset, peerSize, peerPort } = this.#batch;
    const size = proxied.read(octets, messageOffset, messageSize, peerOffset, peerSize, peerPort, nowMs);
    if (size < 0) {
      this.#counters.countDrop(DROP.PROXY_HEADER);
      return false;
    }
    this.#answerer.client.proxyVector = proxied.vector;
    this.#batch.readBehind(size, proxied.address, proxied.addressSize, proxied.port);
    return true;
  }

  #answer(listener: number): number {
    const batch = this.#batch;
    try {
      return this.#answerer.answer(
        listener,
        batch.messageOffset,
        batch.messageSize,
        batch.peerOffset,
        batch.peerSize,
        batch.peerPort,
      );
    } catch (error) {
      // A bug. The client is told, the rest of the batch is answered, then this thread ends and its successor reads on.
      this.#failure = error;
      return writeFailureResponse(batch.octets, batch.messageOffset, batch.messageSize);
    }
  }

  /** The rare case of several scopes in one batch: those before the last are counted without the time of sending. */
  #countDuration(scope: number, count: number, startMs: number): void {
    this.#counters.countDuration(scope, count, performance.now() - startMs);
  }

  #measureRate(count: number, nowMs: number): void {
    const pace = this.#pace;
    if (!pace.add(count, nowMs)) return;
    this.#keepUpstreams(nowMs);
    const admission = this.#forwarder?.admission;
    const { queries } = pace;
    pace.next(admission === undefined ? 0 : admission.asked, nowMs);
    if (admission !== undefined) this.#endWindow(admission, queries);
    // A few queries now and then never come to a full count, nor to an idle moment.
    if (this.#unpublished > 0) this.#publish();
  }

  #endWindow(admission: Admission, queries: number): void {
    const { isOfUse } = admission;
    const drops = isOfUse ? this.#countDrops() : 0;
    // What was lost before anybody looked is not of this window.
    admission.endWindow(queries, this.#isCountingDrops ? drops : 0);
    this.#isCountingDrops = isOfUse;
  }

  /** Datagrams that the kernel dropped at the clients' sockets since the last time. */
  #countDrops(): number {
    let drops = 0;
    for (let place = 0; place < this.#fds.length; place++) {
      if (this.#fds[place]! >= 0) drops = (drops + this.#queue.drops(this.#fds[place]!)) >>> 0;
    }
    const more = (drops - this.#dropsBefore) | 0;
    this.#dropsBefore = drops;
    // Sockets come and go.
    return more > 0 ? more : 0;
  }

  #idle(): void {
    const nowMs = performance.now();
    // Only a window that is over ends: a moment without queries is a part of it.
    this.#measureRate(0, nowMs);
    this.#pace.rest();
    this.#keepUpstreams(nowMs);
    if (this.#unpublished > 0) this.#publish();
  }

  #publish(): void {
    this.#unpublished = 0;
    this.#counters.publish();
  }

  /** Answer what the thread before this one had received and not sent. */
  #finishPredecessor(): void {
    const batch = this.#batch;
    let first = batch.resume();
    if (first < 0) return;
    const socketIndex = batch.socketIndex;
    if (batch.retries > 1) {
      // This message ended two threads without an exception; a third would not do better.
      if (batch.select(first)) {
        const size = writeFailureResponse(batch.octets, batch.messageOffset, batch.messageSize);
        if (size > 0) batch.queueResponse(first, size, this.#isWildcard[socketIndex] === 1);
      }
      first++;
    }
    this.#answerFrom(first, socketIndex);
  }
}
