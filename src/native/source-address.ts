/** The control message that says which local address a datagram leaves from, for sockets that are bound to none. */
import { addressOctets } from './sockaddr.ts';

const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IPPROTO_IPV6 = 41;
const IPV6_PKTINFO = 50;

/** Words of a header: its length in 64 bits, level, type. The content follows. */
const LEVEL = 2;
const TYPE = 3;
const CONTENT = 4;
const HEADER_SIZE = 16;
/** in_pktinfo: interface, source, destination; in6_pktinfo: source, interface. */
const IPV4_SIZE = 12;
const IPV4_SOURCE_AT = HEADER_SIZE + 4;
const IPV6_SIZE = 20;

/**
 * Write it at word `at`; the route decides on the interface.
 *
 * @returns octets of the control message (32 or 40), 0 if `address` is no IP address
 */
export function writeSourceAddress(words: Uint32Array, at: number, address: string): number {
  const source = addressOctets(address);
  if (source === undefined) return 0;
  const isIPv4 = source.length === 4;
  const size = HEADER_SIZE + (isIPv4 ? IPV4_SIZE : IPV6_SIZE);
  const space = (size + 7) & ~7;
  words.fill(0, at, at + (space >>> 2));
  words[at] = size;
  words[at + LEVEL] = isIPv4 ? IPPROTO_IP : IPPROTO_IPV6;
  words[at + TYPE] = isIPv4 ? IP_PKTINFO : IPV6_PKTINFO;
  const octets = new Uint8Array(words.buffer, words.byteOffset + (at << 2), space);
  octets.set(source, isIPv4 ? IPV4_SOURCE_AT : CONTENT << 2);
  return space;
}
