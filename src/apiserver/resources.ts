/**
 * What skyshard reads of the Kubernetes API: one table for the requests, the messages and the ClusterRole of the manifests
 * in deploy/.
 */
import type { ObjectKind } from '../kubernetes/object-sink.ts';

export interface ApiResource {
  /** '' for the core group */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly verbs: readonly ['list', 'watch'];
  /** which option of `kubernetes` selects among the objects, by their labels */
  readonly selector: 'labels' | 'namespaceLabels';
  readonly fieldSelector: string;
  /** comes with a CustomResourceDefinition, so a cluster may be without it */
  readonly isCustom: boolean;
}

const VERBS = ['list', 'watch'] as const;

export const API_RESOURCES: Readonly<Record<ObjectKind, ApiResource>> = {
  Service: {
    group: '',
    version: 'v1',
    plural: 'services',
    verbs: VERBS,
    selector: 'labels',
    fieldSelector: '',
    isCustom: false,
  },
  Namespace: {
    group: '',
    version: 'v1',
    plural: 'namespaces',
    verbs: VERBS,
    selector: 'namespaceLabels',
    fieldSelector: '',
    isCustom: false,
  },
  Pod: {
    group: '',
    version: 'v1',
    plural: 'pods',
    verbs: VERBS,
    selector: 'labels',
    // A pod that has ended has given its address back.
    fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown',
    isCustom: false,
  },
  EndpointSlice: {
    group: 'discovery.k8s.io',
    version: 'v1',
    plural: 'endpointslices',
    verbs: VERBS,
    selector: 'labels',
    fieldSelector: '',
    isCustom: false,
  },
  ServiceImport: {
    group: 'multicluster.x-k8s.io',
    version: 'v1alpha1',
    plural: 'serviceimports',
    verbs: VERBS,
    // CoreDNS selects them by `namespace_labels` too, by the labels of the import itself.
    selector: 'namespaceLabels',
    fieldSelector: '',
    isCustom: true,
  },
};

/** Path of all objects of the resource, in every namespace. */
export function resourcePath({ group, version, plural }: ApiResource): string {
  return group === '' ? `/api/${version}/${plural}` : `/apis/${group}/${version}/${plural}`;
}

/** `endpointslices.discovery.k8s.io`, as `kubectl auth can-i` takes it. */
export function resourceName({ group, plural }: ApiResource): string {
  return group === '' ? plural : `${plural}.${group}`;
}

/** The rule of a ClusterRole without which the resource cannot be read. */
export function clusterRoleRule({ group, plural, verbs }: ApiResource): string {
  const words = verbs.map((verb) => JSON.stringify(verb)).join(', ');
  return `apiGroups: [${JSON.stringify(group)}], resources: [${JSON.stringify(plural)}], verbs: [${words}]`;
}
