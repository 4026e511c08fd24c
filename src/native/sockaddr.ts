/**
 * Socket addresses as the kernel has them (Linux, little-endian):
 *
 *   sockaddr_in    16 octets   family u16 host | port u16 wire | address 4 octets | 8 zero
 *   sockaddr_in6   28 octets   family u16 host | port u16 wire | flow u32 | address 16 octets | scope id u32 host
 */
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

export const AF_INET = 2;
export const AF_INET6 = 10;

export const SOCKADDR_IN_SIZE = 16;
export const SOCKADDR_IN6_SIZE = 28;
/** Room for either. */
export const SOCKADDR_SIZE = 32;

export const SOCKADDR_PORT_AT = 2;
export const SOCKADDR_IN_ADDRESS_AT = 4;
export const SOCKADDR_IN6_ADDRESS_AT = 8;
const SOCKADDR_IN6_SCOPE_AT = 24;

/** A local address as an operator writes it: `127.0.0.1`, `::`, `fe80::1%eth0`. */
export function familyOf(address: string): typeof AF_INET | typeof AF_INET6 | undefined {
  if (isIPv4(address)) return AF_INET;
  if (isIPv6(address)) return AF_INET6;
  return undefined;
}

export function isWildcardAddress(address: string): boolean {
  const octets = addressOctets(address);
  return octets !== undefined && octets.every((octet) => octet === 0);
}

/** The 4 or 16 octets of an address without its zone, undefined if it is none. */
export function addressOctets(address: string): Uint8Array | undefined {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  if (!isIPv6(address)) return undefined;
  const bare = address.split('%', 1)[0] as string;
  const [head = '', tail] = bare.split('::', 2);
  const headWords = ipv6Words(head);
  const tailWords = tail === undefined ? [] : ipv6Words(tail);
  const zeros = Array.from({ length: 8 - headWords.length - tailWords.length }, () => 0);
  const words = [...headWords, ...zeros, ...tailWords];
  return Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 0xff]));
}

function ipv6Words(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const octets = part.split('.').map(Number);
    return [((octets[0] ?? 0) << 8) | (octets[1] ?? 0), ((octets[2] ?? 0) << 8) | (octets[3] ?? 0)];
  });
}

/**
 * Write the sockaddr of an address and port.
 *
 * @returns its size in octets, or 0 if `address` is no IP address or names an interface that does not exist
 */
export function writeSockaddr(into: Uint8Array, at: number, address: string, port: number): number {
  const octets = addressOctets(address);
  const family = familyOf(address);
  if (octets === undefined || family === undefined) return 0;
  into.fill(0, at, at + SOCKADDR_SIZE);
  into[at] = family;
  into[at + SOCKADDR_PORT_AT] = port >>> 8;
  into[at + SOCKADDR_PORT_AT + 1] = port & 0xff;
  if (family === AF_INET) {
    into.set(octets, at + SOCKADDR_IN_ADDRESS_AT);
    return SOCKADDR_IN_SIZE;
  }
  into.set(octets, at + SOCKADDR_IN6_ADDRESS_AT);
  const scope = scopeIdOf(address);
  if (scope === undefined) return 0;
  for (let i = 0; i < 4; i++) into[at + SOCKADDR_IN6_SCOPE_AT + i] = (scope >>> (8 * i)) & 0xff;
  return SOCKADDR_IN6_SIZE;
}

/** The port of a sockaddr of either family. */
export function readSockaddrPort(from: Uint8Array, at: number): number {
  return (from[at + SOCKADDR_PORT_AT]! << 8) | from[at + SOCKADDR_PORT_AT + 1]!;
}

/** Interface index after the `%`: a number or a name; 0 without one, undefined if there is no such interface. */
function scopeIdOf(address: string): number | undefined {
  const zone = address.split('%', 2)[1];
  if (zone === undefined) return 0;
  if (/^\d+$/.test(zone)) return Number(zone);
  for (const entry of networkInterfaces()[zone] ?? []) {
    if (entry.family === 'IPv6' && entry.scopeid !== 0) return entry.scopeid;
  }
  return undefined;
}
