/**
 * Starts the resolvers, replaces one that ends, drains and ends them all.
 *
 * Plain workers: a pool hands out finite tasks and has nothing to say to a thread that listens, is told of new listeners
 * and drains. A resolver's listening sockets end with its thread; its successor opens them again, and meanwhile clients
 * are refused and ask over UDP, which goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { Libc } from '../../native/libc.ts';
import { listenTcp } from '../../native/probe-address.ts';
import { BACKLOG, TRANSFERS_MAX } from '../../resolver/resolver-options.ts';
import type {
  HttpCount,
  ResolverCommand,
  ResolverMessage,
  ResolverOptions,
  TcpListenerOptions,
} from '../../resolver/resolver-options.ts';
import type { PanicError } from '../../observability/panic-error.ts';
import { canReusePort } from '../../shard/dgram-loop.ts';
import { assertAddressFree, bindFailureText, isInTheWay } from './free-addresses.ts';
import { RestartPace, successorText } from './restart-pace.ts';
import { threadModule } from './thread-module.ts';

/** How long connections get to take what they asked for, ms. */
const DRAIN_MAX_MS = 5000;
/** How long a thread may take to end beyond that, ms. */
const END_GRACE_MS = 500;
const START_MAX_MS = 20_000;
/** A resolver that ends this soon after its start waits as long before the next start, and then longer, ms. */
const RESTART_INTERVAL_MS = 1000;

export interface ResolverSupervisorOptions {
  readonly count: number;
  /** undefined: without native calls */
  readonly libc?: Libc | undefined;
  /** what all resolvers have in common; counterRegion: of the first */
  readonly resolver: Omit<ResolverOptions, 'resolver' | 'readerSlot' | 'transferSlots' | 'isPortShared'>;
  /** a reader slot of the shared buffer for a thread that is about to start, which asks for several */
  readonly claimReaderSlot: (resolver: number) => number;
  /** the thread that used a slot is gone */
  readonly onResolverGone: (readerSlot: number) => void;
  /** HTTP responses were sent */
  readonly onHttpResponses?: ((counts: readonly HttpCount[]) => void) | undefined;
  /** a query met a bug */
  readonly onPanic: (error: PanicError) => void;
  readonly log: (level: 'info' | 'warn' | 'error', text: string) => void;
}

interface Resolver {
  readonly index: number;
  worker: Worker | undefined;
  /** resolves when it listens on the addresses it was given last */
  listening: PromiseWithResolvers<void>;
  hasListened: boolean;
  /** `hasListened` speaks of the thread that runs now */
  isListening: boolean;
  cutCount: number;
  /** resolves when what was asked over TCP is answered, or the time for it over */
  readonly drained: PromiseWithResolvers<void>;
  /** resolves when no thread of it runs any more, for good */
  ended: Promise<void>;
}

export class ResolverSupervisor {
  readonly #options: ResolverSupervisorOptions;
  readonly #resolvers: Resolver[] = [];
  #listeners: readonly TcpListenerOptions[] | undefined;
  /** sockets that listen and are nobody's yet, by listener */
  readonly #reserved = new Map<number, { readonly fd: number; readonly close: () => void }>();
  #isStopping = false;
  /** ends the wait of a successor */
  readonly #stopping = new AbortController();
  #restarts = 0;

  constructor(options: ResolverSupervisorOptions) {
    this.#options = options;
  }

  /** how many threads were replaced since the start */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Start the threads, which takes a while, and listen when the addresses are known.
   *
   * @throws SkyshardError BIND_FAILED, SHARD_START, and what `listeners` rejects with; `stop` ends what runs
   */
  async start(listeners: Promise<readonly TcpListenerOptions[]>): Promise<void> {
    for (let index = 0; index < this.#options.count; index++) {
      const resolver: Resolver = {
        index,
        worker: undefined,
        listening: deferred(),
        hasListened: false,
        isListening: false,
        cutCount: 0,
        drained: deferred(),
        ended: Promise.resolve(),
      };
      this.#resolvers.push(resolver);
      resolver.ended = this.#keepRunning(resolver);
    }
    await this.listen(await listeners);
  }

