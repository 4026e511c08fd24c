/** Asked of the kernel directly: whether a socket that shares its port with no other could have an address, and to listen there. */
import { errnoName } from './libc.ts';
import type { Libc } from './libc.ts';
import { AF_INET, familyOf, SOCKADDR_SIZE, writeSockaddr } from './sockaddr.ts';

const SOCK_CLOEXEC = 0o2000000;
const SOCK_TYPE = { tcp: 1, udp: 2 } as const;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

export interface ProbedAddress {
  readonly address: string;
  readonly port: number;
  /** for `::` only: IPv4 may be another socket's */
  readonly isV6Only: boolean;
}

export interface AddressFault {
  readonly code: string;
  readonly message: string;
}

/** @returns why it could not, undefined if it could */
export function probeAddress(
  libc: Libc,
  protocol: 'udp' | 'tcp',
  { address, port, isV6Only }: ProbedAddress,
): AddressFault | undefined {
  const opened = bindSocket(libc, protocol, { address, port, isV6Only }, false);
  if (typeof opened !== 'number') return opened;
  libc.close(opened);
  return undefined;
}

/**
 * Listen for connections, which wait until somebody accepts them. Others of this process may listen there too.
 *
 * @returns a descriptor, or why there is none
 */
export function listenTcp(libc: Libc, address: ProbedAddress, backlog: number): number | AddressFault {
  const opened = bindSocket(libc, 'tcp', address, true);
  if (typeof opened !== 'number' || libc.listen(opened, backlog) === 0) return opened;
  const fault = failure(libc);
  libc.close(opened);
  return fault;
}

function bindSocket(
  libc: Libc,
  protocol: 'udp' | 'tcp',
  { address, port, isV6Only }: ProbedAddress,
  isPortShared: boolean,
): number | AddressFault {
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_SIZE));
  const size = writeSockaddr(sockaddr, 0, address, port);
  const family = familyOf(address);
  if (size === 0 || family === undefined) return { code: 'EINVAL', message: 'there is no such address or interface' };
  const fd = libc.socket(family, SOCK_TYPE[protocol] | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure(libc);
  // What a server that has ended left behind in the kernel is in nobody's way.
  if (protocol === 'tcp') setOption(libc, fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (isPortShared) setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (family !== AF_INET) setOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, isV6Only ? 1 : 0);
  if (libc.bind(fd, sockaddr, size) === 0) return fd;
  const fault = failure(libc);
  libc.close(fd);
  return fault;
}

function failure(libc: Libc): AddressFault {
  const code = errnoName(libc.errno());
  return { code, message: code };
}

function setOption(libc: Libc, fd: number, level: number, name: number, value: number): void {
  const memory = new Uint8Array(new ArrayBuffer(4));
  new DataView(memory.buffer).setInt32(0, value, true);
  libc.setsockopt(fd, level, name, memory, memory.length);
}
