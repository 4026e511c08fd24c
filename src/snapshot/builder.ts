/**
 * The snapshot as main writes it. Changes gather in one change set, in any number of turns of the event loop, and
 * become visible together:
 *
 *   dataset(0).put(…) … point(…) … setConfig(…)  →  publish()   or   abort()
 *
 * When the buffer is full, put, point, setConfig or publish throw SNAPSHOT_FULL. The change set is broken then and only
 * abort() is left: it frees what the change set took, the last published snapshot stays, and the same changes may be
 * tried again later. The last chunks of the buffer are kept for what does not grow: copies of the path to a name, and
 * entries that take the place of one not smaller. So in a full buffer names can still be removed and replaced; a caller
 * whose change set does not fit should offer its removals first, in a change set of their own.
 */
import { assert } from '../base/assert.ts';
import { BlockAllocator } from '../memory/block-allocator.ts';
import type { BlockAllocatorOptions, BlockStatistics } from '../memory/block-allocator.ts';
import { BUFFER_HEADER } from '../memory/buffer-layout.ts';
import { EpochWriter, nextGeneration } from '../memory/epochs.ts';
import { checkSharedBuffer } from '../memory/shared-buffer.ts';
import { BlockTransaction } from './block-transaction.ts';
import { compileConfig } from './config-writer.ts';
import type { SnapshotConfig } from './config-description.ts';
import { DatasetBuilder } from './dataset-builder.ts';
import type { ChangedRows } from './names-table.ts';
import { LAYOUT_VERSION, ROOT, SNAPSHOT_MAGIC } from './snapshot-layout.ts';
import { changeVerifier } from './verify.ts';

/** A buffer of which more than this part is in use is not roomy. */
const ROOMY_DIVISOR = 2;

export interface Publication {
  readonly generation: number;
  /** octets of the blocks the change set wrote */
  readonly writtenSize: number;
}

export interface BuilderStatistics {
  readonly blocks: BlockStatistics;
  /** blocks of older snapshots that readers may still hold */
  readonly retainedCount: number;
  readonly retainedSize: number;
}

export class SnapshotBuilder {
  /** reader slots, stalled readers, bytes retained */
  readonly epochs: EpochWriter;
  readonly #allocator: BlockAllocator;
  readonly #blocks: BlockTransaction;
  readonly #words: Uint32Array;
  readonly #hashSeed: number;
  readonly #verify: (root: number) => void;
  #datasets: DatasetBuilder[] = [];
  #config: number[] = [];
  #root = 0;
  #hasConfigChange = false;
  #published: { readonly datasets: readonly DatasetBuilder[]; readonly config: readonly number[] } = {
    datasets: [],
    config: [],
  };

  /** @param buffer  from reserveSharedBuffer, without a snapshot in it */
  constructor(buffer: SharedArrayBuffer, options: BlockAllocatorOptions = {}) {
    checkSharedBuffer(buffer);
    this.#allocator = new BlockAllocator(buffer, options);
    this.epochs = new EpochWriter(buffer, this.#allocator);
    assert(this.epochs.root === 0, 'the buffer has a snapshot already');
    this.#blocks = new BlockTransaction(buffer, this.#allocator, this.epochs);
    this.#words = this.#blocks.words;
    const verify = changeVerifier(this.#words, this.#blocks.freshBits);
    const rowsOf = (index: number): ChangedRows | undefined => this.#datasets[index]!.changedRows;
    this.#verify = (root) => verify(root, rowsOf);
    this.#hashSeed = this.#words[BUFFER_HEADER.at.hashSeed]!;
  }

  get hasChange(): boolean {
    return !this.#blocks.isEmpty || this.#hasConfigChange || this.#datasets.some((dataset) => dataset.hasChange);
  }

  /** A dataset by its index in the root; it is made, with those before it, when it is first asked for. */
  dataset(index: number): DatasetBuilder {
    while (this.#datasets.length <= index) this.#datasets.push(new DatasetBuilder(this.#blocks, this.#hashSeed));
    return this.#datasets[index]!;
  }

  /** Let go of the datasets from an index on. */
  dropDatasets(from: number): void {
    for (const dataset of this.#datasets.slice(from)) dataset.destroy();
    if (from < this.#datasets.length) this.#hasConfigChange = true;
    this.#datasets = this.#datasets.slice(0, from);
  }

  /** Replace listeners, routes and steps. */
  setConfig(config: SnapshotConfig): void {
    const compiled = compileConfig(this.#blocks, config, this.#hashSeed);
    for (const reference of this.#config) this.#blocks.drop(reference);
    this.#config = compiled;
    this.#hasConfigChange = true;
  }

  /**
   * Make the change set visible: readers see it at their next batch.
   *
   * @param serial  Unix seconds: SOA serial of the datasets with a changed record
   * @returns undefined if nothing had changed
   * @throws SkyshardError SNAPSHOT_FULL, SNAPSHOT_CORRUPT (a bug, found before readers could meet it); then `abort`
   */
  publish(serial: number): Publication | undefined {
    assert(!this.#blocks.isBroken, 'a change set that failed can only be aborted');
    if (!this.hasChange) {
      this.epochs.reclaim();
      return undefined;
    }
    if (this.#config.length === 0) this.setConfig({ listeners: [] });
    const root = this.#writeRoot(serial);
    try {
      // Entries were looked at when they were written.
      this.#verify(root);
    } catch (error) {
      this.#blocks.breakOff();
      throw error;
    }
    const writtenSize = this.#blocks.takenSize;
    const generation = this.epochs.publish(root);
    this.#blocks.commit();
    this.#root = root;
    for (const dataset of this.#datasets) dataset.commit();
    if (this.#hasConfigChange || this.#published.datasets.length !== this.#datasets.length) {
      this.#published = { datasets: this.#datasets.slice(), config: this.#config.slice() };
    }
    this.#hasConfigChange = false;
    this.epochs.reclaim();
    return { generation, writtenSize };
  }

  /** Forget the change set and free what it took. */
  abort(): void {
    this.#blocks.rollBack();
    // Datasets that were new stay, empty, so that who holds one may fill it again.
    const { datasets, config } = this.#published;
    this.#datasets = [...datasets, ...this.#datasets.slice(datasets.length)];
    this.#config = config.slice();
    for (const dataset of this.#datasets) dataset.rollBack();
    this.#hasConfigChange = false;
  }

  statistics(): BuilderStatistics {
    return {
      blocks: this.#allocator.statistics(),
      retainedCount: this.epochs.retainedCount,
      retainedSize: this.epochs.retainedSize,
    };
  }

  /** Octets of all live blocks, those retained for readers included. */
  get liveSize(): number {
    return this.#allocator.liveSize;
  }

  /** Most of the buffer is free: only what is as large as all that is there could find it full. */
  get isRoomy(): boolean {
    return this.#allocator.reservedSize < this.#allocator.capacity / ROOMY_DIVISOR;
  }

  #writeRoot(serial: number): number {
    const datasets = this.#datasets.map((dataset) => dataset.writeBlock(serial));
    const root = this.#blocks.take(ROOT.words + datasets.length, true);
    if (this.#root !== 0) this.#blocks.drop(this.#root);
    const base = root * 2;
    const at = ROOT.at;
    this.#words[base + at.magic] = SNAPSHOT_MAGIC;
    this.#words[base + at.version] = LAYOUT_VERSION;
    this.#words[base + at.generation] = nextGeneration(this.epochs.generation);
    this.#words[base + at.config] = this.#config[0]!;
    this.#words[base + at.datasetCount] = datasets.length;
    this.#words.set(datasets, base + at.datasets);
    return root;
  }
}
