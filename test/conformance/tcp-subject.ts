/** A resolver thread behind a real socket: the table over TCP. */
import { loadLibc } from '../../src/native/libc.ts';
import { createTcpCells } from '../../src/observability/counters/tcp-metrics.ts';
import { createCounterBuffer } from '../../src/observability/counters/counter-layout.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { DEFAULT_TCP_TIMEOUTS } from '../../src/resolver/resolver-options.ts';
import type { TcpLimits, TcpListenerOptions, TcpTimeouts } from '../../src/resolver/resolver-options.ts';
import { ResolverSupervisor } from '../../src/server/threads/resolver-supervisor.ts';
import { LISTENER, SCOPE_COUNT, SnapshotSource } from '../cases/snapshot-source.ts';
import type { Subject } from '../cases/subject.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { freeTcpPort } from '../wire/free-port.ts';

const ADDRESS = '127.0.0.1';
export const TEST_LIMITS: TcpLimits = {
  connectionsMax: 100,
  connectionsOfClientMax: 100,
  inFlightMax: 100,
  heldSizeMax: 16 << 20,
};

export interface TcpSubjectOptions {
  readonly address?: string;
  readonly limits?: Partial<TcpLimits>;
  readonly timeouts?: Partial<TcpTimeouts>;
  /** resolver threads */
  readonly count?: number;
}

export class TcpSubject implements Subject {
  readonly name = 'TCP';
  readonly counterBuffer: SharedArrayBuffer;
  readonly tcpCells: SharedArrayBuffer;
  readonly lines: string[] = [];
  readonly supervisor: ResolverSupervisor;
  port = 0;
  readonly #source: SnapshotSource;
  readonly #options: TcpSubjectOptions;
  #client: TcpClient | undefined;

  constructor(options: TcpSubjectOptions = {}) {
    this.#options = options;
    const count = options.count ?? 1;
    this.counterBuffer = createCounterBuffer(count, SCOPE_COUNT);
    this.tcpCells = createTcpCells(count);
    this.#source = new SnapshotSource({ policy: { udpSizeMax: 1232, nsid: new TextEncoder().encode('test-server') } });
    this.supervisor = new ResolverSupervisor({
      count,
      resolver: {
        buffer: this.#source.buffer,
        cookieSecret: new Uint8Array(16),
        firstSnapshotMaxMs: 5_000,
        counterBuffer: this.counterBuffer,
        counterRegion: 0,
        scopeCount: SCOPE_COUNT,
        tcpCells: this.tcpCells,
        limits: { ...TEST_LIMITS, ...options.limits },
      },
      claimReaderSlot: (resolver) => this.#source.builder.epochs.claimSlot(resolver + 1),
      onResolverGone: (slot) => this.#source.builder.epochs.releaseSlot(slot),
      onPanic: () => this.lines.push('panic'),
      log: (level, text) => this.lines.push(`${level} ${text}`),
    });
  }

  async load(objects: readonly RawObject[], options: RecordOptions): Promise<void> {
    this.#source.load(objects, options);
    if (this.port === 0) await this.start(await freeTcpPort(this.#options.address ?? ADDRESS));
  }

  /** Listen, whether there is a snapshot or not. */
  async start(port: number): Promise<void> {
    this.port = port;
    await this.supervisor.start(Promise.resolve([this.#listenerAt(port)]));
  }

  /** Listen without a thread. */
  reserve(port: number): void {
    this.supervisor.reserve(loadLibc(), [this.#listenerAt(port)]);
  }

  /** Listen elsewhere. */
  async move(port: number): Promise<void> {
    this.port = port;
    await this.supervisor.listen([this.#listenerAt(port)]);
  }

  /** Over one connection, as long as the server keeps it open. */
  async ask(query: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#client === undefined || this.#client.isEnded) this.#client = await TcpClient.open({ port: this.port });
    const response = await this.#client.ask(query);
    if (response === undefined) this.#client.close();
    return response === undefined ? undefined : Uint8Array.from(response);
  }

  async close(): Promise<void> {
    this.#client?.close();
    await this.supervisor.stop();
  }

  #listenerAt(port: number): TcpListenerOptions {
    const { address = ADDRESS, timeouts } = this.#options;
    const all = { ...DEFAULT_TCP_TIMEOUTS, ...timeouts };
    return { listener: LISTENER, address, port, isV6Only: false, timeouts: all };
  }
}
