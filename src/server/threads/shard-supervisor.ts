/**
 * Starts the shards, replaces one that ends, ends them all. Owns what outlives a shard's thread: sockets, epoll sets and
 * the memory of the batch in hand, so that a successor goes on where the thread before it stopped.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { SkyshardError } from '../../base/skyshard-error.ts';
import { openEpoll } from '../../native/epoll.ts';
import { loadLibc } from '../../native/libc.ts';
import { BATCH_ARENA_SIZE } from '../../native/message-batch.ts';
import { hasDefaultPriority, lowerMainPriority } from '../../native/thread-priority.ts';
import { closeUdpSocket } from '../../native/udp-socket.ts';
import { BLOCK_MAX_MS } from '../../shard/batch-loop.ts';
import type { PanicError } from '../../observability/panic-error.ts';
import { closeOwnFds } from '../../shard/mmsg-upstreams.ts';
import { createShardControl, SHARD_CONTROL, SHARD_DRAIN_MAX_MS, shardControlAt } from '../../shard/shard-options.ts';
import type {
  BindFault,
  ShardCommand,
  ShardListener,
  ShardMessage,
  ShardOptions,
  Transport,
} from '../../shard/shard-options.ts';
import type { ShardPlan } from './shard-plan.ts';
import { assertAddressFree, bindFailureText, isInTheWay } from './free-addresses.ts';
import { RestartPace, successorText } from './restart-pace.ts';
import { takeShardPool } from './shard-pool.ts';
import { RECEIVE_BUFFER_SIZE, ShardSockets, toShardListeners } from './shard-sockets.ts';
import type { ListenerAddress } from './shard-sockets.ts';

/** How long shards get to see the stop flag before their threads are ended, ms. */
const STOP_GRACE_MS = 2 * BLOCK_MAX_MS;
/** The same for those that come up, ms. */
const COMING_UP_GRACE_MS = 2_000;
/** How long a thread may take to start, ms. */
const START_MAX_MS = 20_000;
/** A shard that ends this soon after its start, several times running, waits as long before the next start, and then longer, ms. */
const RESTART_INTERVAL_MS = 200;
const QUICK_ENDS_MAX = 3;
const KEEP_ALIVE_MS = 60_000;

export interface ShardSupervisorOptions {
  readonly transport: Transport;
  readonly plan: ShardPlan;
  readonly listeners: readonly ListenerAddress[];
  /** URL of a ShardWorkModule and what it is given in each shard */
  readonly workModule: string;
  readonly workData: unknown;
  /** how long the work may wait for what it needs, ms: as much more time a thread has to start */
  readonly workWaitMs?: number;
  /** a reader slot of the shared buffer for a thread that is about to start */
  readonly claimReaderSlot: (shard: number) => number;
  /** the thread that used the slot is gone */
  readonly onShardGone: (readerSlot: number) => void;
  /** the answerer threw: a bug */
  readonly onPanic?: (error: PanicError) => void;
  /** one line about what an operator should know */
  readonly log: (level: 'info' | 'warn' | 'error', text: string) => void;
}

interface Shard {
  readonly index: number;
  readonly epollFd: number;
  /** referenced for as long as a thread may write to it */
  readonly arena: ArrayBuffer | undefined;
  readonly cpu: number;
  thread: Worker | undefined;
  hasStarted: boolean;
  /** whether `ready` speaks of the thread that runs now */
  isReading: boolean;
  /** resolves with the ports it opened itself when the thread reads its sockets */
  ready: PromiseWithResolvers<readonly number[]>;
  /** dgram: resolves with the ports that its first thread opened */
  readonly opened: PromiseWithResolvers<readonly number[]>;
  /** main's end of the port that brings commands to the thread */
  commands: MessagePort | undefined;
  /** number of the last command */
  commandNumber: number;
  /** number of the last command when the thread got its options, which say the same */
  startNumber: number;
  /** resolves with the fault of the last command, when it is carried out */
  heard: PromiseWithResolvers<BindFault | undefined>;
  /** resolves when no thread of this shard runs any more, for good */
  ended: Promise<void>;
  /** of its thread alone; undefined before the first */
  pool: Piscina | undefined;
}

/** What else has to happen while shards start. */
export interface StartSteps {
  /** called when the ports are known; no query is taken before what it returns resolves */
  readonly isServerReady: () => Promise<void>;
  /**
   * Called at once; when what it returns resolves the shards beside the first one start, but for sessions of a proxy, which they
   * start without.
   *
   * @param firstReads  resolves when the first shard reads
   */
  readonly mayGoOn: (firstReads: Promise<unknown>) => Promise<unknown>;
}

