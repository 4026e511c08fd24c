/** The contents of names: lists of addresses and ports become what the snapshot stores, in an order of its own. */
import { compareAddresses, wordsOf, type Address } from '../cluster/address.ts';
import { toOctets } from '../cluster/binary-text.ts';
import type { NamedPort } from '../kubernetes/objects.ts';
import type { AddressSets, EndpointGroup, EntryContent } from '../snapshot/entry-content.ts';
import { ENTRY_FLAG } from '../snapshot/snapshot-layout.ts';
import { endpointName } from './names.ts';

export const ENT: EntryContent = { kind: 'ent' };
/** One that depends on no object. */
export const FIXED_ENT: EntryContent = { kind: 'ent', flags: ENTRY_FLAG.FIXED };

/** One ready address of an endpoint. `label`: binary text, or importedLabel. `ports`: of its slice, all of them or those that matter. */
export interface EndpointAddress {
  readonly label: string;
  readonly address: Address;
  readonly zone: string;
  readonly ports: readonly NamedPort[];
}

/**
 * An object without ports counts as one with a single port that no SRV record shows
 * (CoreDNS's port -1): it has a share in the weight.
 */
const NO_PORTS_COUNT = 1;

const NO_ADDRESSES: readonly number[] = [];

/** Sort and split by family. */
export function addressSets(addresses: readonly Address[]): AddressSets {
  const [first] = addresses;
  if (addresses.length === 1 && typeof first === 'number') {
    return { addresses4: [first], addresses6: NO_ADDRESSES };
  }
  if (isRisingIPv4(addresses)) return { addresses4: addresses, addresses6: NO_ADDRESSES };
  const addresses4: number[] = [];
  const addresses6: number[] = [];
  let last: Address | undefined;
  for (const address of [...addresses].sort(compareAddresses)) {
    if (address === last) continue;
    last = address;
    if (typeof address === 'number') addresses4.push(address);
    else addresses6.push(...wordsOf(address));
  }
  return { addresses4, addresses6 };
}

/** As the endpoints of a slice come: nothing is left to sort. */
function isRisingIPv4(addresses: readonly Address[]): addresses is readonly number[] {
  let last = -1;
  for (let at = 0; at < addresses.length; at++) {
    const address = addresses[at]!;
    if (typeof address !== 'number' || address <= last) return false;
    last = address;
  }
  return true;
}

/**
 * A ClusterIP Service's own name, or a port name of it.
 *
 * @param ports       of the Service that match the name; may be empty
 * @param targetSkip  octets of the name left of `S.N.svc`
 */
export function clusterIpContent(
  clusterIPs: readonly Address[],
  ports: readonly NamedPort[],
  targetSkip: number,
): EntryContent {
  // Not allocated yet: the name exists and has no records.
  if (clusterIPs.length === 0) return ENT;
  const numbers = distinctPorts(ports);
  const weight = weightOf(clusterIPs.length * (ports.length || NO_PORTS_COUNT), numbers);
  return { kind: 'address', ...addressSets(clusterIPs), ports: numbers, weight, targetSkip };
}

/**
 * A name that is another one's alias, of a load balancer that is known by its name.
 *
 * @param ports  that match the name; may be empty
 * @param count  how many names of load balancers there are: each has its share in the weight
 */
export function aliasContent(target: Uint8Array, ports: readonly NamedPort[], count: number): EntryContent {
  const numbers = distinctPorts(ports);
  const weight = weightOf(count * (ports.length || NO_PORTS_COUNT), numbers);
  return { kind: 'alias', target, ports: numbers, weight };
}

/** The name of one endpoint that has one IPv4 address. */
export function plainContent(address: number, ports: readonly NamedPort[]): EntryContent {
  const numbers = distinctPorts(ports);
  return {
    kind: 'address',
    addresses4: [address],
    addresses6: NO_ADDRESSES,
    ports: numbers,
    weight: weightOf(ports.length || NO_PORTS_COUNT, numbers),
    targetSkip: 0,
  };
}

