/** What a server is made of, as a Corefile says it. */
import type { ErrorLogBlock } from '../../observability/queries/error-log.ts';
import type { HealthBlock } from '../../observability/endpoints/health-endpoint.ts';
import type { ListenAddress } from '../../observability/endpoints/listener-set.ts';
import type { QueryLogBlock } from '../../observability/queries/query-log.ts';
import type { ReadyBlock } from '../../observability/endpoints/ready-endpoint.ts';
import type { MetricScope } from '../../observability/counters/shard-counters.ts';
import type { ReloadOptions } from '../../plugins/reload/parse.ts';
import type { HostsOptions } from '../../plugins/hosts/parse.ts';
import type { NotifiedZone } from '../../transfer/notifier.ts';
import type { SnapshotConfig } from '../../snapshot/config-description.ts';
import type { ObjectKind } from '../../kubernetes/object-sink.ts';
import type { KubernetesApiOptions } from '../../apiserver/api-options.ts';
import type { RecordOptions } from '../../records/record-options.ts';
import type { InstanceOptions } from '../objects/record-instance.ts';
import type { PlannedListener } from './listener-table.ts';

export interface ServerPlan {
  readonly addresses: readonly PlannedListener[];
  /** by index; what never entered a chain first */
  readonly scopes: readonly MetricScope[];
  readonly config: SnapshotConfig;
  readonly records: readonly RecordPlan[];
  readonly hosts: readonly { readonly dataset: number; readonly options: HostsOptions }[];
  readonly zones: readonly PlannedZone[];
  readonly secondaries: readonly PlannedSecondary[];
  /** what the Corefile says beside answering */
  readonly services: ServicesPlan;
  /** series of coredns_plugin_enabled */
  readonly enabledPlugins: readonly (MetricScope & { readonly name: string })[];
  /** datasets that steps name: 0 … datasetCount - 1 */
  readonly datasetCount: number;
  /** SHA-512 of what the Corefile says */
  readonly hash: string;
  /** what it depends on beside its text: addresses of interfaces and of upstreams by host name, weights; another is another configuration */
  readonly surroundings: string;
  /** the groups of upstreams that its routes name */
  readonly forwardGroups: HeldGroups;
  /** how often the Corefile is looked at; undefined: never */
  readonly reload: ReloadOptions | undefined;
  /** for the operator, at start */
  readonly warnings: readonly string[];
}

/** Groups of upstreams that are kept for a plan. */
export interface HeldGroups {
  /** by which steps name them */
  readonly numbers: readonly number[];
  /** When nothing that is published names them for this plan. */
  release(): void;
  /** What is published goes on naming them, nobody knows for how long. */
  keep(): void;
}

/** One `kubernetes` instance. */
export interface RecordPlan extends InstanceOptions {
  readonly selection: ObjectSelection;
  /** how long the start waits for the first lists */
  readonly startupTimeoutMs: number;
}

/** A zone that is read from a file. */
export interface PlannedZone {
  readonly dataset: number;
  readonly plugin: 'file' | 'auto';
  /** canonical name */
  readonly origin: string;
  /** absolute */
  readonly file: string;
  /** how often the file is looked at; 0: never again */
  readonly reloadMs: number;
  /** a later time of the file is enough, the serial need not change */
  readonly reloadsByTime: boolean;
}

/** Which objects an instance is made from. */
export interface ObjectSelection {
  /** the API server, unless manifests take its place */
  readonly api: KubernetesApiOptions;
  /** label selector on Services, slices and Pods; undefined: all count */
  readonly labels: string | undefined;
  /** label selector on Namespaces; undefined: all count */
  readonly namespaceLabels: string | undefined;
  readonly kinds: readonly ObjectKind[];
}

/** The objects that records of these options are made from. */
export function kindsOf(options: RecordOptions): ObjectKind[] {
  const kinds: ObjectKind[] = ['Namespace', 'Service'];
  // Slices of other clusters are not meant by `noendpoints`.
  if (!options.noEndpoints || options.multiclusterZones.length > 0) kinds.push('EndpointSlice');
  if (options.pods === 'verified' || options.clientIndex) kinds.push('Pod');
  if (options.multiclusterZones.length > 0) kinds.push('ServiceImport');
  return kinds;
}

/** Probes, metrics and lines of the server blocks. */
export interface ServicesPlan {
  readonly health: readonly HealthBlock[];
  /** `datasets`: those of the block's kubernetes */
  readonly ready: readonly (Omit<ReadyBlock, 'sources'> & { readonly datasets: readonly number[] })[];
  /** zones of `transfer`, and who is told of their changes */
  readonly notified: readonly NotifiedZone[];
  /** addresses of `prometheus`, without duplicates */
  readonly metrics: readonly ListenAddress[];
  /** by metric scope; undefined where the block has no `log` */
  readonly queryLog: readonly (QueryLogBlock | undefined)[];
  /** a bug is reported with where it is (`errors { stacktrace }` in any block) */
  readonly hasStacktrace: boolean;
  /** by metric scope; undefined where the block has no `errors` */
  readonly errorLog: readonly (ErrorLogBlock | undefined)[];
}

/** A zone that is transferred in. */
export interface PlannedSecondary {
  readonly dataset: number;
  /** names the server block */
  readonly block: string;
  /** the keys of the block, for people */
  readonly blockKeys: string;
  /** canonical name */
  readonly origin: string;
  /** in the order in which they are asked */
  readonly primaries: readonly { readonly address: string; readonly port: number }[];
  /** of a zone that a catalog lists: the label it has there */
  readonly memberId: string | null;
  /** it lists other zones: those at or below these names; empty: any */
  readonly isCatalog: boolean;
  readonly memberZones: readonly string[];
}
