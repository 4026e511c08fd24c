/**
 * How full the queues of the sockets of some addresses are, and how many datagrams the kernel has dropped there because they were
 * full, for sockets whose descriptors are not known: from /proc/net/udp and udp6, which have a line for each socket. All sockets of
 * an address count, those of other shards too: the kernel spreads datagrams over them, so they are full together.
 */
import { readFileSync } from 'node:fs';
import { parseUdpTable } from '../observability/counters/udp-sockets.ts';
import { parseAddress, PEER_ADDRESS_END } from './peer-address.ts';

export interface WatchedAddress {
  readonly address: string;
  readonly port: number;
}

export class QueueTable {
  /** datagrams that were dropped between the last two looks; 0 where the kernel does not say */
  drops = 0;
  /** octets in the longest queue at the last look, the kernel's bookkeeping included; 0 where it does not say */
  longest = 0;

  readonly #read: (file: string) => string;
  #dropsBefore = 0;
  #isFirst = true;

  /** @param read  the text of a file */
  constructor(read: (file: string) => string = (file) => readFileSync(file, 'latin1')) {
    this.#read = read;
  }

  look(addresses: readonly WatchedAddress[]): void {
    const names = new Set(addresses.map(nameOf));
    const hasIPv6 = addresses.some(({ address }) => address.includes(':'));
    this.longest = 0;
    let drops = this.#lookInto('/proc/net/udp', names);
    if (hasIPv6) drops += this.#lookInto('/proc/net/udp6', names);
    // Sockets come and go, and what was dropped before somebody looked is past.
    this.drops = this.#isFirst ? 0 : Math.max(0, drops - this.#dropsBefore);
    this.#isFirst = false;
    this.#dropsBefore = drops;
  }

  /** @returns datagrams dropped since the sockets were opened */
  #lookInto(file: string, names: ReadonlySet<string>): number {
    let text: string;
    try {
      text = this.#read(file);
    } catch {
      return 0;
    }
    let drops = 0;
    for (const { local, dropCount, receiveQueueSize } of parseUdpTable(text)) {
      if (!names.has(local)) continue;
      drops += dropCount;
      this.longest = Math.max(this.longest, receiveQueueSize);
    }
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
