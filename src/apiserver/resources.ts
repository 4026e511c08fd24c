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
  /** one object is read, and no others */
  readonly only?: { readonly namespace: string; readonly name: string };
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

/** A ConfigMap of a name; who may read it needs no right to any other. */
export function configMapResource(namespace: string, name: string): ApiResource {
  return {
    group: '',
    version: 'v1',
    plural: 'configmaps',
    verbs: VERBS,
    selector: 'labels',
    // Also what a rule with resourceNames asks for.
    fieldSelector: `metadata.name=${name}`,
    isCustom: false,
    only: { namespace, name },
  };
}

/** Path of all objects of the resource, in every namespace or in the one that is meant. */
export function resourcePath({ group, version, plural, only }: ApiResource): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return only === undefined ? `${root}/${plural}` : `${root}/namespaces/${only.namespace}/${plural}`;
}

/** `endpointslices.discovery.k8s.io`, as `kubectl auth can-i` takes it. */
export function resourceName({ group, plural }: ApiResource): string {
  return group === '' ? plural : `${plural}.${group}`;
}

/** The rule without which the resource cannot be read, and where it is to stand. */
export function missingRule({ group, plural, verbs, only }: ApiResource): string {
  const words = verbs.map((verb) => JSON.stringify(verb)).join(', ');
  const [where, names] =
    only === undefined
      ? ['the ClusterRole', '']
      : [`a Role in namespace ${only.namespace}`, `resourceNames: [${JSON.stringify(only.name)}], `];
  return `${where}: apiGroups: [${JSON.stringify(group)}], resources: [${JSON.stringify(plural)}], ${names}verbs: [${words}]`;
}
