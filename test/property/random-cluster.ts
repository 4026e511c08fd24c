/**
 * Random clusters from a small vocabulary, so that names and addresses collide as often as possible. Only what an API
 * server would accept: that the decoder refuses the rest is tested with it.
 */
import fc from 'fast-check';
import { DEFAULT_RECORD_OPTIONS, type RecordOptions } from '../../src/records/record-options.ts';
import type { RawObject, RawPort } from '../oracle/kubernetes-objects.ts';
import type { RawChange } from '../cases/subject.ts';

export const NAMESPACES = ['default', 'prod', 'b'] as const;
export const SERVICES = ['web', 'db', 'svc', 'x-1'] as const;
export const PORT_NAMES = ['http', 'pg', 'dns-tcp'] as const;
export const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
export const HOSTNAMES = ['db-0', 'db-1', 'tcp', 'pin', '10-1-0-1'] as const;
export const POD_NAMES = ['web-abc', 'web-def', 'p'.repeat(63), 'q'.repeat(64)] as const;
export const CLUSTERS = ['east', 'west', 'db'] as const;
export const EXTERNAL_ADDRESSES = ['198.51.100.1', '198.51.100.2', '2001:db8:5::1'] as const;
export const TOPOLOGY_ZONES = ['west', 'East', 'rack.row', 'pin'] as const;
export const ADDRESSES4 = ['10.1.0.1', '10.1.0.2', '10.1.1.1', '10.2.0.1', '192.0.2.1', '10.96.1.1'] as const;
export const ADDRESSES6 = [
  'fd00::1',
  '1234:abcd::',
  '::1',
  'fd00:0:0:0:0:0:0:2',
  'FD00::3',
  '2001:db8::ffff:1',
] as const;
/** Pods are compared as text, with names that are in lower case. */
const POD_ADDRESSES = [...ADDRESSES4, ...ADDRESSES6].filter((text) => text === text.toLowerCase());
const LABEL_VALUES = ['one', 'two'] as const;
const SLICES = ['s-0', 's-1', 's-2', 's-3', 's-4'] as const;
const PODS = ['pod-0', 'pod-1', 'pod-2'] as const;
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

const labels: fc.Arbitrary<Readonly<Record<string, string>>> = fc
  .constantFrom(undefined, ...LABEL_VALUES)
  .map((value) => (value === undefined ? {} : { app: value }));

/** Names unique in the list; all named where there are several, as the API wants it. */
const ports: fc.Arbitrary<RawPort[]> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<RawPort[]>([]) },
  {
    weight: 1,
    arbitrary: fc
      .record({ port: fc.integer({ min: 1, max: 3 }), protocol: fc.constantFrom(...PROTOCOLS) })
      .map((port) => [port]),
  },
  {
    weight: 4,
    arbitrary: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom(...PORT_NAMES),
        port: fc.integer({ min: 1, max: 3 }),
        protocol: fc.constantFrom(...PROTOCOLS),
      }),
      { minLength: 1, maxLength: 3, selector: ({ name }) => name },
    ),
  },
);

/** Each Service has its own cluster IPs: two Services never share one. */
export function clusterIpsOfService(namespace: number, service: number): readonly [string, string] {
  return [`10.96.${namespace}.${service}`, `fd00:96::${namespace}:${service}`];
}

const target = fc.oneof(
  fc.constantFrom(
    'example.com',
    'Example.ORG.',
    '192.0.2.7',
    '2001:db8::7',
    'cluster.local',
    'ghost.prod.svc.cluster.local',
  ),
  fc.constantFrom('dns-version.cluster.local', 'svc.cluster.local', 'db-0.db.prod.svc.cluster.local'),
  fc
    .tuple(fc.constantFrom(...SERVICES), fc.constantFrom(...NAMESPACES))
    .map(([service, namespace]) => `${service}.${namespace}.svc.cluster.local`),
  fc
    .tuple(fc.constantFrom(...PORT_NAMES), fc.constantFrom(...SERVICES))
    .map(([port, service]) => `_${port}._tcp.${service}.default.svc.Cluster.local`),
);

const rarelyEmpty = fc.record({
  addresses: fc.array(fc.constantFrom(...EXTERNAL_ADDRESSES), { maxLength: 2 }),
  ingress: fc.array(
    fc.constantFrom({ ip: EXTERNAL_ADDRESSES[0] }, { hostname: 'lb.example.com' }, { hostname: 'LB2.example.com' }, {}),
    { maxLength: 1 },
  ),
});

