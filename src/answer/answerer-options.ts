import type { AnswerCache } from '../cache/answer-cache.ts';
import type { CacheWriter } from '../cache/cache-writer.ts';
import type { Query } from './query.ts';
import type { AddressOrder } from './order/record-order.ts';
import type { Response } from './response.ts';
import type { Rewriting } from './rewrite/response-restorer.ts';
import type { TsigSession } from '../tsig/tsig-session.ts';
import type { TargetRule } from './rewrite/rewrite-program.ts';
import type { SnapshotReader } from '../snapshot/reader.ts';
import type { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import type { ShardCounters } from '../observability/counters/shard-counters.ts';

/** What a thread that answers needs. Everything is allocated before the first query. */
export interface AnswererOptions {
  /** the shared buffer (memory/shared-buffer.ts) */
  readonly buffer: SharedArrayBuffer;
  /** index of this thread's reader slot in the shared buffer */
  readonly readerSlot: number;
  /**
   * Memory of this thread that holds the messages and the peers' addresses (not shared; FFI may point into it).
   * A response is written over its query.
   */
  readonly arena: ArrayBuffer;
  /** octets available for a response from a message's offset on: at least 4096 for UDP */
  readonly messageCapacity: number;
  readonly counters: ShardCounters;
  /** takes what `log` and `errors` are to print; its `commit` is the caller's */
  readonly events?: QueryEventWriter | undefined;
  /** 16 octets: the key of the server cookies (RFC 9018), the same in all shards of a process, or of all replicas */
  readonly cookieSecret: Uint8Array;
  /** where answers of upstreams are kept; without it they are not */
  readonly cache?: { readonly answers: AnswerCache; readonly writer: CacheWriter } | undefined;
  /** takes over what has to be asked elsewhere; without it a `forward` step is SERVFAIL */
  readonly forwarder?: QueryForwarder;
  /** sends whole zones; without it, as where queries come over UDP alone, a transfer is SERVFAIL */
  readonly transfers?: ZoneSender;
  /** counters that class CHAOS has names for; without them there are none */
  readonly chaosCounters?: ChaosCounters | undefined;
  /** what makes answers out of several; called by the first query that needs it, without it that is SERVFAIL */
  readonly createComposer?: (options: AnswererOptions, reader: SnapshotReader) => Composer;
}

/** Counters that are asked for by name, as dnsmasq has them. */
export interface ChaosCounters {
  /** Answer a question of class CH for TXT. @returns false if there is no such name */
  answer(query: Query, response: Response): boolean;
}

/** Steps that look at what the steps behind them answer, and may need the answer to another question. */
export interface Composer extends Composing {
  /**
   * @param answerer   has the question in hand, and nothing written
   * @param programAt  word index of the step's PROGRAM
   * @param flags      of the step
   * @param stepAt     word index of the first step behind it
   * @param stepCount  number of steps behind it
   * @returns STEP_RESULT
   */
  answer(
    answerer: ComposedAnswerer,
    step: number,
    programAt: number,
    flags: number,
    stepAt: number,
    stepCount: number,
  ): number;

  /**
   * Add the addresses of the name at the response's `followOffset` to its additional section.
   *
   * @param answerer  has written a response that is whole without them
   * @returns STEP_RESULT: DONE or PENDING
   */
  addGlue(answerer: ComposedAnswerer): number;
}

/** What a composer sees of the thread's answerer, or of one of its own. */
export interface ComposedAnswerer {
  readonly query: Query;
  readonly response: Response;
  readonly client: QueryClient;
  readonly opt: { idleTimeoutUnits: number };
  /** PLUGIN that wrote the response */
  plugin: number;
  /** the query in hand as it came, octets 0 … client.messageSize */
  readonly keptQuery: Uint8Array;
  /** rules of `rewrite` about where CNAME records lead, that matched the question in hand */
  readonly targetRules: readonly TargetRule[];
  /** Write what some steps answer, whole. @returns STEP_RESULT: DONE, PENDING or WITHHELD */
  answerBehind(stepAt: number, stepCount: number): number;
  /** Keep the question in hand: what answers it may write another in its place. */
  holdQuestion(held: HeldQuestion): void;
  /** Take back what is written, and have the question in hand again. */
  beginAnew(held: HeldQuestion): void;
}

/** A question as it was in hand. */
export interface HeldQuestion {
  /** name, type and class, `size` octets */
  readonly octets: Uint8Array;
  size: number;
  rewriting: Rewriting | undefined;
}

/** An answer in the making. */
export interface Composing {
  /** The question in hand is answered later. */
  suspend(): Continuation;
}

/** The rest of an answer that needs the response to another question first. */
export interface Continuation {
  /** the whole response of the client, after `resume` */
  readonly octets: Uint8Array;
  readonly messageAt: number;
  /** The response is there. @param message  the callee's to keep @param isFailed  nobody answered */
  take(message: Uint8Array, isFailed: boolean): void;
  /** Answer as far as it goes by now. Not within a batch. @returns as Answerer.answer does */
  resume(): number;
}

/** Who sends zones to clients. */
export interface ZoneSender {
  /**
   * Take over an AXFR or IXFR query that may have the zone: its messages are sent later. To be copied as for a forwarder.
   *
   * @returns false if there are too many already: the client gets SERVFAIL
   */
  send(query: Query, response: Response, client: QueryClient): boolean;
}

/** The side of a shard that asks upstream servers. */
export interface QueryForwarder {
  /**
   * Take a query over: its answer is sent later. Everything needed is to be copied: the message's place is used again.
   *
   * @param group  number of the group of upstreams
   * @returns false if it can't be taken: the client gets the response's rcode, SERVFAIL if it was not changed
   */
  forward(group: number, query: Query, response: Response, client: QueryClient): boolean;

  /** Whether what kept a group's upstreams from answering at a tick (base/machine-clock.ts) is over since. */
  isFailureOver(group: number, tick: number): boolean;

  /** Ask the same for the cache alone: what is there has ended, or soon will. */
  refresh(
    group: number,
    query: Query,
    cacheProfile: number,
    isCheckingDisabled: boolean,
    options?: Uint8Array | undefined,
  ): void;
}

/** Who asked, and where: what an answer that is sent later needs. One object a thread, reused. */
export interface QueryClient {
  /** id of the listener */
  listener: number;
  /** the client's address in the arena, peerSize octets (4 or 16) */
  peerOffset: number;
  peerSize: number;
  peerPort: number;
  /** what the proxy before the client told of it, where that is kept; only blocks whose listeners have one may look */
  proxyVector: string | undefined;
  /** the query came over a stream, or is a question of an answer in the making: the response may be as long */
  isStream: boolean;
  /** the client asked over a stream, this question or the one that it is asked for */
  isStreamClient: boolean;
  /** metric scope of its route */
  scope: number;
  /** size of the query in octets */
  messageSize: number;
  /** POLICY of its route: word index, valid within the batch; flags and sizes */
  policyFlags: number;
  udpSizeMax: number;
  /** the records of its response are shuffled, where they do not come in another order anyway */
  isShuffled: boolean;
  /** what the addresses of its response are ordered by */
  addressOrder: AddressOrder | undefined;
  /** QUERY_ERROR and its detail: why the answer is SERVFAIL; who refuses to take a query over says so here */
  error: number;
  errorDetail: number;
  /** by which the answer is kept in the cache, -1: it is not */
  cacheProfile: number;
  /** POLICY.headerFlags */
  headerFlags: number;
  /** an answer that has ended is in the cache, to be given if no upstream has another */
  hasStale: boolean;
  /** what `rewrite` changed about it, and the response is to be changed back by */
  rewriting: Rewriting | undefined;
  /** the query is signed: by what its response is signed, last of all, and the octets that takes */
  tsig: TsigSession | undefined;
  tsigSize: number;
  /** it is a question of an answer whose client has signed its query right */
  isVerified: boolean;
  /** values of metadata for `log`, as they go with the report of the query (MetadataValues.loggedValues) */
  loggedMetadata: Uint8Array | undefined;
  /** EDNS options of the query that goes to an upstream, as they go on the wire; undefined: none */
  upstreamOptions: Uint8Array | undefined;
  /** octets of the OPT record of its response, which lies at the response's position; 0: no OPT */
  optSize: number;
  /** its response is needed for another one: who hands the query over gets a continuation here */
  composing: Composing | undefined;
}
