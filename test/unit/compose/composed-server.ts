/** A server in this thread, from a Corefile's text to responses, with upstreams that answer as a test says. */
import dnsPacket from 'dns-packet';
import { Answerer, ANSWER_PENDING } from '../../../src/answer/answerer.ts';
import { loadComposer } from '../../../src/compose/load-composer.ts';
import { parseType } from '../../../src/dns/records/record-words.ts';
import { typeName } from '../../../src/dns/iana.ts';
import { createForwardBuffer } from '../../../src/forward/forward-buffer.ts';
import { ForwardGroupTable } from '../../../src/forward/group-table.ts';
import type { ForwardTransport, UpstreamRegistrar } from '../../../src/forward/forward-transport.ts';
import { Forwarder } from '../../../src/forward/forwarder.ts';
import { WAITERS_MAX } from '../../../src/forward/transaction-table.ts';
import { decodeObjects } from '../../../src/kubernetes/decode.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { CounterCollector } from '../../../src/observability/counters/counter-collector.ts';
import { createCounterBuffer, SCOPE_CELLS } from '../../../src/observability/counters/counter-layout.ts';
import { createQueryEventBuffer } from '../../../src/observability/queries/query-event-ring.ts';
import { QueryEventWriter } from '../../../src/observability/queries/query-event-writer.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { compileCorefile } from '../../../src/server/compile/compile-corefile.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';
import { parseAddress } from '../../wire/addresses.ts';
import { formatName } from '../../wire/names.ts';
import { buildQuery, type QuerySpec } from '../../wire/query.ts';
import { decodeStrictly, type DecodedMessage } from '../../wire/strict-message.ts';
import { messageLines } from '../answer/chain-fixture.ts';
import { read } from '../plugins/corefile-fixture.ts';

const IO_ROOM = 65_536;
const REPLY_AT = 0;
const RESPONSE_AT = IO_ROOM;
const QUERY_AT = 2 * IO_ROOM;
const IO_SIZE = 2 * IO_ROOM + 512;
const PEER_AT = 0;
const MESSAGE_AT = 64;
const ARENA_SIZE = 72 * 1024;

/** What an upstream answers: `NAME TYPE` to records `NAME TTL TYPE DATA`, or a failure; nothing: NXDOMAIN with a SOA record. */
export type UpstreamData = Readonly<Record<string, readonly string[] | 'NODATA' | 'SERVFAIL' | 'silent'>>;

export interface ComposedOptions {
  readonly corefile: string;
  readonly upstream?: UpstreamData;
  readonly objects?: readonly RawObject[];
  readonly hostSearch?: readonly string[];
  /** clients ask over streams */
  readonly isStream?: boolean;
  readonly files?: Readonly<Record<string, string>>;
}

export interface AskOptions extends Partial<QuerySpec> {
  /** address of the client */
  readonly peer?: string;
}

export class ComposedServer implements ForwardTransport, UpstreamRegistrar {
  readonly forwarder: Forwarder;
  readonly warnings: readonly string[];
  upstream: UpstreamData;
  /** questions that upstreams got, in their order */
  readonly asked: string[] = [];
  readonly responses: { readonly client: number; readonly message: DecodedMessage }[] = [];
  readonly events: QueryEventWriter;
  readonly eventBuffer: SharedArrayBuffer;
  replySocket = 1;
  nowMs = 1000;
  readonly #builder: SnapshotBuilder;
  readonly #answerer: Answerer;
  readonly #arena = new ArrayBuffer(ARENA_SIZE);
  readonly #octets: Buffer;
  readonly #inFlight: { readonly octets: Buffer; readonly attempt: number; readonly text: string }[] = [];
  readonly #clientOf = new Int32Array(WAITERS_MAX + 1);
  readonly #isStream: boolean;
  readonly #counters: SharedArrayBuffer;
  readonly #shard: ReturnType<typeof createShardCounters>;
  readonly #scopeCount: number;
  #clientCount = 0;

