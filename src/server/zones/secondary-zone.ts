/**
 * One zone of `secondary`: transferred in at start, looked after for as long as it is served (RFC 1034 §4.3.5).
 *
 *   nothing held ─► transfer, again after 250 ms … 10 s ─► held ─┬─ after `refresh`: is there a later serial? ─► transfer
 *                          ▲                                     ├─ NOTIFY: at once
 *                          └── `expire` without an answer ◄──────┴─ no answer: again after `retry`
 *
 * Times are spread by chance, so that zones of one primary do not come all at once. What is held stays in the snapshot only;
 * differences (IXFR) are applied to what lies there.
 */
import { lowerCaseName, parseName } from '../../dns/name.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { CatalogMember } from '../../secondary/catalog.ts';
import { readCatalog } from '../../secondary/catalog.ts';
import { formatPrimary, type Primary } from '../../secondary/primary-connection.ts';
import { askSerial, transferZone } from '../../secondary/transfer-client.ts';
import { TransferFault } from '../../secondary/transfer-fault.ts';
import { isLater, readZoneTimes, type ZoneTimes } from '../../secondary/zone-serial.ts';
import type { DatasetBuilder } from '../../snapshot/dataset-builder.ts';
import { publishZone, withdrawZone } from '../../zones/publish-zone.ts';
import { storedRecords } from '../../zones/stored-records.ts';
import type { Zone } from '../../zones/zone-data.ts';
import { ZoneFault } from '../../zones/zone-fault.ts';
import type { CheckTurns } from './check-turns.ts';
import type { RecordPublisher } from '../objects/record-publisher.ts';
import { SecondaryFigures } from './secondary-metrics.ts';
import type { PlannedSecondary } from '../configuration/server-plan.ts';
import { TurnSlice } from '../turn-slice.ts';

/** Waits before the first transfer is tried again, ms: doubled each time, up to the last. */
const FIRST_RETRY_MS = 250;
const FIRST_RETRY_MAX_MS = 10_000;
/** By how much checks are spread, ms. */
const REFRESH_SPREAD_MS = 5000;
const RETRY_SPREAD_MS = 2000;
/** Notifications are followed no more often, ms. */
const NOTIFIED_QUIET_MS = 1000;
/** Longest timer, ms: what is due later is waited for in pieces. */
const TIMER_MAX_MS = 3_600_000;

export interface SecondaryParts {
  readonly publisher: RecordPublisher;
  readonly log: LogFunction;
  /** shared by all zones */
  readonly turns: CheckTurns;
  /** a catalog says which zones there are */
  readonly onMembers: (plan: PlannedSecondary, members: readonly CatalogMember[]) => void;
  /** for tests: what a second of a SOA record lasts, ms */
  readonly secondMs?: number;
}

interface Held extends ZoneTimes {
  readonly soa: Uint8Array;
}

export class SecondaryZone {
  readonly dataset: number;
  /** nothing is written any more, for the dataset may be another's */
  isPaused = false;
  #plan: PlannedSecondary;
  readonly #origin: Uint8Array;
  readonly #builder: DatasetBuilder;
  readonly #parts: SecondaryParts;
  readonly #secondMs: number;
  readonly #slice = new TurnSlice();
  readonly figures = new SecondaryFigures();
  readonly #closing = new AbortController();
  #held: Held | undefined;
  /** the times of what was held last: they count for trying again too */
  #times: ZoneTimes | undefined;
  #checkedMs = 0;
  #dueMs = 0;
  #firstRetryMs = FIRST_RETRY_MS;
  #isNotified = false;
  #notifiedMs = -Infinity;
  #isStarted = false;
  #wake: () => void = () => undefined;
  /** said last of each primary, until it is in order again */
  readonly #complaints = new Map<string, string>();

  constructor(plan: PlannedSecondary, dataset: number, builder: DatasetBuilder, parts: SecondaryParts) {
    this.#plan = plan;
    this.dataset = dataset;
    this.#origin = lowerCaseName(parseName(plan.origin)!);
    this.#builder = builder;
    this.#parts = parts;
    this.#secondMs = parts.secondMs ?? 1000;
  }

  get plan(): PlannedSecondary {
    return this.#plan;
  }

  /** Serial of what is served; undefined: nothing is. */
  get serial(): number | undefined {
    return this.#held?.serial;
  }

