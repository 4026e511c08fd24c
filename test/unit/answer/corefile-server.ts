/** A Corefile's text, compiled and asked in this thread: whole blocks with their scopes, policies and records. */
import { Answerer } from '../../../src/answer/answerer.ts';
import type { QueryForwarder } from '../../../src/answer/answerer-options.ts';
import { rcodeName, typeName } from '../../../src/dns/iana.ts';
import { parseType } from '../../../src/dns/records/record-words.ts';
import { decodeObjects } from '../../../src/kubernetes/decode.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { CounterCollector } from '../../../src/observability/counters/counter-collector.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { QueryEventWriter } from '../../../src/observability/queries/query-event-writer.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { compileCorefile } from '../../../src/server/compile/compile-corefile.ts';
import type { ServerPlan } from '../../../src/server/configuration/server-plan.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import { publishZone } from '../../../src/zones/publish-zone.ts';
import type { Zone } from '../../../src/zones/zone-data.ts';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';
import { formatName } from '../../wire/names.ts';
import { buildQuery, type QuerySpec } from '../../wire/query.ts';
import { decodeStrictly, type DecodedMessage } from '../../wire/strict-message.ts';
import { read } from '../plugins/corefile-fixture.ts';

const PEER_OFFSET = 64;
const MESSAGE_OFFSET = 4096;

export interface CorefileServerOptions {
  /** of every `kubernetes` */
  readonly objects?: readonly RawObject[];
  readonly forwarder?: QueryForwarder;
  /** of every `file`, in their order */
  readonly zones?: readonly Zone[];
  /** of createQueryEventBuffer */
  readonly eventBuffer?: SharedArrayBuffer;
}

export interface Asked extends Partial<QuerySpec> {
  /** 4 or 16 octets */
  readonly peer?: readonly number[];
  readonly isStream?: boolean;
  /** index of the address in the plan */
  readonly listener?: number;
}

export class CorefileServer {
  readonly plan: ServerPlan;
  readonly builder: SnapshotBuilder;
  readonly buffer: SharedArrayBuffer;
  readonly #arena = new Uint8Array(new ArrayBuffer(72 * 1024));
  readonly #answerer: Answerer;
  readonly #counterBuffer: SharedArrayBuffer;
  readonly #shard: ReturnType<typeof createShardCounters>;
  readonly #events: QueryEventWriter | undefined;

  constructor(text: string, { objects = [], zones = [], forwarder, eventBuffer }: CorefileServerOptions = {}) {
    const indexes = new Map<string, number>();
    const indexOf = (value: unknown): number => {
      const key = JSON.stringify(value);
      if (!indexes.has(key)) indexes.set(key, indexes.size);
      return indexes.get(key)!;
    };
    this.plan = compileCorefile(read(text), {
      version: '0.0.0',
      hostName: 'host',
      numberOfGroup: indexOf,
      indexOfCacheProfile: indexOf,
    });
    const buffer = reserveSharedBuffer({ sizeMax: 8 << 20 });
    const builder = new SnapshotBuilder(buffer);
    for (const { dataset, options } of this.plan.records) {
      const records = new ClusterRecords(options, builder.dataset(dataset));
      records.apply(objects.flatMap((raw) => decodeObjects(raw).map((object) => ({ op: 'put' as const, object }))));
      builder.dataset(dataset).setSynced(true);
    }
    for (const [index, zone] of zones.entries()) {
      for (const _ of publishZone(builder.dataset(this.plan.zones[index]!.dataset), zone)) void _;
    }
    builder.setConfig(this.plan.config);
    builder.publish(1);
    this.builder = builder;
    this.buffer = buffer;
    verifySnapshot(buffer);
    this.#counterBuffer = createCounterBuffer(1, this.plan.scopes.length);
    this.#shard = createShardCounters(this.#counterBuffer, this.plan.scopes.length, 0);
    this.#events = eventBuffer === undefined ? undefined : new QueryEventWriter(eventBuffer, 0);
    this.#answerer = new Answerer({
      buffer,
      readerSlot: builder.epochs.claimSlot(1),
      arena: this.#arena.buffer,
      messageCapacity: 66_000,
      counters: this.#shard,
      cookieSecret: new Uint8Array(16),
      ...(forwarder === undefined ? {} : { forwarder }),
      events: this.#events,
    });
  }

  /** Counted so far. */
  get counters(): CounterCollector {
    this.#shard.publish();
    const collector = new CounterCollector(this.#counterBuffer);
    collector.collect();
    return collector;
  }

  /** What `answer` returns. */
  sizeFor(query: Uint8Array, { peer = [192, 0, 2, 1], isStream = false, listener = 0 }: Asked = {}): number {
    this.#arena.set(peer, PEER_OFFSET);
    this.#arena.set(query, MESSAGE_OFFSET);
    const answerer = this.#answerer;
    answerer.enterBatch();
    const size = isStream
      ? answerer.answerStream(listener, MESSAGE_OFFSET, query.length, PEER_OFFSET, peer.length, 40_000)
      : answerer.answer(listener, MESSAGE_OFFSET, query.length, PEER_OFFSET, peer.length, 40_000);
    answerer.leaveBatch();
    this.#events?.commit(1);
    return size;
  }

  askWire(question: string, asked: Asked = {}): DecodedMessage {
    const [name, type] = question.split(' ');
    const size = this.sizeFor(buildQuery({ name: name!, type: parseType(type!)!, ...asked }), asked);
    return decodeStrictly(this.#arena.slice(MESSAGE_OFFSET, MESSAGE_OFFSET + size));
  }

  /** Ask `NAME TYPE`. @returns the rcode, then a line a record of the answer: type and data */
  ask(question: string, asked: Asked = {}): string[] {
    const { rcode, answer } = this.askWire(question, asked);
    return [rcodeName(rcode), ...answer.map(({ type, rdata }) => `${typeName(type)} ${rdata}`)];
  }

  /** The same with the owner names of all sections. */
  askWhole(question: string, asked: Asked = {}): string[] {
    const message = this.askWire(question, asked);
    return [
      rcodeName(message.rcode),
      ...[...message.answer, ...message.authority, ...message.additional].map(
        ({ owner, ttlSeconds, type, rdata }) => `${formatName(owner)} ${ttlSeconds} ${typeName(type)} ${rdata}`,
      ),
    ];
  }
}
