/** Chains of steps without a Corefile, a socket or a thread: asked in this thread, answers as text. */
import { Answerer } from '../../../src/answer/answerer.ts';
import { loadComposer } from '../../../src/compose/load-composer.ts';
import { rcodeName, typeName } from '../../../src/dns/iana.ts';
import { parseName as nameOctets } from '../../../src/dns/name.ts';
import { parseType } from '../../../src/dns/records/record-words.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { CounterCollector } from '../../../src/observability/counters/counter-collector.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import {
  DEFAULT_POLICY,
  type PolicyDescription,
  type StepDescription,
} from '../../../src/snapshot/config-description.ts';
import type { RecordSink } from '../../../src/snapshot/entry-content.ts';
import { publishZone } from '../../../src/zones/publish-zone.ts';
import type { Zone } from '../../../src/zones/zone-data.ts';
import { formatName } from '../../wire/names.ts';
import { buildQuery, type QuerySpec } from '../../wire/query.ts';
import { decodeStrictly, type DecodedMessage, type DecodedRecord } from '../../wire/strict-message.ts';

const PEER_OFFSET = 64;
const MESSAGE_OFFSET = 4096;
const SCOPE = 1;
const SCOPE_COUNT = 32;

export interface ChainOptions {
  /** by zone, with a final dot */
  readonly routes: Readonly<Record<string, readonly StepDescription[]>>;
  /** fills dataset 0 */
  readonly fill?: (sink: RecordSink) => void;
  readonly policy?: Partial<PolicyDescription>;
  /** of dataset 0 */
  readonly isSynced?: boolean;
  /** datasets from 0 on */
  readonly zones?: readonly Zone[];
}

export class Chain {
  readonly #arena = new Uint8Array(new ArrayBuffer(72 * 1024));
  readonly #answerer: Answerer;
  readonly #builder: SnapshotBuilder;
  readonly #counters = createCounterBuffer(1, SCOPE_COUNT);
  readonly #shard = createShardCounters(this.#counters, SCOPE_COUNT, 0);
  #policy: PolicyDescription;
  #routes: ChainOptions['routes'];

  constructor({ routes, fill, policy, isSynced = false, zones = [] }: ChainOptions) {
    const buffer = reserveSharedBuffer({ sizeMax: 4 << 20 });
    this.#builder = new SnapshotBuilder(buffer);
    this.#policy = { ...DEFAULT_POLICY, rotates: false, isShuffled: false, ...policy };
    for (const [index, zone] of zones.entries()) {
      for (const _ of publishZone(this.#builder.dataset(index), zone)) void _;
    }
    fill?.(this.#builder.dataset(0));
    if (isSynced) this.#builder.dataset(0).setSynced(true);
    this.#routes = routes;
    this.setRoutes(routes);
    this.#answerer = new Answerer({
      buffer,
      readerSlot: this.#builder.epochs.claimSlot(1),
      arena: this.#arena.buffer,
      messageCapacity: 66_000,
      counters: this.#shard,
      cookieSecret: new Uint8Array(16),
      createComposer: loadComposer,
    });
  }

  setPolicy(policy: Partial<PolicyDescription>): void {
    this.#policy = { ...this.#policy, ...policy };
    this.setRoutes(this.#routes);
  }

  setRoutes(routes: ChainOptions['routes']): void {
    this.#routes = routes;
    this.#builder.setConfig({
      listeners: [
        {
          id: 0,
          routes: Object.entries(routes).map(([zone, steps]) => ({
            zone: nameOctets(zone)!,
            scope: SCOPE,
            policy: this.#policy,
            steps,
          })),
        },
      ],
    });
    this.#builder.publish(1);
  }

  /** Counted so far. */
  get counters(): CounterCollector {
    this.#shard.publish();
    const collector = new CounterCollector(this.#counters);
    collector.collect();
    return collector;
  }

  askWire(query: Uint8Array, peer: readonly number[] = [192, 0, 2, 1]): DecodedMessage {
    return decodeStrictly(this.askBytes(query, peer));
  }

  askBytes(query: Uint8Array, peer: readonly number[]): Uint8Array {
    const size = this.sizeFor(query, peer);
    return this.#arena.slice(MESSAGE_OFFSET, MESSAGE_OFFSET + size);
  }

  /** What `answer` returns. */
  sizeFor(query: Uint8Array, peer: readonly number[] = [192, 0, 2, 1]): number {
    this.#arena.set(peer, PEER_OFFSET);
    this.#arena.set(query, MESSAGE_OFFSET);
    this.#answerer.enterBatch();
    const size = this.#answerer.answer(0, MESSAGE_OFFSET, query.length, PEER_OFFSET, peer.length, 40_000);
    this.#answerer.leaveBatch();
    return size;
  }

  /**
   * Ask `NAME TYPE`.
   *
   * @returns rcode and flags, then a line a record: the section unless it is the answer, owner, TTL, type, data
   */
  ask(question: string, more: Partial<QuerySpec> & { readonly peer?: readonly number[] } = {}): string[] {
    const [name, type] = question.split(' ');
    const { peer, ...spec } = more;
    return messageLines(this.askWire(buildQuery({ name: name!, type: parseType(type!)!, ...spec }), peer));
  }
}

/** Rcode and flags, then a line a record: the section unless it is the answer, owner, TTL, type, data. */
export function messageLines(message: DecodedMessage): string[] {
  const flags = `${rcodeName(message.rcode)}${message.aa ? ' aa' : ''}${message.tc ? ' tc' : ''}`;
  const ede = message.opt?.options.find(({ code }) => code === 15)?.data;
  const lines =
    ede === undefined
      ? [flags]
      : [`${flags} EDE ${ede[0]! * 256 + ede[1]!} ${Buffer.from(ede.subarray(2)).toString()}`.trim()];
  for (const section of ['answer', 'authority', 'additional'] as const) {
    lines.push(...message[section].map((record) => (section === 'answer' ? '' : `${section} `) + recordLine(record)));
  }
  return lines;
}

function recordLine({ owner, ttlSeconds, type, rdata }: DecodedRecord): string {
  return `${formatName(owner)} ${ttlSeconds} ${typeName(type)} ${rdata}`;
}
