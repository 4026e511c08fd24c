/** The whole path but the sockets, in this thread. */
import { Answerer } from '../../src/answer/answerer.ts';
import { createCounterBuffer } from '../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../src/observability/counters/shard-counters.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import { LISTENER, SCOPE_COUNT, SnapshotSource } from './snapshot-source.ts';
import type { RawChange, Subject } from './subject.ts';

const ARENA_SIZE = 72 * 1024;
const PEER_OFFSET = 64;
const PEER_PORT = 40_000;
const MESSAGE_OFFSET = 4096;
const MESSAGE_CAPACITY = 66_000;
const THREAD_ID = 1;

export interface InProcessOptions {
  /** largest UDP response, octets */
  readonly udpSizeMax?: number;
  readonly nsid?: string;
  readonly hashSeed?: number;
}

export class InProcessSubject implements Subject {
  readonly name = 'in process';
  readonly #source: SnapshotSource;
  readonly #arena = new Uint8Array(new ArrayBuffer(ARENA_SIZE));
  readonly #answerer: Answerer;

  constructor(options: InProcessOptions = {}) {
    this.#source = new SnapshotSource({
      ...(options.hashSeed === undefined ? {} : { hashSeed: options.hashSeed }),
      policy: {
        udpSizeMax: options.udpSizeMax ?? 1232,
        nsid: new TextEncoder().encode(options.nsid ?? ''),
      },
    });
    this.#answerer = new Answerer({
      buffer: this.#source.buffer,
      readerSlot: this.#source.builder.epochs.claimSlot(THREAD_ID),
      arena: this.#arena.buffer,
      messageCapacity: MESSAGE_CAPACITY,
      counters: createShardCounters(createCounterBuffer(1, SCOPE_COUNT), SCOPE_COUNT, 0),
      cookieSecret: new Uint8Array(16),
    });
  }

  /** The snapshot's memory. */
  get buffer(): SharedArrayBuffer {
    return this.#source.buffer;
  }

  load(objects: readonly RawObject[], options: RecordOptions): void {
    this.#source.load(objects, options);
  }

  /** Apply changes as one set. */
  change(changes: readonly RawChange[]): void {
    this.#source.change(changes);
  }

  /** @param peer  octets of the client's address, 4 or 16 */
  ask(query: Uint8Array, peer: readonly number[] = [192, 0, 2, 1]): Uint8Array | undefined {
    this.#arena.set(peer, PEER_OFFSET);
    this.#arena.set(query, MESSAGE_OFFSET);
    this.#answerer.enterBatch();
    try {
      const size = this.#answerer.answer(LISTENER, MESSAGE_OFFSET, query.length, PEER_OFFSET, peer.length, PEER_PORT);
      return size === 0 ? undefined : this.#arena.slice(MESSAGE_OFFSET, MESSAGE_OFFSET + size);
    } finally {
      this.#answerer.leaveBatch();
    }
  }
}
