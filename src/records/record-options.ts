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
  /** addresses this server answers on, for the NS records: text form */
  readonly localAddresses: readonly string[];
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
  localAddresses: [],
};
