/**
 * A seeded cluster: Services, EndpointSlices and Namespaces as the API server would send them, made one at a time.
 * Everything about Service i follows from (seed, i) alone, so a cluster of 100,000 Services costs nothing until it is
 * walked, and one Service can be asked for without making the others.
 *
 *   cluster IPs   10.96.0.0/12      kubernetes .0.1, kube-dns .0.10, then one a Service from .1.0 on; fd00:10:96::/108
 *   pod IPs       10.128.0.0/9      one block of `endpointsPerService` a Service;  fd00:10:244::/64
 */

export interface ClusterShape {
  /** generated Services, besides `kubernetes` and `kube-dns` */
  readonly services: number;
  readonly endpointsPerService: number;
  /** 0 … 1: Services with clusterIP None; half of those have named pods, as a StatefulSet gives */
  readonly headlessShare: number;
  /** generated namespaces, besides `default` and `kube-system`, which hold Services too */
  readonly namespaces: number;
  /** 0 … 1: Services with both address families */
  readonly dualStackShare: number;
  /** 32-bit */
  readonly seed: number;
}

export const DEFAULT_CLUSTER_SHAPE: ClusterShape = {
  services: 10_000,
  endpointsPerService: 15,
  headlessShare: 0.15,
  namespaces: 200,
  dualStackShare: 0.1,
  seed: 1,
};

export interface PlannedPort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: 'TCP' | 'UDP';
}

/** What Service i is, before it is spelled out as objects or records. */
export interface PlannedService {
  readonly index: number;
  readonly namespace: string;
  readonly name: string;
  readonly headless: boolean;
  /** its pods have a hostname each */
  readonly stateful: boolean;
  /** text form, IPv4 first; empty if headless */
  readonly clusterIPs: readonly string[];
  readonly dualStack: boolean;
  readonly ports: readonly PlannedPort[];
  readonly endpoints: readonly PlannedEndpoint[];
}

export interface PlannedEndpoint {
  readonly ipv4: string;
  /** '' unless the Service is dual stack */
  readonly ipv6: string;
  /** '' unless the Service is stateful */
  readonly hostname: string;
  readonly podName: string;
  readonly ready: boolean;
  readonly zone: string;
  readonly nodeName: string;
}

