/**
 * One dataset as main writes it: the records of one `kubernetes` instance, of all kinds of zones. The blocks in the buffer are its state;
 * beside them it keeps a handful of numbers. Nothing is visible to readers before SnapshotBuilder.publish.
 */
import type { BlockTransaction } from './block-transaction.ts';
import { encodeEnt, encodeEntry, encodeNameServers, WordWriter } from './entry-encoder.ts';
import type { AddressSets, EntryContent, RecordSink } from './entry-content.ts';
import { keyOf } from './entry-walk.ts';
import { hashKey } from './key-hash.ts';
import { NamesTable } from './names-table.ts';
import type { ChangedRows } from './names-table.ts';
import { encodeTargets, mergePointer } from './pointer-merge.ts';
import {
  DATASET,
  DATASET_FLAG,
  ENTRY_KEY_SIZE_MASK,
  KEY_SPACE,
  NS_FIELDS,
  SERIAL_FIELDS,
  wordsFor,
  ZONE_KIND,
  ZONE_KIND_COUNT,
  zoneKindOf,
} from './snapshot-layout.ts';
import type { KeySpace, ZoneKind } from './snapshot-layout.ts';
import { verifyEntry } from './verify.ts';

/** What an abort puts back. */
interface DatasetState {
  block: number;
  readonly serials: number[];
  flags: number;
  readonly ns: number[];
  order: number;
  ownSerial: number | undefined;
}

/** Names looked up between two pauses. */
const NAMES_BEFORE_PAUSE = 512;

/** All datasets share them: nothing in them outlasts a call, and a server may have thousands of zones. */
const WRITER = new WordWriter();
const TARGETS = new WordWriter();

export class DatasetBuilder implements RecordSink {
  readonly #blocks: BlockTransaction;
  readonly #words: Uint32Array;
  readonly #hashSeed: number;
  readonly #table: NamesTable;
  readonly #writer = WRITER;
  readonly #targets = TARGETS;
  /** reference of the DATASET block, 0 before the first publication */
  #block = 0;
  /** by ZONE_KIND */
  readonly #serials: number[] = Array.from({ length: ZONE_KIND_COUNT }, () => 0);
  #flags = 0;
  /** by ZONE_KIND: references of NS blocks, 0 if none */
  readonly #ns: number[] = Array.from({ length: ZONE_KIND_COUNT }, () => 0);
  /** reference of the NAME_ORDER block, 0 if none */
  #order = 0;
  /** of a zone that brings its serial along */
  #ownSerial: number | undefined;
  /** kinds of zones with a changed record, a bit each */
  #changedKinds = 0;
  /** anything but records */
  #hasOtherChange = true;
  readonly #published: DatasetState = { block: 0, serials: [], flags: 0, ns: [], order: 0, ownSerial: undefined };
  /** of the name that was looked up last */
  #lastHash = 0;

  constructor(blocks: BlockTransaction, hashSeed: number) {
    this.#blocks = blocks;
    this.#words = blocks.words;
    this.#hashSeed = hashSeed;
    this.#table = new NamesTable(blocks);
    this.#keep();
  }

  /** Number of names, empty non-terminals included. */
  get entryCount(): number {
    return this.#table.entryCount;
  }

  /** SOA serial of a kind of zones. */
  serialOf(kind: ZoneKind): number {
    return this.#serials[kind]!;
  }

  /** SOA serial of the cluster zones: Unix seconds of the last change of a record, 0 before any. */
  get serial(): number {
    return this.#serials[ZONE_KIND.CLUSTER]!;
  }

