/** An entry in words: `whoami.default.svc  A 10.96.0.20  SRV 0 100 80 whoami.default.svc`. For people, not for parsing. */
import { formatIPv4, formatIPv6 } from '../dns/address.ts';
import { typeName, TYPE } from '../dns/iana.ts';
import { formatName } from '../dns/name.ts';
import { clientOf, keyOf, octetsAt } from './entry-walk.ts';
import {
  ADDRESS,
  ALIAS,
  ENDPOINTS,
  ENTRY_FLAG,
  ENTRY_FLAGS_SHIFT,
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  KIND,
  wordsFor,
} from './snapshot-layout.ts';

const FLAG_TEXTS: readonly (readonly [number, string])[] = [
  [ENTRY_FLAG.DEFAULT_BELOW, '(answers for every name below)'],
  [ENTRY_FLAG.NODATA_BELOW, '(every name below exists without records)'],
  [ENTRY_FLAG.EMPTY_SELF, '(has no records itself)'],
  [ENTRY_FLAG.FIRST_ONLY, '(only the first is answered)'],
  [ENTRY_FLAG.CUT, '(delegated)'],
  [ENTRY_FLAG.OCCLUDED, '(below a delegation or DNAME)'],
];
/** name, TYPE, CLASS, TTL and RDLENGTH of a record whose owner is a pointer */
const RECORD_HEADER_SIZE = 12;
/** TTL and RDLENGTH of a record of a zone */
const ZONE_RECORD_HEADER_SIZE = 6;

/** The records of an entry, each as text: type and rdata. */
export function entryRecords(words: Uint32Array, entryAt: number): string[] {
  const head = words[entryAt]!;
  const payloadAt = entryAt + 1 + wordsFor(head & ENTRY_KEY_SIZE_MASK);
  const records = payloadRecords(words, entryAt, payloadAt);
  const flags = head >>> ENTRY_FLAGS_SHIFT;
  for (const [flag, text] of FLAG_TEXTS) if ((flags & flag) !== 0) records.push(text);
  return records;
}

/** One line: the name relative to its zone, then its records. */
export function entryLine(words: Uint32Array, entryAt: number): string {
  return [relativeText(keyOf(words, entryAt)), ...entryRecords(words, entryAt)].join('  ');
}

/** `10.1.0.7  default/web-0`: the address, then namespace and name of the pod. */
export function clientLine(words: Uint32Array, entryAt: number): string {
  const key = keyOf(words, entryAt);
  const view = new DataView(key.buffer, key.byteOffset);
  const address =
    key.length === 4
      ? formatIPv4(view.getUint32(0))
      : formatIPv6([0, 4, 8, 12].map((offset) => view.getUint32(offset)));
  const { namespace, name } = clientOf(words, entryAt);
  return `${address}  ${namespace}/${name}`;
}

/** A relative name in words; the empty one is the zone itself. */
export function relativeText(name: Uint8Array): string {
  return name.length === 0 ? '@' : formatName(name);
}

function payloadRecords(words: Uint32Array, entryAt: number, payloadAt: number): string[] {
  switch ((words[entryAt]! >>> ENTRY_KIND_SHIFT) & 0xf) {
    case KIND.ENT:
      return ['ENT'];
    case KIND.ADDRESS:
      return addressRecords(words, entryAt, payloadAt);
    case KIND.ENDPOINTS:
      return endpointsRecords(words, entryAt, payloadAt);
    case KIND.ALIAS:
      return aliasRecords(words, payloadAt);
    case KIND.POINTER:
      return pointerRecords(words, payloadAt);
    case KIND.RAW:
      return rawRecords(words, payloadAt, RECORD_HEADER_SIZE);
    case KIND.RRSETS:
      return rawRecords(words, payloadAt, ZONE_RECORD_HEADER_SIZE);
    default:
      return ['(unknown kind)'];
  }
}

function addressRecords(words: Uint32Array, entryAt: number, payloadAt: number): string[] {
  const srv = words[payloadAt + ADDRESS.at.srv]!;
  const portCount = srv & 0xffff;
  const addressesAt = payloadAt + ADDRESS.words + ((portCount + 1) >>> 1);
  const records = addressTexts(
    words,
    addressesAt,
    words[payloadAt + ADDRESS.at.count4]!,
    words[payloadAt + ADDRESS.at.count6]!,
  );
  const target = relativeText(keyOf(words, entryAt).subarray(srv >>> 24));
  for (const port of portsAt(words, payloadAt + ADDRESS.words, portCount)) {
    records.push(`SRV 0 ${(srv >>> 16) & 0xff} ${port} ${target}`);
  }
  return records;
}

