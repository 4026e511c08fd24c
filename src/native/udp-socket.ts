/**
 * UDP sockets by file descriptor: opened and closed by main, read by a shard. A descriptor outlives the thread that reads
 * it, and so does what the kernel has queued in it.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import { ERRNO, errnoName, loadLibc } from './libc.ts';
import type { Libc } from './libc.ts';
import { assembleCpuProgram, BPF_INSTRUCTION_SIZE } from './reuseport-program.ts';
import {
  AF_INET,
  type AF_INET6,
  familyOf,
  isWildcardAddress,
  readSockaddrPort,
  SOCKADDR_SIZE,
  writeSockaddr,
} from './sockaddr.ts';

export interface UdpSocketOptions {
  /** IPv4 or IPv6 address, `fe80::1%eth0` for a link-local one */
  readonly address: string;
  /** 0: the kernel picks one */
  readonly port: number;
  /** for `::` only: leave IPv4 to another socket */
  readonly isV6Only: boolean;
  /** octets of queue to ask for */
  readonly receiveBufferSize: number;
  /** how long a receive or a send may block, ms */
  readonly timeoutMs: number;
}

export interface UdpSocket {
  readonly fd: number;
  readonly port: number;
  readonly isIPv6: boolean;
  /** bound to a wildcard address: each datagram carries the address that was asked */
  readonly isWildcard: boolean;
  /** octets of queue the kernel gave, its bookkeeping included: twice what was asked where it granted that */
  readonly receiveBufferSize: number;
}

const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SO_RCVBUFFORCE = 33;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_OMIT = 5;
const IP_RECVERR = 11;
const IPPROTO_IPV6 = 41;
const IPV6_RECVERR = 25;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;

/** Octets of queue to ask for each upstream socket. */
const UPSTREAM_RECEIVE_BUFFER_SIZE = 512 * 1024;

/** @throws SkyshardError BIND_FAILED with the address in its text; NATIVE_UNAVAILABLE */
export function openUdpSocket(options: UdpSocketOptions): UdpSocket {
  const libc = loadLibc();
  const { address, port } = options;
  const family = familyOf(address);
  if (family === undefined) throw new SkyshardError('BIND_FAILED', `${address} is not an IP address`);
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_SIZE));
  const sockaddrSize = writeSockaddr(sockaddr, 0, address, port);
  if (sockaddrSize === 0) throw new SkyshardError('BIND_FAILED', `${address}: there is no such interface`);
  const isIPv6 = family !== AF_INET;
  const isWildcard = isWildcardAddress(address);
  const fd = libc.socket(family, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) throw bindFailure(libc.errno(), address, port);
  try {
    setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1);
    // IPv6 specific addresses take no IPv4 anyway; the option must agree within a SO_REUSEPORT group.
    if (isIPv6) setOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, options.isV6Only || !isWildcard ? 1 : 0);
    if (isWildcard && isIPv6) setOption(libc, fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (isWildcard && !isIPv6) setOption(libc, fd, IPPROTO_IP, IP_PKTINFO, 1);
    // Forged "fragmentation needed" messages must not shrink responses (RFC 9715 §3, as NSD, Unbound and Knot do).
    if (!isIPv6) setOption(libc, fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    setTimeoutOption(libc, fd, SO_RCVTIMEO, options.timeoutMs);
    setTimeoutOption(libc, fd, SO_SNDTIMEO, options.timeoutMs);
    // FORCE goes past net.core.rmem_max and needs NET_ADMIN; without it the kernel caps silently.
    if (!trySetOption(libc, fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receiveBufferSize)) {
      setOption(libc, fd, SOL_SOCKET, SO_RCVBUF, options.receiveBufferSize);
    }
    if (libc.bind(fd, sockaddr, sockaddrSize) !== 0) throw bindFailure(libc.errno(), address, port);
    return {
      fd,
      port: boundPort(libc, fd),
      isIPv6,
      isWildcard,
      receiveBufferSize: getOption(libc, fd, SOL_SOCKET, SO_RCVBUF),
    };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * A socket that asks upstream servers: not connected, non-blocking, on a port the kernel picks at random. Errors on a
 * datagram's way are queued (IP_RECVERR).
 *
 * @returns its descriptor, -1 where the family does not exist here
 */
export function openUpstreamSocket(libc: Libc, family: typeof AF_INET | typeof AF_INET6): number {
  const fd = libc.socket(family, SOCK_DGRAM_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_SIZE));
  const size = writeSockaddr(sockaddr, 0, family === AF_INET ? '0.0.0.0' : '::', 0);
  if (family === AF_INET) {
    trySetOption(libc, fd, IPPROTO_IP, IP_RECVERR, 1);
  } else {
    trySetOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    trySetOption(libc, fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
  }
  trySetOption(libc, fd, SOL_SOCKET, SO_RCVBUF, UPSTREAM_RECEIVE_BUFFER_SIZE);
  if (libc.bind(fd, sockaddr, size) === 0) return fd;
  libc.close(fd);
  return -1;
}

export function closeUdpSocket(fd: number): void {
  loadLibc().close(fd);
}

/**
 * Let a socket receive nothing more, without closing it: it is connected to itself, so that no other peer's datagrams are
 * for it. What comes from now on is for another socket of that port, or refused. What is queued stays, and responses can
 * be sent to anybody.
 */
export function turnAway(fd: number, address: string, port: number): void {
  const libc = loadLibc();
  const own = isWildcardAddress(address) ? (familyOf(address) === AF_INET ? '127.0.0.1' : '::1') : address;
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_SIZE));
  libc.connect(fd, sockaddr, writeSockaddr(sockaddr, 0, own, port));
}

