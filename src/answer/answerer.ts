/**
 * Octets in, octets out: the one function that both transports call for every message.
 *
 *   parse ─► protocol checks ─► route (longest zone) ─► step of the chain ─► follow CNAME ─► OPT ─► header ─► counters
 *
 * The response is written over the query. Malformed input is an rcode or a counted drop, never an exception.
 */
import { CLASS, EDE, RCODE, TYPE } from '../dns/iana.ts';
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
import { QUERY_ERROR } from '../observability/query-error.ts';
import { QUERY_EVENT_FLAG } from '../observability/query-event-ring.ts';
import type { QueryEventWriter } from '../observability/query-event-writer.ts';
import { DROP, PLUGIN, type ShardCounters } from '../observability/shard-counters.ts';
import { NOT_FOUND, SnapshotReader } from '../snapshot/reader.ts';
import {
  LISTENER_FLAG,
  ORDER,
  POLICY,
  POLICY_FLAG,
  PROGRAM,
  ROUTE,
  STEP,
  STEP_CACHE_SHIFT,
  STEP_WORDS,
} from '../snapshot/snapshot-layout.ts';
import { AclStep } from './acl-step.ts';
import { AddressOrders } from './address-orders.ts';
import type { AnswererOptions, QueryClient, QueryForwarder, ZoneSender } from './answerer-options.ts';
import { CACHE_RESULT, CacheStep } from './cache-step.ts';
import { createQueryClient, forgetPolicy } from './query-client.ts';
import { setHeaderFlags } from './header-flags.ts';
import { isBehindHeader, isFromElsewhere } from './answering-plugin.ts';
import { FixedSteps } from './fixed-steps.ts';
import { ALIASES_MAX, KubernetesStep } from './kubernetes-step.ts';
import { LocalStep } from './local-step.ts';
import { rcodeOfMetaType } from './meta-type.ts';
import { OptWriter } from './opt-writer.ts';
import { PARSED, Query } from './query.ts';
import { RecordOrder } from './record-order.ts';
import { RecordsStep } from './records-step.ts';
import { Response, SECTION } from './response.ts';
import { ResponseRestorer } from './response-restorer.ts';
import { RewriteStep, REWRITTEN } from './rewrite-step.ts';
import { Rotation } from './rotation.ts';
import { isSameName } from './same-name.ts';
import { CLIENT_COOKIE_SIZE } from './server-cookie.ts';
import { STEP_RESULT } from './step-result.ts';
import { TemplateStep } from './template-step.ts';
import { TransferStep, TRANSFER_RESULT } from './transfer-step.ts';

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

export class Answerer {
  /** metric scope of the message answered last; changed by `answer` only */
  scope = SCOPE_DROPPED;
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly rotation: Rotation;
  private readonly kubernetes: KubernetesStep;
  private readonly records: RecordsStep;
  private readonly fixed: FixedSteps;
  private readonly local: LocalStep;
  private readonly template: TemplateStep;
  private readonly transfer: TransferStep;
  private readonly rewrite: RewriteStep;
  private readonly acl: AclStep;
  private readonly forwarder: QueryForwarder | undefined;
  private readonly cache: CacheStep | undefined;
  private readonly transfers: ZoneSender | undefined;
  private readonly order: RecordOrder;
  private readonly addressOrders: AddressOrders;
  /** its idleTimeoutUnits are the caller's to set */
  readonly opt: OptWriter;
  private readonly counters: ShardCounters;
  private readonly events: QueryEventWriter | undefined;
  private readonly bytes: Uint8Array;
  private readonly view: DataView<ArrayBuffer>;
  private readonly messageCapacity: number;
  private readonly client: QueryClient = createQueryClient();
  /** offsets in the message of the names a chain of CNAME records has led through */
  private readonly aliasTargets = new Uint16Array(ALIASES_MAX + 1);
  /** made by the first response that needs it: most servers have none */
  private restorer: ResponseRestorer | undefined;
  private isPublished = false;
  private plugin: number = PLUGIN.SERVER;
  /** flags of the query's header, known where it may be reported */
  private queryFlags = 0;

