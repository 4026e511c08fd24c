/**
 * From changes of objects to published snapshots. Changes are taken one set after the other, in slices that leave the
 * event loop free in between; each set becomes visible as a whole.
 *
 * When the buffer is full, the last snapshot stays and the change set waits. What it removes is published alone, to make
 * room; then all that waits is tried again, with the next change or after a while.
 */
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { ObjectKind } from '../../kubernetes/object-sink.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { MainCounters } from '../../observability/counters/server-metrics.ts';
import type { SnapshotBuilder } from '../../snapshot/builder.ts';
import type { SnapshotConfig } from '../../snapshot/config-description.ts';
import { RecordInstance, type InstanceOptions } from './record-instance.ts';
import { RecordSource, type RecordQueue } from './record-source.ts';
import { TurnSlice } from '../turn-slice.ts';

/** When a change set that found the buffer full is tried again, ms. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;

export interface RecordPublisherOptions {
  readonly builder: SnapshotBuilder;
  readonly config: SnapshotConfig;
  /** datasets of the configuration: 0 … datasetCount - 1 */
  readonly datasetCount: number;
  readonly counters: MainCounters;
  readonly log: LogFunction;
  /** told of a bug on the way there, which ends the server */
  readonly fail: (error: unknown) => void;
}

/** Names that follow from no object. */
export interface OtherNames {
  /** put them into their datasets */
  write(): void;
  /** the buffer was full: nothing of it was taken */
  revert(): void;
}

export class RecordPublisher implements RecordQueue {
  readonly slice = new TurnSlice();
  readonly #options: RecordPublisherOptions;
  readonly #builder: SnapshotBuilder;
  readonly #counters: MainCounters;
  readonly #log: LogFunction;
  #sources: readonly RecordSource[] = [];
  /** those of all sources */
  #instances: readonly RecordInstance[] = [];
  /** told of each publication */
  onPublished: () => void = () => undefined;
  #datasetCount: number;
  #freeDatasets: number[] = [];
  /** the task before this one */
  #last: Promise<void> = Promise.resolve();
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  /** why something waits; undefined: nothing does */
  #fault: SkyshardError | undefined;
  #isStarted = false;
  #isClosed = false;

  constructor(options: RecordPublisherOptions) {
    this.#options = options;
    this.#builder = options.builder;
    this.#counters = options.counters;
    this.#log = options.log;
    this.#datasetCount = options.datasetCount;
  }

  /** Names that are served, and what the objects behind them take. */
  get statistics(): { readonly nameCount: number; readonly clusterSize: number; readonly isBehind: boolean } {
    let nameCount = 0;
    let clusterSize = 0;
    for (const instance of this.#instances) {
      nameCount += instance.nameCount;
      clusterSize += instance.records.byteSize;
    }
    return { nameCount, clusterSize, isBehind: this.#fault !== undefined };
  }

  /** Zones of clusters, lower-cased, without a dot at the end. */
  get servedZones(): readonly { readonly zone: string; readonly dataset: number; readonly isSynced: boolean }[] {
    return this.#instances.flatMap(({ zones, dataset, isSynced }) =>
      zones.map((zone) => ({ zone, dataset, isSynced })),
    );
  }

