/**
 * The directories of `auto`: which files in them are zone files is found out before a configuration is compiled, and looked
 * at since. Other zones are another configuration; what is in a file is the zone's own business (zone-source.ts).
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { RE2JS } from 're2js';
import { canonicalName } from '../../config/zone-name.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { CorefileConfig } from '../../plugins/corefile-config.ts';
import type { AutoOptions } from '../../plugins/auto/parse.ts';
import type { FoundZone } from '../compile/block-compilation.ts';

/** Below a directory of zone files; a deeper tree is a mistake. */
const DEPTH_MAX = 32;

export class ZoneDirectories {
  readonly #log: LogFunction;
  /** by what `auto` says: those of the configuration read last */
  #directories = new Map<string, ZoneDirectory>();
  #onChange: () => void = () => undefined;
  #isStarted = false;

  constructor(log: LogFunction) {
    this.#log = log;
  }

  /** Look after the directories from now on. @param onChange  one has other zones than before */
  start(onChange: () => void): void {
    this.#onChange = onChange;
    this.#isStarted = true;
    for (const directory of this.#directories.values()) directory.start(onChange);
  }

  close(): void {
    for (const directory of this.#directories.values()) directory.close();
    this.#directories.clear();
    this.#isStarted = false;
  }

  /** Look into what a configuration names and was not looked into before. Does not reject. */
  async prepare({ blocks }: CorefileConfig): Promise<void> {
    const directories = new Map<string, ZoneDirectory>();
    for (const { plugins } of blocks) {
      if (plugins.auto === undefined) continue;
      const key = JSON.stringify(plugins.auto);
      let directory = this.#directories.get(key) ?? directories.get(key);
      if (directory === undefined) {
        const { RE2JS } = await import('re2js');
        directory = new ZoneDirectory(plugins.auto, RE2JS.compile(plugins.auto.pattern), this.#log);
        await directory.look();
      }
      directories.set(key, directory);
    }
    for (const [key, directory] of this.#directories) if (!directories.has(key)) directory.close();
    this.#directories = directories;
    if (this.#isStarted) for (const directory of directories.values()) directory.start(this.#onChange);
  }

  /** The zones of a directory that was prepared. */
  zonesIn(options: AutoOptions): readonly FoundZone[] {
    return this.#directories.get(JSON.stringify(options))?.zones ?? [];
  }

  /** All that they hold, as one text: another one is another configuration. */
  get text(): string {
    return [...this.#directories.values()].map(({ text }) => text).join('\n');
  }
}

class ZoneDirectory {
  /** by origin */
  zones: readonly FoundZone[] = [];
  readonly #options: AutoOptions;
  readonly #pattern: RE2JS;
  readonly #log: LogFunction;
  /** said last */
  readonly #complaints = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(options: AutoOptions, pattern: RE2JS, log: LogFunction) {
    this.#options = options;
    this.#pattern = pattern;
    this.#log = log;
  }

  get text(): string {
    return this.zones.map(({ origin, file }) => `${origin} ${file}`).join('\n');
  }

  start(onChange: () => void): void {
    clearInterval(this.#timer);
    const { reloadMs, directory } = this.#options;
    if (reloadMs === 0 || directory === null) return;
    this.#timer = setInterval(() => {
      if (this.#isLooking) return;
      const before = this.text;
      void this.look().then(() => {
        if (this.text !== before) onChange();
      });
    }, reloadMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Does not reject: a directory that is not there has no zones. */
  async look(): Promise<void> {
    const { directory } = this.#options;
    if (directory === null) return;
    this.#isLooking = true;
    const before = new Map(this.zones.map(({ origin, file }) => [origin, file]));
    const found = new Map<string, string>();
    try {
      // A mounted ConfigMap is a symbolic link.
      await this.#walk(await realpath(directory).catch(() => directory), found, 0);
      for (const [origin, file] of found) {
        if (!before.has(origin)) this.#log('info', `plugin/auto: Inserting zone \`${origin}' from: ${file}`);
      }
      for (const origin of before.keys()) {
        if (!found.has(origin)) this.#log('info', `plugin/auto: Deleting zone \`${origin}'`);
      }
      this.zones = [...found].map(([origin, file]) => ({ origin, file }));
    } finally {
      this.#isLooking = false;
    }
  }

  /** Files in the order of their names, as CoreDNS takes them: the first that stands for an origin counts. */
  async #walk(directory: string, found: Map<string, string>, depth: number): Promise<void> {
    let names: string[];
    try {
      names = await readdir(directory);
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isMissing)
        this.#complain(`error reading ${directory}: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    for (const name of names.sort()) {
      // Where a mounted ConfigMap keeps its versions: the links beside it are what is meant.
      if (name.startsWith('..')) continue;
      const file = path.join(directory, name);
      const status = await stat(file).catch(() => undefined);
      if (status?.isDirectory() === true) {
        // What a link leads to elsewhere is not walked, so that a loop ends.
        if (depth < DEPTH_MAX && (await realpath(file).catch(() => '')) === file)
          await this.#walk(file, found, depth + 1);
        continue;
      }
      if (status === undefined) continue;
      this.#take(name, file, found);
    }
  }

  #take(name: string, file: string, found: Map<string, string>): void {
    const origin = this.#originOf(name);
    if (origin === undefined) return;
    const { zones } = this.#options;
    if (!zones.some((zone) => zone === '.' || origin === zone || origin.endsWith(`.${zone}`))) return;
    const first = found.get(origin);
    if (first === undefined) found.set(origin, file);
    else
      this.#complain(`Multiple zone files match origin ${JSON.stringify(origin)}: using ${first} instead of ${file}`);
  }

  /** @returns canonical; undefined if the pattern does not match or gives no name */
  #originOf(name: string): string | undefined {
    const matcher = this.#pattern.matcher(name);
    if (!matcher.find()) return undefined;
    const text = this.#options.originTemplate.replace(/\{(\w+)\}/g, (_, group: string) => {
      const isNumber = /^\d+$/.test(group);
      if (isNumber && Number(group) > this.#pattern.groupCount()) return '';
      return (isNumber ? matcher.group(Number(group)) : groupOf(matcher, group)) ?? '';
    });
    const origin = canonicalName(text);
    if (origin === undefined) this.#complain(`${name}: ${JSON.stringify(text)} is no domain name`);
    return origin;
  }

  #complain(text: string): void {
    if (this.#complaints.has(text)) return;
    this.#complaints.add(text);
    this.#log('warn', `plugin/auto: ${text}`);
  }
}

function groupOf(matcher: ReturnType<RE2JS['matcher']>, name: string): string | null {
  try {
    return matcher.group(name);
  } catch {
    return null;
  }
}
