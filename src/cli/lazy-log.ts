/** The log of a server that loads what writes it with the first line: 9 MiB and 50 ms that a start does not wait for. */
import type * as LogExports from '../observability/log.ts';
import type { Log as WholeLog, LogFields } from '../observability/log.ts';
import { openLogOutput } from '../observability/log-output.ts';
import type { LogOutput } from '../observability/log-output.ts';
import type { LineFormat } from '../observability/queries/plugin-line.ts';
import type { LogFunction } from '../observability/log.ts';

/** How a message begins that a plugin has to say. */
const PLUGIN_PREFIX = /^plugin\/(\w+): /;

type Log = Pick<WholeLog, 'info' | 'warn' | 'error'>;
type LogModule = Pick<typeof LogExports, 'createLog'>;

export class LazyLog {
  readonly #format: LineFormat;
  readonly #load: () => Promise<LogModule>;
  #output: LogOutput | undefined;
  #log: Log | undefined;
  #opening: Promise<Log> | undefined;
  readonly #waiting: (readonly [level: 'info' | 'warn' | 'error', text: string])[] = [];

  /**
   * @param format  json: the plugin that a message comes from is a field of its own, as CoreDNS has it
   * @param load    for tests
   */
  constructor(format: LineFormat, load: () => Promise<LogModule> = () => import('../observability/log.ts')) {
    this.#format = format;
    this.#load = load;
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
    const output = (this.#output ??= openLogOutput());
    let log: Log;
    try {
      const { createLog } = await this.#load();
      log = createLog(output);
    } catch (error) {
      // Where dist/ was built anew meanwhile, this says what to do, and the server goes on.
      log = plainLog(output);
      log.error(`the log is written in the plainest form: ${error instanceof Error ? error.message : String(error)}`);
    }
    for (const [level, text] of this.#waiting.splice(0)) this.#write(log, level, text);
    this.#log = log;
    return log;
  }
}

/** Lines of the same form, without what writes errors and escapes well. */
function plainLog(output: LogOutput): Log {
  const write =
    (level: string) =>
    (msg: string, fields: LogFields = {}): void => {
      output.write(`${JSON.stringify({ level, time: new Date().toISOString(), ...fields, msg })}\n`);
    };
  return { info: write('INFO'), warn: write('WARN'), error: write('ERROR') };
}