  /**
   * Take in a source of objects and what it feeds. Nothing of it is published before the kinds are listed.
   *
   * @param kinds  those that have to be listed
   */
  addSource(kinds: readonly ObjectKind[], instances: readonly InstanceOptions[]): RecordSource {
    const isRoomy = (): boolean => this.#builder.isRoomy;
    const made = instances.map(
      (instance) => new RecordInstance(instance, this.#builder.dataset(instance.dataset), isRoomy),
    );
    const source = new RecordSource(kinds, made, this);
    this.#sources = [...this.#sources, source];
    this.#instances = [...this.#instances, ...made];
    void this.enqueue(() => {
      for (const instance of made) instance.writeFixedNames();
    });
    return source;
  }

  /**
   * Publish what there is: the names of sources that are synced, of others only those that depend on no object. Before this
   * nothing is published.
   *
   * @param names  writes what comes from elsewhere
   * @throws SkyshardError SNAPSHOT_FULL
   */
  start(names: () => void = () => undefined): Promise<void> {
    return this.enqueue(async () => {
      this.hold();
      this.#builder.setConfig(this.#options.config);
      names();
      this.#isStarted = true;
      const fault = await this.#attempt();
      if (fault !== undefined) throw fault;
      this.#noteSuccess();
    });
  }

  /** A dataset that nothing is in. */
  takeDataset(): number {
    return this.#freeDatasets.pop() ?? this.#datasetCount++;
  }

  /** Datasets that were taken and nothing was written to. */
  giveBack(datasets: readonly number[]): void {
    this.#freeDatasets.push(...datasets);
  }

  /**
   * Make another configuration the one that is served, in one publication.
   *
   * @param datasets  all that it has; others are given back, and who fed them alone is closed
   * @param names     what comes from elsewhere
   * @throws SkyshardError SNAPSHOT_FULL; nothing has changed then
   */
  reconfigure(config: SnapshotConfig, datasets: ReadonlySet<number>, names: OtherNames): Promise<void> {
    return this.enqueue(() => {
      const free = new Set(this.#freeDatasets);
      const unused = Array.from({ length: this.#datasetCount }, (_, dataset) => dataset).filter(
        (dataset) => !datasets.has(dataset) && !free.has(dataset),
      );
      const fault = this.#attemptWith(() => {
        names.write();
        this.#builder.setConfig(config);
        for (const dataset of unused) this.#builder.dataset(dataset).clear();
      });
      if (fault !== undefined) {
        names.revert();
        throw fault;
      }
      this.#freeDatasets.push(...unused);
      this.#keepInstances((instance) => datasets.has(instance.dataset));
    });
  }

  /** Let go of a source that no configuration has come to use. */
  dropSource(source: RecordSource): Promise<void> {
    return this.enqueue(() => {
      const dropped = source.instances.map(({ dataset }) => dataset);
      this.#keepInstances((instance) => !source.instances.includes(instance));
      for (const dataset of dropped) this.#builder.dataset(dataset).clear();
      if (this.#isStarted && this.#attemptWith(() => undefined) !== undefined) return;
      this.#freeDatasets.push(...dropped);
    });
  }

  /** Write names that come from elsewhere and publish them, after all that was given before. Does not reject. */
  write(names: OtherNames): Promise<void> {
    return this.enqueue(() => {
      const fault = this.#attemptWith(() => names.write());
      if (fault === undefined) return;
      this.#counters.snapshotPublishFailures++;
      this.#log('error', `${fault.code}: ${fault.message}; what was served before stays`);
      names.revert();
    });
  }

  /**
   * The same for more names than one turn of the event loop has time for. Before the start they are written and become
   * visible with it. Does not reject.
   *
   * @param steps  writes them, and stops now and then; called when it is their turn
   * @returns why nothing was published: the datasets are as they were then
   */
  async writeInSteps(steps: () => Generator<void, void>): Promise<SkyshardError | undefined> {
    let fault: SkyshardError | undefined;
    await this.enqueue(async () => {
      try {
        await this.slice.run(steps());
        fault = this.#attemptWith(() => undefined);
      } catch (error) {
        if (!(error instanceof SkyshardError)) throw error;
        this.#giveUp(error);
        fault = error;
      }
      if (fault !== undefined) this.#counters.snapshotPublishFailures++;
    });
    return fault;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
  }

  /** Run something after all that was asked for before. Rejects with what it throws. */
  enqueue(task: () => Promise<void> | void): Promise<void> {
    const done = this.#last.then(() => (this.#isClosed ? undefined : task()));
    this.#last = done.catch((error: unknown) => {
      if (!(error instanceof SkyshardError)) this.#options.fail(error);
    });
    return done;
  }

