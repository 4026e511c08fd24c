/** Main's side of the query event rings: takes out what the shards committed, one event at a time. */
import { formatIPv4, formatIPv6 } from '../../dns/address.ts';
import { formatName, lowerCaseName } from '../../dns/name.ts';
import { CLASS, RCODE } from '../../dns/iana.ts';
import { typeWord } from '../../dns/records/record-words.ts';
import { NAME_SIZE_MAX } from '../../dns/wire-header.ts';
import {
  QUERY_EVENT,
  QUERY_EVENT_FLAG,
  QUERY_EVENTS_RING,
  openQueryEventRing,
  queryEventShards,
} from './query-event-ring.ts';
import type { QueryEventRing } from './query-event-ring.ts';

const AT = QUERY_EVENT.at;
const HEAD_AT = QUERY_EVENTS_RING.at.head;
const DROPPED_AT = QUERY_EVENTS_RING.at.dropped;
const TAIL_AT = QUERY_EVENTS_RING.at.tail;
const WORD_MODULUS = 0x1_0000_0000;

/** Octets of a label that stand for themselves in text: what nearly every name consists of. */
const PLAIN = new Uint8Array(256);
for (const octet of Buffer.from('abcdefghijklmnopqrstuvwxyz0123456789-_*')) PLAIN[octet] = 1;

/**
 * One query as it was answered. The reader fills the same object again and again: it is good until the visitor returns.
 * Texts are made when they are asked for, since most events of a log that is filtered need none.
 */
export class QueryEvent {
  flags = 0;
  scope = 0;
  listener = 0;
  id = 0;
  /** the flags of the headers, without the rcode's meaning */
  responseFlags = 0;
  queryFlags = 0;
  type = 0;
  class = 0;
  /** 0 without EDNS */
  udpSize = 0;
  rcode = 0;
  answerCount = 0;
  querySize = 0;
  /** 0: no response was sent */
  responseSize = 0;
  /** without compression and OPT; known where the block has `log` */
  uncompressedSize = 0;
  clientPort = 0;
  upstreamPort = 0;
  /** QUERY_ERROR */
  error = 0;
  errorDetail = 0;
  durationNs = 0;
  /** Unix time */
  timeMs = 0;
  /** wire form, as it was asked: `nameSize` octets */
  readonly nameOctets = Buffer.alloc(NAME_SIZE_MAX + 1 + 4);
  nameSize = 0;
  readonly client = new Uint32Array(4);
  readonly upstream = new Uint32Array(4);
  /** of metadata, in the order of the labels that `log` prints; '-' where nothing is known */
  metadata: readonly string[] = NO_VALUES;
  private nameText = '';
  private isNameKnown = false;

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** lower case, absolute; `.` where there was no question */
  get name(): string {
    if (!this.isNameKnown) {
      this.nameText = this.formatName();
      this.isNameKnown = true;
    }
    return this.nameText;
  }

  get proto(): 'udp' | 'tcp' {
    return this.has(QUERY_EVENT_FLAG.STREAM) ? 'tcp' : 'udp';
  }

  /** as miekg/dns has it: `TYPE65280` for what has no name */
  get typeText(): string {
    return typeWord(this.type) ?? `TYPE${this.type}`;
  }

  get classText(): string {
    return CLASS_TEXTS.get(this.class) ?? `CLASS${this.class}`;
  }

  get rcodeText(): string {
    return RCODE_TEXTS.get(this.rcode) ?? String(this.rcode);
  }

  /** without brackets */
  get clientText(): string {
    return addressText(this.client, this.has(QUERY_EVENT_FLAG.CLIENT_IPV6));
  }

  /** `192.0.2.1:53`, `[2001:db8::1]:53`, '' where no upstream is concerned */
  get upstreamText(): string {
    if (this.has(QUERY_EVENT_FLAG.UPSTREAM_IPV4)) return `${addressText(this.upstream, false)}:${this.upstreamPort}`;
    if (this.has(QUERY_EVENT_FLAG.UPSTREAM_IPV6)) return `[${addressText(this.upstream, true)}]:${this.upstreamPort}`;
    return '';
  }

  /** Read the event at word count `at`. @returns its words */
  read(words: Uint32Array, mask: number, at: number): number {
    const head = words[(at + AT.head) & mask]!;
    this.flags = head & ~0xffff;
    this.scope = words[(at + AT.scope) & mask]!;
    this.listener = words[(at + AT.listener) & mask]!;
    const message = words[(at + AT.message) & mask]!;
    this.id = message & 0xffff;
    this.responseFlags = message >>> 16;
    const question = words[(at + AT.question) & mask]!;
    this.type = question & 0xffff;
    this.class = question >>> 16;
    const query = words[(at + AT.query) & mask]!;
    this.queryFlags = query & 0xffff;
    this.udpSize = query >>> 16;
    const response = words[(at + AT.response) & mask]!;
    this.rcode = response & 0xffff;
    this.answerCount = response >>> 16;
    const sizes = words[(at + AT.sizes) & mask]!;
    this.querySize = sizes & 0xffff;
    this.responseSize = sizes >>> 16;
    this.uncompressedSize = words[(at + AT.uncompressedSize) & mask]!;
    const ports = words[(at + AT.ports) & mask]!;
    this.clientPort = ports & 0xffff;
    this.upstreamPort = ports >>> 16;
    this.error = words[(at + AT.error) & mask]!;
    this.errorDetail = words[(at + AT.errorDetail) & mask]!;
    this.durationNs = words[(at + AT.durationHigh) & mask]! * WORD_MODULUS + words[(at + AT.durationLow) & mask]!;
    this.timeMs = words[(at + AT.timeHigh) & mask]! * WORD_MODULUS + words[(at + AT.timeLow) & mask]!;
    for (let index = 0; index < 4; index++) {
      this.client[index] = words[(at + AT.client + index) & mask]!;
      this.upstream[index] = words[(at + AT.upstream + index) & mask]!;
    }
    this.readName(words, mask, at);
    return head & 0xffff;
  }