  /** Other primaries from now on: what is held stays. */
  adopt(plan: PlannedSecondary): void {
    this.#plan = plan;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#run();
  }

  close(): void {
    this.#closing.abort();
    this.#wake();
  }

  /** A primary says that the zone has changed. */
  notify(primary: string): void {
    this.#say('info', `Notify from ${primary} for ${this.#plan.origin}: checking transfer`);
    this.figures.notifications++;
    this.#isNotified = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      await this.#wait();
      if (this.#isClosed) return;
      // An expiry that is shorter than the refresh time is no reason to fail before anybody was asked.
      if (this.#isNotified || this.#isExpired() || performance.now() >= this.#dueMs) await this.#check();
      if (!this.#isClosed && this.#isExpired()) await this.#expire();
    }
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  // ---- when ---------------------------------------------------------------------------------------------------------------

  /** Wait until something is due, or may be. */
  async #wait(): Promise<void> {
    const due = [this.#isNotified ? this.#notifiedMs + NOTIFIED_QUIET_MS : this.#dueMs, this.#expiresMs()];
    const waitMs = Math.min(...due) - performance.now();
    if (waitMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(Math.ceil(waitMs), TIMER_MAX_MS)).unref();
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    this.#wake = () => undefined;
    // A notification that came on the way may have to wait as well.
    if (this.#isNotified && !this.#isClosed && performance.now() < this.#notifiedMs + NOTIFIED_QUIET_MS)
      await this.#wait();
  }

  #expiresMs(): number {
    return this.#held === undefined ? Infinity : this.#checkedMs + this.#lasting(this.#held.expire);
  }

  #isExpired(): boolean {
    return performance.now() >= this.#expiresMs();
  }

  #lasting(seconds: number): number {
    return Math.max(1, seconds) * this.#secondMs;
  }

  #planNext(isFresh: boolean): void {
    const nowMs = performance.now();
    const times = this.#times;
    if (isFresh) {
      this.#checkedMs = nowMs;
      this.figures.refreshedSeconds = unixSeconds();
      this.figures.expiresSeconds = unixSeconds() + this.#lasting(times!.expire) / 1000;
      this.#firstRetryMs = FIRST_RETRY_MS;
      this.#dueMs = nowMs + spread(this.#lasting(times!.refresh), REFRESH_SPREAD_MS);
    } else if (times === undefined) {
      this.#dueMs = nowMs + this.#firstRetryMs;
      this.#firstRetryMs = Math.min(this.#firstRetryMs * 2, FIRST_RETRY_MAX_MS);
    } else {
      this.#dueMs = nowMs + spread(this.#lasting(times.retry), RETRY_SPREAD_MS);
    }
  }

  // ---- what ---------------------------------------------------------------------------------------------------------------

  async #check(): Promise<void> {
    if (this.#isNotified) this.#notifiedMs = performance.now();
    this.#isNotified = false;
    const isFresh = await this.#parts.turns.run(() => this.#refresh());
    if (!isFresh) this.figures.refreshFailures++;
    this.#planNext(isFresh);
  }

