/** Names worth asking in a random cluster: all that may exist, and their neighbours that do not. */
import { TYPE } from '../../src/dns/iana.ts';
import { parseAddress, reverseLabels } from '../wire/addresses.ts';
import {
  ADDRESSES4,
  ADDRESSES6,
  clusterIpsOfService,
  HOSTNAMES,
  NAMESPACES,
  POD_NAMES,
  PORT_NAMES,
  PROTOCOLS,
  SERVICES,
  TOPOLOGY_ZONES,
} from './random-cluster.ts';

export const ASKED_TYPES: readonly number[] = [
  TYPE.A,
  TYPE.AAAA,
  TYPE.SRV,
  TYPE.PTR,
  TYPE.TXT,
  TYPE.CNAME,
  TYPE.NS,
  TYPE.SOA,
  TYPE.HTTPS,
  TYPE.ANY,
  65_280,
];

const DASHED = [...ADDRESSES4, ...ADDRESSES6].map((text) => {
  const dashed = text.replaceAll(/[.:]/g, '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed;
});

const FIXED = ['', 'svc', 'pod', 'dns-version', 'dns', 'ns.dns', 'x.dns', 'foo', 'orphan.default.svc', 'x.svc'];

function serviceNames(service: string): string[] {
  const ports = PORT_NAMES.flatMap((port) => PROTOCOLS.map((protocol) => `_${port}._${protocol.toLowerCase()}`));
  const protocols = PROTOCOLS.map((protocol) => `_${protocol.toLowerCase()}`);
  const endpoints = [...HOSTNAMES, ...POD_NAMES, ...DASHED].filter((label) => label.length < 64);
  const zones = TOPOLOGY_ZONES.flatMap((zone) => [`${zone}.pin._zone`, `${zone}.prefer._zone`]);
  const zonal = [
    ...zones,
    'moon.pin._zone',
    'moon.prefer._zone',
    'row.pin._zone',
    'pin._zone',
    'prefer._zone',
    '_zone',
  ];
  const strange = ['ghost', 'a.b.c', '_http._tcp.db-0', 'x.florp._zone', 'moon.x.prefer._zone', '__http._tcp'];
  const left = ['', ...ports, ...protocols, ...endpoints, ...zonal, ...strange];
  return left.map((prefix) => (prefix === '' ? service : `${prefix}.${service}`));
}

/** Relative to a forward zone. */
const FORWARD: readonly string[] = [
  ...FIXED,
  ...NAMESPACES.flatMap((namespace) => [
    `${namespace}.svc`,
    `${namespace}.pod`,
    ...SERVICES.flatMap(serviceNames).map((name) => `${name}.${namespace}.svc`),
    ...[...DASHED, '203-0-113-1', '2001-db8--9', 'ghost', 'x.10-1-0-1', '10-1-0-256'].map(
      (label) => `${label}.${namespace}.pod`,
    ),
  ]),
];

const CLUSTER_IPS = NAMESPACES.flatMap((_, n) => SERVICES.flatMap((__, s) => clusterIpsOfService(n, s)));

/** Absolute. */
const REVERSE: readonly string[] = [...ADDRESSES4, ...ADDRESSES6, ...CLUSTER_IPS, '10.9.9.9', 'fd00::99'].flatMap(
  (text) => {
    const octets = parseAddress(text)!;
    const arpa = octets.length === 4 ? 'in-addr.arpa.' : 'ip6.arpa.';
    const labels = reverseLabels(octets);
    const above = [0, 1, 2, 3, 16, 28, 30, 31].filter((skip) => skip <= labels.length);
    return [['x', ...labels], ...above.map((skip) => labels.slice(skip))].map((left) => [...left, arpa].join('.'));
  },
);

/** Every interesting name under the zones, and some outside. */
export function interestingNames(zones: readonly string[]): string[] {
  const forward = zones.filter((zone) => !zone.endsWith('.arpa'));
  return [
    ...new Set([
      ...forward.flatMap((zone) => FORWARD.map((name) => (name === '' ? `${zone}.` : `${name}.${zone}.`))),
      ...REVERSE,
      ...zones.map((zone) => `${zone}.`),
      'example.org.',
      'local.',
    ]),
  ];
}
