/** A TcpService in this thread, over a snapshot with names that are answered at once, hugely, or later. */
import type { TestContext } from 'node:test';
import type { QueryForwarder } from '../../../src/answer/answerer-options.ts';
import { CLASS, TYPE } from '../../../src/dns/iana.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { createTcpCells, tcpCellsOf, TCP_CELLS } from '../../../src/observability/counters/tcp-metrics.ts';
import { DEFAULT_TCP_TIMEOUTS } from '../../../src/resolver/resolver-options.ts';
import type { TcpLimits, TcpListenerOptions, TcpTimeouts } from '../../../src/resolver/resolver-options.ts';
import { StreamAnswerer } from '../../../src/resolver/stream-answerer.ts';
import { TcpService } from '../../../src/resolver/tcp-service.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { DEFAULT_POLICY } from '../../../src/snapshot/config-description.ts';
import type { StepDescription } from '../../../src/snapshot/config-description.ts';
import { TEST_LIMITS } from '../../conformance/tcp-subject.ts';
import { freeTcpPort } from '../../wire/free-port.ts';
import { nameToWire, parseName } from '../../wire/names.ts';
import { buildQuery, u16 } from '../../wire/query.ts';
import { TcpClient, type TcpClientOptions } from '../../wire/tcp-client.ts';

export const LISTENER = 3;
const ADDRESS = '127.0.0.1';
/** Records of the response for `huge.test`, which has some 60,000 octets. */
export const HUGE_COUNT = 220;

export interface LaterQuery {
  readonly token: number;
  /** the response that is to come: NOERROR with nothing in it */
  readonly response: Uint8Array;
}

export class TestTcp {
  readonly service: TcpService;
  readonly cells: Int32Array;
  /** queries for `later.test` that wait, in order */
  readonly later: LaterQuery[] = [];
  readonly clients: TcpClient[] = [];
  /** what the answerer met */
  readonly panics: unknown[] = [];
  /** the answerer fails on `later.test` */
  isBroken = false;
  port = 0;
  /** what it had for the log */
  readonly lines: string[] = [];
  readonly #timeouts: TcpTimeouts;
  readonly #more: Partial<TcpListenerOptions>;

  constructor(limits: Partial<TcpLimits>, timeouts: Partial<TcpTimeouts>, more: Partial<TcpListenerOptions>) {
    this.#more = more;
    const buffer = reserveSharedBuffer({ sizeMax: 4 << 20 });
    const builder = new SnapshotBuilder(buffer);
    builder.setConfig({
      listeners: [
        {
          id: LISTENER,
          routes: [
            route('one.test', fixed([address()])),
            route('huge.test', fixed(Array.from({ length: HUGE_COUNT }, text))),
            route('later.test', { kind: 'forward', group: 0 }),
          ],
        },
      ],
    });
    builder.publish(1);
    this.cells = tcpCellsOf(createTcpCells(1), 0);
    this.#timeouts = { ...DEFAULT_TCP_TIMEOUTS, ...timeouts };
    const answerer: StreamAnswerer = new StreamAnswerer({
      buffer,
      readerSlot: builder.epochs.claimSlot(1),
      cookieSecret: new Uint8Array(16),
      counters: createShardCounters(createCounterBuffer(1, 2), 2, 0),
      forwarder: {
        forward: (...query) => this.#forward(answerer, ...query),
        refresh: () => undefined,
        isFailureOver: () => false,
      },
      onPanic: (error) => this.panics.push(error),
    });
    this.service = new TcpService({
      answerer,
      limits: { ...TEST_LIMITS, ...limits },
      isPortShared: false,
      cells: this.cells,
      log: (line) => this.lines.push(line),
    });
  }

  async open(): Promise<void> {
    this.port = await freeTcpPort(ADDRESS);
    await this.service.listen([this.listenerAt(this.port)]);
    this.service.open();
  }

  listenerAt(port: number, timeouts: Partial<TcpTimeouts> = {}): TcpListenerOptions {
    const all = { ...this.#timeouts, ...timeouts };
    return { listener: LISTENER, address: ADDRESS, port, isV6Only: false, timeouts: all, ...this.#more };
  }

  async connect(options: Partial<TcpClientOptions> = {}): Promise<TcpClient> {
    const client = await TcpClient.open({ port: this.port, ...options });
    this.clients.push(client);
    return client;
  }

  /** Send the responses of queries that wait, by their index in `later`. */
  respond(...indexes: readonly number[]): void {
    for (const index of indexes) this.service.respond(this.later[index]!.token, this.later[index]!.response);
  }

  counted(cell: keyof typeof TCP_CELLS.at): number {
    return Atomics.load(this.cells, TCP_CELLS.at[cell]);
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.service.drain(0);
  }

  #forward(answerer: StreamAnswerer, ...[, query]: Parameters<QueryForwarder['forward']>): boolean {
    if (this.isBroken) throw new Error('broken on purpose');
    const at = StreamAnswerer.MESSAGE_AT;
    const response = answerer.octets.slice(at, query.questionEnd);
    response[2] = 0x80;
    response.fill(0, 6, 12);
    this.later.push({ token: this.service.currentToken, response });
    return true;
  }
}

/** A service that listens; ended when the test ends. */
export async function startTcp(
  t: TestContext,
  limits: Partial<TcpLimits> = {},
  timeouts: Partial<TcpTimeouts> = {},
  more: Partial<TcpListenerOptions> = {},
): Promise<TestTcp> {
  const tcp = new TestTcp(limits, timeouts, more);
  t.after(() => tcp.close());
  await tcp.open();
  return tcp;
}

export const ask = (name: string, id = 1): Uint8Array => buildQuery({ name, type: TYPE.A, id });
export const idOf = (message: Buffer): number => message.readUInt16BE(0);
export const answerCountOf = (message: Buffer): number => message.readUInt16BE(6);

/** Poll until `condition` holds, or fail after 10 s. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within 10 s: ${what}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 5);
    await promise;
  }
}

function route(zone: string, step: StepDescription) {
  return { zone: nameToWire(parseName(zone)), scope: 1, policy: DEFAULT_POLICY, steps: [step] };
}

function fixed(answers: readonly Uint8Array[]): StepDescription {
  return { kind: 'fixedAnswer', qtype: 255, rcode: 0, extendedError: -1, answers, authorities: [], additionals: [] };
}

function address(): Uint8Array {
  return record(TYPE.A, [10, 0, 0, 1]);
}

function text(): Uint8Array {
  return record(TYPE.TXT, [255, ...new Uint8Array(255)]);
}

function record(type: number, rdata: readonly number[]): Uint8Array {
  return Uint8Array.from([0xc0, 12, ...u16(type), ...u16(CLASS.IN), 0, 0, 0, 60, ...u16(rdata.length), ...rdata]);
}
