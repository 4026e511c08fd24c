/** Objects → decoder → cluster state → records → snapshot: one shared buffer that can be filled anew. */
import { decodeObjects } from '../../src/kubernetes/decode.ts';
import { parseLabelSelector } from '../../src/kubernetes/label-selector.ts';
import type { ClusterObject, ObjectChange } from '../../src/kubernetes/objects.ts';
import { reserveSharedBuffer } from '../../src/memory/shared-buffer.ts';
import { ClusterRecords } from '../../src/records/cluster-records.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { SnapshotBuilder } from '../../src/snapshot/builder.ts';
import { DEFAULT_POLICY } from '../../src/snapshot/config-description.ts';
import type { PolicyDescription, RouteDescription, SnapshotConfig } from '../../src/snapshot/config-description.ts';
import { lowerAscii, nameToWire, parseName } from '../wire/names.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import type { RawChange } from './subject.ts';

const BUFFER_SIZE = 4 << 20;
const SERIAL = 1_700_000_000;
const DATASET = 0;

/** The listener id that the configuration speaks of, and the one metric scope. */
export const LISTENER = 0;
export const SCOPE = 1;
export const SCOPE_COUNT = 2;

export interface SnapshotSourceOptions {
  readonly hashSeed?: number;
  /** what differs from DEFAULT_POLICY */
  readonly policy?: Partial<PolicyDescription>;
}

export class SnapshotSource {
  readonly buffer: SharedArrayBuffer;
  readonly builder: SnapshotBuilder;
  #records: ClusterRecords | undefined;
  #options: RecordOptions | undefined;
  readonly #policy: PolicyDescription;

  constructor({ hashSeed, policy }: SnapshotSourceOptions = {}) {
    this.buffer = reserveSharedBuffer({ sizeMax: BUFFER_SIZE, ...(hashSeed === undefined ? {} : { hashSeed }) });
    this.builder = new SnapshotBuilder(this.buffer);
    this.#policy = { ...DEFAULT_POLICY, ...policy };
  }

  /** Publish a snapshot of these objects and no others. */
  load(objects: readonly RawObject[], options: RecordOptions): void {
    this.#options = options;
    this.builder.dropDatasets(DATASET);
    this.builder.setConfig(configOf(options, this.#policy));
    this.#records = new ClusterRecords(options, this.builder.dataset(DATASET));
    this.builder.dataset(DATASET).setSynced(true);
    this.change(objects.map((object) => ({ op: 'put', object })));
  }

  /** Publish the objects as they are after a set of changes. */
  change(changes: readonly RawChange[]): void {
    this.#records!.apply(changes.flatMap((change) => this.#decode(change)));
    this.builder.publish(SERIAL);
  }

  #decode({ op, object }: RawChange): ObjectChange[] {
    const selector = this.#options!.labels;
    const decoded = decodeObjects(object, selector === undefined ? {} : { labels: parseLabelSelector(selector) });
    // What no longer counts for DNS after a change is gone.
    if (op === 'put' && decoded.length > 0) return decoded.map((put: ClusterObject) => ({ op: 'put', object: put }));
    const space = object.kind === 'Namespace' ? '' : (object.metadata.namespace ?? 'default');
    return [{ op: 'delete', kind: object.kind, namespace: space, name: object.metadata.name }];
  }
}

function configOf(options: RecordOptions, policy: PolicyDescription): SnapshotConfig {
  const isReverse = (zone: string) => /(^|\.)(in-addr|ip6)\.arpa$/.test(zone);
  const primary = options.zones.find((zone) => !isReverse(zone)) ?? '';
  const routes = options.zones.map((zone) => ({
    zone: nameToWire(parseName(lowerAscii(zone))),
    scope: SCOPE,
    policy,
    steps: [
      {
        kind: 'kubernetes' as const,
        dataset: DATASET,
        ttlSeconds: options.ttlSeconds,
        isPodsInsecure: options.pods === 'insecure',
        isZonal: options.zonal,
        isClusterset: options.multiclusterZones.includes(zone),
        primary: nameToWire(parseName(primary)),
      },
    ],
  }));
  return { listeners: [{ id: LISTENER, routes: [...routes, ...externalRoutes(options, policy)] }] };
}

function externalRoutes({ external, ttlSeconds }: RecordOptions, policy: PolicyDescription): RouteDescription[] {
  if (external === undefined) return [];
  const wireOf = (zone: string) => nameToWire(parseName(lowerAscii(zone)));
  const primary = wireOf(external.zones.find((zone) => !zone.endsWith('.arpa')) ?? external.zones[0]!);
  return external.zones.map((zone) => ({
    zone: wireOf(zone),
    scope: SCOPE,
    policy,
    steps: [
      {
        kind: 'external' as const,
        zone: wireOf(zone),
        dataset: DATASET,
        ttlSeconds: external.ttlSeconds,
        targetTtlSeconds: ttlSeconds,
        primary,
        apex: wireOf(external.apex).subarray(0, -1),
      },
    ],
  }));
}
