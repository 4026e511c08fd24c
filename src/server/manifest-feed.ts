/** From manifests to the record publisher: all objects at start, then every change. */
import { parseLabelSelector } from '../kubernetes/label-selector.ts';
import type { ManifestLoad } from '../manifests/manifest-loader.ts';
import { ManifestSource } from '../manifests/manifest-source.ts';
import type { MainCounters } from '../observability/server-metrics.ts';
import type { RecordPublisher } from './record-publisher.ts';
import { type LogFunction, logWarnings } from './server-options.ts';

export interface ManifestFeedOptions {
  /** files and folders */
  readonly paths: readonly string[];
  /** label selector on objects; undefined: all count */
  readonly labels: string | undefined;
  readonly publisher: RecordPublisher;
  readonly counters: MainCounters;
  readonly log: LogFunction;
  /** told of a bug on the way there, which ends the server */
  readonly fail: (error: unknown) => void;
}

export class ManifestFeed {
  readonly #options: ManifestFeedOptions;
  readonly #source: ManifestSource;

  constructor(options: ManifestFeedOptions) {
    this.#options = options;
    const { paths, labels, counters, log } = options;
    this.#source = new ManifestSource({
      paths,
      ...(labels !== undefined && { decode: { labels: parseLabelSelector(labels) } }),
      onLoad: (load) => this.#take(load),
      onErrors: (errors) => {
        counters.manifestReloadFailures++;
        for (const error of errors) log('error', `${error.code}: ${error.message}; what was served before stays`);
      },
    });
  }

  /**
   * Load all there is and publish it.
   *
   * @throws SkyshardError MANIFEST_*, SNAPSHOT_FULL
   */
  async start(): Promise<ManifestLoad> {
    const { publisher, counters, log } = this.#options;
    const load = await this.#source.start();
    logWarnings(load, log);
    await publisher.load(load.changes);
    counters.manifestReloadSuccessSeconds = Date.now() / 1000;
    return load;
  }

  close(): void {
    this.#source.close();
  }

  #take(load: ManifestLoad): void {
    const { publisher, counters, log, fail } = this.#options;
    logWarnings(load, log);
    counters.manifestReloadSuccessSeconds = Date.now() / 1000;
    publisher.apply(load.changes).then(() => {
      log('info', `manifests changed: ${load.changes.length} changes, ${load.objectCount} objects`);
    }, fail);
  }
}
