import type { ShardCounters } from '../observability/shard-counters.ts';

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
  /** largest UDP response with EDNS, octets, and the size announced: 1232 */
  readonly udpSizeMax: number;
  /** 16 octets: the key of the server cookies (RFC 9018), the same in all shards of a process, or of all replicas */
  readonly cookieSecret: Uint8Array;
  /** NSID (RFC 5001): octets that name this server; empty: the option is not answered */
  readonly nsid: Uint8Array;
}
