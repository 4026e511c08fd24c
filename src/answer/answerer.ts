/**
 * Octets in, octets out: the one function that both transports call for every message.
 *
 *   parse ─► protocol checks ─► route (longest zone) ─► step of the chain ─► follow CNAME ─► OPT ─► header ─► counters
 *
 * The response is written over the query. Malformed input is an rcode or a counted drop, never an exception.
 */
import { CLASS, EDE, EDNS_OPTION, RCODE, TYPE } from '../dns/iana.ts';
import {
  AA,
  ANCOUNT_AT,
  CD,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  OPCODE_SHIFT,
  OPT_SIZE,
  QDCOUNT_AT,
  QR,
  RD,
  TC,
  UDP_SIZE_PLAIN,
} from '../dns/wire-header.ts';
import { DROP, PLUGIN, type ShardCounters } from '../observability/shard-counters.ts';
import { NOT_FOUND, SnapshotReader } from '../snapshot/reader.ts';
import { ROUTE } from '../snapshot/snapshot-layout.ts';
import type { AnswererOptions } from './answerer-options.ts';
import { ALIASES_MAX, KubernetesStep, kubernetesZoneAt, STEP_RESULT } from './kubernetes-step.ts';
import { PARSED, Query } from './query.ts';
import { Response } from './response.ts';
import { CLIENT_COOKIE_SIZE, SERVER_COOKIE_SIZE, ServerCookies } from './server-cookie.ts';

/** Metric scope of what never entered a chain (MetricScope 0). */
const SCOPE_DROPPED = 0;
const OPTION_HEAD_SIZE = 4;
const COOKIE_OPTION_SIZE = OPTION_HEAD_SIZE + CLIENT_COOKIE_SIZE + SERVER_COOKIE_SIZE;
const EDE_OPTION_SIZE = OPTION_HEAD_SIZE + 2;
const PROTO_UDP = 0;
/** Names are read by whole words, which may pass their end by up to three octets. */
const ARENA_SLACK = 4;

export class Answerer {
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly kubernetes: KubernetesStep;
  private readonly cookies: ServerCookies;
  private readonly counters: ShardCounters;
  private readonly nsid: Uint8Array;
  private readonly udpSizeMax: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly messageCapacity: number;
  private isPublished = false;
  private peerAt = 0;
  private peerSize = 0;
  /** metric scope of the message answered last; changed by `answer` only */
  scope = SCOPE_DROPPED;
  private plugin: number = PLUGIN.SERVER;

  constructor(options: AnswererOptions) {
    this.bytes = new Uint8Array(options.arena);
    this.view = new DataView(options.arena);
    this.reader = new SnapshotReader(options.buffer, options.readerSlot);
    this.query = new Query(options.arena);
    this.response = new Response(options.arena);
    const seed = (Math.random() * 0xffff_ffff) >>> 0;
    this.kubernetes = new KubernetesStep(this.reader, this.query, this.response, seed);
    this.cookies = new ServerCookies(options.cookieSecret);
    this.counters = options.counters;
    this.nsid = options.nsid;
    this.udpSizeMax = options.udpSizeMax;
    this.messageCapacity = options.messageCapacity - ARENA_SLACK;
  }

