/** Objects of the table of cases, which hold what DNS looks at, as an API server wants them: whole. */
import type { RawEndpointSlice, RawObject, RawPod, RawService } from '../oracle/kubernetes-objects.ts';

/** The Node that Pods are bound to: the EndpointSlice controller passes over Pods of a Node that is not there. */
export const NODE_NAME = 'skyshard-test-node';

type Json = Readonly<Record<string, unknown>>;

export interface ApiForm {
  /** for `kubectl apply` */
  readonly object: Json;
  /** for the subresource `status`, which `apply` does not write */
  readonly status: Json | undefined;
  /** a finalizer holds the object: after it is deleted it stays, and ends */
  readonly isEnding: boolean;
}

export function apiForm(raw: RawObject): ApiForm {
  switch (raw.kind) {
    case 'Pod':
      return podForm(raw);
    case 'Service':
      return { object: serviceForm(raw), status: serviceStatus(raw), isEnding: false };
    case 'EndpointSlice':
      return { object: sliceForm(raw), status: undefined, isEnding: false };
    case 'Namespace':
    case 'ServiceImport':
      return { object: { ...raw }, status: undefined, isEnding: false };
  }
}

function serviceForm(raw: RawService): Json {
  const ips = (raw.spec.clusterIPs ?? []).filter((ip) => ip !== 'None');
  const families = ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'));
  const ipFields =
    families.length === 0
      ? {}
      : { ipFamilies: families, ipFamilyPolicy: families.length === 2 ? 'RequireDualStack' : 'SingleStack' };
  const externalName = raw.spec.externalName?.toLowerCase();
  const { status: _, ...object } = raw;
  return { ...object, spec: { ...raw.spec, ...ipFields, ...(externalName === undefined ? {} : { externalName }) } };
}

function serviceStatus({ apiVersion, kind, metadata, status }: RawService): Json | undefined {
  if (status === undefined) return undefined;
  const ingress = (status.loadBalancer?.ingress ?? []).map((one) =>
    one.hostname === undefined ? one : { ...one, hostname: one.hostname.toLowerCase() },
  );
  const { name, namespace } = metadata;
  return { apiVersion, kind, metadata: { name, namespace }, status: { loadBalancer: { ingress } } };
}

/** Upper-case letters are not taken in host names. */
function sliceForm(raw: RawEndpointSlice): Json {
  const endpoints = raw.endpoints.map((endpoint) =>
    endpoint.hostname === undefined ? endpoint : { ...endpoint, hostname: endpoint.hostname.toLowerCase() },
  );
  return { ...raw, endpoints };
}

function podForm(raw: RawPod): ApiForm {
  const isEnding = raw.metadata.deletionTimestamp !== undefined;
  const { deletionTimestamp: _, ...metadata } = raw.metadata;
  const head = { apiVersion: raw.apiVersion, kind: raw.kind };
  return {
    object: {
      ...head,
      metadata: isEnding ? { ...metadata, finalizers: ['skyshard.test/hold'] } : metadata,
      spec: {
        nodeName: NODE_NAME,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: 'none' }],
      },
    },
    status: { ...head, metadata: { name: metadata.name, namespace: metadata.namespace }, status: raw.status },
    isEnding,
  };
}
