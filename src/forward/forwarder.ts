/**
 * Forwarding within a thread that answers, run to completion: a question goes to an upstream, its waiters get the reply.
 *
 *   forward ─► equal question in flight? ─► choose upstream ─► own query, own id ─► transport: a datagram, or a stream
 *   receive ─► id, socket, source, question ─► truncated? ─► response for each waiter ─► transport
 *   expire  ─► another upstream, or SERVFAIL
 *
 * A reply that came truncated is asked for again over a stream; where that fails, clients get what there is, with TC.
 *
 * The transport moves octets; whoever runs the shard calls `tick` each turn. What a shard has in flight is lost with it:
 * clients ask again.
 */
import type { QueryClient, QueryForwarder } from '../answer/answerer-options.ts';
import type { Query } from '../answer/query.ts';
import type { Response } from '../answer/response.ts';
import { assert } from '../base/assert.ts';
import { CLASS, EDE, RCODE, TYPE } from '../dns/iana.ts';
import { CD, FLAGS_LOW_AT, HEADER_SIZE, TC } from '../dns/wire-header.ts';
import { QUERY_ERROR } from '../observability/query-error.ts';
import type { QueryEventWriter } from '../observability/query-event-writer.ts';
import type { ShardCounters } from '../observability/shard-counters.ts';
import type { CacheAccess } from '../cache/cache-access.ts';
import { CACHED_MESSAGE_SIZE, FlightCache } from './flight-cache.ts';
import { forwardGroupCount } from './forward-buffer.ts';
import { FORWARD_CELLS, ForwardCounters, UPSTREAM_CELLS } from './forward-counters.ts';
import { ATTEMPTS_MAX, type ForwardGroup, GROUPS_MAX, type UpstreamAddress } from './forward-group.ts';
import { ForwardReports } from './forward-reports.ts';
import { type ForwardTransport, STREAM_SOCKET } from './forward-transport.ts';
import { KnownGroups } from './known-groups.ts';
import { HINFO, LoopSearch } from './loop-search.ts';
import { QuestionMatch } from './question-match.ts';
import { RandomPool } from './random-pool.ts';
import { Reply } from './reply.ts';
import { ResponseDelivery } from './response-delivery.ts';
import { deadlineTickOf, tickOf, TimerWheel } from './timer-wheel.ts';
import { ASKED, TransactionTable, TRANSACTIONS_MAX } from './transaction-table.ts';
import { TRUNCATED_SIZE, TruncatedReplies } from './truncated-replies.ts';
import { UpstreamQuery } from './upstream-query.ts';
import { PROBE_TIMEOUT_MS, UpstreamStates } from './upstream-states.ts';
import { Waiters, WAITERS_SIZE } from './waiters.ts';

/** Less time than this is not worth another attempt. */
const ATTEMPT_MIN_MS = 20;
/** One group leaves this part of the table to the others. */
const GROUP_SHARE_MAX = (TRANSACTIONS_MAX * 3) / 4;

export interface ForwarderOptions {
  /** of createForwardBuffer */
  readonly buffer: SharedArrayBuffer;
  readonly shard: number;
  readonly counters: ShardCounters;
  /** takes what `log` and `errors` are to print */
  readonly events?: QueryEventWriter | undefined;
  /** where answers are kept; without it they are not */
  readonly cache?: CacheAccess | undefined;
  /** the memory queries are read from */
  readonly clientArena: ArrayBuffer;
  /** octets at the start of the arena that are the transport's */
  readonly ioSize: number;
  /** clients ask over streams, and so are upstreams that can be asked either way, but for groups with `prefer_udp` */
  readonly prefersStreams?: boolean;
}

/** What a transport gets to know of an upstream. */
export interface UpstreamRegistrar {
  /** @returns false where it can't be asked: no such address family or interface here */
  addUpstream(upstream: number, address: UpstreamAddress, group: ForwardGroup): boolean;
}

