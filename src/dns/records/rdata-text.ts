import { parseName } from '../name.ts';
import { RdataFault } from './rdata-fault.ts';
import { encodeGateway, encodeHost, encodeLocation, encodePrefixes } from './rdata-rare.ts';
import {
  decodeBase64,
  decodeHex,
  encodeAddress,
  encodeNumber,
  lengthPrefixed,
  unescapeWord,
  type RdataInput,
  type ZoneWord,
} from './rdata-values.ts';
import { encodeServiceParameters } from './service-parameters.ts';
import { numbersOf, parseType } from './record-words.ts';

export { RdataFault } from './rdata-fault.ts';
export { unescapeWord, type RdataInput, type ZoneWord } from './rdata-values.ts';

export type Field =
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
  | 'types'
  | 'algorithm'
  | 'certificate'
  | 'salt'
  | 'base32'
  | 'eui48'
  | 'eui64'
  | 'locator64'
  | 'parameters'
  | 'location'
  | 'prefixes'
  | 'host'
  | 'gateway'
  | 'relay';

/** Fields that take all words that are left. */
const REST_FIELDS: ReadonlySet<Field> = new Set([
  'texts',
  'hex',
  'base64',
  'types',
  'parameters',
  'location',
  'prefixes',
  'host',
  'gateway',
  'relay',
]);
/** … even if that is none. */
const OPTIONAL_FIELDS: ReadonlySet<Field> = new Set(['types', 'parameters', 'prefixes']);

/** The fields of each type's data in its text form (RFC 1035 §3.3 and the documents of the types). */
const FIELDS: Readonly<Record<number, readonly Field[]>> = fieldTable(`
  A ipv4 | AAAA ipv6 | NS name | MD name | MF name | CNAME name | MB name | MG name | MR name | PTR name | DNAME name
  SOA name name u32 ttl ttl ttl ttl | MINFO name name | RP name name | MX u16 name | AFSDB u16 name | RT u16 name
  KX u16 name | PX u16 name name | HINFO text text | TXT texts | SPF texts | AVC texts | NINFO texts | RESINFO texts
  ISDN texts | X25 text | SRV u16 u16 u16 name | NAPTR u16 u16 text text text name | URI u16 u16 octets | CAA u8 tag octets
  DS u16 algorithm u8 hex | CDS u16 algorithm u8 hex | DLV u16 algorithm u8 hex | TA u16 algorithm u8 hex
  TLSA u8 u8 u8 hex | SMIMEA u8 u8 u8 hex | SSHFP u8 u8 hex | OPENPGPKEY base64 | DHCID base64
  DNSKEY u16 u8 algorithm base64 | CDNSKEY u16 u8 algorithm base64 | KEY u16 u8 algorithm base64
  RKEY u16 u8 algorithm base64 | RRSIG type algorithm u8 u32 time time u16 name base64
  SIG type algorithm u8 u32 time time u16 name base64 | NSEC name types | NSEC3 u8 u8 u16 salt base32 types
  NSEC3PARAM u8 u8 u16 salt | CSYNC u32 u16 types | ZONEMD u32 u8 u8 hex | CERT certificate u16 algorithm base64
  SVCB u16 name parameters | HTTPS u16 name parameters | LOC location | APL prefixes | HIP host | IPSECKEY gateway
  AMTRELAY relay | TALINK name name | NSAP-PTR name | GPOS text text text | EUI48 eui48 | EUI64 eui64
  NID u16 locator64 | L32 u16 ipv4 | L64 u16 locator64 | LP u16 name | UID u32 | GID u32 | UINFO text
  EID hex | NIMLOC hex`);

/** The fields of a type's data; undefined for a type whose data is octets without a form that is known here. */
export function fieldsOf(type: number): readonly Field[] | undefined {
  return FIELDS[type];
}

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
    const taken = REST_FIELDS.has(field) ? words.slice(index) : words.slice(index, index + 1);
    if (taken.length === 0 && !OPTIONAL_FIELDS.has(field)) {
      throw new RdataFault(`data too short, expected ${fields.join(' ')}`);
    }
    try {
      parts.push(encodeField(field, taken, input));
    } catch (error) {
      if (error instanceof RdataFault) error.at ??= taken[0]?.at;
      throw error;
    }
    index += taken.length;
  }
  if (index < words.length) {
    throw new RdataFault(
      `garbage after the data: '${words[index]!.text}', expected ${fields.join(' ')}`,
      words[index]!.at,
    );
  }
  const rdata = new Uint8Array(Buffer.concat(parts));
  if (rdata.length > 0xffff) throw new RdataFault('data longer than 65535 octets');
  return rdata;
}

/** Characters of a time to live, leading zeros included. */
const TTL_SIZE_MAX = 64;

