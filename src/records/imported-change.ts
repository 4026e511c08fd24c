/**
 * What other clusters export, as the objects of a cluster of its own: a ServiceImport is a Service there, and slices
 * belong to the Service they are imported for.
 */
import type { ObjectKind } from '../kubernetes/object-sink.ts';
import type { ObjectChange, Service, ServiceImport } from '../kubernetes/objects.ts';

/** The change for the state of what is imported; undefined: it does not see it. */
export function importedChange(change: ObjectChange): ObjectChange | undefined {
  if (change.op === 'delete') {
    const kind = importedKind(change.kind);
    return kind === undefined ? undefined : { ...change, kind };
  }
  const { object } = change;
  switch (object.kind) {
    case 'Namespace':
      return change;
    case 'ServiceImport':
      return { op: 'put', object: serviceOf(object) };
    case 'EndpointSlice':
      return { op: 'put', object: { ...object, service: object.importedService } };
    case 'Service':
    case 'Pod':
      return undefined;
  }
}

/** The kind that objects of a kind are in the state of what is imported; undefined: it has none of them. */
export function importedKind(kind: ObjectKind): ObjectKind | undefined {
  if (kind === 'ServiceImport') return 'Service';
  return kind === 'Namespace' || kind === 'EndpointSlice' ? kind : undefined;
}

function serviceOf({ namespace, name, type, ips, ports }: ServiceImport): Service {
  return {
    kind: 'Service',
    namespace,
    name,
    type: 'ClusterIP',
    clusterIPs: type === 'Headless' ? ['None'] : ips,
    externalName: '',
    externalIPs: [],
    ports,
  };
}
