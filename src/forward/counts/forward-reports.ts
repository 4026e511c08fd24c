/** Tells main of queries that were forwarded, when their response goes out: what `log` and `errors` are to print. */
import type { QueryClient } from '../../answer/answerer-options.ts';
import type { Query } from '../../answer/query.ts';
import type { Response } from '../../answer/response.ts';
import { parseAddress } from '../../dns/address.ts';
import { FLAGS_HIGH_AT } from '../../dns/wire-header.ts';
import { QUERY_ERROR } from '../../observability/queries/query-error.ts';
import { QUERY_EVENT_FLAG } from '../../observability/queries/query-event-ring.ts';
import type { QueryEventFacts, QueryEventWriter } from '../../observability/queries/query-event-writer.ts';
import { POLICY_FLAG } from '../../snapshot/snapshot-layout.ts';
import { WAITERS_MAX } from '../transaction-table.ts';

const ADDRESS_SIZE = 16;

export class ForwardReports {
  readonly #events: QueryEventWriter | undefined;
  /** by waiter: QUERY_EVENT_FLAG bits, 0: not to be reported */
  readonly #flags: Uint32Array = new Uint32Array(WAITERS_MAX + 1);
  readonly #listener: Uint32Array = new Uint32Array(WAITERS_MAX + 1);
  readonly #scope: Uint32Array = new Uint32Array(WAITERS_MAX + 1);
  readonly #queryFlags: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  readonly #querySize: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  readonly #udpSize: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  readonly #clientPort: Uint16Array = new Uint16Array(WAITERS_MAX + 1);
  readonly #clientSize: Uint8Array = new Uint8Array(WAITERS_MAX + 1);
  readonly #client: Uint8Array = new Uint8Array((WAITERS_MAX + 1) * ADDRESS_SIZE);
  /** by waiter, where the report says more: values of metadata, of which there may be none */
  readonly #metadata = new Map<number, Uint8Array>();
  /** who answers the responses that follow, where a report says so */
  /** what is said of the upstream of a failure */
  #failedFlags = 0;
  #answeredBy = '';
  #answeredByPort = 0;
  readonly #addressWords: Uint32Array = new Uint32Array(4);

  constructor(events: QueryEventWriter | undefined) {
    this.#events = events;
  }

