/**
 * From changes of objects to published snapshots. Changes are taken one set after the other, in slices that leave the
 * event loop free in between; each set becomes visible as a whole.
 *
 * When the buffer is full, the last snapshot stays and the change set waits. What it removes is published alone, to make
 * room; then all that waits is tried again, with the next change or after a while.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ObjectChange } from '../kubernetes/objects.ts';
import { ClusterRecords } from '../records/cluster-records.ts';
import type { MainCounters } from '../observability/server-metrics.ts';
import type { RecordOptions } from '../records/record-options.ts';
import type { SnapshotBuilder } from '../snapshot/builder.ts';
import type { SnapshotConfig } from '../snapshot/config-writer.ts';
import { RecordJournal } from './record-journal.ts';
import type { LogFunction } from './server-options.ts';

/** How long main works on changes before it looks after everything else, ms. */
const SLICE_MS = 10;
/** When a change set that found the buffer full is tried again, ms. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;

/** One `kubernetes` instance: the dataset of its names, and what it makes of the objects. */
export interface RecordInstance {
  readonly dataset: number;
  readonly options: RecordOptions;
}

export interface RecordPublisherOptions {
  readonly builder: SnapshotBuilder;
  /** all of them see the same objects */
  readonly records: readonly RecordInstance[];
  /** datasets of the configuration, those of others included */
  readonly datasetCount: number;
  /** all objects there are, for an instance that a reload makes; undefined: there is no source */
  readonly readAll?: (() => Promise<readonly ObjectChange[]>) | undefined;
  readonly config: SnapshotConfig;
  readonly counters: MainCounters;
  readonly log: LogFunction;
}

interface Instance {
  readonly dataset: number;
  readonly options: RecordOptions;
  readonly journal: RecordJournal;
  readonly records: ClusterRecords;
}

export class RecordPublisher {
  readonly #options: RecordPublisherOptions;
  readonly #builder: SnapshotBuilder;
  #instances: readonly Instance[];
  #datasetCount: number;
  /** of those before, the ones that nothing is in */
  readonly #freeDatasets: number[] = [];
  readonly #counters: MainCounters;
  readonly #log: LogFunction;
  /** the change set before this one */
  #last: Promise<void> = Promise.resolve();
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  #isBehind = false;
  #isClosed = false;

  constructor(options: RecordPublisherOptions) {
    this.#options = options;
    this.#builder = options.builder;
    this.#counters = options.counters;
    this.#log = options.log;
    options.builder.setConfig(options.config);
    this.#instances = options.records.map((instance) => this.#instanceOf(instance));
    this.#datasetCount = options.datasetCount;
  }