/** The name of one endpoint: all addresses of the label. */
export function endpointContent(endpoints: readonly EndpointAddress[]): EntryContent {
  const [first] = endpoints;
  // Nearly every label has one address.
  if (endpoints.length === 1 && first !== undefined) {
    const { address } = first;
    if (typeof address === 'number') return plainContent(address, first.ports);
    const ports = distinctPorts(first.ports);
    return {
      kind: 'address',
      addresses4: NO_ADDRESSES,
      addresses6: wordsOf(address),
      ports,
      weight: weightOf(entryCount(endpoints), ports),
      targetSkip: 0,
    };
  }
  const ports = distinctPorts(endpoints.flatMap((endpoint) => endpoint.ports));
  return {
    kind: 'address',
    ...addressSets(endpoints.map((endpoint) => endpoint.address)),
    ports,
    weight: weightOf(entryCount(endpoints), ports),
    targetSkip: 0,
  };
}

/**
 * A headless Service's own name, a port name or a zone's name of it.
 *
 * @param endpoints   whose addresses the name has; their ports are the ones that match the name
 * @param targetSkip  octets of the name left of `S.N.svc`
 */
export function endpointsContent(
  endpoints: readonly EndpointAddress[],
  targetSkip: number,
  flags?: number,
): EntryContent {
  const byLabel = new Map<string, EndpointAddress[]>();
  for (const endpoint of endpoints) {
    // Who has no port has no SRV record, and so no place among the targets.
    if (!endpoint.ports.some(hasNumber)) continue;
    const group = byLabel.get(endpoint.label);
    if (group === undefined) byLabel.set(endpoint.label, [endpoint]);
    else group.push(endpoint);
  }
  const portSets: (readonly number[])[] = [];
  const portSetIndexes = new Map<string, number>();
  const groups: EndpointGroup[] = [];
  for (const label of [...byLabel.keys()].sort()) {
    const members = byLabel.get(label)!;
    const name = endpointName(label);
    if (name === undefined) continue;
    const isOne = members.length === 1;
    const ports = distinctPorts(isOne ? members[0]!.ports : members.flatMap((endpoint) => endpoint.ports));
    let portSet = portSets.length - 1;
    if (portSets[portSet] !== ports) {
      const key = ports.join();
      portSet = portSetIndexes.get(key) ?? portSets.push(ports) - 1;
      portSetIndexes.set(key, portSet);
    }
    const { addresses4, addresses6 } = addressSets(members.map((endpoint) => endpoint.address));
    groups.push({ name: toOctets(name), portSet, addresses4, addresses6 });
  }
  return {
    kind: 'endpoints',
    ...addressSets(endpoints.map((endpoint) => endpoint.address)),
    portSets,
    groups,
    weight: weightOf(entryCount(endpoints), groups),
    targetSkip,
    ...(flags === undefined ? {} : { flags }),
  };
}

/**
 * As UniformEndpoints.content, of endpoints that have one IPv4 address each and are known by it.
 *
 * @param addresses  sorted
 * @param byLabel    the same in the order of the labels
 */
export function plainEndpointsContent(
  addresses: readonly number[],
  byLabel: readonly number[],
  ports: readonly NamedPort[],
  targetSkip: number,
): EntryContent {
  if (ports.length === 0) return endpointsContent([], targetSkip);
  const numbers = distinctPorts(ports);
  const weight = weightOf(addresses.length * ports.length, numbers);
  return { kind: 'plainEndpoints', addresses, byLabel, ports: numbers, weight, targetSkip };
}

/** More endpoints than this are left to the engine's sort, which takes memory for each call. */
const INSERTION_MAX = 64;

/**
 * Endpoints that all have the same list of ports, as nearly every headless Service's: sorted and grouped once for all names
 * that have them.
 */
export class UniformEndpoints {
  readonly ports: readonly NamedPort[];
  readonly #count: number;
  readonly #sets: AddressSets;
  readonly #groups: readonly EndpointGroup[];

