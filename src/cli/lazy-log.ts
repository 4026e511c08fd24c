/** The log of a server that loads what writes it with the first line: 9 MiB and 50 ms that a start does not wait for. */
import type { Log } from '../observability/log.ts';
import { openLogOutput } from '../observability/log-output.ts';
import type { LogOutput } from '../observability/log-output.ts';
import type { LineFormat } from '../observability/queries/plugin-line.ts';
import type { LogFunction } from '../observability/log.ts';

/** How a message begins that a plugin has to say. */
const PLUGIN_PREFIX = /^plugin\/(\w+): /;

export class LazyLog {
  readonly #format: LineFormat;
  #output: LogOutput | undefined;
  #log: Log | undefined;
  #opening: Promise<Log> | undefined;
  readonly #waiting: (readonly [level: 'info' | 'warn' | 'error', text: string])[] = [];

  /** @param format  json: the plugin that a message comes from is a field of its own, as CoreDNS has it */
  constructor(format: LineFormat) {
    this.#format = format;
  }

  /** Lines that nobody took. */
  get droppedLines(): number {
    return this.#output?.droppedLines ?? 0;
  }

  /** A line in a form of its own, with its newline: what `log` and `errors` print. It needs nothing to be loaded. */
  readonly writeLine = (line: string | Buffer): void => {
    this.#output ??= openLogOutput();
    this.#output.write(line);
  };

  readonly write: LogFunction = (level, text) => {
    if (this.#log !== undefined) {
      this.#write(this.#log, level, text);
      return;
    }
    this.#waiting.push([level, text]);
    this.#opening ??= this.#open();
  };

  /** Resolves when all is written, or after `timeoutMs`: before the process ends. */
  async flush(timeoutMs: number): Promise<void> {
    await this.#opening;
    await this.#output?.flush(timeoutMs);
  }

  #write(log: Log, level: 'info' | 'warn' | 'error', text: string): void {
    const plugin = this.#format === 'json' ? PLUGIN_PREFIX.exec(text) : null;
    if (plugin === null) log[level](text);
    else log[level](text.slice(plugin[0].length), { plugin: plugin[1] });
  }

  async #open(): Promise<Log> {
    const { createLog } = await import('../observability/log.ts');
    this.#output ??= openLogOutput();
    const log = createLog(this.#output);
    for (const [level, text] of this.#waiting.splice(0)) this.#write(log, level, text);
    this.#log = log;
    return log;
  }
}
