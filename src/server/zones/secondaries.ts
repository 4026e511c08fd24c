/** All that is transferred in, and nothing at all where no block has `secondary`: what does the work is loaded by the first that has. */
import type { LogFunction } from '../../observability/log.ts';
import type { MetricFamily } from '../../observability/counters/metric-family.ts';
import type { DatasetBuilder } from '../../snapshot/dataset-builder.ts';
import { CheckTurns } from './check-turns.ts';
import { CatalogMembers } from './catalog-members.ts';
import type { RecordPublisher } from '../objects/record-publisher.ts';
import { secondaryMetrics } from './secondary-metrics.ts';
import type { SecondaryChange, SecondaryTable } from './secondary-table.ts';
import type { PlannedSecondary } from '../configuration/server-plan.ts';

const NO_CHANGE: SecondaryChange = { write: () => undefined, revert: () => undefined, commit: () => undefined };

export class Secondaries {
  readonly catalogs: CatalogMembers;
  readonly #log: LogFunction;
  #table: SecondaryTable | undefined;
  #isClosed = false;

  constructor(log: LogFunction) {
    this.#log = log;
    this.catalogs = new CatalogMembers(log);
  }

  /** As SecondaryTable.prepare. */
  async prepare(
    planned: readonly PlannedSecondary[],
    parts: { readonly publisher: RecordPublisher; readonly datasetOf: (dataset: number) => DatasetBuilder },
    datasetOf: Map<number, number>,
    newDataset: () => number,
  ): Promise<SecondaryChange> {
    if (this.#table === undefined) {
      if (planned.length === 0) return NO_CHANGE;
      const { SecondaryTable: Table } = await import('./secondary-table.ts');
      this.#table = new Table(parts.datasetOf, {
        publisher: parts.publisher,
        turns: new CheckTurns(),
        log: this.#log,
        onMembers: (plan, members) => this.catalogs.update(plan, members),
      });
    }
    const change = this.#table.prepare(planned, datasetOf, newDataset);
    const commit = (): void => {
      if (this.#isClosed) return;
      change.commit();
      this.catalogs.keep(planned);
    };
    return { ...change, commit };
  }

  families(): readonly MetricFamily[] {
    return secondaryMetrics(() => this.#table?.figures() ?? []);
  }

  /** A primary says that a zone has changed. @param zone  canonical name */
  notify(zone: string, primary: string): void {
    this.#table?.notify(zone, primary);
  }

  close(): void {
    this.#isClosed = true;
    this.#table?.close();
  }
}
