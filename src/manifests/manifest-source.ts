/**
 * The objects of manifest files as a stream of changes: an edit is handed on within a fraction of a second, a broken file
 * is reported and changes nothing.
 *
 * Nothing is believed of what fs.watch says but that it is time to look. A change is read when the files look the same
 * twice, DEBOUNCE_MS apart, so that an editor or `kubectl … > file` is not met half-way; a fault is reported when it is
 * still there the second time.
 */
import { dirname } from 'node:path';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { DecodeOptions } from '../kubernetes/decode.ts';
import { DirectoryWatches } from './directory-watches.ts';
import { findManifestFiles } from './manifest-files.ts';
import type { FoundFile } from './manifest-files.ts';
import { ManifestLoader, SETTLE_MS, isFresh } from './manifest-loader.ts';
import type { ManifestLoad } from './manifest-loader.ts';

export interface ManifestSourceOptions {
  /** files and directories */
  readonly paths: readonly string[];
  readonly decode?: DecodeOptions;
  /** The files changed and are good; `changes` may be empty. */
  readonly onLoad: (load: ManifestLoad) => void;
  /** The files changed and are bad: what was loaded last stays. Called once for a change. */
  readonly onErrors: (errors: readonly SkyshardError[]) => void;
}

/** How long the files must look the same before they are read. */
const DEBOUNCE_MS = 50;
const LOOK_DELAY_MS = 10;
/** Files that never look the same twice are read after this nevertheless. */
const DEBOUNCE_MAX_MS = 400;
/** How often to look without being told. */
const POLL_MS = 500;
/** A share of the time, at most, is spent on looking: one in so many. */
const POLL_SHARE = 50;

export class ManifestSource {
  private readonly options: ManifestSourceOptions;
  private readonly loader: ManifestLoader;
  private readonly watches: DirectoryWatches;
  private timer: NodeJS.Timeout | undefined;
  private timerAtMs = Infinity;
  private isLooking = false;
  /** how soon to look after a hint: a directory in which much else happens gives many */
  private lookDelayMs = LOOK_DELAY_MS;
  private isClosed = false;
  /** What the files looked like when they were read last, and when they were looked at last. */
  private readLook = '';
  private seenLook = '';
  /** since when they look different from what was read; undefined: they do not */
  private changedAtMs: number | undefined;
  /** read too early to be sure of it */
  private isUnsettled = false;
  /** faults and look of a load that failed: seen once, and reported */
  private suspected = '';
  private reported = '';

  constructor(options: ManifestSourceOptions) {
    this.options = options;
    this.loader = new ManifestLoader(options.paths, options.decode);
    this.watches = new DirectoryWatches(() => this.schedule(this.lookDelayMs));
  }

  /**
   * Load everything, then watch.
   *
   * @returns the first load; its changes are all objects
   * @throws SkyshardError if something is wrong with a manifest: the first fault, and all of them in the message
   */
  async start(): Promise<ManifestLoad> {
    const load = await this.loader.load();
    const [first, ...others] = load.errors;
    if (first !== undefined) {
      if (others.length === 0) throw first;
      throw new SkyshardError(first.code, load.errors.map((error) => error.message).join('\n'), { cause: first });
    }
    this.noteRead(load);
    await this.watches.set(this.directoriesOf(load.files));
    this.schedule(this.isUnsettled ? SETTLE_MS : POLL_MS);
    return load;
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.watches.close();
  }

  /** Look again in `delayMs`, or earlier if that was planned already. */
  private schedule(delayMs: number): void {
    const atMs = performance.now() + delayMs;
    if (this.isClosed || atMs >= this.timerAtMs) return;
    clearTimeout(this.timer);
    this.timerAtMs = atMs;
    this.timer = setTimeout(() => {
      this.timerAtMs = Infinity;
      if (this.isLooking) this.schedule(DEBOUNCE_MS);
      else void this.lookAgain();
    }, delayMs).unref();
  }

  private async lookAgain(): Promise<void> {
    this.isLooking = true;
    const startMs = performance.now();
    const { look, files } = await findManifestFiles(this.options.paths);
    await this.watches.set(this.directoriesOf(files));
    const lookMs = performance.now() - startMs;
    this.lookDelayMs = LOOK_DELAY_MS + lookMs * 10;
    let nextMs: number;
    if (this.isDue(look, startMs)) nextMs = await this.read(look);
    else if (this.changedAtMs !== undefined) nextMs = DEBOUNCE_MS;
    else nextMs = Math.max(POLL_MS, POLL_SHARE * lookMs);
    this.isLooking = false;
    this.schedule(nextMs);
  }

  /** Whether files that look like this are to be read now. */
  private isDue(look: string, nowMs: number): boolean {
    const isQuiet = look === this.seenLook;
    this.seenLook = look;
    if (look === this.readLook) {
      this.changedAtMs = undefined;
      return this.isUnsettled || this.suspected !== '';
    }
    this.changedAtMs ??= nowMs;
    return isQuiet || this.isOverdue();
  }

  private isOverdue(): boolean {
    return this.changedAtMs !== undefined && performance.now() - this.changedAtMs > DEBOUNCE_MAX_MS;
  }

  /** @returns when to look again, milliseconds */
  private async read(look: string): Promise<number> {
    const isChanged = this.changedAtMs !== undefined || this.reported !== '';
    const load = this.isOverdue() ? await this.loader.load() : await this.loader.loadIfStill(look);
    if (load === undefined) return DEBOUNCE_MS;
    if (this.isClosed) return POLL_MS;
    this.noteRead(load);
    if (load.errors.length === 0) {
      this.suspected = this.reported = '';
      if (isChanged || load.changes.length > 0) this.options.onLoad(load);
      return this.isUnsettled ? SETTLE_MS : POLL_MS;
    }
    const errors = [this.readLook, ...load.errors.map((error) => error.message)].join('\n');
    if (errors !== this.reported && errors !== this.suspected) {
      this.suspected = errors;
      return SETTLE_MS;
    }
    this.suspected = '';
    if (errors !== this.reported) this.options.onErrors(load.errors);
    this.reported = errors;
    return this.isUnsettled ? SETTLE_MS : POLL_MS;
  }

  private noteRead({ files, look }: ManifestLoad): void {
    this.readLook = look;
    this.isUnsettled = files.some(isFresh);
    this.changedAtMs = undefined;
  }

  /** Where something happens when one of the files, or what a path leads to, is replaced. */
  private *directoriesOf(files: readonly FoundFile[]): Generator<string> {
    yield* this.options.paths;
    for (const { path, realPath } of files) {
      yield dirname(path);
      yield dirname(realPath);
    }
  }
}