/**
 * Steer a SO_REUSEPORT group by receiving CPU. `fd` is any socket of the group; the i-th bound socket gets what CPU cpus[i]
 * received.
 *
 * @returns whether the kernel took it
 */
export function steerByCpu(fd: number, cpus: readonly number[]): boolean {
  const libc = loadLibc();
  const program = assembleCpuProgram(cpus);
  // struct sock_fprog: length u16, six octets of padding, pointer
  const descriptor = new Uint8Array(new ArrayBuffer(16));
  const view = new DataView(descriptor.buffer);
  view.setUint16(0, program.length / BPF_INSTRUCTION_SIZE, true);
  view.setBigUint64(8, libc.addressOf(program.buffer as ArrayBuffer), true);
  return libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, descriptor, descriptor.length) === 0;
}

function boundPort(libc: Libc, fd: number): number {
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_SIZE));
  const size = int32Memory(SOCKADDR_SIZE);
  libc.getsockname(fd, sockaddr, size);
  return readSockaddrPort(sockaddr, 0);
}

function setOption(libc: Libc, fd: number, level: number, name: number, value: number): void {
  if (trySetOption(libc, fd, level, name, value)) return;
  throw new SkyshardError('BIND_FAILED', `socket option ${level}/${name}: ${errnoName(libc.errno())}`);
}

function trySetOption(libc: Libc, fd: number, level: number, name: number, value: number): boolean {
  return libc.setsockopt(fd, level, name, int32Memory(value), 4) === 0;
}

function setTimeoutOption(libc: Libc, fd: number, name: number, timeoutMs: number): void {
  const timeval = new Uint8Array(new ArrayBuffer(16));
  const view = new DataView(timeval.buffer);
  view.setBigInt64(0, BigInt(Math.floor(timeoutMs / 1000)), true);
  view.setBigInt64(8, BigInt((timeoutMs % 1000) * 1000), true);
  if (libc.setsockopt(fd, SOL_SOCKET, name, timeval, timeval.length) !== 0) {
    throw new SkyshardError('BIND_FAILED', `socket time-out: ${errnoName(libc.errno())}`);
  }
}

function getOption(libc: Libc, fd: number, level: number, name: number): number {
  const value = int32Memory(0);
  libc.getsockopt(fd, level, name, value, int32Memory(4));
  return new DataView(value.buffer).getInt32(0, true);
}

function int32Memory(value: number): Uint8Array {
  const memory = new Uint8Array(new ArrayBuffer(8));
  new DataView(memory.buffer).setInt32(0, value, true);
  return memory;
}

/** In a container the capability is of use to root alone: others get it from no runtime, whatever a pod's securityContext adds. */
export const LOW_PORT_HINT =
  'ports below 1024 need the capability NET_BIND_SERVICE, which in a pod only root gets, or net.ipv4.ip_unprivileged_port_start=0 among its sysctls';

const BIND_HINT = new Map<number, string>([
  [ERRNO.EADDRINUSE, 'another server listens there'],
  [ERRNO.EADDRNOTAVAIL, 'no interface of this machine has that address'],
  [ERRNO.EACCES, LOW_PORT_HINT],
  [ERRNO.EPERM, 'not permitted'],
  [ERRNO.EAFNOSUPPORT, 'this machine has no such address family'],
]);

function bindFailure(errno: number, address: string, port: number): SkyshardError {
  const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const hint = BIND_HINT.get(errno);
  return new SkyshardError('BIND_FAILED', `${where}: ${errnoName(errno)}${hint === undefined ? '' : `, ${hint}`}`);
}
