/** A forwarder without sockets and with a clock of its own: what it sends is recorded, what it gets is handed over. */
import type { QueryClient } from '../../../src/answer/answerer-options.ts';
import { Query } from '../../../src/answer/query.ts';
import { Response } from '../../../src/answer/response.ts';
import { createForwardBuffer, FORWARD_CELLS, forwardCellsAt } from '../../../src/forward/forward-buffer.ts';
import { ForwardGroupTable } from '../../../src/forward/group-table.ts';
import { DEFAULT_FORWARD_GROUP, type ForwardGroup } from '../../../src/forward/forward-group.ts';
import {
  CLIENT_RESPONSE_MAX,
  type ForwardTransport,
  type UpstreamRegistrar,
} from '../../../src/forward/forward-transport.ts';
import { Forwarder, type ForwarderOptions } from '../../../src/forward/forwarder.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { buildQuery, type QuerySpec } from '../../wire/query.ts';
import { nameToWire, parseName } from '../../wire/names.ts';
import { decodeStrictly, type DecodedMessage } from '../../wire/strict-message.ts';

const REPLY_AT = 0;
const RESPONSE_AT = 4096;
const QUERY_AT = RESPONSE_AT + CLIENT_RESPONSE_MAX;
const IO_SIZE = QUERY_AT + 512;
const CLIENT_MESSAGE_AT = 64;

const EMPTY_OPT = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

export interface SentQuery {
  readonly upstream: number;
  readonly attempt: number;
  /** of what went over a stream, else 0 */
  readonly generation: number;
  readonly isStream: boolean;
  readonly atMs: number;
  readonly octets: Buffer;
  readonly message: DecodedMessage;
}

export type GroupSpec = Partial<Omit<ForwardGroup, 'upstreams'>> & { readonly upstreamCount: number };

