/** Words of a record's data, and the values that they are written for. */
import { parseAddress, parseIPv6Into } from '../address.ts';
import { RdataFault } from './rdata-fault.ts';

/** One word of a record in a zone file; escapes (`\.`, `\DDD`) stand as they were written. */
export interface ZoneWord {
  readonly text: string;
  readonly isQuoted: boolean;
  /** where it starts in the text it was read from */
  readonly at: number;
}

/** Reads the words of a record's data. `name` makes a relative name absolute; what is wrong is thrown as a text. */
export interface RdataInput {
  readonly words: readonly ZoneWord[];
  /** @returns absolute wire form; null if it is no domain name */
  name(text: string): Uint8Array | null;
}

/** The octets a word stands for. */
export function unescapeWord(text: string): Uint8Array {
  const octets = Buffer.from(text);
  const out = new Uint8Array(octets.length);
  let size = 0;
  for (let at = 0; at < octets.length; at++) {
    if (octets[at] !== 0x5c) {
      out[size++] = octets[at]!;
      continue;
    }
    const digits = /^\d{3}/.exec(octets.toString('latin1', at + 1, at + 4))?.[0];
    if (digits === undefined && at + 1 === octets.length) throw new RdataFault('backslash at the end of a word');
    if (digits !== undefined && Number(digits) > 255) throw new RdataFault(`escape \\${digits} is no octet`);
    out[size++] = digits === undefined ? octets[at + 1]! : Number(digits);
    at += digits === undefined ? 1 : 3;
  }
  return out.slice(0, size);
}

export function encodeNumber(text: string, size: 1 | 2 | 4): Uint8Array {
  if (!/^\d{1,10}$/.test(text) || Number(text) >= 2 ** (8 * size))
    throw new RdataFault(`'${text}' is no number of ${8 * size} bits`);
  const octets = new Uint8Array(size);
  for (let at = size - 1, rest = Number(text); at >= 0; at--, rest = Math.floor(rest / 256)) octets[at] = rest % 256;
  return octets;
}

export function encodeAddress(text: string, field: 'ipv4' | 'ipv6'): Uint8Array {
  const words = new Uint32Array(4);
  const isGood = field === 'ipv4' ? !text.includes(':') && parseAddress(text, words) === 4 : parseIPv6Into(text, words);
  if (!isGood) throw new RdataFault(`'${text.slice(0, 80)}' is no ${field === 'ipv4' ? 'IPv4' : 'IPv6'} address`);
  const octets = new Uint8Array(field === 'ipv4' ? 4 : 16);
  const view = new DataView(octets.buffer);
  for (let at = 0; at < octets.length; at += 4) view.setUint32(at, words[at / 4]!);
  return octets;
}

export function lengthPrefixed(octets: Uint8Array, text: string): Uint8Array {
  if (octets.length > 255) throw new RdataFault(`text longer than 255 octets: '${text.slice(0, 40)}…'`);
  const prefixed = new Uint8Array(octets.length + 1);
  prefixed[0] = octets.length;
  prefixed.set(octets, 1);
  return prefixed;
}

export function decodeHex(words: readonly ZoneWord[]): Uint8Array {
  const joined = words.map((word) => word.text).join('');
  if (!/^(?:[0-9a-f]{2})*$/i.test(joined)) throw new RdataFault(`'${joined.slice(0, 40)}' is not hexadecimal`);
  return new Uint8Array(Buffer.from(joined, 'hex'));
}

export function decodeBase64(words: readonly ZoneWord[]): Uint8Array {
  const joined = words.map((word) => word.text).join('');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(joined) || joined.length % 4 !== 0)
    throw new RdataFault(`'${joined.slice(0, 40)}' is not base64`);
  return new Uint8Array(Buffer.from(joined, 'base64'));
}
