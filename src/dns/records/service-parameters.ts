/** The parameters of SVCB and HTTPS records, from their text form to octets (RFC 9460 §2.1 and appendix A). */
import { RdataFault } from './rdata-fault.ts';
import { encodeAddress, encodeNumber, lengthPrefixed, unescapeWord, type ZoneWord } from './rdata-values.ts';

const KEYS: readonly string[] = [
  'mandatory',
  'alpn',
  'no-default-alpn',
  'port',
  'ipv4hint',
  'ech',
  'ipv6hint',
  'dohpath',
  'ohttp',
];
const MANDATORY = 0;
const ALPN = 1;
const NO_DEFAULT_ALPN = 2;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

interface Parameter {
  readonly key: number;
  readonly value: Uint8Array;
}

/** @param words  `KEY`, `KEY=VALUE`, or `KEY=` with a quoted word directly behind it @throws RdataFault */
export function encodeServiceParameters(words: readonly ZoneWord[]): Uint8Array {
  const found: Parameter[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const next = words[index + 1];
    const equalsAt = word.text.indexOf('=');
    const name = equalsAt < 0 ? word.text : word.text.slice(0, equalsAt);
    let value = equalsAt < 0 ? undefined : word.text.slice(equalsAt + 1);
    const isJoined = next?.isQuoted === true && next.at === word.at + word.text.length;
    if (word.isQuoted) throw new RdataFault(`expected KEY=VALUE, found "${word.text}"`, word.at);
    if (value === '' && isJoined) {
      value = next.text;
      index++;
    }
    const key = keyOf(name, word);
    if (found.some((other) => other.key === key)) throw new RdataFault(`key '${name}' twice`, word.at);
    try {
      found.push({ key, value: encodeValue(key, name, value) });
    } catch (error) {
      if (error instanceof RdataFault) error.at ??= word.at;
      throw error;
    }
  }
  check(found, words[0]);
  found.sort((a, b) => a.key - b.key);
  const parts = found.flatMap(({ key, value }) => [
    encodeNumber(String(key), 2),
    encodeNumber(String(value.length), 2),
    value,
  ]);
  return new Uint8Array(Buffer.concat(parts));
}

function keyOf(name: string, word: ZoneWord): number {
  const known = KEYS.indexOf(name);
  if (known >= 0) return known;
  const digits = /^key(0|[1-9]\d{0,4})$/.exec(name)?.[1];
  if (digits === undefined || Number(digits) >= 0xffff) throw new RdataFault(`unknown key '${name}'`, word.at);
  return Number(digits);
}

function encodeValue(key: number, name: string, text: string | undefined): Uint8Array {
  switch (KEYS[key]) {
    case 'mandatory':
      return encodeMandatory(valueOf(name, text));
    case 'alpn':
      return new Uint8Array(
        Buffer.concat(listOf(unescapeWord(valueOf(name, text))).map((id) => lengthPrefixed(id, name))),
      );
    case 'no-default-alpn':
    case 'ohttp':
      if (text !== undefined && text !== '') throw new RdataFault(`'${name}' has no value`);
      return new Uint8Array(0);
    case 'port':
      return encodeNumber(valueOf(name, text), 2);
    case 'ipv4hint':
    case 'ipv6hint': {
      const family = key === 4 ? 'ipv4' : 'ipv6';
      const addresses = valueOf(name, text).split(',');
      return new Uint8Array(Buffer.concat(addresses.map((address) => encodeAddress(address, family))));
    }
    case 'ech': {
      const value = valueOf(name, text);
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value) || value.length % 4 !== 0)
        throw new RdataFault(`'${value}' is not base64`);
      return new Uint8Array(Buffer.from(value, 'base64'));
    }
    default:
      return unescapeWord(text ?? '');
  }
}

function valueOf(name: string, text: string | undefined): string {
  if (text === undefined || text === '') throw new RdataFault(`'${name}' needs a value`);
  return text;
}

function encodeMandatory(text: string): Uint8Array {
  const keys = text.split(',').map((name) => keyOf(name, { text: name, isQuoted: false, at: 0 }));
  if (new Set(keys).size < keys.length || keys.includes(MANDATORY)) {
    throw new RdataFault(`'mandatory=${text}': each key once, and not itself`);
  }
  keys.sort((a, b) => a - b);
  return new Uint8Array(Buffer.concat(keys.map((key) => encodeNumber(String(key), 2))));
}

/** Octets with commas between; a comma and a backslash in one of them stand behind a backslash. */
function listOf(octets: Uint8Array): Uint8Array[] {
  const items: number[][] = [[]];
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at]!;
    if (octet === COMMA) items.push([]);
    else if (octet === BACKSLASH && at + 1 < octets.length) items.at(-1)!.push(octets[++at]!);
    else items.at(-1)!.push(octet);
  }
  if (items.some((item) => item.length === 0)) throw new RdataFault('an empty item in a list');
  return items.map((item) => Uint8Array.from(item));
}

function check(found: readonly Parameter[], word: ZoneWord | undefined): void {
  const has = (key: number): boolean => found.some((other) => other.key === key);
  if (has(NO_DEFAULT_ALPN) && !has(ALPN)) throw new RdataFault("'no-default-alpn' without 'alpn'", word?.at);
  const mandatory = found.find(({ key }) => key === MANDATORY)?.value ?? new Uint8Array(0);
  for (let at = 0; at < mandatory.length; at += 2) {
    const key = mandatory[at]! * 256 + mandatory[at + 1]!;
    if (!has(key)) throw new RdataFault(`mandatory key '${KEYS[key] ?? `key${key}`}' is not given`, word?.at);
  }
}
