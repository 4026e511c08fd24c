/** A catalog zone (RFC 9432): a zone whose records say which other zones there are. */
import { TYPE } from '../dns/iana.ts';
import { compareOctets, equalOctets, formatName, labelCount, lowerCaseName, nameOfLabel } from '../dns/name.ts';
import type { Zone } from '../zones/zone-data.ts';
import { ZoneFault } from '../zones/zone-fault.ts';

/** The one schema there is (RFC 9432 §4.3.1). */
const VERSION = '2';
const RECORD_HEADER_SIZE = 6;

export interface CatalogMember {
  /** the label of the member's node, in presentation form: another one is another zone of the same name */
  readonly id: string;
  /** canonical name */
  readonly zone: string;
  /** the catalog that is to have it next (`coo`), canonical name */
  readonly nextCatalog: string | undefined;
}

/**
 * Read the members of a catalog zone.
 *
 * @throws ZoneFault  it is none: the message says why. A broken catalog changes nothing (RFC 9432 §5.1).
 */
export function readCatalog(zone: Zone): readonly CatalogMember[] {
  const origin = formatName(zone.origin);
  const fault = (what: string): never => {
    throw new ZoneFault(`catalog zone ${origin} ${what}`);
  };
  const zones = nameOfLabel(Buffer.from('zones'));
  const version = nameOfLabel(Buffer.from('version'));
  const versions: string[] = [];
  const members = new Map<string, string[]>();
  const owners = new Map<string, string[]>();
  let hasServers = false;
  for (const { key, content } of zone.names()) {
    if (content.kind !== 'rrsets') continue;
    for (const { type, records } of content.rrsets) {
      if (type === TYPE.NS && key.length === 0) hasServers = true;
      if (type === TYPE.TXT && equalOctets(key, version)) versions.push(...dataOf(records).map(textOf));
      if (type !== TYPE.PTR || !endsWith(key, zones)) continue;
      const labels = labelCount(key);
      const targets = dataOf(records).map((data) => formatName(lowerCaseName(data.slice())));
      const first = formatName(key.subarray(0, key[0]! + 1));
      if (labels === 2) append(members, first, targets);
      else if (labels === 3 && first === 'coo') append(owners, secondLabel(key), targets);
    }
  }
  if (!hasServers) fault('has no NS record');
  if (versions.length !== 1) fault('must have exactly one version TXT record');
  if (versions[0] !== VERSION) fault(`has unsupported version ${JSON.stringify(versions[0])}`);
  const seen = new Map<string, string>();
  return [...members]
    .sort(([a], [b]) => compareOctets(Buffer.from(a), Buffer.from(b)))
    .map(([id, targets]) => {
      if (targets.length !== 1) fault(`must have exactly one PTR record at member ${id}`);
      const [name] = targets as [string];
      const other = seen.get(name);
      if (other !== undefined) fault(`lists ${name} by both ${other} and ${id}`);
      seen.set(name, id);
      const next = owners.get(id);
      if (next !== undefined && next.length > 1) fault(`has more than one coo PTR record at member ${id}`);
      return { id, zone: name, nextCatalog: next?.[0] };
    });
}

function append(map: Map<string, string[]>, key: string, values: readonly string[]): void {
  map.set(key, [...(map.get(key) ?? []), ...values]);
}

/** The data of each record of an RRset, as ZoneName has it. */
function dataOf(records: Uint8Array): Uint8Array[] {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const data: Uint8Array[] = [];
  for (let at = 0; at < records.length;) {
    const end = at + RECORD_HEADER_SIZE + view.getUint16(at + 4);
    data.push(records.subarray(at + RECORD_HEADER_SIZE, end));
    at = end;
  }
  return data;
}

/** The strings of a TXT record, joined. */
function textOf(data: Uint8Array): string {
  let text = '';
  for (let at = 0; at < data.length; at += data[at]! + 1) {
    text += Buffer.from(data.subarray(at + 1, at + 1 + data[at]!)).toString('latin1');
  }
  return text;
}

/** Relative names. */
function endsWith(name: Uint8Array, suffix: Uint8Array): boolean {
  const at = name.length - suffix.length;
  if (at <= 0 || !equalOctets(name.subarray(at), suffix)) return false;
  let start = 0;
  while (start < at) start += name[start]! + 1;
  return start === at;
}

function secondLabel(name: Uint8Array): string {
  const at = name[0]! + 1;
  return formatName(name.subarray(at, at + name[at]! + 1));
}