  /** Objects and names that are served, and what they take. */
  get statistics(): { readonly nameCount: number; readonly clusterSize: number; readonly isBehind: boolean } {
    let nameCount = 0;
    let clusterSize = 0;
    for (const { dataset, records } of this.#instances) {
      nameCount += this.#builder.dataset(dataset).entryCount;
      clusterSize += records.state.byteSize;
    }
    return { nameCount, clusterSize, isBehind: this.#isBehind };
  }

  /**
   * Take all objects there are and publish the first snapshot.
   *
   * @throws SkyshardError SNAPSHOT_FULL
   */
  async load(changes: readonly ObjectChange[]): Promise<void> {
    await this.#applyInSlices(changes);
    for (const { dataset } of this.#instances) this.#builder.dataset(dataset).setSynced(true);
    this.publishStart();
  }

  /**
   * Publish what there is before any object: names that depend on one are SERVFAIL.
   *
   * @throws SkyshardError SNAPSHOT_FULL
   */
  publishStart(): void {
    for (const { records } of this.#instances) records.apply([]);
    this.#builder.publish(unixSeconds());
    for (const { journal } of this.#instances) journal.startRemembering();
  }

  /** A dataset that nothing is in. */
  takeDataset(): number {
    return this.#freeDatasets.pop() ?? this.#datasetCount++;
  }

  /**
   * Give the memory of datasets back that the configuration does not name any more. Does not reject.
   *
   * @param used  all that it names
   */
  freeDatasets(used: ReadonlySet<number>): Promise<void> {
    const isUsed = (dataset: number): boolean => used.has(dataset) || this.#freeDatasets.includes(dataset);
    const unused = Array.from({ length: this.#datasetCount }, (_, dataset) => dataset).filter((one) => !isUsed(one));
    if (unused.length === 0) return this.#last;
    const free = (): void => {
      for (const dataset of unused) this.#builder.emptyDataset(dataset);
      this.#freeDatasets.push(...unused);
    };
    // What is not published can be tried again after the next reload.
    return this.write(free, () => void this.#freeDatasets.splice(-unused.length));
  }

  /**
   * Find the dataset for each `kubernetes` instance of another configuration: one with the same options keeps its records.
   *
   * @param datasetOf  told which dataset of the running server stands for which of the plan's
   */
  assignDatasets(wanted: readonly RecordInstance[], datasetOf: Map<number, number>): readonly RecordInstance[] {
    const free = [...this.#instances];
    return wanted.map(({ dataset, options }) => {
      const index = free.findIndex((instance) => JSON.stringify(instance.options) === JSON.stringify(options));
      const own = index < 0 ? this.takeDataset() : free.splice(index, 1)[0]!.dataset;
      datasetOf.set(dataset, own);
      return { dataset: own, options };
    });
  }

  /**
   * Make another configuration the one that is served, with the records it needs, in one publication.
   *
   * @param names  writes what comes from elsewhere
   * @throws SkyshardError SNAPSHOT_FULL; nothing has changed then
   */
  reconfigure(config: SnapshotConfig, wanted: readonly RecordInstance[], names: () => void): Promise<void> {
    const done = this.#last.then(() => this.#reconfigure(config, wanted, names));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /**
   * Write names that come from elsewhere and publish them, after all that was given before. Does not reject.
   *
   * @param onRefused  the buffer was full: nothing of it was taken
   */
  write(names: () => void, onRefused: () => void): Promise<void> {
    this.#last = this.#last.then(() => {
      if (this.#isClosed) return;
      let fault: SkyshardError | undefined;
      try {
        names();
      } catch (error) {
        if (!(error instanceof SkyshardError)) throw error;
        fault = error;
      }
      fault ??= this.#publish();
      if (fault === undefined) return;
      this.#builder.abort();
      this.#counters.snapshotPublishFailures++;
      this.#log('error', `${fault.code}: ${fault.message}; what was served before stays`);
      onRefused();
    });
    return this.#last;
  }

  /** Take changes and publish what follows from them, after all that was given before. Does not reject. */
  apply(changes: readonly ObjectChange[]): Promise<void> {
    this.#last = this.#last.then(() => this.#applyAndPublish(changes));
    return this.#last;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
  }

  async #reconfigure(config: SnapshotConfig, wanted: readonly RecordInstance[], names: () => void): Promise<void> {
    const known = new Map(this.#instances.map((instance) => [instance.dataset, instance]));
    const instances = wanted.map((instance) => known.get(instance.dataset) ?? this.#instanceOf(instance));
    const fresh = instances.filter((instance) => !known.has(instance.dataset));
    const { readAll } = this.#options;
    try {
      if (readAll !== undefined && fresh.length > 0) {
        await this.#applyInSlices(await readAll(), fresh);
        for (const { dataset } of fresh) this.#builder.dataset(dataset).setSynced(true);
      }
      names();
      this.#builder.setConfig(config);
      this.#builder.publish(unixSeconds());
    } catch (error) {
      this.#builder.abort();
      throw error;
    }
    for (const { journal } of fresh) journal.startRemembering();
    this.#instances = instances;
  }

  #instanceOf({ dataset, options }: RecordInstance): Instance {
    const journal = new RecordJournal(this.#builder.dataset(dataset));
    return { dataset, options, journal, records: new ClusterRecords(options, journal) };
  }

  async #applyAndPublish(changes: readonly ObjectChange[]): Promise<void> {
    if (this.#isClosed) return;
    await this.#applyInSlices(changes);
    if (this.#isBehind) this.#replay('all');
    const fault = this.#publish();
    if (fault === undefined) this.#noteSuccess();
    else this.#noteFault(fault);
  }

  /** @returns why nothing was published; the builder is as if nothing had been written then */
  #publish(): SkyshardError | undefined {
    let fault = this.#instances.find(({ journal }) => journal.fault !== undefined)?.journal.fault;
    try {
      if (fault === undefined) this.#builder.publish(unixSeconds());
    } catch (error) {
      if (!(error instanceof SkyshardError)) throw error;
      fault = error;
    }
    if (fault !== undefined) this.#builder.abort();
    return fault;
  }

  #replay(which: 'all' | 'removals'): void {
    for (const { dataset, journal } of this.#instances) journal.replay(this.#builder.dataset(dataset), which);
  }

  #noteSuccess(): void {
    for (const { journal } of this.#instances) journal.clear();
    this.#retryMs = RETRY_MS;
    if (this.#isBehind) this.#log('info', 'the changes that had to wait are published');
    this.#isBehind = false;
  }

  #noteFault(fault: SkyshardError): void {
    this.#counters.snapshotPublishFailures++;
    if (!this.#isBehind) {
      this.#log('error', `${fault.code}: ${fault.message}; the last snapshot is served until the change fits`);
    }
    this.#isBehind = true;
    this.#replay('removals');
    this.#publish();
    for (const { journal } of this.#instances) journal.suspend(fault);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.apply([]), this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  async #applyInSlices(
    changes: readonly ObjectChange[],
    instances: readonly Instance[] = this.#instances,
  ): Promise<void> {
    let sliceEndMs = performance.now() + SLICE_MS;
    for (const { records } of instances) {
      for (const _ of records.applyInSteps(changes)) {
        if (performance.now() < sliceEndMs) continue;
        await new Promise((resolve) => setImmediate(resolve));
        sliceEndMs = performance.now() + SLICE_MS;
      }
    }
  }
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