  constructor(options: AnswererOptions) {
    this.bytes = new Uint8Array(options.arena);
    this.view = new DataView(options.arena);
    this.reader = new SnapshotReader(options.buffer, options.readerSlot);
    this.query = new Query(options.arena);
    this.response = new Response(options.arena);
    this.rotation = new Rotation((Math.random() * 0xffff_ffff) >>> 0);
    this.kubernetes = new KubernetesStep(this.reader, this.query, this.response, this.rotation);
    this.records = new RecordsStep(this.reader, this.query, this.response, this.rotation);
    this.fixed = new FixedSteps(this.reader, this.query, this.response);
    this.local = new LocalStep(this.query, this.response, options.counters);
    this.template = new TemplateStep(this.reader, this.query, this.response);
    this.transfer = new TransferStep(this.reader, this.query, this.response);
    this.rewrite = new RewriteStep(this.reader, this.query, this.response);
    this.acl = new AclStep(this.reader, this.query, this.response, options.counters);
    this.forwarder = options.forwarder;
    const { cache } = options;
    if (cache !== undefined) this.cache = new CacheStep(cache.answers, cache.writer, this.query, this.response);
    this.transfers = options.transfers;
    this.order = new RecordOrder(options.arena, (Math.random() * 0xffff_ffff) >>> 0);
    this.addressOrders = new AddressOrders(this.reader);
    this.opt = new OptWriter(this.reader, this.query, this.response, this.client, options.cookieSecret);
    this.counters = options.counters;
    this.events = options.events;
    this.messageCapacity = options.messageCapacity - ARENA_SLACK;
  }

