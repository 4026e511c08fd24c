/** Short ways to write objects in tests of the record model. */
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { DEFAULT_RECORD_OPTIONS, type RecordOptions } from '../../../src/records/record-options.ts';
import type {
  ClusterObject,
  Endpoint,
  EndpointSlice,
  NamedPort,
  Namespace,
  ObjectChange,
  Pod,
  Service,
  ServiceImport,
} from '../../../src/kubernetes/objects.ts';
import { MemorySink } from './memory-sink.ts';

/** `http/80/TCP`, `/53/UDP` */
export function port(text: string): NamedPort {
  const [name, number, protocol] = text.split('/');
  return { name: name!, port: Number(number), protocol: protocol! };
}

export function namespace(name: string, labels: Record<string, string> = {}): Namespace {
  return { kind: 'Namespace', name, labels };
}

export function service(path: string, clusterIPs: string[], ports: string[] = []): Service {
  const [space, name] = path.split('/');
  const base = { kind: 'Service', namespace: space!, name: name!, externalName: '', externalIPs: [] } as const;
  return { ...base, type: 'ClusterIP', clusterIPs, ports: ports.map(port) };
}

/** `ips`: ['None'] if it is headless */
export function serviceImport(path: string, ips: string[], ports: string[] = []): ServiceImport {
  const [space, name] = path.split('/');
  const isHeadless = ips[0] === 'None';
  return {
    kind: 'ServiceImport',
    namespace: space!,
    name: name!,
    type: isHeadless ? 'Headless' : 'ClusterSetIP',
    ips: isHeadless ? [] : ips,
    ports: ports.map(port),
  };
}

export function external(path: string, externalName: string): Service {
  return { ...service(path, []), type: 'ExternalName', externalName };
}

/** `10.0.0.1`, `10.0.0.1=web-0` (hostname), `10.0.0.1,fd00::1=web-0@zone`, `10.0.0.1>pod-name` */
export function endpoint(text: string): Endpoint {
  const [, addresses, hostname, targetName, zone] = /^([^=>@]*)(?:=([^>@]*))?(?:>([^@]*))?(?:@(.*))?$/.exec(text)!;
  return {
    addresses: addresses!.split(','),
    hostname: hostname ?? '',
    targetName: targetName ?? '',
    zone: zone ?? '',
  };
}

/** `default/db/db-abc`: namespace, Service, slice */
export function slice(path: string, ports: string[], endpoints: string[]): EndpointSlice {
  const [space, owner, name] = path.split('/');
  return {
    kind: 'EndpointSlice',
    namespace: space!,
    name: name!,
    service: owner!,
    importedService: '',
    sourceCluster: '',
    triggerTimeMs: 0,
    ports: ports.map(port),
    endpoints: endpoints.map(endpoint),
  };
}

export function pod(path: string, podIPs: string[]): Pod {
  const [space, name] = path.split('/');
  return { kind: 'Pod', namespace: space!, name: name!, podIPs, isHostNetwork: false, isTerminating: false };
}

export function put(object: ClusterObject): ObjectChange {
  return { op: 'put', object };
}

export function remove(object: ClusterObject): ObjectChange {
  const space = object.kind === 'Namespace' ? '' : object.namespace;
  return { op: 'delete', kind: object.kind, namespace: space, name: object.name };
}

export interface Model {
  readonly records: ClusterRecords;
  readonly sink: MemorySink;
}

/** The records of a cluster that is loaded whole. */
export function load(objects: readonly ClusterObject[], options: Partial<RecordOptions> = {}): Model {
  const sink = new MemorySink();
  const records = new ClusterRecords({ ...DEFAULT_RECORD_OPTIONS, ...options }, sink);
  records.apply(objects.map(put));
  return { records, sink };
}
