/** A program that a test runs beside itself, its output in a file, ended with the test whatever happens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';

const running = new Set<ChildProcess>();
let isWatchingForEnd = false;

export interface ProgramOptions {
  /** gets stdout and stderr, appended */
  readonly logFile: string;
  readonly folder: string;
  /** a command in front of the program: nsenter and the like */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class RunningProgram {
  readonly name: string;
  readonly child: ChildProcess;
  readonly logFile: string;
  readonly #exit: Promise<unknown>;

  constructor(name: string, command: readonly string[], options: ProgramOptions) {
    const [program, ...args] = [...(options.wrapper ?? []), ...command];
    const log = openSync(options.logFile, 'a');
    this.name = name;
    this.logFile = options.logFile;
    this.child = spawn(program!, args, {
      cwd: options.folder,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
    });
    closeSync(log);
    this.#exit = once(this.child, 'exit').catch((error: Error) => error);
    running.add(this.child);
    void this.#exit.then(() => running.delete(this.child));
    endAllWithThisProcess();
  }

  get hasEnded(): boolean {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Send a signal and wait for the end; SIGKILL after `graceMs`. */
  async end(signal: NodeJS.Signals = 'SIGKILL', graceMs = 10_000): Promise<void> {
    if (this.hasEnded) return;
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    await this.#exit;
    clearTimeout(timer);
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** What its log says last, for a message. */
  lastWords(lineCount = 8): string {
    return this.log().trimEnd().split('\n').slice(-lineCount).join('\n');
  }
}

function endAllWithThisProcess(): void {
  if (isWatchingForEnd) return;
  isWatchingForEnd = true;
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  // A test runner that gives up on a file ends it with SIGTERM.
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(1);
    });
  }
}
