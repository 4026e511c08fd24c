/**
 * The files of `loadbalance weighted`: read before a configuration is compiled, and looked after since. Other weights are
 * another configuration. A file that cannot be read, or says nonsense, changes nothing: its last weights stay.
 */
import { open } from 'node:fs/promises';
import { readWeights, type NameWeights } from '../../config/weight-file.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { CorefileConfig } from '../../plugins/corefile-config.ts';

/** Far more than addresses that anyone weighs by hand. */
const FILE_SIZE_MAX = 16 * 1024 * 1024;

export class WeightFiles {
  readonly #log: LogFunction;
  /** by path: those of the configuration read last */
  #files = new Map<string, WeightFile>();
  #configHash = '';
  #onChange: () => void = () => undefined;
  #isStarted = false;

  constructor(log: LogFunction) {
    this.#log = log;
  }

  /** Look after the files from now on. @param onChange  one has other weights than before */
  start(onChange: () => void): void {
    this.#onChange = onChange;
    this.#isStarted = true;
    for (const file of this.#files.values()) file.start(onChange);
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    this.#isStarted = false;
  }

  /** Read what a configuration names, if it is another one than before. Does not reject. */
  async prepare(config: CorefileConfig): Promise<void> {
    if (config.hash === this.#configHash) return;
    const files = new Map<string, WeightFile>();
    for (const [path, reloadMs] of filesOf(config)) {
      const file = this.#files.get(path) ?? new WeightFile(path, this.#log);
      files.set(path, file);
      file.reloadMs = reloadMs;
      await file.load();
    }
    for (const file of this.#files.values()) file.close();
    this.#files = files;
    this.#configHash = config.hash;
    if (this.#isStarted) for (const file of files.values()) file.start(this.#onChange);
  }

  /** What a file that was prepared says. */
  weightsOf(file: string): readonly NameWeights[] {
    return this.#files.get(file)?.weights ?? [];
  }

  /** All that they say, as one text: another one is another configuration. */
  get text(): string {
    return [...this.#files].map(([path, { version }]) => `${path} ${version}`).join('\n');
  }
}

/** Time between two looks at each file, ms: the shortest that some block asks for; 0: none. */
function filesOf({ blocks }: CorefileConfig): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { plugins } of blocks) {
    const { loadbalance } = plugins;
    if (loadbalance?.policy !== 'weighted') continue;
    const { file, reloadMs } = loadbalance;
    const other = found.get(file) ?? 0;
    found.set(file, other === 0 || reloadMs === 0 ? other + reloadMs : Math.min(other, reloadMs));
  }
  return found;
}

class WeightFile {
  weights: readonly NameWeights[] = [];
  /** another one with each change of the weights */
  version = 0;
  /** time between two looks, 0: none */
  reloadMs = 0;
  readonly #path: string;
  readonly #log: LogFunction;
  #modifiedMs = -1;
  #size = -1;
  /** said last */
  #complaint = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, log: LogFunction) {
    this.#path = path;
    this.#log = log;
  }

  start(onChange: () => void): void {
    clearInterval(this.#timer);
    if (this.reloadMs === 0) return;
    this.#timer = setInterval(() => {
      const { version } = this;
      void this.load().then(() => {
        if (this.version === version) return;
        this.#log('info', `plugin/loadbalance: Successfully reloaded weight file ${this.#path}`);
        onChange();
      });
    }, this.reloadMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Read the file if it changed: another size, or another time of change. Does not reject. */
  async load(): Promise<void> {
    try {
      const text = await this.#readIfChanged();
      if (text === undefined) return;
      const weights = readWeights(text);
      if (typeof weights === 'string') throw new Error(weights);
      this.#complaint = '';
      this.weights = weights;
      this.version++;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const complaint = `plugin/loadbalance: weight file ${this.#path}: ${reason}; its last weights are still used`;
      if (complaint !== this.#complaint) this.#log('error', complaint);
      this.#complaint = complaint;
    }
  }

  async #readIfChanged(): Promise<string | undefined> {
    const handle = await open(this.#path);
    try {
      const status = await handle.stat();
      if (status.mtimeMs === this.#modifiedMs && status.size === this.#size) return undefined;
      if (status.size > FILE_SIZE_MAX) throw new Error(`it is larger than ${FILE_SIZE_MAX} octets`);
      const text = await handle.readFile('utf8');
      this.#modifiedMs = status.mtimeMs;
      this.#size = status.size;
      return text;
    } finally {
      await handle.close();
    }
  }
}
