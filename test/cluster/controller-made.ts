/**
 * A cluster of the table with Pods in the place of EndpointSlices, so that the API server's own controller makes these:
 * of each Service whose slices a controller could have made.
 */
import type { RawEndpoint, RawEndpointSlice, RawObject, RawService } from '../oracle/kubernetes-objects.ts';
import { NODE_NAME } from './api-objects.ts';

const OWNER_LABEL = 'kubernetes.io/service-name';
const SELECTOR_LABEL = 'skyshard.test/service';

type Json = Readonly<Record<string, unknown>>;

export interface ControllerMade {
  /** slices that go: there will be others */
  readonly replaced: readonly RawEndpointSlice[];
  /** the Services, with a selector, and a Node for each zone */
  readonly objects: readonly Json[];
  readonly pods: readonly { readonly object: Json; readonly status: Json }[];
  /** `namespace/service`, an address and whether it is ready: what the controller's slices must show in the end */
  readonly endpoints: readonly string[];
}

export function controllerMade(raw: readonly RawObject[]): ControllerMade {
  const namespaces = new Set(raw.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name));
  const slices = raw.filter((one) => one.kind === 'EndpointSlice');
  const services = raw
    .filter((one) => one.kind === 'Service')
    .filter(({ metadata }) => namespaces.has(metadata.namespace ?? ''))
    .map((service) => ({ service, slices: slices.filter((slice) => isOf(slice, service)) }))
    .filter(({ service, slices: own }) => own.length > 0 && own.every((slice) => couldBeMade(slice, service)));
  const endpoints = services.flatMap(({ service, slices: own }) =>
    own.flatMap((slice) => slice.endpoints).map((endpoint, index) => ({ service, endpoint, index })),
  );
  const zones = [...new Set(endpoints.flatMap(({ endpoint }) => (endpoint.zone === undefined ? [] : [endpoint.zone])))];
  return {
    replaced: services.flatMap(({ slices: own }) => own),
    objects: [...zones.map(nodeOf), ...services.map(({ service, slices: own }) => selecting(service, own))],
    pods: endpoints.map(({ service, endpoint, index }) => podOf(service, endpoint, index)),
    endpoints: endpoints.map(({ service, endpoint }) =>
      endpointKey(service.metadata.namespace!, service.metadata.name, lowerHostname(endpoint)),
    ),
  };
}

/** What slices show of the Services whose slices are made by the controller. */
export function endpointKeys(objects: readonly RawObject[]): string[] {
  return objects
    .filter((one) => one.kind === 'EndpointSlice')
    .flatMap(({ metadata, endpoints }) =>
      endpoints.map((one) => endpointKey(metadata.namespace!, metadata.labels?.[OWNER_LABEL] ?? '', one)),
    );
}

function endpointKey(namespace: string, service: string, { addresses, conditions, hostname }: RawEndpoint): string {
  return [`${namespace}/${service}`, addresses[0], hostname ?? '', conditions?.ready === true].join(' ');
}

function lowerHostname(endpoint: RawEndpoint): RawEndpoint {
  return endpoint.hostname === undefined ? endpoint : { ...endpoint, hostname: endpoint.hostname.toLowerCase() };
}

function isOf(slice: RawEndpointSlice, service: RawService): boolean {
  return (
    slice.metadata.labels?.[OWNER_LABEL] === service.metadata.name &&
    slice.metadata.namespace === service.metadata.namespace
  );
}

/** A family that the Service has, one address an endpoint, known readiness, and the ports of the Service, each with a number of its own at most. */
function couldBeMade(slice: RawEndpointSlice, { spec }: RawService): boolean {
  const names = (ports: readonly { name?: string; protocol?: string }[] | undefined): string =>
    (ports ?? [])
      .map(({ name, protocol }) => `${name ?? ''}/${protocol ?? 'TCP'}`)
      .sort()
      .join();
  const isIpv6 = slice.addressType === 'IPv6';
  return (
    spec.type !== 'ExternalName' &&
    (spec.clusterIP === 'None' || (spec.clusterIPs ?? []).some((ip) => ip.includes(':') === isIpv6)) &&
    names(slice.ports) === names(spec.ports) &&
    slice.endpoints.length > 0 &&
    slice.endpoints.every(
      ({ addresses, conditions }) =>
        addresses.length === 1 && conditions?.ready !== undefined && conditions.terminating !== true,
    )
  );
}

function selecting(service: RawService, slices: readonly RawEndpointSlice[]): Json {
  const ports = (service.spec.ports ?? []).map((port) => ({
    ...port,
    targetPort: slices[0]!.ports!.find((other) => (other.name ?? '') === (port.name ?? ''))!.port,
  }));
  const isHeadless = service.spec.clusterIP === 'None';
  const families = isHeadless ? { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] } : {};
  return {
    ...service,
    spec: { ...service.spec, ...families, ports, selector: { [SELECTOR_LABEL]: service.metadata.name } },
  };
}

function podOf(service: RawService, endpoint: RawEndpoint, index: number): ControllerMade['pods'][number] {
  const name = endpoint.targetRef?.name ?? `${service.metadata.name}-pod-${index}`;
  const metadata = { name, namespace: service.metadata.namespace };
  const { hostname, zone } = endpoint;
  return {
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels: { ...service.metadata.labels, [SELECTOR_LABEL]: service.metadata.name } },
      spec: {
        nodeName: zone === undefined ? NODE_NAME : nodeName(zone),
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: 'none' }],
        ...(hostname === undefined ? {} : { hostname: hostname.toLowerCase(), subdomain: service.metadata.name }),
      },
    },
    status: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      status: {
        phase: 'Running',
        podIP: endpoint.addresses[0],
        podIPs: [{ ip: endpoint.addresses[0] }],
        conditions: [{ type: 'Ready', status: endpoint.conditions?.ready === true ? 'True' : 'False' }],
      },
    },
  };
}

const nodeName = (zone: string): string => `${NODE_NAME}-${zone.toLowerCase()}`;

function nodeOf(zone: string): Json {
  const labels = { 'topology.kubernetes.io/zone': zone };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName(zone), labels } };
}
