/** What a server is made of, whoever says so: the command line with the built-in configuration, or a Corefile. */
import type { MetricScope } from '../observability/shard-counters.ts';
import type { ForwardStanza } from '../plugins/forward/parse.ts';
import type { HostsOptions } from '../plugins/hosts/parse.ts';
import type { SnapshotConfig } from '../snapshot/config-writer.ts';
import type { RecordInstance } from './record-publisher.ts';
import type { ListenerAddress } from './shard-sockets.ts';

export interface ServerPlan {
  readonly addresses: readonly ListenerAddress[];
  /** by index; what never entered a chain first */
  readonly scopes: readonly MetricScope[];
  readonly config: SnapshotConfig;
  readonly records: readonly RecordInstance[];
  /** label selector on objects; undefined: all count */
  readonly labels: string | undefined;
  readonly hosts: readonly { readonly dataset: number; readonly options: HostsOptions }[];
  /** stanzas by the index that forward steps name */
  readonly forwards: readonly ForwardStanza[];
  /** for the operator, at start */
  readonly warnings: readonly string[];
}