export interface RawObject {
  readonly apiVersion: string;
  readonly kind: 'Namespace' | 'Service' | 'EndpointSlice' | 'Pod';
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface GeneratedCluster {
  readonly shape: ClusterShape;
  /** Services in all, the two built-in ones first */
  readonly serviceCount: number;
  /** @param index 0 … serviceCount − 1 */
  plan(index: number): PlannedService;
  plans(): Generator<PlannedService>;
  namespaceNames(): readonly string[];
  namespaces(): Generator<RawObject>;
  services(): Generator<RawObject>;
  endpointSlices(): Generator<RawObject>;
  /** the slices of one Service */
  endpointSlicesOf(index: number): Generator<RawObject>;
  /** namespaces, then each Service followed by its slices */
  objects(): Generator<RawObject>;
}

const BUILT_IN_SERVICES = 2;
const ENDPOINTS_PER_SLICE_MAX = 100;
const NOT_READY_SHARE = 0.02;
const FIRST_WORDS = [
  'checkout',
  'payment',
  'user',
  'search',
  'cart',
  'mail',
  'auth',
  'image',
  'report',
  'order',
  'session',
  'ledger',
];
const SECOND_WORDS = ['api', 'worker', 'db', 'cache', 'gateway', 'backend', 'frontend', 'queue', 'index', 'proxy'];
const TEAM_WORDS = ['shop', 'core', 'data', 'ml', 'infra', 'billing', 'growth', 'mobile'];

/** A lazily generated cluster. Cost: O(namespaces) here, the rest as it is walked. */
export function generateCluster(shape: ClusterShape): GeneratedCluster {
  const namespaceNames = ['default', 'kube-system'];
  for (let i = 0; i < shape.namespaces; i++) {
    namespaceNames.push(`${TEAM_WORDS[i % TEAM_WORDS.length]!}-${i}`);
  }
  const serviceCount = shape.services + BUILT_IN_SERVICES;
  const plan = (index: number): PlannedService => planService(shape, namespaceNames, index);

  function* plans(): Generator<PlannedService> {
    for (let i = 0; i < serviceCount; i++) yield plan(i);
  }
  function* namespaces(): Generator<RawObject> {
    for (const name of namespaceNames) yield spellNamespace(name);
  }
  function* services(): Generator<RawObject> {
    for (const planned of plans()) yield spellService(planned);
  }
  function* endpointSlices(): Generator<RawObject> {
    for (const planned of plans()) yield* spellEndpointSlices(planned);
  }
  const endpointSlicesOf = (index: number): Generator<RawObject> => spellEndpointSlices(plan(index));
  function* objects(): Generator<RawObject> {
    yield* namespaces();
    for (const planned of plans()) {
      yield spellService(planned);
      yield* spellEndpointSlices(planned);
    }
  }
  return {
    shape,
    serviceCount,
    plan,
    plans,
    namespaceNames: () => namespaceNames,
    namespaces,
    services,
    endpointSlices,
    endpointSlicesOf,
    objects,
  };
}

/** The label of an endpoint below its Service: its hostname, else its address with dashes. */
export function endpointLabel(endpoint: PlannedEndpoint, address: string): string {
  if (endpoint.hostname !== '') return endpoint.hostname;
  if (address.includes('.')) return address.replaceAll('.', '-');
  const dashed = address.replaceAll(':', '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed;
}

/** The addresses of an endpoint, IPv4 first. */
export function endpointAddresses(endpoint: PlannedEndpoint): readonly string[] {
  return endpoint.ipv6 === '' ? [endpoint.ipv4] : [endpoint.ipv4, endpoint.ipv6];
}

function planService(shape: ClusterShape, namespaceNames: readonly string[], index: number): PlannedService {
  if (index === 0) return planApiServer();
  if (index === 1) return planClusterDns();
  const number = index - BUILT_IN_SERVICES;
  const draw = (salt: number): number => mix(shape.seed, index, salt) / 2 ** 32;
  const headless = draw(1) < shape.headlessShare;
  const stateful = headless && draw(2) < 0.5;
  const dualStack = draw(3) < shape.dualStackShare;
  const name = `${pick(FIRST_WORDS, draw(4))}-${pick(SECOND_WORDS, draw(5))}-${number}`;
  const ports: PlannedPort[] = [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }];
  if (draw(6) < 0.3) ports.push({ name: 'metrics', port: 9090, targetPort: 9090, protocol: 'TCP' });
  if (draw(7) < 0.05) ports.push({ name: 'gossip', port: 7946, targetPort: 7946, protocol: 'UDP' });
  const endpoints: PlannedEndpoint[] = [];
  for (let i = 0; i < shape.endpointsPerService; i++) {
    const podNumber = number * shape.endpointsPerService + i;
    const hash = mix(shape.seed, podNumber, 100);
    endpoints.push({
      ipv4: formatIpv4(0x0a80_0000 + 256 + podNumber),
      ipv6: dualStack ? formatIpv6('fd00:10:244:', podNumber) : '',
      hostname: stateful ? `${name}-${i}` : '',
      podName: stateful ? `${name}-${i}` : `${name}-${(hash >>> 8).toString(36)}-${(hash & 0xffff).toString(36)}`,
      ready: i === 0 || hash / 2 ** 32 >= NOT_READY_SHARE,
      zone: `zone-${'abc'[hash % 3]!}`,
      nodeName: `node-${hash % 500}`,
    });
  }
  const clusterIPs: string[] = [];
  if (!headless) {
    clusterIPs.push(formatIpv4(0x0a60_0000 + 256 + number));
    if (dualStack) clusterIPs.push(formatIpv6('fd00:10:96:', number));
  }
  return {
    index,
    namespace: pick(namespaceNames, draw(8)),
    name,
    headless,
    stateful,
    clusterIPs,
    dualStack,
    ports,
    endpoints,
  };
}

function planApiServer(): PlannedService {
  return {
    index: 0,
    namespace: 'default',
    name: 'kubernetes',
    headless: false,
    stateful: false,
    clusterIPs: ['10.96.0.1'],
    dualStack: false,
    ports: [{ name: 'https', port: 443, targetPort: 6443, protocol: 'TCP' }],
    endpoints: [builtInEndpoint('10.127.0.1', '')],
  };
}

function planClusterDns(): PlannedService {
  return {
    index: 1,
    namespace: 'kube-system',
    name: 'kube-dns',
    headless: false,
    stateful: false,
    clusterIPs: ['10.96.0.10'],
    dualStack: false,
    ports: [
      { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, targetPort: 53, protocol: 'TCP' },
      { name: 'metrics', port: 9153, targetPort: 9153, protocol: 'TCP' },
    ],
    endpoints: [builtInEndpoint('10.127.0.2', 'dns-0'), builtInEndpoint('10.127.0.3', 'dns-1')],
  };
}

function builtInEndpoint(ipv4: string, podName: string): PlannedEndpoint {
  return { ipv4, ipv6: '', hostname: '', podName, ready: true, zone: 'zone-a', nodeName: 'node-0' };
}

function spellNamespace(name: string): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, resourceVersion: '1', labels: { 'kubernetes.io/metadata.name': name } },
    status: { phase: 'Active' },
  };
}

