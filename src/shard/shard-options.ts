/** What main tells a shard, and the words of shared memory between the two. */
import type { AnswererOptions } from '../answer/answerer-options.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import { layout } from '../memory/layout.ts';
import type { QueryEventWriter } from '../observability/query-event-writer.ts';
import type { ShardCounters } from '../observability/shard-counters.ts';

export type Transport = 'mmsg' | 'dgram';

/** A socket main opened for a shard (transport mmsg). */
export interface ShardSocket {
  readonly fd: number;
  /** listener id, which selects the routes */
  readonly listener: number;
  /** responses leave from the address each query was sent to */
  readonly isWildcard: boolean;
}

/** An address a shard opens itself (transport dgram). */
export interface ShardListener {
  readonly listener: number;
  readonly address: string;
  readonly port: number;
  /** for `::`: IPv4 is another listener's */
  readonly isV6Only: boolean;
}

/** The part of a shard that knows DNS. */
export interface BatchAnswerer {
  /** metric scope of the last message answered */
  readonly scope: number;
  enterBatch(): void;
  leaveBatch(): void;
  /** see Answerer.answer */
  answer(
    listener: number,
    messageOffset: number,
    messageSize: number,
    peerOffset: number,
    peerSize: number,
    peerPort: number,
  ): number;
}

export interface ShardWork {
  readonly answerer: BatchAnswerer;
  readonly counters: ShardCounters;
  /** what asks upstream servers, if any are configured */
  readonly forwarder?: Forwarder | undefined;
  /** the answerer's; committed when a batch is sent */
  readonly events?: QueryEventWriter | undefined;
}

/** What a work module exports: makes the answerer and its counters within the shard. */
export interface ShardWorkModule {
  createShardWork(options: ShardWorkOptions): ShardWork;
}

export interface ShardWorkOptions extends Pick<AnswererOptions, 'readerSlot' | 'arena' | 'messageCapacity'> {
  /** index of the shard */
  readonly shard: number;
  /** octets of the forwarder's arena that the transport works in */
  readonly forwardIoSize: number;
  /** what main passed as `workData` */
  readonly data: unknown;
}

export interface ShardOptions {
  readonly shard: number;
  readonly transport: Transport;
  /** SHARD_CONTROL blocks of all shards */
  readonly control: SharedArrayBuffer;
  /** slot in the shared buffer, free again when the shard is gone */
  readonly readerSlot: number;
  /** URL of a ShardWorkModule, and what it is given */
  readonly workModule: string;
  readonly workData: unknown;
  /** mmsg: sockets of main, in the order of their listeners */
  readonly sockets: readonly ShardSocket[];
  /** mmsg: an epoll set of these sockets, -1 where there is only one */
  readonly epollFd: number;
  /** mmsg: BATCH_ARENA_SIZE octets that main keeps */
  readonly arenaAddress: bigint;
  /** mmsg: CPU to run on, -1: any */
  readonly cpu: number;
  /** mmsg: the thread that makes this one may have lowered its priority meanwhile; this one has the default */
  readonly hasDefaultPriority: boolean;
  /** dgram: addresses to open */
  readonly listeners: readonly ShardListener[];
}

/** Words of one shard; a block is a multiple of two cache lines, so that shards do not disturb each other. */
export const SHARD_CONTROL = layout('shard control', [
  ['stop', 1, 'not 0: end. Main writes it, the shard looks at least every 100 ms'],
  ['starts', 1, 'how often a thread of this shard began to read'],
  ['ownFds', 40, 'descriptors the thread opened itself, 0: none; its successor closes them'],
]);
export const SHARD_CONTROL_STRIDE = 64;

/** What a shard posts to main. */
export type ShardMessage =
  | { readonly kind: 'ready'; readonly shard: number; readonly threadId: number; readonly ports: readonly number[] }
  | {
      readonly kind: 'log';
      readonly shard: number;
      readonly text: string;
    };

export function createShardControl(shardCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(shardCount * SHARD_CONTROL_STRIDE * 4);
}

export function shardControlAt(shard: number): number {
  return shard * SHARD_CONTROL_STRIDE;
}
