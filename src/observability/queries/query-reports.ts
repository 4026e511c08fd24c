/**
 * What the shards report, on its way to the log: the rings are emptied now and then while there is something, `log` and `errors` get every event.
 * Main's other work goes first: a turn is short, and what main cannot keep up with is dropped by the shards and counted.
 */
import type { ErrorLog } from './error-log.ts';
import type { MetricFamily } from '../counters/metric-family.ts';
import { QueryEventReader } from './query-event-reader.ts';
import { QUERY_EVENT_FLAG } from './query-event-ring.ts';
import type { QueryEvent } from './query-event-reader.ts';
import { QueryEventBell } from './query-event-ring.ts';
import type { QueryLog } from './query-log.ts';

/** How often the rings are looked at while there is something in them, ms; then main sleeps until there is again. */
export const DRAIN_INTERVAL_MS = 50;
/** Events of a shard that one turn takes: some ms of work. */
const TURN_EVENTS_MAX = 2000;
/** How long main does other things when there is more, ms. */
const BUSY_INTERVAL_MS = 1;

export interface QueryConsumers {
  readonly queryLog: QueryLog;
  readonly errorLog: ErrorLog;
  /** a primary says that its zone has changed */
  readonly onNotified?: ((zone: string, primary: string) => void) | undefined;
}

export class QueryReports {
  private readonly reader: QueryEventReader;
  private readonly bell: QueryEventBell;
  private consumers: QueryConsumers;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;
  private visitCount = 0;
  private readonly visit = (event: QueryEvent): void => {
    this.visitCount++;
    this.consumers.queryLog.add(event);
    this.consumers.errorLog.add(event);
    if (event.has(QUERY_EVENT_FLAG.NOTIFIED)) this.consumers.onNotified?.(event.name, event.clientText);
  };

  /** @param buffer of createQueryEventBuffer */
  constructor(buffer: SharedArrayBuffer, consumers: QueryConsumers) {
    this.reader = new QueryEventReader(buffer);
    this.bell = new QueryEventBell(buffer);
    this.consumers = consumers;
  }

  start(): void {
    if (this.timer === undefined) this.turnAfter(DRAIN_INTERVAL_MS);
  }

  /** Other rules from now on: what the old ones are to report is reported. */
  configure(consumers: QueryConsumers): void {
    this.drain();
    this.consumers.errorLog.close();
    this.consumers = consumers;
  }

  /** Report all that was committed: when the shards have ended, before the log is flushed. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.bell.disarm();
    this.drain();
    this.consumers.errorLog.close();
  }

  metrics(): readonly MetricFamily[] {
    return [
      {
        name: 'skyshard_log_dropped_total',
        type: 'counter',
        help: 'Queries and errors that were to be logged and were not, because main did not keep up.',
        labels: [],
        samples: () => [{ labels: {}, value: this.reader.dropped }],
      },
    ];
  }

  private drain(): void {
    this.reader.drain(this.visit);
  }

  private turnAfter(delayMs: number): void {
    this.timer = setTimeout(() => this.turn(), delayMs).unref();
  }

  private turn(): void {
    const before = this.visitCount;
    const hasMore = this.reader.drain(this.visit, TURN_EVENTS_MAX);
    if (hasMore) this.turnAfter(BUSY_INTERVAL_MS);
    else if (this.visitCount > before) this.turnAfter(DRAIN_INTERVAL_MS);
    else void this.sleep();
  }

  private async sleep(): Promise<void> {
    this.bell.arm();
    // What came before that rang nothing.
    if (this.reader.hasEvents) this.bell.disarm();
    else await this.bell.heard();
    if (!this.isClosed) this.turnAfter(DRAIN_INTERVAL_MS);
  }
}
