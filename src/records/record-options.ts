/** The options of the `kubernetes` plugin that change data, typed. The Corefile fills them; see kubernetes options there. */
export interface RecordOptions {
  /** zones served, presentation form, lower-cased, without trailing dot; the first that is no reverse zone is primary */
  readonly zones: readonly string[];
  /** TTL of records, seconds, 0 … 3600 */
  readonly ttlSeconds: number;
  readonly pods: 'disabled' | 'insecure' | 'verified';
  readonly endpointPodNames: boolean;
  readonly noEndpoints: boolean;
  readonly ignoreEmptyService: boolean;
  readonly zonal: boolean;
  /** exposed namespaces (lower-cased); undefined: all */
  readonly namespaces: readonly string[] | undefined;
  /** label selector on Namespaces; undefined: all */
  readonly namespaceLabels: string | undefined;
  /** label selector on Services, Pods and EndpointSlices, applied where objects are decoded; undefined: all */
  readonly labels: string | undefined;
  /** those of `zones` that show what other clusters export (ServiceImports) */
  readonly multiclusterZones: readonly string[];
  /** zones with the names that Services have outside the cluster; undefined: none */
  readonly external: ExternalOptions | undefined;
  /** which pod an address belongs to is kept, for those who look at where a query comes from: pods are watched */
  readonly clientIndex: boolean;
  /** keys of the labels of pods that are kept with it */
  readonly clientLabels: readonly string[];
  /** addresses this server answers on, for the NS records: text form */
  readonly localAddresses: readonly string[];
}

/** The options of `k8s_external`. */
export interface ExternalOptions {
  /** as in RecordOptions; PTR records point into the first that is no reverse zone */
  readonly zones: readonly string[];
  /** TTL of records, seconds */
  readonly ttlSeconds: number;
  /** name below each zone that its name server is below: `ns1.APEX` */
  readonly apex: string;
  /** headless Services without external addresses are answered with their endpoints */
  readonly hasHeadless: boolean;
}

/** The built-in default: the shape of kubeadm's Corefile. */
export const DEFAULT_RECORD_OPTIONS: RecordOptions = {
  zones: ['cluster.local', 'in-addr.arpa', 'ip6.arpa'],
  ttlSeconds: 30,
  pods: 'insecure',
  endpointPodNames: false,
  noEndpoints: false,
  ignoreEmptyService: false,
  zonal: false,
  namespaces: undefined,
  namespaceLabels: undefined,
  labels: undefined,
  multiclusterZones: [],
  external: undefined,
  clientIndex: false,
  clientLabels: [],
  localAddresses: [],
};
