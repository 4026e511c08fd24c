/** `skyshard serve`: starts the server, says where it listens, stops it on request. */
import { writeFileSync } from 'node:fs';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { LogFunction } from '../observability/log.ts';
import type { RunningServer } from '../server/server.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { LazyLog } from './lazy-log.ts';
import { parseServeOptions, type ServeOptions } from './serve-options.ts';

/** A second SIGINT this soon is the same key press: npm passes on what the terminal sent to the server as well. */
const SAME_KEY_PRESS_MS = 500;
/** How long the last log lines may take, and what is still running after the end, ms. */
const LOG_FLUSH_MS = 500;
const EXIT_GRACE_MS = 1_000;

/**
 * Serve until SIGTERM or SIGINT.
 *
 * @returns the exit code
 * @throws SkyshardError what kept the server from starting, or ended it
 */
export async function runServe(args: readonly string[]): Promise<number> {
  const options = parseServeOptions(args);
  return serveUntilStopped(options.lineFormat, () => Promise.resolve({ options }));
}

/** What a server is made of, and what ends with it. */
export interface PreparedServer {
  readonly options: ServeOptions;
  readonly close?: () => Promise<void>;
}

/** What a preparation may use. */
export interface ServeContext {
  readonly log: LogFunction;
  /** told of a bug, which ends the server */
  readonly fail: (error: unknown) => void;
  /** end as a signal would */
  readonly stop: () => void;
}

/**
 * Prepare a server, and serve until SIGTERM or SIGINT.
 *
 * @returns the exit code
 * @throws SkyshardError what kept the server from starting, or ended it
 */
export async function serveUntilStopped(
  lineFormat: ServeOptions['lineFormat'],
  prepare: (context: ServeContext) => Promise<PreparedServer>,
): Promise<number> {
  const isNpmScript = process.env['SKYSHARD_NPM_SCRIPT'] === 'start';
  const hurry = new AbortController();
  const stopping = new AbortController();
  void waitForStopRequest(
    isNpmScript || process.env['npm_command'] !== undefined ? SAME_KEY_PRESS_MS : 0,
    hurry,
    isNpmScript,
  ).then(() => stopping.abort());
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
  // Who reads has gone: names are answered nevertheless.
  process.stdout.on('error', () => undefined);
  const log = new LazyLog(lineFormat);
  const { promise: broken, reject: fail } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  const { startServer } = await import('../server/server.ts');
  let prepared: PreparedServer | undefined;
  try {
    prepared = await prepare({ log: log.write, fail, stop: () => stopping.abort() });
    const { options } = prepared;
    const output = {
      log: log.write,
      writeLine: log.writeLine,
      lineFormat,
      droppedLogLines: () => log.droppedLines,
    };
    const server = await startServer(options, output, stopping.signal);
    reloadAtSignal(server);
    if (options.pidFile !== undefined) writePidFile(options.pidFile);
    if (server.listeners.length === 0) log.write('warn', 'there is no server block, so nothing is served');
    if (!options.isQuiet) sayStart(describeServer(server), lineFormat, log);
    if (isNpmScript) process.stdout.write(describeFirstSteps(server));
    try {
      await Promise.race([stopped, server.failed, broken]);
    } finally {
      await server.stop(hurry.signal);
    }
  } catch (error) {
    if (lineFormat !== 'json' || !(error instanceof SkyshardError)) throw error;
    const { code, message } = error;
    process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level: 'FATAL', msg: message, code })}\n`);
    return exitCodeOf(code);
  } finally {
    await prepared?.close?.();
    await log.flush(LOG_FLUSH_MS);
    // A handle somebody forgot to close must not keep a server alive that was told to stop.
    setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();
  }
  return EXIT.STOPPED;
}

/** @throws SkyshardError CLI_USAGE */
function writePidFile(file: string): void {
  try {
    writeFileSync(file, `${process.pid}\n`);
  } catch (cause) {
    throw new SkyshardError('CLI_USAGE', `--pidfile ${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

/** Before anybody is told that the server is there: who reads that may send the signal at once. */
function reloadAtSignal(server: RunningServer): void {
  process.on('SIGUSR1', () => {
    // Node opens its debugger at this signal, whoever listens to it too; nobody asked for that here.
    setImmediate(() => void import('node:inspector').then(({ close }) => close()));
    void server.reload();
  });
}

/**
 * Resolves at the first SIGTERM, SIGINT or SIGQUIT; SIGQUIT does without `lameduck`, and so does SIGINT from who tries it out. A second SIGINT ends the process without
 * waiting for anything. SIGHUP is nothing: who asks for a reload sends SIGUSR1.
 */
function waitForStopRequest(sameKeyPressMs: number, hurry: AbortController, isTrial: boolean): Promise<void> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    process.on('SIGHUP', () => undefined);
    process.on('SIGTERM', () => resolve());
    process.on('SIGQUIT', () => {
      hurry.abort();
      resolve();
    });
    process.on('SIGINT', () => {
      if (firstAtMs !== undefined && performance.now() - firstAtMs >= sameKeyPressMs) process.exit(EXIT.NOT_STARTED);
      firstAtMs ??= performance.now();
      if (isTrial) hurry.abort();
      resolve();
    });
  });
}

/** What the server is, for who started it; where each line is to be an object, these are too. */
function sayStart(text: string, format: 'text' | 'json', log: LazyLog): void {
  if (format === 'text') process.stdout.write(text);
  else for (const line of text.trimEnd().split('\n')) log.write('info', line);
}

function describeServer(server: RunningServer): string {
  const listens = server.listeners.map(
    ({ address, port, scheme }) => `skyshard listens on ${formatAddress(address, port)} (${SPOKEN[scheme]})`,
  );
  return `${[...server.startLines, ...listens, ...server.metricsUrls.map((url) => `metrics are on ${url}`)].join('\n')}\n`;
}

const SPOKEN = { dns: 'UDP and TCP', tls: 'DNS over TLS', https: 'DNS over HTTPS' } as const;

/** Three questions to try, about objects that the demo cluster has. */
function describeFirstSteps(server: RunningServer): string {
  const first = server.listeners.find(({ scheme }) => scheme === 'dns');
  if (first === undefined) return '';
  const dig = `dig @${first.address} -p ${first.port}`;
  return `try, in another terminal:
  ${dig} whoami.default.svc.cluster.local
  ${dig} SRV _http._tcp.whoami.default.svc.cluster.local
  ${dig} -x 10.96.0.10
Edit a manifest and ask again; Ctrl-C stops the server.
`;
}

/** `127.0.0.1:53`, `[::1]:53`. */
function formatAddress(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
