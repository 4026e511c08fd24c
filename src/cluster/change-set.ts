/** What changed since the records were last written: names of things and what has to be looked at again. */
import type { NamedPort } from '../kubernetes/objects.ts';
import type { Address } from './address.ts';
import type { Externals } from './externals.ts';

export type ServiceType = 'ClusterIP' | 'Headless' | 'ExternalName';

/** What a Service's own names (not its endpoints') depend on, as far as names may have to be removed. */
export interface ServiceSummary {
  /** undefined: there is no such Service, or its Namespace is missing or not exposed */
  readonly type: ServiceType | undefined;
  /** sorted, without duplicates */
  readonly clusterIPs: readonly Address[];
  /** of the Service; if it is headless, of the slices that have endpoints. May hold one several times. */
  readonly ports: readonly NamedPort[];
  /** of the Service, also if it is headless */
  readonly ownPorts: readonly NamedPort[];
  /** where it is reached from outside; nothing if that is not kept */
  readonly externals: Externals;
  /** of the endpoints, sorted, without duplicates and without '' */
  readonly zones: readonly string[];
}

export class ServiceChange {
  readonly namespace: string;
  readonly name: string;
  /** as it was before the first of the changes */
  readonly before: ServiceSummary;
  /** the Service, its Namespace or, if it is headless, its endpoints changed: its own names may have */
  isOwnTouched = false;
  /** endpoint labels (binary text, or `importedLabel`) that were added, removed or changed */
  readonly labels = new Set<string>();
  /** endpoint addresses that were added, removed or whose labels changed */
  readonly addresses = new Set<Address>();

  constructor(namespace: string, name: string, before: ServiceSummary) {
    this.namespace = namespace;
    this.name = name;
    this.before = before;
  }

  /** An endpoint comes, goes or changes. */
  touch(label: string, address: Address): void {
    this.labels.add(label);
    this.addresses.add(address);
  }
}

export class ChangeSet {
  /** by `namespace/name` */
  readonly services = new Map<string, ServiceChange>();
  /** Namespaces that may have come, gone, or changed exposure */
  readonly namespaces = new Set<string>();
  /** per namespace the labels of pod addresses that may have come or gone */
  readonly podLabels = new Map<string, Set<string>>();
  /** addresses of pods that may have come, gone or gone over to another pod */
  readonly clients = new Set<Address>();
  /** number of endpoints and pods touched: what the set costs in memory, about 100 octets each */
  size = 0;
}

/** Stands between the parts of an endpoint's label: no part of a name has it. */
export const PART_SEPARATOR = '\0';

/** What an endpoint of an imported slice is known by among those of a Service; binary text. Others: by their label. */
export function importedLabel(label: string, cluster: string): string {
  return label + PART_SEPARATOR + cluster;
}

/** The labels of the endpoint's name that stand before the Service's: its own and, if it is imported, the cluster's. */
export function partsOfLabel(label: string): string[] {
  return label.split(PART_SEPARATOR);
}
