/**
 * Whether the octets of rdata are what their type says. What is served of a zone is never looked at again, and text in the
 * generic form (`\# SIZE HEX`, RFC 3597) or a transfer may bring any octets.
 */
import { LABEL_SIZE_MAX, NAME_SIZE_MAX } from '../name.ts';
import { fieldsOf, type Field } from './rdata-text.ts';

export const RDATA_SIZE_MAX = 0xffff;
/** The end of a field that is not well-formed. */
const BAD = -1;

/** Octets of the fields that always have as many. */
const SIZES: ReadonlyMap<Field, number> = new Map([
  ['u8', 1],
  ['algorithm', 1],
  ['u16', 2],
  ['type', 2],
  ['certificate', 2],
  ['u32', 4],
  ['ttl', 4],
  ['time', 4],
  ['ipv4', 4],
  ['ipv6', 16],
  ['eui48', 6],
  ['eui64', 8],
  ['locator64', 8],
]);

/** @returns what is wrong, undefined if nothing is */
export function faultOfRdata(type: number, rdata: Uint8Array): string | undefined {
  if (rdata.length > RDATA_SIZE_MAX) return `data longer than ${RDATA_SIZE_MAX} octets`;
  const fields = fieldsOf(type);
  if (fields === undefined) return undefined;
  let at = 0;
  for (const field of fields) {
    const end = endOfField(field, rdata, at);
    if (end === BAD)
      return field === 'name' ? BAD_NAME : `data of ${rdata.length} octets, expected ${fields.join(' ')}`;
    at = end;
  }
  return at === rdata.length ? undefined : `data of ${rdata.length} octets, expected ${fields.join(' ')}`;
}

const BAD_NAME = 'a name in the data is cut, compressed or too long';

/** @returns where the field ends that starts at `at`, or BAD */
function endOfField(field: Field, rdata: Uint8Array, at: number): number {
  const size = SIZES.get(field);
  if (size !== undefined) return at + size <= rdata.length ? at + size : BAD;
  switch (field) {
    case 'name':
      return endOfName(rdata, at);
    case 'text':
    case 'salt':
    case 'base32':
      return endOfText(rdata, at);
    case 'tag':
      return rdata[at] === 0 ? BAD : endOfText(rdata, at);
    case 'texts':
      return endOfTexts(rdata, at);
    case 'types':
      return endOfTypes(rdata, at);
    case 'parameters':
      return endOfParameters(rdata, at);
    case 'location':
      // Versions other than 0 are not known (RFC 1876 §2).
      return rdata.length > at && (rdata[at] !== 0 || rdata.length === at + 16) ? rdata.length : BAD;
    case 'prefixes':
      return endOfPrefixes(rdata, at);
    case 'host':
      return endOfHost(rdata, at);
    case 'gateway':
    case 'relay':
      return endOfGateway(rdata, at, field === 'gateway');
    default:
      return rdata.length;
  }
}

/** @returns the end of the uncompressed name that starts at `start`, -1 if there is none */
export function endOfName(octets: Uint8Array, start: number): number {
  let at = start;
  while (at < octets.length && at - start < NAME_SIZE_MAX) {
    const size = octets[at]!;
    if (size === 0) return at + 1;
    if (size > LABEL_SIZE_MAX) return BAD;
    at += size + 1;
  }
  return BAD;
}

/** An octet that says how many follow. */
function endOfText(rdata: Uint8Array, at: number): number {
  const end = at < rdata.length ? at + 1 + rdata[at]! : BAD;
  return end <= rdata.length ? end : BAD;
}

/** One at least, to the end. */
function endOfTexts(rdata: Uint8Array, start: number): number {
  let at = endOfText(rdata, start);
  while (at !== BAD && at < rdata.length) at = endOfText(rdata, at);
  return at;
}

/** Windows in rising order, none of them empty (RFC 4034 §4.1.2). */
function endOfTypes(rdata: Uint8Array, start: number): number {
  let before = -1;
  for (let at = start; at < rdata.length;) {
    const window = rdata[at]!;
    const size = rdata[at + 1] ?? 0;
    if (window <= before || size < 1 || size > 32 || at + 2 + size > rdata.length) return BAD;
    before = window;
    at += 2 + size;
  }
  return rdata.length;
}

/** Keys in rising order (RFC 9460 §2.2). */
function endOfParameters(rdata: Uint8Array, start: number): number {
  let before = -1;
  for (let at = start; at < rdata.length;) {
    if (at + 4 > rdata.length) return BAD;
    const key = wordAt(rdata, at);
    if (key <= before) return BAD;
    before = key;
    at += 4 + wordAt(rdata, at + 2);
    if (at > rdata.length) return BAD;
  }
  return rdata.length;
}

/** Family, prefix, and how many octets follow (RFC 3123 §4). */
function endOfPrefixes(rdata: Uint8Array, start: number): number {
  let at = start;
  while (at < rdata.length) {
    if (at + 4 > rdata.length) return BAD;
    at += 4 + (rdata[at + 3]! & 0x7f);
  }
  return at === rdata.length ? at : BAD;
}

/** RFC 8005 §5 */
function endOfHost(rdata: Uint8Array, start: number): number {
  if (start + 4 > rdata.length) return BAD;
  let at = start + 4 + rdata[start]! + wordAt(rdata, start + 2);
  if (at > rdata.length) return BAD;
  while (at !== BAD && at < rdata.length) at = endOfName(rdata, at);
  return at;
}

/** RFC 4025 §2.1; RFC 8777 §4.1, which has no algorithm, and a bit before the kind. */
function endOfGateway(rdata: Uint8Array, start: number, hasKey: boolean): number {
  const at = start + (hasKey ? 3 : 2);
  if (at > rdata.length) return BAD;
  const kind = hasKey ? rdata[start + 1]! : rdata[start + 1]! & 0x7f;
  const end = kind === 3 ? endOfName(rdata, at) : kind > 3 ? rdata.length : at + [0, 4, 16][kind]!;
  if (end === BAD || end > rdata.length) return BAD;
  return hasKey ? rdata.length : end;
}

function wordAt(rdata: Uint8Array, at: number): number {
  return (rdata[at]! << 8) | rdata[at + 1]!;
}
