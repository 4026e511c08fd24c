/** What expressions ask about the query in hand. Texts are made when they are asked for. */
import { formatIPv4, formatIPv6 } from '../dns/address.ts';
import { classWord, typeWord } from '../dns/records/record-words.ts';
import { UDP_SIZE_PLAIN } from '../dns/wire-header.ts';
import type { ExprQuery } from '../expr/expr-frame.ts';
import type { SnapshotReader } from '../snapshot/reader.ts';
import { LISTENER } from '../snapshot/snapshot-layout.ts';
import type { QueryClient } from './answerer-options.ts';
import type { OptionFacts } from './rewrite/edns0-rules.ts';
import type { MetadataValues } from './metadata-values.ts';
import { presentName } from './name-text.ts';
import type { Query } from './query.ts';
import type { Response } from './response.ts';

const STREAM_SIZE_MAX = 65_535;

export class QueryFacts implements ExprQuery, OptionFacts {
  /** word index of the PROGRAM that says which metadata there is; 0: none */
  metadataAt = 0;
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly client: QueryClient;
  private readonly values: MetadataValues;

  constructor(reader: SnapshotReader, query: Query, response: Response, client: QueryClient, values: MetadataValues) {
    this.reader = reader;
    this.query = query;
    this.response = response;
    this.client = client;
    this.values = values;
  }

  typeText(): string {
    return typeWord(this.query.qtype) ?? `TYPE${this.query.qtype}`;
  }

  classText(): string {
    return classWord(this.query.qclass) ?? `CLASS${this.query.qclass}`;
  }

  name(): string {
    return presentName(this.query.nameBytes, 0);
  }

  proto(): string {
    return this.client.isStreamClient ? 'tcp' : 'udp';
  }

  size(): number {
    return this.client.messageSize;
  }

  id(): number {
    return this.response.view.getUint16(this.response.messageAt);
  }

  opcode(): number {
    return this.query.opcode;
  }

  isDnssecOk(): boolean {
    return this.query.isDo !== 0;
  }

  bufferSize(): number {
    return this.client.isStream ? STREAM_SIZE_MAX : Math.max(this.query.udpSize, UDP_SIZE_PLAIN);
  }

  clientAddress(): string {
    return presentAddress(this.response.view, this.client.peerOffset, this.client.peerSize);
  }

  clientPort(): number {
    return this.client.peerPort;
  }

  serverAddress(): string {
    const { words } = this.reader;
    const listenerAt = this.reader.listenerAt(this.client.listener);
    const family = words[listenerAt + LISTENER.at.family]!;
    if (family === 4) return formatIPv4(words[listenerAt + LISTENER.at.address]!);
    return family === 6 ? formatIPv6(words, listenerAt + LISTENER.at.address) : '';
  }

  serverPort(): number {
    return this.reader.words[this.reader.listenerAt(this.client.listener) + LISTENER.at.port]!;
  }

  metadata(label: string): string {
    return this.metadataValue(label) ?? '';
  }

  metadataValue(label: string): string | undefined {
    return this.values.valueOf(this.metadataAt, label);
  }

  loggedMetadata(): Uint8Array | undefined {
    return this.values.loggedValues(this.metadataAt);
  }

  logsWildcard(): boolean {
    return this.values.logsWildcard(this.metadataAt);
  }

  /** A wildcard of a zone has answered. */
  noteWildcard(name: string): void {
    const { client } = this;
    client.loggedMetadata = this.values.withWildcard(this.metadataAt, client.loggedMetadata!, name);
  }

  questionText(): string {
    return presentName(this.response.bytes, this.query.nameAt);
  }

  clientOctets(): Uint8Array {
    const { peerOffset, peerSize } = this.client;
    return this.response.bytes.slice(peerOffset, peerOffset + peerSize);
  }

  serverOctets(): Uint8Array | undefined {
    const { words } = this.reader;
    const listenerAt = this.reader.listenerAt(this.client.listener);
    const size = words[listenerAt + LISTENER.at.family] === 4 ? 4 : 16;
    const octets = Buffer.alloc(size);
    for (let at = 0; at < size; at += 4)
      octets.writeUInt32BE(words[listenerAt + LISTENER.at.address + (at >>> 2)]!, at);
    return octets.every((octet) => octet === 0) ? undefined : octets;
  }

  /** Whether the client sent an option. It is looked for in the query, as long as that is there. */
  hasOption(code: number): boolean {
    const { query, response } = this;
    if (response.answerCount > 0 || this.client.rewriting !== undefined) return false;
    const { view } = response;
    for (let at = query.optionsAt; at < query.optionsEnd; at += 4 + view.getUint16(at + 2)) {
      if (view.getUint16(at) === code) return true;
    }
    return false;
  }
}

/** @param size  octets of the address at `at`: 4 or 16 */
export function presentAddress(view: DataView, at: number, size: number): string {
  if (size === 4) return formatIPv4(view.getUint32(at));
  return formatIPv6([view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12)]);
}
