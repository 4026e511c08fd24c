/**
 * Writes the records of a generated cluster as master files for a server that reads zones: `cluster.local`, `in-addr.arpa`
 * and `ip6.arpa`, with the names, TTLs and SRV weights that a Kubernetes DNS server gives. Not in them: names made up at
 * query time (pod names, addresses at `_port._protocol`), and a namespace that holds no Service.
 */

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { endpointAddresses, endpointLabel } from './generate-cluster.ts';
import type { GeneratedCluster, PlannedService } from './generate-cluster.ts';

export const RECORD_TTL_SECONDS = 30;
export const CLUSTER_DOMAIN = 'cluster.local';
const SOA = `@ SOA ns.dns.${CLUSTER_DOMAIN}. hostmaster.dns.${CLUSTER_DOMAIN}. 1 7200 1800 86400 30`;

export interface ZoneRecord {
  /** absolute, with the trailing dot */
  readonly owner: string;
  readonly type: 'A' | 'AAAA' | 'SRV' | 'PTR' | 'TXT';
  /** presentation form */
  readonly rdata: string;
}

/** Zone name → file name below `directory`; each file starts with SOA and NS. */
export function writeZoneFiles(cluster: GeneratedCluster, directory: string): ReadonlyMap<string, string> {
  mkdirSync(directory, { recursive: true });
  const zones = [CLUSTER_DOMAIN, 'in-addr.arpa', 'ip6.arpa'];
  const files = zones.map((zone) => new ZoneFile(join(directory, `${zone}.zone`), zone));
  for (const record of zoneRecords(cluster)) {
    const zone = record.type !== 'PTR' ? 0 : record.owner.endsWith('.in-addr.arpa.') ? 1 : 2;
    files[zone]!.add(record);
  }
  for (const file of files) file.end();
  return new Map(zones.map((zone) => [zone, `${zone}.zone`]));
}

/** Every record below the apexes, Service by Service. */
export function* zoneRecords(cluster: GeneratedCluster): Generator<ZoneRecord> {
  yield { owner: `ns.dns.${CLUSTER_DOMAIN}.`, type: 'A', rdata: '10.96.0.10' };
  yield { owner: `dns-version.${CLUSTER_DOMAIN}.`, type: 'TXT', rdata: '"1.1.0"' };
  for (const service of cluster.plans()) {
    yield* service.headless ? headlessRecords(service) : clusterIpRecords(service);
    yield* endpointRecords(service);
  }
}

function serviceOwner(service: PlannedService): string {
  return `${service.name}.${service.namespace}.svc.${CLUSTER_DOMAIN}.`;
}

function* clusterIpRecords(service: PlannedService): Generator<ZoneRecord> {
  const owner = serviceOwner(service);
  const families = service.clusterIPs.length;
  for (const address of service.clusterIPs) {
    yield { owner, type: addressType(address), rdata: address };
    yield { owner: reverseName(address), type: 'PTR', rdata: owner };
  }
  for (const port of new Set(service.ports.map((planned) => planned.port))) {
    yield { owner, type: 'SRV', rdata: `0 ${weight(service.ports.length * families)} ${port} ${owner}` };
  }
  for (const port of service.ports) {
    const name = `_${port.name}._${port.protocol.toLowerCase()}.${owner}`;
    yield { owner: name, type: 'SRV', rdata: `0 ${weight(families)} ${port.port} ${owner}` };
  }
}

function* headlessRecords(service: PlannedService): Generator<ZoneRecord> {
  const owner = serviceOwner(service);
  const ready = service.endpoints.filter((endpoint) => endpoint.ready);
  const addressCount = ready.reduce((sum, endpoint) => sum + endpointAddresses(endpoint).length, 0);
  for (const endpoint of ready) {
    const targets = new Set<string>();
    for (const address of endpointAddresses(endpoint)) {
      yield { owner, type: addressType(address), rdata: address };
      targets.add(`${endpointLabel(endpoint, address)}.${owner}`);
    }
    for (const target of targets) {
      for (const port of service.ports) {
        const all = `0 ${weight(addressCount * service.ports.length)} ${port.targetPort} ${target}`;
        yield { owner, type: 'SRV', rdata: all };
        const name = `_${port.name}._${port.protocol.toLowerCase()}.${owner}`;
        yield { owner: name, type: 'SRV', rdata: `0 ${weight(addressCount)} ${port.targetPort} ${target}` };
      }
    }
  }
}

function* endpointRecords(service: PlannedService): Generator<ZoneRecord> {
  const owner = serviceOwner(service);
  for (const endpoint of service.endpoints) {
    if (!endpoint.ready) continue;
    const addresses = endpointAddresses(endpoint);
    const shared = endpoint.hostname === '' ? 1 : addresses.length;
    const withServices = new Set<string>();
    for (const address of addresses) {
      const name = `${endpointLabel(endpoint, address)}.${owner}`;
      yield { owner: name, type: addressType(address), rdata: address };
      yield { owner: reverseName(address), type: 'PTR', rdata: name };
      if (withServices.has(name)) continue;
      withServices.add(name);
      for (const port of new Set(service.ports.map((planned) => planned.targetPort))) {
        yield { owner: name, type: 'SRV', rdata: `0 ${weight(service.ports.length * shared)} ${port} ${name}` };
      }
    }
  }
}

function weight(entries: number): number {
  return Math.max(1, Math.floor(100 / entries));
}

function addressType(address: string): 'A' | 'AAAA' {
  return address.includes(':') ? 'AAAA' : 'A';
}

/** `in-addr.arpa` or `ip6.arpa` name of an address, with the trailing dot. */
export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').toReversed().join('.')}.in-addr.arpa.`;
  const [head = '', tail = ''] = address.split('::');
  const headWords = head === '' ? [] : head.split(':');
  const tailWords = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? 8 - headWords.length - tailWords.length : 0;
  const words = [...headWords, ...Array.from({ length: zeros }, () => '0'), ...tailWords];
  const nibbles = words.map((word) => word.padStart(4, '0')).join('');
  return `${[...nibbles].toReversed().join('.')}.ip6.arpa.`;
}

const CHUNK_SIZE = 1 << 20;

class ZoneFile {
  readonly #descriptor: number;
  #pending: string;

  constructor(path: string, zone: string) {
    this.#descriptor = openSync(path, 'w');
    this.#pending = `$ORIGIN ${zone}.\n$TTL ${RECORD_TTL_SECONDS}\n${SOA}\n@ NS ns.dns.${CLUSTER_DOMAIN}.\n`;
  }

  add(record: ZoneRecord): void {
    this.#pending += `${record.owner} ${record.type} ${record.rdata}\n`;
    if (this.#pending.length >= CHUNK_SIZE) this.#flush();
  }

  end(): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  #flush(): void {
    writeSync(this.#descriptor, this.#pending);
    this.#pending = '';
  }
}
