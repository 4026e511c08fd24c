/**
 * One dataset as main writes it: the records of one `kubernetes` instance. The blocks in the buffer are its state;
 * beside them it keeps a handful of numbers. Nothing is visible to readers before SnapshotBuilder.publish.
 */
import type { BlockTransaction } from './block-transaction.ts';
import { encodeEnt, encodeEntry, encodeNameServers, WordWriter } from './entry-encoder.ts';
import type { AddressSets, EntryContent, RecordSink } from './entry-content.ts';
import { hashKey } from './key-hash.ts';
import { NamesTable } from './names-table.ts';
import type { TableState } from './names-table.ts';
import { encodeTargets, mergePointer } from './pointer-merge.ts';
import { DATASET, DATASET_FLAG, ENTRY_KEY_SIZE_MASK, KEY_SPACE, wordsFor } from './snapshot-layout.ts';
import type { KeySpace } from './snapshot-layout.ts';
import { verifyEntry } from './verify.ts';

/** What an abort puts back. */
interface DatasetState {
  readonly table: TableState;
  readonly block: number;
  readonly serial: number;
  readonly flags: number;
  readonly ns: number;
}

export class DatasetBuilder implements RecordSink {
  readonly #blocks: BlockTransaction;
  readonly #words: Uint32Array;
  readonly #hashSeed: number;
  readonly #table: NamesTable;
  readonly #writer = new WordWriter();
  readonly #targets = new WordWriter();
  /** reference of the DATASET block, 0 before the first publication */
  #block = 0;
  #serial = 0;
  #flags = 0;
  #ns = 0;
  #hasRecordChange = false;
  /** anything but records */
  #hasOtherChange = true;
  #published: DatasetState;

  constructor(blocks: BlockTransaction, hashSeed: number) {
    this.#blocks = blocks;
    this.#words = blocks.words;
    this.#hashSeed = hashSeed;
    this.#table = new NamesTable(blocks);
    this.#published = this.#state();
  }

  /** Number of names, empty non-terminals included. */
  get entryCount(): number {
    return this.#table.entryCount;
  }

  /** SOA serial: Unix seconds of the last change of a record, 0 before any. */
  get serial(): number {
    return this.#serial;
  }

