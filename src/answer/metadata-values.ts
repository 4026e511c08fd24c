/**
 * `metadata`: what is known of the query under a label, `PLUGIN/LABEL`. Found when it is asked for; it speaks of the question
 * as the client asked it, whatever `rewrite` made of it.
 */
import { lowerCaseName, parseName } from '../dns/name.ts';
import type { MetadataDescription } from '../snapshot/config-description.ts';
import { clientOf } from '../snapshot/entry-walk.ts';
import { NOT_FOUND, type SnapshotReader } from '../snapshot/reader.ts';
import type { QueryClient } from './answerer-options.ts';
import { clusterNameValue } from './cluster-name.ts';
import { Programs } from './programs.ts';
import type { Query } from './query.ts';
import type { Response } from './response.ts';

type Cluster = NonNullable<MetadataDescription['cluster']>;

interface Metadata {
  readonly description: MetadataDescription;
  readonly zones: readonly Uint8Array[];
  readonly clusterZones: readonly Uint8Array[];
}

export class MetadataValues {
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly client: QueryClient;
  private readonly programs: Programs<Metadata>;

  constructor(reader: SnapshotReader, query: Query, response: Response, client: QueryClient) {
    this.reader = reader;
    this.query = query;
    this.response = response;
    this.client = client;
    this.programs = new Programs(reader, parseMetadata);
  }

  /**
   * @param metadataAt  word index of the PROGRAM, 0: there is no metadata
   * @returns undefined if nothing is known under the label
   */
  valueOf(metadataAt: number, label: string): string | undefined {
    if (metadataAt === 0) return undefined;
    const metadata = this.programs.at(metadataAt);
    const { view, cluster, hasProxyVector } = metadata.description;
    const name = this.nameAsAsked();
    if (longestZone(metadata.zones, name) < 0) return undefined;
    if (label === 'view/name') return view ?? undefined;
    if (label === 'proxyproto/tlv') return hasProxyVector ? this.client.proxyVector : undefined;
    if (cluster === null || !label.startsWith('kubernetes/')) return undefined;
    const field = label.slice('kubernetes/'.length);
    if (field.startsWith('client-')) return this.clientValue(cluster, field);
    const zone = longestZone(metadata.clusterZones, name);
    if (zone < 0) return undefined;
    const { length } = metadata.clusterZones[zone]!;
    const isMulticluster = cluster.multiclusterZones.includes(cluster.zones[zone]!);
    return clusterNameValue(name, name.length - length, field, isMulticluster, cluster.isZonal);
  }

  /**
   * What goes with the report of a query for `log`: the values of its labels in their order, an octet 0 between two of them.
   *
   * @param metadataAt  word index of the PROGRAM
   * @returns undefined if `log` prints none; without octets if all it prints is who answered upstream
   */
  loggedValues(metadataAt: number): Uint8Array | undefined {
    const { logged, logsUpstream } = this.programs.at(metadataAt).description;
    if (logged.length === 0) return logsUpstream ? NO_OCTETS : undefined;
    const text = logged.map((label) => this.valueOf(metadataAt, label) ?? UNKNOWN).join('\0');
    return Buffer.from(text).subarray(0, LOGGED_SIZE_MAX);
  }

  /** Whether the report of a query says which wildcard has answered it. */
  logsWildcard(metadataAt: number): boolean {
    return this.programs.at(metadataAt).description.logged.includes(WILDCARD_LABEL);
  }

  /** @returns `values` of loggedValues with the wildcard, which is known only when a zone has answered */
  withWildcard(metadataAt: number, values: Uint8Array, name: string): Uint8Array {
    const { logged } = this.programs.at(metadataAt).description;
    const texts = Buffer.from(values).toString().split('\0');
    texts[logged.indexOf(WILDCARD_LABEL)] = name;
    return Buffer.from(texts.join('\0')).subarray(0, LOGGED_SIZE_MAX);
  }

  private clientValue({ dataset, knowsClients }: Cluster, field: string): string | undefined {
    if (!knowsClients) return undefined;
    const { peerOffset, peerSize } = this.client;
    const entryAt = this.reader.findClient(this.reader.datasetAt(dataset), this.response.view, peerOffset, peerSize);
    if (entryAt === NOT_FOUND) return undefined;
    const { namespace, name, labels } = clientOf(this.reader.words, entryAt);
    if (field === 'client-namespace') return namespace;
    if (field === 'client-pod-name') return name;
    if (!field.startsWith(LABEL_FIELD)) return undefined;
    const key = field.slice(LABEL_FIELD.length);
    for (let at = 0; at < labels.length; at += 2) if (labels[at] === key) return labels[at + 1];
    return undefined;
  }

  /** Wire form, lower-cased. */
  private nameAsAsked(): Uint8Array {
    const { rewriting } = this.client;
    if (rewriting === undefined) return this.query.nameBytes.subarray(0, this.query.nameSize);
    return lowerCaseName(rewriting.question.subarray(0, -QUESTION_FIXED_SIZE));
  }
}

const QUESTION_FIXED_SIZE = 4;
const NO_OCTETS = new Uint8Array(0);
const LABEL_FIELD = 'client-label/';
const UNKNOWN = '-';
const WILDCARD_LABEL = 'zone/wildcard';
/** Octets: an event has to have room in the ring. */
const LOGGED_SIZE_MAX = 2048;

function parseMetadata(text: Uint8Array): Metadata {
  const description = JSON.parse(Buffer.from(text).toString()) as MetadataDescription;
  return {
    description,
    zones: description.zones.map(wireOf),
    clusterZones: (description.cluster?.zones ?? []).map(wireOf),
  };
}

function wireOf(zone: string): Uint8Array {
  return lowerCaseName(parseName(zone)!);
}

/** @returns index of the longest zone that the name lies in, -1: none */
function longestZone(zones: readonly Uint8Array[], name: Uint8Array): number {
  let longest = -1;
  for (const [index, zone] of zones.entries()) {
    if (longest >= 0 && zones[longest]!.length >= zone.length) continue;
    if (isAtOrBelow(name, zone)) longest = index;
  }
  return longest;
}

function isAtOrBelow(name: Uint8Array, zone: Uint8Array): boolean {
  let at = 0;
  while (name.length - at > zone.length) at += 1 + name[at]!;
  if (name.length - at !== zone.length) return false;
  return zone.every((octet, index) => name[at + index] === octet);
}