  /** Hold the newest snapshot for the messages that follow. */
  enterBatch(): void {
    this.isPublished = this.reader.enter();
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
   * @returns size of the response in octets, 0: no response
   */
  answer(listener: number, messageOffset: number, messageSize: number, peerOffset: number, peerSize: number): number {
    const query = this.query;
    const parsed = query.parse(messageOffset, messageSize);
    if (parsed === PARSED.SHORT || parsed === PARSED.RESPONSE) {
      this.counters.countDrop(parsed === PARSED.SHORT ? DROP.SHORT : DROP.RESPONSE);
      return 0;
    }
    this.peerAt = peerOffset;
    this.peerSize = peerSize;
    this.scope = SCOPE_DROPPED;
    this.plugin = PLUGIN.SERVER;
    const response = this.response;
    const sizeMax = this.sizeMax();
    response.begin(
      messageOffset,
      query.questionEnd,
      messageOffset + sizeMax - this.optSizeMax(),
      query.nameAt - messageOffset,
    );
    if (parsed === PARSED.QUERY) this.answerQuestion(listener);
    else this.refuse(parsed);
    const size = this.finish(sizeMax);
    const family = peerSize === 4 ? 0 : 1;
    this.counters.countRequest(this.scope, PROTO_UDP, family, query.qtype, messageSize, query.isDo);
    this.counters.countResponse(this.scope, PROTO_UDP, response.rcode, this.plugin, size, response.isTruncated ? 1 : 0);
    return size;
  }

  /** Size limit of the response: RFC 1035 without EDNS, else the smaller of the client's and our own (RFC 6891, 9715). */
  private sizeMax(): number {
    const query = this.query;
    let size = UDP_SIZE_PLAIN;
    if (query.hasEdns && query.udpSize > UDP_SIZE_PLAIN) {
      size = query.udpSize < this.udpSizeMax ? query.udpSize : this.udpSizeMax;
    }
    return size < this.messageCapacity ? size : this.messageCapacity;
  }

  /** Octets kept free for OPT with the options that may not be left out; an extended error is, where it has no room. */
  private optSizeMax(): number {
    const query = this.query;
    if (!query.hasEdns) return 0;
    let size = OPT_SIZE;
    if (query.cookieSize !== 0) size += COOKIE_OPTION_SIZE;
    if (query.isNsidAsked && this.nsid.length > 0) size += OPTION_HEAD_SIZE + this.nsid.length;
    return size;
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
    } else if (this.query.cookieSize > CLIENT_COOKIE_SIZE && !this.isCookieValid()) {
      response.rcode = RCODE.BADCOOKIE;
    }
  }

  private isCookieValid(): boolean {
    const query = this.query;
    return this.cookies.isValid(query.cookie, query.cookieSize, this.bytes, this.peerAt, this.peerSize, nowSeconds());
  }

  private answerQuestion(listener: number): void {
    const query = this.query;
    const response = this.response;
    if (query.ednsVersion > 0) {
      response.rcode = RCODE.BADVERS;
      return;
    }
    if (query.qclass !== CLASS.IN) {
      response.rcode = RCODE.REFUSED;
      return;
    }
    const qtype = query.qtype;
    if (qtype >= TYPE.TKEY || qtype === TYPE.OPT) {
      const rcode = rcodeOfMetaType(qtype);
      if (rcode !== RCODE.NOERROR) {
        response.rcode = rcode;
        return;
      }
    }
    if (!this.isPublished) {
      response.rcode = RCODE.SERVFAIL;
      response.extendedError = EDE.NOT_READY;
      return;
    }
    const routeAt = this.findRoute(listener);
    const zoneAt = routeAt === NOT_FOUND ? NOT_FOUND : kubernetesZoneAt(this.reader.words, routeAt);
    if (zoneAt === NOT_FOUND) {
      response.rcode = RCODE.REFUSED;
      response.extendedError = EDE.NOT_AUTHORITATIVE;
      return;
    }
    this.scope = this.reader.words[routeAt + ROUTE.at.scope]!;
    this.plugin = PLUGIN.KUBERNETES;
    if (this.kubernetes.answer(zoneAt) === STEP_RESULT.FOLLOW) this.followAliases(listener);
  }

  private findRoute(listener: number): number {
    const query = this.query;
    return this.reader.findRoute(
      listener,
      query.nameView,
      query.nameSize,
      query.labelStarts,
      query.labelCount,
      query.qtype === TYPE.DS,
    );
  }

