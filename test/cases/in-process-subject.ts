/** Objects → decoder → cluster state → records → snapshot → answerer, in this thread: all but the sockets. */
import { Answerer } from '../../src/answer/answerer.ts';
import { decodeObjects } from '../../src/kubernetes/decode.ts';
import { parseLabelSelector } from '../../src/kubernetes/label-selector.ts';
import type { ClusterObject, ObjectChange } from '../../src/kubernetes/objects.ts';
import { reserveSharedBuffer } from '../../src/memory/shared-buffer.ts';
import { createCounterBuffer } from '../../src/observability/counter-layout.ts';
import { createShardCounters, type ShardCounters } from '../../src/observability/shard-counters.ts';
import { ClusterRecords } from '../../src/records/cluster-records.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { SnapshotBuilder } from '../../src/snapshot/builder.ts';
import type { SnapshotConfig } from '../../src/snapshot/config-writer.ts';
import { lowerAscii, nameToWire, parseName } from '../wire/names.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import type { RawChange, Subject } from './subject.ts';

const BUFFER_SIZE = 4 << 20;
const ARENA_SIZE = 72 * 1024;
const MESSAGE_OFFSET = 4096;
const PEER_OFFSET = 64;
const MESSAGE_CAPACITY = 66_000;
const LISTENER = 0;
const SERIAL = 1_700_000_000;

export interface InProcessOptions {
  /** largest UDP response, octets */
  readonly udpSizeMax?: number;
  readonly cookieSecret?: Uint8Array;
  readonly nsid?: string;
  readonly hashSeed?: number;
}

export class InProcessSubject implements Subject {
  readonly name = 'in process';
  readonly #options: InProcessOptions;
  readonly #arena = new Uint8Array(new ArrayBuffer(ARENA_SIZE));
  #records: ClusterRecords | undefined;
  #builder: SnapshotBuilder | undefined;
  #answerer: Answerer | undefined;
  #recordOptions: RecordOptions | undefined;
  #buffer: SharedArrayBuffer | undefined;

  constructor(options: InProcessOptions = {}) {
    this.#options = options;
  }

  /** The snapshot's memory. */
  get buffer(): SharedArrayBuffer {
    return this.#buffer!;
  }

  load(objects: readonly RawObject[], options: RecordOptions): void {
    const { hashSeed } = this.#options;
    this.#recordOptions = options;
    this.#buffer = reserveSharedBuffer({ sizeMax: BUFFER_SIZE, ...(hashSeed === undefined ? {} : { hashSeed }) });
    this.#builder = new SnapshotBuilder(this.#buffer);
    this.#builder.setConfig(configOf(options));
    this.#records = new ClusterRecords(options, this.#builder.dataset(0));
    this.change(objects.map((object) => ({ op: 'put', object })));
    this.#builder.dataset(0).setSynced(true);
    this.#builder.publish(SERIAL);
    this.#answerer = new Answerer({
      buffer: this.#buffer,
      readerSlot: this.#builder.epochs.claimSlot(1),
      arena: this.#arena.buffer,
      messageCapacity: MESSAGE_CAPACITY,
      counters: newCounters(),
      udpSizeMax: this.#options.udpSizeMax ?? 1232,
      cookieSecret: this.#options.cookieSecret ?? new Uint8Array(16),
      nsid: new TextEncoder().encode(this.#options.nsid ?? ''),
    });
  }

  /** Apply changes as one set. */
  change(changes: readonly RawChange[]): void {
    this.#records!.apply(changes.flatMap((change) => this.#decode(change)));
    this.#builder!.publish(SERIAL);
  }

  /** @param peer  octets of the client's address, 4 or 16 */
  ask(query: Uint8Array, peer: readonly number[] = [192, 0, 2, 1]): Uint8Array | undefined {
    const answerer = this.#answerer!;
    this.#arena.set(peer, PEER_OFFSET);
    this.#arena.set(query, MESSAGE_OFFSET);
    answerer.enterBatch();
    try {
      const size = answerer.answer(LISTENER, MESSAGE_OFFSET, query.length, PEER_OFFSET, peer.length);
      return size === 0 ? undefined : this.#arena.slice(MESSAGE_OFFSET, MESSAGE_OFFSET + size);
    } finally {
      answerer.leaveBatch();
    }
  }

  #decode(change: RawChange): ObjectChange[] {
    const selector = this.#recordOptions!.labels;
    const decoded = decodeObjects(
      change.object,
      selector === undefined ? {} : { labels: parseLabelSelector(selector) },
    );
    const deletion: ObjectChange = {
      op: 'delete',
      kind: change.object.kind,
      namespace: change.object.kind === 'Namespace' ? '' : (change.object.metadata.namespace ?? 'default'),
      name: change.object.metadata.name,
    };
    // What no longer counts for DNS after a change is gone.
    if (change.op === 'delete' || decoded.length === 0) return [deletion];
    return decoded.map((object: ClusterObject) => ({ op: 'put', object }));
  }
}

function newCounters(): ShardCounters {
  return createShardCounters(createCounterBuffer(1, 2), 2, 0);
}

function configOf(options: RecordOptions): SnapshotConfig {
  const isReverse = (zone: string) => /(^|\.)(in-addr|ip6)\.arpa$/.test(zone);
  const primary = options.zones.find((zone) => !isReverse(zone)) ?? '';
  const routes = options.zones.map((zone) => ({
    zone: nameToWire(parseName(lowerAscii(zone))),
    scope: 1,
    steps: [
      {
        kind: 'kubernetes' as const,
        dataset: 0,
        ttlSeconds: options.ttlSeconds,
        isPodsInsecure: options.pods === 'insecure',
        isZonal: options.zonal,
        primary: nameToWire(parseName(primary)),
      },
    ],
  }));
  return { listeners: [{ id: LISTENER, routes }] };
}
