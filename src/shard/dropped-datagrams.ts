/**
 * How many datagrams the kernel has dropped at the sockets of some addresses because a queue was full, for sockets whose
 * descriptors are not known: from /proc/net/udp and udp6, which have a line for each socket. All sockets of an address count,
 * those of other shards too: the kernel spreads datagrams over them, so they are full together.
 */
import { readFileSync } from 'node:fs';
import { parseUdpTable } from '../observability/counters/udp-sockets.ts';
import { parseAddress, PEER_ADDRESS_END } from './peer-address.ts';

export interface WatchedAddress {
  readonly address: string;
  readonly port: number;
}

export class DroppedDatagrams {
  readonly #read: (file: string) => string;
  #before = 0;
  #isFirst = true;

  /** @param read  the text of a file */
  constructor(read: (file: string) => string = (file) => readFileSync(file, 'latin1')) {
    this.#read = read;
  }

  /** @returns since the last time; 0 where the kernel does not say */
  more(addresses: readonly WatchedAddress[]): number {
    const names = new Set(addresses.map(nameOf));
    const hasIPv6 = addresses.some(({ address }) => address.includes(':'));
    let drops = this.#dropsIn('/proc/net/udp', names);
    if (hasIPv6) drops += this.#dropsIn('/proc/net/udp6', names);
    const more = drops - this.#before;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#before = drops;
    // Sockets come and go, and what was dropped before somebody looked is past.
    return isFirst || more < 0 ? 0 : more;
  }

  #dropsIn(file: string, names: ReadonlySet<string>): number {
    let text: string;
    try {
      text = this.#read(file);
    } catch {
      return 0;
    }
    let drops = 0;
    for (const { local, dropCount } of parseUdpTable(text)) if (names.has(local)) drops += dropCount;
    return drops;
  }
}

/** As UdpSocketFigures.local. */
function nameOf({ address, port }: WatchedAddress): string {
  const octets = new Uint8Array(PEER_ADDRESS_END);
  const size = parseAddress(octets, 0, address, address.includes(':'));
  let name = '';
  for (let at = PEER_ADDRESS_END - size; at < PEER_ADDRESS_END; at += 4) {
    for (let octet = 3; octet >= 0; octet--) name += hex(octets[at + octet]!, 2);
  }
  return `${name}:${hex(port, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