  get isSynced(): boolean {
    return (this.#flags & DATASET_FLAG.SYNCED) !== 0;
  }

  /** Where the names have changed since the last publication; undefined: anywhere. */
  get changedRows(): ChangedRows | undefined {
    return this.#table.changedRows;
  }

  get hasChange(): boolean {
    return this.#changedKinds !== 0 || this.#hasOtherChange;
  }

  put(key: Uint8Array, content: EntryContent, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    this.#openTable();
    encodeEntry(this.#writer, key, keySpace, content);
    this.#store(keySpace);
  }

  remove(key: Uint8Array, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    this.#openTable();
    this.#removeName(key, 0, keySpace);
  }

  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isOwn: boolean,
  ): void {
    this.#openTable();
    const existing = this.#findName(address, 0, keySpace);
    const hash = this.#lastHash;
    encodeTargets(this.#targets, serviceName, labels, isOwn);
    const isLeft = mergePointer(this.#writer, address, keySpace, this.#words, existing, this.#targets, serviceName);
    if (isLeft) {
      this.#storeAs(hash, existing, keySpace);
      if (existing === 0) this.#countChild(address, keySpace);
    } else if (existing !== 0) {
      this.#removeName(address, 0, keySpace);
      this.#discountChild(address, keySpace);
    }
  }

  nameServers(
    servers: readonly ({ readonly name: Uint8Array } & AddressSets)[],
    zoneKind: ZoneKind = ZONE_KIND.CLUSTER,
  ): void {
    const old = this.#ns[zoneKind]!;
    let block = 0;
    if (servers.length > 0) {
      encodeNameServers(this.#writer, servers);
      if (old !== 0 && this.#isEqual(old)) return;
      block = this.#takeWritten(true);
    }
    if (old === block) return;
    if (old !== 0) this.#blocks.drop(old);
    this.#ns[zoneKind] = block;
    this.#changedKinds |= 1 << zoneKind;
  }

  /** A change of the cluster that shows in no record: the serial of its zones moves with the next publication. */
  moveSerial(): void {
    this.#changedKinds |= 1 << ZONE_KIND.CLUSTER;
  }

  /** What the change set holds so far follows from no object: by itself it moves no serial. */
  keepSerials(): void {
    if (this.#changedKinds !== 0) this.#hasOtherChange = true;
    this.#changedKinds = 0;
  }

  /** State the serial of a zone that brings it along: changes of records do not move it. */
  setSerial(serial: number): void {
    if (this.#ownSerial === serial) return;
    this.#ownSerial = serial;
    this.#hasOtherChange = true;
  }

  /** The keys of all names, of those too that are not published yet. Nothing may change them on the way. */
  *keys(): Generator<Uint8Array, void> {
    if (this.#table.top === 0) return;
    for (const entry of this.#table.entries()) yield keyOf(this.#words, entry * 2);
  }

  /** The buffer's words, in which entries lie. */
  get words(): Uint32Array {
    return this.#words;
  }

  /** Word index of the entry of each name, of those too that are not published yet. Nothing may be written on the way. */
  *entries(): Generator<number, void> {
    if (this.#table.top === 0) return;
    for (const entry of this.#table.entries()) yield entry * 2;
  }

  /**
   * State the order of names: for a zone with NSEC records. The next change of a name ends what it says. A generator, since
   * there may be a hundred thousand; nothing else may change the dataset on the way.
   *
   * @param keys  of names that are there
   */
  *setOrder(keys: readonly Uint8Array[]): Generator<void, void> {
    const entries: number[] = [];
    for (const key of keys) {
      entries.push(this.#findName(key, 0, KEY_SPACE.FORWARD));
      if (entries.length % NAMES_BEFORE_PAUSE === 0) yield;
    }
    this.#writer.reset();
    this.#writer.push(entries.length);
    this.#writer.pushAll(entries);
    if (this.#order !== 0 && this.#isEqual(this.#order)) return;
    this.#dropOrder();
    if (entries.length > 0) this.#order = this.#takeWritten(false);
  }

  /** Be empty, as a new dataset is. */
  clear(): void {
    if (this.#table.top !== 0) this.#table.destroy();
    this.#dropOrder();
    this.#ownSerial = undefined;
    for (const ns of this.#ns) if (ns !== 0) this.#blocks.drop(ns);
    this.#ns.fill(0);
    this.#serials.fill(0);
    this.#flags = 0;
    this.#changedKinds = 0;
    this.#hasOtherChange = true;
  }

  /** Tell whether every initial list is complete: without it, names that depend on an object are SERVFAIL. */
  setSynced(isSynced: boolean): void {
    const flags = isSynced ? this.#flags | DATASET_FLAG.SYNCED : this.#flags & ~DATASET_FLAG.SYNCED;
    if (flags === this.#flags) return;
    this.#flags = flags;
    this.#hasOtherChange = true;
  }

  /**
   * For SnapshotBuilder: the DATASET block of the next root; the same block if nothing changed.
   *
   * @param serial  for a dataset with a changed record
   */
  writeBlock(serial: number): number {
    if (!this.hasChange) return this.#block;
    this.#openTable();
    for (let kind = 0; kind < ZONE_KIND_COUNT; kind++) {
      // A clock that is set back must not make a secondary believe that it has the newest zone.
      if ((this.#changedKinds & (1 << kind)) !== 0) this.#serials[kind] = Math.max(serial, this.#serials[kind]!);
    }
    if (this.#ownSerial !== undefined) this.#serials[ZONE_KIND.CLUSTER] = this.#ownSerial;
    const block = this.#blocks.take(DATASET.words, true);
    if (this.#block !== 0) this.#blocks.drop(this.#block);
    this.#block = block;
    const base = block * 2;
    const at = DATASET.at;
    this.#words[base + at.top] = this.#table.top;
    this.#words[base + at.depth] = this.#table.depth;
    this.#words[base + at.entryCount] = this.#table.entryCount;
    this.#words[base + at.flags] = this.#flags;
    this.#words[base + at.order] = this.#order;
    for (const kind of [ZONE_KIND.CLUSTER, ZONE_KIND.EXTERNAL, ZONE_KIND.CLUSTERSET]) {
      this.#words[base + SERIAL_FIELDS[kind]] = this.#serials[kind]!;
      if (kind !== ZONE_KIND.CLUSTERSET) this.#words[base + NS_FIELDS[kind]] = this.#ns[kind]!;
    }
    return block;
  }

  /** For SnapshotBuilder: the change set is published. */
  commit(): void {
    if (!this.hasChange) return;
    this.#changedKinds = 0;
    this.#hasOtherChange = false;
    this.#keep();
  }

  /** For SnapshotBuilder: the change set's blocks are gone. */
  rollBack(): void {
    const { block, serials, flags, ns, order, ownSerial } = this.#published;
    this.#table.restore();
    this.#block = block;
    this.#flags = flags;
    for (let kind = 0; kind < ZONE_KIND_COUNT; kind++) {
      this.#serials[kind] = serials[kind]!;
      this.#ns[kind] = ns[kind]!;
    }
    this.#order = order;
    this.#ownSerial = ownSerial;
    this.#changedKinds = 0;
    this.#hasOtherChange = block === 0;
  }

  /** For SnapshotBuilder: the dataset leaves the root. */
  destroy(): void {
    if (this.#table.top !== 0) this.#table.destroy();
    for (const ns of this.#ns) if (ns !== 0) this.#blocks.drop(ns);
    this.#dropOrder();
    if (this.#block !== 0) this.#blocks.drop(this.#block);
  }

  /** What is now is what rollBack puts back. */
  #keep(): void {
    const published = this.#published;
    this.#table.keep();
    published.block = this.#block;
    published.flags = this.#flags;
    for (let kind = 0; kind < ZONE_KIND_COUNT; kind++) {
      published.serials[kind] = this.#serials[kind]!;
      published.ns[kind] = this.#ns[kind]!;
    }
    published.order = this.#order;
    published.ownSerial = this.#ownSerial;
  }

  #openTable(): void {
    if (this.#table.top === 0) this.#table.create();
  }

  #hashOf(entry: Uint32Array): number {
    const head = entry[0]!;
    return hashKey(entry, 1, head & ENTRY_KEY_SIZE_MASK, (head >>> 8) & 0xf, this.#hashSeed);
  }

  /** Reference of the entry of a name, 0 if it is not there. Overwrites the writer; the hash stays in `lastHash`. */
  #findName(key: Uint8Array, start: number, keySpace: KeySpace): number {
    encodeEnt(this.#writer, key, start, keySpace, 0);
    this.#lastHash = this.#hashOf(this.#writer.words);
    return this.#table.find(this.#lastHash, this.#writer.words, 0);
  }

  /** Let the entry in the writer stand for its name. */
  #store(keySpace: KeySpace): void {
    const { words } = this.#writer;
    const hash = this.#hashOf(words);
    this.#storeAs(hash, this.#table.find(hash, words, 0), keySpace);
  }

  /** As `store`, of a name that has been looked up. */
  #storeAs(hash: number, existing: number, keySpace: KeySpace): void {
    const { count } = this.#writer;
    if (existing === 0) {
      this.#table.insert(hash, this.#takeEntry(false));
    } else {
      if (this.#isEqual(existing)) return;
      const size = this.#blocks.sizeOf(existing);
      if (this.#blocks.isFresh(existing) && size - count * 4 >= 0 && size - count * 4 < 8) {
        this.#write(existing);
        this.#verify(existing);
      } else {
        this.#table.replace(hash, existing, this.#takeEntry(count * 4 <= size));
      }
    }
    this.#noteChange(keySpace);
  }

  #removeName(key: Uint8Array, start: number, keySpace: KeySpace): void {
    const existing = this.#findName(key, start, keySpace);
    if (existing === 0) return;
    this.#table.remove(this.#lastHash, existing);
    this.#noteChange(keySpace);
  }

  #dropOrder(): void {
    if (this.#order === 0) return;
    this.#blocks.drop(this.#order);
    this.#order = 0;
    this.#hasOtherChange = true;
  }

  #noteChange(keySpace: KeySpace): void {
    // It refers to entries.
    this.#dropOrder();
    const zoneKind = zoneKindOf(keySpace);
    if (zoneKind === undefined) this.#hasOtherChange = true;
    else this.#changedKinds |= 1 << zoneKind;
  }

  /** A name of a reverse key space came into being: its parent has one child more, and exists from the first on. */
  #countChild(key: Uint8Array, keySpace: KeySpace): void {
    for (let start = key[0]! + 1; start < key.length; start += key[start]! + 1) {
      const existing = this.#findName(key, start, keySpace);
      if (existing !== 0 && this.#blocks.isFresh(existing)) {
        this.#words[this.#childCountAt(existing)]!++;
        this.#noteChange(keySpace);
        return;
      }
      const childCount = existing === 0 ? 0 : this.#words[this.#childCountAt(existing)]!;
      encodeEnt(this.#writer, key, start, keySpace, childCount + 1);
      this.#storeAs(this.#lastHash, existing, keySpace);
      if (existing !== 0) return;
    }
  }

  #discountChild(key: Uint8Array, keySpace: KeySpace): void {
    for (let start = key[0]! + 1; start < key.length; start += key[start]! + 1) {
      const existing = this.#findName(key, start, keySpace);
      const childCount = this.#words[this.#childCountAt(existing)]!;
      if (childCount === 1) {
        this.#removeName(key, start, keySpace);
      } else {
        encodeEnt(this.#writer, key, start, keySpace, childCount - 1);
        this.#storeAs(this.#lastHash, existing, keySpace);
        return;
      }
    }
  }

  /** Index of the word with an ENT's number of children. */
  #childCountAt(entry: number): number {
    return entry * 2 + 1 + wordsFor(this.#words[entry * 2]! & ENTRY_KEY_SIZE_MASK);
  }

  /** The block begins with the writer's words; an entry's or NS block's words tell where it ends, so it equals them. */
  #isEqual(block: number): boolean {
    const { words, count } = this.#writer;
    const base = block * 2;
    for (let index = 0; index < count; index++) if (this.#words[base + index] !== words[index]) return false;
    return true;
  }

  #takeEntry(isReserveOpen: boolean): number {
    const entry = this.#takeWritten(isReserveOpen);
    this.#verify(entry);
    return entry;
  }

  #verify(entry: number): void {
    try {
      verifyEntry(this.#words, entry, this.#writer.count);
    } catch (error) {
      this.#blocks.breakOff();
      throw error;
    }
  }

  #takeWritten(isReserveOpen: boolean): number {
    const block = this.#blocks.take(this.#writer.count, isReserveOpen);
    this.#write(block);
    return block;
  }

  #write(block: number): void {
    const { words, count } = this.#writer;
    const base = block * 2;
    for (let index = 0; index < count; index++) this.#words[base + index] = words[index]!;
    if (count % 2 === 1) this.#words[base + count] = 0;
  }
}
