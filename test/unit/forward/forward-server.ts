/** Shards that forward, with a snapshot of their own, for tests over real sockets. */
import type { TestContext } from 'node:test';
import { createForwardBuffer } from '../../../src/forward/forward-buffer.ts';
import { ForwardGroupTable } from '../../../src/forward/group-table.ts';
import { DEFAULT_FORWARD_GROUP, type ForwardGroup } from '../../../src/forward/forward-group.ts';
import { createHandoffBuffer } from '../../../src/forward/handoff-ring.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { GracePeriod } from '../../../src/memory/grace-period.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { decodeObjects } from '../../../src/kubernetes/decode.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { HandoffService } from '../../../src/resolver/handoff-service.ts';
import { StreamForwarder } from '../../../src/resolver/stream-forwarder.ts';
import { compileRewrite } from '../../../src/server/compile/steps/rewrite.ts';
import { ShardSupervisor } from '../../../src/server/threads/shard-supervisor.ts';
import type { AnswerWorkData } from '../../../src/shard/answer-work.ts';
import type { Transport } from '../../../src/shard/shard-options.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import {
  DEFAULT_POLICY,
  type PolicyDescription,
  type RewriteStep,
  type RouteDescription,
} from '../../../src/snapshot/config-description.ts';
import { buildQuery, type QuerySpec } from '../../wire/query.ts';
import { decodeStrictly, type DecodedMessage } from '../../wire/strict-message.ts';
import { nameToWire, parseName } from '../../wire/names.ts';
import { readPlugin } from '../plugins/corefile-fixture.ts';
import { EchoClient } from '../shard/shard-fixture.ts';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';

export interface ForwardServerOptions {
  readonly transport: Transport;
  /** of `.`, in order; the first is asked */
  readonly groups: readonly (Partial<ForwardGroup> & Pick<ForwardGroup, 'upstreams'>)[];
  readonly policy?: Partial<PolicyDescription>;
  readonly shards?: number;
  readonly address?: string;
  /** `rewrite` before it, as written in a Corefile */
  readonly rewrite?: string;
  /** from createQueryEventBuffer */
  readonly eventBuffer?: SharedArrayBuffer;
  /** of cluster.local and, as `k8s_external` shows them, of outside.test */
  readonly objects?: readonly RawObject[];
  /** upstreams are asked over streams too, on the mmsg transport by this thread */
  readonly hasStreams?: boolean;
}

export interface ForwardServer {
  readonly client: EchoClient;
  readonly port: number;
  readonly supervisor: ShardSupervisor;
  readonly forwardBuffer: SharedArrayBuffer;
  readonly counterBuffer: SharedArrayBuffer;
  readonly table: ForwardGroupTable;
  /** From now on `.` is asked of another group. @param group  its number */
  publish(group: number): void;
  readonly lines: string[];
  ask(spec: QuerySpec): Promise<DecodedMessage>;
}

export const SCOPE = 1;

function rewriteSteps(text: string | undefined, routes: readonly RouteDescription[]): readonly RewriteStep[] {
  if (text === undefined) return [];
  return [{ kind: 'rewrite', ...compileRewrite(readPlugin('rewrite', text)), rest: routes }];
}

