/** What stands at a name, and how service entries become records. */
import { TYPE, typeName } from '../../src/dns/iana.ts';
import { formatAddress, parseAddress } from '../wire/addresses.ts';
import { endsWith, formatName, lowerAscii, sameLabel, type Labels } from '../wire/names.ts';
import { distinctAddresses, type Port, type ReadyAddress } from './cluster-view.ts';

/** A record at the name that is looked up; `extra` records go to the additional section with it. */
export interface NodeRecord {
  readonly type: number;
  readonly ttlSeconds: number;
  readonly rdata: string;
  readonly extra?: readonly string[];
}

/** A name that exists. `target`: it is an alias, for questions of types that it has no records of. */
export interface Node {
  readonly records: readonly NodeRecord[];
  readonly target?: Labels;
  readonly unclear?: string;
}

/** What DNS calls a service entry: one port of one address of one target. */
export interface Entry {
  readonly target: Labels;
  readonly address: readonly number[];
  readonly port: number;
}

export const EMPTY_NODE: Node = { records: [] };

export function recordLine(owner: Labels, record: NodeRecord): string {
  return `${formatName(owner)} ${record.ttlSeconds} ${typeName(record.type)} ${record.rdata}`;
}

export function addressRecord(address: readonly number[], ttlSeconds: number): NodeRecord {
  const type = address.length === 4 ? TYPE.A : TYPE.AAAA;
  return { type, ttlSeconds, rdata: formatAddress(address) };
}

/** Each of `count` entries has the same share of 100, at least 1. */
export function weightOf(count: number): number {
  return Math.max(1, Math.floor(100 / count));
}

/** Addresses and SRV records of entries: the weight counts them all, then equal ones collapse. */
export function entriesNode(entries: readonly Entry[], ttlSeconds: number, srvTtlSeconds: number = ttlSeconds): Node {
  const addresses = distinctAddresses(entries.map((entry) => entry.address));
  const weight = weightOf(entries.length);
  const pairs = new Map<string, NodeRecord>();
  for (const { target, port } of entries.filter((entry) => entry.port !== -1)) {
    const glue = entries.filter((entry) => entry.port !== -1 && formatName(entry.target) === formatName(target));
    const extra = distinctAddresses(glue.map((entry) => entry.address)).map((text) =>
      recordLine(target, addressRecord(parseAddress(text)!, ttlSeconds)),
    );
    const rdata = `0 ${weight} ${port} ${formatName(target)}`;
    pairs.set(lowerAscii(rdata), { type: TYPE.SRV, ttlSeconds: srvTtlSeconds, rdata, extra });
  }
  const records = [...addresses.map((text) => addressRecord(parseAddress(text)!, ttlSeconds)), ...pairs.values()];
  const isPartial = pairs.size > 0 && entries.some((entry) => entry.port === -1);
  return isPartial ? { records, unclear: 'addresses of slices without ports beside SRV records' } : { records };
}

export function endpointEntries(
  endpoints: readonly ReadyAddress[],
  base: Labels,
  name: string,
  protocol: string,
): Entry[] {
  return endpoints.flatMap(({ address, name: own, ports }) =>
    ports
      .filter((port) => portMatches(port, name, protocol))
      .map((port) => ({ target: [...own, ...base], address, port: port.number })),
  );
}

/** Section 3: empty means any. */
export function portMatches(port: Port, name: string, protocol: string): boolean {
  return (name === '' || sameLabel(name, port.name)) && (protocol === '' || sameLabel(protocol, port.protocol));
}

/** Section 3: the underscores are optional. */
export function stripUnderscore(label: string): string {
  return label.startsWith('_') ? label.slice(1) : label;
}

/** Whether labels are `_port._protocol`, both with their underscore. */
export function isPortName(labels: Labels): boolean {
  return labels.length === 2 && labels.every((label) => label.startsWith('_') && label.length > 1);
}

export function isReverse(zone: Labels): boolean {
  return endsWith(zone, ['in-addr', 'arpa']) || endsWith(zone, ['ip6', 'arpa']);
}
