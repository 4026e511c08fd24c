/** A shard thread behind a real socket: the table over the wire, on either transport. */
import { createSocket, type Socket } from 'node:dgram';
import type { AnswerWorkData } from '../../src/shard/answer-work.ts';
import type { Transport } from '../../src/shard/shard-options.ts';
import { TYPE } from '../../src/dns/iana.ts';
import { createCounterBuffer } from '../../src/observability/counters/counter-layout.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { ShardSupervisor } from '../../src/server/threads/shard-supervisor.ts';
import { LISTENER, SCOPE_COUNT, SnapshotSource } from '../cases/snapshot-source.ts';
import type { Subject } from '../cases/subject.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import { buildQuery } from '../wire/query.ts';

const ADDRESS = '127.0.0.1';
const TIMEOUT_MS = 10_000;
const BARRIER = 'barrier.invalid';

export interface UdpSubjectOptions {
  readonly transport: Transport;
  /** largest UDP response, octets */
  readonly udpSizeMax: number;
}

export class UdpSubject implements Subject {
  readonly name: string;
  readonly #source: SnapshotSource;
  readonly #supervisor: ShardSupervisor;
  #client: Socket | undefined;
  #port = 0;

  constructor({ transport, udpSizeMax }: UdpSubjectOptions) {
    this.name = `UDP, ${transport}`;
    this.#source = new SnapshotSource({ policy: { udpSizeMax, nsid: new TextEncoder().encode('test-server') } });
    const workData: AnswerWorkData = {
      buffer: this.#source.buffer,
      counterBuffer: createCounterBuffer(1, SCOPE_COUNT),
      scopeCount: SCOPE_COUNT,
      cookieSecret: new Uint8Array(16),
      firstSnapshotMaxMs: 5_000,
    };
    this.#supervisor = new ShardSupervisor({
      transport,
      plan: { count: 1, isPinned: false, cpus: [], reason: '' },
      listeners: [{ listener: LISTENER, address: ADDRESS, port: 0 }],
      workModule: new URL('../../src/shard/answer-work.ts', import.meta.url).href,
      workData,
      claimReaderSlot: (shard) => this.#source.builder.epochs.claimSlot(shard + 1),
      onShardGone: (slot) => this.#source.builder.epochs.releaseSlot(slot),
      log: () => undefined,
    });
  }

  async load(objects: readonly RawObject[], options: RecordOptions): Promise<void> {
    this.#source.load(objects, options);
    if (this.#client !== undefined) return;
    await this.#supervisor.start();
    this.#port = this.#supervisor.listeners[0]!.port;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#client = createSocket('udp4');
    this.#client.bind(0, ADDRESS, resolve);
    await promise;
  }

  /** A shard answers in order: what has not come before the response to a second query does not come. */
  async ask(query: Uint8Array): Promise<Uint8Array | undefined> {
    const client = this.#client!;
    const id = (((query[0] ?? 0) << 8) | (query[1] ?? 0)) ^ 0x5555;
    const received: Buffer[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`no response within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    const onMessage = (message: Buffer) => {
      if (message.readUInt16BE(0) === id) resolve();
      else received.push(message);
    };
    client.on('message', onMessage);
    try {
      client.send(query, this.#port, ADDRESS);
      client.send(buildQuery({ name: BARRIER, type: TYPE.A, id }), this.#port, ADDRESS);
      await promise;
      if (received.length > 1) throw new Error(`${received.length} responses to one query`);
      return received[0] === undefined ? undefined : Uint8Array.from(received[0]);
    } finally {
      clearTimeout(timer);
      client.off('message', onMessage);
    }
  }

  async close(): Promise<void> {
    this.#client?.close();
    await this.#supervisor.stop();
  }
}