/** Seconds: a number, or units as in `1h30m`; undefined if it is neither. */
export function parseTtl(text: string): number | undefined {
  // Digits alone first, and then a unit behind each number: what could be split in many ways would be tried in all of them.
  if (text.length > TTL_SIZE_MAX || !/^\d+$|^(?:\d+[smhdw])+\d*$/i.test(text)) return undefined;
  const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)([a-z]?)/gi))
    seconds += Number(amount) * units[unit!.toLowerCase()]!;
  return seconds <= 0xffffffff ? seconds : undefined;
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
    case 'base64':
      return decodeBase64(words);
    case 'type': {
      const type = parseType(text.toUpperCase());
      if (type === undefined) throw new RdataFault(`'${text}' is no record type`);
      return encodeNumber(String(type), 2);
    }
    case 'time':
      return encodeTime(text);
    case 'types':
      return encodeTypeBitmap(words);
    default:
      return encodeRareField(field, words, input);
  }
}

/** Fields of types that few zones have. */
function encodeRareField(field: Field, words: readonly ZoneWord[], input: RdataInput): Uint8Array {
  const text = words[0]?.text ?? '';
  switch (field) {
    case 'algorithm':
      return encodeNumber(String(ALGORITHMS.get(text.toUpperCase()) ?? text), 1);
    case 'certificate':
      return encodeNumber(String(CERTIFICATES.get(text.toUpperCase()) ?? text), 2);
    case 'salt':
      return lengthPrefixed(text === '-' ? new Uint8Array(0) : decodeHex(words), text);
    case 'base32':
      return lengthPrefixed(decodeBase32(text), text);
    case 'eui48':
      return decodeGroups(text, '-', 6, 2);
    case 'eui64':
      return decodeGroups(text, '-', 8, 2);
    case 'locator64':
      return decodeGroups(text, ':', 4, 4);
    case 'parameters':
      return encodeServiceParameters(words);
    case 'location':
      return encodeLocation(words);
    case 'prefixes':
      return encodePrefixes(words);
    case 'host':
      return encodeHost(words, input);
    default:
      return encodeGateway(words, input, field === 'relay');
  }
}

/** DNS security algorithms, and certificate types (RFC 4398 §2.1), by mnemonic. */
const ALGORITHMS = numbersOf(
  'RSAMD5 1 DH 2 DSA 3 RSASHA1 5 DSA-NSEC3-SHA1 6 RSASHA1-NSEC3-SHA1 7 RSASHA256 8 RSASHA512 10 ECC-GOST 12 ' +
    'ECDSAP256SHA256 13 ECDSAP384SHA384 14 ED25519 15 ED448 16 INDIRECT 252 PRIVATEDNS 253 PRIVATEOID 254',
);
const CERTIFICATES = numbersOf('PKIX 1 SPKI 2 PGP 3 IPIX 4 ISPKI 5 IPGP 6 ACPKIX 7 IACPKIX 8 URI 253 OID 254');

function chunksOf(octets: Uint8Array): Uint8Array[] {
  const chunks = [octets.subarray(0, 255)];
  for (let at = 255; at < octets.length; at += 255) chunks.push(octets.subarray(at, at + 255));
  return chunks;
}

/** Base32 with the extended hexadecimal alphabet, without padding (RFC 4648 §7). */
function decodeBase32(text: string): Uint8Array {
  const digits = text.toUpperCase().replace(/=+$/, '');
  if (!/^[0-9A-V]+$/.test(digits)) throw new RdataFault(`'${text}' is not base32hex`);
  const octets = new Uint8Array(Math.floor((digits.length * 5) / 8));
  let bits = 0;
  let value = 0;
  let size = 0;
  for (const digit of digits) {
    value = ((value << 5) | Number.parseInt(digit, 32)) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    octets[size++] = (value >>> bits) & 0xff;
  }
  return octets;
}

/** `count` groups of `digits` hexadecimal digits. */
function decodeGroups(text: string, separator: string, count: number, digits: number): Uint8Array {
  const groups = text.split(separator);
  const isGood =
    groups.length === count && groups.every((group) => /^[0-9a-f]+$/i.test(group) && group.length <= digits);
  if (!isGood)
    throw new RdataFault(`'${text}' is not ${count} groups of hexadecimal digits with '${separator}' between`);
  return new Uint8Array(Buffer.from(groups.map((group) => group.padStart(digits, '0')).join(''), 'hex'));
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

/** Characters of a name: 255 octets, each written as `\\DDD`. */
const NAME_TEXT_SIZE_MAX = 4 * 255;

/** A name of a zone file to wire form; one without a final dot is below the origin. */
export function absoluteName(text: string, origin: Uint8Array): Uint8Array | null {
  if (text === '@') return origin;
  if (text === '' || text.length > NAME_TEXT_SIZE_MAX) return null;
  const trailing = /(\\*)\.$/.exec(text);
  if (trailing !== null && trailing[1]!.length % 2 === 0) return parseName(text);
  const relative = parseName(text);
  if (relative === null || relative.length + origin.length - 1 > 255) return null;
  return new Uint8Array(Buffer.concat([relative.subarray(0, -1), origin]));
}
