/** Where a Service is reached from outside the cluster: addresses, and host names of load balancers. */
import { addressOf, compareAddresses, decodeAddresses, encodeAddress, type Address } from './address.ts';
import { toBinary } from './binary-text.ts';

export interface Externals {
  /** sorted; one that the object says several times is there several times: it counts in the weight of SRV records */
  readonly addresses: readonly Address[];
  /** host names in binary text, in the object's order, without duplicates */
  readonly hostnames: readonly string[];
}

export const NO_EXTERNALS: Externals = { addresses: [], hostnames: [] };

/** Stands between addresses and host names, and between these: neither size of an address nor part of a name. */
const SEPARATOR = '\0';

/** As one binary text, '' if there is none. */
export function encodeExternals(texts: readonly string[]): string {
  const addresses: Address[] = [];
  const hostnames = new Set<string>();
  for (const text of texts) {
    const address = addressOf(text);
    if (address === undefined) hostnames.add(toBinary(text));
    else addresses.push(address);
  }
  let encoded = '';
  for (const address of addresses.sort(compareAddresses)) encoded += encodeAddress(address);
  for (const hostname of hostnames) encoded += SEPARATOR + hostname;
  return encoded;
}

export function decodeExternals(encoded: string): Externals {
  let end = 0;
  while (end < encoded.length && encoded[end] !== SEPARATOR) end += 1 + encoded.charCodeAt(end);
  const hostnames = end === encoded.length ? [] : encoded.slice(end + 1).split(SEPARATOR);
  return { addresses: decodeAddresses(encoded.slice(0, end)), hostnames };
}