  /**
   * Ask the primaries in their order until one has something newer, and have it.
   *
   * @returns whether what is held now is what there is, as far as anybody knows
   */
  async #refresh(): Promise<boolean> {
    let hasAnswer = false;
    if (this.#isClosed) return false;
    this.figures.askedSeconds = unixSeconds();
    for (const primary of this.#plan.primaries) {
      const name = formatPrimary(primary);
      try {
        const outcome = await this.#tryPrimary(primary);
        if (outcome === 'taken') {
          this.#complaints.delete(name);
          return true;
        }
        hasAnswer = true;
        this.#tellIfOlder(name, outcome);
      } catch (error) {
        if (this.#isClosed || this.isPaused) return false;
        if (!(error instanceof TransferFault || error instanceof ZoneFault)) throw error;
        const where = `${JSON.stringify(this.#plan.origin)} from ${name}`;
        this.#complain('error', name, `Failed to transfer ${where}: ${error.message}`);
      }
    }
    return hasAnswer && this.#held !== undefined;
  }

  /** @returns the serial of a primary that has nothing newer; undefined: it has, and sent no zone or another one */
  async #tryPrimary(primary: Primary): Promise<'taken' | number | undefined> {
    const held = this.#held;
    if (held !== undefined) {
      const serial = await askSerial(this.#origin, primary, this.#closing.signal);
      if (!isLater(serial, held.serial)) return serial;
    }
    const zone = await this.#transfer(primary);
    if (zone === undefined || (held !== undefined && !isLater(zone.serial, held.serial))) return zone?.serial;
    const members = this.#plan.isCatalog ? readCatalog(zone) : undefined;
    await this.#publish(zone);
    const { origin } = this.#plan;
    const what = `${zone.recordCount} records of zone ${JSON.stringify(origin)} with ${zone.serial} SOA serial`;
    this.#say('info', `Transferred: ${what} from ${formatPrimary(primary)}`);
    for (const warning of zone.warnings) this.#say('warn', `zone ${JSON.stringify(origin)}: ${warning}`);
    if (members !== undefined) this.#parts.onMembers(this.#plan, members);
    return 'taken';
  }

  /** Differences where a zone is held, all of it where that does not work. */
  async #transfer(primary: Primary): Promise<Zone | undefined> {
    const run = <Result>(steps: Generator<void, Result>): Promise<Result> => this.#slice.run(steps);
    const { signal } = this.#closing;
    const held = this.#held;
    if (held !== undefined) {
      const records = () => storedRecords(this.#builder, this.#origin);
      try {
        const differences = { ...held, records };
        return await this.#counted('ixfr', transferZone(this.#origin, primary, differences, run, signal));
      } catch (error) {
        if (this.#isClosed || !(error instanceof TransferFault || error instanceof ZoneFault)) throw error;
      }
    }
    return this.#counted('axfr', transferZone(this.#origin, primary, undefined, run, signal));
  }

  async #counted<Result>(type: 'axfr' | 'ixfr', transfer: Promise<Result>): Promise<Result> {
    const counts = this.figures.transfers[type];
    try {
      const result = await transfer;
      counts.success++;
      return result;
    } catch (error) {
      counts.failure++;
      throw error;
    }
  }

  async #publish(zone: Zone): Promise<void> {
    let isWritten = false;
    const fault = await this.#parts.publisher.writeInSteps(() => {
      if (this.#isClosed || this.isPaused) return nothing();
      isWritten = true;
      return publishZone(this.#builder, zone);
    });
    if (fault !== undefined) throw new TransferFault(`${fault.code}: ${fault.message}`);
    if (!isWritten) throw new TransferFault('the zone is served no more');
    const soa = zone.soa.slice();
    this.#held = { ...readZoneTimes(soa), soa };
    this.#times = this.#held;
    this.figures.serial = this.#held.serial;
    this.figures.records = zone.recordCount;
    this.figures.transferredSeconds = unixSeconds();
  }

  async #expire(): Promise<void> {
    const { serial } = this.#held!;
    this.#held = undefined;
    this.figures.serial = undefined;
    this.figures.expirations++;
    this.#say(
      'error',
      `zone ${JSON.stringify(this.#plan.origin)} with ${serial} SOA serial has expired, and is SERVFAIL: no primary has answered for too long`,
    );
    await this.#parts.publisher.writeInSteps(() => {
      if (!this.#isClosed && !this.isPaused) withdrawZone(this.#builder);
      return nothing();
    });
  }

  /** A serial that went back is followed by nobody, for it looks like one that is late: who did it has to be told. */
  #tellIfOlder(primary: string, serial: number | undefined): void {
    const held = this.#held;
    if (held === undefined || serial === undefined || serial === held.serial) this.#complaints.delete(primary);
    else {
      const zone = JSON.stringify(this.#plan.origin);
      const text = `zone ${zone} is not taken from ${primary}: its SOA serial ${serial} is not later than ${held.serial}, which is served`;
      this.#complain('warn', primary, text);
    }
  }

  /** Once for each reason of a primary. */
  #complain(level: 'warn' | 'error', primary: string, complaint: string): void {
    if (complaint !== this.#complaints.get(primary)) this.#say(level, complaint);
    this.#complaints.set(primary, complaint);
  }

  #say(level: 'info' | 'warn' | 'error', text: string): void {
    this.#parts.log(level, `plugin/secondary: ${text}`);
  }
}

function unixSeconds(): number {
  return Date.now() / 1000;
}

function* nothing(): Generator<void, void> {}

/** A time, and by chance some more of it. */
function spread(ms: number, spreadMs: number): number {
  return ms + Math.random() * Math.min(spreadMs, ms);
}
