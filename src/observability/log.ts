/** The log: one JSON object a line on stdout, with `time`, `level` and `msg` as CoreDNS's JSON log has them. */
import { pino, stdTimeFunctions } from 'pino';
import { SkyshardError } from '../base/skyshard-error.ts';
import { openLogOutput } from './log-output.ts';
import type { LogOutput } from './log-output.ts';

/** What may stand beside the message. `error` is written with its code, place and cause. */
export interface LogFields {
  readonly error?: unknown;
  readonly [name: string]: unknown;
}

/** Writing never blocks and never throws: a reader that is slow or gone loses lines, which are counted. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** lines that nobody took */
  readonly droppedLines: number;
  /** Resolves when all is written, or after `timeoutMs`: before the process ends. */
  flush(timeoutMs: number): Promise<void>;
}

/** @param output  may have other writers too, of lines in another form */
export function createLog(output: LogOutput = openLogOutput()): Log {
  const logger = pino(
    {
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
      serializers: { error: describeError },
    },
    output,
  );
  return {
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    get droppedLines() {
      return output.droppedLines;
    },
    flush: (timeoutMs) => output.flush(timeoutMs),
  };
}

/** The stack is for bugs: a fault of the operator's has a code and a place instead. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  if (error instanceof SkyshardError && error.code !== 'INTERNAL_ASSERTION') {
    const { code, message, place } = error;
    return { code, message, ...place, ...cause };
  }
  const code = 'code' in error ? { code: error.code } : {};
  return { ...code, message: error.message, stack: error.stack, ...cause };
}

/** One line for the operator. */
export type LogFunction = (level: 'info' | 'warn' | 'error', text: string) => void;