  /**
   * Look up the target of the CNAME just written, as often as that is a CNAME again, within the zones served here. The
   * rcode is that of the last name (RFC 6604). A target outside is the client's to resolve.
   */
  private followAliases(listener: number): void {
    const response = this.response;
    for (let left = ALIASES_MAX; left > 0; left--) {
      const offset = this.kubernetes.followOffset;
      this.query.followName(response.messageAt + offset);
      const routeAt = this.findRoute(listener);
      const zoneAt = routeAt === NOT_FOUND ? NOT_FOUND : kubernetesZoneAt(this.reader.words, routeAt);
      if (zoneAt === NOT_FOUND) return;
      response.ownerOffset = offset;
      if (this.kubernetes.answer(zoneAt) === STEP_RESULT.DONE) return;
    }
    // A chain without end: the operator's mistake, told as such.
    response.rcode = RCODE.SERVFAIL;
    response.extendedError = EDE.OTHER;
  }

  /** OPT and header. @returns size of the message */
  private finish(sizeMax: number): number {
    const response = this.response;
    const query = this.query;
    if (query.hasEdns) this.writeOpt(response.messageAt + sizeMax);
    else if (response.rcode > 15) response.rcode = RCODE.FORMERR;
    const at = response.messageAt;
    const bytes = this.bytes;
    const view = this.view;
    let high = QR | (query.opcode << OPCODE_SHIFT) | (bytes[at + FLAGS_HIGH_AT]! & RD);
    if (response.isAuthoritative) high |= AA;
    if (response.isTruncated) high |= TC;
    bytes[at + FLAGS_HIGH_AT] = high;
    bytes[at + FLAGS_LOW_AT] = (bytes[at + FLAGS_LOW_AT]! & CD) | (response.rcode & 0x0f);
    view.setUint16(at + QDCOUNT_AT, query.questionEnd > at + HEADER_SIZE ? 1 : 0);
    view.setUint16(at + ANCOUNT_AT, response.answerCount);
    view.setUint32(
      at + ANCOUNT_AT + 2,
      (response.authorityCount << 16) | (response.additionalCount + (query.hasEdns ? 1 : 0)),
    );
    return response.position - at;
  }

  private writeOpt(end: number): void {
    const response = this.response;
    const query = this.query;
    const view = this.view;
    const start = response.position;
    const bytes = this.bytes;
    bytes[start] = 0;
    view.setUint16(start + 1, TYPE.OPT);
    view.setUint16(start + 3, this.udpSizeMax);
    view.setUint32(start + 5, ((response.rcode >>> 4) << 24) | (query.isDo << 15));
    let at = start + OPT_SIZE;
    if (query.cookieSize !== 0) {
      view.setUint32(at, (EDNS_OPTION.COOKIE << 16) | (CLIENT_COOKIE_SIZE + SERVER_COOKIE_SIZE));
      this.cookies.write(bytes, at + OPTION_HEAD_SIZE, query.cookie, bytes, this.peerAt, this.peerSize, nowSeconds());
      at += COOKIE_OPTION_SIZE;
    }
    const nsid = this.nsid;
    if (query.isNsidAsked && nsid.length > 0) {
      view.setUint32(at, (EDNS_OPTION.NSID << 16) | nsid.length);
      at += OPTION_HEAD_SIZE;
      for (let index = 0; index < nsid.length; index++) bytes[at++] = nsid[index]!;
    }
    if (response.extendedError >= 0 && at + EDE_OPTION_SIZE <= end) {
      view.setUint32(at, (EDNS_OPTION.EDE << 16) | 2);
      view.setUint16(at + OPTION_HEAD_SIZE, response.extendedError);
      at += EDE_OPTION_SIZE;
    }
    view.setUint16(start + 9, at - start - OPT_SIZE);
    response.position = at;
  }
}

/** What a question for a type that is no data gets, NOERROR if it is answered like any other. */
function rcodeOfMetaType(qtype: number): number {
  switch (qtype) {
    case TYPE.OPT:
    case TYPE.TSIG:
      return RCODE.FORMERR;
    case TYPE.TKEY:
    case TYPE.MAILA:
    case TYPE.MAILB:
      return RCODE.NOTIMP;
    case TYPE.AXFR:
    case TYPE.IXFR:
      return RCODE.REFUSED;
    default:
      return RCODE.NOERROR;
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
