/** The text forms of LOC (RFC 1876), APL (RFC 3123), HIP (RFC 8005), IPSECKEY (RFC 4025) and AMTRELAY (RFC 8777). */
import { RdataFault } from './rdata-fault.ts';
import {
  decodeBase64,
  decodeHex,
  encodeAddress,
  encodeNumber,
  type RdataInput,
  type ZoneWord,
} from './rdata-values.ts';

const EQUATOR = 2 ** 31;
/** Altitudes count from here, centimetres. */
const ALTITUDE_BASE = 10_000_000;
const SIZE_DEFAULT = 0x12;
const HORIZONTAL_DEFAULT = 0x16;
const VERTICAL_DEFAULT = 0x13;

/** `52 14 05 N 00 08 50 E 10m [1m [10000m [10m]]]` */
export function encodeLocation(words: readonly ZoneWord[]): Uint8Array {
  const latitude = readAngle(words, 0, 90, 'N', 'S');
  const longitude = readAngle(words, latitude.next, 180, 'E', 'W');
  const rest = words.slice(longitude.next);
  const [altitude, ...sizes] = rest.map((word) => readMetres(word));
  if (altitude === undefined) throw new RdataFault('no altitude');
  if (sizes.length > 3) throw new RdataFault(`garbage after the data: '${rest[4]!.text}'`, rest[4]!.at);
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  const defaults = [SIZE_DEFAULT, HORIZONTAL_DEFAULT, VERTICAL_DEFAULT];
  for (const [index, size] of defaults.entries()) {
    octets[1 + index] = sizes[index] === undefined ? size : powerOf(sizes[index], rest[1 + index]!);
  }
  view.setUint32(4, latitude.value);
  view.setUint32(8, longitude.value);
  const raised = Math.round(altitude + ALTITUDE_BASE);
  if (raised < 0 || raised > 0xffff_ffff) throw new RdataFault(`altitude '${rest[0]!.text}'`, rest[0]!.at);
  view.setUint32(12, raised);
  return octets;
}

/** Degrees, minutes, seconds, of which the last two may be missing, and the direction. */
function readAngle(
  words: readonly ZoneWord[],
  from: number,
  degreesMax: number,
  plus: string,
  minus: string,
): { readonly value: number; readonly next: number } {
  const maxima = [degreesMax, 59, 59.999];
  let thousandths = 0;
  for (let index = 0; index < 4; index++) {
    const word = words[from + index];
    const text = word?.text.toUpperCase() ?? '';
    if (index > 0 && (text === plus || text === minus)) {
      return { value: EQUATOR + (text === plus ? thousandths : -thousandths), next: from + index + 1 };
    }
    const isNumber = (index < 2 ? /^\d+$/ : /^\d+(?:\.\d{0,3})?$/).test(text) && index < 3;
    if (!isNumber || Number(text) > maxima[index]!) {
      throw new RdataFault(
        `expected degrees, minutes, seconds and ${plus} or ${minus}, found '${word?.text ?? ''}'`,
        word?.at,
      );
    }
    thousandths += Math.round(Number(text) * [3_600_000, 60_000, 1000][index]!);
  }
  throw new RdataFault(`expected ${plus} or ${minus}`);
}

/** @returns centimetres */
function readMetres(word: ZoneWord): number {
  const text = /^(-?\d+(?:\.\d{0,2})?)m?$/i.exec(word.text)?.[1];
  if (text === undefined) throw new RdataFault(`'${word.text}' is no number of metres`, word.at);
  return Math.round(Number(text) * 100);
}

/** One digit and a power of ten. */
function powerOf(centimetres: number, word: ZoneWord): number {
  let exponent = 0;
  let rest = centimetres;
  while (rest >= 10) {
    rest = Math.floor(rest / 10);
    exponent++;
  }
  if (centimetres < 0 || exponent > 9) throw new RdataFault(`size '${word.text}'`, word.at);
  return (rest << 4) | exponent;
}

/** `[!]FAMILY:ADDRESS/PREFIX …` */
export function encodePrefixes(words: readonly ZoneWord[]): Uint8Array {
  return new Uint8Array(Buffer.concat(words.map(encodePrefix)));
}

function encodePrefix(word: ZoneWord): Uint8Array {
  const [, negation, family, address, length] = /^(!?)([12]):([^/]+)\/(\d{1,3})$/.exec(word.text) ?? [];
  const isIPv4 = family === '1';
  if (address === undefined || Number(length) > (isIPv4 ? 32 : 128)) {
    throw new RdataFault(`expected [!]FAMILY:ADDRESS/PREFIX, found '${word.text}'`, word.at);
  }
  const octets = encodeAddress(address, isIPv4 ? 'ipv4' : 'ipv6');
  const size = octets.findLastIndex((octet) => octet !== 0) + 1;
  const head = [0, Number(family), Number(length), size | (negation === '!' ? 0x80 : 0)];
  return Uint8Array.from([...head, ...octets.subarray(0, size)]);
}

/** Algorithm, host identity tag, public key, rendezvous servers. */
export function encodeHost(words: readonly ZoneWord[], input: RdataInput): Uint8Array {
  const [algorithm, tag, key, ...servers] = words;
  if (algorithm === undefined || tag === undefined || key === undefined) throw new RdataFault('data too short');
  const tagOctets = decodeHex([tag]);
  const keyOctets = decodeBase64([key]);
  return new Uint8Array(
    Buffer.concat([
      encodeNumber(String(tagOctets.length), 1),
      encodeNumber(algorithm.text, 1),
      encodeNumber(String(keyOctets.length), 2),
      tagOctets,
      keyOctets,
      ...servers.map((server) => nameOf(server, input)),
    ]),
  );
}

/**
 * IPSECKEY: precedence, kind of the gateway, algorithm, gateway, public key. AMTRELAY: precedence, discovery bit, kind of
 * the relay, relay.
 */
export function encodeGateway(words: readonly ZoneWord[], input: RdataInput, isRelay: boolean): Uint8Array {
  const [first, second, third, gateway, ...key] = words;
  if (first === undefined || second === undefined || third === undefined || gateway === undefined) {
    throw new RdataFault('data too short');
  }
  if (isRelay && key.length > 0) throw new RdataFault(`garbage after the data: '${key[0]!.text}'`, key[0]!.at);
  const kind = isRelay ? third : second;
  const numbers = isRelay
    ? [encodeNumber(first.text, 1), Uint8Array.of((second.text === '1' ? 0x80 : 0) | encodeNumber(kind.text, 1)[0]!)]
    : [first, second, third].map((word) => encodeNumber(word.text, 1));
  return new Uint8Array(
    Buffer.concat([
      ...numbers,
      gatewayOf(kind, gateway, input),
      key.length === 0 ? new Uint8Array(0) : decodeBase64(key),
    ]),
  );
}

function gatewayOf(kind: ZoneWord, gateway: ZoneWord, input: RdataInput): Uint8Array {
  switch (kind.text) {
    case '0':
      if (gateway.text !== '.') throw new RdataFault(`expected '.', found '${gateway.text}'`, gateway.at);
      return new Uint8Array(0);
    case '1':
      return encodeAddress(gateway.text, 'ipv4');
    case '2':
      return encodeAddress(gateway.text, 'ipv6');
    case '3':
      return nameOf(gateway, input);
    default:
      throw new RdataFault(`expected a kind of gateway from 0 to 3, found '${kind.text}'`, kind.at);
  }
}

function nameOf(word: ZoneWord, input: RdataInput): Uint8Array {
  const name = input.name(word.text);
  if (name === null) throw new RdataFault(`'${word.text}' is no domain name`, word.at);
  return name;
}
