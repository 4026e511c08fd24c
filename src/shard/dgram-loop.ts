/**
 * A shard on the native-free transport: sockets of its own on an event loop. What is queued in them is lost with the
 * thread; where the platform cannot share a port (`reusePort`) there is one shard only.
 *
 * A wildcard address becomes one socket for each local address, so that responses leave from the address that was asked,
 * and the wildcard itself for what the list does not show (127.0.0.2, an address added since).
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket, SocketType } from 'node:dgram';
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { SkyshardError } from '../base/skyshard-error.ts';
import { DROP } from '../observability/counters/shard-counters.ts';
import type { ProxyRules } from '../dns/proxy-policy.ts';
import { type CrowdedSocket, DgramCrowd } from './dgram-crowd.ts';
import { DgramUpstreams, type SendResponse } from './dgram-upstreams.ts';
import { writeFailureResponse } from '../answer/failure-response.ts';
import { parseAddress, PEER_ADDRESS_END } from './peer-address.ts';
import { ProxiedDatagrams } from './proxied-datagrams.ts';
import { SHARD_CONTROL, SHARD_DRAIN_MAX_MS, shardControlAt } from './shard-options.ts';
import type { BindFault, ShardListener, ShardOptions, ShardWork } from './shard-options.ts';

/** Room for a query and its response, octets. */
const MESSAGE_CAPACITY = 4096;
const PEER_AT = 0;
const MESSAGE_AT = 64;
const RECEIVE_BUFFER_SIZE = 4 * 1024 * 1024;
/** How often the stop flag is looked at and counters are published when little comes, ms. */
const TICK_MS = 50;
const PUBLISH_QUERIES = 64;
/** How often the local addresses of a wildcard listener are looked at again, ms. */
const ADDRESS_REFRESH_MS = 5000;
/** Responses the kernel did not take at once that may wait in a socket. */
const SEND_QUEUE_MAX = 256;

/** Datagrams that may wait for a listener that is not served yet. */
const HELD_MAX = 1024;

interface DgramListener {
  readonly options: ShardListener;
  proxied: ProxiedDatagrams | undefined;
  proxyName: string;
  /** what it got where 0 was asked */
  port: number;
  /** what comes waits in `held` */
  isHeld: boolean;
  readonly held: {
    readonly socket: Socket;
    readonly isIPv6: boolean;
    readonly message: Buffer;
    readonly peer: RemoteInfo;
  }[];
}

interface OpenSocket extends CrowdedSocket {
  readonly socket: Socket;
  readonly listener: DgramListener;
}

export class DgramLoop {
  static readonly ARENA_SIZE = MESSAGE_AT + MESSAGE_CAPACITY;

  readonly #options: ShardOptions;
  readonly #work: ShardWork;
  readonly #octets: Buffer;
  readonly #control: Int32Array;
  #sockets: OpenSocket[] = [];
  /** by id */
  readonly #listeners = new Map<number, DgramListener>();
  /** octets a socket's queue may take, the kernel's bookkeeping included */
  #queueRoom = 0;
  #isOpen = false;
  #unpublished = 0;
  #isClosed = false;
  readonly #upstreams: DgramUpstreams | undefined;
  readonly #crowd: DgramCrowd | undefined;
  readonly #ended = Promise.withResolvers<void>();

