/** Names worth asking in a random cluster: what its objects speak of, and all that might exist in any. */
import { TYPE } from '../../src/dns/iana.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import type { RawEndpointSlice, RawObject, RawPort, RawService } from '../oracle/kubernetes-objects.ts';
import { parseAddress, reverseLabels } from '../wire/addresses.ts';
import {
  ADDRESSES4,
  ADDRESSES6,
  CLUSTERS,
  EXTERNAL_ADDRESSES,
  HOSTNAMES,
  NAMESPACES,
  POD_NAMES,
  PROTOCOLS,
  SERVICES,
  TOPOLOGY_ZONES,
} from './random-cluster.ts';

/** The frequent ones more often. */
export const ASKED_TYPES: readonly number[] = [
  ...[TYPE.A, TYPE.AAAA, TYPE.SRV, TYPE.PTR, TYPE.A, TYPE.AAAA, TYPE.SRV, TYPE.PTR, TYPE.A, TYPE.AAAA, TYPE.SRV],
  TYPE.TXT,
  TYPE.CNAME,
  TYPE.NS,
  TYPE.SOA,
  TYPE.HTTPS,
  TYPE.ANY,
  65_280,
];

/** Left of a Service's name: nothing that is there, or the names of section 15. */
const BELOW_ANY_SERVICE = [
  ...PROTOCOLS.map((protocol) => `_${protocol.toLowerCase()}`),
  ...TOPOLOGY_ZONES.flatMap((zone) => [`${zone}.pin._zone`, `${zone}.prefer._zone`]),
  ...['moon.pin._zone', 'moon.prefer._zone', 'row.pin._zone', 'pin._zone', 'prefer._zone', '_zone'],
  ...[
    'ghost',
    'a.b.c',
    '_http._tcp',
    '_pg._udp',
    '_http._tcp.db-0',
    'x.florp._zone',
    'moon.x.prefer._zone',
    '__http._tcp',
    '_ghost._tcp',
  ],
  ...HOSTNAMES,
  ...POD_NAMES.filter((name) => name.length < 64),
  ...[...ADDRESSES4, ...ADDRESSES6].map(dashed),
  ...CLUSTERS.flatMap((cluster) => [...HOSTNAMES, dashed(ADDRESSES4[0])].map((label) => `${label}.${cluster}`)),
];

/** Relative to an external zone; asked of every cluster that has one. */
const EXTERNAL_ALWAYS: readonly string[] = [
  ...['', 'dns', 'ns1.dns', 'x.dns', 'ns1.b', 'foo', 'x.foo', 'a.ns1.dns'],
  ...NAMESPACES,
];

/** Relative to a forward zone; asked of every cluster. */
const ALWAYS: readonly string[] = [
  ...['', 'svc', 'pod', 'dns-version', 'dns', 'ns.dns', 'x.dns', 'foo', 'orphan.default.svc', 'x.svc'],
  ...NAMESPACES.flatMap((namespace) => [
    `${namespace}.svc`,
    `${namespace}.pod`,
    ...SERVICES.map((service) => `${service}.${namespace}.svc`),
    ...['203-0-113-1', '2001-db8--9', 'ghost', 'x.10-1-0-1', '10-1-0-256'].map((label) => `${label}.${namespace}.pod`),
    ...[...ADDRESSES4, ...ADDRESSES6].map((text) => `${dashed(text)}.${namespace}.pod`),
  ]),
];

const REVERSE_ALWAYS = [...ADDRESSES4, ...ADDRESSES6, '10.9.9.9', 'fd00::99'].flatMap(reverseNames);

/** Absolute names in groups that are worth asking equally often; a group is never empty. */
export function interestingNames(objects: readonly RawObject[], options: RecordOptions): (readonly string[])[] {
  const { zones } = options;
  return [...clusterNames(objects, zones), ...externalNames(objects, options.external?.zones ?? [])].filter(
    (group) => group.length > 0,
  );
}

function inZones(zones: readonly string[], names: readonly string[]): string[] {
  return zones.flatMap((zone) => names.map((name) => (name === '' ? `${zone}.` : `${name}.${zone}.`)));
}