  constructor(options: ComposedOptions) {
    const { corefile, upstream = {}, objects = [], hostSearch = [] } = options;
    this.upstream = upstream;
    this.#isStream = options.isStream ?? false;
    const forwardBuffer = createForwardBuffer(1);
    const groups = new ForwardGroupTable(forwardBuffer);
    const plan = compileCorefile(read(corefile, options.files), {
      version: '0.0.0',
      hostName: 'host',
      hostSearch,
      numberOfGroup: (group) => groups.hold(group),
      indexOfCacheProfile: () => 0,
    });
    this.warnings = plan.warnings;
    const buffer = reserveSharedBuffer({ sizeMax: 4 << 20 });
    this.#builder = new SnapshotBuilder(buffer);
    for (const { dataset, options: records } of plan.records) {
      const builder = this.#builder.dataset(dataset);
      const changes = objects.flatMap((object) =>
        decodeObjects(object, {}).map((decoded) => ({ op: 'put' as const, object: decoded })),
      );
      new ClusterRecords(records, builder).apply(changes);
      builder.setSynced(true);
    }
    for (const { dataset } of plan.zones) this.#builder.dataset(dataset);
    this.#builder.setConfig(plan.config);
    this.#builder.publish(1);
    this.#scopeCount = plan.scopes.length;
    this.#counters = createCounterBuffer(1, this.#scopeCount);
    this.#shard = createShardCounters(this.#counters, this.#scopeCount, 0);
    this.eventBuffer = createQueryEventBuffer(1);
    this.events = new QueryEventWriter(this.eventBuffer, 0);
    this.forwarder = new Forwarder({
      buffer: forwardBuffer,
      shard: 0,
      counters: this.#shard,
      events: this.events,
      ioSize: (IO_SIZE + 63) & ~63,
    });
    this.#octets = Buffer.from(this.forwarder.arena);
    this.forwarder.start(this);
    this.forwarder.nowMs = this.nowMs;
    this.#answerer = new Answerer({
      buffer,
      readerSlot: this.#builder.epochs.claimSlot(1),
      arena: this.#arena,
      messageCapacity: this.#isStream ? 65_544 : 4096,
      counters: this.#shard,
      events: this.events,
      cookieSecret: new Uint8Array(16),
      forwarder: this.forwarder,
      createComposer: loadComposer,
    });
  }

  /** Ask `NAME TYPE`. @returns as messageLines says, or `withheld` */
  ask(question: string, options: AskOptions = {}): string[] {
    const message = this.askWire(question, options);
    return message === undefined ? ['withheld'] : messageLines(message);
  }

  askWire(question: string, options: AskOptions = {}): DecodedMessage | undefined {
    const client = this.send(question, options);
    this.settle();
    return this.responseTo(client);
  }

  /** A client asks. What is asked upstream waits for `settle`. @returns number of the client */
  send(question: string, { peer = '192.0.2.1', ...spec }: AskOptions = {}): number {
    const [name, type] = question.split(' ');
    return this.sendMessage(buildQuery({ name: name!, type: parseType(type!)!, ...spec }), peer);
  }

  /** The same with a message. */
  sendMessage(query: Uint8Array, peer = '192.0.2.1'): number {
    const octets = new Uint8Array(this.#arena);
    const address = parseAddress(peer)!;
    octets.set(address, PEER_AT);
    octets.set(query, MESSAGE_AT);
    const client = ++this.#clientCount;
    const answerer = this.#answerer;
    answerer.enterBatch();
    const size = this.#isStream
      ? answerer.answerStream(0, MESSAGE_AT, query.length, PEER_AT, address.length, 4000)
      : answerer.answer(0, MESSAGE_AT, query.length, PEER_AT, address.length, 4000);
    answerer.leaveBatch();
    // As the loops do when a batch is answered.
    this.events.commit(0);
    if (size > 0) this.#note(client, octets.slice(MESSAGE_AT, MESSAGE_AT + size));
    if (size !== ANSWER_PENDING && size <= 0) this.responses.push({ client, message: undefined as never });
    return client;
  }

  /** Upstreams answer until nothing is asked any more, but for what they are silent about. */
  settle(): void {
    for (let query = this.#inFlight.shift(); query !== undefined; query = this.#inFlight.shift()) {
      const reply = this.#replyTo(query.text, query.octets);
      if (reply === undefined) continue;
      this.receive(reply);
      this.forwarder.resume();
    }
  }

  receive(reply: Uint8Array): void {
    this.#octets.set(reply, REPLY_AT);
    this.forwarder.receive(REPLY_AT, reply.length);
  }

  /** Time passes in steps of 10 ms. */
  pass(durationMs: number): void {
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs;) {
      this.nowMs += 10;
      this.forwarder.tick(this.nowMs);
      this.forwarder.resume();
    }
  }

  responseTo(client: number): DecodedMessage | undefined {
    return this.responses.find((response) => response.client === client)?.message;
  }

  /** Sum over all scopes of a cell. */
  total(cell: keyof typeof SCOPE_CELLS.at, offset = 0): number {
    this.#shard.publish();
    const collector = new CounterCollector(this.#counters);
    collector.collect();
    let sum = 0;
    for (let scope = 0; scope < this.#scopeCount; scope++) sum += collector.total(scope, SCOPE_CELLS.at[cell] + offset);
    return sum;
  }

  /** Sum of all cells of a kind. */
  sum(cell: 'requests' | 'responses' | 'durations' | 'acl'): number {
    const fields = Object.entries(SCOPE_CELLS.at).sort(([, a], [, b]) => a - b);
    const index = fields.findIndex(([name]) => name === cell);
    const count = (fields[index + 1]?.[1] ?? SCOPE_CELLS.words) - fields[index]![1];
    return Array.from({ length: count }, (_, offset) => this.total(cell, offset)).reduce((a, b) => a + b, 0);
  }

  #note(client: number, octets: Uint8Array): void {
    this.responses.push({ client, message: decodeStrictly(octets) });
  }

  #replyTo(text: string, octets: Buffer): Buffer | undefined {
    const data = this.upstream[text];
    if (data === 'silent') return undefined;
    const query = dnsPacket.decode(octets);
    const records = typeof data === 'object' ? data.map(recordOf) : [];
    const rcode = data === undefined ? 3 : data === 'SERVFAIL' ? 2 : 0;
    const isDenied = data === undefined || data === 'NODATA';
    return dnsPacket.encode({
      type: 'response',
      id: query.id ?? 0,
      flags: 0x0180 | rcode,
      questions: query.questions ?? [],
      answers: records,
      authorities: isDenied ? [SOA] : [],
    });
  }

  saveReturnPath(waiter: number): void {
    this.#clientOf[waiter] = this.#clientCount;
  }

  copyReturnPath(from: number, to: number): void {
    this.#clientOf[to] = this.#clientOf[from]!;
  }

  queryRoom(): number {
    return QUERY_AT;
  }

  queueQuery(_upstream: number, size: number, attempt: number): number {
    const octets = Buffer.from(this.#octets.subarray(QUERY_AT, QUERY_AT + size));
    const [question] = decodeStrictly(octets).questions;
    const text = `${formatName(question!.name)} ${typeName(question!.type)}`;
    this.asked.push(text);
    this.#inFlight.push({ octets, attempt, text });
    return 1;
  }

  streamRoom(): number {
    return QUERY_AT;
  }

  queueStream(): boolean {
    return false;
  }

  responseRoom(): number {
    return RESPONSE_AT;
  }

  queueResponse(waiter: number, size: number): void {
    this.#note(this.#clientOf[waiter]!, Uint8Array.from(this.#octets.subarray(RESPONSE_AT, RESPONSE_AT + size)));
  }

  isReplyFrom(): boolean {
    return true;
  }

  addUpstream(): boolean {
    return true;
  }

  removeUpstream(): void {}
}

const SOA = {
  type: 'SOA',
  name: 'upstream.test',
  ttl: 77,
  data: {
    mname: 'ns.upstream.test',
    rname: 'hostmaster.upstream.test',
    serial: 1,
    refresh: 2,
    retry: 3,
    expire: 4,
    minimum: 5,
  },
} as const;

function recordOf(text: string): dnsPacket.Answer {
  const [name, ttl, type, data] = text.split(' ');
  return { name: name!.replace(/\.$/, ''), ttl: Number(ttl), type, data: data!.replace(/\.$/, '') } as dnsPacket.Answer;
}