  /**
   * @param arena  ARENA_SIZE octets, the answerer's too
   * @param log    a warning for the operator
   */
  constructor(options: ShardOptions, work: ShardWork, arena: ArrayBuffer, log: (text: string) => void) {
    this.#options = options;
    this.#work = work;
    this.#octets = Buffer.from(arena);
    this.#control = new Int32Array(options.control);
    if (work.forwarder !== undefined) {
      const send: SendResponse = (socket, response, responsePort, address) => {
        this.#sendBuffer(socket, response, responsePort, address);
        if (++this.#unpublished >= PUBLISH_QUERIES) this.#publish();
      };
      this.#upstreams = new DgramUpstreams(work.forwarder, send, log);
      this.#crowd = new DgramCrowd(work.forwarder.admission);
    }
  }

  /**
   * Open all listeners; what comes waits until `run`.
   *
   * @returns their ports, which matter where 0 was asked
   * @throws SkyshardError BIND_FAILED
   */
  async open(): Promise<readonly number[]> {
    const ports: number[] = [];
    for (const listener of this.#options.listeners) ports.push((await this.#openListener(listener)).port);
    return ports;
  }

  /** Serve until the stop flag is set; rejects with what the answerer threw. */
  async run(): Promise<void> {
    let drainEndMs: number | undefined;
    const stopAt = shardControlAt(this.#options.shard) + SHARD_CONTROL.at.stop;
    const tick = setInterval(() => {
      this.#upstreams?.tick(performance.now());
      this.#crowd?.look(this.#sockets, this.#queueRoom);
      if (this.#unpublished > 0) this.#publish();
      if (Atomics.load(this.#control, stopAt) === 0) return;
      drainEndMs ??= performance.now() + SHARD_DRAIN_MAX_MS;
      const isDone = this.#work.forwarder?.hasClients !== true || performance.now() >= drainEndMs;
      if (isDone) this.#ended.resolve();
      else Atomics.store(this.#control, stopAt - SHARD_CONTROL.at.stop + SHARD_CONTROL.at.draining, 1);
    }, TICK_MS);
    const refresh = setInterval(() => void this.#refreshAddresses(), ADDRESS_REFRESH_MS);
    this.#isOpen = true;
    for (const listener of this.#listeners.values()) this.#hold(listener, listener.options.isHeld === true);
    try {
      await this.#ended.promise;
    } finally {
      clearInterval(tick);
      clearInterval(refresh);
      this.#isClosed = true;
      this.#upstreams?.close();
      for (const { socket } of this.#sockets) socket.close();
      this.#publish();
    }
  }

  /**
   * Listen on these and no others. Those that are gone are closed; what the kernel has queued for them is lost.
   *
   * @returns why one of them could not be opened; then nothing has changed
   */
  async listen(listeners: readonly ShardListener[]): Promise<BindFault | undefined> {
    const fresh: DgramListener[] = [];
    try {
      for (const options of listeners) {
        if (!this.#listeners.has(options.listener)) fresh.push(await this.#openListener(options));
      }
    } catch (error) {
      for (const listener of fresh) this.#closeListener(listener);
      return faultOf(error);
    }
    for (const { listener, isHeld, proxy } of listeners) {
      const known = this.#listeners.get(listener);
      if (known === undefined) continue;
      adoptProxy(known, proxy);
      this.#hold(known, isHeld === true);
    }
    // What has come to those that go is read before.
    await new Promise((resolve) => setImmediate(resolve));
    for (const known of this.#listeners.values()) {
      if (!listeners.some(({ listener }) => listener === known.options.listener)) this.#closeListener(known);
    }
    return undefined;
  }

  async #openListener(options: ShardListener): Promise<DgramListener> {
    const listener: DgramListener = {
      options,
      port: options.port,
      isHeld: !this.#isOpen || options.isHeld === true,
      held: [],
      proxied: undefined,
      proxyName: '',
    };
    adoptProxy(listener, options.proxy);
    this.#listeners.set(options.listener, listener);
    try {
      listener.port = await this.#openSocket(listener, options.address);
    } catch (error) {
      this.#listeners.delete(options.listener);
      throw error;
    }
    await this.#openLocalAddresses(listener);
    return listener;
  }

  #closeListener(listener: DgramListener): void {
    this.#listeners.delete(listener.options.listener);
    for (const open of this.#sockets) if (open.listener === listener) open.socket.close();
    this.#sockets = this.#sockets.filter((open) => open.listener !== listener);
  }

  /** Let what comes to a listener wait, or answer what has waited. */
  #hold(listener: DgramListener, isHeld: boolean): void {
    listener.isHeld = isHeld;
    if (isHeld) return;
    for (const { socket, isIPv6, message, peer } of listener.held.splice(0)) {
      this.#serve(socket, listener, isIPv6, message, peer);
    }
  }

  async #openLocalAddresses(listener: DgramListener): Promise<void> {
    for (const address of localAddresses(listener.options)) {
      if (this.#isTaken(address, listener.port)) continue;
      try {
        await this.#openSocket(listener, address);
      } catch {
        // An address that just went away, or another program's socket on it: the wildcard's socket remains.
      }
    }
  }

  /** Whether an address has a socket, or is to have one as a listener of its own. */
  #isTaken(address: string, port: number): boolean {
    return (
      this.#sockets.some((open) => open.address === address && open.listener.port === port) ||
      [...this.#listeners.values()].some((other) => other.options.address === address && other.port === port)
    );
  }

  async #refreshAddresses(): Promise<void> {
    for (const listener of this.#listeners.values()) await this.#openLocalAddresses(listener);
  }

  #openSocket(listener: DgramListener, address: string): Promise<number> {
    const { port } = listener;
    const type: SocketType = isIPv4(address) ? 'udp4' : 'udp6';
    const family = type === 'udp4' ? 4 : 6;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const socket = createSocket({
      type,
      reusePort: canReusePort(),
      ipv6Only: family === 6 && (listener.options.isV6Only || !isWildcard(address)),
      recvBufferSize: RECEIVE_BUFFER_SIZE,
      // Addresses are never names here; the default would go through dns.lookup and a tick for each response.
      lookup: (host, _options, callback) => callback(null, host, family),
    });
    socket.once('error', (cause) => {
      socket.close();
      reject(new SkyshardError('BIND_FAILED', `${address} port ${port}: ${cause.message}`, { cause }));
    });
    socket.bind({ port, address, exclusive: true }, () => {
      socket.removeAllListeners('error');
      // A refused response reports here as well; the client asks again.
      socket.on('error', () => this.#work.counters.countDrop(DROP.SEND_REFUSED));
      const isIPv6 = family === 6;
      const open: OpenSocket = { socket, address, port: socket.address().port, listener, taken: 0 };
      const crowd = this.#crowd;
      socket.on('message', (message, peer) => {
        crowd?.note(open);
        this.#receive(listener, socket, isIPv6, message, peer);
      });
      this.#sockets.push(open);
      this.#queueRoom = socket.getRecvBufferSize();
      if (this.#isClosed) socket.close();
      resolve(socket.address().port);
    });
    return promise;
  }

  #receive(listener: DgramListener, socket: Socket, isIPv6: boolean, message: Buffer, peer: RemoteInfo): void {
    if (!listener.isHeld) this.#serve(socket, listener, isIPv6, message, peer);
    else if (listener.held.length < HELD_MAX) listener.held.push({ socket, isIPv6, message, peer });
  }

  #serve(socket: Socket, listener: DgramListener, isIPv6: boolean, message: Buffer, peer: RemoteInfo): void {
    const startMs = performance.now();
    const { answerer, counters, events } = this.#work;
    const size = message.length;
    if (size > MESSAGE_CAPACITY) {
      counters.countDrop(DROP.TRUNCATED);
      return;
    }
    this.#octets.set(message, MESSAGE_AT);
    const peerSize = parseAddress(this.#octets, PEER_AT, peer.address, isIPv6);
    const upstreams = this.#upstreams;
    if (upstreams !== undefined) {
      upstreams.clientSocket = socket;
      upstreams.clientAddress = peer.address;
      upstreams.clientPort = peer.port;
      this.#work.forwarder!.nowMs = startMs;
    }
    const { proxied } = listener;
    let headerSize = 0;
    if (proxied !== undefined) {
      const senderAt = PEER_AT + PEER_ADDRESS_END - peerSize;
      headerSize = proxied.read(this.#octets, MESSAGE_AT, size, senderAt, peerSize, peer.port, startMs);
      if (headerSize < 0) {
        counters.countDrop(DROP.PROXY_HEADER);
        return;
      }
    }
    const responseSize = this.#answer(listener, size, headerSize, peerSize, peer.port);
    if (responseSize > 0) this.#send(socket, responseSize, peer);
    const durationMs = performance.now() - startMs;
    if (responseSize > 0) counters.countDuration(answerer.scope, 1, durationMs);
    events?.commit(durationMs);
    if (++this.#unpublished >= PUBLISH_QUERIES) this.#publish();
  }

  #answer(
    { options: { listener }, proxied }: DgramListener,
    size: number,
    headerSize: number,
    senderSize: number,
    senderPort: number,
  ): number {
    const answerer = this.#work.answerer;
    const octets = this.#octets;
    let [peerSize, peerPort] = [senderSize, senderPort];
    if (headerSize > 0) octets.copyWithin(MESSAGE_AT, MESSAGE_AT + headerSize, MESSAGE_AT + size);
    answerer.client.proxyVector = proxied?.vector;
    if (proxied !== undefined && proxied.addressSize > 0) {
      [peerSize, peerPort] = [proxied.addressSize, proxied.port];
      octets.set(proxied.address.subarray(0, peerSize), PEER_AT + PEER_ADDRESS_END - peerSize);
    }
    answerer.enterBatch();
    try {
      return answerer.answer(
        listener,
        MESSAGE_AT,
        size - headerSize,
        PEER_AT + PEER_ADDRESS_END - peerSize,
        peerSize,
        peerPort,
      );
    } catch (error) {
      // A bug. The client is told, then this thread ends and its successor opens sockets of its own.
      this.#ended.reject(error as Error);
      return writeFailureResponse(this.#octets, MESSAGE_AT, size);
    } finally {
      answerer.leaveBatch();
    }
  }

  /** The kernel takes nearly every response at once; one that waits in the socket needs octets of its own. */
  #send(socket: Socket, size: number, peer: RemoteInfo): void {
    const response = Buffer.allocUnsafe(size);
    this.#octets.copy(response, 0, MESSAGE_AT, MESSAGE_AT + size);
    this.#sendBuffer(socket, response, peer.port, peer.address);
  }

  #sendBuffer(socket: Socket, response: Buffer, port: number, address: string): void {
    if (this.#isClosed) return;
    if (socket.getSendQueueCount() >= SEND_QUEUE_MAX) {
      this.#work.counters.countDrop(DROP.SEND_REFUSED);
      return;
    }
    try {
      socket.send(response, 0, response.length, port, address);
    } catch {
      // Port 0, which no datagram can be sent to.
      this.#work.counters.countDrop(DROP.SEND_REFUSED);
    }
  }

  #publish(): void {
    this.#unpublished = 0;
    this.#work.counters.publish();
  }
}

/** Rules that stay keep what is known of senders. */
function adoptProxy(listener: DgramListener, proxy: ProxyRules | undefined): void {
  const name = JSON.stringify(proxy) ?? '';
  if (name === listener.proxyName) return;
  listener.proxyName = name;
  listener.proxied = proxy === undefined ? undefined : new ProxiedDatagrams(proxy);
}

/** Whether several sockets may share a port and the kernel spreads datagrams over them. */
export function canReusePort(): boolean {
  return process.platform === 'linux' || process.platform === 'freebsd';
}

function faultOf(error: unknown): BindFault {
  const { message, cause } = error as SkyshardError;
  const {
    code = '',
    address = '',
    port = 0,
  } = (cause ?? {}) as NodeJS.ErrnoException & { address?: string; port?: number };
  return { address, port, code, message };
}

function isWildcard(address: string): boolean {
  return /^[0:.]+$/.test(address);
}

/** Local addresses a wildcard listener stands for, none for a specific address. */
function localAddresses(listener: ShardListener): string[] {
  if (!isWildcard(listener.address)) return [];
  const isV6 = isIPv6(listener.address);
  const addresses: string[] = [];
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (entry.family === 'IPv4' && isV6 && listener.isV6Only) continue;
      if (entry.family === 'IPv6' && !isV6) continue;
      const isLinkLocal = entry.family === 'IPv6' && entry.scopeid !== 0;
      addresses.push(isLinkLocal ? `${entry.address}%${name}` : entry.address);
    }
  }
  return addresses;
}
