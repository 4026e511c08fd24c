/**
 * `errors`: a line for each query that failed, in CoreDNS's form. Errors that a pattern of `consolidate` matches are counted
 * over its period and told in one line; of all others, those that say the same are printed a few times and then counted, so
 * that a dead upstream does not fill a disk.
 */
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import { formatGoDuration } from '../go-duration.ts';
import { formatPluginLine } from './plugin-line.ts';
import type { LineFormat, LineLevel, WriteLine } from './plugin-line.ts';
import { QUERY_ERROR, queryErrorText } from './query-error.ts';
import type { QueryEvent } from './query-event-reader.ts';
import { QUERY_EVENT_FLAG } from './query-event-ring.ts';

export interface ConsolidateRule {
  /** from the first error on */
  readonly periodMs: number;
  /** RE2, matched anywhere in the message: linear time, whatever the message is */
  readonly pattern: string;
  readonly level: LineLevel;
  /** the first error of a period is printed at once */
  readonly showsFirst: boolean;
}

/** `errors` of one server block. */
export interface ErrorLogBlock {
  /** the first whose pattern matches counts the error */
  readonly consolidate: readonly ConsolidateRule[];
  /** the block has `debug`: lines of that level are printed */
  readonly isDebug: boolean;
}

export interface ErrorLogOptions {
  readonly format: LineFormat;
  readonly write: WriteLine;
  /** by metric scope; undefined where the block has no `errors`. A block under several scopes counts once. */
  readonly blocks: readonly (ErrorLogBlock | undefined)[];
}

/** Over what time equal messages are counted, ms. */
export const REPEAT_PERIOD_MS = 10_000;
/** How often an equal message is printed in that time. */
export const REPEAT_LINES_MAX = 10;
/** Different messages that are told apart; what more there is counts as one. */
const MESSAGES_MAX = 64;
const OTHER_MESSAGES = 'other errors';
/** What a timer of Node can wait. */
const TIMER_MAX_MS = 0x7fff_ffff;

export class ErrorLog {
  private readonly format: LineFormat;
  private readonly write: WriteLine;
  private readonly blocks: readonly (BlockErrors | undefined)[];
  private readonly repeats: RepeatedMessages;

  constructor(options: ErrorLogOptions) {
    this.format = options.format;
    this.write = options.write;
    this.repeats = new RepeatedMessages((message) => this.print('error', message, Date.now()));
    const print = this.print.bind(this);
    const made = new Map<ErrorLogBlock, BlockErrors>();
    this.blocks = options.blocks.map((block) => {
      if (block === undefined) return undefined;
      const errors = made.get(block) ?? new BlockErrors(block, print);
      made.set(block, errors);
      return errors;
    });
  }

  /** Print or count the event if it is a failure of a block with `errors`. */
  add(event: QueryEvent): void {
    if (event.error === QUERY_ERROR.NONE || !event.has(QUERY_EVENT_FLAG.ERRORS)) return;
    const block = this.blocks[event.scope];
    if (block === undefined) return;
    const message = queryErrorText({
      error: event.error,
      errorDetail: event.errorDetail,
      upstream: event.upstreamText,
      upstreamProto: event.has(QUERY_EVENT_FLAG.UPSTREAM_STREAM) ? 'tcp' : 'udp',
    });
    const line = `${event.rcode} ${event.name} ${event.typeText}: ${message}`;
    if (block.consolidate(message, line, event.timeMs)) return;
    if (this.repeats.isPrinted(message)) this.print('error', line, event.timeMs);
  }

  /** Print what was counted so far and end all timers: before the options change, and at the end. */
  close(): void {
    for (const block of new Set(this.blocks)) block?.close();
    this.repeats.close();
  }

  private print(level: LineLevel, message: string, timeMs: number): void {
    this.write(formatPluginLine(this.format, level, 'errors', message, timeMs));
  }
}

type Print = (level: LineLevel, message: string, timeMs: number) => void;

/** The patterns of one block. */
class BlockErrors {
  private readonly patterns: readonly PatternCount[];

  constructor({ consolidate, isDebug }: ErrorLogBlock, print: Print) {
    const printed: Print = (level, message, timeMs) => {
      if (level !== 'debug' || isDebug) print(level, message, timeMs);
    };
    this.patterns = consolidate.map((rule) => new PatternCount(rule, printed));
  }

  /** @returns whether a pattern matches: then the error is counted, and printed if it is to be shown */
  consolidate(message: string, line: string, timeMs: number): boolean {
    for (const pattern of this.patterns) {
      if (!pattern.isMatch(message)) continue;
      pattern.count(line, timeMs);
      return true;
    }
    return false;
  }

  close(): void {
    for (const pattern of this.patterns) pattern.report();
  }
}

class PatternCount {
  private readonly rule: ConsolidateRule;
  private readonly print: Print;
  private readonly regex: RE2JS;
  private seen = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(rule: ConsolidateRule, print: Print) {
    this.rule = rule;
    this.print = print;
    this.regex = compileRegex(rule.pattern);
  }

  isMatch(message: string): boolean {
    return this.regex.matcher(message).find();
  }

  count(line: string, timeMs: number): void {
    this.seen++;
    if (this.seen > 1) return;
    if (this.rule.showsFirst) this.print(this.rule.level, line, timeMs);
    const delayMs = Math.min(Math.max(this.rule.periodMs, 0), TIMER_MAX_MS);
    this.timer = setTimeout(() => this.report(), delayMs).unref();
  }

  /** One that was shown needs no summary. */
  report(): void {
    clearTimeout(this.timer);
    const { pattern, periodMs, level, showsFirst } = this.rule;
    const count = this.seen;
    this.seen = 0;
    if (count <= (showsFirst ? 1 : 0)) return;
    this.print(level, `${count} errors like '${pattern}' occurred in last ${formatGoDuration(periodMs)}`, Date.now());
  }
}

/** The built-in limit: how often each message came in the period that runs for it. */
class RepeatedMessages {
  private readonly print: (message: string) => void;
  private readonly messages = new Map<string, { count: number; readonly timer: NodeJS.Timeout }>();

  constructor(print: (message: string) => void) {
    this.print = print;
  }

  /** @returns whether an error that says `message` is to be printed now; else it is counted */
  isPrinted(message: string): boolean {
    const known = this.messages.get(message);
    if (known === undefined && this.messages.size >= MESSAGES_MAX && message !== OTHER_MESSAGES) {
      return this.isPrinted(OTHER_MESSAGES);
    }
    if (known === undefined) {
      const timer = setTimeout(() => this.report(message), REPEAT_PERIOD_MS).unref();
      this.messages.set(message, { count: 1, timer });
      return true;
    }
    known.count++;
    return known.count <= REPEAT_LINES_MAX;
  }

  close(): void {
    for (const message of [...this.messages.keys()]) this.report(message);
  }

  private report(message: string): void {
    const known = this.messages.get(message);
    if (known === undefined) return;
    clearTimeout(known.timer);
    this.messages.delete(message);
    const more = known.count - REPEAT_LINES_MAX;
    if (more <= 0) return;
    this.print(`${more} more errors '${message}' occurred in last ${formatGoDuration(REPEAT_PERIOD_MS)}`);
  }
}

let re2: typeof RE2JS | undefined;

/** Loaded by the first pattern: most configurations have none. */
function compileRegex(pattern: string): RE2JS {
  re2 ??= (createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS }).RE2JS;
  return re2.compile(pattern);
}
