/**
 * The header of the PROXY protocol, versions 1 and 2, that a load balancer sends before what its client says: who the client
 * is. Reads octets in place and allocates nothing; whatever they are, it never throws.
 */
import { parseAddress } from './address.ts';

/** What `read` found. */
export const PROXY_HEADER = {
  /** it is there: `size`, and who the client is */
  FOUND: 0,
  /** something else begins there */
  NONE: 1,
  /** it may be one: more octets are needed */
  INCOMPLETE: 2,
  /** it is one that cannot be read */
  BAD: 3,
} as const;

/** Octets of the largest header that is taken: addresses, and what a proxy tells beside them. */
export const PROXY_HEADER_SIZE_MAX = 4096;

const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const FIXED_SIZE = 16;
const VERSION = 2;
const COMMAND_PROXY = 1;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
const FAMILY_UNIX = 3;
const ADDRESSES_SIZE_IPV4 = 12;
const ADDRESSES_SIZE_IPV6 = 36;
const ADDRESSES_SIZE_UNIX = 216;
const PROTOCOL_STREAM = 1;
const PROTOCOL_DATAGRAM = 2;

/** Octets of a header in text, line end included. */
const TEXT_SIZE_MAX = 107;
const TEXT_START = Uint8Array.from('PROXY ', (character) => character.charCodeAt(0));
const CR = 0x0d;
const LF = 0x0a;
const TEXT_FORM = /^PROXY (?:UNKNOWN(?: .*)?|(TCP[46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))$/;

export class ProxyHeader {
  /** octets of the header */
  size = 0;
  /** octets of the client's address, 4 or 16; 0: it says nothing of a client, and the sender counts as one */
  addressSize = 0;
  /** its address, addressSize octets; a mapped IPv4 address is IPv4 */
  readonly address = new Uint8Array(16);
  port = 0;
  /** it speaks of datagrams, or says nothing of a client */
  isForDatagrams = false;
  /** where what it says beside addresses begins in the octets read; 0: nothing is said of a client */
  vectorStart = 0;
  readonly #words = new Uint32Array(4);

  /** @returns a PROXY_HEADER value */
  read(bytes: Uint8Array, at: number, end: number): number {
    this.addressSize = 0;
    this.port = 0;
    this.isForDatagrams = true;
    this.vectorStart = 0;
    const first = bytes[at];
    if (at === end) return PROXY_HEADER.INCOMPLETE;
    if (first === SIGNATURE[0]) return this.#readBinary(bytes, at, end);
    if (first === TEXT_START[0]) return this.#readText(bytes, at, end);
    return PROXY_HEADER.NONE;
  }

  #readBinary(bytes: Uint8Array, at: number, end: number): number {
    const started = startsWith(bytes, at, end, SIGNATURE);
    if (started !== PROXY_HEADER.FOUND) return started;
    if (end - at < FIXED_SIZE) return PROXY_HEADER.INCOMPLETE;
    const command = bytes[at + 12]!;
    const family = bytes[at + 13]! >> 4;
    const protocol = bytes[at + 13]! & 0x0f;
    const size = (bytes[at + 14]! << 8) | bytes[at + 15]!;
    if (command >> 4 !== VERSION || (command & 0x0f) > COMMAND_PROXY) return PROXY_HEADER.BAD;
    if (family > FAMILY_UNIX || protocol > PROTOCOL_DATAGRAM) return PROXY_HEADER.BAD;
    this.size = FIXED_SIZE + size;
    if (this.size > PROXY_HEADER_SIZE_MAX) return PROXY_HEADER.BAD;
    const isProxied = (command & 0x0f) === COMMAND_PROXY;
    if (isProxied && size < addressesSize(family)) return PROXY_HEADER.BAD;
    if (end - at < this.size) return PROXY_HEADER.INCOMPLETE;
    if (!isProxied) return PROXY_HEADER.FOUND;
    this.isForDatagrams = protocol !== PROTOCOL_STREAM;
    this.vectorStart = at + FIXED_SIZE + addressesSize(family);
    if (family === FAMILY_IPV4) this.#take(bytes, at + FIXED_SIZE, 4, at + FIXED_SIZE + 8);
    else if (family === FAMILY_IPV6) this.#take(bytes, at + FIXED_SIZE, 16, at + FIXED_SIZE + 32);
    return PROXY_HEADER.FOUND;
  }

  #take(bytes: Uint8Array, from: number, size: number, portAt: number): void {
    const { address } = this;
    for (let index = 0; index < size; index++) address[index] = bytes[from + index]!;
    this.port = (bytes[portAt]! << 8) | bytes[portAt + 1]!;
    this.addressSize = size;
    if (size === 16 && isMapped(address)) {
      address.copyWithin(0, 12, 16);
      this.addressSize = 4;
    }
  }

  /** The rare form: who sends it does so once a connection. */
  #readText(bytes: Uint8Array, at: number, end: number): number {
    const started = startsWith(bytes, at, end, TEXT_START);
    if (started !== PROXY_HEADER.FOUND) return started;
    const limit = Math.min(end, at + TEXT_SIZE_MAX);
    let position = at;
    while (position < limit && bytes[position] !== LF) position++;
    if (position === limit) return end - at >= TEXT_SIZE_MAX ? PROXY_HEADER.BAD : PROXY_HEADER.INCOMPLETE;
    if (bytes[position - 1] !== CR) return PROXY_HEADER.BAD;
    this.size = position + 1 - at;
    this.isForDatagrams = false;
    const text = String.fromCharCode(...bytes.subarray(at, position - 1));
    const match = TEXT_FORM.exec(text);
    if (match === null) return PROXY_HEADER.BAD;
    const [, family, source, destination, sourcePort, destinationPort] = match;
    if (family === undefined) return PROXY_HEADER.FOUND;
    if (Number(sourcePort) > 0xffff || Number(destinationPort) > 0xffff) return PROXY_HEADER.BAD;
    const isV4 = family === 'TCP4';
    if (!this.#takeText(destination!, isV4) || !this.#takeText(source!, isV4)) return PROXY_HEADER.BAD;
    this.port = Number(sourcePort);
    return PROXY_HEADER.FOUND;
  }

  #takeText(text: string, isV4: boolean): boolean {
    const family = parseAddress(text, this.#words);
    if (family === 0 || isV4 === text.includes(':')) return false;
    this.addressSize = family === 4 ? 4 : 16;
    for (let index = 0; index < this.addressSize; index++) {
      this.address[index] = this.#words[index >> 2]! >>> (24 - 8 * (index & 3));
    }
    return true;
  }
}

function startsWith(bytes: Uint8Array, at: number, end: number, start: Uint8Array): number {
  for (let index = 0; index < start.length; index++) {
    if (at + index >= end) return PROXY_HEADER.INCOMPLETE;
    if (bytes[at + index] !== start[index]) return PROXY_HEADER.NONE;
  }
  return PROXY_HEADER.FOUND;
}

function addressesSize(family: number): number {
  if (family === FAMILY_IPV4) return ADDRESSES_SIZE_IPV4;
  if (family === FAMILY_IPV6) return ADDRESSES_SIZE_IPV6;
  return family === FAMILY_UNIX ? ADDRESSES_SIZE_UNIX : 0;
}

function isMapped(address: Uint8Array): boolean {
  for (let index = 0; index < 10; index++) if (address[index] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
}
