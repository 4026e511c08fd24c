/**
 * An address as the cluster state and the record model pass it on: a number for IPv4 (10.0.0.1 = 0x0a000001), a text of
 * 16 characters, one an octet, for IPv6. Both compare, sort and serve as keys as they are.
 */
import { toOctets } from './binary-text.ts';
import { formatIPv4, formatIPv6, parseAddress } from '../dns/address.ts';

export type Address = number | string;

const words = new Uint32Array(4);

/** @returns undefined if the text is no address; an IPv4-mapped IPv6 address is an IPv4 address */
export function addressOf(text: string): Address | undefined {
  const family = parseAddress(text, words);
  if (family === 0) return undefined;
  return family === 4 ? words[0]! : binaryOf(words);
}

/** Four big-endian words of an IPv6 address. */
export function wordsOf(address: string): number[] {
  return [wordAt(address, 0), wordAt(address, 4), wordAt(address, 8), wordAt(address, 12)];
}

/** IPv4 before IPv6, each by value. */
export function compareAddresses(a: Address, b: Address): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  if (typeof b === 'number') return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Canonical text. */
export function formatAddress(address: Address): string {
  return typeof address === 'number' ? formatIPv4(address) : formatIPv6(wordsOf(address));
}

/** The endpoint label that follows from the canonical text: `10-0-0-1`, `fd00--1`, `fd00--0`. */
export function dashedLabel(address: Address): string {
  if (typeof address === 'number') {
    return `${address >>> 24}-${(address >>> 16) & 0xff}-${(address >>> 8) & 0xff}-${address & 0xff}`;
  }
  return dashedText(formatIPv6(wordsOf(address)));
}

/** The endpoint label of an address as it is written; `0` is appended where it would end in a dash. */
export function dashedText(text: string): string {
  const dashed = text.toLowerCase().replaceAll(/[.:]/g, '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed;
}

/**
 * The address a dashed label stands for: exactly three dashes, none beside another: IPv4; else IPv6.
 *
 * @returns undefined if it stands for none
 */
export function addressOfDashed(label: string): Address | undefined {
  const isIPv4 = label.split('-').length === 4 && !label.includes('--');
  return addressOf(label.replaceAll('-', isIPv4 ? '.' : ':'));
}

/** 4 or 16 octets in network order. */
export function octetsOf(address: Address): Uint8Array {
  return toOctets(typeof address === 'number' ? binaryOf([address]) : address);
}

/** Distinct addresses, sorted, as one binary text: per address its size (4 or 16) and its octets. */
export function encodeAddresses(addresses: Iterable<Address>): string {
  let encoded = '';
  for (const address of [...new Set(addresses)].sort(compareAddresses)) {
    encoded += encodeAddress(address);
  }
  return encoded;
}

/** One address as binary text: its size (4 or 16) and its octets. */
export function encodeAddress(address: Address): string {
  return typeof address === 'number' ? `\x04${binaryOf([address])}` : `\x10${address}`;
}

export function decodeAddresses(encoded: string): Address[] {
  const addresses: Address[] = [];
  for (let at = 0; at < encoded.length; at += 1 + encoded.charCodeAt(at)) {
    const isIPv6 = encoded.charCodeAt(at) === 16;
    addresses.push(isIPv6 ? encoded.slice(at + 1, at + 17) : wordAt(encoded, at + 1));
  }
  return addresses;
}

function wordAt(binary: string, at: number): number {
  const high = (binary.charCodeAt(at) << 8) | binary.charCodeAt(at + 1);
  const low = (binary.charCodeAt(at + 2) << 8) | binary.charCodeAt(at + 3);
  return ((high << 16) | low) >>> 0;
}

function binaryOf(source: Iterable<number>): string {
  let text = '';
  for (const word of source) {
    text += String.fromCharCode(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
  }
  return text;
}
