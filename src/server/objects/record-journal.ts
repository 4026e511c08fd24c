/**
 * Where the records of a change set go on their way to the snapshot: written through, and remembered until they are
 * published, so that a change set that finds the buffer full can be tried again without the objects it came from.
 *
 * What is remembered takes some 500 octets a name, far more than the name itself, and a tenth of the time of a change. So
 * nothing is remembered while there is plenty of room, nor the first list, nor a change set of very many names: if one of these
 * finds the buffer full, all names have to be written anew (`isLost`).
 */
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { AddressSets, EntryContent, RecordSink } from '../../snapshot/entry-content.ts';
import { KEY_SPACE, ZONE_KIND, zoneKindOf, type KeySpace, type ZoneKind } from '../../snapshot/snapshot-layout.ts';

/** One call of the sink, to be made again. `isRemoval`: it leaves fewer records than before, whatever was there. */
interface JournalEntry {
  readonly isRemoval: boolean;
  /** what is published as a whole or not at all: the records of one Service */
  readonly owner: string;
  readonly write: (sink: RecordSink) => void;
}

/** Names that are remembered: some 8 MiB. */
const ENTRIES_MAX = 16_384;

export class RecordJournal implements RecordSink {
  /** the last word about each name, by what it is about; undefined: nothing is remembered until it is published */
  #entries: Map<string, JournalEntry> | undefined;
  readonly #isRoomy: () => boolean;
  #sink: RecordSink;
  #fault: SkyshardError | undefined;
  #isSuspended = false;
  #hasWritten = false;

  /**
   * Before the first `clear` nothing is remembered.
   *
   * @param isRoomy  whether what comes next is sure to fit, but for the very large
   */
  constructor(sink: RecordSink, isRoomy: () => boolean) {
    this.#sink = sink;
    this.#isRoomy = isRoomy;
  }

  /** Why the sink takes no more of this change set; undefined: it has all of it. */
  get fault(): SkyshardError | undefined {
    return this.#fault;
  }

  /** The sink did not take the last of what was written: what it took before is still to be forgotten. */
  get isBroken(): boolean {
    return this.#fault !== undefined && !this.#isSuspended;
  }

  /** Whether something was written that is not published, for all this knows. */
  get hasUnpublished(): boolean {
    return this.#hasWritten || this.#fault !== undefined;
  }

  /** Whether the sink lacks something that is not remembered: only writing all names helps. */
  get isLost(): boolean {
    return this.#fault !== undefined && this.#entries === undefined;
  }

