/** The threads that answer: shards for UDP, resolvers for TCP. Their reader slots, and what happens to one that hangs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../../base/assert.ts';
import { loadLibc, type Libc } from '../../native/libc.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { HttpCount } from '../../resolver/resolver-options.ts';
import type { AnswerWorkData } from '../../shard/answer-work.ts';
import type { PanicError } from '../../observability/panic-error.ts';
import type { Transport } from '../../shard/shard-options.ts';
import type { SnapshotBuilder } from '../../snapshot/builder.ts';
import { compareListeners, datagramListeners } from '../configuration/listener-table.ts';
import type { PlannedListener, RunningListener } from '../configuration/listener-table.ts';
import type { MachineLimits } from './machine-limits.ts';
import { ResolverSupervisor } from './resolver-supervisor.ts';
import type { ShardPlan } from './shard-plan.ts';
import { ShardSupervisor } from './shard-supervisor.ts';
import { planTcpLimits, readDescriptorLimit } from './tcp-limits.ts';
import { threadModule } from './thread-module.ts';

/** One event loop has all of TCP: it costs little, and shards are to have the CPUs. */
export const RESOLVER_COUNT = 1;
/** How often hanging readers are looked for, and blocks taken back, ms. */
const WATCH_INTERVAL_MS = 500;
/** How long what was asked on a listener that goes may wait for an upstream's answer, ms. */
const LEAVE_MAX_MS = 5000;

export interface AnsweringThreadsOptions {
  readonly transport: Transport;
  readonly shardPlan: ShardPlan;
  readonly addresses: readonly PlannedListener[];
  readonly workData: AnswerWorkData;
  /** from createTcpCells */
  readonly tcpCells: SharedArrayBuffer;
  readonly machineLimits: MachineLimits;
  readonly builder: SnapshotBuilder;
  /** HTTP responses were sent */
  readonly onHttpResponses: (counts: readonly HttpCount[]) => void;
  /** a query met a bug */
  readonly onPanic: (error: PanicError) => void;
  readonly log: LogFunction;
}

/** Other addresses to listen on, taken step by step. */
export interface ListenerChange {
  /** listener id of each address of the plan, in its order */
  readonly ids: readonly number[];
  /** ids of listeners that go; what they serve is needed until `close` is done */
  readonly leaving: readonly number[];
  /** Where the new ones listen is served; those that go take nothing new, and what has come to them is answered. */
  commit(): Promise<void>;
  /** Close those that go, when what they asked upstream is answered or its time is over. @param signal  ends the wait */
  close(signal: AbortSignal): Promise<void>;
  /** Nothing is to change: close what was opened. */
  abort(): Promise<void>;
}

export interface ThreadStart {
  /** the first shard answers */
  readonly onFirst: () => void;
  /** when it resolves the other threads start, if the first shard has not answered by then */
  readonly mayGoOn: Promise<unknown>;
  /** all threads have loaded what they need */
  readonly onLoaded: () => void;
}

export class AnsweringThreads {
  readonly shards: ShardSupervisor;
  readonly #resolvers: ResolverSupervisor;
  readonly #builder: SnapshotBuilder;
  readonly #shardCount: number;
  readonly #log: LogFunction;
  /** undefined: without native calls */
  readonly #libc: Libc | undefined;
  #listeners: readonly RunningListener[];
  #watch: NodeJS.Timeout | undefined;

