/** The entry of a resolver's thread: an event loop for what comes over streams. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { BUFFER_HEADER } from '../memory/buffer-layout.ts';
import { collectGarbage } from '../native/process-memory.ts';
import { loadComposer } from '../compose/load-composer.ts';
import { openCache } from '../cache/cache-access.ts';
import { openChaosCounters } from '../forward/counts/chaos-counters.ts';
import { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import { createShardCounters } from '../observability/counters/shard-counters.ts';
import { tcpCellsOf } from '../observability/counters/tcp-metrics.ts';
import { HandoffService } from './handoff-service.ts';
import type { ResolverCommand, ResolverMessage, ResolverOptions, TcpListenerOptions } from './resolver-options.ts';
import { STREAM_ARENA_SIZE, StreamAnswerer } from './stream-answerer.ts';
import { StreamForwarder } from './stream-forwarder.ts';
import { ListenError, TcpService } from './tcp-service.ts';
import { TransferReport } from '../transfer/transfer-report.ts';
import { TcpZoneSender } from '../transfer/zone-sender.ts';

const FIRST_SNAPSHOT_LOOK_MS = 5;

const port = parentPort;
assert(port !== null, 'a resolver is a thread');
const options = workerData as ResolverOptions;
const { service, forwarder, handoff, transfers } = createService(options);
collectGarbage();
let isStopping = false;
void waitForSnapshot(options).then(() => service.open());
void handoff?.run();
let listening = Promise.resolve();
port.on('message', (command: ResolverCommand) => {
  if (command.kind === 'listen') {
    listening = listening.then(() => listen(command.listeners));
  } else if (command.kind === 'drain') {
    isStopping = true;
    void drain(command.maxMs);
  } else {
    end();
  }
});

interface Services {
  readonly service: TcpService;
  readonly forwarder: StreamForwarder | undefined;
  readonly handoff: HandoffService | undefined;
  readonly transfers: TcpZoneSender;
}

function createService(given: ResolverOptions): Services {
  const { counterBuffer, scopeCount, counterRegion, eventBuffer, forwardBuffer, handoffBuffer } = given;
  const arena = new ArrayBuffer(STREAM_ARENA_SIZE);
  const counters = createShardCounters(counterBuffer, scopeCount, counterRegion);
  const events = eventBuffer === undefined ? undefined : new QueryEventWriter(eventBuffer, counterRegion);
  const cache = openCache(given.cacheBuffer, counterRegion, given.buffer, given.readerSlot);
  const upstreams =
    forwardBuffer === undefined
      ? undefined
      : new StreamForwarder({
          buffer: forwardBuffer,
          shard: counterRegion,
          counters,
          events,
          cache,
          asksForOthers: handoffBuffer !== undefined,
          log: (text) => post({ kind: 'log', level: 'warn', text }),
        });
  const onPanic = (error: unknown): void => {
    const { message = String(error), stack } = error instanceof Error ? error : {};
    post({ kind: 'panic', message, stack });
  };
  const zoneSender = new TcpZoneSender({
    buffer: given.buffer,
    pinSlots: given.transferSlots,
    report: new TransferReport(counters, events, arena),
    clientArena: arena,
    onPanic,
    log: (level, text) => post({ kind: 'log', level, text }),
  });
  const answerer = new StreamAnswerer({
    buffer: given.buffer,
    readerSlot: given.readerSlot,
    arena,
    cookieSecret: given.cookieSecret,
    counters,
    events,
    cache,
    ...(upstreams !== undefined && { forwarder: upstreams }),
    transfers: zoneSender,
    chaosCounters: openChaosCounters(given),
    createComposer: loadComposer,
    onPanic,
  });
  const tcp = new TcpService({
    answerer,
    limits: given.limits,
    isPortShared: given.isPortShared,
    cells: tcpCellsOf(given.tcpCells, given.resolver),
    log: (text) => post({ kind: 'log', level: 'warn', text }),
    onHttpResponses: (counts) => post({ kind: 'httpResponses', counts }),
    transfers: zoneSender,
  });
  upstreams?.start(tcp);
  zoneSender.start(tcp);
  const shards =
    handoffBuffer === undefined || upstreams === undefined
      ? undefined
      : new HandoffService({ buffer: handoffBuffer, carrier: upstreams, onDropped: () => upstreams.countDropped() });
  return { service: tcp, forwarder: upstreams, handoff: shards, transfers: zoneSender };
}

async function listen(listeners: readonly TcpListenerOptions[]): Promise<void> {
  try {
    await service.listen(listeners);
    post({ kind: 'listening' });
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const { address, port: asked, code, message } = error;
    post({ kind: 'bindFailed', address, port: asked, fault: { code, message } });
  }
}

async function drain(maxMs: number): Promise<void> {
  const cutCount = await service.drain(maxMs);
  transfers.close();
  post({ kind: 'drained', cutCount });
}

function end(): void {
  handoff?.close();
  forwarder?.close();
  port?.close();
}

/** Without blocking the thread: a server that is told to stop before it has a snapshot has to stop. */
async function waitForSnapshot({ buffer, firstSnapshotMaxMs }: ResolverOptions): Promise<void> {
  const words = new Int32Array(buffer, 0, BUFFER_HEADER.words);
  const deadlineMs = performance.now() + firstSnapshotMaxMs;
  while (!isStopping && Atomics.load(words, BUFFER_HEADER.at.root) === 0 && performance.now() < deadlineMs) {
    await sleep(FIRST_SNAPSHOT_LOOK_MS);
  }
}

function post(message: ResolverMessage): void {
  port?.postMessage(message);
}
