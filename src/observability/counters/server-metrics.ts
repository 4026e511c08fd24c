/** The metrics of the server as a whole: what runs, what is served, what went wrong. */
import { summed, type MetricFamily, type Sample } from './metric-family.ts';
import { readUdpSockets } from './udp-sockets.ts';

/** What main counts by itself: whoever meets one of these adds to it. */
export class MainCounters {
  panics = 0;
  shardRestarts = 0;
  resolverRestarts = 0;
  manifestReloadFailures = 0;
  /** Unix time of the last good load, seconds; 0 before any */
  manifestReloadSuccessSeconds = 0;
  snapshotPublishFailures = 0;
}

/** Figures of the snapshot in the shared buffer. */
export interface SnapshotFigures {
  readonly generation: number;
  readonly nameCount: number;
  /** octets that the current snapshot uses, that old ones still hold, and that are reserved in all */
  readonly liveSize: number;
  readonly retainedSize: number;
  readonly reservedSize: number;
}

export interface ServerMetricsSources {
  readonly version: string;
  /** of the sources, '' if unknown */
  readonly revision: string;
  readonly counters: MainCounters;
  readonly snapshot: () => SnapshotFigures;
  readonly droppedLogLines: () => number;
  /** enabled plugins of each server block and view */
  readonly plugins: () => readonly {
    readonly server: string;
    readonly zone: string;
    readonly view: string;
    readonly name: string;
  }[];
  /** inodes of the shards' sockets, with a name for each that stays when a shard is replaced; empty if unknown */
  readonly sockets: () => readonly { readonly name: string; readonly inode: number }[];
}

export function serverMetrics(sources: ServerMetricsSources): readonly MetricFamily[] {
  const { counters } = sources;
  const build = { version: sources.version, revision: sources.revision, goversion: `node ${process.version}` };
  return [
    {
      name: 'coredns_build_info',
      type: 'gauge',
      help: 'Always 1. The labels say what runs; goversion is the version of the runtime.',
      labels: ['version', 'revision', 'goversion'],
      samples: () => [{ labels: build, value: 1 }],
    },
    counter('coredns_panics_total', 'Failures of the program itself that were recovered from.', () => counters.panics),
    {
      name: 'coredns_plugin_enabled',
      type: 'gauge',
      help: 'Always 1: this plugin is enabled in this server block and view.',
      labels: ['server', 'zone', 'view', 'name'],
      samples: () =>
        summed(sources.plugins().map((plugin) => ({ labels: { ...plugin }, value: 1 }))).map((sample) => ({
          ...sample,
          value: 1,
        })),
    },
    ...snapshotMetrics(sources.snapshot),
    counter(
      'skyshard_snapshot_publish_failures_total',
      'Changes that could not be published: the last good snapshot stayed.',
      () => counters.snapshotPublishFailures,
    ),
    counter('skyshard_shard_restarts_total', 'Shards that ended and were replaced.', () => counters.shardRestarts),
    counter(
      'skyshard_resolver_restarts_total',
      'Resolvers that ended and were replaced: clients over TCP had to connect again.',
      () => counters.resolverRestarts,
    ),
    counter(
      'skyshard_manifest_reload_failures_total',
      'Changes of manifests that were wrong: the last good state stayed.',
      () => counters.manifestReloadFailures,
    ),
    {
      name: 'skyshard_manifest_last_reload_success_timestamp_seconds',
      type: 'gauge',
      help: 'When manifests were loaded last without a fault, Unix time.',
      labels: [],
      samples: () => [{ labels: {}, value: counters.manifestReloadSuccessSeconds }],
    },
    counter('skyshard_log_lines_dropped_total', 'Log lines that nobody took in time.', sources.droppedLogLines),
  ];
}

function snapshotMetrics(snapshot: ServerMetricsSources['snapshot']): readonly MetricFamily[] {
  return [
    {
      name: 'skyshard_snapshot_generation',
      type: 'gauge',
      help: 'Number of the snapshot that is served; counts up, and wraps at 2^32.',
      labels: [],
      samples: () => [{ labels: {}, value: snapshot().generation }],
    },
    {
      name: 'skyshard_snapshot_bytes',
      type: 'gauge',
      help: 'Shared memory: live in the current snapshot, retained for readers of older ones, reserved in all.',
      labels: ['state'],
      samples: () => {
        const { liveSize, retainedSize, reservedSize } = snapshot();
        return [
          { labels: { state: 'live' }, value: liveSize },
          { labels: { state: 'retained' }, value: retainedSize },
          { labels: { state: 'reserved' }, value: reservedSize },
        ];
      },
    },
    {
      name: 'skyshard_snapshot_names',
      type: 'gauge',
      help: 'Names in the current snapshot.',
      labels: [],
      samples: () => [{ labels: {}, value: snapshot().nameCount }],
    },
  ];
}

/** What the kernel says of the shards' sockets: read once for both metrics of a page, hence one function for the two. */
export async function socketMetrics(sockets: ServerMetricsSources['sockets']): Promise<readonly MetricFamily[]> {
  const named = sockets();
  const figures = new Map((named.length === 0 ? [] : await readUdpSockets()).map((socket) => [socket.inode, socket]));
  const found = named.flatMap(({ name, inode }) => {
    const socket = figures.get(inode);
    return socket === undefined ? [] : [{ name, socket }];
  });
  const samplesOf = (read: (socket: NonNullable<ReturnType<typeof figures.get>>) => number) => (): readonly Sample[] =>
    found.map(({ name, socket }) => ({ labels: { socket: name }, value: read(socket) }));
  return [
    {
      name: 'skyshard_udp_socket_drops_total',
      type: 'counter',
      help: 'Datagrams that the kernel dropped because the queue of the socket was full.',
      labels: ['socket'],
      samples: samplesOf(({ dropCount }) => dropCount),
    },
    {
      name: 'skyshard_udp_socket_receive_queue_bytes',
      type: 'gauge',
      help: 'Octets that wait in the queue of the socket.',
      labels: ['socket'],
      samples: samplesOf(({ receiveQueueSize }) => receiveQueueSize),
    },
  ];
}

function counter(name: string, help: string, read: () => number): MetricFamily {
  return { name, type: 'counter', help, labels: [], samples: () => [{ labels: {}, value: read() }] };
}
