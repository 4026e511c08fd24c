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

/** The one `kubernetes` instance. */
const DATASET = 0;
/** How long main works on changes before it looks after everything else, ms. */
const SLICE_MS = 10;
/** When a change set that found the buffer full is tried again, ms. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;

export interface RecordPublisherOptions {
  readonly builder: SnapshotBuilder;
  readonly records: RecordOptions;
  readonly config: SnapshotConfig;
  readonly counters: MainCounters;
  readonly log: LogFunction;
}

export class RecordPublisher {
  readonly #builder: SnapshotBuilder;
  readonly #records: ClusterRecords;
  readonly #journal: RecordJournal;
  readonly #counters: MainCounters;
  readonly #log: LogFunction;
  /** the change set before this one */
  #last: Promise<void> = Promise.resolve();
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  #isBehind = false;
  #isClosed = false;

  constructor(options: RecordPublisherOptions) {
    this.#builder = options.builder;
    this.#counters = options.counters;
    this.#log = options.log;
    options.builder.setConfig(options.config);
    this.#journal = new RecordJournal(options.builder.dataset(DATASET));
    this.#records = new ClusterRecords(options.records, this.#journal);
  }

  /** Objects and names that are served, and what they take. */
  get statistics(): { readonly nameCount: number; readonly clusterSize: number; readonly isBehind: boolean } {
    return {
      nameCount: this.#builder.dataset(DATASET).entryCount,
      clusterSize: this.#records.state.byteSize,
      isBehind: this.#isBehind,
    };
  }

  /**
   * Take all objects there are and publish the first snapshot.
   *
   * @throws SkyshardError SNAPSHOT_FULL
   */
  async load(changes: readonly ObjectChange[]): Promise<void> {
    await this.#applyInSlices(changes);
    this.#builder.dataset(DATASET).setSynced(true);
    this.#builder.publish(unixSeconds());
    this.#journal.startRemembering();
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

  async #applyAndPublish(changes: readonly ObjectChange[]): Promise<void> {
    if (this.#isClosed) return;
    await this.#applyInSlices(changes);
    if (this.#isBehind) this.#journal.replay(this.#builder.dataset(DATASET), 'all');
    const fault = this.#publish();
    if (fault === undefined) this.#noteSuccess();
    else this.#noteFault(fault);
  }

  /** @returns why nothing was published; the builder is as if nothing had been written then */
  #publish(): SkyshardError | undefined {
    let fault = this.#journal.fault;
    try {
      if (fault === undefined) this.#builder.publish(unixSeconds());
    } catch (error) {
      if (!(error instanceof SkyshardError)) throw error;
      fault = error;
    }
    if (fault !== undefined) this.#builder.abort();
    return fault;
  }

  #noteSuccess(): void {
    this.#journal.clear();
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
    this.#journal.replay(this.#builder.dataset(DATASET), 'removals');
    this.#publish();
    this.#journal.suspend(fault);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.apply([]), this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  async #applyInSlices(changes: readonly ObjectChange[]): Promise<void> {
    let sliceEndMs = performance.now() + SLICE_MS;
    for (const _ of this.#records.applyInSteps(changes)) {
      if (performance.now() < sliceEndMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      sliceEndMs = performance.now() + SLICE_MS;
    }
  }
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