  /** @param endpoints  at least one */
  constructor(endpoints: readonly EndpointAddress[]) {
    this.ports = endpoints[0]!.ports;
    this.#count = endpoints.length;
    this.#sets = addressSets(endpoints.map((endpoint) => endpoint.address));
    this.#groups = groupByLabel(endpoints);
  }

  /**
   * As endpointsContent, where all endpoints have `ports`.
   *
   * @param ports  empty: no endpoint matches the name
   */
  content(ports: readonly NamedPort[], targetSkip: number): EntryContent {
    if (ports.length === 0) return endpointsContent([], targetSkip);
    const numbers = distinctPorts(ports);
    // Who has no port has no SRV record, and so no place among the targets.
    const groups = numbers.length === 0 ? [] : this.#groups;
    return {
      kind: 'endpoints',
      ...this.#sets,
      portSets: groups.length === 0 ? [] : [numbers],
      groups,
      weight: weightOf(this.#count * ports.length, groups),
      targetSkip,
    };
  }
}

/** Whether all have the same list of ports, not only an equal one. */
export function areUniform(endpoints: readonly EndpointAddress[]): boolean {
  const [first] = endpoints;
  if (first === undefined || first.ports.length === 0) return false;
  for (let at = 1; at < endpoints.length; at++) if (endpoints[at]!.ports !== first.ports) return false;
  return true;
}

/** Groups of one port set, sorted by label. */
function groupByLabel(endpoints: readonly EndpointAddress[]): EndpointGroup[] {
  const sorted = sortByLabel(endpoints);
  const groups: EndpointGroup[] = [];
  for (let at = 0, end = 0; at < sorted.length; at = end) {
    const { label, address } = sorted[at]!;
    end = at + 1;
    while (end < sorted.length && sorted[end]!.label === label) end++;
    const name = endpointName(label);
    if (name === undefined) continue;
    const { addresses4, addresses6 } = addressSets(
      end === at + 1 ? [address] : sorted.slice(at, end).map((endpoint) => endpoint.address),
    );
    groups.push({ name: toOctets(name), portSet: 0, addresses4, addresses6 });
  }
  return groups;
}

function sortByLabel(endpoints: readonly EndpointAddress[]): EndpointAddress[] {
  const sorted = endpoints.slice();
  if (sorted.length > INSERTION_MAX) return sorted.sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
  for (let at = 1; at < sorted.length; at++) {
    const endpoint = sorted[at]!;
    let to = at;
    for (; to > 0 && sorted[to - 1]!.label > endpoint.label; to--) sorted[to] = sorted[to - 1]!;
    sorted[to] = endpoint;
  }
  return sorted;
}

/** The numbers of lists that were asked for before: all endpoints of a slice have the same one, and most slices. */
const numbersOf = new WeakMap<readonly NamedPort[], readonly number[]>();

/** Distinct port numbers, sorted; without the 0 of a port that has none. */
function distinctPorts(ports: readonly NamedPort[]): readonly number[] {
  let numbers = numbersOf.get(ports);
  if (numbers === undefined) {
    numbers = [...new Set(ports.filter(hasNumber).map((port) => port.port))].sort((a, b) => a - b);
    numbersOf.set(ports, numbers);
  }
  return numbers;
}

function hasNumber(port: NamedPort): boolean {
  return port.port !== 0;
}

/** Entries as CoreDNS counts them: one a pair of address and port, equal ones too. */
function entryCount(endpoints: readonly EndpointAddress[]): number {
  let count = 0;
  for (const { ports } of endpoints) count += ports.length || NO_PORTS_COUNT;
  return count;
}

/** Each of `count` entries has the same share of 100, at least 1; 0 where there is no SRV record. */
function weightOf(count: number, records: readonly unknown[]): number {
  return records.length === 0 ? 0 : Math.max(1, Math.floor(100 / count));
}
