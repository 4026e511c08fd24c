/** Functions of the expr language: the built-in ones, and those of `view` and `template` that ask about the query. */
import { parseAddress } from '../dns/address.ts';
import { ExprError, isList, limited, negate, textOf, typeName, type ExprValue } from './expr-value.ts';

/** What is known of the query. All texts are as CoreDNS has them. */
export interface ExprQuery {
  /** mnemonic of the type of the question */
  typeText(): string;
  classText(): string;
  /** of the question, presentation form, lower-cased, absolute */
  name(): string;
  /** udp or tcp */
  proto(): string;
  /** octets of the query */
  size(): number;
  id(): number;
  opcode(): number;
  isDnssecOk(): boolean;
  /** largest response that the client takes, octets */
  bufferSize(): number;
  clientAddress(): string;
  clientPort(): number;
  serverAddress(): string;
  serverPort(): number;
  /** '' if it is not known */
  metadata(label: string): string;
}

/** What a `template` adds. */
export interface ExprMatch {
  /** by number or by name; '' if there is none */
  readonly groups: ReadonlyMap<string, string>;
  /** of the `var` options before */
  readonly variables: ReadonlyMap<string, ExprValue>;
}

export type ExprFunction = (args: readonly ExprValue[], query: ExprQuery, match: ExprMatch) => ExprValue;

/** By name. Who calls them has compared the number of arguments. */
export const FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  type: (_, query) => query.typeText(),
  name: (_, query) => query.name(),
  class: (_, query) => query.classText(),
  proto: (_, query) => query.proto(),
  size: (_, query) => BigInt(query.size()),
  client_ip: (_, query) => query.clientAddress(),
  port: (_, query) => String(query.clientPort()),
  id: (_, query) => BigInt(query.id()),
  opcode: (_, query) => BigInt(query.opcode()),
  do: (_, query) => query.isDnssecOk(),
  bufsize: (_, query) => BigInt(query.bufferSize()),
  server_ip: (_, query) => query.serverAddress(),
  server_port: (_, query) => String(query.serverPort()),
  metadata: ([label], query) => query.metadata(takeText('metadata', label)),
  incidr: ([address, network]) => isInNetwork(takeText('incidr', address), takeText('incidr', network)),
  group: ([key], _, match) => {
    const isKey = typeof key === 'string' || typeof key === 'bigint';
    return isKey ? (match.groups.get(String(key)) ?? '') : '';
  },
  int: ([value]) => toInteger(value!),
  float: ([value]) => toFloat(value!),
  string: ([value]) => textOf(value!),
  len: ([value]) => lengthOf(value!),
  abs: ([value]) => absoluteOf(value!),
  lower: ([text]) => takeText('lower', text).toLowerCase(),
  upper: ([text]) => limited(takeText('upper', text).toUpperCase()),
  trim: ([text]) => takeText('trim', text).trim(),
  hasPrefix: ([text, prefix]) => takeText('hasPrefix', text).startsWith(takeText('hasPrefix', prefix)),
  hasSuffix: ([text, suffix]) => takeText('hasSuffix', text).endsWith(takeText('hasSuffix', suffix)),
  indexOf: ([text, part]) => octetIndexOf(takeText('indexOf', text), takeText('indexOf', part)),
};

function takeText(name: string, value: ExprValue | undefined): string {
  if (typeof value === 'string') return value;
  throw new ExprError(`${name} takes a string, found ${typeName(value ?? null)}`);
}

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

function toInteger(value: ExprValue): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') {
    const isInRange = value >= Number(INT_MIN) && value < Number(INT_MAX);
    return isInRange ? BigInt(Math.trunc(value)) : INT_MIN;
  }
  if (typeof value === 'string' && /^[-+]?\d{1,100}$/.test(value)) {
    const number = BigInt(value.replace(/^\+/, ''));
    if (number >= INT_MIN && number <= INT_MAX) return number;
  }
  throw new ExprError(`${textOf(value)} is no int`);
}

const FLOAT = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

function toFloat(value: ExprValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string') {
    if (/^[-+]?inf(?:inity)?$/i.test(value)) return value.startsWith('-') ? -Infinity : Infinity;
    if (/^nan$/i.test(value)) return Number.NaN;
    const number = FLOAT.test(value) ? Number(value) : Number.NaN;
    if (Number.isFinite(number)) return number;
  }
  throw new ExprError(`${textOf(value)} is no float`);
}

/** Characters of a text, items of a list. */
function lengthOf(value: ExprValue): bigint {
  if (isList(value)) return BigInt(value.length);
  if (typeof value !== 'string') throw new ExprError(`len takes a string or an array, found ${typeName(value)}`);
  let count = 0;
  for (const _ of value) count++;
  return BigInt(count);
}

function absoluteOf(value: ExprValue): ExprValue {
  if (typeof value === 'bigint' || typeof value === 'number') return value < 0 ? negate(value) : value;
  throw new ExprError(`abs takes a number, found ${typeName(value)}`);
}

/** In octets; -1 if it is not there. */
function octetIndexOf(text: string, part: string): bigint {
  const at = text.indexOf(part);
  return BigInt(at <= 0 ? at : Buffer.byteLength(text.slice(0, at)));
}

const addressWords = new Uint32Array(4);
const networkWords = new Uint32Array(4);

/** Whether an address lies in `ADDRESS/LENGTH`. An IPv4-mapped one is the IPv4 address. */
function isInNetwork(addressText: string, networkText: string): boolean {
  const family = parseAddress(addressText, addressWords);
  if (family === 0) throw new ExprError('the first argument of incidr is no IP address');
  const slashAt = networkText.indexOf('/');
  const prefixText = networkText.slice(slashAt + 1);
  const networkFamily = slashAt < 0 ? 0 : parseAddress(networkText.slice(0, slashAt), networkWords);
  if (networkFamily === 0 || !/^\d{1,3}$/.test(prefixText)) throw badNetwork(networkText);
  const isMapped = networkFamily === 4 && networkText.includes(':');
  const isLong = networkFamily === 6 || isMapped;
  if (Number(prefixText) > (isLong ? 128 : 32)) throw badNetwork(networkText);
  // A length that reaches into the mapped prefix makes the network one of IPv6 addresses.
  const prefix = isMapped ? Number(prefixText) - 96 : Number(prefixText);
  if (prefix < 0 || family !== networkFamily) return false;
  for (let index = 0; index < (family === 4 ? 1 : 4); index++) {
    const bits = Math.min(Math.max(prefix - 32 * index, 0), 32);
    if (bits === 0) return true;
    const shift = 32 - bits;
    if (addressWords[index]! >>> shift !== networkWords[index]! >>> shift) return false;
  }
  return true;
}

function badNetwork(text: string): ExprError {
  return new ExprError(`${text} is no network, expected ADDRESS/LENGTH`);
}
