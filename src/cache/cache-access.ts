/** What a thread needs to look answers up and to store them. */
import { EpochReader } from '../memory/epochs.ts';
import { AnswerCache } from './answer-cache.ts';
import { CacheWriter } from './cache-writer.ts';

export interface CacheAccess {
  readonly answers: AnswerCache;
  readonly writer: CacheWriter;
  /** of the thread's reader slot: keys are compared with other writers' entries */
  readonly epoch: EpochReader;
}

/**
 * @param cacheBuffer  of createCacheBuffer, undefined: there is no cache
 * @param writer       whose arena is the thread's
 * @param snapshot     the buffer with the reader slots
 */
export function openCache(
  cacheBuffer: SharedArrayBuffer | undefined,
  writer: number,
  snapshot: SharedArrayBuffer,
  readerSlot: number,
): CacheAccess | undefined {
  if (cacheBuffer === undefined) return undefined;
  const answers = new AnswerCache(cacheBuffer);
  return {
    answers,
    writer: new CacheWriter(answers, writer, snapshot, readerSlot),
    epoch: new EpochReader(snapshot, readerSlot),
  };
}
