/** The zones of all `file` and `auto` directives: their sources, and the dataset each is published to. */
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { DatasetBuilder } from '../../snapshot/dataset-builder.ts';
import type { Zone } from '../../zones/zone-data.ts';
import { publishZone } from '../../zones/publish-zone.ts';
import type { OtherNames, RecordPublisher } from '../objects/record-publisher.ts';
import type { PlannedZone } from '../configuration/server-plan.ts';
import { ZoneSource } from './zone-source.ts';

/** A set of zones that is to take the place of the present one. */
export interface ZoneChange extends OtherNames {
  /** it is published: look after these files and no others */
  commit(): void;
}

export class ZoneTable {
  readonly #datasetOf: (dataset: number) => DatasetBuilder;
  readonly #publisher: RecordPublisher;
  readonly #log: LogFunction;
  #zones: readonly ServedZone[] = [];

  constructor(datasetOf: (dataset: number) => DatasetBuilder, publisher: RecordPublisher, log: LogFunction) {
    this.#datasetOf = datasetOf;
    this.#publisher = publisher;
    this.#log = log;
  }

  /**
   * Read the files of these zones. A zone that is planned as one that is served now stays as it is; the others get a new
   * dataset, which holds what was read when this is done. A file that is not there is said, and tried again later.
   *
   * @param datasetOf   told which dataset of the running server stands for which of the plan's
   * @param newDataset  gives a dataset that nothing is in
   * @throws SkyshardError CONFIG_ARGUMENT: what `file` names is no zone file
   */
  async prepare(
    planned: readonly PlannedZone[],
    datasetOf: Map<number, number>,
    newDataset: () => number,
  ): Promise<ZoneChange> {
    // Two blocks may serve the same zone from the same file: each has one of its own.
    const known = Map.groupBy(this.#zones, (zone) => identityOf(zone.source.plan));
    const zones: ServedZone[] = [];
    for (const plan of planned) {
      let zone = known.get(identityOf(plan))?.shift();
      if (zone === undefined) {
        const dataset = newDataset();
        zone = new ServedZone(
          new ZoneSource(plan, this.#log),
          this.#datasetOf(dataset),
          dataset,
          this.#publisher,
          this.#log,
        );
        await zone.look(true);
        const { fault } = zone.source;
        if (fault !== undefined && plan.plugin === 'file') {
          throw new SkyshardError('CONFIG_ARGUMENT', `zone ${JSON.stringify(plan.origin)}: ${fault}`);
        }
      }
      datasetOf.set(plan.dataset, zone.dataset);
      zones.push(zone);
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
        for (const zone of zones) zone.start();
        this.#zones = zones;
      },
    };
  }

  close(): void {
    for (const zone of this.#zones) zone.close();
  }
}

class ServedZone {
  readonly source: ZoneSource;
  readonly dataset: number;
  isPaused = false;
  readonly #builder: DatasetBuilder;
  readonly #publisher: RecordPublisher;
  readonly #log: LogFunction;
  /** of what is served */
  #serial: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStarted = false;
  #isClosed = false;

  constructor(
    source: ZoneSource,
    builder: DatasetBuilder,
    dataset: number,
    publisher: RecordPublisher,
    log: LogFunction,
  ) {
    this.source = source;
    this.dataset = dataset;
    this.#builder = builder;
    this.#publisher = publisher;
    this.#log = log;
  }

  /** Look after the file from now on. */
  start(): void {
    const { reloadMs } = this.source.plan;
    if (this.#isStarted || reloadMs <= 0) return;
    this.#isStarted = true;
    this.#plan();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** Read the file if it changed, and publish what it says. Does not reject. */
  async look(isFirst = false): Promise<void> {
    const zone = await this.source.load(this.#serial);
    if (zone === undefined || this.#isClosed || this.isPaused) return;
    if (!(await this.#publish(zone))) return;
    const { plugin, origin, file } = this.source.plan;
    const what = `zone ${JSON.stringify(origin)} in ${JSON.stringify(file)} with ${zone.serial} SOA serial`;
    if (!isFirst) this.#log('info', `plugin/${plugin}: Successfully reloaded ${what}`);
  }

  #plan(): void {
    this.#timer = setTimeout(() => {
      void this.look().then(() => {
        if (!this.#isClosed) this.#plan();
      });
    }, this.source.plan.reloadMs).unref();
  }

  async #publish(zone: Zone): Promise<boolean> {
    let isWritten = false;
    const fault = await this.#publisher.writeInSteps(() => {
      if (this.#isClosed || this.isPaused) return nothing();
      isWritten = true;
      return publishZone(this.#builder, zone);
    });
    if (fault !== undefined) {
      const { plugin, origin } = this.source.plan;
      this.#log(
        'error',
        `plugin/${plugin}: zone ${JSON.stringify(origin)} with ${zone.serial} SOA serial is not served: ${fault.code}: ` +
          `${fault.message}; what was served before stays`,
      );
    }
    if (fault !== undefined || !isWritten) {
      this.source.forget();
      return false;
    }
    this.#serial = zone.serial;
    return true;
  }
}

function* nothing(): Generator<void, void> {}

/** Whatever of a plan is no number of the plan. */
function identityOf({ dataset: _, ...plan }: PlannedZone): string {
  return JSON.stringify(plan);
}
