import { quoteText } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readDuration } from '../../config/duration.ts';
import { argumentFault, readOptions, takeArguments, takeNoArguments } from '../../config/corefile/line-reader.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';
import { readRegex } from '../../config/regex.ts';

export interface ErrorsOptions {
  readonly hasStacktrace: boolean;
  /** the first whose pattern matches an error counts it */
  readonly consolidate: readonly ConsolidateRule[];
}

/** Errors that match are counted over a period and reported in one line. */
export interface ConsolidateRule {
  readonly periodMs: number;
  /** RE2 */
  readonly pattern: string;
  readonly level: LogLevel;
  /** the first error of a period is printed at once */
  readonly showsFirst: boolean;
}

const LOG_LEVELS = ['warning', 'error', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `errors [stdout] { stacktrace; consolidate DURATION REGEX [LEVEL] [show_first] }` */
export default definePluginOnce('errors', (line): ErrorsOptions => {
  const [target] = takeArguments(line, 0, 1, 'errors [stdout]');
  if (target !== undefined && target.text !== 'stdout') {
    throw argumentFault(target, `invalid log file: ${quoteText(target.text)}, expected stdout or nothing`);
  }
  let hasStacktrace = false;
  const consolidate: ConsolidateRule[] = [];
  readOptions(
    line,
    {
      stacktrace: (option) => {
        takeNoArguments(option);
        hasStacktrace = true;
      },
      consolidate: (option) => consolidate.push(readConsolidate(option)),
    },
    (name) => `Syntax error: Unexpected token '${name}', expecting 'Unknown field ${name}'`,
  );
  return { hasStacktrace, consolidate };
});

function readConsolidate(option: CorefileLine): ConsolidateRule {
  const usage = 'consolidate DURATION REGEX [warning|error|info|debug] [show_first]';
  const [period, regex, ...rest] = takeArguments(option, 2, 4, usage);
  let level: LogLevel | undefined;
  let showsFirst = false;
  for (const token of rest) {
    const found = LOG_LEVELS.find((candidate) => candidate === token.text);
    if (found === undefined && token.text !== 'show_first') {
      throw argumentFault(token, `unknown option in consolidate: ${quoteText(token.text)}, expected '${usage}'`);
    }
    if (found !== undefined && level !== undefined) {
      throw argumentFault(token, 'multiple log levels specified in consolidate');
    }
    if (found !== undefined && showsFirst) {
      throw argumentFault(token, 'log level must come before show_first in consolidate');
    }
    if (found === undefined) showsFirst = true;
    else level = found;
  }
  return {
    periodMs: readDuration(period!, 'consolidate', { minMs: -Infinity }),
    pattern: readRegex(regex!).pattern,
    level: level ?? 'error',
    showsFirst,
  };
}
