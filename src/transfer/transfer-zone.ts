/** The zone a transfer is about, found in the snapshot that the transfer keeps: nothing of it moves until that is let go. */
import { lowerCaseName } from '../dns/name.ts';
import { octetsAt } from '../snapshot/entry-walk.ts';
import { NOT_FOUND, type SnapshotReader } from '../snapshot/reader.ts';
import {
  CHOICE_WORDS,
  CHOICES,
  DATASET,
  DATASET_FLAG,
  isReverseSpace,
  ROUTE,
  STEP,
  wordsFor,
  ZONE_INFO,
  ZONE_RECORDS,
} from '../snapshot/snapshot-layout.ts';
import { findTransferredZone } from '../snapshot/transferred-zone.ts';

const NS1 = Buffer.from('\x03ns1', 'latin1');
const NS_DNS = Buffer.from('\x02ns\x03dns', 'latin1');
const HOSTMASTER = Buffer.from('\x0ahostmaster', 'latin1');

/** A zone with records of its own: `file`, `auto`, `secondary`. */
export interface StoredZone {
  readonly kind: 'stored';
  readonly reader: SnapshotReader;
  readonly datasetAt: number;
  readonly serial: number;
}

/** A zone whose records follow from the objects of a cluster. */
export interface TransferZone {
  readonly kind: 'cluster';
  readonly reader: SnapshotReader;
  readonly datasetAt: number;
  readonly serial: number;
  /** TTL of records, and of the SOA record, seconds */
  readonly ttlSeconds: number;
  /** of SRV and CNAME records */
  readonly targetTtlSeconds: number;
  readonly soaTtlSeconds: number;
  readonly keySpace: number;
  /** the end of all of its keys: not empty for a reverse zone below in-addr.arpa or ip6.arpa */
  readonly apexKey: Uint8Array;
  /** the apex name of an external zone, relative wire form; empty: a zone of the cluster or the clusterset */
  readonly apexName: Uint8Array;
  /** word index of the NS block, 0: none */
  readonly nsAt: number;
  /** the server and the mailbox that the SOA names, relative to the zone */
  readonly server: Uint8Array;
  readonly mailbox: Uint8Array;
  /** what NS and what PTR targets end in, wire form with root label; undefined: the zone itself */
  readonly serverBase: Uint8Array | undefined;
  readonly pointerBase: Uint8Array | undefined;
}

/**
 * @param reader  holds the snapshot
 * @param name    the zone's apex, wire form with root label, in any letter case
 * @param scope   metric scope of the route that the query had: it says which of several views
 * @returns undefined if the listener has no such zone, or not all of it yet
 */
export function findTransferZone(
  reader: SnapshotReader,
  listener: number,
  name: Uint8Array,
  scope: number,
): TransferZone | StoredZone | undefined {
  const { words } = reader;
  const routeAt = chosenRoute(words, findRoute(reader, listener, name), scope);
  const stepAt = routeAt === NOT_FOUND ? NOT_FOUND : findTransferredZone(words, routeAt, name.length);
  if (stepAt === NOT_FOUND) return undefined;
  const zoneAt = words[stepAt + 1]! * 2;
  if (words[stepAt] === STEP.ZONE) return storedZone(reader, zoneAt);
  const field = ZONE_INFO.at;
  const datasetAt = reader.datasetAt(words[zoneAt + field.dataset]!);
  if ((words[datasetAt + DATASET.at.flags]! & DATASET_FLAG.SYNCED) === 0) return undefined;
  const keySize = name.length - words[zoneAt + field.keySuffixSize]!;
  const primary = octetsAt(words, zoneAt + field.primary, words[zoneAt + field.primarySize]!);
  const lower = lowerCaseName(name);
  const isOwnBase = Buffer.compare(lower, lowerCaseName(primary)) === 0;
  const apexAt = zoneAt + field.primary + wordsFor(primary.length);
  const apexName = octetsAt(words, apexAt, words[zoneAt + field.apexSize]!);
  const isExternal = apexName.length > 0;
  const keySpace = words[zoneAt + field.keySpace]!;
  return {
    kind: 'cluster',
    reader,
    datasetAt,
    serial: words[datasetAt + words[zoneAt + field.serialField]!]!,
    ttlSeconds: words[zoneAt + field.ttl]!,
    targetTtlSeconds: words[zoneAt + field.targetTtl]!,
    soaTtlSeconds: words[zoneAt + field.negativeTtl]!,
    keySpace,
    apexKey: lower.subarray(0, keySize),
    apexName,
    nsAt: words[datasetAt + words[zoneAt + field.nsField]!]! * 2,
    server: isExternal ? Buffer.concat([NS1, apexName]) : NS_DNS,
    mailbox: isExternal ? Buffer.concat([HOSTMASTER, apexName]) : HOSTMASTER,
    // A zone of names has its servers below itself.
    serverBase: isReverseSpace(keySpace) && !isExternal ? primary : undefined,
    pointerBase: isOwnBase ? undefined : primary,
  };
}

function storedZone(reader: SnapshotReader, zoneAt: number): StoredZone | undefined {
  const { words } = reader;
  const datasetAt = reader.datasetAt(words[zoneAt + ZONE_RECORDS.at.dataset]!);
  if ((words[datasetAt + DATASET.at.flags]! & DATASET_FLAG.SYNCED) === 0) return undefined;
  return { kind: 'stored', reader, datasetAt, serial: words[datasetAt + DATASET.at.serial]! };
}

/** Where several server blocks have the zone, that of the scope. */
function chosenRoute(words: Uint32Array, routeAt: number, scope: number): number {
  const choices = routeAt === NOT_FOUND ? 0 : words[routeAt + ROUTE.at.choices]!;
  if (choices === 0) return routeAt;
  const choicesAt = choices * 2;
  for (let index = 0; index < words[choicesAt + CHOICES.at.count]!; index++) {
    const choice = words[choicesAt + CHOICES.at.choices + index * CHOICE_WORDS + 1]! * 2;
    if (words[choice + ROUTE.at.scope] === scope) return choice;
  }
  return NOT_FOUND;
}

function findRoute(reader: SnapshotReader, listener: number, name: Uint8Array): number {
  // Read by whole words, beyond the end too.
  const padded = new Uint8Array(name.length + 8);
  padded.set(lowerCaseName(name));
  const starts: number[] = [];
  for (let at = 0; at < name.length; at += name[at]! + 1) starts.push(at);
  const view = new DataView(padded.buffer);
  return reader.findRoute(listener, view, name.length, Uint8Array.from(starts), starts.length - 1);
}
