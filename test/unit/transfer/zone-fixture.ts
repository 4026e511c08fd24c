/** A snapshot made of objects, whose zones can be transferred, in this thread. */
import { typeName } from '../../../src/dns/iana.ts';
import { parseName } from '../../../src/dns/name.ts';
import type { ClusterObject, Service } from '../../../src/kubernetes/objects.ts';
import { PinnedReader } from '../../../src/memory/pinned-reader.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { DEFAULT_RECORD_OPTIONS, type RecordOptions } from '../../../src/records/record-options.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import {
  DEFAULT_POLICY,
  type RouteDescription,
  type StepDescription,
  type TransferStep,
} from '../../../src/snapshot/config-description.ts';
import { SnapshotReader } from '../../../src/snapshot/reader.ts';
import { TransferMessage } from '../../../src/transfer/transfer-message.ts';
import { writeStoredZone } from '../../../src/transfer/stored-records.ts';
import { findTransferZone } from '../../../src/transfer/transfer-zone.ts';
import { PAUSE, writeZone } from '../../../src/transfer/zone-records.ts';
import { formatName } from '../../wire/names.ts';
import { put, service } from '../records/cluster.ts';
import { buildQuery, type QuerySpec } from '../../wire/query.ts';
import { decodeStrictly, type DecodedRecord } from '../../wire/strict-message.ts';

export const LISTENER = 2;
const TTL_SECONDS = 30;
/** of the SRV and CNAME records of external zones */
const TARGET_TTL_SECONDS = 60;
export const TO_ANYONE: TransferStep = { kind: 'transfer', isAnyoneAllowed: true, networks: [] };

export interface ZonesOptions {
  readonly objects?: readonly ClusterObject[];
  readonly zones?: readonly string[];
  /** zones of `k8s_external`, whose apex name is `dns` */
  readonly externalZones?: readonly string[];
  readonly clustersetZones?: readonly string[];
  readonly records?: Partial<RecordOptions>;
  readonly isSynced?: boolean;
  /** octets */
  readonly sizeMax?: number;
}

export class Zones {
  readonly buffer: SharedArrayBuffer;
  readonly builder: SnapshotBuilder;
  readonly records: ClusterRecords;

  constructor(options: ZonesOptions) {
    const { objects = [], zones = ['cluster.local.'], externalZones = [], clustersetZones = [] } = options;
    const { records, isSynced = true, sizeMax = 8 << 20 } = options;
    const external = { zones: externalZones, ttlSeconds: TTL_SECONDS, apex: 'dns', hasHeadless: true };
    const allRecords = {
      ...DEFAULT_RECORD_OPTIONS,
      multiclusterZones: clustersetZones,
      ...(externalZones.length > 0 && { external }),
      ...records,
    };
    this.buffer = reserveSharedBuffer({ sizeMax });
    this.builder = new SnapshotBuilder(this.buffer);
    const dataset = this.builder.dataset(0);
    this.records = new ClusterRecords(allRecords, dataset);
    this.put(...objects);
    dataset.setSynced(isSynced);
    this.builder.setConfig({
      listeners: [
        {
          id: LISTENER,
          routes: [
            ...zones.map((zone) => routeOf(zone, clusterStep(zone, false))),
            ...clustersetZones.map((zone) => routeOf(zone, clusterStep(zone, true))),
            ...externalZones.map((zone) => routeOf(zone, externalStep(zone, externalZones[0]!))),
          ],
        },
      ],
    });
    this.builder.publish(1000);
  }

  /** Take objects; visible with the next publication. */
  put(...objects: readonly ClusterObject[]): void {
    this.records.apply(objects.map(put));
  }

  /** The messages of a transfer, without their lengths. */
  transfer(zone: string, query: Partial<QuerySpec> = {}, opt: Uint8Array = new Uint8Array(0)): Buffer[] {
    const pin = new PinnedReader(this.buffer, this.builder.epochs.claimSlot(1));
    const reader = new SnapshotReader(this.buffer, pin);
    reader.enter();
    const found = findTransferZone(reader, LISTENER, wire(zone), 0);
    if (found === undefined) throw new Error(`no zone ${zone}`);
    const question = buildQuery({ name: zone, type: 252, ...query });
    const message = new TransferMessage({ question, isRecursionAvailable: false, opt, tsig: undefined });
    const messages: Buffer[] = [];
    for (const pause of found.kind === 'stored' ? writeStoredZone(found, message) : writeZone(found, message)) {
      if (pause !== PAUSE.TIME) messages.push(message.finish().subarray(2));
    }
    reader.leave();
    return messages;
  }

  /** Types and TTLs of a transfer: each pair once, sorted. */
  ttls(zone: string): string[] {
    const records = this.transfer(zone).flatMap((message) => decodeStrictly(message).answer);
    return [...new Set(records.map(({ type, ttlSeconds }) => `${typeName(type)} ${ttlSeconds}`))].sort();
  }

  /** The records of a transfer, a line each: owner, type, data. */
  lines(zone: string): string[] {
    return this.transfer(zone).flatMap((message) => decodeStrictly(message).answer.map(lineOf));
  }
}

export function headless(path: string, ...ports: string[]): Service {
  return service(path, ['None'], ports);
}

export function lineOf({ owner, type, rdata }: DecodedRecord): string {
  return `${formatName(owner)} ${typeName(type)} ${rdata}`;
}

function routeOf(zone: string, step: StepDescription): RouteDescription {
  return { zone: wire(zone), scope: 1, policy: DEFAULT_POLICY, steps: [TO_ANYONE, step] };
}

function clusterStep(zone: string, isClusterset: boolean): StepDescription {
  return {
    kind: 'kubernetes',
    dataset: 0,
    ttlSeconds: TTL_SECONDS,
    isPodsInsecure: false,
    isZonal: true,
    isClusterset,
    primary: wire('cluster.local.'),
    zone: wire(zone),
  };
}

function externalStep(zone: string, primary: string): StepDescription {
  return {
    kind: 'external',
    dataset: 0,
    ttlSeconds: TTL_SECONDS,
    targetTtlSeconds: TARGET_TTL_SECONDS,
    zone: wire(zone),
    primary: wire(primary),
    apex: wire('dns').subarray(0, -1),
  };
}

function wire(name: string): Uint8Array {
  return parseName(name)!;
}
