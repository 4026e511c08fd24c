import { parseAddress, parseIPv6Into } from './address.ts';
import { parseName } from './name.ts';
import { parseType } from './record-words.ts';

/** One word of a record in a zone file; escapes (`\.`, `\DDD`) stand as they were written. */
export interface ZoneWord {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** Reads the words of a record's data. `name` makes a relative name absolute; what is wrong is thrown as a text. */
export interface RdataInput {
  readonly words: readonly ZoneWord[];
  /** @returns absolute wire form; null if it is no domain name */
  name(text: string): Uint8Array | null;
}

type Field =
  | 'name'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'ttl'
  | 'ipv4'
  | 'ipv6'
  | 'text'
  | 'texts'
  | 'tag'
  | 'octets'
  | 'hex'
  | 'base64'
  | 'type'
  | 'time'
  | 'types';

/** The fields of each type's data in its text form (RFC 1035 §3.3 and the documents of the types). */
const FIELDS: Readonly<Record<number, readonly Field[]>> = fieldTable(`
  A ipv4 | AAAA ipv6 | NS name | MD name | MF name | CNAME name | MB name | MG name | MR name | PTR name | DNAME name
  SOA name name u32 ttl ttl ttl ttl | MINFO name name | RP name name | MX u16 name | AFSDB u16 name | RT u16 name
  KX u16 name | PX u16 name name | HINFO text text | TXT texts | SPF texts | AVC texts | NINFO texts | RESINFO texts
  X25 text | SRV u16 u16 u16 name | NAPTR u16 u16 text text text name | URI u16 u16 octets | CAA u8 tag octets
  DS u16 u8 u8 hex | CDS u16 u8 u8 hex | DLV u16 u8 u8 hex | TA u16 u8 u8 hex | TLSA u8 u8 u8 hex | SMIMEA u8 u8 u8 hex
  SSHFP u8 u8 hex | DNSKEY u16 u8 u8 base64 | CDNSKEY u16 u8 u8 base64 | KEY u16 u8 u8 base64 | OPENPGPKEY base64
  DHCID base64 | RRSIG type u8 u8 u32 time time u16 name base64 | NSEC name types | CSYNC u32 u16 types
  ZONEMD u32 u8 u8 hex`);

/**
 * A record's data from its text form to octets.
 *
 * @returns null for a type whose text form is not read here, unless it is written as RFC 3597 has it (`\\# SIZE HEX`)
 * @throws RdataFault
 */
export function encodeRdata(type: number, input: RdataInput): Uint8Array | null {
  const { words } = input;
  if (words[0]?.text === '\\#' && !words[0].isQuoted) return readGeneric(words.slice(1));
  const fields = FIELDS[type];
  if (fields === undefined) return null;
  const parts: Uint8Array[] = [];
  let index = 0;
  for (const field of fields) {
    const isRest = field === 'texts' || field === 'hex' || field === 'base64' || field === 'types';
    const taken = isRest ? words.slice(index) : words.slice(index, index + 1);
    if (taken.length === 0 && field !== 'types') throw new RdataFault(`data too short, expected ${fields.join(' ')}`);
    parts.push(encodeField(field, taken, input));
    index += taken.length;
  }
  if (index < words.length)
    throw new RdataFault(`garbage after the data: '${words[index]!.text}', expected ${fields.join(' ')}`);
  const rdata = new Uint8Array(Buffer.concat(parts));
  if (rdata.length > 0xffff) throw new RdataFault('data longer than 65535 octets');
  return rdata;
}

/** Something wrong with a record's data. */
export class RdataFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RdataFault';
  }
}

/** Seconds: a number, or units as in `1h30m`; undefined if it is neither. */
export function parseTtl(text: string): number | undefined {
  if (!/^(?:\d+[smhdw]?)+$/i.test(text)) return undefined;
  const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)([a-z]?)/gi))
    seconds += Number(amount) * units[unit!.toLowerCase()]!;
  return seconds <= 0xffffffff ? seconds : undefined;
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

function encodeField(field: Field, words: readonly ZoneWord[], input: RdataInput): Uint8Array {
  const text = words[0]?.text ?? '';
  switch (field) {
    case 'name': {
      const name = input.name(text);
      if (name === null) throw new RdataFault(`'${text}' is no domain name`);
      return name;
    }
    case 'u8':
      return encodeNumber(text, 1);
    case 'u16':
      return encodeNumber(text, 2);
    case 'u32':
      return encodeNumber(text, 4);
    case 'ttl': {
      const seconds = parseTtl(text);
      if (seconds === undefined) throw new RdataFault(`'${text}' is no number of seconds`);
      return encodeNumber(String(seconds), 4);
    }
    case 'ipv4':
    case 'ipv6':
      return encodeAddress(text, field);
    case 'texts':
      // A longer one is several, as CoreDNS's parser has it.
      return new Uint8Array(
        Buffer.concat(
          words.flatMap((word) => chunksOf(unescapeWord(word.text)).map((part) => lengthPrefixed(part, ''))),
        ),
      );
    case 'text':
      return new Uint8Array(Buffer.concat(words.map((word) => lengthPrefixed(unescapeWord(word.text), word.text))));
    case 'tag':
      if (!/^[a-z0-9]+$/i.test(text)) throw new RdataFault(`'${text}' is no tag of letters and digits`);
      return lengthPrefixed(unescapeWord(text), text);
    case 'octets':
      return unescapeWord(text);
    case 'hex':
      return decodeHex(words);
    case 'base64': {
      const joined = words.map((word) => word.text).join('');
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(joined) || joined.length % 4 !== 0)
        throw new RdataFault(`'${joined}' is not base64`);
      return new Uint8Array(Buffer.from(joined, 'base64'));
    }
    case 'type': {
      const type = parseType(text.toUpperCase());
      if (type === undefined) throw new RdataFault(`'${text}' is no record type`);
      return encodeNumber(String(type), 2);
    }
    case 'time':
      return encodeTime(text);
    case 'types':
      return encodeTypeBitmap(words);
  }
}