  /** Keep what the report of a waiter's response will need. @param response  the query lies where it is written */
  keep(waiter: number, query: Query, client: QueryClient, { bytes: octets, messageAt }: Response): void {
    const { policyFlags } = client;
    let flags = 0;
    if ((policyFlags & POLICY_FLAG.LOG) !== 0) flags |= QUERY_EVENT_FLAG.LOG;
    if ((policyFlags & POLICY_FLAG.ERRORS) !== 0) flags |= QUERY_EVENT_FLAG.ERRORS;
    if (this.#events === undefined) flags = 0;
    this.#flags[waiter] = flags;
    if (this.#metadata.size > 0) this.#metadata.delete(waiter);
    if (flags === 0) return;
    if (client.loggedMetadata !== undefined) this.#metadata.set(waiter, client.loggedMetadata);
    flags |= QUERY_EVENT_FLAG.FORWARDED;
    if (client.isStream) flags |= QUERY_EVENT_FLAG.STREAM;
    if (query.isDo !== 0) flags |= QUERY_EVENT_FLAG.DNSSEC_OK;
    this.#flags[waiter] = flags;
    const flagsAt = messageAt + FLAGS_HIGH_AT;
    this.#queryFlags[waiter] = (octets[flagsAt]! << 8) | octets[flagsAt + 1]!;
    this.#listener[waiter] = client.listener;
    this.#scope[waiter] = client.scope;
    this.#querySize[waiter] = client.messageSize;
    this.#udpSize[waiter] = query.udpSize;
    this.#clientPort[waiter] = client.peerPort;
    this.#clientSize[waiter] = client.peerSize;
    const to = waiter * ADDRESS_SIZE;
    for (let index = 0; index < client.peerSize; index++) {
      this.#client[to + index] = octets[client.peerOffset + index]!;
    }
  }

  /** whether a report may say who answered */
  get hasMetadata(): boolean {
    return this.#metadata.size > 0;
  }

  /** Who answers the responses that follow. @param address  text form */
  setUpstream(address: string, port: number): void {
    this.#answeredBy = address;
    this.#answeredByPort = port;
  }

  /** The responses that follow are replies. */
  setAnswered(): void {
    if (this.#events === undefined) return;
    this.#failedFlags = 0;
    this.#events.facts.error = QUERY_ERROR.NONE;
    this.#events.facts.upstreamSize = 0;
  }

  /**
   * The responses that follow are failures.
   *
   * @param error     QUERY_ERROR
   * @param address   of the upstream, text form
   * @param isStream  it was asked over a stream
   */
  setFailed(error: number, address: string, port: number, isStream: boolean): void {
    if (this.#events === undefined) return;
    this.#failedFlags = isStream ? QUERY_EVENT_FLAG.UPSTREAM_STREAM : 0;
    const { facts } = this.#events;
    facts.error = error;
    facts.errorDetail = 0;
    this.#writeUpstream(facts, address, port);
  }

  #writeUpstream(facts: QueryEventFacts, address: string, port: number): void {
    facts.upstreamPort = port;
    const words = this.#addressWords;
    const family = parseAddress(address, words);
    facts.upstreamSize = family === 0 ? 0 : family === 4 ? 4 : ADDRESS_SIZE;
    for (let index = 0; index < facts.upstreamSize; index++) {
      facts.upstream[index] = words[index >>> 2]! >>> ((3 - (index & 3)) << 3);
    }
  }

  /** Report the response of `waiter` at `at`. */
  add(waiter: number, octets: Uint8Array, at: number, size: number, rcode: number, durationMs: number): void {
    const events = this.#events;
    const flags = this.#flags[waiter]!;
    if (events === undefined || flags === 0) return;
    const isFailed = events.facts.error !== QUERY_ERROR.NONE && (flags & QUERY_EVENT_FLAG.ERRORS) !== 0;
    if ((flags & QUERY_EVENT_FLAG.LOG) === 0 && !isFailed) return;
    this.#add(events, waiter, flags, octets, at, size, rcode);
    events.commit(durationMs);
  }

  /** Tell `errors` alone, before the response is changed: what follows for the waiter is for `log`. */
  addError(waiter: number, octets: Uint8Array, at: number, size: number, rcode: number): void {
    const events = this.#events;
    const flags = this.#flags[waiter]!;
    if (events === undefined || (flags & QUERY_EVENT_FLAG.ERRORS) === 0) return;
    this.#flags[waiter] = flags & ~QUERY_EVENT_FLAG.ERRORS;
    this.#add(events, waiter, flags & ~QUERY_EVENT_FLAG.LOG, octets, at, size, rcode);
    events.commit(0);
  }

  /** A response that was reported elsewhere goes out. */
  commit(durationMs: number): void {
    this.#events?.commit(durationMs);
  }

  #add(
    events: QueryEventWriter,
    waiter: number,
    flags: number,
    octets: Uint8Array,
    at: number,
    size: number,
    rcode: number,
  ): void {
    const { facts } = events;
    const metadata = this.#metadata.size === 0 ? undefined : this.#metadata.get(waiter);
    facts.metadata = metadata;
    if (metadata !== undefined && facts.upstreamSize === 0) {
      this.#writeUpstream(facts, this.#answeredBy, this.#answeredByPort);
    }
    facts.flags = facts.error === QUERY_ERROR.NONE ? flags : flags | this.#failedFlags;
    facts.scope = this.#scope[waiter]!;
    facts.listener = this.#listener[waiter]!;
    facts.clientPort = this.#clientPort[waiter]!;
    facts.queryFlags = this.#queryFlags[waiter]!;
    facts.udpSize = this.#udpSize[waiter]!;
    facts.querySize = this.#querySize[waiter]!;
    facts.rcode = rcode;
    events.add(octets, at, size, this.#client, waiter * ADDRESS_SIZE, this.#clientSize[waiter]!);
    facts.metadata = undefined;
    if (facts.error === QUERY_ERROR.NONE) facts.upstreamSize = 0;
  }
}
