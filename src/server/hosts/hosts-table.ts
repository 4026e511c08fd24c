/** All `hosts` directives of the configuration: their sources, and the dataset each writes to. */
import type { LogFunction } from '../../observability/log.ts';
import type { HostsOptions } from '../../plugins/hosts/parse.ts';
import type { RecordSink } from '../../snapshot/entry-content.ts';
import { HostsSource } from './hosts-source.ts';
import type { OtherNames, RecordPublisher } from '../objects/record-publisher.ts';

export interface HostsDirective {
  readonly dataset: number;
  readonly options: HostsOptions;
}

interface HostsEntry {
  readonly dataset: number;
  readonly source: HostsSource;
}

/** A set of directives that is to take the place of the present one. */
export interface HostsChange extends OtherNames {
  /** it is published: follow these files and no others */
  commit(): void;
}

export class HostsTable {
  readonly #sinkOf: (dataset: number) => RecordSink;
  readonly #publisher: RecordPublisher;
  readonly #log: LogFunction;
  #entries: readonly HostsEntry[] = [];

  constructor(sinkOf: (dataset: number) => RecordSink, publisher: RecordPublisher, log: LogFunction) {
    this.#sinkOf = sinkOf;
    this.#publisher = publisher;
    this.#log = log;
  }

  get sources(): readonly HostsSource[] {
    return this.#entries.map(({ source }) => source);
  }

  /**
   * Read the files of these directives. A directive that says what one says now keeps its source; another takes over a
   * dataset that is not used any more, or a new one.
   *
   * @param datasetOf   told which dataset of the running server stands for which of the plan's
   * @param newDataset  gives a dataset that nothing is in
   */
  async prepare(
    directives: readonly HostsDirective[],
    datasetOf: Map<number, number>,
    newDataset: () => number,
  ): Promise<HostsChange> {
    const free = [...this.#entries];
    const take = (isFit: (entry: HostsEntry) => boolean): HostsEntry | undefined => {
      const index = free.findIndex(isFit);
      return index < 0 ? undefined : free.splice(index, 1)[0];
    };
    const kept = directives.map(({ options }) =>
      take(({ source }) => JSON.stringify(source.options) === JSON.stringify(options)),
    );
    const entries: HostsEntry[] = [];
    for (const [index, { dataset, options }] of directives.entries()) {
      let entry = kept[index];
      if (entry === undefined) {
        const former = take(() => true);
        const source = new HostsSource(options, this.#log);
        await source.load();
        if (former !== undefined) source.takeOver(former.source);
        entry = { dataset: former?.dataset ?? newDataset(), source };
      }
      datasetOf.set(dataset, entry.dataset);
      entries.push(entry);
    }
    return {
      write: () => {
        for (const { dataset, source } of entries) source.write(this.#sinkOf(dataset));
      },
      revert: () => {
        for (const { source } of entries) source.revertWrite();
      },
      commit: () => this.#commit(entries),
    };
  }

  close(): void {
    for (const { source } of this.#entries) source.close();
  }

  #commit(entries: readonly HostsEntry[]): void {
    const before = new Set(this.#entries.map(({ source }) => source));
    for (const { source } of this.#entries) {
      if (!entries.some((entry) => entry.source === source)) source.close();
    }
    this.#entries = entries;
    for (const { dataset, source } of entries) {
      if (before.has(source)) continue;
      source.startReloading(() => {
        void this.#publisher.write({
          write: () => source.write(this.#sinkOf(dataset)),
          revert: () => source.revertWrite(),
        });
      });
    }
  }
}