function encodeNumber(text: string, size: 1 | 2 | 4): Uint8Array {
  if (!/^\d{1,10}$/.test(text) || Number(text) >= 2 ** (8 * size))
    throw new RdataFault(`'${text}' is no number of ${8 * size} bits`);
  const octets = new Uint8Array(size);
  for (let at = size - 1, rest = Number(text); at >= 0; at--, rest = Math.floor(rest / 256)) octets[at] = rest % 256;
  return octets;
}

function encodeAddress(text: string, field: 'ipv4' | 'ipv6'): Uint8Array {
  const words = new Uint32Array(4);
  const isGood = field === 'ipv4' ? !text.includes(':') && parseAddress(text, words) === 4 : parseIPv6Into(text, words);
  if (!isGood) throw new RdataFault(`'${text}' is no ${field === 'ipv4' ? 'IPv4' : 'IPv6'} address`);
  const octets = new Uint8Array(field === 'ipv4' ? 4 : 16);
  const view = new DataView(octets.buffer);
  for (let at = 0; at < octets.length; at += 4) view.setUint32(at, words[at / 4]!);
  return octets;
}

function lengthPrefixed(octets: Uint8Array, text: string): Uint8Array {
  if (octets.length > 255) throw new RdataFault(`text longer than 255 octets: '${text.slice(0, 40)}…'`);
  const prefixed = new Uint8Array(octets.length + 1);
  prefixed[0] = octets.length;
  prefixed.set(octets, 1);
  return prefixed;
}

function chunksOf(octets: Uint8Array): Uint8Array[] {
  const chunks = [octets.subarray(0, 255)];
  for (let at = 255; at < octets.length; at += 255) chunks.push(octets.subarray(at, at + 255));
  return chunks;
}

function decodeHex(words: readonly ZoneWord[]): Uint8Array {
  const joined = words.map((word) => word.text).join('');
  if (!/^(?:[0-9a-f]{2})*$/i.test(joined)) throw new RdataFault(`'${joined.slice(0, 40)}' is not hexadecimal`);
  return new Uint8Array(Buffer.from(joined, 'hex'));
}

/** Seconds since 1970 (serial arithmetic, so modulo 2³²), or `YYYYMMDDHHmmSS` (RFC 4034 §3.2). */
function encodeTime(text: string): Uint8Array {
  const parts = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return encodeNumber(text, 4);
  const [year, month, day, hour, minute, second] = parts;
  const seconds = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) / 1000;
  return encodeNumber(String(((seconds % 2 ** 32) + 2 ** 32) % 2 ** 32), 4);
}

/** RFC 4034 §4.1.2 */
function encodeTypeBitmap(words: readonly ZoneWord[]): Uint8Array {
  const windows = new Map<number, Uint8Array>();
  for (const { text } of words) {
    const type = parseType(text.toUpperCase());
    if (type === undefined) throw new RdataFault(`'${text}' is no record type`);
    const bits = windows.get(type >> 8) ?? new Uint8Array(32);
    windows.set(type >> 8, bits);
    bits[(type & 0xff) >> 3]! |= 0x80 >> (type & 7);
  }
  const parts = [...windows]
    .sort(([a], [b]) => a - b)
    .map(([window, bits]) => {
      const size = bits.findLastIndex((octet) => octet !== 0) + 1;
      return Buffer.concat([Uint8Array.of(window, size), bits.subarray(0, size)]);
    });
  return new Uint8Array(Buffer.concat(parts));
}

/** RFC 3597 §5 */
function readGeneric(words: readonly ZoneWord[]): Uint8Array {
  const [size, ...digits] = words;
  const octets = decodeHex(digits);
  if (size === undefined || String(octets.length) !== size.text) {
    throw new RdataFault(`\\# ${size?.text ?? ''} is followed by ${octets.length} octets`);
  }
  return octets;
}

function fieldTable(text: string): Record<number, readonly Field[]> {
  const table: Record<number, readonly Field[]> = {};
  for (const entry of text.split(/[|\n]/)) {
    const [word, ...fields] = entry.trim().split(/\s+/);
    if (word !== undefined && word !== '') table[parseType(word)!] = fields as Field[];
  }
  return table;
}

/** A name of a zone file to wire form; one without a final dot is below the origin. */
export function absoluteName(text: string, origin: Uint8Array): Uint8Array | null {
  if (text === '@') return origin;
  if (text === '') return null;
  const trailing = /(\\*)\.$/.exec(text);
  if (trailing !== null && trailing[1]!.length % 2 === 0) return parseName(text);
  const relative = parseName(text);
  if (relative === null || relative.length + origin.length - 1 > 255) return null;
  return new Uint8Array(Buffer.concat([relative.subarray(0, -1), origin]));
}
