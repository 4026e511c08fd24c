/** One metric scope: what labels (server, zone, view) a query is counted under. Index = ROUTE.scope; 0 is `dropped`. */
export interface MetricScope {
  readonly server: string;
  readonly zone: string;
  readonly view: string;
}

/** Who wrote a response: the `plugin` label. Index into PLUGIN_LABELS. */
export const PLUGIN_LABELS = ['', 'kubernetes'] as const;
export const PLUGIN = { SERVER: 0, KUBERNETES: 1 } as const;

/**
 * Counters of one shard. Incremented in private memory, published to the shard's own cells of shared memory by
 * `publish` with Atomics.store, only what changed. No method allocates.
 */
export interface ShardCounters {
  /** @param proto 0 udp, 1 tcp; @param family 0 IPv4, 1 IPv6; sizes in octets */
  countRequest(scope: number, proto: number, family: number, qtype: number, size: number, isDo: number): void;
  countResponse(scope: number, proto: number, rcode: number, plugin: number, size: number, isTruncated: number): void;
  /** `count` queries of `scope` took `durationMs` each, from receive to send */
  countDuration(scope: number, count: number, durationMs: number): void;
  /** a datagram that gets no answer; `reason` is an index into DROP_REASONS */
  countDrop(reason: number): void;
  publish(): void;
}

/** Why a datagram got no answer. */
export const DROP_REASONS = ['short', 'response', 'truncated', 'send_refused'] as const;
export const DROP = { SHORT: 0, RESPONSE: 1, TRUNCATED: 2, SEND_REFUSED: 3 } as const;