function externalNames(objects: readonly RawObject[], zones: readonly string[]): (readonly string[])[] {
  if (zones.length === 0) return [];
  const services = objects.filter((object) => object.kind === 'Service');
  const slices = objects.filter((object) => object.kind === 'EndpointSlice');
  const withoutSvc = (name: string) => name.replace(/\.svc$/, '');
  const all = NAMESPACES.flatMap((namespace) => SERVICES.map((service) => `${service}.${namespace}`));
  return [
    inZones(zones, services.flatMap(serviceNames).map(withoutSvc)),
    inZones(zones, slices.flatMap(sliceNames).map(withoutSvc)),
    inZones(zones, EXTERNAL_ALWAYS),
    inZones(
      zones,
      all.flatMap((base) => [base, ...BELOW_ANY_SERVICE.map((left) => `${left}.${base}`)]),
    ),
    EXTERNAL_ADDRESSES.flatMap(reverseNames),
  ];
}

function clusterNames(objects: readonly RawObject[], zones: readonly string[]): (readonly string[])[] {
  const forward = zones.filter((zone) => !zone.endsWith('.arpa'));
  const services = objects.filter((object) => object.kind === 'Service');
  const slices = objects.filter((object) => object.kind === 'EndpointSlice');
  const bases = [...new Set([...services.map((one) => baseOf(one, one.metadata.name)), ...slices.map(ownerOf)])];
  const groups = [
    inZones(
      forward,
      services.map((one) => baseOf(one, one.metadata.name)),
    ),
    inZones(forward, services.flatMap(serviceNames)),
    inZones(forward, slices.flatMap(sliceNames)),
    services.flatMap(clusterIpTexts).concat(slices.flatMap(addressesOf)).flatMap(reverseNames),
    [...inZones(forward, ['', 'svc', 'pod', 'dns-version', 'dns', 'ns.dns']), ...zones.map((zone) => `${zone}.`)],
    inZones(forward, ALWAYS),
    inZones(
      forward,
      bases.flatMap((base) => BELOW_ANY_SERVICE.map((left) => `${left}.${base}`)),
    ),
    [...REVERSE_ALWAYS, 'example.org.', 'local.'],
  ];
  return groups;
}

function baseOf(object: RawObject, service: string): string {
  return `${service}.${object.metadata.namespace}.svc`;
}

function ownerOf(slice: RawEndpointSlice): string {
  return baseOf(slice, slice.metadata.labels?.['kubernetes.io/service-name'] ?? 'none');
}

function portNames(ports: readonly RawPort[] = []): string[] {
  return ports.flatMap(({ name, protocol }) => {
    const label = `_${protocol!.toLowerCase()}`;
    return name === undefined ? [label] : [label, `_${name}.${label}`];
  });
}

function serviceNames(service: RawService): string[] {
  const base = baseOf(service, service.metadata.name);
  return [base, ...portNames(service.spec.ports).map((left) => `${left}.${base}`)];
}

function sliceNames(slice: RawEndpointSlice): string[] {
  const left = [
    ...portNames(slice.ports),
    ...slice.endpoints.flatMap(({ addresses, hostname, targetRef, zone }) => [
      ...(hostname === undefined ? [] : [hostname]),
      ...(targetRef === undefined || targetRef.name.length > 63 ? [] : [targetRef.name]),
      ...(zone === undefined ? [] : [`${zone}.pin._zone`, `${zone}.prefer._zone`]),
      ...addresses.map(dashed),
    ]),
  ];
  const { labels = {}, namespace } = slice.metadata;
  const imported = `${labels['multicluster.kubernetes.io/service-name'] ?? 'none'}.${namespace}.svc`;
  const cluster = labels['multicluster.kubernetes.io/source-cluster'] ?? 'none';
  return left.flatMap((prefix) => [
    `${prefix}.${ownerOf(slice)}`,
    `${prefix}.${imported}`,
    `${prefix}.${cluster}.${imported}`,
  ]);
}

function addressesOf(slice: RawEndpointSlice): string[] {
  return slice.endpoints.flatMap(({ addresses }) => addresses);
}

function clusterIpTexts(service: RawService): string[] {
  return [...(service.spec.clusterIPs ?? []), service.spec.clusterIP ?? ''].filter(
    (text) => parseAddress(text) !== undefined,
  );
}

function reverseNames(text: string): string[] {
  const octets = parseAddress(text)!;
  const arpa = octets.length === 4 ? 'in-addr.arpa.' : 'ip6.arpa.';
  const labels = reverseLabels(octets);
  const above = [0, 0, 1, 2, 3, 16, 28, 31].filter((skip) => skip <= labels.length);
  return [['x', ...labels], ...above.map((skip) => labels.slice(skip))].map((left) => [...left, arpa].join('.'));
}

function dashed(text: string): string {
  const label = text.replaceAll(/[.:]/g, '-');
  return label.endsWith('-') ? `${label}0` : label;
}