export class FakeForwarding implements ForwardTransport, UpstreamRegistrar {
  readonly forwarder: Forwarder;
  readonly buffer: SharedArrayBuffer;
  readonly sent: SentQuery[] = [];
  readonly responses: DecodedMessage[] = [];
  replySocket = 1;
  /** largest response to the query asked last */
  limit = 512;
  /** nobody takes what goes over streams */
  isHandoffFull = false;
  /** upstreams that can't be asked */
  readonly unusable = new Set<number>();
  #nowMs = 1000;
  #replyFrom = 0;
  readonly #octets: Buffer;
  readonly #arena = new ArrayBuffer(8192);
  readonly #query: Query = new Query(this.#arena);
  readonly #response: Response = new Response(this.#arena);
  readonly #client: QueryClient = {
    listener: 0,
    peerOffset: 0,
    peerSize: 4,
    peerPort: 1,
    isStream: false,
    isStreamClient: false,
    scope: 1,
    messageSize: 0,
    policyFlags: 0,
    udpSizeMax: 1232,
    isShuffled: false,
    addressOrder: undefined,
    headerFlags: 0,
    error: 0,
    errorDetail: 0,
    cacheProfile: -1,
    hasStale: false,
    rewriting: undefined,
    tsig: undefined,
    tsigSize: 0,
    isVerified: false,
    loggedMetadata: undefined,
    proxyVector: undefined,
    upstreamOptions: undefined,
    composing: undefined,
    optSize: 0,
  };

  constructor(groups: readonly GroupSpec[], options: Partial<ForwarderOptions> = {}) {
    this.buffer = options.buffer ?? createForwardBuffer(2);
    const table = new ForwardGroupTable(this.buffer);
    for (const { upstreamCount, ...group } of groups) {
      const upstreams = Array.from({ length: upstreamCount }, (_, index) => ({ address: '192.0.2.1', port: index }));
      table.hold({ ...DEFAULT_FORWARD_GROUP, upstreams, ...group });
    }
    this.forwarder = new Forwarder({
      buffer: this.buffer,
      shard: 0,
      counters: createShardCounters(createCounterBuffer(1, 2), 2, 0),
      ioSize: (IO_SIZE + 63) & ~63,
      ...options,
    });
    this.#octets = Buffer.from(this.forwarder.arena);
    this.forwarder.start(this);
    this.forwarder.nowMs = this.#nowMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A client asks. @returns whether the forwarder took it; else `refusal` says what the client gets */
  ask(spec: QuerySpec, group = 0): boolean {
    const query = buildQuery(spec);
    new Uint8Array(this.#arena).set(query, CLIENT_MESSAGE_AT);
    this.#query.parse(CLIENT_MESSAGE_AT, query.length);
    const questionEnd = this.#query.questionEnd;
    this.limit = this.#query.hasEdns ? Math.max(512, this.#query.udpSize) : 512;
    this.#client.optSize = this.#query.hasEdns ? EMPTY_OPT.length : 0;
    const end = CLIENT_MESSAGE_AT + this.limit - this.#client.optSize;
    this.#response.begin(CLIENT_MESSAGE_AT, questionEnd, end, 12);
    this.#response.rcode = 2;
    if (this.#query.hasEdns) new Uint8Array(this.#arena).set(EMPTY_OPT, questionEnd);
    return this.forwarder.forward(group, this.#query, this.#response, this.#client);
  }

  /** A client asks for a name that is a CNAME of ours to `target`. */
  askAliased(spec: QuerySpec, target: string): boolean {
    const query = buildQuery(spec);
    const arena = new Uint8Array(this.#arena);
    arena.set(query, CLIENT_MESSAGE_AT);
    this.#query.parse(CLIENT_MESSAGE_AT, query.length);
    const questionEnd = this.#query.questionEnd;
    const response = this.#response;
    this.limit = this.#query.hasEdns ? this.#query.udpSize : 512;
    this.#client.optSize = this.#query.hasEdns ? 11 : 0;
    response.begin(CLIENT_MESSAGE_AT, questionEnd, CLIENT_MESSAGE_AT + this.limit - this.#client.optSize, 12);
    response.rcode = 2;
    const name = nameToWire(parseName(target));
    arena.set([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 5, 0, name.length, ...name], questionEnd);
    response.position = questionEnd + 12 + name.length;
    response.answerCount = 1;
    response.isAuthoritative = true;
    if (this.#query.hasEdns) arena.set(EMPTY_OPT, response.position);
    this.#query.followName(questionEnd + 12);
    return this.forwarder.forward(0, this.#query, response, this.#client);
  }

  /** Another client asks from now on. @param number  below 2^16 */
  setClient(number: number): void {
    new Uint8Array(this.#arena).set([10, 0, number >> 8, number & 0xff], 0);
  }

  /** Octets of a response that is queued. */
  responseOctets(size: number): Buffer {
    return Buffer.from(this.#octets.subarray(RESPONSE_AT, RESPONSE_AT + size));
  }

  /** By which the answers to what is asked from now on are kept, -1: they are not; whether one that has ended is at hand. */
  setCache(cacheProfile: number, hasStale = false): void {
    Object.assign(this.#client, { cacheProfile, hasStale });
  }

  /** The cache wants the answer anew. */
  refresh(spec: QuerySpec, cacheProfile: number): void {
    const query = buildQuery(spec);
    new Uint8Array(this.#arena).set(query, CLIENT_MESSAGE_AT);
    this.#query.parse(CLIENT_MESSAGE_AT, query.length);
    this.forwarder.refresh(0, this.#query, cacheProfile, false);
  }

  get refusal(): number {
    return this.#response.rcode;
  }

  /** what an extended error says about it, '' for none */
  get refusalText(): string {
    return new TextDecoder().decode(this.#response.extendedErrorText);
  }

  get clientError(): number {
    return this.#client.error;
  }

  /** Time passes in steps of 10 ms. */
  pass(durationMs: number): void {
    for (const endMs = this.#nowMs + durationMs; this.#nowMs < endMs;) {
      this.#nowMs += 10;
      this.forwarder.tick(this.#nowMs);
    }
  }

  /** The reply to what was sent as number `index` arrives. */
  reply(index: number, flags = 0x8180): void {
    const sent = this.sent[index]!;
    this.receive(replyTo(sent, flags), sent.upstream);
  }

  receive(octets: Buffer, upstream: number): void {
    octets.copy(this.#octets, REPLY_AT);
    this.#replyFrom = upstream;
    this.forwarder.receive(REPLY_AT, octets.length);
  }

  /** The reply to what was sent over a stream as number `index` arrives. */
  replyOverStream(index: number, flags = 0x8180, generation = this.sent[index]!.generation): void {
    const sent = this.sent[index]!;
    const octets = replyTo(sent, flags);
    octets.copy(this.#octets, REPLY_AT);
    this.forwarder.receiveStream(sent.attempt, generation, REPLY_AT, octets.length);
  }

  cell(name: keyof typeof FORWARD_CELLS.at): number {
    return new Uint32Array(this.buffer)[forwardCellsAt(0) + FORWARD_CELLS.at[name]]!;
  }

  /** what was sent for clients, without probes */
  get asked(): readonly SentQuery[] {
    return this.sent.filter(({ message }) => message.questions[0]!.type !== 2);
  }

  copyReturnPath(): void {}

  saveReturnPath(): void {
    // responses all go to one list
  }

  queryRoom(): number {
    return QUERY_AT;
  }

  queueQuery(upstream: number, size: number, attempt: number): number {
    const octets = Buffer.from(this.#octets.subarray(QUERY_AT, QUERY_AT + size));
    this.#note(upstream, octets, attempt, 0, false);
    return 1;
  }

  streamRoom(): number {
    return QUERY_AT;
  }

  queueStream(upstream: number, size: number, attempt: number, generation: number): boolean {
    const octets = Buffer.from(this.#octets.subarray(QUERY_AT, QUERY_AT + size));
    if (!this.isHandoffFull) this.#note(upstream, octets, attempt, generation, true);
    return !this.isHandoffFull;
  }

  #note(upstream: number, octets: Buffer, attempt: number, generation: number, isStream: boolean): void {
    const message = decodeStrictly(octets);
    this.sent.push({ upstream, attempt, generation, isStream, atMs: this.#nowMs, octets, message });
  }

  responseRoom(): number {
    return RESPONSE_AT;
  }

  queueResponse(_waiter: number, size: number): void {
    this.responses.push(decodeStrictly(Uint8Array.from(this.#octets.subarray(RESPONSE_AT, RESPONSE_AT + size))));
  }

  isReplyFrom(upstream: number): boolean {
    return upstream === this.#replyFrom;
  }

  addUpstream(upstream: number): boolean {
    return !this.unusable.has(upstream);
  }

  removeUpstream(): void {}
}

function replyTo({ octets, message }: SentQuery, flags: number): Buffer {
  const reply = Buffer.from(octets.subarray(0, octets.length - (message.opt === undefined ? 0 : 11)));
  reply.writeUInt16BE(flags, 2);
  reply.writeUInt16BE(0, 10);
  return reply;
}
