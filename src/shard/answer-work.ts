/** What a shard does with a batch: the answerer over the shared snapshot, with this shard's counters. */
import { Answerer } from '../answer/answerer.ts';
import type { AnswererOptions } from '../answer/answerer-options.ts';
import { loadComposer } from '../compose/load-composer.ts';
import { openCache } from '../cache/cache-access.ts';
import { openChaosCounters } from '../forward/counts/chaos-counters.ts';
import { Forwarder } from '../forward/forwarder.ts';
import { BUFFER_HEADER } from '../memory/buffer-layout.ts';
import { collectGarbage } from '../native/process-memory.ts';
import { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import { createShardCounters } from '../observability/counters/shard-counters.ts';
import type { ShardWork, ShardWorkOptions } from './shard-options.ts';

/** What main passes as `workData`; all shards have the same. */
export interface AnswerWorkData extends Pick<AnswererOptions, 'buffer' | 'cookieSecret'> {
  /** from createCounterBuffer */
  readonly counterBuffer: SharedArrayBuffer;
  /** from createQueryEventBuffer; without it nothing is reported */
  readonly eventBuffer?: SharedArrayBuffer | undefined;
  /** number of metric scopes that routes name */
  readonly scopeCount: number;
  /** how long a thread that could answer waits for the first snapshot, ms; then answers are SERVFAIL */
  readonly firstSnapshotMaxMs: number;
  /** from createForwardBuffer; without it nothing is forwarded */
  readonly forwardBuffer?: SharedArrayBuffer;
  /** from createHandoffBuffer; without it shards of the mmsg transport ask nothing over streams */
  readonly handoffBuffer?: SharedArrayBuffer;
  /** from createCacheBuffer; without it nothing is kept */
  readonly cacheBuffer?: SharedArrayBuffer;
  /** from createDnsmasqBoard; without it dnsmasq's counters have no names */
  readonly dnsmasqBoard?: SharedArrayBuffer | undefined;
}

const FIRST_SNAPSHOT_LOOK_MS = 2;

/** The ShardWorkModule of the server. Queries wait in the socket until the first snapshot is published. */
export function createShardWork(options: ShardWorkOptions): ShardWork {
  const data = options.data as AnswerWorkData;
  const counters = createShardCounters(data.counterBuffer, data.scopeCount, options.shard);
  const events = data.eventBuffer === undefined ? undefined : new QueryEventWriter(data.eventBuffer, options.shard);
  const cache = openCache(data.cacheBuffer, options.shard, data.buffer, options.readerSlot);
  const forwarder =
    data.forwardBuffer === undefined
      ? undefined
      : new Forwarder({
          buffer: data.forwardBuffer,
          shard: options.shard,
          counters,
          events,
          cache,
          ioSize: options.forwardIoSize,
        });
  const answerer = new Answerer({
    buffer: data.buffer,
    readerSlot: options.readerSlot,
    arena: options.arena,
    messageCapacity: options.messageCapacity,
    counters,
    cookieSecret: data.cookieSecret,
    events,
    cache,
    ...(forwarder !== undefined && { forwarder }),
    chaosCounters: openChaosCounters(data),
    createComposer: loadComposer,
  });
  collectGarbage();
  waitForSnapshot(data.buffer, data.firstSnapshotMaxMs);
  return { answerer, counters, events, forwarder, handoffBuffer: data.handoffBuffer };
}

function waitForSnapshot(buffer: SharedArrayBuffer, maxMs: number): void {
  const words = new Int32Array(buffer, 0, BUFFER_HEADER.words);
  const deadlineMs = performance.now() + maxMs;
  while (Atomics.load(words, BUFFER_HEADER.at.root) === 0 && performance.now() < deadlineMs) {
    Atomics.wait(words, BUFFER_HEADER.at.root, 0, FIRST_SNAPSHOT_LOOK_MS);
  }
}
