/** Zones sent to clients that take as much as a test lets them. */
import { TYPE } from '../../../src/dns/iana.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { CounterCollector } from '../../../src/observability/counters/counter-collector.ts';
import { TRANSFERS_MAX } from '../../../src/resolver/resolver-options.ts';
import { STREAM_ARENA_SIZE, StreamAnswerer } from '../../../src/resolver/stream-answerer.ts';
import { TransferReport } from '../../../src/transfer/transfer-report.ts';
import { TcpZoneSender, type TransferClients } from '../../../src/transfer/zone-sender.ts';
import { buildQuery, type QuerySpec } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { LISTENER, lineOf, type Zones } from './zone-fixture.ts';

const PEER = [192, 0, 2, 7];

/** One connection, as the sender sees it. */
export class Connection {
  readonly token: number;
  /** messages without their lengths */
  readonly messages: Buffer[] = [];
  /** messages it takes before the sender has to wait */
  room = Infinity;
  isComplete = false;
  isCut = false;

  constructor(token: number) {
    this.token = token;
  }

  get rcodes(): number[] {
    return this.messages.map((message) => decodeStrictly(message).rcode);
  }

  get lines(): string[] {
    return this.messages.flatMap((message) => decodeStrictly(message).answer.map(lineOf));
  }
}

export class Sending implements TransferClients {
  readonly sender: TcpZoneSender;
  readonly log: string[] = [];
  readonly panics: unknown[] = [];
  readonly #answerer: StreamAnswerer;
  readonly #counters = createCounterBuffer(1, 2);
  readonly #connections = new Map<number, Connection>();
  #current = 0;

  constructor(zones: Zones) {
    const arena = new ArrayBuffer(STREAM_ARENA_SIZE);
    const counters = createShardCounters(this.#counters, 2, 0);
    const onPanic = (error: unknown): number => this.panics.push(error);
    const claim = (): number => zones.builder.epochs.claimSlot(1);
    this.sender = new TcpZoneSender({
      buffer: zones.buffer,
      pinSlots: Array.from({ length: TRANSFERS_MAX }, claim),
      report: new TransferReport(counters, undefined, arena),
      clientArena: arena,
      onPanic,
      log: (_, text) => this.log.push(text),
    });
    this.#answerer = new StreamAnswerer({
      buffer: zones.buffer,
      readerSlot: claim(),
      arena,
      cookieSecret: new Uint8Array(16),
      counters,
      transfers: this.sender,
      onPanic,
    });
    this.sender.start(this);
  }

  get currentToken(): number {
    return this.#current;
  }

  sendPart(token: number, framed: Buffer, isLast: boolean): boolean {
    const connection = this.#connections.get(token)!;
    connection.messages.push(framed.subarray(2));
    connection.isComplete = isLast;
    return --connection.room > 0;
  }

  cut(token: number): void {
    this.#connections.get(token)!.isCut = true;
  }

  /** A connection with one question, `room` of whose messages it takes. */
  ask(query: Partial<QuerySpec> | Uint8Array = {}, room = Infinity): Connection {
    const connection = new Connection(this.#connections.size + 1);
    connection.room = room;
    this.#connections.set(connection.token, connection);
    this.#current = connection.token;
    const octets =
      query instanceof Uint8Array ? query : buildQuery({ name: 'cluster.local.', type: TYPE.AXFR, ...query });
    this.#answerer.octets.set(octets, StreamAnswerer.MESSAGE_AT);
    this.#answerer.enter(Uint8Array.from(PEER), 40_000);
    const size = this.#answerer.answer(LISTENER, octets.length, { idleTimeoutMs: 10_000, isEncrypted: false });
    this.#answerer.leave();
    const own = this.#answerer.take();
    if (size > 0 && own !== undefined) connection.messages.push(own.subarray(2));
    return connection;
  }

  /** The client takes messages again. */
  resume(connection: Connection, room = Infinity): void {
    connection.room = room;
    this.sender.onReady(connection.token);
  }

  get counters(): CounterCollector {
    const collector = new CounterCollector(this.#counters);
    collector.collect();
    return collector;
  }
}