  constructor(options: AnsweringThreadsOptions) {
    const { builder, log, shardPlan, workData, machineLimits } = options;
    this.#builder = builder;
    this.#shardCount = shardPlan.count;
    this.#log = log;
    this.#libc = options.transport === 'mmsg' ? loadLibc() : undefined;
    this.#listeners = compareListeners([], options.addresses).wanted;
    this.shards = new ShardSupervisor({
      transport: options.transport,
      plan: shardPlan,
      listeners: datagramListeners(this.#listeners),
      workModule: threadModule('shard/answer-work').href,
      workData,
      workWaitMs: workData.firstSnapshotMaxMs,
      claimReaderSlot: (shard) => claimReaderSlot(builder, shard),
      onShardGone: (slot) => builder.epochs.releaseSlot(slot),
      onPanic: options.onPanic,
      log,
    });
    this.#resolvers = new ResolverSupervisor({
      count: RESOLVER_COUNT,
      libc: this.#libc,
      resolver: {
        ...workData,
        counterRegion: shardPlan.count,
        tcpCells: options.tcpCells,
        limits: planTcpLimits(machineLimits.memoryLimit, readDescriptorLimit(), RESOLVER_COUNT),
      },
      claimReaderSlot: (resolver) => claimReaderSlot(builder, shardPlan.count + resolver),
      onResolverGone: (slot) => builder.epochs.releaseSlot(slot),
      onHttpResponses: options.onHttpResponses,
      onPanic: options.onPanic,
      log,
    });
  }

  /** how many resolvers were replaced since the start */
  get resolverRestarts(): number {
    return this.#resolvers.restarts;
  }

  /** Where it listens. */
  get listeners(): readonly RunningListener[] {
    return this.#listeners;
  }

  /**
   * Resolves when all threads read their sockets. The first shard starts at once, and answers over UDP when it is known that nobody else
   * has the ports; the other threads would take its CPUs meanwhile.
   *
   * @throws SkyshardError BIND_FAILED, SHARD_START
   */
  async start({ onFirst, mayGoOn, onLoaded }: ThreadStart): Promise<void> {
    this.#watch = setInterval(() => this.#watchReaders(), WATCH_INTERVAL_MS).unref();
    const { promise: portsKnown, resolve, reject } = Promise.withResolvers<readonly RunningListener[]>();
    // Who waits for it sees a failure.
    portsKnown.catch(() => undefined);
    let resolversStart: Promise<void> | undefined;
    const startResolvers = (): Promise<void> => {
      if (resolversStart === undefined) {
        resolversStart = this.#resolvers.start(portsKnown);
        resolversStart.then(onLoaded, () => undefined);
      }
      return resolversStart;
    };
    try {
      await this.shards.start({
        isServerReady: async () => {
          // TCP takes the ports that UDP has got.
          const ports = new Map(this.shards.listeners.map(({ listener, port }) => [listener, port]));
          this.#listeners = this.#listeners.map((own) => ({ ...own, port: ports.get(own.listener) ?? own.port }));
          await this.#resolvers.assertFree(this.#listeners);
          // Who is answered over UDP may ask over TCP at once.
          if (this.#libc !== undefined) this.#resolvers.reserve(this.#libc, this.#listeners);
          resolve(this.#listeners);
          if (this.#libc === undefined) await startResolvers();
        },
        mayGoOn: async (firstReads) => {
          firstReads.then(onFirst, () => undefined);
          await Promise.race([mayGoOn, firstReads]);
          void startResolvers();
        },
      });
    } catch (error) {
      reject(error);
      throw error;
    }
    await resolversStart;
  }

  /**
   * Listen where another configuration says, beside where it is now. What comes to new addresses waits until `commit`.
   *
   * @throws SkyshardError BIND_FAILED; nothing has changed then
   */
  async prepareListeners(planned: readonly PlannedListener[]): Promise<ListenerChange> {
    const before = this.#listeners;
    const { wanted, fresh, gone } = compareListeners(before, planned);
    const held = fresh.map((listener) => ({ ...listener, isHeld: true }));
    const leaving = gone.map(({ listener }) => listener);
    const freshDatagrams = datagramListeners(held);
    const leavingDatagrams = datagramListeners(gone).map(({ listener }) => listener);
    const closeFresh = (): Promise<void> => this.shards.close(freshDatagrams.map(({ listener }) => listener));
    await this.shards.open(freshDatagrams);
    try {
      if (held.length > 0) await this.#resolvers.listen([...before, ...held]);
    } catch (error) {
      await closeFresh();
      throw error;
    }
    return {
      ids: wanted.map(({ listener }) => listener),
      leaving,
      commit: async () => {
        await this.shards.setProxies(datagramListeners(wanted));
        await this.shards.serve();
        // Those that go have no TCP any more, and send over UDP what is still to come.
        await Promise.all([this.#resolvers.listen(wanted), this.shards.leave(leavingDatagrams)]);
        this.#listeners = [...wanted, ...gone];
      },
      close: async (signal) => {
        if (leaving.length === 0) return;
        await sleep(LEAVE_MAX_MS, undefined, { signal, ref: false }).catch(() => undefined);
        await this.shards.close(leavingDatagrams);
        this.#listeners = wanted;
      },
      abort: async () => {
        if (held.length === 0) return;
        await Promise.all([this.#resolvers.listen(before), closeFresh()]);
      },
    };
  }

  /** TCP first, when it is drained; the UDP sockets last. */
  async stop(): Promise<void> {
    clearInterval(this.#watch);
    // What shards have handed over to a resolver is answered like the rest of what they have in flight.
    const cutCount = await this.#resolvers.stop(() => this.shards.stop());
    if (cutCount > 0) this.#log('warn', `${cutCount} TCP connections were closed with something still to come`);
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

/** @param reader  index of the shard, or the number of shards plus that of the resolver */
function claimReaderSlot(builder: SnapshotBuilder, reader: number): number {
  const slot = builder.epochs.claimSlot(reader + 1);
  assert(slot >= 0, 'more readers than reader slots');
  return slot;
}
