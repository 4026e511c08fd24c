/**
 * Where the records of a change set go on their way to the snapshot: written through, and remembered until they are
 * published, so that a change set that finds the buffer full can be tried again without the objects it came from.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import type { AddressSets, EntryContent, RecordSink } from '../snapshot/entry-content.ts';
import { KEY_SPACE, ZONE_KIND, zoneKindOf, type KeySpace, type ZoneKind } from '../snapshot/snapshot-layout.ts';

/** One call of the sink, to be made again. `isRemoval`: it leaves fewer records than before, whatever was there. */
interface JournalEntry {
  readonly isRemoval: boolean;
  /** what is published as a whole or not at all: the records of one Service */
  readonly owner: string;
  readonly write: (sink: RecordSink) => void;
}

export class RecordJournal implements RecordSink {
  /** the last word about each name, by what it is about */
  readonly #entries = new Map<string, JournalEntry>();
  #sink: RecordSink;
  #isRemembering = false;
  #fault: SkyshardError | undefined;

  /** Before `startRemembering` everything is written through, and a full buffer throws. */
  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** From now on. The first load is not remembered: that would cost more than the snapshot. */
  startRemembering(): void {
    this.#isRemembering = true;
  }

  /** Why the sink takes no more of this change set, so that it is only remembered; undefined: it has all of it. */
  get fault(): SkyshardError | undefined {
    return this.#fault;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  put(key: Uint8Array, content: EntryContent, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    const owner = ownerOf(key, keySpace);
    this.#note(`name ${keySpace} ${textOf(key)}`, owner, false, (sink) => sink.put(key, content, keySpace));
  }

  remove(key: Uint8Array, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    const owner = ownerOf(key, keySpace);
    this.#note(`name ${keySpace} ${textOf(key)}`, owner, true, (sink) => sink.remove(key, keySpace));
  }

  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isOwn: boolean,
  ): void {
    const isRemoval = labels.length === 0 && !isOwn;
    const owner = ownerOf(serviceName, keySpace);
    this.#note(`pointer ${keySpace} ${textOf(address)} ${textOf(serviceName)}`, owner, isRemoval, (sink) =>
      sink.point(keySpace, address, serviceName, labels, isOwn),
    );
  }

  nameServers(
    servers: readonly ({ readonly name: Uint8Array } & AddressSets)[],
    zoneKind: ZoneKind = ZONE_KIND.CLUSTER,
  ): void {
    this.#note(`name servers ${zoneKind}`, '', false, (sink) => sink.nameServers(servers, zoneKind));
  }

  /** Write nothing more until `replay`. */
  suspend(fault: SkyshardError): void {
    this.#fault = fault;
  }

  /**
   * Write all of it, or what makes room, to a sink that forgot it; `fault` tells whether that was taken. What makes room are
   * the removals of Services of which nothing else is written: no Service is ever seen half as it was and half as it is.
   */
  replay(sink: RecordSink, which: 'all' | 'removals'): void {
    this.#sink = sink;
    this.#fault = undefined;
    const entries = [...this.#entries.values()];
    const kept = new Set(which === 'all' ? [] : entries.filter((entry) => !entry.isRemoval).map(({ owner }) => owner));
    for (const entry of entries) if (!kept.has(entry.owner)) this.#write(entry);
  }

  /** It is published. */
  clear(): void {
    this.#entries.clear();
    this.#fault = undefined;
  }

  #note(about: string, owner: string, isRemoval: boolean, write: (sink: RecordSink) => void): void {
    if (!this.#isRemembering) return write(this.#sink);
    const entry = { owner, isRemoval, write };
    this.#entries.set(about, entry);
    this.#write(entry);
  }

  /** The record model is not interrupted by a full buffer: it has taken the change, and this remembers the rest of it. */
  #write(entry: JournalEntry): void {
    if (this.#fault !== undefined) return;
    try {
      entry.write(this.#sink);
    } catch (error) {
      if (!(error instanceof SkyshardError) || error.code !== 'SNAPSHOT_FULL') throw error;
      this.#fault = error;
    }
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