export async function startForwardServer(t: TestContext, options: ForwardServerOptions): Promise<ForwardServer> {
  const buffer = reserveSharedBuffer({ sizeMax: 4 << 20 });
  const builder = new SnapshotBuilder(buffer);
  const shards = options.shards ?? 1;
  const forwardBuffer = createForwardBuffer(shards + 1);
  const table = new ForwardGroupTable(forwardBuffer);
  t.after(() => table.close());
  table.grace = new GracePeriod(buffer, -1);
  const groups = options.groups.map((group) => table.hold({ ...DEFAULT_FORWARD_GROUP, ...group }));
  const policy = { ...DEFAULT_POLICY, isShuffled: false, ...options.policy };
  const zone = nameToWire(parseName('cluster.local'));
  const kubernetes = {
    kind: 'kubernetes' as const,
    dataset: 0,
    ttlSeconds: 5,
    isPodsInsecure: false,
    isZonal: false,
    primary: zone,
  };
  const external = {
    kind: 'external' as const,
    zone: nameToWire(parseName('outside.test')),
    dataset: 0,
    ttlSeconds: 5,
    primary: nameToWire(parseName('outside.test')),
    apex: nameToWire(parseName('dns')).subarray(0, -1),
  };
  const root = nameToWire(parseName('.'));
  const configure = (group: number): void => {
    const rest = { zone: root, scope: SCOPE, policy, steps: [{ kind: 'forward' as const, group }] };
    builder.setConfig({
      listeners: [
        {
          id: 0,
          routes: [
            { zone: root, scope: SCOPE, policy, steps: [...rewriteSteps(options.rewrite, [rest]), ...rest.steps] },
            { zone, scope: SCOPE, policy, steps: [kubernetes] },
            { zone: external.zone, scope: SCOPE, policy: { ...policy, isComposed: true }, steps: [external] },
          ],
        },
      ],
    });
  };
  configure(groups[0]!);
  const recordOptions = {
    ...DEFAULT_RECORD_OPTIONS,
    zones: ['cluster.local'],
    external: { zones: ['outside.test'], ttlSeconds: 5, apex: 'dns', hasHeadless: false },
  };
  const records = new ClusterRecords(recordOptions, builder.dataset(0));
  records.apply(
    (options.objects ?? []).flatMap((object) =>
      decodeObjects(object, {}).map((decoded) => ({ op: 'put' as const, object: decoded })),
    ),
  );
  builder.dataset(0).setSynced(true);
  builder.publish(1);
  const counterBuffer = createCounterBuffer(shards + 1, 2);
  const isHandedOver = options.hasStreams === true && options.transport === 'mmsg';
  const workData: AnswerWorkData = {
    buffer,
    counterBuffer,
    scopeCount: 2,
    cookieSecret: new Uint8Array(16),
    firstSnapshotMaxMs: 5_000,
    forwardBuffer,
    eventBuffer: options.eventBuffer,
    ...(isHandedOver && { handoffBuffer: createHandoffBuffer(shards) }),
  };
  const lines: string[] = [];
  if (isHandedOver) carryStreams(t, workData, shards, lines);
  const supervisor = new ShardSupervisor({
    transport: options.transport,
    plan: { count: shards, isPinned: false, cpus: [], reason: '' },
    listeners: [{ listener: 0, address: options.address ?? '127.0.0.1', port: 0 }],
    workModule: new URL('../../../src/shard/answer-work.ts', import.meta.url).href,
    workData,
    claimReaderSlot: (shard) => builder.epochs.claimSlot(shard + 1),
    onShardGone: (slot) => builder.epochs.releaseSlot(slot),
    log: (level, text) => lines.push(`${level} ${text}`),
  });
  t.after(() => supervisor.stop());
  await supervisor.start();
  const port = supervisor.listeners[0]!.port;
  const client = await EchoClient.open(t);
  const ask = async (spec: QuerySpec): Promise<DecodedMessage> => {
    const { message } = await client.ask(Buffer.from(buildQuery(spec)), port, '127.0.0.1');
    return decodeStrictly(message);
  };
  const publish = (group: number): void => {
    configure(group);
    builder.publish(1);
    builder.epochs.reclaim();
  };
  return { client, port, supervisor, forwardBuffer, counterBuffer, table, publish, lines, ask };
}

/** What the resolver does for shards without an event loop. */
function carryStreams(t: TestContext, workData: AnswerWorkData, shards: number, lines: string[]): void {
  const carrier = new StreamForwarder({
    buffer: workData.forwardBuffer!,
    shard: shards,
    counters: createShardCounters(workData.counterBuffer, 2, shards),
    asksForOthers: true,
    log: (text) => lines.push(text),
  });
  carrier.start({ currentToken: 0, respond: () => false });
  const onDropped = (): void => void lines.push('a reply was dropped');
  const handoff = new HandoffService({ buffer: workData.handoffBuffer!, carrier, onDropped });
  void handoff.run();
  t.after(() => {
    handoff.close();
    carrier.close();
  });
}