export class Forwarder implements QueryForwarder {
  /** the transport's part, then the waiters */
  readonly arena: ArrayBuffer;
  readonly waiters: Waiters;
  readonly random: RandomPool = new RandomPool();
  /** queries that went over streams, and have neither a reply nor failed nor become useless */
  openStreams = 0;
  /** the time of this turn, ms (performance.now) */
  nowMs = 0;

  readonly #options: ForwarderOptions;
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #table: TransactionTable;
  readonly #wheel: TimerWheel = new TimerWheel(TRANSACTIONS_MAX);
  readonly #states: UpstreamStates;
  readonly #loops: LoopSearch;
  readonly counters: ForwardCounters;
  readonly #reply: Reply;
  readonly #query: UpstreamQuery;
  readonly #delivery: ResponseDelivery;
  readonly #reports: ForwardReports;
  readonly #questions: QuestionMatch;
  readonly #truncated: TruncatedReplies;
  readonly #groups: KnownGroups;
  readonly #waiting: Uint32Array = new Uint32Array(GROUPS_MAX);
  /** by attempt: it had its reply or an error, bits of the slot */
  readonly #closed: Uint8Array = new Uint8Array(TRANSACTIONS_MAX + 1);
  readonly #prefersStreams: boolean;
  /** the last `#ask` failed because nobody can take a stream's query now */
  #isHandoffFull = false;
  readonly #cache: FlightCache | undefined;
  #transport: (ForwardTransport & UpstreamRegistrar) | undefined;

  constructor(options: ForwarderOptions) {
    assert(options.ioSize % 64 === 0, 'the part of the transport ends on a cache line');
    this.#options = options;
    const cachedAt = options.ioSize + WAITERS_SIZE + TRUNCATED_SIZE;
    this.arena = new ArrayBuffer(cachedAt + (options.cache === undefined ? 0 : CACHED_MESSAGE_SIZE));
    this.#octets = new Uint8Array(this.arena);
    this.#view = new DataView(this.arena);
    this.waiters = new Waiters(this.arena, options.ioSize, options.clientArena);
    this.#truncated = new TruncatedReplies(this.arena, options.ioSize + WAITERS_SIZE);
    this.#table = new TransactionTable(this.random);
    this.#states = new UpstreamStates(this.random, options.buffer);
    this.#loops = new LoopSearch(options.buffer, options.shard === 0);
    this.counters = new ForwardCounters(options.buffer, options.shard);
    this.#groups = new KnownGroups(options.buffer, this.#states, this.#loops);
    this.#prefersStreams = options.prefersStreams ?? false;
    this.#reply = new Reply(this.arena);
    this.#query = new UpstreamQuery(this.arena);
    this.#reports = new ForwardReports(options.events, options.clientArena);
    const { counters } = options;
    this.#delivery = new ResponseDelivery(this.arena, this.#table, this.waiters, counters, this.#reports);
    this.#questions = new QuestionMatch(this.#table, this.waiters, this.arena, this.random);
    if (options.cache !== undefined) {
      this.#cache = new FlightCache(options.cache, this.#table, this.#questions, this.arena, cachedAt);
    }
  }

