/**
 * What server blocks ask for beside answers: probes (`health`, `ready`), metrics (`prometheus`), lines (`log`, `errors`).
 * Each has its listeners by address, shared by the blocks that name the same one.
 */
import { ErrorLog } from '../observability/error-log.ts';
import { HealthEndpoint } from '../observability/health-endpoint.ts';
import { ListenerSet } from '../observability/listener-set.ts';
import type { MetricFamily } from '../observability/metric-family.ts';
import { startMetricsServer } from '../observability/metrics-server.ts';
import type { MetricsServer } from '../observability/metrics-server.ts';
import type { LineFormat, WriteLine } from '../observability/plugin-line.ts';
import { createQueryEventBuffer } from '../observability/query-event-ring.ts';
import { QueryLog } from '../observability/query-log.ts';
import { QueryReports } from '../observability/query-reports.ts';
import { ReadyEndpoint } from '../observability/ready-endpoint.ts';
import type { LogFunction } from './server-options.ts';
import type { ServerPlan, ServicesPlan } from './server-plan.ts';

export interface BlockServicesOptions {
  readonly log: LogFunction;
  /** where `log` and `errors` print, and how */
  readonly writeLine: WriteLine;
  readonly lineFormat: LineFormat;
  /** threads that answer */
  readonly threadCount: number;
  /** whether a dataset's first list is complete */
  readonly isSynced: (dataset: number) => boolean;
}

export class BlockServices {
  /** for the threads' events; undefined where no block has `log` or `errors` */
  readonly eventBuffer: SharedArrayBuffer | undefined;
  readonly #options: BlockServicesOptions;
  readonly #health: HealthEndpoint;
  readonly #ready: ReadyEndpoint;
  readonly #metrics: ListenerSet<MetricsServer>;
  readonly #reports: QueryReports | undefined;
  #page: (() => Promise<string>) | undefined;

  constructor(plan: Pick<ServerPlan, 'addresses'>, services: ServicesPlan, options: BlockServicesOptions) {
    this.#options = options;
    const { log } = options;
    this.#health = new HealthEndpoint(log);
    this.#ready = new ReadyEndpoint(log);
    this.#metrics = new ListenerSet((address) =>
      startMetricsServer({
        address: address.host,
        port: address.port,
        page: () => this.#page!(),
        onError: (error) => log('error', `metrics: ${String(error)}`),
      }),
    );
    const isReported = [...services.queryLog, ...services.errorLog].some((block) => block !== undefined);
    if (isReported) {
      this.eventBuffer = createQueryEventBuffer(options.threadCount);
      const { lineFormat: format, writeLine: write } = options;
      this.#reports = new QueryReports(this.eventBuffer, {
        queryLog: new QueryLog({
          format,
          write,
          blocks: services.queryLog,
          localAddress: (listener) => plan.addresses[listener]?.address ?? '',
        }),
        errorLog: new ErrorLog({ format, write, blocks: services.errorLog }),
      });
    }
  }

  /**
   * Listen, and print what is reported from now on.
   *
   * @param page  writes the metrics
   * @throws SkyshardError BIND_FAILED
   */
  async start(services: ServicesPlan, page: () => Promise<string>): Promise<void> {
    this.#page = page;
    this.#reports?.start();
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

  /** Where the metrics are. */
  get metricsUrls(): readonly string[] {
    return this.#metrics.all.map(({ url }) => url);
  }

  families(): readonly MetricFamily[] {
    return [...this.#health.metrics(), ...(this.#reports?.metrics() ?? [])];
  }

  /** Readiness off, then wait as long as `lameduck` says; all goes on being answered. @param signal  ends the wait */
  async drain(signal: AbortSignal): Promise<void> {
    this.#ready.stopReady();
    await this.#health.lameduck(signal);
  }

  /** When the threads have ended. */
  async close(): Promise<void> {
    this.#reports?.close();
    await Promise.all([this.#health.close(), this.#ready.close(), this.#metrics.close()]);
  }
}