const serviceImport: fc.Arbitrary<RawObject> = fc
  .record({
    namespace: fc.constantFrom(...NAMESPACES),
    name: fc.constantFrom(...SERVICES),
    ips: fc.constantFrom(['10.42.0.1'], ['10.42.0.2', 'fd42::2'], [], 'headless' as const, 'headless' as const),
    ports,
  })
  .map(({ namespace: space, name, ips, ports: own }) => ({
    apiVersion: 'multicluster.x-k8s.io/v1alpha1',
    kind: 'ServiceImport',
    metadata: { name, namespace: space },
    spec: ips === 'headless' ? { type: 'Headless', ports: own } : { type: 'ClusterSetIP', ips, ports: own },
  }));

const service: fc.Arbitrary<RawObject> = fc
  .record({
    namespace: fc.nat(NAMESPACES.length - 1),
    name: fc.nat(SERVICES.length - 1),
    kind: fc.constantFrom('4', '6', '46', '64', 'headless', 'headless', 'headless', 'external', 'pending', 'old'),
    target,
    externals: rarelyEmpty,
    ports,
    labels,
  })
  .map((choice) => {
    const [ip4, ip6] = clusterIpsOfService(choice.namespace, choice.name);
    const list = new Map([
      ['4', [ip4]],
      ['6', [ip6]],
      ['46', [ip4, ip6]],
      ['64', [ip6, ip4]],
    ]).get(choice.kind);
    const spec =
      choice.kind === 'external'
        ? { type: 'ExternalName', externalName: choice.target }
        : choice.kind === 'headless'
          ? { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'] }
          : list === undefined
            ? { type: 'ClusterIP', clusterIP: choice.kind === 'old' ? ip4 : '' }
            : { type: 'LoadBalancer', clusterIP: list[0]!, clusterIPs: list };
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: SERVICES[choice.name]!, namespace: NAMESPACES[choice.namespace]!, labels: choice.labels },
      spec: { ...spec, ports: choice.ports, externalIPs: choice.externals.addresses },
      status: { loadBalancer: { ingress: choice.externals.ingress } },
    };
  });

function endpoint(addresses: readonly string[]) {
  return fc
    .record({
      addresses: fc.uniqueArray(fc.constantFrom(...addresses), { minLength: 1, maxLength: 2 }),
      ready: fc.constantFrom(true, true, true, false, undefined),
      hostname: fc.option(fc.constantFrom(...HOSTNAMES), { nil: undefined, freq: 2 }),
      podName: fc.option(fc.constantFrom(...POD_NAMES), { nil: undefined }),
      zone: fc.option(fc.constantFrom(...TOPOLOGY_ZONES), { nil: undefined, freq: 2 }),
    })
    .map(({ addresses: own, ready, hostname, podName, zone }) => ({
      addresses: own,
      ...(ready === undefined ? {} : { conditions: { ready } }),
      ...(hostname === undefined ? {} : { hostname }),
      ...(podName === undefined ? {} : { targetRef: { kind: 'Pod', name: podName } }),
      ...(zone === undefined ? {} : { zone }),
    }));
}

const slice: fc.Arbitrary<RawObject> = fc
  .record({
    namespace: fc.constantFrom(...NAMESPACES),
    name: fc.constantFrom(...SLICES),
    owner: fc.constantFrom(...SERVICES, ...SERVICES, 'orphan', ''),
    imported: fc.constantFrom('', '', '', ...SERVICES),
    cluster: fc.constantFrom(...CLUSTERS),
    ports,
    labels,
    family: fc.constantFrom('IPv4', 'IPv6'),
    endpoints4: fc.array(endpoint(ADDRESSES4), { maxLength: 4 }),
    endpoints6: fc.array(endpoint(ADDRESSES6), { maxLength: 4 }),
  })
  .map((choice) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: choice.name,
      namespace: choice.namespace,
      labels: {
        ...choice.labels,
        ...(choice.owner === '' ? {} : { [SERVICE_NAME_LABEL]: choice.owner }),
        ...(choice.imported === '' ? {} : { 'multicluster.kubernetes.io/service-name': choice.imported }),
        ...(choice.imported === '' ? {} : { 'multicluster.kubernetes.io/source-cluster': choice.cluster }),
      },
    },
    addressType: choice.family,
    ports: choice.ports,
    endpoints: choice.family === 'IPv4' ? choice.endpoints4 : choice.endpoints6,
  }));

const namespace: fc.Arbitrary<RawObject> = fc
  .record({ name: fc.constantFrom(...NAMESPACES), labels })
  .map((metadata) => ({ apiVersion: 'v1', kind: 'Namespace', metadata }));

