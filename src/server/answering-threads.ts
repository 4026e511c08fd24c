/** The threads that answer: shards for UDP, resolvers for TCP. Their reader slots, and what happens to one that hangs. */
import { assert } from '../base/assert.ts';
import { DEFAULT_TCP_TIMEOUTS } from '../resolver/resolver-options.ts';
import type { TcpListenerOptions } from '../resolver/resolver-options.ts';
import type { AnswerWorkData } from '../shard/answer-work.ts';
import type { ShardListener, Transport } from '../shard/shard-options.ts';
import type { SnapshotBuilder } from '../snapshot/builder.ts';
import type { MachineLimits } from './machine-limits.ts';
import { ResolverSupervisor } from './resolver-supervisor.ts';
import type { LogFunction } from './server-options.ts';
import type { ShardPlan } from './shard-plan.ts';
import type { ListenerAddress } from './shard-sockets.ts';
import { ShardSupervisor } from './shard-supervisor.ts';
import { planTcpLimits, readDescriptorLimit } from './tcp-limits.ts';

/** One event loop has all of TCP: it costs little, and shards are to have the CPUs. */
export const RESOLVER_COUNT = 1;
/** How often hanging readers are looked for, and blocks taken back, ms. */
const WATCH_INTERVAL_MS = 250;

export interface AnsweringThreadsOptions {
  readonly transport: Transport;
  readonly shardPlan: ShardPlan;
  readonly addresses: readonly ListenerAddress[];
  readonly workData: AnswerWorkData;
  /** from createTcpCells */
  readonly tcpCells: SharedArrayBuffer;
  readonly machineLimits: MachineLimits;
  readonly builder: SnapshotBuilder;
  /** a thread met a bug */
  readonly onPanic: () => void;
  readonly log: LogFunction;
}

export class AnsweringThreads {
  readonly shards: ShardSupervisor;
  readonly #resolvers: ResolverSupervisor;
  readonly #builder: SnapshotBuilder;
  readonly #shardCount: number;
  readonly #log: LogFunction;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: AnsweringThreadsOptions) {
    const { builder, log, shardPlan, workData, machineLimits } = options;
    this.#builder = builder;
    this.#shardCount = shardPlan.count;
    this.#log = log;
    this.shards = new ShardSupervisor({
      transport: options.transport,
      plan: shardPlan,
      listeners: options.addresses,
      workModule: new URL(
        import.meta.url.endsWith('.ts') ? '../shard/answer-work.ts' : '../shard/answer-work.js',
        import.meta.url,
      ).href,
      workData,
      claimReaderSlot: (shard) => claimReaderSlot(builder, shard),
      onShardGone: (slot) => builder.epochs.releaseSlot(slot),
      log,
    });
    this.#resolvers = new ResolverSupervisor({
      count: RESOLVER_COUNT,
      resolver: {
        ...workData,
        counterRegion: shardPlan.count,
        tcpCells: options.tcpCells,
        limits: planTcpLimits(machineLimits.memoryLimit, readDescriptorLimit(), RESOLVER_COUNT),
      },
      claimReaderSlot: (resolver) => claimReaderSlot(builder, shardPlan.count + resolver),
      onResolverGone: (slot) => builder.epochs.releaseSlot(slot),
      onPanic: options.onPanic,
      log,
    });
  }

  /** Resolves when all threads read their sockets. @throws SkyshardError BIND_FAILED, SHARD_START */
  async start(): Promise<void> {
    this.#watch = setInterval(() => this.#watchReaders(), WATCH_INTERVAL_MS).unref();
    const shardsStart = this.shards.start();
    // TCP takes the ports that UDP has got.
    const tcpListeners = shardsStart.then(() => this.shards.listeners.map(toTcpListener));
    await Promise.all([shardsStart, this.#resolvers.start(tcpListeners)]);
  }

  /** TCP first, when it is drained; the UDP sockets last. */
  async stop(): Promise<void> {
    clearInterval(this.#watch);
    const cutCount = await this.#resolvers.stop();
    if (cutCount > 0) this.#log('warn', `${cutCount} TCP connections were closed with something still to come`);
    await this.shards.stop();
  }

  /** Replace a thread that holds a snapshot and does not move; take back what no reader holds any more. */
  #watchReaders(): void {
    const { epochs } = this.#builder;
    epochs.reclaim();
    for (const { owner, stalledMs } of epochs.stalledReaders(performance.now())) {
      const isShard = owner <= this.#shardCount;
      const index = isShard ? owner - 1 : owner - 1 - this.#shardCount;
      const name = `${isShard ? 'shard' : 'resolver'} ${index}`;
      this.#log('error', `${name} has not moved for ${Math.round(stalledMs)} ms and is replaced`);
      void (isShard ? this.shards : this.#resolvers).replace(index);
    }
  }
}

function toTcpListener({ listener, address, port, isV6Only }: ShardListener): TcpListenerOptions {
  return { listener, address, port, isV6Only, timeouts: DEFAULT_TCP_TIMEOUTS };
}

/** @param reader  index of the shard, or the number of shards plus that of the resolver */
function claimReaderSlot(builder: SnapshotBuilder, reader: number): number {
  const slot = builder.epochs.claimSlot(reader + 1);
  assert(slot >= 0, 'more readers than reader slots');
  return slot;
}
