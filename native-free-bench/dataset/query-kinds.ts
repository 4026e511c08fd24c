/** The kinds of queries that are compared, and the data files dnsperf sends them from. */

import { writeFileSync } from 'node:fs';
import { endpointAddresses, mix } from './generate-cluster.ts';
import type { GeneratedCluster, PlannedService } from './generate-cluster.ts';
import { CLUSTER_DOMAIN, reverseName } from './write-zone-files.ts';

export const QUERY_KINDS = ['a', 'a-edns', 'nxdomain', 'srv', 'ptr', 'a-headless'] as const;
export type QueryKind = (typeof QUERY_KINDS)[number];

/** The kinds whose cost is a promise; `a-headless` is for looking at long answers. */
export const PROMISED_KINDS: readonly QueryKind[] = ['a', 'a-edns', 'nxdomain', 'srv', 'ptr'];

export interface KindOfQuery {
  readonly sentence: string;
  readonly edns: boolean;
  readonly rcode: 'NOERROR' | 'NXDOMAIN';
  /** octets a response has more than its query, where no server that really answers takes part in the comparison */
  readonly growthSize: number;
}

export const KIND_OF_QUERY: Readonly<Record<QueryKind, KindOfQuery>> = {
  a: { sentence: 'A of a Service with a cluster IP', edns: false, rcode: 'NOERROR', growthSize: 16 },
  'a-edns': { sentence: 'the same with EDNS', edns: true, rcode: 'NOERROR', growthSize: 16 },
  nxdomain: {
    sentence: 'an external name with a suffix of the search path',
    edns: false,
    rcode: 'NXDOMAIN',
    growthSize: 56,
  },
  srv: { sentence: 'SRV of a named port, address in additional', edns: false, rcode: 'NOERROR', growthSize: 70 },
  ptr: { sentence: 'PTR of cluster IPs and endpoints', edns: false, rcode: 'NOERROR', growthSize: 60 },
  'a-headless': { sentence: 'A of a headless Service', edns: true, rcode: 'NOERROR', growthSize: 200 },
};

export interface Query {
  /** without trailing dot */
  readonly name: string;
  readonly type: 'A' | 'SRV' | 'PTR';
}

const EXTERNAL_NAMES = [
  'www.example.com',
  'api.example.com',
  'example.org',
  'metrics.eu-west-1.example.net',
  'db.prod.example.com',
  'login.example.io',
];
const DRAWS_PER_QUERY_MAX = 1_000;

/** `count` queries of a kind, drawn evenly over the Services of the cluster. The same seed draws the same queries. */
export function* drawQueries(
  cluster: GeneratedCluster,
  kind: QueryKind,
  count: number,
  seed: number,
): Generator<Query> {
  let draw = 0;
  const next = (bound: number): number => Math.floor((mix(seed, draw++, 7) / 2 ** 32) * bound);
  const nextService = (wanted: (service: PlannedService) => boolean): PlannedService => {
    for (let i = 0; i < DRAWS_PER_QUERY_MAX; i++) {
      const service = cluster.plan(next(cluster.serviceCount));
      if (wanted(service)) return service;
    }
    throw new Error(
      `${DRAWS_PER_QUERY_MAX} draws found no Service for queries of kind ${kind}: does the cluster have any?`,
    );
  };
  for (let i = 0; i < count; i++) yield drawQuery(cluster, kind, next, nextService);
}

function drawQuery(
  cluster: GeneratedCluster,
  kind: QueryKind,
  next: (bound: number) => number,
  nextService: (wanted: (service: PlannedService) => boolean) => PlannedService,
): Query {
  switch (kind) {
    case 'a':
    case 'a-edns':
      return { name: nameOf(nextService(hasClusterIp)), type: 'A' };
    case 'a-headless':
      return { name: nameOf(nextService((service) => service.headless)), type: 'A' };
    case 'srv':
      return {
        name: `_http._tcp.${nameOf(nextService((service) => hasClusterIp(service) && service.index > 1))}`,
        type: 'SRV',
      };
    case 'nxdomain': {
      const external = EXTERNAL_NAMES[next(EXTERNAL_NAMES.length)]!;
      const namespaces = cluster.namespaceNames();
      const suffixes = [`${namespaces[next(namespaces.length)]!}.svc.`, 'svc.', ''];
      return { name: `${external}.${suffixes[next(suffixes.length)]!}${CLUSTER_DOMAIN}`, type: 'A' };
    }
    case 'ptr': {
      const service = nextService((candidate) => candidate.endpoints.length > 0);
      const ready = service.endpoints.filter((endpoint) => endpoint.ready);
      const addresses = [...service.clusterIPs, ...endpointAddresses(ready[next(ready.length)]!)];
      return { name: reverseName(addresses[next(addresses.length)]!).slice(0, -1), type: 'PTR' };
    }
  }
}

function hasClusterIp(service: PlannedService): boolean {
  return !service.headless;
}

function nameOf(service: PlannedService): string {
  return `${service.name}.${service.namespace}.svc.${CLUSTER_DOMAIN}`;
}

/** dnsperf's data file: one `name type` a line. */
export function writeQueryFile(path: string, queries: Iterable<Query>): void {
  let text = '';
  for (const query of queries) text += `${query.name} ${query.type}\n`;
  writeFileSync(path, text);
}