  /** Publish what was written, and all that had to wait. Only for a task. @returns to be waited for; undefined: it is done */
  publish(isRetry = false): Promise<void> | undefined {
    if (!this.#isStarted) this.hold();
    // To write everything anew takes long: not with every change, while there is no room.
    else if (this.#fault !== undefined && !isRetry && this.#instances.some(isWrittenAnew)) this.#giveUp(this.#fault);
    else if (this.#instances.some(({ fault }) => fault !== undefined)) return this.#publishAll();
    else this.#noteOutcome(this.#attemptWith(() => this.#markSynced()));
    return undefined;
  }

  async #publishAll(): Promise<void> {
    this.#noteOutcome(await this.#attempt());
  }

  /** What was written is not to be seen yet. Only for a task. */
  hold(): void {
    const fault = this.#takeFault();
    if (fault === undefined) return;
    this.#log('error', `${fault.code}: ${fault.message}; the names of the cluster do not fit, they stay unanswered`);
  }

  #keepInstances(isKept: (instance: RecordInstance) => boolean): void {
    for (const source of this.#sources) {
      source.keep(source.instances.filter(isKept));
      if (source.instances.length === 0) source.close();
    }
    this.#sources = this.#sources.filter(({ instances }) => instances.length > 0);
    this.#instances = this.#sources.flatMap(({ instances }) => instances);
  }

  /** Write what waits, and publish. @returns why nothing was published; the datasets are as they were then */
  async #attempt(): Promise<SkyshardError | undefined> {
    const fault = this.#takeFault();
    if (fault !== undefined) return fault;
    for (const instance of this.#instances) {
      // What is not visible yet may wait until it is.
      if (instance.fault !== undefined && instance.isSynced) await instance.restore(this.slice);
    }
    return this.#takeFault() ?? this.#attemptWith(() => this.#markSynced());
  }

  #markSynced(): void {
    for (const instance of this.#instances) instance.markSynced();
  }

  /** Publish what was written and what `names` writes, without what waits. */
  #attemptWith(names: () => void): SkyshardError | undefined {
    try {
      names();
      const fault = this.#takeFault();
      if (fault !== undefined) return fault;
      if (this.#isStarted) this.#builder.publish(Math.floor(Date.now() / 1000));
      return undefined;
    } catch (error) {
      if (!(error instanceof SkyshardError)) throw error;
      this.#giveUp(error);
      return error;
    }
  }

  /** If the buffer was found full, give up the change set. @returns why it was */
  #takeFault(): SkyshardError | undefined {
    const fault = this.#instances.find(({ isBroken }) => isBroken)?.fault;
    if (fault !== undefined) this.#giveUp(fault);
    return fault;
  }

  /** Forget what was written since the last publication; what is remembered of it waits. */
  #giveUp(fault: SkyshardError): void {
    this.#builder.abort();
    for (const instance of this.#instances) instance.noteAborted(fault);
  }

  #noteOutcome(fault: SkyshardError | undefined): void {
    if (fault === undefined) this.#noteSuccess();
    else this.#noteFault(fault);
  }

  #noteSuccess(): void {
    this.onPublished();
    for (const instance of this.#instances) instance.notePublished();
    this.#retryMs = RETRY_MS;
    if (this.#fault !== undefined) this.#log('info', 'the changes that had to wait are published');
    this.#fault = undefined;
  }

  #noteFault(fault: SkyshardError): void {
    this.#counters.snapshotPublishFailures++;
    if (this.#fault === undefined) {
      this.#log('error', `${fault.code}: ${fault.message}; the last snapshot is served until the change fits`);
    }
    this.#fault = fault;
    this.#attemptWith(() => {
      for (const instance of this.#instances) instance.makeRoom();
    });
    for (const instance of this.#instances) instance.noteAborted(fault);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this.enqueue(() => this.publish(true)).catch(() => undefined);
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }
}

/** It serves names, and only writing all of them anew helps. */
function isWrittenAnew(instance: RecordInstance): boolean {
  return instance.isSynced && instance.isLost;
}
