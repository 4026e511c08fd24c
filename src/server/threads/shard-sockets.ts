/** The sockets of all shards on the mmsg transport: one for each shard and listener address, opened in shard order. */
import { readlinkSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { closeUdpSocket, openUdpSocket, steerByCpu, turnAway } from '../../native/udp-socket.ts';
import type { UdpSocket } from '../../native/udp-socket.ts';
import { BLOCK_MAX_MS } from '../../shard/batch-loop.ts';
import type { ProxyRules } from '../../dns/proxy-policy.ts';
import type { ShardListener, ShardSocket } from '../../shard/shard-options.ts';
import type { ShardPlan } from './shard-plan.ts';

/** Octets of queue asked for each socket: what comes in while a thread is replaced. */
export const RECEIVE_BUFFER_SIZE: number = 4 * 1024 * 1024;

const FREE_PLACE: ShardSocket = { fd: -1, listener: -1, isWildcard: false };

export interface ListenerAddress {
  /** listener id */
  readonly listener: number;
  readonly address: string;
  /** 0: one the kernel picks, the same for all shards */
  readonly port: number;
  /** whose headers of the PROXY protocol count; without it none is looked for */
  readonly proxy?: ProxyRules | undefined;
}

/** Which `::` listeners leave IPv4 to a neighbour: those beside an IPv4 wildcard on the same port. */
export function toShardListeners(addresses: readonly ListenerAddress[]): ShardListener[] {
  return addresses.map(({ listener, address, port, proxy }) => ({
    listener,
    address,
    port,
    ...(proxy !== undefined && { proxy }),
    isV6Only: !isIPv4(address) && addresses.some((other) => other.address === '0.0.0.0' && other.port === port),
  }));
}

/** The sockets of one listener, by shard; each shard has its own in the same place of its table. */
interface SocketGroup {
  readonly listener: ShardListener;
  proxy: ProxyRules | undefined;
  /** by shard */
  readonly sockets: UdpSocket[];
  readonly place: number;
  /** no shard reads them yet */
  isHeld: boolean;
  isLeaving: boolean;
}

export class ShardSockets {
  readonly #plan: ShardPlan;
  readonly #groups = new Map<number, SocketGroup>();
  /** octets of queue of each socket, the kernel's bookkeeping included; 0 before the first */
  receiveBufferSize = 0;
  /** all of them are steered, where that is the plan */
  isSteered = true;

  constructor(plan: ShardPlan) {
    this.#plan = plan;
  }

  /**
   * Open the sockets of listeners. The i-th of each group belongs to shard i: steering relies on the order of the binds.
   *
   * @param shardCount  for the first shards only; `complete` opens the others
   * @returns the listeners with the ports they got
   * @throws SkyshardError BIND_FAILED; nothing more is open then
   */
  open(listeners: readonly ShardListener[], shardCount: number = this.#plan.count): readonly ShardListener[] {
    const opened: ShardListener[] = [];
    try {
      for (const listener of listeners) opened.push(this.#openGroup(listener, shardCount));
    } catch (error) {
      for (const { listener } of opened) this.take(listener).close();
      throw error;
    }
    return opened;
  }

  /** Open what `open` has left out. @throws SkyshardError BIND_FAILED */
  complete(): void {
    for (const group of this.#groups.values()) this.#fill(group, this.#plan.count);
  }

  /** The table of a shard: a socket keeps its place as long as it is open, and a free place has descriptor -1. */
  ofShard(shard: number): readonly ShardSocket[] {
    const table: ShardSocket[] = [];
    for (const { listener, proxy, sockets, place, isHeld, isLeaving } of this.#groups.values()) {
      if (isHeld) continue;
      const socket = sockets[shard];
      // Not open yet.
      if (socket === undefined) continue;
      const { fd, isWildcard } = socket;
      table[place] = { fd, listener: listener.listener, isWildcard, isLeaving, proxy };
    }
    return Array.from(table, (socket) => socket ?? FREE_PLACE);
  }

  /** The kernel's number of each socket of a shard, with the address it is bound to. */
  inodesOf(shard: number): readonly { readonly name: string; readonly inode: number }[] {
    return [...this.#groups.values()].flatMap(({ listener: { address }, sockets }) => {
      const socket = sockets[shard];
      const inode = socket && inodeOf(socket.fd);
      return inode === undefined
        ? []
        : [{ name: isIPv4(address) ? `${address}:${socket!.port}` : `[${address}]:${socket!.port}`, inode }];
    });
  }

  setProxy(listener: number, proxy: ProxyRules | undefined): void {
    const group = this.#groups.get(listener);
    if (group !== undefined) group.proxy = proxy;
  }

  /** Nothing new is to come to the sockets of this listener. */
  turnAway(listener: number): void {
    const group = this.#groups.get(listener);
    if (group === undefined || group.isLeaving) return;
    group.isLeaving = true;
    for (const { fd, port } of group.sockets) turnAway(fd, group.listener.address, port);
  }

  /** Those that were held are read from now on. */
  serve(): void {
    for (const group of this.#groups.values()) group.isHeld = false;
  }

  /** Take the sockets of a listener out of the tables. @returns how they are closed, when no shard knows of them any more */
  take(listener: number): { readonly close: () => void } {
    const sockets = this.#groups.get(listener)?.sockets ?? [];
    this.#groups.delete(listener);
    return {
      close: () => {
        for (const { fd } of sockets) closeUdpSocket(fd);
      },
    };
  }

  closeAll(): void {
    for (const listener of [...this.#groups.keys()]) this.take(listener).close();
  }

  #openGroup(listener: ShardListener, shardCount: number): ShardListener {
    const group: SocketGroup = {
      listener,
      proxy: listener.proxy,
      sockets: [],
      place: this.#freePlace(),
      isHeld: listener.isHeld === true,
      isLeaving: false,
    };
    try {
      this.#fill(group, shardCount);
    } catch (error) {
      for (const { fd } of group.sockets) closeUdpSocket(fd);
      throw error;
    }
    this.#groups.set(listener.listener, group);
    return { ...listener, port: group.sockets[0]!.port };
  }

  /** Open sockets until there are as many; where these are all, steer what comes to them. */
  #fill({ listener, sockets }: SocketGroup, shardCount: number): void {
    const { count, cpus, isPinned } = this.#plan;
    const { address, isV6Only } = listener;
    while (sockets.length < shardCount) {
      const port = sockets[0]?.port ?? listener.port;
      const options = { address, port, isV6Only, receiveBufferSize: RECEIVE_BUFFER_SIZE, timeoutMs: BLOCK_MAX_MS };
      sockets.push(openUdpSocket(options));
    }
    this.receiveBufferSize ||= sockets[0]!.receiveBufferSize;
    // What a shard knows of a sender is of use where that sends to one shard alone: as the kernel spreads it.
    const hasSessions = (listener.proxy?.udpSessionMs ?? 0) > 0;
    const isSteerable = isPinned && shardCount === count && !hasSessions;
    if (isSteerable) this.isSteered = steerByCpu(sockets[0]!.fd, cpus) && this.isSteered;
  }

  #freePlace(): number {
    const taken = new Set([...this.#groups.values()].map(({ place }) => place));
    let place = 0;
    while (taken.has(place)) place++;
    return place;
  }
}

function inodeOf(fd: number): number | undefined {
  try {
    return Number(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]);
  } catch {
    // No /proc.
    return undefined;
  }
}
