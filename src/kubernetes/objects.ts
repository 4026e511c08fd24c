/**
 * Kubernetes objects, trimmed to the fields DNS needs as they are decoded. Every extra field would cost memory in every
 * large cluster. Strings are as in the API; what compares without letter case is lower-cased here: names, namespaces,
 * hostnames, zones.
 */

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * `protocol` is upper-case: TCP, UDP, SCTP. `name` is lower-cased, '' if the port has none. `port` is 0 where a slice's
 * port stands for all of them: it has no SRV record.
 */
export interface NamedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

export interface Service extends ObjectName {
  readonly kind: 'Service';
  /** ExternalName: `externalName` counts. Headless: `clusterIPs` is ['None']. */
  readonly type: 'ClusterIP' | 'ExternalName';
  /** spec.clusterIPs, or [spec.clusterIP] where the list is empty; without '' entries; ['None'] if headless */
  readonly clusterIPs: readonly string[];
  readonly externalName: string;
  /** whatever the type: spec.externalIPs, then of each status.loadBalancer.ingress its ip, else its hostname */
  readonly externalIPs: readonly string[];
  readonly ports: readonly NamedPort[];
}

export interface Endpoint {
  readonly addresses: readonly string[];
  /** '' if none */
  readonly hostname: string;
  /** targetRef.name, '' if none or 64 characters and longer */
  readonly targetName: string;
  /** lower-cased, '' if none */
  readonly zone: string;
}

export interface EndpointSlice extends ObjectName {
  readonly kind: 'EndpointSlice';
  /** label kubernetes.io/service-name: the Service of this cluster, '' if it belongs to none */
  readonly service: string;
  /**
   * label multicluster.kubernetes.io/service-name: the ServiceImport, '' if it belongs to none. Slices with neither
   * label are not decoded.
   */
  readonly importedService: string;
  /** label multicluster.kubernetes.io/source-cluster, '' if none */
  readonly sourceCluster: string;
  /** annotation endpoints.kubernetes.io/last-change-trigger-time, Unix time in ms; 0 if there is none or it is no time */
  readonly triggerTimeMs: number;
  readonly ports: readonly NamedPort[];
  /** endpoints that are served: ready true or absent */
  readonly endpoints: readonly Endpoint[];
}

export interface Namespace {
  readonly kind: 'Namespace';
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Pod extends ObjectName {
  readonly kind: 'Pod';
  readonly podIPs: readonly string[];
  /** not given: none */
  readonly labels?: Readonly<Record<string, string>>;
  /** it has the addresses of its node, as others may */
  readonly isHostNetwork: boolean;
  /** deletionTimestamp is set: it is not taken in any more, but stays until it is deleted if it was known before */
  readonly isTerminating: boolean;
}

/** A Service that other clusters export (multicluster.x-k8s.io). Headless: endpoints count, `ips` is empty. */
export interface ServiceImport extends ObjectName {
  readonly kind: 'ServiceImport';
  readonly type: 'ClusterSetIP' | 'Headless';
  readonly ips: readonly string[];
  readonly ports: readonly NamedPort[];
}

export type ClusterObject = Service | EndpointSlice | Namespace | Pod | ServiceImport;

/** One event of a source of objects: manifests or the API server's watches. */
export type ObjectChange =
  | { readonly op: 'put'; readonly object: ClusterObject }
  | { readonly op: 'delete'; readonly kind: ClusterObject['kind']; readonly namespace: string; readonly name: string };