  put(key: Uint8Array, content: EntryContent, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    this.#hasWritten = true;
    if (this.#entries !== undefined) {
      const kept = new Uint8Array(key);
      this.#rememberName(key, keySpace, false, (sink) => sink.put(kept, content, keySpace));
    }
    if (this.#fault !== undefined) return;
    try {
      this.#sink.put(key, content, keySpace);
    } catch (error) {
      this.#noteFault(error);
    }
  }

  remove(key: Uint8Array, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    this.#hasWritten = true;
    if (this.#entries !== undefined) {
      const kept = new Uint8Array(key);
      this.#rememberName(key, keySpace, true, (sink) => sink.remove(kept, keySpace));
    }
    this.#write((sink) => sink.remove(key, keySpace));
  }

  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isOwn: boolean,
  ): void {
    this.#hasWritten = true;
    if (this.#entries !== undefined) this.#rememberPointer(keySpace, address, serviceName, labels, isOwn);
    if (this.#fault !== undefined) return;
    try {
      this.#sink.point(keySpace, address, serviceName, labels, isOwn);
    } catch (error) {
      this.#noteFault(error);
    }
  }

  nameServers(
    servers: readonly ({ readonly name: Uint8Array } & AddressSets)[],
    zoneKind: ZoneKind = ZONE_KIND.CLUSTER,
  ): void {
    this.#hasWritten = true;
    const write = (sink: RecordSink): void => sink.nameServers(servers, zoneKind);
    if (this.#entries !== undefined) this.#remember(`name servers ${zoneKind}`, '', false, write);
    this.#write(write);
  }

  /** The sink forgot what was not published: write nothing until `replay`. */
  suspend(fault: SkyshardError): void {
    this.#fault = fault;
    this.#isSuspended = true;
  }

  /**
   * Write all of it, or what makes room, to a sink that forgot it; `fault` tells whether that was taken. What makes room are
   * the removals of Services of which nothing else is written: no Service is ever seen half as it was and half as it is.
   * With nothing remembered it only lets writing go on: the sink is to be empty then, and all names are to come.
   */
  replay(sink: RecordSink, which: 'all' | 'removals'): void {
    this.#sink = sink;
    this.#fault = undefined;
    this.#isSuspended = false;
    if (this.#entries === undefined) return;
    const entries = [...this.#entries.values()];
    const kept = new Set(which === 'all' ? [] : entries.filter((entry) => !entry.isRemoval).map(({ owner }) => owner));
    for (const entry of entries) if (!kept.has(entry.owner)) this.#write(entry.write);
  }

  /** All of it is published: what comes now is remembered, if it may find the buffer full. */
  clear(): void {
    if (this.#isRoomy()) this.#entries = undefined;
    else if (this.#entries === undefined || this.#entries.size > 0) this.#entries = new Map();
    this.#hasWritten = false;
    this.#fault = undefined;
    this.#isSuspended = false;
  }

  #rememberName(key: Uint8Array, keySpace: KeySpace, isRemoval: boolean, write: JournalEntry['write']): void {
    this.#remember(`name ${keySpace} ${textOf(key)}`, ownerOf(key, keySpace), isRemoval, write);
  }

  #rememberPointer(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isOwn: boolean,
  ): void {
    const isRemoval = labels.length === 0 && !isOwn;
    const about = `pointer ${keySpace} ${textOf(address)} ${textOf(serviceName)}`;
    const [keptAddress, keptName] = [new Uint8Array(address), new Uint8Array(serviceName)];
    const keptLabels = labels.map((label) => new Uint8Array(label));
    this.#remember(about, ownerOf(serviceName, keySpace), isRemoval, (sink) =>
      sink.point(keySpace, keptAddress, keptName, keptLabels, isOwn),
    );
  }

  #remember(about: string, owner: string, isRemoval: boolean, write: JournalEntry['write']): void {
    this.#entries?.set(about, { owner, isRemoval, write });
    if (this.#entries !== undefined && this.#entries.size > ENTRIES_MAX) this.#entries = undefined;
  }

  #write(write: JournalEntry['write']): void {
    if (this.#fault !== undefined) return;
    try {
      write(this.#sink);
    } catch (error) {
      this.#noteFault(error);
    }
  }

  /** The record model is not interrupted by a full buffer: it has taken the change, and this remembers the rest of it. */
  #noteFault(error: unknown): void {
    if (!(error instanceof SkyshardError) || error.code !== 'SNAPSHOT_FULL') throw error;
    this.#fault = error;
  }
}

function textOf(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1');
}

/**
 * The kind of zone and the last labels of a relative name in wire form: three, `S.N.svc`, of which E and _p._t are names
 * below, or two, `S.N`, of an external name. An address of a pod is its own.
 */
function ownerOf(key: Uint8Array, keySpace: KeySpace): string {
  const zoneKind = zoneKindOf(keySpace);
  if (zoneKind === undefined) return `address ${textOf(key)}`;
  const starts: number[] = [];
  for (let offset = 0; offset < key.length; offset += key[offset]! + 1) starts.push(offset);
  return `${zoneKind} ${textOf(key.subarray(starts.at(zoneKind === ZONE_KIND.EXTERNAL ? -2 : -3) ?? 0))}`;
}