const pod: fc.Arbitrary<RawObject> = fc
  .record({
    namespace: fc.constantFrom(...NAMESPACES),
    name: fc.constantFrom(...PODS),
    phase: fc.constantFrom('Running', 'Running', 'Pending', 'Succeeded', 'Failed'),
    ips: fc.uniqueArray(fc.constantFrom(...POD_ADDRESSES), { maxLength: 2 }),
    labels,
  })
  .map((choice) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: choice.name, namespace: choice.namespace, labels: choice.labels },
    status: { phase: choice.phase, podIP: choice.ips[0] ?? '', podIPs: choice.ips.map((ip) => ({ ip })) },
  }));

const object = fc.oneof(
  { weight: 5, arbitrary: service },
  { weight: 8, arbitrary: slice },
  { weight: 2, arbitrary: serviceImport },
  { weight: 2, arbitrary: namespace },
  { weight: 2, arbitrary: pod },
);

const change: fc.Arbitrary<RawChange> = fc.record({
  op: fc.constantFrom('put', 'put', 'put', 'delete'),
  object,
});

/** Most of the namespaces exist at first. */
export const initialObjects: fc.Arbitrary<RawObject[]> = fc
  .tuple(
    fc.array(object, { maxLength: 40, size: 'max' }),
    fc.subarray([...NAMESPACES], { minLength: NAMESPACES.length - 1 }),
  )
  .map(([objects, names]) => [
    ...names.map((name): RawObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...objects,
  ]);

/** Change sets, one after the other. */
export const changeSets: fc.Arbitrary<RawChange[][]> = fc.array(
  fc.array(change, { minLength: 1, maxLength: 6, size: 'max' }),
  {
    maxLength: 4,
    size: 'max',
  },
);

function rarely<T>(...values: readonly T[]): fc.Arbitrary<T | undefined> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...values) },
  );
}

export const recordOptions: fc.Arbitrary<RecordOptions> = fc
  .record({
    zones: fc.constantFrom(
      ['cluster.local', 'in-addr.arpa', 'ip6.arpa'],
      ['cluster.local', 'in-addr.arpa', 'ip6.arpa'],
      ['96.10.in-addr.arpa', 'cluster.local', '1.10.in-addr.arpa', '0.0.d.f.ip6.arpa', 'other.zone'],
      ['cluster.local'],
      ['cluster.local', 'set.local', 'ip6.arpa'],
      ['cluster.local', 'set.local'],
    ),
    external: fc.constantFrom(
      undefined,
      { zones: ['example.net'], ttlSeconds: 7, apex: 'dns', hasHeadless: false },
      { zones: ['example.net', '51.198.in-addr.arpa'], ttlSeconds: 3600, apex: 'b', hasHeadless: true },
      { zones: ['a.test', 'b.a.test', '8.b.d.0.1.0.0.2.ip6.arpa'], ttlSeconds: 0, apex: 'dns', hasHeadless: true },
    ),
    clientIndex: fc.boolean(),
    ttlSeconds: fc.constantFrom(5, 30, 0, 3600),
    pods: fc.constantFrom('disabled' as const, 'insecure' as const, 'verified' as const),
    endpointPodNames: fc.boolean(),
    noEndpoints: rarely(true).map((value) => value ?? false),
    ignoreEmptyService: fc.constantFrom(false, false, false, true),
    zonal: fc.boolean(),
    namespaces: rarely<readonly string[]>(['prod', 'b'], ['default', 'absent']),
    namespaceLabels: rarely('app=one', 'app notin (two)', '!app'),
    labels: rarely('app', 'app!=two', 'app in (one, two)'),
    localAddresses: fc.constantFrom([], [], ['10.1.0.1'], ['10.1.0.2', 'fd00::1'], ['203.0.113.1']),
  })
  .map((choice) => {
    const isBoth = choice.namespaces !== undefined && choice.namespaceLabels !== undefined;
    const isWithoutEndpoints = choice.noEndpoints && !choice.zonal;
    return {
      ...DEFAULT_RECORD_OPTIONS,
      ...choice,
      multiclusterZones: choice.zones.filter((zone) => zone === 'set.local'),
      noEndpoints: isWithoutEndpoints,
      namespaceLabels: isBoth ? undefined : choice.namespaceLabels,
    };
  });

/** The cluster after changes: one object of a kind, namespace and name. */
export class ObjectStore {
  readonly #objects = new Map<string, RawObject>();

  apply({ op, object: changed }: RawChange): void {
    const { namespace: space, name } = changed.metadata;
    const key = `${changed.kind} ${space ?? ''} ${name}`;
    this.#objects.delete(key);
    if (op === 'put') this.#objects.set(key, changed);
  }

  get objects(): RawObject[] {
    return [...this.#objects.values()];
  }
}
