/**
 * UDP sockets of an event loop that ask upstream servers: 16 a family and source address on random ports, one replaced
 * every few seconds, opened when they are first needed.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import type { RandomPool } from '../random-pool.ts';

const SOCKETS = 16;
/** How often one socket is replaced, and how long the old one waits for responses. */
const REPLACE_INTERVAL_MS = 5000;
const RECEIVE_BUFFER_SIZE = 512 * 1024;

/** Whom a socket's messages are for. */
export interface UdpPoolHost {
  /** @param socket  number of the socket it came to */
  receiveDatagram(socket: number, message: Buffer, peer: RemoteInfo): void;
  /** a query could not be sent */
  failDatagram(attempt: number): void;
}

interface PooledSocket {
  readonly socket: Socket;
  readonly number: number;
}

interface SocketSet {
  readonly isIPv4: boolean;
  /** '' : any */
  readonly source: string;
  readonly sockets: PooledSocket[];
}

interface UdpUpstream {
  readonly set: SocketSet;
  readonly address: string;
  readonly port: number;
}

export class UdpPool {
  readonly #random: RandomPool;
  readonly #host: UdpPoolHost;
  readonly #sets = new Map<string, SocketSet>();
  readonly #upstreams: UdpUpstream[] = [];
  readonly #retiring = new Set<Socket>();
  /** 0 is none: STREAM_SOCKET */
  #lastNumber = 0;
  #replaceAtMs = 0;
  #isClosed = false;

  constructor(random: RandomPool, host: UdpPoolHost) {
    this.#random = random;
    this.#host = host;
  }

  /** @param source  local address to ask from, '': any @returns false if the source is of another family */
  addUpstream(upstream: number, address: string, port: number, source: string): boolean {
    const isV4 = isIPv4(address);
    if (source !== '' && isIPv4(source) !== isV4) return false;
    const key = `${isV4} ${source}`;
    const set = this.#sets.get(key) ?? { isIPv4: isV4, source, sockets: [] };
    this.#sets.set(key, set);
    this.#upstreams[upstream] = { set, address: canonicalAddress(address), port };
    return true;
  }

  /** @param query  not copied @returns number of the socket it leaves from, no other ever has it */
  send(upstream: number, query: Buffer, attempt: number): number {
    const { set, address, port } = this.#upstreams[upstream]!;
    while (set.sockets.length < SOCKETS) set.sockets.push(this.#open(set));
    const { socket, number } = set.sockets[this.#random.below(SOCKETS)]!;
    socket.send(query, 0, query.length, port, address, (error) => {
      if (error !== null && !this.#isClosed) this.#host.failDatagram(attempt);
    });
    return number;
  }

  /** Whether a message came from this one's address and port. */
  isFrom(upstream: number, address: string, peerPort: number): boolean {
    const known = this.#upstreams[upstream]!;
    return known.port === peerPort && known.address === address;
  }

  /** Now and then: one socket replaced. */
  tick(nowMs: number): void {
    if (nowMs < this.#replaceAtMs) return;
    this.#replaceAtMs = nowMs + REPLACE_INTERVAL_MS;
    for (const set of this.#sets.values()) {
      if (set.sockets.length === 0) continue;
      const index = this.#random.below(set.sockets.length);
      const { socket } = set.sockets[index]!;
      set.sockets[index] = this.#open(set);
      this.#retiring.add(socket);
      setTimeout(() => {
        if (this.#retiring.delete(socket)) socket.close();
      }, REPLACE_INTERVAL_MS).unref();
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { sockets } of this.#sets.values()) for (const { socket } of sockets) socket.close();
    for (const socket of this.#retiring) socket.close();
    this.#retiring.clear();
  }

  #open(set: SocketSet): PooledSocket {
    const number = ++this.#lastNumber;
    const socket = createSocket({
      type: set.isIPv4 ? 'udp4' : 'udp6',
      ipv6Only: !set.isIPv4,
      recvBufferSize: RECEIVE_BUFFER_SIZE,
      // Addresses are never names here; the default would go through dns.lookup and a tick for each query.
      lookup: (host, _options, callback) => callback(null, host, set.isIPv4 ? 4 : 6),
    });
    // A family that is not there shows with each query that is sent.
    socket.on('error', () => undefined);
    socket.on('message', (message, peer) => {
      if (!this.#isClosed) this.#host.receiveDatagram(number, message, peer);
    });
    if (set.source === '') socket.bind(0);
    else socket.bind(0, set.source);
    return { socket, number };
  }
}

/** An address as a socket reports it. */
function canonicalAddress(address: string): string {
  if (isIPv4(address)) return address;
  const [bare = '', zone] = address.split('%', 2);
  const text = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  return zone === undefined ? text : `${text}%${zone}`;
}