function spellService(planned: PlannedService): RawObject {
  const families = planned.dualStack ? ['IPv4', 'IPv6'] : ['IPv4'];
  const clusterIPs = planned.headless ? ['None'] : planned.clusterIPs;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: planned.name,
      namespace: planned.namespace,
      uid: formatUid(planned.index, 1),
      resourceVersion: String(100 + planned.index),
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: planned.name },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterIPs[0],
      clusterIPs,
      ipFamilies: families,
      ipFamilyPolicy: planned.dualStack ? 'RequireDualStack' : 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      selector: { app: planned.name },
      ports: planned.ports.map((port) => ({
        name: port.name,
        port: port.port,
        protocol: port.protocol,
        targetPort: port.targetPort,
      })),
    },
    status: { loadBalancer: {} },
  };
}

/** The slices of one Service: at most 100 endpoints each, and each of one address family, as the slice controller makes them. */
function* spellEndpointSlices(planned: PlannedService): Generator<RawObject> {
  const families = planned.dualStack ? (['IPv4', 'IPv6'] as const) : (['IPv4'] as const);
  for (const family of families) {
    for (let first = 0; first < planned.endpoints.length; first += ENDPOINTS_PER_SLICE_MAX) {
      const part = planned.endpoints.slice(first, first + ENDPOINTS_PER_SLICE_MAX);
      yield spellEndpointSlice(planned, family, first / ENDPOINTS_PER_SLICE_MAX, part);
    }
  }
}

function spellEndpointSlice(
  planned: PlannedService,
  family: 'IPv4' | 'IPv6',
  part: number,
  endpoints: readonly PlannedEndpoint[],
): RawObject {
  const suffix = `${family === 'IPv4' ? 'v4' : 'v6'}${part.toString(36)}`;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${planned.name}-${suffix}`,
      namespace: planned.namespace,
      uid: formatUid(planned.index, family === 'IPv4' ? 2 + part * 2 : 3 + part * 2),
      resourceVersion: String(100 + planned.index),
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: {
        app: planned.name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        'kubernetes.io/service-name': planned.name,
      },
    },
    addressType: family,
    ports: planned.ports.map((port) => ({ name: port.name, port: port.targetPort, protocol: port.protocol })),
    endpoints: endpoints.map((endpoint) => ({
      addresses: [family === 'IPv4' ? endpoint.ipv4 : endpoint.ipv6],
      conditions: { ready: endpoint.ready, serving: endpoint.ready, terminating: false },
      ...(endpoint.hostname === '' ? {} : { hostname: endpoint.hostname }),
      nodeName: endpoint.nodeName,
      zone: endpoint.zone,
      ...(endpoint.podName === ''
        ? {}
        : { targetRef: { kind: 'Pod', name: endpoint.podName, namespace: planned.namespace } }),
    })),
  };
}

/** 32 well-mixed bits of three numbers (the finalizer of MurmurHash3, chained). */
export function mix(seed: number, index: number, salt: number): number {
  let hash = finalize(seed ^ 0x9e37_79b9);
  hash = finalize(hash ^ Math.imul(index + 1, 0x85eb_ca6b));
  return finalize(hash ^ Math.imul(salt + 1, 0xc2b2_ae35));
}

function finalize(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function pick<T>(choices: readonly T[], fraction: number): T {
  return choices[Math.floor(fraction * choices.length)]!;
}

function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Canonical text (RFC 5952) of prefix::high:low, `number` from 1 on so that the low words are never all zero. */
function formatIpv6(prefix: string, number: number): string {
  const value = number + 0x1_0001;
  const high = value >>> 16;
  return `${prefix}:${high.toString(16)}:${(value & 0xffff).toString(16)}`;
}

function formatUid(index: number, salt: number): string {
  const hex = (part: number): string => mix(index, salt, part).toString(16).padStart(8, '0');
  const all = hex(1) + hex(2) + hex(3) + hex(4);
  return `${all.slice(0, 8)}-${all.slice(8, 12)}-4${all.slice(13, 16)}-a${all.slice(17, 20)}-${all.slice(20, 32)}`;
}
