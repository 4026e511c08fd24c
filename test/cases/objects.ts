/** Short ways to write Kubernetes objects. Names are `namespace/name`; a port is `name:number/PROTOCOL`. */
import type {
  RawEndpoint,
  RawEndpointSlice,
  RawNamespace,
  RawPod,
  RawPort,
  RawService,
  RawServiceImport,
} from '../oracle/kubernetes-objects.ts';

type LabelsOfObject = Readonly<Record<string, string>>;

export function namespace(name: string, labels: LabelsOfObject = {}): RawNamespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** `ips`: separated by spaces; `ports`: separated by spaces. */
export function clusterIp(fullName: string, ips: string, ports = '', labels: LabelsOfObject = {}): RawService {
  const list = ips.split(' ').filter((ip) => ip !== '');
  return service(fullName, labels, {
    type: 'ClusterIP',
    clusterIP: list[0] ?? '',
    ...(list.length === 0 ? {} : { clusterIPs: list }),
    ports: portList(ports),
  });
}

export function headless(fullName: string, ports = '', labels: LabelsOfObject = {}): RawService {
  return service(fullName, labels, {
    type: 'ClusterIP',
    clusterIP: 'None',
    clusterIPs: ['None'],
    ports: portList(ports),
  });
}

export function externalName(fullName: string, target: string, ports = ''): RawService {
  return service(fullName, {}, { type: 'ExternalName', externalName: target, ports: portList(ports) });
}

export function service(fullName: string, labels: LabelsOfObject, spec: RawService['spec']): RawService {
  return { apiVersion: 'v1', kind: 'Service', metadata: { ...splitName(fullName), labels }, spec };
}

/**
 * An EndpointSlice `fullName` of the Service `owner` in its namespace. An endpoint is written as its addresses and then
 * words: `host=NAME`, `pod=NAME`, `zone=NAME`, `unready`, `unknown` (no condition), `terminating` (serving, not ready).
 */
export function slice(
  fullName: string,
  owner: string,
  ports: string,
  endpoints: readonly string[],
  labels: LabelsOfObject = {},
): RawEndpointSlice {
  const list = endpoints.map(endpointOf);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...splitName(fullName), labels: { ...labels, 'kubernetes.io/service-name': owner } },
    addressType: list[0]?.addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4',
    ports: portList(ports),
    endpoints: list,
  };
}

/** `ips`: separated by spaces. */
export function pod(
  fullName: string,
  ips: string,
  more: { readonly phase?: string; readonly deleted?: boolean; readonly labels?: LabelsOfObject } = {},
): RawPod {
  const list = ips.split(' ');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...splitName(fullName),
      labels: more.labels ?? {},
      ...(more.deleted === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    status: { phase: more.phase ?? 'Running', podIP: list[0]!, podIPs: list.map((ip) => ({ ip })) },
  };
}

/** A Service with `externals`, separated by spaces, in spec.externalIPs, and load balancers' addresses or host names. */
export function reachable(base: RawService, externals: string, ingress = ''): RawService {
  const words = (text: string) => text.split(' ').filter((word) => word !== '');
  const balancers = words(ingress).map((word) => (/^[\d.]+$|:/.test(word) ? { ip: word } : { hostname: word }));
  const type = balancers.length > 0 ? { type: 'LoadBalancer' } : {};
  return {
    ...base,
    spec: { ...base.spec, ...type, externalIPs: words(externals) },
    status: { loadBalancer: { ingress: balancers } },
  };
}

/** `ips`: separated by spaces; `headless` for none. */
export function serviceImport(fullName: string, ips: string, ports = ''): RawServiceImport {
  return {
    apiVersion: 'multicluster.x-k8s.io/v1alpha1',
    kind: 'ServiceImport',
    metadata: splitName(fullName),
    spec:
      ips === 'headless'
        ? { type: 'Headless', ports: portList(ports) }
        : { type: 'ClusterSetIP', ips: ips.split(' ').filter((ip) => ip !== ''), ports: portList(ports) },
  };
}

/** As `slice`, of a Service that another cluster exports. */
export function importedSlice(
  fullName: string,
  owner: string,
  cluster: string,
  ports: string,
  endpoints: readonly string[],
): RawEndpointSlice {
  const one = slice(fullName, owner, ports, endpoints);
  const labels = {
    'multicluster.kubernetes.io/service-name': owner,
    'multicluster.kubernetes.io/source-cluster': cluster,
  };
  return { ...one, metadata: { ...one.metadata, labels } };
}

function splitName(fullName: string): { namespace: string; name: string } {
  const [space, name] = fullName.split('/');
  return { namespace: space!, name: name! };
}

/** `http:80/TCP :53/UDP` */
function portList(text: string): RawPort[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const match = /^([^:]*):(\d+)\/(\w+)$/.exec(word);
      if (match === null) throw new Error(`port ${word}`);
      const port = { port: Number(match[2]), protocol: match[3]! };
      return match[1] === '' ? port : { name: match[1]!, ...port };
    });
}

function endpointOf(text: string): RawEndpoint {
  const words = text.split(' ');
  const value = (key: string) => words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const hostname = value('host');
  const podName = value('pod');
  const zone = value('zone');
  return {
    addresses: words.filter((word) => /^[0-9a-fA-F.:]+$/.test(word) && /[.:]/.test(word)),
    ...conditionsOf(words),
    ...(hostname === undefined ? {} : { hostname }),
    ...(podName === undefined ? {} : { targetRef: { kind: 'Pod', name: podName } }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function conditionsOf(words: readonly string[]): Pick<RawEndpoint, 'conditions'> {
  if (words.includes('unknown')) return {};
  if (words.includes('unready')) return { conditions: { ready: false, serving: false, terminating: false } };
  if (words.includes('terminating')) return { conditions: { ready: false, serving: true, terminating: true } };
  return { conditions: { ready: true, serving: true, terminating: false } };
}
