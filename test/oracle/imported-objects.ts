/** Section 17: what other clusters export, as Services and slices of a cluster that has no other objects. */
import { IMPORTED_FROM } from './cluster-view.ts';
import type { RawEndpointSlice, RawObject, RawService, RawServiceImport } from './kubernetes-objects.ts';

const IMPORTED_SERVICE = 'multicluster.kubernetes.io/service-name';
const SOURCE_CLUSTER = 'multicluster.kubernetes.io/source-cluster';

export function importedObjects(objects: readonly RawObject[]): RawObject[] {
  return objects.flatMap((object): RawObject[] => {
    if (object.kind === 'Namespace') return [object];
    if (object.kind === 'ServiceImport') return [serviceOf(object)];
    return object.kind === 'EndpointSlice' ? sliceOf(object) : [];
  });
}

/** Option `labels` is not about ServiceImports: this Service has every label it might ask for. */
function serviceOf({ metadata, spec }: RawServiceImport): RawService {
  const clusterIPs = spec.type === 'Headless' ? ['None'] : (spec.ips ?? []);
  const ports = spec.ports === undefined ? {} : { ports: spec.ports };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, labels: {}, isSelectedAlways: true },
    spec: { type: 'ClusterIP', clusterIPs, ...ports },
  };
}

function sliceOf(slice: RawEndpointSlice): RawEndpointSlice[] {
  const { labels = {} } = slice.metadata;
  const service = labels[IMPORTED_SERVICE];
  if (service === undefined || service === '') return [];
  const own = { ...labels, 'kubernetes.io/service-name': service, [IMPORTED_FROM]: labels[SOURCE_CLUSTER] ?? '' };
  return [{ ...slice, metadata: { ...slice.metadata, labels: own } }];
}