  private readName(words: Uint32Array, mask: number, at: number): void {
    const size = words[(at + AT.nameSize) & mask]!;
    const octets = this.nameOctets;
    let from = at + QUERY_EVENT.words;
    for (let index = 0; index < size; index += 4) {
      const word = words[from++ & mask]!;
      octets[index] = word;
      octets[index + 1] = word >>> 8;
      octets[index + 2] = word >>> 16;
      octets[index + 3] = word >>> 24;
    }
    this.nameSize = size;
    this.isNameKnown = false;
    const metadataSize = words[(at + AT.metadataSize) & mask]!;
    this.metadata = metadataSize === 0 ? NO_VALUES : readValues(words, mask, from, metadataSize);
  }

  private formatName(): string {
    const size = this.nameSize;
    if (size <= 1) return '.';
    const octets = lowerCaseName(this.nameOctets, 0, size);
    for (let at = 0; at < size - 1;) {
      const end = at + 1 + octets[at]!;
      for (at++; at < end; at++) if (PLAIN[octets[at]!] === 0) return formatName(octets, 0, size);
    }
    for (let at = octets[0]! + 1; at < size;) {
      const label = octets[at]!;
      octets[at] = 0x2e;
      at += label + 1;
    }
    return this.nameOctets.toString('latin1', 1, size);
  }
}

const NO_VALUES: readonly string[] = [];

function readValues(words: Uint32Array, mask: number, at: number, size: number): readonly string[] {
  const octets = Buffer.alloc((size + 3) & ~3);
  for (let index = 0; index < size; index += 4) octets.writeUInt32LE(words[(at + (index >>> 2)) & mask]!, index);
  return octets.toString('utf8', 0, size).split('\0');
}

const CLASS_TEXTS = new Map<number, string>(Object.entries(CLASS).map(([text, number]) => [number, text]));
const RCODE_TEXTS = new Map<number, string>(Object.entries(RCODE).map(([text, number]) => [number, text]));

function addressText(words: Uint32Array, isIPv6: boolean): string {
  return isIPv6 ? formatIPv6(words) : formatIPv4(words[0]!);
}

export class QueryEventReader {
  /** events that were dropped because a ring was full, of all shards */
  dropped = 0;
  private readonly rings: readonly QueryEventRing[];
  private readonly lastDropped: Uint32Array;
  private readonly event = new QueryEvent();

  /** @param buffer of createQueryEventBuffer; events that wait in it are read first */
  constructor(buffer: SharedArrayBuffer) {
    this.rings = Array.from({ length: queryEventShards(buffer) }, (_, shard) => openQueryEventRing(buffer, shard));
    this.lastDropped = new Uint32Array(this.rings.length);
  }

  /** Whether something waits to be taken out. */
  get hasEvents(): boolean {
    return this.rings.some(({ cursors }) => Atomics.load(cursors, HEAD_AT) !== Atomics.load(cursors, TAIL_AT));
  }

  /**
   * Take out what was committed, oldest first of each shard; what was taken is gone even if the visitor throws.
   *
   * @param max  events taken at most of each shard
   * @returns whether there may be more
   */
  drain(visit: (event: QueryEvent) => void, max: number = Infinity): boolean {
    let hasMore = false;
    for (const [shard, ring] of this.rings.entries()) {
      const dropped = Atomics.load(ring.cursors, DROPPED_AT);
      this.dropped += (dropped - this.lastDropped[shard]!) >>> 0;
      this.lastDropped[shard] = dropped;
      hasMore = this.drainRing(ring, visit, max) || hasMore;
    }
    return hasMore;
  }

  private drainRing({ cursors, words }: QueryEventRing, visit: (event: QueryEvent) => void, max: number): boolean {
    const head = Atomics.load(cursors, HEAD_AT);
    const mask = words.length - 1;
    let tail = Atomics.load(cursors, TAIL_AT);
    for (let left = max; left > 0 && tail !== head; left--) {
      tail = (tail + this.event.read(words, mask, tail)) >>> 0;
      // the event is a copy: its words are the shard's again at once
      Atomics.store(cursors, TAIL_AT, tail);
      visit(this.event);
    }
    return tail !== head;
  }
}
