/** The names of one `kubernetes` block: what the cluster holds, the records that follow, and their way into a dataset. */
import type { SkyshardError } from '../../base/skyshard-error.ts';
import { ClusterRecords } from '../../records/cluster-records.ts';
import type { RecordOptions } from '../../records/record-options.ts';
import type { DatasetBuilder } from '../../snapshot/dataset-builder.ts';
import { RecordJournal } from './record-journal.ts';
import type { TurnSlice } from '../turn-slice.ts';

/** Services whose names are written at a time while lists come: state and names take turns in the CPU's caches. */
const READY_MIN = 128;

export interface InstanceOptions {
  /** index of its dataset */
  readonly dataset: number;
  readonly options: RecordOptions;
}

export class RecordInstance {
  readonly dataset: number;
  /** lower-cased, without a dot at the end */
  readonly zones: readonly string[];
  readonly records: ClusterRecords;
  readonly #journal: RecordJournal;
  readonly #sink: DatasetBuilder;
  /** all kinds of objects are listed: names are answered */
  isSynced = false;

  /** @param isRoomy  whether the buffer has plenty of room */
  constructor({ dataset, options }: InstanceOptions, sink: DatasetBuilder, isRoomy: () => boolean) {
    this.dataset = dataset;
    this.zones = options.zones;
    this.#sink = sink;
    this.#journal = new RecordJournal(sink, isRoomy);
    this.records = new ClusterRecords(options, this.#journal);
  }

  get nameCount(): number {
    return this.#sink.entryCount;
  }

  /** Why the dataset has not all that follows from the objects; undefined: it has. */
  get fault(): SkyshardError | undefined {
    return this.#journal.fault;
  }

  /** The buffer has just been found full: the change set is to be given up. */
  get isBroken(): boolean {
    return this.#journal.isBroken;
  }

  /** Whether only writing all names anew brings the dataset up to date. */
  get isLost(): boolean {
    return this.#journal.isLost;
  }

  /** Write the names that every zone has, whatever the cluster holds. All others wait for `completeInSteps`. */
  writeFixedNames(): void {
    this.records.apply([]);
    this.#sink.keepSerials();
    this.records.postpone();
  }

  /** All kinds of objects are listed: write their names, which are answered from the next publication on. */
  *completeInSteps(): Generator<void, void> {
    if (this.isSynced) return;
    this.isSynced = true;
    yield* this.records.completeInSteps();
  }

  /** Before all kinds are listed: write names that will hardly change until then, while others come. Nobody sees them yet. */
  *prepareInSteps(): Generator<void, void> {
    if (this.isSynced || this.fault !== undefined || this.records.state.readyCount < READY_MIN) return;
    yield* this.records.writeReadyInSteps();
  }

  /** Objects changed: the serial of the zones moves, also where no record did. */
  moveSerial(): void {
    if (this.fault === undefined) this.#sink.moveSerial();
  }

  /** Write what the dataset lacks; `fault` tells whether it took that. */
  async restore(slice: TurnSlice): Promise<void> {
    const isLost = this.isLost;
    if (isLost) this.#sink.clear();
    this.#journal.replay(this.#sink, 'all');
    if (isLost) await slice.run(this.records.rewriteInSteps(this.#journal));
    this.moveSerial();
  }

  /** Write of what the dataset lacks only what makes room. */
  makeRoom(): void {
    if (!this.isLost && this.fault !== undefined) this.#journal.replay(this.#sink, 'removals');
  }

  /** Before a publication. */
  markSynced(): void {
    this.#sink.setSynced(this.isSynced);
  }

  /** What was written is published. Before the first list is complete nothing is remembered. */
  notePublished(): void {
    if (this.isSynced) this.#journal.clear();
  }

  /** What was written since the last publication is gone from the dataset. */
  noteAborted(fault: SkyshardError): void {
    if (this.#journal.hasUnpublished) this.#journal.suspend(fault);
  }
}
