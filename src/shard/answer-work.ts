/** What a shard does with a batch: the answerer over the shared snapshot, with this shard's counters. */
import { Answerer } from '../answer/answerer.ts';
import type { AnswererOptions } from '../answer/answerer-options.ts';
import { createShardCounters } from '../observability/shard-counters.ts';
import type { ShardWork, ShardWorkOptions } from './shard-options.ts';

/** What main passes as `workData`; all shards have the same. */
export interface AnswerWorkData extends Pick<AnswererOptions, 'buffer' | 'udpSizeMax' | 'cookieSecret' | 'nsid'> {
  /** from createCounterBuffer */
  readonly counterBuffer: SharedArrayBuffer;
  /** number of metric scopes that routes name */
  readonly scopeCount: number;
}

/** The ShardWorkModule of the server. */
export function createShardWork(options: ShardWorkOptions): ShardWork {
  const data = options.data as AnswerWorkData;
  const counters = createShardCounters(data.counterBuffer, data.scopeCount, options.shard);
  const answerer = new Answerer({
    buffer: data.buffer,
    readerSlot: options.readerSlot,
    arena: options.arena,
    messageCapacity: options.messageCapacity,
    counters,
    udpSizeMax: data.udpSizeMax,
    cookieSecret: data.cookieSecret,
    nsid: data.nsid,
  });
  return { answerer, counters };
}
