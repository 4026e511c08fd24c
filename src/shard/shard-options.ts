/** What main tells a shard, and the words of shared memory between the two. */
import type { MessagePort } from 'node:worker_threads';
import type { AnswererOptions, QueryClient } from '../answer/answerer-options.ts';
import type { ProxyRules } from '../dns/proxy-policy.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import { layout } from '../memory/layout.ts';
import type { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import type { ShardCounters } from '../observability/counters/shard-counters.ts';

export type Transport = 'mmsg' | 'dgram';

/** A socket main opened for a shard (transport mmsg). */
export interface ShardSocket {
  /** -1: the place is free */
  readonly fd: number;
  /** listener id, which selects the routes */
  readonly listener: number;
  /** responses leave from the address each query was sent to */
  readonly isWildcard: boolean;
  /** nothing new comes to it: it is read until it is empty, and only sends after that */
  readonly isLeaving?: boolean;
  /** whose headers of the PROXY protocol count; without it none is looked for */
  readonly proxy?: ProxyRules | undefined;
}

/** An address a shard opens itself (transport dgram). */
export interface ShardListener {
  readonly listener: number;
  readonly address: string;
  readonly port: number;
  /** for `::`: IPv4 is another listener's */
  readonly isV6Only: boolean;
  /** what comes waits until it is said otherwise (transport dgram) */
  readonly isHeld?: boolean;
  /** whose headers of the PROXY protocol count; without it none is looked for */
  readonly proxy?: ProxyRules | undefined;
}

/** The part of a shard that knows DNS. */
export interface BatchAnswerer {
  /** metric scope of the last message answered */
  readonly scope: number;
  /** of the message answered next */
  readonly client: Pick<QueryClient, 'proxyVector'>;
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
  /** from createHandoffBuffer: the way to the resolver, for what the forwarder has to ask over streams */
  readonly handoffBuffer?: SharedArrayBuffer | undefined;
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
  /** brings ShardCommands */
  readonly commands: MessagePort;
  /** mmsg: sockets of main; a socket keeps its place as long as it is open */
  readonly sockets: readonly ShardSocket[];
  /** mmsg: an epoll set, which the shard puts its sockets into */
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
  ['draining', 1, 'not 0: it has seen that, and waits for what it asked upstream servers, SHARD_DRAIN_MAX_MS at most'],
  ['starts', 1, 'how often a thread of this shard began to read'],
  ['open', 1, 'not 0: queries may be taken. Main writes it once, when all of the server listens'],
  ['commands', 1, 'how many commands main has posted; mmsg threads look at their port when it has changed'],
  ['ownFds', 40, 'descriptors the thread opened itself, 0: none; its successor closes them'],
]);
/** How long a shard that is to end waits for what it has asked upstream servers, ms: longer than anybody asks. */
export const SHARD_DRAIN_MAX_MS = 5000;
export const SHARD_CONTROL_STRIDE = 64;

/** What main posts to a shard: all that it listens on from now on. */
export interface ShardCommand {
  /** counts the commands of this shard */
  readonly number: number;
  /** mmsg: as in ShardOptions */
  readonly sockets: readonly ShardSocket[];
  /** dgram: as in ShardOptions */
  readonly listeners: readonly ShardListener[];
}

/** What a shard posts to main. */
export type ShardMessage =
  /** it has loaded what it needs; dgram: it has opened its sockets. `ready` follows when it may take queries */
  | { readonly kind: 'opened'; readonly shard: number; readonly ports: readonly number[] }
  /** a command is carried out; where it could not be, nothing has changed */
  | { readonly kind: 'heard'; readonly shard: number; readonly number: number; readonly fault: BindFault | undefined }
  | { readonly kind: 'ready'; readonly shard: number; readonly threadId: number; readonly ports: readonly number[] }
  | {
      readonly kind: 'log';
      readonly shard: number;
      readonly text: string;
    };

export interface BindFault {
  readonly address: string;
  readonly port: number;
  readonly code: string;
  readonly message: string;
}

export function createShardControl(shardCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(shardCount * SHARD_CONTROL_STRIDE * 4);
}

export function shardControlAt(shard: number): number {
  return shard * SHARD_CONTROL_STRIDE;
}