  /** Hold the newest snapshot for the messages that follow. */
  enterBatch(): void {
    this.isPublished = this.reader.enter();
    this.cache?.setTime();
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
    return this.answerFrom(listener, messageOffset, messageSize, peerOffset, peerSize, peerPort);
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
    const parsed = query.parse(messageOffset, messageSize);
    if (parsed === PARSED.SHORT || parsed === PARSED.RESPONSE) {
      this.counters.countDrop(parsed === PARSED.SHORT ? DROP.SHORT : DROP.RESPONSE);
      return 0;
    }
    client.listener = listener;
    client.peerOffset = peerOffset;
    client.peerSize = peerSize;
    client.peerPort = peerPort;
    client.messageSize = messageSize;
    forgetPolicy(client);
    this.scope = SCOPE_DROPPED;
    this.plugin = PLUGIN.SERVER;
    this.opt.policyAt = 0;
    const { qtype } = query;
    const limit = messageOffset + this.sizeMax() - this.opt.sizeMax();
    response.begin(messageOffset, query.questionEnd, limit, query.nameAt - messageOffset);
    if (parsed !== PARSED.QUERY) {
      this.refuse(parsed);
    } else {
      const result = this.answerQuestion();
      if (result === STEP_RESULT.PENDING || result === STEP_RESULT.WITHHELD) {
        const family = peerSize === 4 ? 0 : 1;
        this.counters.countRequest(this.scope, this.proto(), family, qtype, messageSize, query.isDo);
        if (result === STEP_RESULT.PENDING) return ANSWER_PENDING;
        this.reportWithheld();
        return ANSWER_WITHHELD;
      }
    }
    if ((client.policyFlags & POLICY_FLAG.MINIMAL) !== 0) this.minimize();
    let size = this.finish();
    if (client.rewriting !== undefined) size = this.restore(size);
    if (client.addressOrder !== undefined || (client.isShuffled && isFromElsewhere(this.plugin))) {
      size = this.order.apply(messageOffset, size, this.sizeMax(), client.addressOrder);
    }
    const family = peerSize === 4 ? 0 : 1;
    this.counters.countRequest(this.scope, this.proto(), family, qtype, messageSize, query.isDo);
    this.counters.countResponse(
      this.scope,
      this.proto(),
      response.rcode,
      this.plugin,
      size,
      response.isTruncated ? 1 : 0,
    );
    const { policyFlags } = client;
    if ((policyFlags & POLICY_FLAG.LOG) !== 0 || (client.error !== 0 && (policyFlags & POLICY_FLAG.ERRORS) !== 0)) {
      this.report(size, policyFlags, response.rcode);
    }
    return size;
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

  /** Tell main of the message answered last. @param policyFlags  POLICY_FLAG bits: to whom */
  private report(size: number, policyFlags: number, rcode: number): void {
    const { events, client, query, response } = this;
    if (events === undefined) return;
    const { facts } = events;
    let flags = 0;
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
    events.add(this.bytes, response.messageAt, size, this.bytes, client.peerOffset, client.peerSize);
  }

  /** `minimal`: a positive answer is its answer section. A denial and a delegation are what the others say. */
  private minimize(): void {
    const response = this.response;
    if (response.rcode !== RCODE.NOERROR || response.authorityCount + response.additionalCount === 0) return;
    if (response.answerCount === 0 && response.authorityCount > 0) return;
    response.keepAnswersOnly(this.query.questionEnd);
  }

  private proto(): number {
    return this.client.isStream ? PROTO_TCP : PROTO_UDP;
  }

  /** Size limit of the response: RFC 1035 without EDNS, else the smaller of the client's and our own (RFC 6891, 9715). */
  private sizeMax(): number {
    const query = this.query;
    let size = UDP_SIZE_PLAIN;
    if (this.client.isStream) {
      size = STREAM_SIZE_MAX;
    } else if (query.hasEdns && query.udpSize > UDP_SIZE_PLAIN) {
      const own = this.client.udpSizeMax;
      size = query.udpSize < own ? query.udpSize : own;
    }
    return size < this.messageCapacity ? size : this.messageCapacity;
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
    const routeAt = this.findRoute();
    if (routeAt === NOT_FOUND || !this.hasHandlers(routeAt)) {
      response.rcode = RCODE.REFUSED;
      response.extendedError = EDE.NOT_AUTHORITATIVE;
      return STEP_RESULT.DONE;
    }
    this.scope = this.reader.words[routeAt + ROUTE.at.scope]!;
    this.client.scope = this.scope;
    this.adoptPolicy(this.reader.words[routeAt + ROUTE.at.policy]! * 2);
    if (qtype === TYPE.AXFR || qtype === TYPE.IXFR) return this.answerTransfer(routeAt);
    const result = this.runSteps(routeAt);
    if (result === STEP_RESULT.GLUE) return this.addGlue();
    if (result !== STEP_RESULT.FOLLOW) return result;
    const followed = this.followAliases();
    this.template.writeRest(followed === STEP_RESULT.DONE, this.client);
    return followed;
  }

  /** A block without a plugin that answers refuses; one whose plugins all pass the name on fails. */
  private hasHandlers(routeAt: number): boolean {
    const words = this.reader.words;
    if (words[routeAt + ROUTE.at.stepCount] !== 0) return true;
    return (words[words[routeAt + ROUTE.at.policy]! * 2 + POLICY.at.flags]! & POLICY_FLAG.HANDLERS) !== 0;
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
    this.rotation.setPolicy(flags);
    this.kubernetes.setPolicy(flags);
    this.client.policyFlags = flags;
    this.client.udpSizeMax = udpSizeMax;
    this.client.isShuffled = words[policyAt + POLICY.at.order] === ORDER.BY_CHANCE;
    this.client.addressOrder = this.addressOrders.at(policyAt);
    this.client.headerFlags = words[policyAt + POLICY.at.headerFlags]!;
    if (this.query.hasEdns) this.response.limit = this.response.messageAt + this.sizeMax() - this.opt.sizeMax();
  }

  private findRoute(): number {
    const query = this.query;
    return this.reader.findRoute(
      this.client.listener,
      query.nameView,
      query.nameSize,
      query.labelStarts,
      query.labelCount,
      query.qtype === TYPE.DS,
    );
  }

  /** Run the chain of a route until a step answers. A chain that runs off its end is SERVFAIL: nobody knows. */
  private runSteps(routeAt: number): number {
    const words = this.reader.words;
    const count = words[routeAt + ROUTE.at.stepCount]!;
    let stepAt = routeAt + ROUTE.at.steps;
    for (let left = count; left > 0; left--) {
      if (words[stepAt] === STEP.REWRITE) {
        const rewriteAt = words[stepAt + 1]! * 2;
        const rewritten = this.rewrite.apply(rewriteAt, this.client);
        if (rewritten === REWRITTEN.OTHER_NAME) return this.runRest(rewriteAt);
        if (rewritten === REWRITTEN.DONE) return STEP_RESULT.DONE;
        stepAt += STEP_WORDS;
        continue;
      }
      const result = this.runStep(words[stepAt]!, words[stepAt + 1]!, words[stepAt + 2]!);
      if (result !== STEP_RESULT.NEXT) return result;
      stepAt += STEP_WORDS;
    }
    this.fail(QUERY_ERROR.NO_NEXT_PLUGIN, this.plugin);
    this.plugin = PLUGIN.SERVER;
    this.response.rcode = this.query.qclass === CLASS.IN ? RCODE.SERVFAIL : RCODE.REFUSED;
    return STEP_RESULT.DONE;
  }

  /** The rest of a chain for the name that `rewrite` gave: in the same server block, whatever others are for that name. */
  private runRest(rewriteAt: number): number {
    const { reader, query } = this;
    const { nameView, nameSize, labelStarts, labelCount, qtype } = query;
    const tableAt = reader.words[rewriteAt + PROGRAM.at.rest]! * 2;
    const routeAt = reader.findRouteIn(tableAt, nameView, nameSize, labelStarts, labelCount, qtype === TYPE.DS);
    return this.runSteps(routeAt);
  }

  private runStep(step: number, argument: number, flags: number): number {
    if (this.query.qclass !== CLASS.IN && step !== STEP.CHAOS) return STEP_RESULT.NEXT;
    switch (step) {
      case STEP.KUBERNETES:
        this.plugin = PLUGIN.KUBERNETES;
        return this.kubernetes.answer(argument * 2, flags);
      case STEP.EXTERNAL:
        this.plugin = PLUGIN.K8S_EXTERNAL;
        return this.kubernetes.answer(argument * 2, flags);
      case STEP.RECORDS:
        this.plugin = PLUGIN.HOSTS;
        return this.records.answer(argument * 2, flags);
      case STEP.FIXED_ANSWER:
        this.plugin = PLUGIN.TEMPLATE;
        return this.fixed.answerFixed(argument * 2);
      case STEP.ANY:
        this.plugin = PLUGIN.ANY;
        return this.fixed.answerAny();
      case STEP.CHAOS:
        this.plugin = PLUGIN.CHAOS;
        return this.fixed.answerChaos(argument * 2);
      case STEP.WHOAMI: {
        this.plugin = PLUGIN.WHOAMI;
        const { peerOffset, peerSize, peerPort, isStream } = this.client;
        return this.fixed.answerWhoami(peerOffset, peerSize, peerPort, isStream);
      }
      case STEP.TEMPLATE:
        this.plugin = PLUGIN.TEMPLATE;
        return this.template.answer(argument * 2, this.client);
      case STEP.LOCAL:
        this.plugin = PLUGIN.LOCAL;
        return this.local.answer(argument !== 0);
      case STEP.FORWARD:
        this.plugin = PLUGIN.FORWARD;
        return this.forward(argument, (flags >>> STEP_CACHE_SHIFT) - 1);
      case STEP.TRANSFER:
        return STEP_RESULT.NEXT;
      case STEP.ACL:
        return this.checkAccess(argument * 2);
      default:
        this.plugin = PLUGIN.SERVER;
        this.fail(QUERY_ERROR.STEP_UNSUPPORTED, 0);
    }
    this.response.rcode = RCODE.SERVFAIL;
    return STEP_RESULT.DONE;
  }

  private checkAccess(rulesAt: number): number {
    const result = this.acl.answer(rulesAt, this.client);
    if (result !== STEP_RESULT.NEXT) this.plugin = PLUGIN.ACL;
    return result;
  }

  /**
   * The chain for AXFR and IXFR, which no step that answers from records knows: those are passed over. Without a
   * `transfer` for the zone it is refused.
   */
  private answerTransfer(routeAt: number): number {
    const words = this.reader.words;
    let stepAt = routeAt + ROUTE.at.steps;
    for (let left = words[routeAt + ROUTE.at.stepCount]!; left > 0; left--, stepAt += STEP_WORDS) {
      const step = words[stepAt]!;
      if (step === STEP.TRANSFER) {
        this.plugin = PLUGIN.TRANSFER;
        const result = this.transfer.answer(words[stepAt + 1]! * 2, routeAt, this.client);
        if (result === TRANSFER_RESULT.SEND) return this.sendZone();
        if (result === TRANSFER_RESULT.DONE) return STEP_RESULT.DONE;
      } else if (step === STEP.ACL) {
        const result = this.checkAccess(words[stepAt + 1]! * 2);
        if (result !== STEP_RESULT.NEXT) return result;
      } else if (step === STEP.UNBUILT) {
        // It may be one that would have kept the zone from the client.
        return this.runStep(step, words[stepAt + 1]!, words[stepAt + 2]!);
      }
    }
    this.plugin = PLUGIN.SERVER;
    this.response.rcode = RCODE.REFUSED;
    return STEP_RESULT.DONE;
  }

  private sendZone(): number {
    this.response.rcode = RCODE.SERVFAIL;
    if (this.transfers === undefined) return STEP_RESULT.DONE;
    this.writeOptBehind();
    const isTaken = this.transfers.send(this.query, this.response, this.client);
    return isTaken ? STEP_RESULT.PENDING : STEP_RESULT.DONE;
  }

  /**
   * Answer from the cache, or hand the query over, with the OPT record of its response behind what is written so far.
   *
   * @param cacheProfile  -1: answers are not kept
   */
  private forward(group: number, cacheProfile: number): number {
    const { response, client } = this;
    client.cacheProfile = cacheProfile;
    client.hasStale = false;
    if (cacheProfile >= 0 && this.cache !== undefined) {
      const found = this.cache.answer(cacheProfile);
      if (found === CACHE_RESULT.HIT_AND_REFRESH) {
        this.forwarder?.refresh(group, this.query, cacheProfile, this.cache.isCheckingDisabled);
      }
      if (found === CACHE_RESULT.HIT || found === CACHE_RESULT.HIT_AND_REFRESH) {
        this.plugin = PLUGIN.CACHE;
        return STEP_RESULT.DONE;
      }
      client.hasStale = found === CACHE_RESULT.STALE;
    }
    response.rcode = RCODE.SERVFAIL;
    if (this.forwarder === undefined) return STEP_RESULT.DONE;
    this.writeOptBehind();
    const isTaken = this.forwarder.forward(group, this.query, response, client);
    return isTaken ? STEP_RESULT.PENDING : STEP_RESULT.DONE;
  }

  private writeOptBehind(): void {
    const { response, client } = this;
    const position = response.position;
    client.optSize = 0;
    if (!this.query.hasEdns) return;
    this.opt.write(position);
    client.optSize = response.position - position;
    response.position = position;
  }

  /**
   * Look up the target of the CNAME just written, as often as that is a CNAME again, through the whole server. The rcode
   * is that of the last name (RFC 6604). A target no zone of the server holds is the client's to resolve.
   */
  private followAliases(): number {
    const response = this.response;
    const targets = this.aliasTargets;
    targets[0] = HEADER_SIZE;
    for (let count = 1; count <= ALIASES_MAX; count++) {
      const offset = response.followOffset;
      if (this.isTargetKnown(offset, count)) break;
      targets[count] = offset;
      this.query.followName(response.messageAt + offset);
      const routeAt = this.findRoute();
      if (routeAt === NOT_FOUND || this.reader.words[routeAt + ROUTE.at.stepCount] === 0) return STEP_RESULT.DONE;
      response.ownerOffset = offset;
      const result = this.runSteps(routeAt);
      if (result === STEP_RESULT.GLUE) return STEP_RESULT.DONE;
      if (result !== STEP_RESULT.FOLLOW) return result;
    }
    // A chain without end: the operator's mistake, told as such and without the same records over and over.
    response.position = this.query.questionEnd;
    response.answerCount = 0;
    response.rcode = RCODE.SERVFAIL;
    response.extendedError = EDE.OTHER;
    this.fail(QUERY_ERROR.ALIAS_LOOP, 0);
    return STEP_RESULT.DONE;
  }

  /**
   * Look up the IPv4 addresses of the SRV target just written, through the whole server, for the additional section. They
   * are a kindness: without them the response is as good as whole.
   */
  private addGlue(): number {
    const { response, query, client, plugin } = this;
    const { position, answerCount, isAuthoritative } = response;
    const { qtype } = query;
    query.followName(response.messageAt + response.followOffset);
    query.qtype = TYPE.A;
    const routeAt = this.findRoute();
    let result: number = STEP_RESULT.DONE;
    if (routeAt !== NOT_FOUND && this.reader.words[routeAt + ROUTE.at.stepCount] !== 0) {
      response.section = SECTION.ADDITIONAL;
      response.ownerOffset = response.followOffset;
      result = this.runSteps(routeAt);
    }
    query.qtype = qtype;
    if (result === STEP_RESULT.PENDING) return result;
    const isFound =
      result === STEP_RESULT.DONE &&
      response.rcode === RCODE.NOERROR &&
      response.authorityCount === 0 &&
      response.answerCount === answerCount &&
      !response.isTruncated;
    if (!isFound) {
      response.position = position;
      response.answerCount = answerCount;
      response.authorityCount = 0;
      response.additionalCount = 0;
    }
    response.rcode = RCODE.NOERROR;
    response.isTruncated = false;
    response.isAuthoritative = isAuthoritative;
    response.extendedError = -1;
    client.error = QUERY_ERROR.NONE;
    this.plugin = plugin;
    return STEP_RESULT.DONE;
  }

  private fail(error: number, detail: number): void {
    this.client.error = error;
    this.client.errorDetail = detail;
  }

  /** Whether the chain has been at this name before: the message holds them all, uncompressed. */
  private isTargetKnown(offset: number, count: number): boolean {
    const at = this.response.messageAt;
    for (let index = 0; index < count; index++) {
      if (isSameName(this.bytes, at + this.aliasTargets[index]!, at + offset)) return true;
    }
    return false;
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
    if (headerFlags !== 0 && isBehindHeader(this.plugin)) setHeaderFlags(view, at, headerFlags);
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
    const wantsAd = query.isDo !== 0 || (this.bytes[response.messageAt + FLAGS_LOW_AT]! & AD) !== 0;
    return response.upstreamFlags & (wantsAd ? RA | AD : RA);
  }
}
