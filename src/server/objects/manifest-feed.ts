/** From manifests to the names of an instance: all objects at start, then every change. */
import { formatPlace } from '../../base/skyshard-error.ts';
import { parseLabelSelector } from '../../kubernetes/label-selector.ts';
import type { ManifestLoad } from '../../manifests/manifest-loader.ts';
import { ManifestSource } from '../../manifests/manifest-source.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { MainCounters } from '../../observability/counters/server-metrics.ts';
import type { ObjectFeed } from './object-feed.ts';
import type { RecordSource } from './record-source.ts';

export interface ManifestFeedOptions {
  /** files and folders */
  readonly paths: readonly string[];
  /** label selector on objects; undefined: all count */
  readonly labels: string | undefined;
  readonly counters: MainCounters;
  readonly log: LogFunction;
}

export class ManifestFeed implements ObjectFeed {
  readonly sink: RecordSource;
  /** the files are there or they are not: nothing comes later */
  readonly timeoutMs = 0;
  readonly fault = undefined;
  readonly #options: ManifestFeedOptions;
  readonly #source: ManifestSource;
  #load: ManifestLoad | undefined;

  constructor(options: ManifestFeedOptions, sink: RecordSource) {
    this.#options = options;
    this.sink = sink;
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
   * Load all there is.
   *
   * @throws SkyshardError MANIFEST_*
   */
  async start(): Promise<void> {
    const { counters, log } = this.#options;
    const load = await this.#source.start();
    this.#load = load;
    logWarnings(load, log);
    await this.sink.apply(load.changes);
    for (const kind of this.sink.kinds) await this.sink.endList(kind);
    counters.manifestReloadSuccessSeconds = Date.now() / 1000;
  }

  describe(nameCount: number): string {
    const { objectCount = 0, files = [] } = this.#load ?? {};
    return `serving ${nameCount} names of ${objectCount} objects from ${files.length} manifests`;
  }

  close(): void {
    this.#source.close();
  }

  #take(load: ManifestLoad): void {
    const { counters, log } = this.#options;
    logWarnings(load, log);
    counters.manifestReloadSuccessSeconds = Date.now() / 1000;
    // A bug is the publisher's to report.
    this.sink.apply(load.changes).then(
      () => log('info', `manifests changed: ${load.changes.length} changes, ${load.objectCount} objects`),
      () => undefined,
    );
  }
}

/** What is allowed in manifests but hardly meant. */
function logWarnings(load: ManifestLoad, log: LogFunction): void {
  for (const { place, message } of load.warnings) log('warn', `${formatPlace(place)}: ${message}`);
}