const ALL_AT_ONCE: StartSteps = { isServerReady: async () => undefined, mayGoOn: async () => undefined };

export class ShardSupervisor {
  readonly #options: ShardSupervisorOptions;
  readonly #control: SharedArrayBuffer;
  readonly #shards: Shard[] = [];
  #listeners: readonly ShardListener[];
  /** mmsg */
  readonly #sockets: ShardSockets;
  /** The pool's threads do not keep the process alive while they start; a server without a shard for a moment must live on. */
  #keepAlive: NodeJS.Timeout | undefined;
  #isStopping = false;
  /** ends the wait of a successor */
  readonly #stopping = new AbortController();
  #restarts = 0;
  readonly #hasDefaultPriority: boolean;

  constructor(options: ShardSupervisorOptions) {
    this.#options = options;
    this.#control = createShardControl(options.plan.count);
    this.#listeners = toShardListeners(options.listeners);
    this.#sockets = new ShardSockets(options.plan);
    this.#hasDefaultPriority = options.transport === 'mmsg' && hasDefaultPriority();
  }

  /** Give the CPUs to the shards where they are short: for a start that is over. Shards that start later are not affected. */
  yieldToShards(): void {
    if (this.#hasDefaultPriority) lowerMainPriority(loadLibc());
  }

  /** how many threads were replaced since the start */
  get restarts(): number {
    return this.#restarts;
  }

  /** octets of queue of each socket (mmsg), the kernel's bookkeeping of some 700 octets a query included; 0 before the start */
  get receiveBufferSize(): number {
    return this.#sockets.receiveBufferSize;
  }

  /** mmsg: the kernel's numbers of the sockets, each with a name that stays when its shard is replaced */
  socketInodes(): readonly { readonly name: string; readonly inode: number }[] {
    return this.#shards.flatMap(({ index }) =>
      this.#sockets.inodesOf(index).map(({ name, inode }) => ({ name: `shard ${index} ${name}`, inode })),
    );
  }

  /** the listeners with the ports they have */
  get listeners(): readonly ShardListener[] {
    return this.#listeners;
  }

