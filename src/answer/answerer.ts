/**
 * Octets in, octets out: the one function that both transports call for every message.
 *
 *   parse ─► protocol checks ─► route (longest zone) ─► its chain ─► OPT ─► header ─► counters
 *
 * The response is written over the query. Malformed input is an rcode or a counted drop, never an exception.
 */
import { CLASS, EDE, OPCODE, RCODE, TYPE } from '../dns/iana.ts';
import {
  AA,
  AD,
  ANCOUNT_AT,
  CD,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  OPCODE_SHIFT,
  QDCOUNT_AT,
  QR,
  RA,
  RD,
  TC,
  UDP_SIZE_PLAIN,
} from '../dns/wire-header.ts';
import { QUERY_ERROR } from '../observability/queries/query-error.ts';
import { QUERY_EVENT_FLAG } from '../observability/queries/query-event-ring.ts';
import type { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import { DROP, PLUGIN, type ShardCounters } from '../observability/counters/shard-counters.ts';
import { NOT_FOUND, SnapshotReader } from '../snapshot/reader.ts';
import { LISTENER_FLAG, ORDER, POLICY, POLICY_FLAG, ROUTE } from '../snapshot/snapshot-layout.ts';
import { AddressOrders } from './order/address-orders.ts';
import type { AnswererOptions, Composer, QueryClient } from './answerer-options.ts';
import { Chain } from './chain.ts';
import { createQueryClient, forgetPolicy } from './query-client.ts';
import { headerFlagsFor, setHeaderFlags } from './header-flags.ts';
import { isFromElsewhere } from './answering-plugin.ts';
import { rcodeOfMetaType } from './meta-type.ts';
import { OptWriter } from './opt-writer.ts';
import { PARSED, Query } from './query.ts';
import { RecordOrder } from './order/record-order.ts';
import { Response } from './response.ts';
import { ResponseRestorer } from './rewrite/response-restorer.ts';
import { CLIENT_COOKIE_SIZE } from './server-cookie.ts';
import { STEP_RESULT } from './steps/step-result.ts';

/** Metric scope of what never entered a chain (MetricScope 0). */
const SCOPE_DROPPED = 0;
const PROTO_UDP = 0;
const PROTO_TCP = 1;
const STREAM_SIZE_MAX = 65_535;
/** Names are read by whole words, which may pass their end by up to three octets. */
const ARENA_SLACK = 4;

/** What `answer` returns for a query that is answered later. */
export const ANSWER_PENDING = -1;
/** … for a query that is not answered, on purpose. */
export const ANSWER_WITHHELD = -2;

/** Whom an answerer answers. */
export const ROLE = {
  CLIENT: 0,
  /** a client whose query was counted before */
  CLIENT_AGAIN: 1,
  /** an answer in the making that needs another */
  ANSWER: 2,
} as const;

export class Answerer {
  /** metric scope of the message answered last; changed by `answer` only */
  scope = SCOPE_DROPPED;
  private readonly reader: SnapshotReader;
  readonly response: Response;
  readonly chain: Chain;
  private readonly role: number;
  private readonly composer: Composer | undefined;
  private readonly query: Query;
  private readonly order: RecordOrder;
  private readonly addressOrders: AddressOrders;
  /** its idleTimeoutUnits are the caller's to set */
  readonly opt: OptWriter;
  private readonly counters: ShardCounters;
  private readonly events: QueryEventWriter | undefined;
  private readonly bytes: Uint8Array;
  private readonly view: DataView<ArrayBuffer>;
  private readonly messageCapacity: number;
  readonly client: QueryClient = createQueryClient();
  /** made by the first response that needs it: most servers have none */
  private restorer: ResponseRestorer | undefined;
  private isPublished = false;
  /** LISTENER block whose routes are taken instead of the listener's: word index, 0: none */
  private tableAt = 0;
  /** EDNS options that the steps before those routes have added */
  private upstreamOptions: Uint8Array | undefined = undefined;
  /** whose answer it is for has signed the query right */
  private isVerified = false;
  /** flags of the query's header, known where it may be reported */
  private queryFlags = 0;

  /**
   * @param reader    another answerer's of the thread, which holds the snapshot for both
   * @param composer  whose answers it makes; one of its own if not given
   */
  constructor(options: AnswererOptions, role: number = ROLE.CLIENT, reader?: SnapshotReader, composer?: Composer) {
    this.role = role;
    this.composer = composer;
    this.bytes = new Uint8Array(options.arena);
    this.view = new DataView(options.arena);
    this.reader = reader ?? new SnapshotReader(options.buffer, options.readerSlot);
    this.query = new Query(options.arena);
    this.response = new Response(options.arena);
    this.order = new RecordOrder(options.arena, (Math.random() * 0xffff_ffff) >>> 0);
    this.addressOrders = new AddressOrders(this.reader);
    this.opt = new OptWriter(this.reader, this.query, this.response, this.client, options.cookieSecret);
    this.chain = new Chain(options, this.reader, this.query, this.response, this.client, this.opt, composer);
    // What is answered again was counted.
    if (role === ROLE.CLIENT_AGAIN) this.chain.countsAccess = false;
    this.counters = options.counters;
    this.events = options.events;
    this.messageCapacity = options.messageCapacity - ARENA_SLACK;
  }

  /** Hold the newest snapshot for the messages that follow. */
  enterBatch(): void {
    this.isPublished = this.reader.enter();
    this.chain.setTime();
  }

  /** Another answerer of the thread holds the snapshot for messages that follow. */
  joinBatch(): void {
    this.isPublished = true;
    this.chain.setTime();
  }

  /** Let go of the snapshot: before anything that blocks. */
  leaveBatch(): void {
    this.reader.leave();
  }

  /**
   * Answer one UDP message in place.
   *
   * @param listener       id of the listener the message came to
   * @param messageOffset  where the query lies in the arena; the response goes there too
   * @param peerOffset     the client's address in the arena, peerSize octets (4 or 16; a mapped IPv4 address as 4)
   * @returns size of the response in octets, 0: no response to what is no query, ANSWER_PENDING: it is sent later,
   *   ANSWER_WITHHELD: no response
   */
  answer(
    listener: number,
    messageOffset: number,
    messageSize: number,
    peerOffset: number,
    peerSize: number,
    peerPort: number,
  ): number {
    this.client.isStream = false;
    this.client.isStreamClient = false;
    return this.answerFrom(listener, messageOffset, messageSize, peerOffset, peerSize, peerPort);
  }

  /** The same for a message of a stream: the response may have 65,535 octets, as far as messageCapacity reaches. */
  answerStream(
    listener: number,
    messageOffset: number,
    messageSize: number,
    peerOffset: number,
    peerSize: number,
    peerPort: number,
  ): number {
    this.client.isStream = true;
    this.client.isStreamClient = true;
    return this.answerFrom(listener, messageOffset, messageSize, peerOffset, peerSize, peerPort);
  }

  /**
   * Answer a question of an answer in the making: all that there is, and not counted as a query.
   *
   * @param tableAt  LISTENER block whose routes answer it: word index, 0: the listener's
   * @param whose    the client of that answer; its address lies at the start of this one's arena
   */
  answerInner(tableAt: number, messageOffset: number, messageSize: number, whose: QueryClient): number {
    this.tableAt = tableAt;
    this.upstreamOptions = tableAt === 0 ? undefined : whose.upstreamOptions;
    this.isVerified = whose.isVerified || whose.tsig !== undefined;
    this.client.isStream = true;
    this.client.isStreamClient = whose.isStreamClient;
    this.client.scope = whose.scope;
    this.client.proxyVector = whose.proxyVector;
    const { listener, peerSize, peerPort } = whose;
    return this.answerFrom(listener, messageOffset, messageSize, 0, peerSize, peerPort);
  }

  private answerFrom(
    listener: number,
    messageOffset: number,
    messageSize: number,
    peerOffset: number,
    peerSize: number,
    peerPort: number,
  ): number {
    const query = this.query;
    const client = this.client;
    const response = this.response;
    let parsed = query.parse(messageOffset, messageSize);
    if (parsed === PARSED.SHORT || parsed === PARSED.RESPONSE) {
      this.counters.countDrop(parsed === PARSED.SHORT ? DROP.SHORT : DROP.RESPONSE);
      return 0;
    }
    if (query.opcode === OPCODE.NOTIFY && !this.hearsNotifications(listener)) {
      query.forgetBody(messageOffset);
      parsed = PARSED.NOTIMP;
    }
    client.listener = listener;
    client.peerOffset = peerOffset;
    client.peerSize = peerSize;
    client.peerPort = peerPort;
    client.messageSize = messageSize;
    forgetPolicy(client);
    if (this.role === ROLE.ANSWER) {
      client.composing = this.composer;
      client.upstreamOptions = this.upstreamOptions;
      client.isVerified = this.isVerified;
    }
    this.scope = SCOPE_DROPPED;
    this.chain.plugin = PLUGIN.SERVER;
    this.opt.policyAt = 0;
    const { qtype } = query;
    const limit = messageOffset + this.sizeMax() - this.opt.sizeMax();
    response.begin(messageOffset, query.questionEnd, limit, query.nameAt - messageOffset);
    if (parsed !== PARSED.QUERY && parsed !== PARSED.NOTIFY) {
      this.refuse(parsed);
    } else {
      const result = parsed === PARSED.QUERY ? this.answerQuestion() : this.answerNotify();
      if (result === STEP_RESULT.PENDING || result === STEP_RESULT.WITHHELD) {
        this.countRequest(qtype);
        if (result === STEP_RESULT.PENDING) return ANSWER_PENDING;
        this.reportWithheld();
        return ANSWER_WITHHELD;
      }
    }
    if ((client.policyFlags & POLICY_FLAG.MINIMAL) !== 0) this.minimize();
    let size = this.finish();
    if (client.rewriting !== undefined) size = this.restore(size);
    if (client.addressOrder !== undefined || (client.isShuffled && isFromElsewhere(this.chain.plugin))) {
      size = this.order.apply(messageOffset, size, this.sizeMax(), client.addressOrder);
    }
    if (client.tsig !== undefined) size = this.sign(size);
    this.countRequest(qtype);
    this.countResponse(size);
    const { policyFlags } = client;
    if ((policyFlags & POLICY_FLAG.LOG) !== 0 || (client.error !== 0 && (policyFlags & POLICY_FLAG.ERRORS) !== 0)) {
      this.report(size, policyFlags, response.rcode);
    }
    return size;
  }

  private countRequest(qtype: number): void {
    if (this.role !== ROLE.CLIENT) return;
    const { client, query } = this;
    const family = client.peerSize === 4 ? 0 : 1;
    this.counters.countRequest(this.scope, this.proto(), family, qtype, client.messageSize, query.isDo);
  }

  private countResponse(size: number): void {
    if (this.role === ROLE.ANSWER) return;
    const { rcode, isTruncated } = this.response;
    this.counters.countResponse(this.scope, this.proto(), rcode, this.chain.plugin, size, isTruncated ? 1 : 0);
  }

  /** `log` speaks of the question as it was asked. */
  private reportWithheld(): void {
    const { client } = this;
    const log = client.policyFlags & POLICY_FLAG.LOG;
    if (log === 0) return;
    const size = this.finish();
    if (client.rewriting !== undefined) this.restore(size);
    this.report(0, log, RCODE.NOERROR);
  }

  /** Change a response back to what was asked. `errors` speaks of the other question, as CoreDNS does. @returns its size */
  private restore(size: number): number {
    const { client, response } = this;
    const errors = client.policyFlags & POLICY_FLAG.ERRORS;
    if (client.error !== 0 && errors !== 0) {
      this.report(size, errors, RCODE.NOERROR);
      client.error = QUERY_ERROR.NONE;
    }
    const restorer = (this.restorer ??= new ResponseRestorer(this.view.buffer));
    const restored = restorer.restore(response.messageAt, size, response.rcode, this.sizeMax(), client.rewriting!);
    response.rcode = restorer.rcode;
    response.isTruncated = restorer.isTruncated;
    return restored;
  }

  private sign(size: number): number {
    const { response, client } = this;
    const signed = client.tsig!.sign(this.bytes, response.messageAt, size);
    // What is truncated is a question, and none of its answers, with the signature (RFC 8945 §5.3).
    if (response.isTruncated) response.rcode = RCODE.NOERROR;
    return signed;
  }

  /**
   * Tell main of the message answered last.
   *
   * @param policyFlags  POLICY_FLAG bits: to whom
   * @param eventFlags   QUERY_EVENT_FLAG bits beside these
   */
  private report(size: number, policyFlags: number, rcode: number, eventFlags = 0): void {
    const { events, client, query, response } = this;
    if (events === undefined) return;
    const { facts } = events;
    let flags = eventFlags;
    if ((policyFlags & POLICY_FLAG.LOG) !== 0) flags |= QUERY_EVENT_FLAG.LOG;
    if ((policyFlags & POLICY_FLAG.ERRORS) !== 0) flags |= QUERY_EVENT_FLAG.ERRORS;
    if (client.isStream) flags |= QUERY_EVENT_FLAG.STREAM;
    if (query.isDo !== 0) flags |= QUERY_EVENT_FLAG.DNSSEC_OK;
    facts.flags = flags;
    facts.scope = client.scope;
    facts.listener = client.listener;
    facts.clientPort = client.peerPort;
    facts.queryFlags = this.queryFlags;
    facts.udpSize = query.udpSize;
    facts.querySize = client.messageSize;
    facts.rcode = rcode;
    facts.error = client.error;
    facts.errorDetail = client.errorDetail;
    facts.upstreamSize = 0;
    facts.metadata = client.loggedMetadata;
    events.add(this.bytes, response.messageAt, size, this.bytes, client.peerOffset, client.peerSize);
  }

  /** `minimal`: a positive answer is its answer section. A denial and a delegation are what the others say. */
  private minimize(): void {
    const response = this.response;
    if (response.rcode !== RCODE.NOERROR || response.authorityCount + response.additionalCount === 0) return;
    if (response.answerCount === 0 && response.authorityCount > 0) return;
    if (this.chain.hasProofs) return;
    response.keepAnswersOnly(this.query.questionEnd);
  }

  private proto(): number {
    return this.client.isStream ? PROTO_TCP : PROTO_UDP;
  }

  /** Size limit of the response, without what signs it: RFC 1035 without EDNS, else the smaller of the client's and our own (RFC 6891, 9715). */
  private sizeMax(): number {
    const query = this.query;
    let size = UDP_SIZE_PLAIN;
    if (this.client.isStream) {
      size = STREAM_SIZE_MAX;
    } else if (query.hasEdns && query.udpSize > UDP_SIZE_PLAIN) {
      const own = this.client.udpSizeMax;
      size = query.udpSize < own ? query.udpSize : own;
    }
    return (size < this.messageCapacity ? size : this.messageCapacity) - this.client.tsigSize;
  }

  /** What is no question. */
  private refuse(parsed: number): void {
    const response = this.response;
    if (parsed === PARSED.NOTIMP) {
      response.rcode = RCODE.NOTIMP;
    } else if (parsed === PARSED.FORMERR) {
      response.rcode = RCODE.FORMERR;
    } else if (this.query.ednsVersion > 0) {
      response.rcode = RCODE.BADVERS;
    } else if (this.query.cookieSize > CLIENT_COOKIE_SIZE && !this.opt.isCookieValid()) {
      response.rcode = RCODE.BADCOOKIE;
    }
  }

  /** @returns STEP_RESULT.DONE or PENDING */
  private answerQuestion(): number {
    const query = this.query;
    const response = this.response;
    if (query.ednsVersion > 0) {
      response.rcode = RCODE.BADVERS;
      return STEP_RESULT.DONE;
    }
    const qtype = query.qtype;
    if (query.qclass !== CLASS.IN && !this.isClassServed()) {
      response.rcode = RCODE.REFUSED;
      return STEP_RESULT.DONE;
    }
    if (qtype >= TYPE.TKEY || qtype === TYPE.OPT) {
      const rcode = rcodeOfMetaType(qtype);
      if (rcode !== RCODE.NOERROR) {
        response.rcode = rcode;
        return STEP_RESULT.DONE;
      }
    }
    if (!this.isPublished) {
      response.rcode = RCODE.SERVFAIL;
      response.extendedError = EDE.NOT_READY;
      return STEP_RESULT.DONE;
    }
    const routeAt = this.tableAt === 0 ? this.chain.findRoute() : this.chain.findRouteIn(this.tableAt);
    if (routeAt === NOT_FOUND || !this.chain.hasHandlers(routeAt)) {
      response.rcode = RCODE.REFUSED;
      response.extendedError = EDE.NOT_AUTHORITATIVE;
      return STEP_RESULT.DONE;
    }
    this.adoptRoute(routeAt);
    return this.chain.answer(routeAt);
  }

  /** Whether a block of the listener has zones that are transferred in. */
  private hearsNotifications(listener: number): boolean {
    return this.isPublished && (this.reader.listenerFlags(listener) & LISTENER_FLAG.NOTIFY) !== 0;
  }

  /** @returns STEP_RESULT.DONE or WITHHELD */
  private answerNotify(): number {
    const { query, response } = this;
    const routeAt = query.ednsVersion === 0 && query.qclass === CLASS.IN ? this.chain.findRoute() : NOT_FOUND;
    if (routeAt === NOT_FOUND) {
      response.rcode = query.ednsVersion === 0 ? RCODE.NOTAUTH : RCODE.BADVERS;
      return STEP_RESULT.DONE;
    }
    this.adoptRoute(routeAt);
    const result = this.chain.answerNotify(routeAt);
    if (response.isAuthoritative) this.report(0, 0, RCODE.NOERROR, QUERY_EVENT_FLAG.NOTIFIED);
    return result;
  }

  private adoptRoute(routeAt: number): void {
    if (this.tableAt === 0) {
      this.scope = this.reader.words[routeAt + ROUTE.at.scope]!;
      this.client.scope = this.scope;
    }
    this.adoptPolicy(this.reader.words[routeAt + ROUTE.at.policy]! * 2);
  }

  /** Class CH is for `chaos` alone, and others for a `rewrite` that changes them: no other step knows classes. */
  private isClassServed(): boolean {
    if (!this.isPublished) return false;
    const flags = this.reader.listenerFlags(this.client.listener);
    if ((flags & LISTENER_FLAG.CLASSES) !== 0) return true;
    return this.query.qclass === CLASS.CH && (flags & LISTENER_FLAG.CHAOS) !== 0;
  }

  private adoptPolicy(policyAt: number): void {
    const words = this.reader.words;
    const flags = words[policyAt + POLICY.at.flags]!;
    const udpSizeMax = words[policyAt + POLICY.at.udpSizeMax]!;
    this.opt.policyAt = policyAt;
    this.queryFlags = this.view.getUint16(this.response.messageAt + FLAGS_HIGH_AT);
    this.chain.setPolicy(flags, words[policyAt + POLICY.at.metadata]! * 2);
    this.client.policyFlags = flags;
    this.client.udpSizeMax = udpSizeMax;
    this.client.isShuffled = words[policyAt + POLICY.at.order] === ORDER.BY_CHANCE;
    this.client.addressOrder = this.addressOrders.at(policyAt);
    this.client.headerFlags = words[policyAt + POLICY.at.headerFlags]!;
    if (this.query.hasEdns) this.response.limit = this.response.messageAt + this.sizeMax() - this.opt.sizeMax();
    if (this.role === ROLE.ANSWER) this.forgetOrder();
    else if ((flags & POLICY_FLAG.COMPOSED) !== 0) this.chain.keepQuery();
  }

  /** What is only done to what clients get. */
  private forgetOrder(): void {
    const { client } = this;
    client.policyFlags &= ~POLICY_FLAG.LOG;
    client.isShuffled = false;
    client.addressOrder = undefined;
    client.headerFlags = 0;
  }

  /** OPT and header. @returns size of the message */
  private finish(): number {
    const response = this.response;
    const query = this.query;
    if (query.hasEdns) this.opt.write(response.messageAt + this.sizeMax());
    else if (response.rcode > 15) response.rcode = RCODE.FORMERR;
    const at = response.messageAt;
    const bytes = this.bytes;
    const view = this.view;
    let high = QR | (query.opcode << OPCODE_SHIFT) | (bytes[at + FLAGS_HIGH_AT]! & RD);
    if (response.isAuthoritative) high |= AA;
    if (response.isTruncated) high |= TC;
    bytes[at + FLAGS_HIGH_AT] = high;
    let low = (this.client.policyFlags & POLICY_FLAG.RECURSION) === 0 ? 0 : RA;
    if (response.upstreamFlags !== 0) low |= this.upstreamFlags();
    bytes[at + FLAGS_LOW_AT] = low | (bytes[at + FLAGS_LOW_AT]! & CD) | (response.rcode & 0x0f);
    const { headerFlags } = this.client;
    if (headerFlags !== 0) setHeaderFlags(view, at, headerFlagsFor(this.chain.plugin, headerFlags));
    view.setUint16(at + QDCOUNT_AT, query.questionEnd > at + HEADER_SIZE ? 1 : 0);
    view.setUint16(at + ANCOUNT_AT, response.answerCount);
    view.setUint32(
      at + ANCOUNT_AT + 2,
      (response.authorityCount << 16) | (response.additionalCount + (query.hasEdns ? 1 : 0)),
    );
    return response.position - at;
  }

  /** What of an upstream's flags is for this client: AD only if it asked for it (RFC 6840 §5.8). */
  private upstreamFlags(): number {
    const { response, query } = this;
    // Nobody has signed it for us: RFC 8945 §5.5.
    if (this.client.tsig !== undefined) return response.upstreamFlags & RA;
    const wantsAd = query.isDo !== 0 || (this.bytes[response.messageAt + FLAGS_LOW_AT]! & AD) !== 0;
    return response.upstreamFlags & (wantsAd ? RA | AD : RA);
  }
}