  get isSynced(): boolean {
    return (this.#flags & DATASET_FLAG.SYNCED) !== 0;
  }

  get hasChange(): boolean {
    return this.#hasRecordChange || this.#hasOtherChange;
  }

  put(key: Uint8Array, content: EntryContent): void {
    this.#openTable();
    encodeEntry(this.#writer, key, KEY_SPACE.FORWARD, content);
    this.#store();
  }

  remove(key: Uint8Array): void {
    this.#openTable();
    this.#removeName(key, KEY_SPACE.FORWARD);
  }

  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isClusterIp: boolean,
  ): void {
    this.#openTable();
    const existing = this.#findName(address, keySpace);
    encodeTargets(this.#targets, serviceName, labels, isClusterIp);
    const isLeft = mergePointer(this.#writer, address, keySpace, this.#words, existing, this.#targets, serviceName);
    if (isLeft) {
      this.#store();
      if (existing === 0) this.#countChild(address, keySpace);
    } else if (existing !== 0) {
      this.#removeName(address, keySpace);
      this.#discountChild(address, keySpace);
    }
  }

  nameServers(servers: readonly ({ readonly name: Uint8Array } & AddressSets)[]): void {
    if (servers.length === 0) {
      if (this.#ns === 0) return;
      this.#blocks.drop(this.#ns);
      this.#ns = 0;
    } else {
      encodeNameServers(this.#writer, servers);
      if (this.#ns !== 0 && this.#isEqual(this.#ns)) return;
      const block = this.#takeWritten(true);
      if (this.#ns !== 0) this.#blocks.drop(this.#ns);
      this.#ns = block;
    }
    this.#hasRecordChange = true;
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
    if (this.#hasRecordChange) this.#serial = serial;
    const block = this.#blocks.take(DATASET.words, true);
    if (this.#block !== 0) this.#blocks.drop(this.#block);
    this.#block = block;
    const base = block * 2;
    const at = DATASET.at;
    this.#words[base + at.top] = this.#table.top;
    this.#words[base + at.depth] = this.#table.depth;
    this.#words[base + at.entryCount] = this.#table.entryCount;
    this.#words[base + at.serial] = this.#serial;
    this.#words[base + at.flags] = this.#flags;
    this.#words[base + at.ns] = this.#ns;
    return block;
  }

  /** For SnapshotBuilder: the change set is published. */
  commit(): void {
    if (!this.hasChange) return;
    this.#hasRecordChange = false;
    this.#hasOtherChange = false;
    this.#published = this.#state();
  }

  /** For SnapshotBuilder: the change set's blocks are gone. */
  rollBack(): void {
    const { table, block, serial, flags, ns } = this.#published;
    this.#table.restore(table);
    this.#block = block;
    this.#serial = serial;
    this.#flags = flags;
    this.#ns = ns;
    this.#hasRecordChange = false;
    this.#hasOtherChange = block === 0;
  }

  /** For SnapshotBuilder: the dataset leaves the root. */
  destroy(): void {
    if (this.#table.top !== 0) this.#table.destroy();
    if (this.#ns !== 0) this.#blocks.drop(this.#ns);
    if (this.#block !== 0) this.#blocks.drop(this.#block);
  }

  #state(): DatasetState {
    return {
      table: this.#table.state(),
      block: this.#block,
      serial: this.#serial,
      flags: this.#flags,
      ns: this.#ns,
    };
  }

  #openTable(): void {
    if (this.#table.top === 0) this.#table.create();
  }

  #hashOf(entry: Uint32Array): number {
    const head = entry[0]!;
    return hashKey(entry, 1, head & ENTRY_KEY_SIZE_MASK, (head >>> 8) & 0xf, this.#hashSeed);
  }

  /** Reference of the entry of a name, 0 if it is not there. Overwrites the writer. */
  #findName(key: Uint8Array, keySpace: KeySpace): number {
    encodeEnt(this.#writer, key, keySpace, 0);
    return this.#table.find(this.#hashOf(this.#writer.words), this.#writer.words, 0);
  }

  /** Let the entry in the writer stand for its name. */
  #store(): void {
    const { words, count } = this.#writer;
    const hash = this.#hashOf(words);
    const existing = this.#table.find(hash, words, 0);
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
    this.#hasRecordChange = true;
  }

  #removeName(key: Uint8Array, keySpace: KeySpace): void {
    const existing = this.#findName(key, keySpace);
    if (existing === 0) return;
    this.#table.remove(this.#hashOf(this.#writer.words), existing);
    this.#hasRecordChange = true;
  }

  /** A name of a reverse key space came into being: its parent has one child more, and exists from the first on. */
  #countChild(key: Uint8Array, keySpace: KeySpace): void {
    for (let offset = key[0]! + 1; offset < key.length; offset += key[offset]! + 1) {
      const parent = key.subarray(offset);
      const existing = this.#findName(parent, keySpace);
      const childCount = existing === 0 ? 0 : this.#childCountOf(existing);
      encodeEnt(this.#writer, parent, keySpace, childCount + 1);
      this.#store();
      if (existing !== 0) return;
    }
  }

  #discountChild(key: Uint8Array, keySpace: KeySpace): void {
    for (let offset = key[0]! + 1; offset < key.length; offset += key[offset]! + 1) {
      const parent = key.subarray(offset);
      const childCount = this.#childCountOf(this.#findName(parent, keySpace));
      if (childCount === 1) {
        this.#removeName(parent, keySpace);
      } else {
        encodeEnt(this.#writer, parent, keySpace, childCount - 1);
        this.#store();
        return;
      }
    }
  }

  #childCountOf(entry: number): number {
    const keySize = this.#words[entry * 2]! & ENTRY_KEY_SIZE_MASK;
    return this.#words[entry * 2 + 1 + wordsFor(keySize)]!;
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
