/**
 * One zone of `file` or `auto`: its file, which is read again when it changes, on its way into the snapshot.
 *
 * A file that cannot be read, or says nonsense, changes nothing: the zone is served as it was read last; before it was read
 * for the first time, what is asked of it is SERVFAIL.
 */
import { statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { SYSTEM_FILES } from '../../config/corefile/config-files.ts';
import {
  readZoneFile,
  ZONE_FILE_SIZE_MAX,
  ZoneFileFault,
  type IncludedFiles,
} from '../../config/zone-file/zone-file.ts';
import { parseName } from '../../dns/name.ts';
import type { LogFunction } from '../../observability/log.ts';
import { ZoneBuilder, type Zone } from '../../zones/zone-data.ts';
import { ZoneFault } from '../../zones/zone-fault.ts';
import type { PlannedZone } from '../configuration/server-plan.ts';
import { TurnSlice } from '../turn-slice.ts';

/** Records between two looks at the clock. */
const RECORDS_BEFORE_PAUSE = 64;

/** What was read of a file, and how to see that it changed. */
interface ReadState {
  /** by path, the included ones too */
  readonly versions: ReadonlyMap<string, string>;
}

export class ZoneSource {
  readonly plan: PlannedZone;
  readonly #log: LogFunction;
  readonly #slice = new TurnSlice();
  readonly #where: string;
  #state: ReadState | undefined;
  #modifiedMs = -1;
  /** said last about the file */
  #complaint = '';
  #faultText: string | undefined;

  constructor(plan: PlannedZone, log: LogFunction) {
    this.plan = plan;
    this.#log = log;
    this.#where = `zone ${JSON.stringify(plan.origin)} in ${JSON.stringify(plan.file)}`;
  }

  /**
   * Read the zone if its file changed, and it is another one: with another serial, or if it goes by time, a later one.
   *
   * @param serial  of what is served, undefined: nothing is
   * @returns undefined: there is nothing new. Does not reject.
   */
  async load(serial: number | undefined): Promise<Zone | undefined> {
    try {
      const zone = await this.#readIfChanged(serial);
      this.#faultText = undefined;
      if (zone !== undefined) this.#complaint = '';
      return zone;
    } catch (error) {
      this.#complain(error);
      return undefined;
    }
  }

  /** Why there is no zone, where the file is there: what is in it is none. */
  get fault(): string | undefined {
    return this.#faultText;
  }

  /** What was read is not served after all: the next look reads it again. */
  forget(): void {
    this.#state = undefined;
    this.#modifiedMs = -1;
  }

  async #readIfChanged(serial: number | undefined): Promise<Zone | undefined> {
    const { file, reloadsByTime } = this.plan;
    const status = await stat(file);
    if (status.isDirectory()) throw new Error('it is a directory');
    if (status.size > ZONE_FILE_SIZE_MAX) throw new Error(`it is larger than ${ZONE_FILE_SIZE_MAX} octets`);
    if (serial !== undefined && reloadsByTime && status.mtimeMs <= this.#modifiedMs) return undefined;
    if (serial !== undefined && !reloadsByTime && (await this.#isSame())) return undefined;
    const versions = new Map([[file, versionOf(status)]]);
    const text = await readFile(file, 'utf8');
    const zone = await this.#slice.run(this.#read(text, versions));
    this.#state = { versions };
    if (serial !== undefined && !reloadsByTime && zone.serial === serial) {
      this.#say(`the SOA serial of ${this.#where} is ${serial} as before: what else changed is not taken over`);
      return undefined;
    }
    this.#modifiedMs = status.mtimeMs;
    for (const warning of zone.warnings) this.#log('warn', `plugin/${this.plan.plugin}: ${this.#where}: ${warning}`);
    const more = zone.outsideCount - zone.warnings.length;
    if (more > 0) this.#log('warn', `plugin/${this.plan.plugin}: ${this.#where}: ${more} more records lie outside`);
    return zone;
  }

  /** Whether no file of the zone has changed since it was read. */
  async #isSame(): Promise<boolean> {
    if (this.#state === undefined) return false;
    for (const [file, version] of this.#state.versions) {
      const status = await stat(file).catch(() => undefined);
      if (status === undefined || versionOf(status) !== version) return false;
    }
    return true;
  }

  *#read(text: string, versions: Map<string, string>): Generator<void, Zone> {
    const { file, origin } = this.plan;
    const apex = parseName(origin)!;
    const builder = new ZoneBuilder(apex);
    let count = 0;
    for (const record of readZoneFile(text, file, apex, noting(SYSTEM_FILES, versions))) {
      if (record === null) {
        yield;
        continue;
      }
      try {
        builder.add(record);
      } catch (error) {
        if (!(error instanceof ZoneFault)) throw error;
        throw new ZoneFileFault(record.place, error.message);
      }
      if (++count % RECORDS_BEFORE_PAUSE === 0) yield;
    }
    return yield* builder.finish();
  }

  /** Once for each reason. */
  #complain(error: unknown): void {
    const { plugin, origin } = this.plan;
    const prefix = `plugin/${plugin}: `;
    let complaint: string;
    if (error instanceof ZoneFileFault || error instanceof ZoneFault) {
      this.#faultText = error.message;
      complaint = `${prefix}Parsing zone ${JSON.stringify(origin)}: ${error.message}`;
    } else {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      const reason = isMissing ? 'no such file' : error instanceof Error ? error.message : String(error);
      if (!isMissing) this.#faultText = reason;
      complaint = `${prefix}Failed to open ${this.#where}: ${reason}`;
    }
    if (complaint !== this.#complaint) this.#log('error', complaint);
    this.#complaint = complaint;
  }

  #say(text: string): void {
    const complaint = `plugin/${this.plan.plugin}: ${text}`;
    if (complaint !== this.#complaint) this.#log('info', complaint);
    this.#complaint = complaint;
  }
}

/** Another one when the file is another one. */
function versionOf({ ino, size, mtimeMs, ctimeMs }: Awaited<ReturnType<typeof stat>>): string {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

/** Files that are included count for whether the zone changed. */
function noting(files: IncludedFiles, versions: Map<string, string>): IncludedFiles {
  return {
    read: (file) => {
      const status = statSync(file, { throwIfNoEntry: false });
      if (status !== undefined) versions.set(file, versionOf(status));
      return files.read(file);
    },
  };
}
