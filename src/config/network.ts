import { formatIPv4, formatIPv6, parseAddress, parseIPv6Into } from '../dns/address.ts';
import { argumentFault } from './corefile/line-reader.ts';
import { quoteText, type CorefileToken } from './corefile/corefile-token.ts';

/** An address: one word (family 4) or four big-endian words (family 6). An IPv4-mapped IPv6 address is of family 4. */
export interface Address {
  readonly family: 4 | 6;
  readonly words: readonly number[];
}

/** An address with a prefix length; the bits behind the prefix are zero. */
export interface Network extends Address {
  readonly prefixLength: number;
}

/** @returns undefined if the text is no IP address */
export function parseIP(text: string): Address | undefined {
  const words = new Uint32Array(4);
  const family = parseAddress(text, words);
  if (family === 0) return undefined;
  return { family, words: [...words.subarray(0, family === 4 ? 1 : 4)] };
}

export function formatIP(address: Address): string {
  return address.family === 4 ? formatIPv4(address.words[0]!) : formatIPv6(address.words);
}

export function formatNetwork(network: Network): string {
  return `${formatIP(network)}/${network.prefixLength}`;
}

/** `ADDRESS/LENGTH`; host bits are dropped. */
export function parseNetwork(text: string): Network | undefined {
  const [, host, digits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  if (host === undefined || digits === undefined) return undefined;
  const length = Number(digits);
  if (String(length) !== digits) return undefined;
  const words = new Uint32Array(4);
  if (host.includes(':')) {
    if (!parseIPv6Into(host, words) || length > 128) return undefined;
    const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff && length >= 96;
    return isMapped ? maskNetwork(4, [words[3]!], length - 96) : maskNetwork(6, [...words], length);
  }
  if (parseAddress(host, words) !== 4 || length > 32) return undefined;
  return maskNetwork(4, [words[0]!], length);
}

/** A network; an address alone is a network of one. */
export function parseNetworkOrAddress(text: string): Network | undefined {
  if (text.includes('/')) return parseNetwork(text);
  const address = parseIP(text);
  return address === undefined ? undefined : { ...address, prefixLength: address.family === 4 ? 32 : 128 };
}

export function readIP(token: CorefileToken, what: string): Address {
  const address = parseIP(token.text);
  if (address === undefined)
    throw argumentFault(token, `invalid ${what} ${quoteText(token.text)}, expected an IP address`);
  return address;
}

export function readNetwork(token: CorefileToken, what: string): Network {
  const network = parseNetwork(token.text);
  if (network === undefined) {
    throw argumentFault(token, `invalid ${what} ${quoteText(token.text)}, expected ADDRESS/LENGTH`);
  }
  return network;
}

/** RFC 6052 §2.2: the lengths an IPv6 prefix can have that IPv4 addresses are put into. */
const TRANSLATION_LENGTHS = [32, 40, 48, 56, 64, 96];

export const WELL_KNOWN_PREFIX: Network = { family: 6, words: [0x0064_ff9b, 0, 0, 0], prefixLength: 96 };

/** An IPv6 prefix for the translation of addresses (dns64, siit). */
export function readTranslationPrefix(token: CorefileToken): Network {
  const network = readNetwork(token, 'prefix');
  if (network.family !== 6 || !TRANSLATION_LENGTHS.includes(network.prefixLength)) {
    const lengths = TRANSLATION_LENGTHS.map((length) => `/${length}`).join(', ');
    throw argumentFault(
      token,
      `invalid prefix length ${quoteText(token.text)}, expected an IPv6 network of ${lengths}`,
    );
  }
  return network;
}

/**
 * The reverse zones that make up a network: one where the prefix ends between labels (8 bits of IPv4, 4 of IPv6), else all
 * of the next longer ones.
 *
 * @returns canonical names: `0.0.10.in-addr.arpa.`
 */
export function reverseZonesOf(network: Network): string[] {
  const bits = network.family === 4 ? 8 : 4;
  const labelCount = Math.ceil(network.prefixLength / bits);
  const suffix = network.family === 4 ? 'in-addr.arpa.' : 'ip6.arpa.';
  const zoneCount = 2 ** (labelCount * bits - network.prefixLength);
  const digits: number[] = [];
  for (let label = 0; label < labelCount; label++) {
    const word = network.words[Math.floor((label * bits) / 32)]!;
    digits.push((word >>> (32 - bits - ((label * bits) % 32))) & (2 ** bits - 1));
  }
  const zones: string[] = [];
  for (let index = 0; index < zoneCount; index++) {
    const labels = digits.map((digit, at) => (at === labelCount - 1 ? digit + index : digit));
    zones.push([...labels.reverse().map((digit) => digit.toString(bits === 8 ? 10 : 16)), suffix].join('.'));
  }
  return zones;
}

function maskNetwork(family: 4 | 6, words: readonly number[], prefixLength: number): Network {
  const masked = words.map((word, index) => {
    const kept = Math.min(Math.max(prefixLength - index * 32, 0), 32);
    return kept === 0 ? 0 : (word & (0xffffffff << (32 - kept))) >>> 0;
  });
  return { family, words: masked, prefixLength };
}
