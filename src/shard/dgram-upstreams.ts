/** Upstream servers on the native-free transport: 16 event-loop sockets a family on random ports, one replaced every few seconds. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { CLIENT_RESPONSE_MAX, UPSTREAM_QUERY_MAX, type ForwardTransport } from '../forward/forward-transport.ts';
import type { Forwarder, UpstreamRegistrar } from '../forward/forwarder.ts';
import { WAITERS_MAX } from '../forward/transaction-table.ts';

const SOCKETS = 16;
/** How often one socket is replaced, and how long the old one waits for responses. */
const REPLACE_INTERVAL_MS = 5000;
const RECEIVE_BUFFER_SIZE = 512 * 1024;

const REPLY_AT = 0;
const REPLY_MAX = 4096;
const RESPONSE_AT = REPLY_MAX;
const QUERY_AT = RESPONSE_AT + CLIENT_RESPONSE_MAX;
/** Octets of the forwarder's arena that this transport works in. */
export const DGRAM_IO_SIZE: number = (QUERY_AT + UPSTREAM_QUERY_MAX + 63) & ~63;

interface UpstreamSocket {
  readonly socket: Socket;
  readonly number: number;
}

interface Upstream {
  readonly family: number;
  readonly address: string;
  readonly port: number;
}

/** Sends a response from the socket that was asked. */
export type SendResponse = (socket: Socket, response: Buffer, port: number, address: string) => void;

export class DgramUpstreams implements ForwardTransport, UpstreamRegistrar {
  replySocket = 0;
  /** where the client's query in hand came from */
  clientSocket: Socket | undefined;
  clientPort = 0;
  clientAddress = '';

  readonly #forwarder: Forwarder;
  readonly #octets: Buffer;
  readonly #sendResponse: SendResponse;
  readonly #families: [UpstreamSocket[], UpstreamSocket[]] = [[], []];
  readonly #upstreams: Upstream[] = [];
  readonly #waiterSocket: (Socket | undefined)[] = [];
  readonly #waiterAddress: string[] = [];
  readonly #waiterPort = new Uint16Array(WAITERS_MAX + 1);
  readonly #retiring = new Set<Socket>();
  #lastNumber = 0;
  #replaceAtMs = 0;
  #peerAddress = '';
  #peerPort = 0;
  #isClosed = false;

  constructor(forwarder: Forwarder, sendResponse: SendResponse) {
    this.#forwarder = forwarder;
    this.#octets = Buffer.from(forwarder.arena);
    this.#sendResponse = sendResponse;
    forwarder.start(this);
  }

  saveReturnPath(waiter: number): void {
    this.#waiterSocket[waiter] = this.clientSocket;
    this.#waiterAddress[waiter] = this.clientAddress;
    this.#waiterPort[waiter] = this.clientPort;
  }

  queryRoom(): number {
    return QUERY_AT;
  }

  queueQuery(upstream: number, size: number, attempt: number): number {
    const { family, address, port } = this.#upstreams[upstream]!;
    const sockets = this.#families[family as 0 | 1];
    const { socket, number } = sockets[this.#forwarder.random.below(sockets.length)]!;
    const query = Buffer.from(this.#octets.subarray(QUERY_AT, QUERY_AT + size));
    socket.send(query, 0, size, port, address, (error) => {
      if (error !== null && !this.#isClosed) this.#forwarder.failAttempt(attempt);
    });
    return number;
  }

  responseRoom(): number {
    return RESPONSE_AT;
  }

  queueResponse(waiter: number, size: number): void {
    const socket = this.#waiterSocket[waiter];
    const response = Buffer.from(this.#octets.subarray(RESPONSE_AT, RESPONSE_AT + size));
    this.#waiterSocket[waiter] = undefined;
    if (socket !== undefined)
      this.#sendResponse(socket, response, this.#waiterPort[waiter]!, this.#waiterAddress[waiter]!);
  }

  isReplyFrom(upstream: number): boolean {
    const { address, port } = this.#upstreams[upstream]!;
    return this.#peerPort === port && this.#peerAddress === address;
  }

  addUpstream(upstream: number, address: string, port: number): boolean {
    const family = isIPv4(address) ? 0 : 1;
    this.#upstreams[upstream] = { family, address: canonicalAddress(address), port };
    const sockets = this.#families[family];
    while (sockets.length < SOCKETS) sockets.push(this.#open(family));
    return true;
  }

  /** Now and then: what is due, and one socket replaced. */
  tick(nowMs: number): void {
    this.#forwarder.tick(nowMs);
    if (nowMs < this.#replaceAtMs) return;
    this.#replaceAtMs = nowMs + REPLACE_INTERVAL_MS;
    this.#forwarder.random.refill();
    for (const family of [0, 1] as const) {
      const sockets = this.#families[family];
      if (sockets.length === 0) continue;
      const index = this.#forwarder.random.below(sockets.length);
      const { socket } = sockets[index]!;
      sockets[index] = this.#open(family);
      this.#retiring.add(socket);
      setTimeout(() => {
        if (this.#retiring.delete(socket)) socket.close();
      }, REPLACE_INTERVAL_MS).unref();
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#families.flat()) socket.close();
    for (const socket of this.#retiring) socket.close();
    this.#retiring.clear();
  }

  #open(family: 0 | 1): UpstreamSocket {
    const number = ++this.#lastNumber;
    const socket = createSocket({
      type: family === 0 ? 'udp4' : 'udp6',
      ipv6Only: family === 1,
      recvBufferSize: RECEIVE_BUFFER_SIZE,
      // Addresses are never names here; the default would go through dns.lookup and a tick for each query.
      lookup: (host, _options, callback) => callback(null, host, family === 0 ? 4 : 6),
    });
    // A family that is not there shows with each query that is sent.
    socket.on('error', () => undefined);
    socket.on('message', (message, peer) => this.#receive(number, message, peer));
    socket.bind(0);
    return { socket, number };
  }

  #receive(number: number, message: Buffer, peer: RemoteInfo): void {
    if (this.#isClosed || message.length > REPLY_MAX) return;
    const forwarder = this.#forwarder;
    this.#octets.set(message, REPLY_AT);
    this.replySocket = number;
    this.#peerAddress = peer.address;
    this.#peerPort = peer.port;
    forwarder.nowMs = performance.now();
    forwarder.receive(REPLY_AT, message.length);
  }
}

/** An address as a socket reports it. */
function canonicalAddress(address: string): string {
  if (isIPv4(address)) return address;
  const [bare = '', zone] = address.split('%', 2);
  const text = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  return zone === undefined ? text : `${text}%${zone}`;
}