  /** Before the first query. The groups there are become known, so that their sockets are open when they are needed. */
  start(transport: ForwardTransport & UpstreamRegistrar): void {
    this.#transport = transport;
    this.#delivery.transport = transport;
    this.nowMs = performance.now();
    const count = forwardGroupCount(this.#options.buffer);
    this.learnGroups();
    for (let group = 0; group < count; group++) this.counters.setWaiting(group, 0);
  }

  /** Get to know the groups there are by now. */
  learnGroups(): void {
    this.#groups.learn(this.#transport!, this.nowMs);
  }

  /** questions in flight, probes among them */
  get inFlight(): number {
    return this.#table.inFlight;
  }

  /** whether clients wait */
  get hasClients(): boolean {
    for (let group = 0; group < this.#groups.count; group++) if (this.#waiting[group]! > 0) return true;
    return false;
  }

  /** whether `tick` has something to do even with nothing in flight */
  get isProbing(): boolean {
    return this.#states.probedCount > 0;
  }

  /** How long nothing has to be done, unless something comes. */
  waitMs(nowMs: number, maxMs: number): number {
    return this.#wheel.waitMs(nowMs, maxMs);
  }

  forward(group: number, query: Query, response: Response, client: QueryClient): boolean {
    if (!this.#isKnown(group)) return false;
    this.#isHandoffFull = false;
    if (query.qtype === HINFO && this.#loops.isOwn(query)) return false;
    const count = this.#waiting[group]!;
    const concurrentMax = this.#groups.of(group).concurrentMax;
    if (concurrentMax > 0 && this.counters.waitingEverywhere(group) >= concurrentMax) {
      this.counters.count(FORWARD_CELLS.at.concurrentRejects);
      client.error = QUERY_ERROR.MAX_CONCURRENT;
      client.errorDetail = concurrentMax;
      response.rcode = RCODE.REFUSED;
      return false;
    }
    const table = this.#table;
    const waiter = count < GROUP_SHARE_MAX ? table.takeWaiter() : 0;
    client.error = QUERY_ERROR.NO_CAPACITY;
    if (waiter === 0) {
      this.counters.count(FORWARD_CELLS.at.full);
      return false;
    }
    const isKept = this.waiters.keep(waiter, query, response, client);
    // Not an argument: a number that is no small integer is boxed for a call.
    this.waiters.startMs[waiter] = this.nowMs;
    if (!isKept || !this.#enter(group, query, waiter, client.cacheProfile + 1, client.hasStale)) {
      if (isKept && table.inFlight < TRANSACTIONS_MAX && !this.#isHandoffFull) {
        client.error = QUERY_ERROR.NO_HEALTHY_UPSTREAM;
      }
      this.waiters.release(waiter);
      table.releaseWaiter(waiter);
      response.extendedError = EDE.NO_REACHABLE_AUTHORITY;
      return false;
    }
    this.#reports.keep(waiter, query, client, response.messageAt);
    this.#transport!.saveReturnPath(waiter);
    this.#setWaiting(group, count + 1);
    return true;
  }

  refresh(group: number, query: Query, cacheProfile: number, isCheckingDisabled: boolean): void {
    const table = this.#table;
    const waiter = this.#isKnown(group) && this.#waiting[group]! < GROUP_SHARE_MAX ? table.takeWaiter() : 0;
    if (waiter === 0) return;
    this.waiters.keepQuestion(waiter, query.nameBytes, query.nameSize);
    if (isCheckingDisabled) this.#octets[this.waiters.dataAt[waiter]! + FLAGS_LOW_AT] = CD;
    this.waiters.startMs[waiter] = this.nowMs;
    if (this.#enter(group, query, waiter, cacheProfile + 1, false)) this.#setWaiting(group, this.#waiting[group]! + 1);
    else table.releaseWaiter(waiter);
  }

  /** A datagram came from upstream; the transport knows where from. It lies in the arena. */
  receive(at: number, size: number): void {
    const attempt = this.#match(at, size);
    if (attempt < 0) {
      this.counters.count(FORWARD_CELLS.at.mismatched);
      return;
    }
    this.#take(attempt, at, size);
  }

  /**
   * The reply to a query that went over a stream. It lies in the arena; its id need not match.
   *
   * @param attempt     as given to `queueStream`, and so is generation
   */
  receiveStream(attempt: number, generation: number, at: number, size: number): void {
    if (
      !this.#isOpenStream(attempt, generation) ||
      !this.#questions.isResponse(at, size) ||
      !this.#questions.isReplyTo(attempt, at, size)
    ) {
      this.counters.count(FORWARD_CELLS.at.mismatched);
      return;
    }
    this.#take(attempt, at, size);
  }

  /** There will be no reply from that stream. */
  failStream(attempt: number, generation: number): void {
    if (this.#isOpenStream(attempt, generation)) this.failAttempt(attempt);
  }

  #isOpenStream(attempt: number, generation: number): boolean {
    const table = this.#table;
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    if (slot > TRANSACTIONS_MAX || table.generationOf(slot) !== generation) return false;
    const index = attempt % ATTEMPTS_MAX;
    if (index >= table.attempts[slot]! || table.attemptSocket[attempt] !== STREAM_SOCKET) return false;
    return (this.#closed[slot]! & (1 << index)) === 0;
  }

  #take(attempt: number, at: number, size: number): void {
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    const questionEnd = at + HEADER_SIZE + this.#table.nameSize[slot]! + 4;
    if (size === HEADER_SIZE ? !this.#questions.isEdnsRefused(at, slot) : !this.#reply.parse(at, size, questionEnd)) {
      this.counters.count(FORWARD_CELLS.at.malformed);
      return;
    }
    this.#accept(slot, attempt, size === HEADER_SIZE);
  }

  /** What is due: attempts that got no reply, probes. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
    const tick = tickOf(nowMs);
    for (let slot = this.#wheel.takeDue(tick); slot !== 0; slot = this.#wheel.takeDue(tick)) this.#timeOut(slot);
    if (this.#states.probedCount > 0) this.#sendProbes();
    this.#loops.follow(this.#states.isLoop, nowMs);
    const upstream = this.#loops.dueUpstream(nowMs);
    if (upstream >= 0) {
      const number = (this.random.next() << 16) | this.random.next();
      this.#askUnasked(upstream, this.#loops.nextName(upstream, nowMs, number), HINFO, ASKED.SEARCH);
    }
  }

  /** A query could not be sent, or the network said that it did not arrive. `attempt`: as given to `queueQuery`. */
  failAttempt(attempt: number): void {
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    const bit = 1 << (attempt % ATTEMPTS_MAX);
    if ((this.#closed[slot]! & bit) !== 0) return;
    this.#close(slot, attempt);
    const upstream = this.#table.attemptUpstream[attempt]!;
    this.counters.countUpstream(upstream, UPSTREAM_CELLS.at.unreachable);
    this.#table.flags[slot]! |= ASKED.UNREACHABLE;
    // Due at once: by then whoever is sending has finished.
    if (attempt % ATTEMPTS_MAX === this.#table.attempts[slot]! - 1) this.#setDeadline(slot, this.nowMs);
  }

  /**
   * The attempt that a query sent earlier was, -1: none. For what the network returns of it.
   *
   * @param at      offset in the arena of the query
   * @param socket  number of the socket it left from
   */
  attemptOf(at: number, size: number, socket: number): number {
    if (size < HEADER_SIZE) return -1;
    const attempt = this.#table.attemptOf(this.#view.getUint16(at));
    return attempt >= 0 && this.#table.attemptSocket[attempt] === socket ? attempt : -1;
  }

  upstreamOf(attempt: number): number {
    return this.#table.attemptUpstream[attempt]!;
  }

  #isKnown(group: number): boolean {
    if (group < this.#groups.count) return true;
    this.learnGroups();
    return group < this.#groups.count;
  }

  #setWaiting(group: number, count: number): void {
    this.#waiting[group] = count;
    this.counters.setWaiting(group, count);
  }

  /** Let `waiter` wait for an equal question in flight, or ask. @returns false if that can't be */
  #enter(group: number, query: Query, waiter: number, cacheProfile: number, hasStale: boolean): boolean {
    const table = this.#table;
    const isDisabled = (this.#octets[this.waiters.dataAt[waiter]! + FLAGS_LOW_AT]! & CD) !== 0;
    const flags = (query.isDo !== 0 ? ASKED.DO : 0) | (isDisabled ? ASKED.CD : 0);
    const hash = this.#questions.hash(group, query, flags);
    for (let slot = table.findFirst(hash); slot !== 0; slot = table.findNext(slot)) {
      if (table.cacheProfile[slot] !== cacheProfile || !this.#questions.isEqual(slot, group, query, flags)) continue;
      table.addWaiter(slot, waiter);
      if (hasStale) table.flags[slot]! |= ASKED.HAS_STALE;
      this.counters.count(FORWARD_CELLS.at.coalesced);
      return true;
    }
    const slot = table.take();
    if (slot === 0) {
      this.counters.count(FORWARD_CELLS.at.full);
      return false;
    }
    table.group[slot] = group;
    table.qtype[slot] = query.qtype;
    table.qclass[slot] = query.qclass;
    table.nameSize[slot] = query.nameSize;
    table.flags[slot] = hasStale ? flags | ASKED.HAS_STALE : flags;
    table.cacheProfile[slot] = cacheProfile;
    table.startMs[slot] = this.nowMs;
    this.#closed[slot] = 0;
    table.addWaiter(slot, waiter);
    if (!this.#ask(slot, -1)) {
      this.#release(slot);
      return false;
    }
    table.publish(slot, hash);
    return true;
  }

  /**
   * Send a query for this slot.
   *
   * @param again  the upstream to ask, -1: whose turn it is
   * @returns false if there is nobody to ask or it had all its attempts
   */
  #ask(slot: number, again: number): boolean {
    const table = this.#table;
    const states = this.#states;
    const group = table.group[slot]!;
    const flags = table.flags[slot]!;
    let attemptsMax = this.#groups.attemptsMax[group]!;
    // A truncated reply is no answer: what asks for the whole is not counted.
    if ((flags & ASKED.WHOLE) !== 0) attemptsMax++;
    if (table.attempts[slot]! >= attemptsMax) return false;
    let upstream = again >= 0 ? again : states.choose(group, table.tried[slot]!);
    if (upstream < 0) {
      this.counters.count(FORWARD_CELLS.at.allDown);
      if (this.#groups.of(group).failsFast) return false;
      upstream = states.chooseAny(group);
    }
    if (states.isDisabled(upstream) && (flags & ASKED.SEARCH) === 0) return false;
    const attempt = table.addAttempt(slot);
    if (attempt < 0) return false;
    table.tried[slot]! |= 1 << (upstream - states.first[group]!);
    table.attemptUpstream[attempt] = upstream;
    table.attemptMs[attempt] = this.nowMs;
    if (!this.#send(slot, attempt, upstream)) return false;
    const count = table.attempts[slot]!;
    let deadlineTick = deadlineTickOf(table.startMs[slot]! + this.#totalMs(slot));
    if (count < attemptsMax || (flags & ASKED.WHOLE) !== 0) {
      const soonTick = deadlineTickOf(this.nowMs + states.timeoutMs(upstream, count - 1));
      if (((soonTick - deadlineTick) | 0) < 0) deadlineTick = soonTick;
    }
    this.#wheel.set(slot, deadlineTick, tickOf(this.nowMs));
    return true;
  }

  /** @returns false if nobody takes what has to go over a stream */
  #send(slot: number, attempt: number, upstream: number): boolean {
    const table = this.#table;
    const transport = this.#transport!;
    const isStream = this.#isOverStream(slot, upstream);
    const size = this.#query.write(
      isStream ? transport.streamRoom() : transport.queryRoom(upstream),
      table.attemptId[attempt]!,
      table.flags[slot]!,
      this.#questions.nameAt(slot),
      table.nameSize[slot]!,
      table.qtype[slot]!,
      table.qclass[slot]!,
    );
    if (!isStream) {
      table.attemptSocket[attempt] = transport.queueQuery(upstream, size, attempt);
      this.counters.countUpstream(upstream, UPSTREAM_CELLS.at.datagrams);
      return true;
    }
    table.attemptSocket[attempt] = STREAM_SOCKET;
    this.openStreams++;
    if (transport.queueStream(upstream, size, attempt, table.generationOf(slot))) return true;
    this.#close(slot, attempt);
    this.counters.count(FORWARD_CELLS.at.handoffFull);
    this.#isHandoffFull = true;
    return false;
  }

  /** Nothing more is expected of an attempt that is open. */
  #close(slot: number, attempt: number): void {
    this.#closed[slot]! |= 1 << (attempt % ATTEMPTS_MAX);
    if (this.#table.attemptSocket[attempt] === STREAM_SOCKET) this.openStreams--;
  }

  /** The slot is free again. */
  #release(slot: number): void {
    const table = this.#table;
    if (this.openStreams > 0) {
      const first = slot * ATTEMPTS_MAX;
      for (let index = table.attempts[slot]! - 1; index >= 0; index--) {
        if ((this.#closed[slot]! & (1 << index)) === 0) this.#close(slot, first + index);
      }
    }
    table.release(slot);
  }

  #isOverStream(slot: number, upstream: number): boolean {
    const table = this.#table;
    if (this.#groups.isStreamOnly[upstream] === 1 || (table.flags[slot]! & ASKED.WHOLE) !== 0) return true;
    return this.#prefersStreams && this.#groups.prefersUdp[table.group[slot]!] === 0;
  }

  /** The attempt that a datagram in hand is the reply to, -1: none. */
  #match(at: number, size: number): number {
    if (!this.#questions.isResponse(at, size)) return -1;
    const table = this.#table;
    const attempt = table.attemptOf(this.#view.getUint16(at));
    if (attempt < 0) return -1;
    const transport = this.#transport!;
    if (table.attemptSocket[attempt] !== transport.replySocket) return -1;
    if (!transport.isReplyFrom(table.attemptUpstream[attempt]!)) return -1;
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    if ((this.#closed[slot]! & (1 << (attempt % ATTEMPTS_MAX))) !== 0) return -1;
    return this.#questions.isReplyTo(attempt, at, size) ? attempt : -1;
  }

  #accept(slot: number, attempt: number, isHeaderOnly: boolean): void {
    const table = this.#table;
    const reply = this.#reply;
    const upstream = table.attemptUpstream[attempt]!;
    const tookMs = this.nowMs - table.attemptMs[attempt]!;
    this.#close(slot, attempt);
    this.#states.noteResponse(upstream, tookMs);
    if ((table.flags[slot]! & ASKED.UNASKED) !== 0) {
      this.#releaseUnasked(slot);
      return;
    }
    const rcode = isHeaderOnly ? RCODE.FORMERR : reply.rcode;
    this.counters.countResponse(upstream, rcode, tookMs);
    if (isHeaderOnly || this.#isEdnsFault(slot)) {
      table.flags[slot]! |= ASKED.PLAIN;
      if (this.#ask(slot, upstream)) return;
    }
    if (isHeaderOnly) {
      this.#fail(slot, EDE.OTHER, QUERY_ERROR.UPSTREAM_MALFORMED);
      return;
    }
    if (rcode !== RCODE.NOERROR && this.#askElsewhere(slot, rcode)) return;
    if (this.#isForNextGroup(slot, rcode) && this.#askNextGroup(slot)) return;
    if ((reply.flagsHigh & TC) !== 0) {
      this.counters.count(FORWARD_CELLS.at.truncated);
      if (table.attemptSocket[attempt] !== STREAM_SOCKET && this.#askForWhole(slot, upstream)) return;
    }
    this.#respond(slot);
  }

  /** A datagram was too small: ask its sender over a stream. @returns false if that can't be */
  #askForWhole(slot: number, upstream: number): boolean {
    const table = this.#table;
    // Another upstream has been asked already.
    if ((table.flags[slot]! & ASKED.WHOLE) !== 0) return true;
    table.flags[slot]! |= ASKED.WHOLE;
    this.#truncated.keep(slot, this.#reply.at, this.#reply.end - this.#reply.at);
    return this.#ask(slot, upstream);
  }

  /** FORMERR or NOTIMP without OPT: a server older than EDNS. */
  #isEdnsFault(slot: number): boolean {
    const reply = this.#reply;
    if (reply.hasOpt || (this.#table.flags[slot]! & ASKED.PLAIN) !== 0) return false;
    return reply.rcode === RCODE.FORMERR || reply.rcode === RCODE.NOTIMP;
  }

  /** Another upstream of the group: once for SERVFAIL and REFUSED, for the rcodes of `failover` while there is one. */
  #askElsewhere(slot: number, rcode: number): boolean {
    const table = this.#table;
    const group = table.group[slot]!;
    const tried = table.tried[slot]!;
    if (tried === (1 << this.#states.count[group]!) - 1) return false;
    const isFailover = rcode < 32 && (this.#groups.failoverRcodes[group]! & (1 << rcode)) !== 0;
    if (!isFailover) {
      if (rcode !== RCODE.SERVFAIL && rcode !== RCODE.REFUSED) return false;
      if ((table.flags[slot]! & ASKED.RETRIED) !== 0) return false;
    }
    const upstream = this.#states.choose(group, tried);
    if (upstream < 0 || (tried & (1 << (upstream - this.#states.first[group]!))) !== 0) return false;
    table.flags[slot]! |= ASKED.RETRIED;
    return this.#ask(slot, upstream);
  }

  #isForNextGroup(slot: number, rcode: number): boolean {
    const group = this.#table.group[slot]!;
    const { nextGroup, asksNextOnNodata } = this.#groups.of(group);
    if (nextGroup < 0) return false;
    if (rcode < 32 && (this.#groups.nextRcodes[group]! & (1 << rcode)) !== 0) return true;
    return rcode === RCODE.NOERROR && asksNextOnNodata && this.#reply.answerCount === 0;
  }

  #askNextGroup(slot: number): boolean {
    const table = this.#table;
    const from = table.group[slot]!;
    const to = this.#groups.of(from).nextGroup;
    if (!this.#isKnown(to)) return false;
    const tried = table.tried[slot]!;
    table.group[slot] = to;
    table.tried[slot] = 0;
    if (!this.#ask(slot, -1)) {
      table.group[slot] = from;
      table.tried[slot] = tried;
      return false;
    }
    // What is asked there is no longer the question that others of the first group would share.
    table.hide(slot);
    let count = 0;
    for (let waiter = table.firstWaiter[slot]!; waiter !== 0; waiter = table.nextWaiter[waiter]!) count++;
    this.#setWaiting(from, this.#waiting[from]! - count);
    this.#setWaiting(to, this.#waiting[to]! + count);
    return true;
  }

  #timeOut(slot: number): void {
    const table = this.#table;
    const attempts = table.attempts[slot]!;
    const last = slot * ATTEMPTS_MAX + attempts - 1;
    const upstream = table.attemptUpstream[last]!;
    const isClosed = (this.#closed[slot]! & (1 << (attempts - 1))) !== 0;
    if ((table.flags[slot]! & ASKED.UNASKED) !== 0) {
      if ((table.flags[slot]! & ASKED.PROBE) !== 0) {
        this.#states.noteProbeFailed(upstream, this.nowMs);
        this.counters.countUpstream(upstream, UPSTREAM_CELLS.at.probeFailures);
      }
      this.#releaseUnasked(slot);
      return;
    }
    if (!isClosed) this.counters.countUpstream(upstream, UPSTREAM_CELLS.at.timeouts);
    if (this.#truncated.restore(slot, this.#reply, table.nameSize[slot]!)) {
      // It answers datagrams: it is not the one that is missing.
      this.#respond(slot);
      return;
    }
    this.#states.noteMissing(upstream, this.nowMs);
    const endMs = table.startMs[slot]! + this.#totalMs(slot);
    if (endMs - this.nowMs > ATTEMPT_MIN_MS) {
      if (this.#ask(slot, -1)) return;
      if (this.#closed[slot] !== (1 << table.attempts[slot]!) - 1) {
        // An earlier attempt may still be answered.
        this.#setDeadline(slot, endMs);
        return;
      }
    }
    if ((table.flags[slot]! & ASKED.UNREACHABLE) === 0) {
      this.#fail(slot, EDE.NO_REACHABLE_AUTHORITY, QUERY_ERROR.UPSTREAM_TIMEOUT);
    } else {
      this.#fail(slot, EDE.NETWORK_ERROR, QUERY_ERROR.UPSTREAM_UNREACHABLE);
    }
  }

  /** How long a question may take, ms. */
  #totalMs(slot: number): number {
    const totalMs = this.#groups.totalMs[this.#table.group[slot]!]! | 0;
    return this.#cache === undefined ? totalMs : this.#cache.totalMs(slot, totalMs);
  }

  #setDeadline(slot: number, deadlineMs: number): void {
    this.#wheel.set(slot, deadlineTickOf(deadlineMs), tickOf(this.nowMs));
  }

  /** Everyone who waits gets the reply. */
  #respond(slot: number): void {
    const isFailure = this.#reply.rcode === RCODE.SERVFAIL;
    if (!isFailure || this.#cache?.loadStale(slot, this.#reply) !== true) this.#cache?.keep(slot, this.#reply);
    this.#respondWithReply(slot);
  }

  #respondWithReply(slot: number): void {
    this.#delivery.nowMs = this.nowMs;
    this.#delivery.sendReply(slot, this.#reply);
    this.#finish(slot);
  }

  /** @param error  QUERY_ERROR; it speaks of the upstream that was asked last */
  #fail(slot: number, extendedError: number, error: number): void {
    const table = this.#table;
    if (this.#cache !== undefined) {
      if (this.#cache.loadStale(slot, this.#reply)) {
        this.#respondWithReply(slot);
        return;
      }
      this.#cache.keepFailure(slot);
    }
    const last = table.attemptUpstream[slot * ATTEMPTS_MAX + table.attempts[slot]! - 1]!;
    const group = this.#states.groupOf[last]!;
    const upstream = this.#groups.of(group).upstreams[last - this.#states.first[group]!]!;
    this.#reports.setFailed(error, upstream.address, upstream.port);
    this.#delivery.nowMs = this.nowMs;
    this.#delivery.sendFailure(slot, extendedError);
    this.#finish(slot);
  }

  #finish(slot: number): void {
    const table = this.#table;
    table.hide(slot);
    this.#wheel.clear(slot);
    let count = 0;
    for (let waiter = table.firstWaiter[slot]!; waiter !== 0;) {
      const next = table.nextWaiter[waiter]!;
      this.waiters.release(waiter);
      table.releaseWaiter(waiter);
      waiter = next;
      count++;
    }
    const group = table.group[slot]!;
    this.#setWaiting(group, this.#waiting[group]! - count);
    this.#truncated.release(slot);
    this.#release(slot);
  }

  #sendProbes(): void {
    const states = this.#states;
    for (let upstream = 0; upstream < states.upstreamCount; upstream++) {
      const atMs = states.probeAtMs[upstream]!;
      if (atMs !== 0 && atMs <= this.nowMs) this.#sendProbe(upstream);
    }
  }

  /** One NS query; where there is no slot for it now, the next turn has one. */
  #sendProbe(upstream: number): void {
    const group = this.#states.groupOf[upstream]!;
    const flags = this.#groups.of(group).probe.isRecursionDesired ? ASKED.PROBE : ASKED.PROBE | ASKED.NO_RECURSION;
    if (this.#askUnasked(upstream, this.#groups.probeNames[group]!, TYPE.NS, flags))
      this.#states.noteProbeSent(upstream);
  }

  /** Ask a question that no client asked. @returns false if there is no slot for it */
  #askUnasked(upstream: number, name: Uint8Array, qtype: number, flags: number): boolean {
    const table = this.#table;
    const waiter = table.takeWaiter();
    const slot = waiter === 0 ? 0 : table.take();
    if (slot === 0) {
      if (waiter !== 0) table.releaseWaiter(waiter);
      return false;
    }
    this.waiters.keepQuestion(waiter, name, name.length);
    table.group[slot] = this.#states.groupOf[upstream]!;
    table.qtype[slot] = qtype;
    table.qclass[slot] = CLASS.IN;
    table.nameSize[slot] = name.length;
    table.flags[slot] = flags;
    table.cacheProfile[slot] = 0;
    table.startMs[slot] = this.nowMs;
    this.#closed[slot] = 0;
    table.addWaiter(slot, waiter);
    if (!this.#ask(slot, upstream)) {
      this.#releaseUnasked(slot);
      return false;
    }
    this.#setDeadline(slot, this.nowMs + PROBE_TIMEOUT_MS);
    return true;
  }

  #releaseUnasked(slot: number): void {
    this.#table.releaseWaiter(this.#table.firstWaiter[slot]!);
    this.#wheel.clear(slot);
    this.#release(slot);
  }
}
