/**
 * Between skyshard and an upstream server, over UDP and TCP: loses, delays and doubles datagrams, truncates them, and lets an
 * attacker's messages come before the real one. What is random is the same in every run.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { after } from 'node:test';
import { freePort } from './skyshard-process.ts';

export interface Faults {
  /** of the datagrams of each direction, 0 … 1 */
  readonly lossShare?: number;
  readonly delayMs?: number;
  readonly isDoubled?: boolean;
  /** replies over UDP come with TC and no records */
  readonly isTruncated?: boolean;
  /** what comes before each reply over UDP */
  readonly attacks?: readonly Attack[];
}

/** @returns what an attacker, who sees every query, sends before the reply; `isForeign`: from another port */
export type Attack = (
  reply: Buffer,
  random: () => number,
) => { readonly message: Buffer; readonly isForeign?: boolean };

/** The address that every forged record has. */
export const FORGED_ADDRESS = '102.102.102.102';
const FORGED = [102, 102, 102, 102];

/** A reply whose addresses are all forged. */
function forged(reply: Buffer): Buffer {
  const message = Buffer.from(reply);
  for (let at = 12; at + 14 <= message.length; at++) {
    // TYPE A, CLASS IN, RDLENGTH 4
    const isAddress = message.readUInt32BE(at) === 0x0001_0001 && message.readUInt16BE(at + 8) === 4;
    if (isAddress && at > 17) message.set(FORGED, at + 10);
  }
  return message;
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'wrong id': (reply) => {
    const message = forged(reply);
    message.writeUInt16BE((message.readUInt16BE(0) + 1) & 0xffff, 0);
    return { message };
  },
  'wrong question': (reply) => {
    const message = forged(reply);
    message[13] = message[13] === 0x78 ? 0x79 : 0x78;
    return { message };
  },
  'wrong source': (reply) => ({ message: forged(reply), isForeign: true }),
  garbage: (reply, random) => {
    const message = Buffer.from(reply);
    for (let at = 3; at < message.length; at++) message[at] = Math.floor(random() * 256);
    return { message };
  },
  'records that can’t be read': (reply) => {
    const message = forged(reply);
    message.writeUInt16BE(message.readUInt16BE(6) + 1, 6);
    return { message };
  },
  oversized: (reply) => {
    const message = Buffer.concat([forged(reply), Buffer.alloc(8000, 0x66)]);
    message.writeUInt16BE(400, 6);
    return { message };
  },
};

/** A reply that ends the wait, with an address of another name behind its records. */
export function withForeignRecord(reply: Buffer): Buffer {
  const optAt = reply.length - 11;
  const hasOpt = reply.readUInt16BE(10) > 0 && reply[optAt] === 0 && reply.readUInt16BE(optAt + 1) === 41;
  const name = Buffer.from('\x04evil\x04test\0', 'latin1');
  const record = Buffer.concat([name, Buffer.from([0, 1, 0, 1, 0, 0, 14, 16, 0, 4, ...FORGED])]);
  const end = hasOpt ? optAt : reply.length;
  const message = Buffer.concat([reply.subarray(0, end), record, reply.subarray(end)]);
  message.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
  return message;
}

export class DnsFaultProxy {
  /** changed at any time */
  faults: Faults;
  /** change a reply that does end the wait */
  change: ((reply: Buffer) => Buffer) | undefined;
  /** nothing comes through, and nothing is said about it */
  isBlackHole = false;
  /** queries that came, without health probes */
  queries = 0;
  readonly port: number;
  readonly #upstreamPort: number;
  readonly #front: dgram.Socket = dgram.createSocket('udp4');
  readonly #foreign: dgram.Socket = dgram.createSocket('udp4');
  #state: number;

  private constructor(port: number, upstreamPort: number, faults: Faults, seed: number) {
    this.port = port;
    this.#upstreamPort = upstreamPort;
    this.faults = faults;
    this.#state = seed;
  }

  static async start(upstreamPort: number, faults: Faults = {}, seed = 7): Promise<DnsFaultProxy> {
    const proxy = new DnsFaultProxy(await freePort(), upstreamPort, faults, seed);
    await proxy.#listen();
    return proxy;
  }

  async #listen(): Promise<void> {
    const front = this.#front;
    front.on('message', (query, peer) => this.#takeQuery(query, peer));
    front.bind(this.port, '127.0.0.1');
    this.#foreign.bind(0, '127.0.0.1');
    const connections = new Set<net.Socket>();
    const server = net.createServer((client) => {
      const upstream = net.connect(this.#upstreamPort, '127.0.0.1');
      connections.add(client).add(upstream);
      client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
      upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
      client.on('data', (piece) => this.isBlackHole || upstream.write(piece));
      upstream.on('data', (piece) => this.isBlackHole || client.write(piece));
    });
    server.listen(this.port, '127.0.0.1');
    await Promise.all([once(front, 'listening'), once(this.#foreign, 'listening'), once(server, 'listening')]);
    after(() => {
      front.close();
      this.#foreign.close();
      server.close();
      for (const connection of connections) connection.destroy();
      for (const socket of this.#sockets) socket.close();
    });
  }

  readonly #sockets = new Set<dgram.Socket>();

  #takeQuery(query: Buffer, peer: dgram.RemoteInfo): void {
    // NS of the root
    if (query.length > 17 && query[12] !== 0) this.queries++;
    if (this.isBlackHole || this.#random() < (this.faults.lossShare ?? 0)) return;
    const socket = dgram.createSocket('udp4');
    this.#sockets.add(socket);
    const timer = setTimeout(() => close(), 5000).unref();
    const close = (): void => {
      clearTimeout(timer);
      if (this.#sockets.delete(socket)) socket.close();
    };
    socket.on('error', close);
    socket.on('message', (reply) => {
      close();
      this.#giveReply(reply, peer);
    });
    socket.send(query, this.#upstreamPort, '127.0.0.1');
  }

  #giveReply(original: Buffer, peer: dgram.RemoteInfo): void {
    const { lossShare = 0, delayMs = 0, isDoubled = false, isTruncated = false, attacks = [] } = this.faults;
    for (const attack of attacks) {
      const { message, isForeign = false } = attack(original, () => this.#random());
      (isForeign ? this.#foreign : this.#front).send(message, peer.port, peer.address);
    }
    if (this.isBlackHole || this.#random() < lossShare) return;
    const reply = isTruncated ? truncated(original) : (this.change?.(original) ?? original);
    const send = (): void => {
      for (let left = isDoubled ? 2 : 1; left > 0; left--) this.#front.send(reply, peer.port, peer.address);
    };
    if (delayMs === 0) send();
    else setTimeout(send, delayMs);
  }

  /** 0 … 1 */
  #random(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 0x1_0000_0000;
  }
}

/** Header and question, with TC. */
function truncated(reply: Buffer): Buffer {
  let end = 12;
  while (reply[end]! > 0) end += 1 + reply[end]!;
  const message = Buffer.from(reply.subarray(0, end + 5));
  message[2]! |= 0x02;
  message.fill(0, 6, 12);
  return message;
}
