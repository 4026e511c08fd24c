/**
 * The names of a Service that are not its endpoints': `S.N.svc`, `_port._protocol.S.N.svc`, `_protocol.S.N.svc` and the
 * zones' names below `_zone.S.N.svc`. A name is given by its *prefix*, what stands left of `S.N.svc`, as binary text.
 */
import type { ServiceSummary, ServiceType } from '../cluster/change-set.ts';
import type { ServiceView } from '../cluster/cluster-state.ts';
import { addressOf } from '../cluster/address.ts';
import { parseName } from '../dns/name.ts';
import type { NamedPort } from '../kubernetes/objects.ts';
import type { EntryContent } from '../snapshot/entry-content.ts';
import { ENTRY_FLAG } from '../snapshot/snapshot-layout.ts';
import {
  areUniform,
  clusterIpContent,
  endpointsContent,
  ENT,
  UniformEndpoints,
  type EndpointAddress,
} from './contents.ts';
import { nameOfDotted, PIN, portName, PREFER, protocolName, ZONE_LABEL } from './names.ts';

export type OwnNames = Map<string, EntryContent>;

/** Every prefix a Service may have had names at. */
export function ownPrefixes(summary: ServiceSummary, isZonal: boolean): Set<string> {
  const prefixes = new Set<string>();
  if (summary.type === undefined) return prefixes;
  prefixes.add('');
  if (summary.type === 'ExternalName') return prefixes;
  for (const { prefix, protocol } of namedPorts(summary.ports).values()) prefixes.add(prefix).add(protocol);
  if (summary.type === 'Headless' && isZonal) {
    for (const prefix of [ZONE_LABEL, PIN + ZONE_LABEL, PREFER + ZONE_LABEL]) prefixes.add(prefix);
    for (const zone of summary.zones) {
      const name = nameOfDotted(zone);
      if (name !== undefined) prefixes.add(name + PIN + ZONE_LABEL).add(name + PREFER + ZONE_LABEL);
    }
  }
  return prefixes;
}

/** @returns nothing if the external name is an IP address: that is no name anyone could look up */
export function externalNames(service: ServiceView): OwnNames {
  const target = addressOf(service.externalName) === undefined ? parseName(service.externalName) : null;
  return target === null ? new Map() : new Map([['', { kind: 'alias', target }]]);
}

export function clusterIpNames(service: ServiceView): OwnNames {
  const names: OwnNames = new Map([['', clusterIpContent(service.clusterIPs, service.ports, 0)]]);
  for (const { prefix, protocol, ports } of namedPorts(service.ports).values()) {
    names.set(protocol, ENT);
    names.set(prefix, clusterIpContent(service.clusterIPs, ports, prefix.length));
  }
  return names;
}

/** @param endpoints  all ready ones; without any the Service has no names */
export function headlessNames(service: ServiceView, endpoints: readonly EndpointAddress[], isZonal: boolean): OwnNames {
  const names: OwnNames = new Map();
  if (endpoints.length === 0) return names;
  if (areUniform(endpoints)) addUniformNames(names, service, new UniformEndpoints(endpoints));
  else addNames(names, service, endpoints);
  if (isZonal) addZoneNames(names, service.zones, endpoints);
  return names;
}

function addUniformNames(names: OwnNames, service: ServiceView, endpoints: UniformEndpoints): void {
  names.set('', endpoints.content(endpoints.ports, 0));
  const own = namedPorts(endpoints.ports);
  for (const { prefix, protocol } of namedPorts(service.ports).values()) {
    names.set(protocol, ENT);
    names.set(prefix, endpoints.content(own.get(prefix)?.ports ?? [], prefix.length));
  }
}

function addNames(names: OwnNames, service: ServiceView, endpoints: readonly EndpointAddress[]): void {
  names.set('', endpointsContent(endpoints, 0));
  for (const { prefix, protocol, matches } of namedPorts(service.ports).values()) {
    const matching: EndpointAddress[] = [];
    let all: readonly NamedPort[] | undefined;
    let ports: readonly NamedPort[] = [];
    for (const { label, address, zone, ports: own } of endpoints) {
      // Nearly all have the same list.
      if (own !== all) ports = own.filter(matches);
      all = own;
      if (ports.length > 0) matching.push({ label, address, zone, ports });
    }
    names.set(protocol, ENT);
    names.set(prefix, endpointsContent(matching, prefix.length));
  }
}

/**
 * `Z.pin._zone` has the endpoints of zone Z and no records for any other zone; `Z.prefer._zone` falls back to all
 * endpoints. A zone's name may have several labels; what lies between them is covered like any other zone's name.
 */
function addZoneNames(names: OwnNames, zones: readonly string[], endpoints: readonly EndpointAddress[]): void {
  const { DEFAULT_BELOW, EMPTY_SELF, NODATA_BELOW } = ENTRY_FLAG;
  const prefer = PREFER + ZONE_LABEL;
  names.set(ZONE_LABEL, ENT);
  names.set(PIN + ZONE_LABEL, {
    kind: 'address',
    addresses4: [],
    addresses6: [],
    ports: [],
    weight: 0,
    targetSkip: 0,
    flags: NODATA_BELOW,
  });
  names.set(prefer, endpointsContent(endpoints, prefer.length, DEFAULT_BELOW | EMPTY_SELF));
  for (const zone of zones) {
    const name = nameOfDotted(zone);
    if (name === undefined) continue;
    const members = endpoints.filter((endpoint) => endpoint.zone === zone);
    for (const suffix of [PIN + ZONE_LABEL, prefer]) {
      names.set(name + suffix, endpointsContent(members, name.length + suffix.length));
    }
  }
}

export function hasEndpointNames(type: ServiceType | undefined): boolean {
  return type === 'ClusterIP' || type === 'Headless';
}

interface NamedPortGroup {
  /** `_port._protocol` */
  readonly prefix: string;
  /** `_protocol` */
  readonly protocol: string;
  readonly ports: readonly NamedPort[];
  readonly matches: (port: NamedPort) => boolean;
}

/** Of lists that were asked for before: most Services have one of a few. */
const groupsOf = new WeakMap<readonly NamedPort[], ReadonlyMap<string, NamedPortGroup>>();

/** Named ports by `_port._protocol`; a port without name has no such name. */
export function namedPorts(ports: readonly NamedPort[]): ReadonlyMap<string, NamedPortGroup> {
  let groups = groupsOf.get(ports);
  if (groups === undefined) groupsOf.set(ports, (groups = groupPorts(ports)));
  return groups;
}

function groupPorts(ports: readonly NamedPort[]): Map<string, NamedPortGroup> {
  const groups = new Map<string, NamedPortGroup>();
  for (const { name, protocol } of ports) {
    const prefix = portName(name, protocol);
    if (prefix === undefined || groups.has(prefix)) continue;
    const matches = (port: NamedPort): boolean => port.name === name && port.protocol === protocol;
    groups.set(prefix, { prefix, protocol: protocolName(protocol)!, ports: ports.filter(matches), matches });
  }
  return groups;
}
