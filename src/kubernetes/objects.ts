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
  /** label kubernetes.io/service-name; slices without it are not decoded */
  readonly service: string;
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
}

export type ClusterObject = Service | EndpointSlice | Namespace | Pod;

/** One event of a source of objects: manifests now, the API server's watches later. */
export type ObjectChange =
  | { readonly op: 'put'; readonly object: ClusterObject }
  | { readonly op: 'delete'; readonly kind: ClusterObject['kind']; readonly namespace: string; readonly name: string };
