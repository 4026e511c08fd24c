/**
 * The names and PTR records of endpoints that are known by their IPv4 address alone: the many of a large cluster, made from
 * numbers without a text or an array each.
 */
import { dashedLabel, type Address } from '../cluster/address.ts';
import type { ServiceChange } from '../cluster/change-set.ts';
import type { PlainEndpoints, ServiceView } from '../cluster/cluster-state.ts';
import { DASHED_SIZE_MAX, dashedIPv4Into } from '../dns/address.ts';
import { NAME_SIZE_MAX, REVERSE_KEY4_SIZE_MAX, reverseKey4Into } from '../dns/name.ts';
import { ScratchOctets } from '../memory/scratch-octets.ts';
import type { RecordSink } from '../snapshot/entry-content.ts';
import { KEY_SPACE } from '../snapshot/snapshot-layout.ts';
import { ENT, plainContent, plainEndpointsContent, type EndpointAddress } from './contents.ts';
import { namedPorts, type OwnNames } from './service-names.ts';

const name = new ScratchOctets(1 + DASHED_SIZE_MAX + NAME_SIZE_MAX);
const reverse = new ScratchOctets(REVERSE_KEY4_SIZE_MAX);
const reverseOctets = reverse.ofSize(REVERSE_KEY4_SIZE_MAX);
/** as RecordSink.point takes them */
const labels: [Uint8Array] = [new Uint8Array(0)];
const label = new ScratchOctets(DASHED_SIZE_MAX);
const labelOctets = label.ofSize(DASHED_SIZE_MAX);

/**
 * Write `10-0-0-1.S.N.svc` and its PTR record for each address. None of them is another name of the Service.
 *
 * @param service  `S.N.svc` in relative wire form
 */
export function writePlainEndpoints(service: Uint8Array, { addresses, ports }: PlainEndpoints, sink: RecordSink): void {
  for (const address of addresses) {
    const labelSize = dashedIPv4Into(address, labelOctets, 0);
    const key = name.ofSize(1 + labelSize + service.length);
    key[0] = labelSize;
    for (let at = 0; at < labelSize; at++) key[1 + at] = labelOctets[at]!;
    for (let at = 0; at < service.length; at++) key[1 + labelSize + at] = service[at]!;
    labels[0] = label.ofSize(labelSize);
    sink.put(key, plainContent(address, ports), KEY_SPACE.FORWARD);
    sink.point(KEY_SPACE.REVERSE4, reverse.ofSize(reverseKey4Into(address, reverseOctets)), service, labels, false);
  }
}

/**
 * As headlessNames, of a Service without zones.
 *
 * @param plain  at least one endpoint with at least one port
 */
export function plainHeadlessNames(service: ServiceView, { addresses, ports }: PlainEndpoints): OwnNames {
  const byLabel = sortByLabel(addresses);
  const names: OwnNames = new Map([['', plainEndpointsContent(addresses, byLabel, ports, 0)]]);
  const own = namedPorts(ports);
  for (const { prefix, protocol } of namedPorts(service.ports).values()) {
    names.set(protocol, ENT);
    names.set(prefix, plainEndpointsContent(addresses, byLabel, own.get(prefix)?.ports ?? [], prefix.length));
  }
  return names;
}

/**
 * The endpoints that a change is about.
 *
 * @param addresses  whose PTR records may have changed, those of the change among them
 * @returns undefined where it is about labels that do not follow from these addresses
 */
export function touchedPlain(
  change: ServiceChange,
  addresses: ReadonlySet<Address>,
  plain: PlainEndpoints,
): EndpointAddress[] | undefined {
  const touched: EndpointAddress[] = [];
  let labelCount = 0;
  for (const address of addresses) {
    if (typeof address !== 'number') return undefined;
    const ownLabel = dashedLabel(address);
    if (change.labels.has(ownLabel)) labelCount++;
    if (plain.addresses.includes(address)) touched.push({ label: ownLabel, address, zone: '', ports: plain.ports });
  }
  return labelCount === change.labels.size ? touched : undefined;
}

/** Octets in the order of their decimal texts, and the place of each there. */
const octetsByText = Uint8Array.from({ length: 256 }, (_, octet) => octet).sort((a, b) => (`${a}` < `${b}` ? -1 : 1));
const placeOfOctet = new Uint8Array(256);
for (const [place, octet] of octetsByText.entries()) placeOfOctet[octet] = place;

/** More endpoints than this are left to the engine's sort, which takes memory for each call. */
const INSERTION_MAX = 64;

/** Addresses in the order of their labels: a dash, and an end, come before every digit, so octet after octet decides. */
function sortByLabel(addresses: readonly number[]): readonly number[] {
  const keys = addresses.map((address) => mapOctets(address, placeOfOctet));
  if (keys.length > INSERTION_MAX) keys.sort((a, b) => a - b);
  else {
    for (let at = 1; at < keys.length; at++) {
      const key = keys[at]!;
      let to = at;
      for (; to > 0 && keys[to - 1]! > key; to--) keys[to] = keys[to - 1]!;
      keys[to] = key;
    }
  }
  for (let at = 0; at < keys.length; at++) keys[at] = mapOctets(keys[at]!, octetsByText);
  return keys;
}

function mapOctets(address: number, table: Uint8Array): number {
  const high = (table[address >>> 24]! << 24) | (table[(address >>> 16) & 0xff]! << 16);
  return (high | (table[(address >>> 8) & 0xff]! << 8) | table[address & 0xff]!) >>> 0;
}
