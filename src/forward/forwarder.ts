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
import { EDE, RCODE } from '../dns/iana.ts';
import { CD, FLAGS_LOW_AT, HEADER_SIZE } from '../dns/wire-header.ts';
import { QUERY_ERROR } from '../observability/queries/query-error.ts';
import type { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import type { ShardCounters } from '../observability/counters/shard-counters.ts';
import type { CacheAccess } from '../cache/cache-access.ts';
import { Admission, ADMITTED_ALL } from './admission.ts';
import { Attempts, type FlightParts } from './attempts.ts';
import { CLIENT_SHARE_MAX, ClientShares } from './client-shares.ts';
import { CACHED_MESSAGE_SIZE, FlightCache } from './flight-cache.ts';
import { FlightEnds } from './flight-ends.ts';
import { groupIndexOf } from './forward-buffer.ts';
import { FORWARD_CELLS, ForwardCounters, UPSTREAM_CELLS } from './counts/forward-counters.ts';
import { ATTEMPTS_MAX } from './forward-group.ts';
import { ForwardReports } from './counts/forward-reports.ts';
import type { ForwardTransport, UpstreamRegistrar } from './forward-transport.ts';
import { KnownGroups } from './known-groups.ts';
import { HINFO, LoopSearch } from './loop-search.ts';
import { QuestionMatch } from './question-match.ts';
import { RandomPool } from './random-pool.ts';
import { Reply } from './reply.ts';
import { ReplyAcceptance } from './reply-acceptance.ts';
import { INNER_RESPONSE_SIZE, ResponseDelivery } from './response-delivery.ts';
import { Resumptions } from './resumptions.ts';
import { ASKED, TransactionTable, TRANSACTIONS_MAX } from './transaction-table.ts';
import { TRUNCATED_SIZE, TruncatedReplies } from './truncated-replies.ts';
import { UnaskedQuestions } from './unasked-questions.ts';
import { UpstreamStates } from './upstream-states.ts';
import { Waiters, WAITERS_SIZE } from './waiters.ts';

/** Less time than this is not worth another attempt. */
const ATTEMPT_MIN_MS = 20;
/** One group leaves this part of the table to the others. */
const GROUP_SHARE_MAX = (TRANSACTIONS_MAX * 3) / 4;
/** What `errors` tells too, for the client (RFC 8914). */
const CONCURRENT_TEXT = new TextEncoder().encode('max_concurrent');
const CLIENT_SHARE_TEXT = new TextEncoder().encode('too many queries of this client wait');

export interface ForwarderOptions {
  /** of createForwardBuffer */
  readonly buffer: SharedArrayBuffer;
  readonly shard: number;
  readonly counters: ShardCounters;
  /** takes what `log` and `errors` are to print */
  readonly events?: QueryEventWriter | undefined;
  /** where answers are kept; without it they are not */
  readonly cache?: CacheAccess | undefined;
  /** octets at the start of the arena that are the transport's */
  readonly ioSize: number;
  /** clients ask over streams, and so are upstreams that can be asked either way, but for groups with `prefer_udp` */
  readonly prefersStreams?: boolean;
  /** other threads hand over what goes over streams, by the upstream's number */
  readonly asksForOthers?: boolean;
}

export class Forwarder implements QueryForwarder {
  /** the transport's part, then the waiters */
  readonly arena: ArrayBuffer;
  readonly waiters: Waiters;
  readonly random: RandomPool = new RandomPool();
  readonly counters: ForwardCounters;
  /** what part of the questions is taken up */
  readonly admission: Admission = new Admission();

  readonly #options: ForwarderOptions;
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #table: TransactionTable;
  readonly #states: UpstreamStates;
  readonly #groups: KnownGroups;
  readonly #loops: LoopSearch;
  readonly #questions: QuestionMatch;
  readonly #reply: Reply;
  readonly #truncated: TruncatedReplies;
  readonly #delivery: ResponseDelivery;
  readonly #resumptions: Resumptions;
  readonly #reports: ForwardReports;
  readonly #shares: ClientShares;
  readonly #attempts: Attempts;
  readonly #ends: FlightEnds;
  readonly #unasked: UnaskedQuestions;
  readonly #acceptance: ReplyAcceptance;
  #transport: ForwardTransport | undefined;

  constructor(options: ForwarderOptions) {
    assert(options.ioSize % 64 === 0, 'the part of the transport ends on a cache line');
    this.#options = options;
    const cachedAt = options.ioSize + WAITERS_SIZE + TRUNCATED_SIZE;
    const innerAt = cachedAt + (options.cache === undefined ? 0 : CACHED_MESSAGE_SIZE);
    this.arena = new ArrayBuffer(innerAt + INNER_RESPONSE_SIZE);
    this.#octets = new Uint8Array(this.arena);
    this.#view = new DataView(this.arena);
    this.waiters = new Waiters(this.arena, options.ioSize);
    this.#truncated = new TruncatedReplies(this.arena, options.ioSize + WAITERS_SIZE);
    this.#table = new TransactionTable(this.random);
    this.#states = new UpstreamStates(this.random, options.buffer);
    this.#loops = new LoopSearch(options.buffer, options.shard === 0);
    this.counters = new ForwardCounters(options.buffer, options.shard);
    const asksForOthers = options.asksForOthers ?? false;
    this.#groups = new KnownGroups(options.buffer, this.counters, this.#states, this.#loops, asksForOthers);
    this.#reply = new Reply(this.arena);
    this.#reports = new ForwardReports(options.events);
    this.#shares = new ClientShares(this.random);
    const delivering = [this.arena, this.#table, this.waiters, options.counters, this.#reports] as const;
    this.#resumptions = new Resumptions(...delivering);
    this.#delivery = new ResponseDelivery(...delivering, this.#resumptions, innerAt);
    this.#questions = new QuestionMatch(this.#table, this.waiters, this.arena, this.random);
    const parts = this.#flightParts(cachedAt);
    const { waiters } = this;
    const reply = this.#reply;
    const truncated = this.#truncated;
    this.#attempts = new Attempts(parts, options.prefersStreams ?? false);
    const ending = {
      waiters,
      reply,
      truncated,
      delivery: this.#delivery,
      reports: this.#reports,
      shares: this.#shares,
    };
    this.#ends = new FlightEnds(parts, ending, this.#attempts);
    this.#groups.flights = this.#ends;
    this.#groups.clock = this.#attempts;
    this.#unasked = new UnaskedQuestions(parts, this.#attempts, waiters, this.#loops, this.random);
    const ways = { attempts: this.#attempts, ends: this.#ends, unasked: this.#unasked };
    this.#acceptance = new ReplyAcceptance(parts, ways, reply, truncated);
  }

  #flightParts(cachedAt: number): FlightParts {
    const { cache } = this.#options;
    return {
      arena: this.arena,
      table: this.#table,
      states: this.#states,
      groups: this.#groups,
      questions: this.#questions,
      counters: this.counters,
      cache: cache && new FlightCache(cache, this.#table, this.#questions, this.arena, cachedAt),
    };
  }

  /** the time of this turn, ms (performance.now) */
  get nowMs(): number {
    return this.#attempts.nowMs;
  }

  set nowMs(nowMs: number) {
    this.#attempts.nowMs = nowMs;
  }

  /** queries that went over streams, and have neither a reply nor failed nor become useless */
  get openStreams(): number {
    return this.#attempts.openStreams;
  }

  /** Before the first query. The groups there are become known, so that their sockets are open when they are needed. */
  start(transport: ForwardTransport & UpstreamRegistrar): void {
    this.#transport = transport;
    this.#groups.transport = transport;
    this.#attempts.transport = transport;
    this.#acceptance.transport = transport;
    this.#delivery.transport = transport;
    this.#resumptions.transport = transport;
    this.nowMs = performance.now();
    this.#groups.follow();
  }

  /** whether groups that were closed are still needed: `tick` has something to do soon */
  get isLeavingGroups(): boolean {
    return this.#groups.isLeaving;
  }

  /** Index of the upstream that another thread names by a number, -1: it is gone. */
  upstreamOfNumber(number: number): number {
    return this.#groups.upstreamOf(number);
  }

  /** questions in flight, probes among them */
  get inFlight(): number {
    return this.#table.inFlight;
  }

  /** whether clients wait */
  get hasClients(): boolean {
    return this.#ends.isWaitedFor || this.canResume;
  }

  /** whether `resume` has something to do */
  get canResume(): boolean {
    return this.#resumptions.count > 0;
  }

  /** Go on with answers that waited for what came meanwhile. Not while a query or a reply is in hand. */
  resume(): void {
    if (this.canResume) this.#resumptions.run(this.nowMs);
  }

  /** whether `tick` has something to do even with nothing in flight */
  get isProbing(): boolean {
    return this.#states.probedCount > 0;
  }

  /** How long nothing has to be done, unless something comes. */
  waitMs(nowMs: number, maxMs: number): number {
    return this.#attempts.waitMs(nowMs, maxMs);
  }

  forward(number: number, query: Query, response: Response, client: QueryClient): boolean {
    if (!this.#groups.isKnown(number)) return false;
    const group = groupIndexOf(number);
    if (this.#isShed()) return true;
    this.#attempts.isHandoffFull = false;
    if (query.qtype === HINFO && this.#loops.isOwn(query)) return false;
    const count = this.#ends.waiting(group);
    const concurrentMax = this.#groups.of(group).concurrentMax;
    if (concurrentMax > 0 && this.counters.waitingEverywhere(group) >= concurrentMax) {
      this.counters.count(FORWARD_CELLS.at.concurrentRejects);
      client.error = QUERY_ERROR.MAX_CONCURRENT;
      client.errorDetail = concurrentMax;
      response.rcode = RCODE.REFUSED;
      response.extendedError = EDE.OTHER;
      response.extendedErrorText = CONCURRENT_TEXT;
      return false;
    }
    if (!this.#shares.hasRoom(response.bytes, client)) {
      this.counters.count(FORWARD_CELLS.at.clientFull);
      client.error = QUERY_ERROR.CLIENT_SHARE;
      client.errorDetail = CLIENT_SHARE_MAX;
      response.rcode = RCODE.REFUSED;
      response.extendedError = EDE.OTHER;
      response.extendedErrorText = CLIENT_SHARE_TEXT;
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
    const resumed = this.#resumptions.current;
    this.waiters.startMs[waiter] = resumed === 0 ? this.nowMs : this.waiters.startMs[resumed]!;
    if (!isKept || !this.#enter(group, query, waiter, client.cacheProfile + 1, client.hasStale)) {
      if (isKept && table.inFlight < TRANSACTIONS_MAX && !this.#attempts.isHandoffFull) {
        client.error = QUERY_ERROR.NO_HEALTHY_UPSTREAM;
      }
      this.waiters.release(waiter);
      table.releaseWaiter(waiter);
      response.extendedError = EDE.NO_REACHABLE_AUTHORITY;
      return false;
    }
    this.#shares.take(waiter);
    this.#reports.keep(waiter, query, client, response);
    if (resumed === 0) this.#transport!.saveReturnPath(waiter);
    else this.#transport!.copyReturnPath(resumed, waiter);
    this.#ends.setWaiting(group, count + 1);
    return true;
  }

  /** Whether there is too much to do for one more question: nobody answers it, as if the kernel had dropped it. */
  #isShed(): boolean {
    const admission = this.admission;
    admission.asked++;
    if (admission.admitted === ADMITTED_ALL || this.random.below(ADMITTED_ALL) < admission.admitted) return false;
    this.counters.count(FORWARD_CELLS.at.shed);
    return true;
  }

  refresh(
    number: number,
    query: Query,
    cacheProfile: number,
    isCheckingDisabled: boolean,
    options?: Uint8Array | undefined,
  ): void {
    if (!this.#groups.isKnown(number)) return;
    const table = this.#table;
    const group = groupIndexOf(number);
    const waiter = this.#ends.waiting(group) < GROUP_SHARE_MAX ? table.takeWaiter() : 0;
    if (waiter === 0) return;
    this.waiters.keepQuestion(waiter, query.nameBytes, query.nameSize);
    if (options !== undefined) this.waiters.keepOptions(waiter, options);
    if (isCheckingDisabled) this.#octets[this.waiters.dataAt[waiter]! + FLAGS_LOW_AT] = CD;
    this.waiters.startMs[waiter] = this.nowMs;
    if (this.#enter(group, query, waiter, cacheProfile + 1, false))
      this.#ends.setWaiting(group, this.#ends.waiting(group) + 1);
    else {
      this.waiters.release(waiter);
      table.releaseWaiter(waiter);
    }
  }

  /** Whether what kept a group's upstreams from answering at a tick may be over: one of them came back since. */
  isFailureOver(number: number, tick: number): boolean {
    return this.#states.hasRecoveredSince(groupIndexOf(number), tick);
  }

  /** A datagram came from upstream; the transport knows where from. It lies in the arena. */
  receive(at: number, size: number): void {
    this.#acceptance.receive(at, size);
  }

  /**
   * The reply to a query that went over a stream. It lies in the arena; its id need not match.
   *
   * @param attempt     as given to `queueStream`, and so is generation
   */
  receiveStream(attempt: number, generation: number, at: number, size: number): void {
    this.#acceptance.receiveStream(attempt, generation, at, size);
  }

  /** There will be no reply from that stream. @param isRefused  nobody listens there */
  failStream(attempt: number, generation: number, isRefused: boolean): void {
    if (this.#attempts.isOpenStream(attempt, generation)) this.failAttempt(attempt, isRefused);
  }

  /** What is due: attempts that got no reply, probes. */
  tick(nowMs: number): void {
    const attempts = this.#attempts;
    attempts.nowMs = nowMs;
    // First: what is queued for a slot in this turn may fail until its end.
    this.#groups.follow();
    for (let slot = attempts.takeDue(); slot !== 0; slot = attempts.takeDue()) this.#timeOut(slot);
    this.#unasked.tick();
  }

  /**
   * A query could not be sent, or the network said that it did not arrive.
   *
   * @param attempt    as given to `queueQuery`
   * @param isRefused  the host is there, and nobody listens on that port
   */
  failAttempt(attempt: number, isRefused = false): void {
    if (!this.#attempts.isOpen(attempt)) return;
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    this.#attempts.close(slot, attempt);
    const upstream = this.#table.attemptUpstream[attempt]!;
    this.counters.countUpstream(upstream, UPSTREAM_CELLS.at.unreachable);
    this.#table.flags[slot]! |= isRefused ? ASKED.UNREACHABLE | ASKED.REFUSED : ASKED.UNREACHABLE;
    if (attempt === this.#table.lastAttempt(slot)) this.#attempts.endWait(slot);
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

  /** Let `waiter` wait for an equal question in flight, or ask. @returns false if that can't be */
  #enter(group: number, query: Query, waiter: number, cacheProfile: number, hasStale: boolean): boolean {
    // Named by host name, and no name has an address yet.
    if (this.#states.count[group] === 0) return false;
    const table = this.#table;
    const isDisabled = (this.#octets[this.waiters.dataAt[waiter]! + FLAGS_LOW_AT]! & CD) !== 0;
    const flags = (query.isDo !== 0 ? ASKED.DO : 0) | (isDisabled ? ASKED.CD : 0);
    const hash = this.#questions.hash(group, query, flags);
    for (let slot = table.findFirst(hash); slot !== 0; slot = table.findNext(slot)) {
      if (table.cacheProfile[slot] !== cacheProfile || !this.#questions.isEqual(slot, group, query, flags)) continue;
      if (!isSame(this.#questions.optionsOf(slot), this.waiters.optionsOf(waiter))) continue;
      table.addWaiter(slot, waiter);
      if (hasStale) {
        table.flags[slot]! |= ASKED.HAS_STALE;
        this.#attempts.shorten(slot);
      }
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
    this.#attempts.start(slot);
    table.addWaiter(slot, waiter);
    if (!this.#attempts.ask(slot, -1)) {
      this.#attempts.release(slot);
      return false;
    }
    table.publish(slot, hash);
    return true;
  }

  #timeOut(slot: number): void {
    const table = this.#table;
    const last = table.lastAttempt(slot);
    const upstream = table.attemptUpstream[last]!;
    if ((table.flags[slot]! & ASKED.UNASKED) !== 0) {
      this.#unasked.timeOut(slot, upstream);
      return;
    }
    if ((table.flags[slot]! & ASKED.LATE) !== 0) {
      this.#ends.releaseLate(slot);
      return;
    }
    if ((table.flags[slot]! & ASKED.HEDGE) !== 0 && this.#attempts.isOpen(last)) {
      this.#attempts.hedge(slot);
      return;
    }
    if (this.#attempts.isOpen(last)) this.counters.countUpstream(upstream, UPSTREAM_CELLS.at.timeouts);
    if (this.#truncated.restore(slot, this.#reply, table.nameSize[slot]!)) {
      // It answers datagrams: it is not the one that is missing.
      this.#ends.respond(slot);
      return;
    }
    this.#attempts.noteMissing(slot);
    const endMs = table.startMs[slot]! + this.#attempts.totalMs(slot);
    if (endMs - this.nowMs > ATTEMPT_MIN_MS) {
      if (this.#attempts.askAgain(slot)) return;
      if (this.#attempts.hasOpen(slot)) {
        // An earlier attempt may still be answered.
        this.#attempts.setDeadline(slot, endMs);
        return;
      }
    }
    if ((table.flags[slot]! & ASKED.UNREACHABLE) === 0) {
      this.#ends.fail(slot, EDE.NO_REACHABLE_AUTHORITY, QUERY_ERROR.UPSTREAM_TIMEOUT);
    } else {
      const isRefused = (table.flags[slot]! & ASKED.REFUSED) !== 0;
      const error = isRefused ? QUERY_ERROR.UPSTREAM_REFUSED : QUERY_ERROR.UPSTREAM_UNREACHABLE;
      this.#ends.fail(slot, EDE.NETWORK_ERROR, error);
    }
  }
}

/** What is asked with other options is another question. */
function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}
