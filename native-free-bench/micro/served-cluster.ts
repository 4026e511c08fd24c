/** A generated cluster in a snapshot, as main has it, within one thread: decode → state → records → builder → publish. */

import { DEFAULT_RECORD_OPTIONS } from '../../src/records/record-options.ts';
import { ClusterRecords } from '../../src/records/cluster-records.ts';
import { decodeObject } from '../../src/kubernetes/decode.ts';
import type { ObjectChange } from '../../src/kubernetes/objects.ts';
import { reserveSharedBuffer } from '../../src/memory/shared-buffer.ts';
import { SnapshotBuilder } from '../../src/snapshot/builder.ts';
import type { Publication } from '../../src/snapshot/builder.ts';
import { generateCluster } from '../dataset/generate-cluster.ts';
import type { ClusterShape, GeneratedCluster, RawObject } from '../dataset/generate-cluster.ts';

export interface ServedCluster {
  readonly cluster: GeneratedCluster;
  readonly buffer: SharedArrayBuffer;
  readonly builder: SnapshotBuilder;
  readonly records: ClusterRecords;
  /** objects that were loaded */
  readonly objectCount: number;
  /** apply and publish; undefined if nothing had changed */
  publish(changes: readonly ObjectChange[]): Publication | undefined;
}

export const LISTENER_ID = 0;
const SCOPE = 1;
const HASH_SEED = 1;
const FIRST_SERIAL = 1_700_000_000;
const CHANGES_PER_APPLY = 1_000;

/** Load and publish a whole cluster: kubeadm's zones and options on one listener, one dataset. */
export function serveCluster(shape: ClusterShape): ServedCluster {
  const cluster = generateCluster(shape);
  const buffer = reserveSharedBuffer({ hashSeed: HASH_SEED });
  const builder = new SnapshotBuilder(buffer);
  const dataset = builder.dataset(0);
  const { zones, ttlSeconds } = DEFAULT_RECORD_OPTIONS;
  const primary = wireName(zones[0]!);
  const step = { kind: 'kubernetes', dataset: 0, ttlSeconds, isPodsInsecure: true, isZonal: false, primary } as const;
  const routes = zones.map((zone) => ({ zone: wireName(zone), scope: SCOPE, steps: [step] }));
  builder.setConfig({ listeners: [{ id: LISTENER_ID, routes }] });
  const records = new ClusterRecords(DEFAULT_RECORD_OPTIONS, dataset);
  let objectCount = 0;
  let pending: ObjectChange[] = [];
  for (const object of cluster.objects()) {
    pending.push(decodeChange(object));
    objectCount++;
    if (pending.length < CHANGES_PER_APPLY) continue;
    records.apply(pending);
    pending = [];
  }
  records.apply(pending);
  dataset.setSynced(true);
  let serial = FIRST_SERIAL;
  builder.publish(serial);
  const publish = (changes: readonly ObjectChange[]): Publication | undefined => {
    records.apply(changes);
    return builder.publish(++serial);
  };
  return { cluster, buffer, builder, records, objectCount, publish };
}

export function decodeChange(raw: RawObject): ObjectChange {
  const object = decodeObject(raw);
  if (object === undefined) throw new Error(`${raw.kind} ${raw.metadata.name} was not decoded`);
  return { op: 'put', object };
}

function wireName(text: string): Uint8Array {
  const labels = text.split('.').map((label) => `${String.fromCharCode(label.length)}${label}`);
  return Uint8Array.from(Buffer.from(`${labels.join('')}\0`, 'latin1'));
}