  /**
   * Open the sockets and start the threads; resolves when all of them read. The first shard has all that comes until the others have
   * started: nothing is in a socket that nobody reads.
   *
   * @throws SkyshardError BIND_FAILED, SHARD_START, NATIVE_UNAVAILABLE, and what `steps` reject with; nothing is left open then
   */
  async start(steps: StartSteps = ALL_AT_ONCE): Promise<void> {
    const { plan, transport } = this.#options;
    this.#keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    try {
      await this.#assertFree(this.#listeners);
      if (transport === 'mmsg')
        this.#listeners = this.#sockets.open(this.#listeners, hasSessions(this.#listeners) ? plan.count : 1);
      for (let index = 0; index < plan.count; index++) this.#shards.push(this.#createShard(index));
      await this.#startShards(steps);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Resolves when every shard reads its sockets, those just being replaced included. */
  async ready(): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.ready.promise));
  }

  /**
   * End the thread of a shard that hangs; its successor starts when it is gone. The flag is of no use then, so this is
   * `terminate`, and queries in hand are the successor's. Resolves when that reads.
   */
  async replace(index: number): Promise<void> {
    const shard = this.#shards[index];
    if (shard === undefined || this.#isStopping) return;
    if (shard.isReading) {
      expectStart(shard);
      await shard.thread?.terminate();
    }
    await shard.ready.promise;
  }

  /**
   * Listen on more addresses. What comes there waits until `serve`.
   *
   * @param fresh  with ids that no listener has
   * @throws SkyshardError BIND_FAILED; nothing has changed then
   */
  async open(fresh: readonly ShardListener[]): Promise<void> {
    if (fresh.length === 0) return;
    await this.#assertFree(fresh, this.#listeners);
    const held = fresh.map((listener) => ({ ...listener, isHeld: true }));
    const before = this.#listeners;
    // mmsg: the kernel keeps what comes, and no shard has to know.
    if (this.#options.transport === 'mmsg') this.#sockets.open(held);
    this.#listeners = [...before, ...held];
    if (this.#options.transport === 'mmsg') return;
    try {
      await this.#command();
    } catch (error) {
      this.#listeners = before;
      await this.#command().catch(() => undefined);
      throw error;
    }
  }

  /** Take what comes to listeners that were opened. */
  async serve(): Promise<void> {
    if (!this.#listeners.some(({ isHeld }) => isHeld)) return;
    this.#listeners = this.#listeners.map((listener) => ({ ...listener, isHeld: false }));
    this.#sockets.serve();
    await this.#command();
  }

  /** Listeners that stay may be behind other proxies now. */
  async setProxies(wanted: readonly ShardListener[]): Promise<void> {
    const proxies = new Map(wanted.map(({ listener, proxy }) => [listener, proxy]));
    const changed = this.#listeners.filter(
      ({ listener, proxy }) => proxies.has(listener) && JSON.stringify(proxies.get(listener)) !== JSON.stringify(proxy),
    );
    if (changed.length === 0) return;
    this.#listeners = this.#listeners.map((known) =>
      proxies.has(known.listener) ? { ...known, proxy: proxies.get(known.listener) } : known,
    );
    for (const { listener } of changed) this.#sockets.setProxy(listener, proxies.get(listener));
    await this.#command();
  }

  /** Nothing new is to come to these listeners; resolves when what has come is answered, or asked elsewhere. */
  async leave(ids: readonly number[]): Promise<void> {
    if (ids.length === 0 || this.#options.transport === 'dgram') return;
    for (const id of ids) this.#sockets.turnAway(id);
    await this.#command();
  }

  /** Close the sockets of these listeners. */
  async close(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return;
    this.#listeners = this.#listeners.filter(({ listener }) => !ids.includes(listener));
    const sockets = ids.map((id) => this.#sockets.take(id));
    try {
      await this.#command();
    } finally {
      for (const { close } of sockets) close();
    }
  }

  /** End all shards and close the sockets. Resolves when no thread runs any more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopping.abort();
    const words = new Int32Array(this.#control);
    for (const { index } of this.#shards) Atomics.store(words, shardControlAt(index) + SHARD_CONTROL.at.stop, 1);
    const allEnded = Promise.all(this.#shards.map((shard) => shard.ended));
    const grace = new AbortController();
    const within = (maxMs: number): Promise<unknown> =>
      Promise.race([allEnded, sleep(maxMs, undefined, { signal: grace.signal }).catch(() => undefined)]);
    // koffi ends the process where the thread that loads it is ended meanwhile.
    const isComingUp = this.#shards.some(({ pool, isReading }) => pool !== undefined && !isReading);
    await within(isComingUp ? COMING_UP_GRACE_MS : STOP_GRACE_MS);
    const drainingAt = SHARD_CONTROL.at.draining;
    const isDraining = this.#shards.some(({ index }) => Atomics.load(words, shardControlAt(index) + drainingAt) !== 0);
    if (isDraining) await within(SHARD_DRAIN_MAX_MS);
    grace.abort();
    const pools = this.#shards.flatMap(({ pool }) => pool ?? []);
    await Promise.all(pools.flatMap(({ threads }) => threads).map((thread) => thread.terminate()));
    await allEnded;
    await Promise.all(pools.map((pool) => pool.destroy()));
    clearInterval(this.#keepAlive);
    for (const shard of this.#shards) {
      if (shard.epollFd >= 0) closeUdpSocket(shard.epollFd);
      // What a thread that had to be ended left open; the others closed theirs.
      if (shard.arena !== undefined) closeOwnFds(loadLibc(), words, shardControlAt(shard.index));
    }
    this.#sockets.closeAll();
    const stopped = new SkyshardError('SHARD_START', 'the shards were stopped');
    for (const { ready, opened, heard } of this.#shards)
      for (const { reject } of [ready, opened, heard]) reject(stopped);
    this.#shards.length = 0;
  }

  /** mmsg: those of the shards beside the first. */
  #openOtherSockets(): void {
    const { plan, log } = this.#options;
    const sockets = this.#sockets;
    sockets.complete();
    if (plan.isPinned && !sockets.isSteered) log('warn', 'datagrams cannot be steered by CPU; the kernel spreads them');
    const asked = RECEIVE_BUFFER_SIZE / 1024;
    const given = sockets.receiveBufferSize / 2 / 1024;
    if (given > 0 && given < asked) {
      log('info', `receive queue: ${given} KiB of ${asked} KiB for each socket; net.core.rmem_max limits it`);
    }
  }

  #createShard(index: number): Shard {
    const { plan, transport } = this.#options;
    return {
      index,
      epollFd: transport === 'mmsg' ? openEpoll() : -1,
      arena: transport === 'mmsg' ? new ArrayBuffer(BATCH_ARENA_SIZE) : undefined,
      cpu: transport === 'mmsg' && plan.isPinned ? (plan.cpus[index] ?? -1) : -1,
      thread: undefined,
      hasStarted: false,
      isReading: false,
      ready: deferred(),
      opened: deferred(),
      commands: undefined,
      commandNumber: 0,
      startNumber: 0,
      heard: deferred(),
      ended: Promise.resolve(),
      pool: undefined,
    };
  }

  /** The first alone, then the others. */
  async #startShards({ isServerReady, mayGoOn }: StartSteps): Promise<void> {
    const [first, ...others] = this.#shards;
    if (first === undefined) return;
    const firstReads = this.#begin(first);
    const goOn = mayGoOn(firstReads);
    // Whichever fails first is told, and the others are no unhandled rejections.
    for (const each of [firstReads, goOn]) each.catch(() => undefined);
    if (this.#options.transport === 'dgram') {
      const ports = await Promise.race([first.opened.promise, firstReads]);
      this.#listeners = this.#listeners.map((listener, i) => ({ ...listener, port: ports[i] ?? listener.port }));
    }
    const serverReady = isServerReady();
    serverReady.catch(() => undefined);
    await Promise.race([serverReady, firstReads]);
    // With sessions no shard reads before all do: there is no first answer to wait for.
    if (!hasSessions(this.#listeners)) {
      this.#tell(first, SHARD_CONTROL.at.open);
      await Promise.race([goOn, firstReads]);
    }
    const othersRead = others.map((shard) => this.#begin(shard));
    const started = Promise.all([firstReads, ...othersRead]);
    started.catch(() => undefined);
    if (this.#options.transport === 'mmsg') {
      await Promise.race([Promise.all(others.map(({ opened }) => opened.promise)), started]);
      // In this order: what comes to a socket is read at once.
      this.#openOtherSockets();
      for (const shard of others) this.#post(shard);
    }
    for (const shard of this.#shards) this.#tell(shard, SHARD_CONTROL.at.open);
    await started;
    await goOn;
  }

  /**
   * @param own  where this server listens already: where one is in the way, it cannot be known
   * @throws SkyshardError BIND_FAILED
   */
  async #assertFree(listeners: readonly ShardListener[], own: readonly ShardListener[] = []): Promise<void> {
    const libc = this.#options.transport === 'mmsg' ? loadLibc() : undefined;
    for (const listener of listeners) {
      if (listener.port === 0 || own.some((other) => isInTheWay(other, listener))) continue;
      await assertAddressFree('udp', listener, libc);
    }
  }

  /** Start a shard. @returns the ports it opened itself when it reads its sockets */
  #begin(shard: Shard): Promise<readonly number[]> {
    const { transport, log, workWaitMs } = this.#options;
    shard.pool = takeShardPool(transport);
    shard.pool.on('message', (message: ShardMessage) => this.#onMessage(message));
    shard.pool.on('error', (error: Error) => log('error', `shard thread: ${error.message}`));
    shard.ended = this.#keepRunning(shard);
    return withinStartTime(shard.ready.promise, workWaitMs);
  }

  /**
   * Tell all shards what they listen on; resolves when they do.
   *
   * @throws SkyshardError BIND_FAILED, SHARD_START
   */
  async #command(): Promise<void> {
    const heard = this.#shards.map((shard) => {
      this.#post(shard);
      return withinStartTime(shard.heard.promise);
    });
    const fault = (await Promise.all(heard)).find((found) => found !== undefined);
    if (fault === undefined) return;
    const text = bindFailureText(fault, fault.address, fault.port);
    throw new SkyshardError('BIND_FAILED', text, { cause: fault });
  }

  #post(shard: Shard): void {
    shard.heard = deferred();
    const command: ShardCommand = { number: ++shard.commandNumber, ...this.#listeningOf(shard) };
    // A thread that is about to start has it in its options; one that ends leaves it to its successor.
    shard.commands?.postMessage(command);
    Atomics.add(new Int32Array(this.#control), shardControlAt(shard.index) + SHARD_CONTROL.at.commands, 1);
  }

  /** What a shard listens on, in its transport's form. */
  #listeningOf({ index }: Shard): Pick<ShardCommand, 'sockets' | 'listeners'> {
    if (this.#options.transport === 'mmsg') return { sockets: this.#sockets.ofShard(index), listeners: [] };
    return { sockets: [], listeners: this.#listeners };
  }

  /** Set a word of a shard, and wake who waits for it. */
  #tell({ index }: Shard, word: number): void {
    const words = new Int32Array(this.#control);
    Atomics.store(words, shardControlAt(index) + word, 1);
    Atomics.notify(words, shardControlAt(index) + word);
  }

  /** Run a shard's thread, and the next when that ends, until `stop`. */
  async #keepRunning(shard: Shard): Promise<void> {
    const pace = new RestartPace({ waitMs: RESTART_INTERVAL_MS, freeEnds: QUICK_ENDS_MAX });
    for (;;) {
      const startMs = performance.now();
      const failure = await this.#runOnce(shard);
      // What never started before is the caller's to report.
      if (this.#isStopping || !shard.hasStarted) return;
      this.#restarts++;
      // One that cannot even load its code ends before it reads, however long that takes.
      const usefulFromMs = shard.isReading ? RESTART_INTERVAL_MS : START_MAX_MS;
      const waitMs = pace.ended(performance.now() - startMs >= usefulFromMs);
      this.#options.log('error', `shard ${shard.index} ended (${failure}); ${successorText(waitMs)}`);
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#isStopping) return;
      if (shard.isReading) expectStart(shard);
    }
  }

  /** @returns why the thread no longer reads; nothing of it runs any more then */
  async #runOnce(shard: Shard): Promise<string> {
    const readerSlot = this.#options.claimReaderSlot(shard.index);
    const { port1, port2 } = new MessageChannel();
    shard.commands = port1;
    try {
      await shard.pool?.run(this.#shardOptions(shard, readerSlot, port2), { transferList: [port2] });
      return 'without an error';
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      if (error instanceof Error && this.#isAlive(shard)) this.#options.onPanic?.(error);
      if (!shard.hasStarted) shard.ready.reject(new SkyshardError('SHARD_START', failure, { cause: error }));
      return failure;
    } finally {
      port1.close();
      await this.#untilGone(shard);
      this.#options.onShardGone(readerSlot);
    }
  }

  /** Whether its thread has not ended: what it rejected with is what the answerer threw. */
  #isAlive({ thread, isReading, pool }: Shard): boolean {
    return isReading && thread !== undefined && pool?.threads.includes(thread) === true;
  }

  /** A thread that threw goes on living and can be used again; one that died is told by the pool before it is quite gone. */
  async #untilGone(shard: Shard): Promise<void> {
    const thread = shard.thread;
    shard.thread = undefined;
    if (thread === undefined || shard.pool?.threads.includes(thread) === true) return;
    await thread.terminate();
  }

  #shardOptions(shard: Shard, readerSlot: number, commands: MessagePort): ShardOptions {
    shard.startNumber = shard.commandNumber;
    return {
      shard: shard.index,
      transport: this.#options.transport,
      control: this.#control,
      readerSlot,
      workModule: this.#options.workModule,
      workData: this.#options.workData,
      commands,
      ...this.#listeningOf(shard),
      epollFd: shard.epollFd,
      arenaAddress: shard.arena === undefined ? 0n : loadLibc().addressOf(shard.arena),
      cpu: shard.cpu,
      hasDefaultPriority: this.#hasDefaultPriority,
    };
  }

  #onMessage(message: ShardMessage): void {
    const shard = this.#shards[message.shard];
    if (shard === undefined) return;
    if (message.kind === 'log') {
      this.#options.log('warn', `shard ${message.shard}: ${message.text}`);
      return;
    }
    if (message.kind === 'opened') {
      shard.opened.resolve(message.ports);
      return;
    }
    if (message.kind === 'heard') {
      if (message.number === shard.commandNumber) shard.heard.resolve(message.fault);
      return;
    }
    shard.thread = shard.pool?.threads.find((thread) => thread.threadId === message.threadId);
    shard.hasStarted = true;
    shard.isReading = true;
    shard.ready.resolve(message.ports);
    if (shard.startNumber === shard.commandNumber) shard.heard.resolve(undefined);
  }
}

/** Whether a shard has to know of a sender what came before: all that it sends has to come to the same one, from the start. */
function hasSessions(listeners: readonly ShardListener[]): boolean {
  return listeners.some(({ proxy }) => (proxy?.udpSessionMs ?? 0) > 0);
}

function expectStart(shard: Shard): void {
  shard.isReading = false;
  shard.ready = deferred();
}

function deferred<Value>(): PromiseWithResolvers<Value> {
  const found = Promise.withResolvers<Value>();
  // Whoever waits for it sees a failure; without anyone it is no unhandled rejection.
  found.promise.catch(() => undefined);
  return found;
}

function withinStartTime<Value>(ready: Promise<Value>, workWaitMs = 0): Promise<Value> {
  const timer = new AbortController();
  const maxMs = START_MAX_MS + workWaitMs;
  const late = sleep(maxMs, undefined, { signal: timer.signal }).then(() => {
    throw new SkyshardError('SHARD_START', `a shard thread did not start within ${maxMs / 1000} s`);
  });
  return Promise.race([ready, late]).finally(() => timer.abort());
}
