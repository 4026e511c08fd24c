/**
 * A shard's side of its query event ring: add an event for each query that is to be reported, commit them when the batch
 * is sent. Nothing here waits or allocates; a full ring drops the event and counts it.
 */
import { MessageMeasure } from '../../dns/message-measure.ts';
import { ANCOUNT_AT, FLAGS_HIGH_AT, HEADER_SIZE, NAME_SIZE_MAX, QDCOUNT_AT } from '../../dns/wire-header.ts';
import { QUERY_ERROR } from './query-error.ts';
import {
  QUERY_EVENT,
  QUERY_EVENT_FLAG,
  QUERY_EVENTS_RING,
  QueryEventBell,
  openQueryEventRing,
} from './query-event-ring.ts';

const AT = QUERY_EVENT.at;
const HEAD_AT = QUERY_EVENTS_RING.at.head;
const DROPPED_AT = QUERY_EVENTS_RING.at.dropped;
const TAIL_AT = QUERY_EVENTS_RING.at.tail;
const SIZE_MASK = 0xffff;
const WORD_MODULUS = 0x1_0000_0000;

/** What the octets of a response do not say. One object a writer, reused: whoever adds an event sets all of it. */
export interface QueryEventFacts {
  /** QUERY_EVENT_FLAG.LOG, ERRORS, STREAM, DNSSEC_OK, UPSTREAM_STREAM, FORWARDED */
  flags: number;
  scope: number;
  listener: number;
  clientPort: number;
  /** the flags of the query's header */
  queryFlags: number;
  /** the client's UDP payload size, 0 without EDNS */
  udpSize: number;
  querySize: number;
  /** with its extended bits */
  rcode: number;
  /** QUERY_ERROR, and what it says its detail is */
  error: number;
  errorDetail: number;
  /** address of the upstream that failed: 4 or 16 octets, 0: none */
  upstreamSize: number;
  upstreamPort: number;
  readonly upstream: Uint8Array;
  /** values of metadata, an octet 0 between two of them; undefined: none */
  metadata: Uint8Array | undefined;
}

export class QueryEventWriter {
  readonly facts: QueryEventFacts = {
    flags: 0,
    scope: 0,
    listener: 0,
    clientPort: 0,
    queryFlags: 0,
    udpSize: 0,
    querySize: 0,
    rcode: 0,
    error: QUERY_ERROR.NONE,
    errorDetail: 0,
    upstreamSize: 0,
    upstreamPort: 0,
    upstream: new Uint8Array(16),
    metadata: undefined,
  };
  private readonly bell: QueryEventBell;
  private readonly cursors: Uint32Array;
  private readonly words: Uint32Array;
  private readonly mask: number;
  private readonly measure = new MessageMeasure();
  /** words committed, words written, words read as far as known */
  private head: number;
  private end: number;
  private tail: number;
  private dropped: number;
  private publishedDropped: number;

  /**
   * The ring of shard `shard` in a buffer of createQueryEventBuffer. It goes on where the thread before it committed last.
   *
   * @throws SkyshardError INTERNAL_ASSERTION
   */
  constructor(buffer: SharedArrayBuffer, shard: number) {
    const ring = openQueryEventRing(buffer, shard);
    this.bell = new QueryEventBell(buffer);
    this.cursors = ring.cursors;
    this.words = ring.words;
    this.mask = ring.words.length - 1;
    this.head = Atomics.load(ring.cursors, HEAD_AT);
    this.end = this.head;
    this.tail = Atomics.load(ring.cursors, TAIL_AT);
    this.dropped = Atomics.load(ring.cursors, DROPPED_AT);
    this.publishedDropped = this.dropped;
  }

