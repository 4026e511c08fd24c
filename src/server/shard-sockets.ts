/** The sockets of all shards on the mmsg transport: one for each shard and listener address, opened in shard order. */
import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { SkyshardError } from '../base/skyshard-error.ts';
import { closeUdpSocket, openUdpSocket, steerByCpu } from '../native/udp-socket.ts';
import type { UdpSocket } from '../native/udp-socket.ts';
import { BLOCK_MAX_MS } from '../shard/batch-loop.ts';
import type { ShardListener, ShardSocket } from '../shard/shard-options.ts';
import type { ShardPlan } from './shard-plan.ts';

/** Octets of queue asked for each socket: what comes in while a thread is replaced. */
export const RECEIVE_BUFFER_SIZE: number = 4 * 1024 * 1024;

export interface ListenerAddress {
  /** listener id */
  readonly listener: number;
  readonly address: string;
  /** 0: one the kernel picks, the same for all shards */
  readonly port: number;
}

export interface ShardSockets {
  /** sockets of each shard, by listener */
  readonly ofShard: readonly (readonly ShardSocket[])[];
  /** the listeners with the ports they got */
  readonly listeners: readonly ShardListener[];
  /** octets of queue of the first socket, the kernel's bookkeeping included */
  readonly receiveBufferSize: number;
  readonly isSteered: boolean;
  close(): void;
}

/** Which `::` listeners leave IPv4 to a neighbour: those beside an IPv4 wildcard on the same port. */
export function toShardListeners(addresses: readonly ListenerAddress[]): ShardListener[] {
  return addresses.map(({ listener, address, port }) => ({
    listener,
    address,
    port,
    isV6Only: !isIPv4(address) && addresses.some((other) => other.address === '0.0.0.0' && other.port === port),
  }));
}

/**
 * Open them all. The i-th socket of each group belongs to shard i: steering relies on the order of the binds.
 *
 * @throws SkyshardError BIND_FAILED; nothing is left open then
 */
export function openShardSockets(listeners: readonly ShardListener[], plan: ShardPlan): ShardSockets {
  const opened: UdpSocket[] = [];
  const ofShard: ShardSocket[][] = Array.from({ length: plan.count }, () => []);
  const bound: ShardListener[] = [];
  let isSteered = plan.isPinned;
  const close = () => {
    for (const socket of opened) closeUdpSocket(socket.fd);
  };
  try {
    for (const listener of listeners) {
      let port = listener.port;
      for (let shard = 0; shard < plan.count; shard++) {
        const socket = openUdpSocket({
          address: listener.address,
          port,
          isV6Only: listener.isV6Only,
          receiveBufferSize: RECEIVE_BUFFER_SIZE,
          timeoutMs: BLOCK_MAX_MS,
        });
        opened.push(socket);
        port = socket.port;
        ofShard[shard]?.push({ fd: socket.fd, listener: listener.listener, isWildcard: socket.isWildcard });
        if (shard === plan.count - 1 && plan.isPinned) isSteered = steerByCpu(socket.fd, plan.cpus) && isSteered;
      }
      bound.push({ ...listener, port });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { ofShard, listeners: bound, receiveBufferSize: opened[0]?.receiveBufferSize ?? 0, isSteered, close };
}

/**
 * Whether no other server listens there. Sockets that share a port would not notice: the kernel would split the queries
 * between the two servers.
 *
 * @throws SkyshardError BIND_FAILED
 */
export async function assertListenersFree(listeners: readonly ShardListener[]): Promise<void> {
  for (const { address, port, isV6Only } of listeners) {
    if (port === 0) continue;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const probe = createSocket({ type: isIPv4(address) ? 'udp4' : 'udp6', ipv6Only: isV6Only });
    probe.once('error', (cause) => {
      probe.close();
      reject(new SkyshardError('BIND_FAILED', bindFailureText(cause, address, port), { cause }));
    });
    probe.bind({ address, port, exclusive: true }, () => probe.close(() => resolve()));
    await promise;
  }
}

export function bindFailureText(cause: NodeJS.ErrnoException, address: string, port: number): string {
  const where = isIPv4(address) ? `${address}:${port}` : `[${address}]:${port}`;
  if (cause.code === 'EADDRINUSE') return `${where}: another server listens there (EADDRINUSE)`;
  if (cause.code === 'EADDRNOTAVAIL') return `${where}: no interface of this machine has that address (EADDRNOTAVAIL)`;
  if (cause.code === 'EACCES') return `${where}: ports below 1024 need NET_BIND_SERVICE (EACCES)`;
  return `${where}: ${cause.message}`;
}