  /**
   * Listen on these addresses and no others; connections of those that go are closed when what they asked is answered.
   *
   * @throws SkyshardError BIND_FAILED; then the addresses are those from before
   */
  async listen(listeners: readonly TcpListenerOptions[]): Promise<void> {
    if (this.#isStopping) return;
    const before = this.#listeners;
    await this.assertFree(listeners);
    try {
      await this.#sendListeners(listeners);
    } catch (error) {
      if (before !== undefined) await this.#sendListeners(before).catch(() => undefined);
      throw error;
    }
  }

  /** @throws SkyshardError BIND_FAILED: another server listens on one of these */
  async assertFree(listeners: readonly TcpListenerOptions[]): Promise<void> {
    const own = this.#listeners ?? [];
    const others = listeners.filter(
      (listener) => !this.#reserved.has(listener.listener) && !own.some((known) => isInTheWay(known, listener)),
    );
    await Promise.all(others.map((listener) => assertAddressFree('tcp', listener, this.#options.libc)));
  }

  /**
   * Listen before there is a thread: connections wait in the kernel until one accepts them.
   *
   * @throws SkyshardError BIND_FAILED
   */
  reserve(libc: Libc, listeners: readonly TcpListenerOptions[]): void {
    for (const listener of listeners) {
      const opened = listenTcp(libc, listener, BACKLOG);
      if (typeof opened !== 'number') {
        const text = `TCP ${bindFailureText(opened, listener.address, listener.port)}`;
        throw new SkyshardError('BIND_FAILED', text, { cause: opened });
      }
      this.#reserved.set(listener.listener, { fd: opened, close: () => void libc.close(opened) });
    }
  }

  async #sendListeners(listeners: readonly TcpListenerOptions[]): Promise<void> {
    this.#listeners = listeners;
    const withSockets = listeners.map((own) => ({ ...own, fd: this.#reserved.get(own.listener)?.fd }));
    for (const [index, resolver] of this.#resolvers.entries()) {
      if (resolver.hasListened) resolver.listening = deferred();
      send(resolver, { kind: 'listen', listeners: index === 0 ? withSockets : listeners });
    }
    const late = new AbortController();
    const timeout = sleep(START_MAX_MS, undefined, { signal: late.signal }).then(() => {
      throw new SkyshardError('SHARD_START', `a resolver thread did not listen within ${START_MAX_MS / 1000} s`);
    });
    const all = Promise.all(this.#resolvers.map((resolver) => resolver.listening.promise));
    await Promise.race([all, timeout]).finally(() => late.abort());
    // The first resolver's from now on.
    this.#reserved.clear();
  }

  /** End the thread of a resolver that hangs; its successor starts when it is gone. */
  async replace(index: number): Promise<void> {
    if (!this.#isStopping) await this.#resolvers[index]?.worker?.terminate();
  }

  /**
   * Accept no more connections, answer what was asked, end all threads.
   *
   * @returns how many connections were cut with something to come
   */
  async stop(beforeEnd: () => Promise<void> = () => Promise.resolve()): Promise<number> {
    this.#isStopping = true;
    this.#stopping.abort();
    for (const resolver of this.#resolvers) send(resolver, { kind: 'drain', maxMs: DRAIN_MAX_MS });
    await withinTime(
      this.#resolvers.map(({ drained, ended }) => Promise.race([drained.promise, ended])),
      DRAIN_MAX_MS + END_GRACE_MS,
    );
    await beforeEnd();
    for (const resolver of this.#resolvers) send(resolver, { kind: 'end' });
    const allEnded = Promise.all(this.#resolvers.map((resolver) => resolver.ended));
    await withinTime([allEnded], END_GRACE_MS);
    await Promise.all(this.#resolvers.map((resolver) => resolver.worker?.terminate()));
    await allEnded;
    for (const { close } of this.#reserved.values()) close();
    this.#reserved.clear();
    return this.#resolvers.reduce((sum, resolver) => sum + resolver.cutCount, 0);
  }

  /** Run a resolver's thread, and the next when that ends, until `stop`. */
  async #keepRunning(resolver: Resolver): Promise<void> {
    const pace = new RestartPace({ waitMs: RESTART_INTERVAL_MS, freeEnds: 0 });
    for (;;) {
      const startMs = performance.now();
      const failure = await this.#runOnce(resolver);
      // What never listened is the caller's to report.
      if (this.#isStopping || !resolver.hasListened) {
        resolver.listening.reject(new SkyshardError('SHARD_START', `a resolver thread ended: ${failure}`));
        return;
      }
      this.#restarts++;
      const waitMs = pace.ended(performance.now() - startMs >= RESTART_INTERVAL_MS);
      this.#options.log('error', `resolver ${resolver.index} ended (${failure}); ${successorText(waitMs)}`);
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#isStopping) return;
    }
  }

  /** @returns why the thread ended; nothing of it runs any more then */
  async #runOnce(resolver: Resolver): Promise<string> {
    const claim = (): number => this.#options.claimReaderSlot(resolver.index);
    const readerSlot = claim();
    const transferSlots = Array.from({ length: TRANSFERS_MAX }, claim);
    const { promise, resolve } = Promise.withResolvers<string>();
    const common = this.#options.resolver;
    const workerData: ResolverOptions = {
      ...common,
      resolver: resolver.index,
      counterRegion: common.counterRegion + resolver.index,
      readerSlot,
      transferSlots,
      isPortShared: canReusePort(),
    };
    const worker = new Worker(threadModule('resolver/resolver-thread'), {
      workerData,
      name: `resolver ${resolver.index}`,
    });
    let failure = 'without an error';
    worker.on('message', (message: ResolverMessage) => this.#onMessage(resolver, message));
    worker.on('error', (error) => (failure = error instanceof Error ? error.message : String(error)));
    worker.on('exit', () => resolve(failure));
    resolver.worker = worker;
    resolver.isListening = false;
    if (this.#listeners !== undefined) send(resolver, { kind: 'listen', listeners: this.#listeners });
    failure = await promise;
    resolver.worker = undefined;
    for (const slot of [readerSlot, ...transferSlots]) this.#options.onResolverGone(slot);
    return failure;
  }

  #onMessage(resolver: Resolver, message: ResolverMessage): void {
    const { log, onPanic } = this.#options;
    switch (message.kind) {
      case 'listening':
        resolver.hasListened = true;
        resolver.isListening = true;
        resolver.listening.resolve();
        break;
      case 'bindFailed':
        this.#onBindFailed(resolver, message);
        break;
      case 'panic':
        onPanic(message);
        break;
      case 'httpResponses':
        this.#options.onHttpResponses?.(message.counts);
        break;
      case 'log':
        log(message.level, message.level === 'info' ? message.text : `resolver ${resolver.index}: ${message.text}`);
        break;
      case 'drained':
        resolver.cutCount = message.cutCount;
        resolver.drained.resolve();
        break;
    }
  }

  #onBindFailed(resolver: Resolver, { address, port, fault }: Extract<ResolverMessage, { kind: 'bindFailed' }>): void {
    const text = `TCP ${bindFailureText(fault, address, port)}`;
    resolver.listening.reject(new SkyshardError('BIND_FAILED', text, { cause: fault }));
    if (!resolver.hasListened || resolver.isListening) return;
    // A successor that found its port taken meanwhile: nobody waits for it, and the next one may have it.
    this.#options.log('error', `resolver ${resolver.index}: ${text}`);
    const { worker } = resolver;
    setTimeout(() => void worker?.terminate(), RESTART_INTERVAL_MS).unref();
  }
}

async function withinTime(all: readonly Promise<unknown>[], maxMs: number): Promise<void> {
  const inTime = new AbortController();
  const timeout = sleep(maxMs, undefined, { signal: inTime.signal }).catch(() => undefined);
  await Promise.race([Promise.all(all), timeout]);
  inTime.abort();
}

function send(resolver: Resolver, command: ResolverCommand): void {
  resolver.worker?.postMessage(command);
}

function deferred(): PromiseWithResolvers<void> {
  const found = Promise.withResolvers<void>();
  // Whoever waits for it sees a failure; without anyone it is no unhandled rejection.
  found.promise.catch(() => undefined);
  return found;
}
