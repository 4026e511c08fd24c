/**
 * What server blocks ask for beside answers: probes (`health`, `ready`), metrics (`prometheus`), lines (`log`, `errors`).
 * Each has its listeners by address, shared by the blocks that name the same one.
 */
import { ErrorLog } from '../observability/queries/error-log.ts';
import { HealthEndpoint } from '../observability/endpoints/health-endpoint.ts';
import { formatListenAddress, isAddressInUse, ListenerSet } from '../observability/endpoints/listener-set.ts';
import type { ListenAddress, OnMoved } from '../observability/endpoints/listener-set.ts';
import type { LogFunction } from '../observability/log.ts';
import type { MetricFamily } from '../observability/counters/metric-family.ts';
import { startMetricsServer } from '../observability/endpoints/metrics-server.ts';
import type { MetricsServer } from '../observability/endpoints/metrics-server.ts';
import type { LineFormat, WriteLine } from '../observability/queries/plugin-line.ts';
import { createQueryEventBuffer } from '../observability/queries/query-event-ring.ts';
import { QueryLog } from '../observability/queries/query-log.ts';
import { QueryReports, type QueryConsumers } from '../observability/queries/query-reports.ts';
import { ReadyEndpoint } from '../observability/endpoints/ready-endpoint.ts';
import type { ZoneKind } from '../snapshot/snapshot-layout.ts';
import type { Notifier } from '../transfer/notifier.ts';
import type { ServicesPlan } from './configuration/server-plan.ts';

export interface BlockServicesOptions {
  readonly log: LogFunction;
  /** where `log` and `errors` print, and how */
  readonly writeLine: WriteLine;
  readonly lineFormat: LineFormat;
  /** threads that answer */
  readonly threadCount: number;
  /** where each listener is, by its id */
  readonly addresses: ReadonlyMap<number, string>;
  /** whether a dataset's first list is complete */
  readonly isSynced: (dataset: number) => boolean;
  /** probes and metrics whose port another server has take a free one */
  readonly mayMove: boolean;
  /** SOA serial of a dataset's zones of one kind */
  readonly serialOf: (dataset: number, kind: ZoneKind) => number;
  /** a primary says that its zone has changed */
  readonly onNotified?: (zone: string, primary: string) => void;
}

export class BlockServices {
  /** for the threads' events; its memory is touched only when a block has `log` or `errors` */
  readonly eventBuffer: SharedArrayBuffer;
  readonly #options: BlockServicesOptions;
  readonly #health: HealthEndpoint;
  readonly #ready: ReadyEndpoint;
  readonly #metrics: ListenerSet<MetricsServer>;
  readonly #reports: QueryReports;
  /** made when a zone is to be notified first: most servers never do */
  #notifier: Notifier | undefined;
  /** of each listener */
  #addresses: ReadonlyMap<number, string>;
  #services: ServicesPlan;
  readonly #movedLines: string[] = [];
  #page: (() => Promise<string>) | undefined;

  constructor(services: ServicesPlan, options: BlockServicesOptions) {
    this.#options = options;
    this.#services = services;
    this.#addresses = options.addresses;
    const { log, mayMove } = options;
    const moved = (what: string, path: string): OnMoved | undefined =>
      mayMove ? (wanted, port) => this.#movedLines.push(movedLine(what, wanted, port, path)) : undefined;
    this.#health = new HealthEndpoint(log, undefined, moved('health', 'health'));
    this.#ready = new ReadyEndpoint(log, moved('readiness', 'ready'));
    this.#metrics = new ListenerSet(
      (address) =>
        startMetricsServer({
          address: address.host,
          port: address.port,
          tlsFile: address.tlsFile ?? null,
          page: () => this.#page!(),
          onError: (error) => log('error', `metrics: ${String(error)}`),
        }),
      moved('metrics', 'metrics'),
    );
    this.eventBuffer = createQueryEventBuffer(options.threadCount);
    this.#reports = new QueryReports(this.eventBuffer, this.#consumersOf(services));
  }

  /**
   * Listen, and print what is reported from now on.
   *
   * @param page  writes the metrics
   * @throws SkyshardError BIND_FAILED
   */
  async start(page: () => Promise<string>): Promise<void> {
    this.#page = page;
    this.#reports.start();
    await this.#listen(this.#services);
    await this.#notify();
  }

  /** What it does now. */
  get plan(): ServicesPlan {
    return this.#services;
  }

  /**
   * Be as another configuration says.
   *
   * @throws SkyshardError BIND_FAILED; then all is as before
   */
  async configure(services: ServicesPlan, addresses: ReadonlyMap<number, string>): Promise<void> {
    try {
      await this.#listen(services).catch(async (error: unknown) => {
        if (!isAddressInUse(error)) throw error;
        // Another endpoint of ours may have had the port: it is free when all of them let go.
        await this.#closeListeners();
        await this.#listen(services);
      });
    } catch (error) {
      await this.#listen(this.#services).catch(() => undefined);
      throw error;
    }
    this.#services = services;
    this.#addresses = addresses;
    this.#reports.configure(this.#consumersOf(services));
    await this.#notify();
  }

  async #listen(services: ServicesPlan): Promise<void> {
    const { isSynced } = this.#options;
    await this.#health.configure(services.health);
    await this.#ready.configure(
      services.ready.map(({ listen, monitor, datasets }) => ({
        listen,
        monitor,
        sources: datasets.map((dataset) => ({ name: 'kubernetes', isReady: () => isSynced(dataset) })),
      })),
    );
    await this.#metrics.update(services.metrics);
  }

  async #notify(): Promise<void> {
    const { notified } = this.#services;
    if (this.#notifier === undefined && notified.length > 0) {
      const { Notifier } = await import('../transfer/notifier.ts');
      const { isSynced, serialOf, log } = this.#options;
      this.#notifier = new Notifier({
        serialOf: ({ dataset, kind }) => (isSynced(dataset) ? serialOf(dataset, kind) : undefined),
        log,
      });
    }
    this.#notifier?.configure(notified);
  }

  async #closeListeners(): Promise<void> {
    await Promise.all([this.#health.close(), this.#ready.close(), this.#metrics.close()]);
  }

  #consumersOf(services: ServicesPlan): QueryConsumers {
    const { lineFormat: format, writeLine: write } = this.#options;
    return {
      queryLog: new QueryLog({
        format,
        write,
        blocks: services.queryLog,
        localAddress: (listener) => this.#addresses.get(listener) ?? '',
      }),
      errorLog: new ErrorLog({ format, write, blocks: services.errorLog }),
      onNotified: this.#options.onNotified,
    };
  }

  /** What is not where it was asked for, a line each. */
  get movedLines(): readonly string[] {
    return this.#movedLines;
  }

  /** Where the metrics are. */
  get metricsUrls(): readonly string[] {
    return this.#metrics.all.map(({ url }) => url);
  }

  families(): readonly MetricFamily[] {
    return [...this.#health.metrics(), ...this.#reports.metrics()];
  }

  /** Readiness off, then wait as long as `lameduck` says; all goes on being answered. @param signal  ends the wait */
  async drain(signal: AbortSignal): Promise<void> {
    this.#ready.stopReady();
    await this.#health.lameduck(signal);
  }

  /** When the threads have ended. */
  async close(): Promise<void> {
    this.#notifier?.close();
    this.#reports.close();
    await this.#closeListeners();
  }
}

function movedLine(what: string, { host, port: wanted }: ListenAddress, port: number, path: string): string {
  return `port ${wanted} is taken by another server: ${what} is on http://${formatListenAddress({ host, port })}/${path}`;
}
