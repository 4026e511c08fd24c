/** Counts transfers when they end, and tells main of those that `log` and `errors` are to print. */
import type { QueryClient } from '../answer/answerer-options.ts';
import type { Query } from '../answer/query.ts';
import { FLAGS_HIGH_AT } from '../dns/wire-header.ts';
import { QUERY_ERROR } from '../observability/queries/query-error.ts';
import { QUERY_EVENT_FLAG } from '../observability/queries/query-event-ring.ts';
import type { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import { PLUGIN, type ShardCounters } from '../observability/counters/shard-counters.ts';
import { POLICY_FLAG } from '../snapshot/snapshot-layout.ts';

const PROTO_TCP = 1;

/** What is known of a query when it comes and is told when it is answered. */
export interface ReportedQuery {
  /** QUERY_EVENT_FLAG bits, 0: nothing is told */
  readonly flags: number;
  readonly scope: number;
  readonly listener: number;
  readonly queryFlags: number;
  readonly udpSize: number;
  readonly querySize: number;
  readonly clientPort: number;
  /** 4 or 16 octets */
  readonly client: Uint8Array;
}

export class TransferReport {
  readonly #counters: ShardCounters;
  readonly #events: QueryEventWriter | undefined;
  readonly #octets: Uint8Array;

  /** @param clientArena  the memory queries are read from */
  constructor(counters: ShardCounters, events: QueryEventWriter | undefined, clientArena: ArrayBuffer) {
    this.#counters = counters;
    this.#events = events;
    this.#octets = new Uint8Array(clientArena);
  }

  keep(query: Query, client: QueryClient, messageAt: number): ReportedQuery {
    const octets = this.#octets;
    let flags = 0;
    if (this.#events !== undefined && (client.policyFlags & POLICY_FLAG.LOG) !== 0) {
      flags = QUERY_EVENT_FLAG.LOG | QUERY_EVENT_FLAG.STREAM;
      if (query.isDo !== 0) flags |= QUERY_EVENT_FLAG.DNSSEC_OK;
    }
    const flagsAt = messageAt + FLAGS_HIGH_AT;
    return {
      flags,
      scope: client.scope,
      listener: client.listener,
      queryFlags: (octets[flagsAt]! << 8) | octets[flagsAt + 1]!,
      udpSize: query.udpSize,
      querySize: client.messageSize,
      clientPort: client.peerPort,
      client: octets.slice(client.peerOffset, client.peerOffset + client.peerSize),
    };
  }

  /**
   * @param message  the last message of the transfer, or the query if none was sent
   * @param size     octets of all messages, 0: none was sent
   */
  add(reported: ReportedQuery, message: Uint8Array, size: number, rcode: number, durationMs: number): void {
    const { scope, flags } = reported;
    if (size > 0) {
      this.#counters.countResponse(scope, PROTO_TCP, rcode, PLUGIN.TRANSFER, size, 0);
      this.#counters.countDuration(scope, 1, durationMs);
    }
    this.#counters.publish();
    const events = this.#events;
    if (events === undefined || flags === 0) return;
    const { facts } = events;
    facts.flags = flags;
    facts.scope = scope;
    facts.listener = reported.listener;
    facts.clientPort = reported.clientPort;
    facts.queryFlags = reported.queryFlags;
    facts.udpSize = reported.udpSize;
    facts.querySize = reported.querySize;
    facts.rcode = rcode;
    facts.error = QUERY_ERROR.NONE;
    facts.errorDetail = 0;
    facts.upstreamSize = 0;
    events.add(message, 0, size === 0 ? 0 : message.length, reported.client, 0, reported.client.length);
    events.commit(durationMs);
  }
}