function aliasRecords(words: Uint32Array, payloadAt: number): string[] {
  const size = words[payloadAt + ALIAS.at.targetSize]!;
  const srv = words[payloadAt + ALIAS.at.srv]!;
  const target = formatName(octetsAt(words, payloadAt + ALIAS.at.target, size));
  const ports = portsAt(words, payloadAt + ALIAS.at.target + wordsFor(size), srv & 0xffff);
  return [`CNAME ${target}`, ...ports.map((port) => `SRV 0 ${(srv >>> 16) & 0xff} ${port} ${target}`)];
}

function endpointsRecords(words: Uint32Array, entryAt: number, payloadAt: number): string[] {
  const field = ENDPOINTS.at;
  const count4 = words[payloadAt + field.count4]!;
  const count6 = words[payloadAt + field.count6]!;
  const srv = words[payloadAt + field.srv]!;
  const records = addressTexts(words, payloadAt + ENDPOINTS.words, count4, count6);
  let at = payloadAt + ENDPOINTS.words + count4 + 4 * count6;
  const portSets: number[][] = [];
  for (let index = 0; index < (srv & 0xffff); index++) {
    portSets.push(portsAt(words, at + 1, words[at]!));
    at += 1 + ((words[at]! + 1) >>> 1);
  }
  const base = relativeText(keyOf(words, entryAt).subarray(srv >>> 24));
  for (let index = 0; index < words[payloadAt + field.groupCount]!; index++) {
    const nameSize = words[at]! & 0xff;
    const name = formatName(octetsAt(words, at + 2, nameSize));
    for (const port of portSets[words[at]! >>> 8] ?? []) {
      records.push(`SRV 0 ${(srv >>> 16) & 0xff} ${port} ${name}.${base}`);
    }
    at += 2 + wordsFor(nameSize) + (words[at + 1]! & 0xffff) + 4 * (words[at + 1]! >>> 16);
  }
  return records;
}

function pointerRecords(words: Uint32Array, payloadAt: number): string[] {
  const records: string[] = [];
  let at = payloadAt + 1;
  for (let index = 0; index < words[payloadAt]!; index++) {
    const size = words[at]! & 0xff;
    records.push(`PTR ${formatName(octetsAt(words, at + 1, size))}`);
    at += 1 + wordsFor(size);
  }
  return records;
}

function rawRecords(words: Uint32Array, payloadAt: number, headerSize: number): string[] {
  const records: string[] = [];
  let at = payloadAt + 1;
  for (let index = 0; index < words[payloadAt]!; index++) {
    const type = words[at]! & 0xffff;
    const size = words[at + 1]!;
    records.push(...rdataTexts(type, octetsAt(words, at + 2, size), headerSize));
    at += 2 + wordsFor(size);
  }
  return records;
}

function rdataTexts(type: number, records: Uint8Array, headerSize: number): string[] {
  const texts: string[] = [];
  for (let offset = 0; offset + headerSize <= records.length;) {
    const size = (records[offset + headerSize - 2]! << 8) | records[offset + headerSize - 1]!;
    const rdata = records.subarray(offset + headerSize, offset + headerSize + size);
    texts.push(`${typeName(type)} ${type === TYPE.TXT ? txtText(rdata) : `\\# ${size} ${hexText(rdata)}`}`);
    offset += headerSize + size;
  }
  return texts;
}

function txtText(rdata: Uint8Array): string {
  const strings: string[] = [];
  for (let offset = 0; offset < rdata.length; offset += 1 + rdata[offset]!) {
    const octets = rdata.subarray(offset + 1, offset + 1 + rdata[offset]!);
    strings.push(JSON.stringify(Buffer.from(octets).toString('latin1')));
  }
  return strings.join(' ');
}

function hexText(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

/** `A …` and `AAAA …`, each type once with all its addresses. */
export function addressTexts(words: Uint32Array, at: number, count4: number, count6: number): string[] {
  const texts: string[] = [];
  if (count4 > 0) {
    const addresses = Array.from({ length: count4 }, (_, index) => formatIPv4(words[at + index]!));
    texts.push(`A ${addresses.join(' ')}`);
  }
  if (count6 > 0) {
    const addresses = Array.from({ length: count6 }, (_, index) => formatIPv6(words, at + count4 + 4 * index));
    texts.push(`AAAA ${addresses.join(' ')}`);
  }
  return texts;
}

function portsAt(words: Uint32Array, at: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (words[at + (index >>> 1)]! >>> ((index & 1) * 16)) & 0xffff);
}
