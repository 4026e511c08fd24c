/**
 * The records of one `hosts` directive: its file, which is read again when it changes, and the lines of the Corefile.
 *
 * A file that cannot be read changes nothing: what was read last stays, and the lines of the Corefile are answered anyway.
 */
import { open } from 'node:fs/promises';
import type { LogFunction } from '../../observability/log.ts';
import type { MetricFamily } from '../../observability/counters/metric-family.ts';
import type { HostsOptions } from '../../plugins/hosts/parse.ts';
import type { RecordSink } from '../../snapshot/entry-content.ts';
import { makeHostsRecords, NO_RECORDS, readHostsText, writeHostsRecords } from './hosts-file.ts';
import type { HostsRecords, HostsText } from './hosts-file.ts';

/** Far more than the largest lists in use have. */
const FILE_SIZE_MAX = 256 * 1024 * 1024;

export class HostsSource {
  readonly options: HostsOptions;
  readonly #log: LogFunction;
  readonly #inline: HostsText;
  #file: HostsText | undefined;
  #modifiedMs = -1;
  #size = -1;
  #records: HostsRecords;
  #written: HostsRecords = NO_RECORDS;
  #writtenBefore: HostsRecords = NO_RECORDS;
  /** said last about the file */
  #complaint = '';
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: HostsOptions, log: LogFunction) {
    this.options = options;
    this.#log = log;
    this.#inline = this.#read(Buffer.from(options.inlineLines.join('\n')), 'Inline hosts entries');
    this.#records = makeHostsRecords([this.#inline], options.ttlSeconds);
  }

  /** Addresses and names that file and lines give; undefined as long as the file was never read. */
  get entryCount(): number | undefined {
    return this.#file === undefined ? undefined : this.#file.entryCount + this.#inline.entryCount;
  }

  /** When the file that was read last was changed, seconds since 1970; 0: none was read. */
  get modifiedSeconds(): number {
    return this.#file === undefined ? 0 : this.#modifiedMs / 1000;
  }

  /**
   * Read the file if it changed: another size, or another time of change. Does not reject.
   *
   * @returns whether it was read
   */
  async load(): Promise<boolean> {
    const { file, ttlSeconds } = this.options;
    try {
      const octets = await this.#readIfChanged();
      this.#complaint = '';
      if (octets === undefined) return false;
      this.#file = this.#read(octets, `Hosts file ${JSON.stringify(file)}`);
      this.#records = makeHostsRecords([this.#file, this.#inline], ttlSeconds);
      return true;
    } catch (error) {
      this.#complain(error);
      return false;
    }
  }

  /** Put what changed since the last call into the sink, which has to be that of the same dataset. */
  write(sink: RecordSink): void {
    this.#writtenBefore = this.#written;
    writeHostsRecords(sink, this.#written, this.#records);
    this.#written = this.#records;
  }

  /** What `write` did was not published: the dataset is as it was before. The next look at the file tries again. */
  revertWrite(): void {
    this.#written = this.#writtenBefore;
  }

  /** Go on in the dataset of another source: the next `write` leaves only the names of this one. */
  takeOver(former: HostsSource): void {
    this.#written = former.#written;
  }

  /** Look after the file from now on. `onChange` is called when `write` has something to say. */
  startReloading(onChange: () => void): void {
    const { reloadMs } = this.options;
    if (reloadMs <= 0 || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      void this.load().then((isRead) => {
        if (this.#isClosed) return;
        this.startReloading(onChange);
        if (isRead || this.#written !== this.#records) onChange();
      });
    }, reloadMs).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #read(octets: Uint8Array, source: string): HostsText {
    return readHostsText(octets, source, this.options, (message) => this.#log('error', `plugin/hosts: ${message}`));
  }

  async #readIfChanged(): Promise<Uint8Array | undefined> {
    const handle = await open(this.options.file);
    try {
      const status = await handle.stat();
      if (status.isDirectory()) throw new Error('it is a directory');
      if (status.mtimeMs === this.#modifiedMs && status.size === this.#size) return undefined;
      if (status.size > FILE_SIZE_MAX) throw new Error(`it is larger than ${FILE_SIZE_MAX} octets`);
      const octets = await handle.readFile();
      this.#modifiedMs = status.mtimeMs;
      this.#size = status.size;
      return octets;
    } finally {
      await handle.close();
    }
  }

  /** Once for each reason. That it is not there was said when the Corefile was read. */
  #complain(error: unknown): void {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = error instanceof Error ? error.message : String(error);
    const complaint = isMissing ? '' : `plugin/hosts: cannot read ${this.options.file}: ${reason}`;
    if (complaint !== '' && complaint !== this.#complaint) this.#log('warn', complaint);
    this.#complaint = complaint;
  }
}

/** What CoreDNS's plugin says about itself. */
export function hostsMetrics(sources: () => Iterable<HostsSource>): MetricFamily[] {
  return [
    {
      name: 'coredns_hosts_entries',
      type: 'gauge',
      help: 'The combined number of entries in hosts and Corefile.',
      labels: ['hostsfile'],
      *samples() {
        for (const { options, entryCount } of sources()) {
          if (entryCount !== undefined) yield { labels: { hostsfile: options.file }, value: entryCount };
        }
      },
    },
    {
      name: 'coredns_hosts_reload_timestamp_seconds',
      type: 'gauge',
      help: 'The timestamp of the last reload of hosts file.',
      labels: [],
      *samples() {
        let value = 0;
        for (const { modifiedSeconds } of sources()) value = Math.max(value, modifiedSeconds);
        yield { labels: {}, value };
      },
    },
  ];
}
