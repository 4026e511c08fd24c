/** The zone a transfer is about, found in the snapshot that the transfer keeps: nothing of it moves until that is let go. */
import { lowerCaseName } from '../dns/name.ts';
import { octetsAt } from '../snapshot/entry-walk.ts';
import { NOT_FOUND, type SnapshotReader } from '../snapshot/reader.ts';
import { DATASET, DATASET_FLAG, ZONE_INFO } from '../snapshot/snapshot-layout.ts';
import { findTransferredZone } from '../snapshot/transferred-zone.ts';

export interface TransferZone {
  readonly reader: SnapshotReader;
  readonly datasetAt: number;
  readonly serial: number;
  /** TTL of records, and of the SOA record, seconds */
  readonly ttlSeconds: number;
  readonly soaTtlSeconds: number;
  readonly keySpace: number;
  /** octets at the end of a key that are the zone's: not 0 for a reverse zone below in-addr.arpa or ip6.arpa */
  readonly apexKey: Uint8Array;
  /** what PTR and NS targets end in, wire form with root label; undefined: the zone itself */
  readonly targetBase: Uint8Array | undefined;
}

/**
 * @param reader  holds the snapshot
 * @param name    the zone's apex, wire form with root label, in any letter case
 * @returns undefined if the listener has no such zone, or not all of it yet
 */
export function findTransferZone(reader: SnapshotReader, listener: number, name: Uint8Array): TransferZone | undefined {
  const { words } = reader;
  const routeAt = findRoute(reader, listener, name);
  const stepAt = routeAt === NOT_FOUND ? NOT_FOUND : findTransferredZone(words, routeAt, name.length);
  if (stepAt === NOT_FOUND) return undefined;
  const zoneAt = words[stepAt + 1]! * 2;
  const field = ZONE_INFO.at;
  const datasetAt = reader.datasetAt(words[zoneAt + field.dataset]!);
  if ((words[datasetAt + DATASET.at.flags]! & DATASET_FLAG.SYNCED) === 0) return undefined;
  const keySize = name.length - words[zoneAt + field.keySuffixSize]!;
  const primary = octetsAt(words, zoneAt + field.primary, words[zoneAt + field.primarySize]!);
  const lower = lowerCaseName(name);
  return {
    reader,
    datasetAt,
    serial: words[datasetAt + words[zoneAt + field.serialField]!]!,
    ttlSeconds: words[zoneAt + field.ttl]!,
    soaTtlSeconds: words[zoneAt + field.negativeTtl]!,
    keySpace: words[zoneAt + field.keySpace]!,
    apexKey: lower.subarray(0, keySize),
    targetBase: Buffer.compare(lower, lowerCaseName(primary)) === 0 ? undefined : primary,
  };
}

function findRoute(reader: SnapshotReader, listener: number, name: Uint8Array): number {
  // Read by whole words, beyond the end too.
  const padded = new Uint8Array(name.length + 8);
  padded.set(lowerCaseName(name));
  const starts: number[] = [];
  for (let at = 0; at < name.length; at += name[at]! + 1) starts.push(at);
  const view = new DataView(padded.buffer);
  return reader.findRoute(listener, view, name.length, Uint8Array.from(starts), starts.length - 1, false);
}
