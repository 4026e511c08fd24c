/** The zones of all `secondary` directives, and of the catalogs among them. */
import type { DatasetBuilder } from '../../snapshot/dataset-builder.ts';
import type { OtherNames } from '../objects/record-publisher.ts';
import type { NamedFigures } from './secondary-metrics.ts';
import { type SecondaryParts, SecondaryZone } from './secondary-zone.ts';
import type { PlannedSecondary } from '../configuration/server-plan.ts';

/** A set of zones that is to take the place of the present one. */
export interface SecondaryChange extends OtherNames {
  /** it is published: look after these zones and no others */
  commit(): void;
}

export class SecondaryTable {
  readonly #datasetOf: (dataset: number) => DatasetBuilder;
  readonly #parts: SecondaryParts;
  #zones: readonly SecondaryZone[] = [];

  constructor(datasetOf: (dataset: number) => DatasetBuilder, parts: SecondaryParts) {
    this.#datasetOf = datasetOf;
    this.#parts = parts;
  }

  /**
   * A zone that is planned as one that is served now stays as it is, wherever it comes from next; the others get a new dataset,
   * which is filled when it is committed.
   *
   * @param datasetOf   told which dataset of the running server stands for which of the plan's
   * @param newDataset  gives a dataset that nothing is in
   */
  prepare(
    planned: readonly PlannedSecondary[],
    datasetOf: Map<number, number>,
    newDataset: () => number,
  ): SecondaryChange {
    const known = Map.groupBy(this.#zones, (zone) => identityOf(zone.plan));
    const zones: { readonly zone: SecondaryZone; readonly plan: PlannedSecondary }[] = [];
    for (const plan of planned) {
      let zone = known.get(identityOf(plan))?.shift();
      if (zone === undefined) {
        const dataset = newDataset();
        zone = new SecondaryZone(plan, dataset, this.#datasetOf(dataset), this.#parts);
      }
      datasetOf.set(plan.dataset, zone.dataset);
      zones.push({ zone, plan });
    }
    const leaving = [...known.values()].flat();
    const pause = (isPaused: boolean): void => {
      for (const zone of leaving) zone.isPaused = isPaused;
    };
    return {
      // Their datasets are given to others in the same task: nothing of theirs may be written to them any more.
      write: () => pause(true),
      revert: () => pause(false),
      commit: () => {
        for (const zone of leaving) zone.close();
        for (const { zone, plan } of zones) {
          zone.adopt(plan);
          zone.start();
        }
        this.#zones = zones.map(({ zone }) => zone);
      },
    };
  }

  *figures(): Generator<NamedFigures> {
    for (const { plan, figures } of this.#zones) yield { block: plan.blockKeys, zone: plan.origin, figures };
  }

  /** A primary says that a zone has changed. @param origin  canonical name */
  notify(origin: string, primary: string): void {
    for (const zone of this.#zones) if (zone.plan.origin === origin) zone.notify(primary);
  }

  close(): void {
    for (const zone of this.#zones) zone.close();
  }
}

/** What makes it the same zone: of a catalog's member the id, wherever it is listed (RFC 9432 §4.3, §5.3). */
function identityOf({ block, origin, memberId, isCatalog }: PlannedSecondary): string {
  return JSON.stringify([block, origin, memberId, isCatalog]);
}