  /**
   * Add an event for `facts`, which has to be filled before. It is seen after `commit`.
   *
   * @param messageAt     the response, or the query where none is sent: id, flags and question are read there
   * @param responseSize  octets, 0: none is sent
   * @param clientAt      the client's address in `client`, clientSize octets (4 or 16)
   */
  add(
    bytes: Uint8Array,
    messageAt: number,
    responseSize: number,
    client: Uint8Array,
    clientAt: number,
    clientSize: number,
  ): void {
    const nameAt = messageAt + HEADER_SIZE;
    const nameSize = bytes[messageAt + QDCOUNT_AT + 1] === 0 ? 0 : wireNameSize(bytes, nameAt);
    const { metadata } = this.facts;
    const metadataSize = metadata === undefined ? 0 : metadata.length;
    const size = QUERY_EVENT.words + ((nameSize + 3) >>> 2) + ((metadataSize + 3) >>> 2);
    if (!this.hasRoom(size)) {
      this.dropped++;
      return;
    }
    const { words, mask, facts, measure } = this;
    const at = this.end;
    let flags = facts.flags | size;
    let uncompressedSize = 0;
    if ((facts.flags & QUERY_EVENT_FLAG.LOG) !== 0 && responseSize !== 0) {
      measure.measure(bytes, messageAt, responseSize);
      uncompressedSize = measure.uncompressedSize;
      if (measure.hasSoa) flags |= QUERY_EVENT_FLAG.SOA;
      if (measure.hasNameServers) flags |= QUERY_EVENT_FLAG.NAME_SERVERS;
    }
    const questionEnd = nameAt + nameSize;
    if (clientSize !== 4) flags |= QUERY_EVENT_FLAG.CLIENT_IPV6;
    if (facts.upstreamSize === 4) flags |= QUERY_EVENT_FLAG.UPSTREAM_IPV4;
    else if (facts.upstreamSize === 16) flags |= QUERY_EVENT_FLAG.UPSTREAM_IPV6;
    words[(at + AT.head) & mask] = flags;
    words[(at + AT.scope) & mask] = facts.scope;
    words[(at + AT.listener) & mask] = facts.listener;
    words[(at + AT.message) & mask] = u16(bytes, messageAt) | (u16(bytes, messageAt + FLAGS_HIGH_AT) << 16);
    words[(at + AT.question) & mask] =
      nameSize === 0 ? 0 : u16(bytes, questionEnd) | (u16(bytes, questionEnd + 2) << 16);
    words[(at + AT.query) & mask] = facts.queryFlags | (facts.udpSize << 16);
    words[(at + AT.response) & mask] = facts.rcode | (u16(bytes, messageAt + ANCOUNT_AT) << 16);
    words[(at + AT.sizes) & mask] = facts.querySize | (responseSize << 16);
    words[(at + AT.uncompressedSize) & mask] = uncompressedSize;
    words[(at + AT.ports) & mask] = facts.clientPort | (facts.upstreamPort << 16);
    words[(at + AT.nameSize) & mask] = nameSize;
    words[(at + AT.metadataSize) & mask] = metadataSize;
    words[(at + AT.error) & mask] = facts.error;
    words[(at + AT.errorDetail) & mask] = facts.errorDetail;
    this.copyAddress(at + AT.client, client, clientAt, clientSize);
    this.copyAddress(at + AT.upstream, facts.upstream, 0, facts.upstreamSize);
    let to = at + QUERY_EVENT.words;
    for (let index = 0; index < nameSize; index += 4) {
      // the arena has octets behind the name
      const word =
        bytes[nameAt + index]! |
        (bytes[nameAt + index + 1]! << 8) |
        (bytes[nameAt + index + 2]! << 16) |
        (bytes[nameAt + index + 3]! << 24);
      words[to++ & mask] = word;
    }
    if (metadata !== undefined) {
      for (let index = 0; index < metadataSize; index += 4) {
        words[to++ & mask] =
          metadata[index]! |
          ((metadata[index + 1] ?? 0) << 8) |
          ((metadata[index + 2] ?? 0) << 16) |
          ((metadata[index + 3] ?? 0) << 24);
      }
    }
    this.end = to >>> 0;
  }

  /** Let the reader see what was added. @param durationMs  from receive to send, the same for all of it */
  commit(durationMs: number): void {
    if (this.end !== this.head) {
      const { words, mask, end } = this;
      const durationNs = durationMs > 0 ? Math.round(durationMs * 1e6) : 0;
      const timeMs = Date.now();
      for (let at = this.head; at !== end; at = (at + (words[at & mask]! & SIZE_MASK)) >>> 0) {
        words[(at + AT.durationLow) & mask] = durationNs;
        words[(at + AT.durationHigh) & mask] = durationNs / WORD_MODULUS;
        words[(at + AT.timeLow) & mask] = timeMs;
        words[(at + AT.timeHigh) & mask] = timeMs / WORD_MODULUS;
      }
      this.head = end;
      Atomics.store(this.cursors, HEAD_AT, end);
      this.bell.ring();
    }
    if (this.dropped !== this.publishedDropped) {
      this.publishedDropped = this.dropped;
      Atomics.store(this.cursors, DROPPED_AT, this.dropped);
    }
  }

  private hasRoom(size: number): boolean {
    const room = this.words.length - size;
    if ((this.end - this.tail) >>> 0 <= room) return true;
    this.tail = Atomics.load(this.cursors, TAIL_AT);
    return (this.end - this.tail) >>> 0 <= room;
  }

  private copyAddress(to: number, bytes: Uint8Array, from: number, size: number): void {
    for (let index = 0; index < size; index += 4) {
      this.words[(to + (index >>> 2)) & this.mask] = (u16(bytes, from + index) << 16) | u16(bytes, from + index + 2);
    }
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Octets of a name that was parsed before. */
function wireNameSize(bytes: Uint8Array, at: number): number {
  let position = at;
  while (bytes[position]! > 0 && position - at < NAME_SIZE_MAX) position += bytes[position]! + 1;
  return position + 1 - at;
}
