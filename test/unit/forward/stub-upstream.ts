/** An upstream server for tests: it records what it is asked and answers as a test says. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { TestContext } from 'node:test';
import { decodeStrictly, type DecodedMessage } from '../../wire/strict-message.ts';
import { u16 } from '../../wire/query.ts';

export interface UpstreamQuery {
  readonly octets: Buffer;
  readonly message: DecodedMessage;
  readonly from: RemoteInfo;
}

export type UpstreamHandler = (query: UpstreamQuery, stub: StubUpstream) => void;

export class StubUpstream {
  readonly queries: UpstreamQuery[] = [];
  readonly socket: Socket;
  handler: UpstreamHandler;

  private constructor(socket: Socket, handler: UpstreamHandler) {
    this.socket = socket;
    this.handler = handler;
    socket.on('message', (octets, from) => {
      const query = { octets, message: decodeStrictly(octets), from };
      this.queries.push(query);
      this.handler(query, this);
    });
  }

  /** @param handler  by default every question gets one A record, 192.0.2.1 */
  static async open(t: TestContext, handler: UpstreamHandler = answerA, address = '127.0.0.1'): Promise<StubUpstream> {
    const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 * 1024 * 1024 });
    t.after(() => socket.close());
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.bind(0, address, resolve);
    await promise;
    return new StubUpstream(socket, handler);
  }

  get address(): { address: string; port: number } {
    const { address, port } = this.socket.address();
    return { address, port };
  }

  send(octets: Uint8Array, to: RemoteInfo): void {
    this.socket.send(octets, to.port, to.address);
  }
}

export function answerA(query: UpstreamQuery, stub: StubUpstream): void {
  stub.send(reply(query, { answers: [aRecord(1)] }), query.from);
}

export function silent(): void {
  // the query is recorded and that is all
}

export interface ReplySpec {
  /** beside QR: AA 0x400, TC 0x200, RA 0x80, AD 0x20; rcode in the low bits. RA if not given */
  readonly flags?: number;
  readonly id?: number;
  /** octets of the question, as asked if not given */
  readonly question?: Uint8Array;
  readonly answers?: readonly Uint8Array[];
  readonly authorities?: readonly Uint8Array[];
  readonly additionals?: readonly Uint8Array[];
}

/** A reply to a query. */
export function reply(query: UpstreamQuery, spec: ReplySpec = {}): Uint8Array {
  const { answers = [], authorities = [], additionals = [] } = spec;
  const question = spec.question ?? questionOf(query.octets);
  const flags = 0x8000 | (query.octets.readUInt16BE(2) & 0x0100) | (spec.flags ?? 0x80);
  const head = [spec.id ?? query.message.id, flags, 1, answers.length, authorities.length, additionals.length];
  return Buffer.concat([Uint8Array.from(head.flatMap(u16)), question, ...answers, ...authorities, ...additionals]);
}

/** The octets of a query's question. */
export function questionOf(octets: Buffer): Buffer {
  let end = 12;
  while (octets[end]! !== 0) end += octets[end]! + 1;
  return octets.subarray(12, end + 5);
}

/** A record owned by the name at `owner`, a compression pointer's offset. */
export function record(type: number, data: readonly number[], ttlSeconds = 60, owner = 12): Uint8Array {
  return Uint8Array.from([0xc0, owner, ...u16(type), 0, 1, 0, 0, ...u16(ttlSeconds), ...u16(data.length), ...data]);
}

export function aRecord(last: number): Uint8Array {
  return record(1, [192, 0, 2, last]);
}

export function optRecord(options: readonly number[] = [], extendedRcode = 0): Uint8Array {
  return Uint8Array.from([0, 0, 41, 4, 208, extendedRcode, 0, 0, 0, ...u16(options.length), ...options]);
}
