/** Lines of plugins, as CoreDNS prints them: `[INFO] plugin/NAME: text`, or one JSON object with the flag `-log-format json`. */

export type LineFormat = 'text' | 'json';
export type LineLevel = 'debug' | 'info' | 'warning' | 'error';

/** Takes a line with its newline, octets only until it returns; never blocks, never throws. */
export type WriteLine = (line: string | Buffer) => void;

const TEXT_LEVELS: Readonly<Record<LineLevel, string>> = {
  debug: '[DEBUG]',
  info: '[INFO]',
  warning: '[WARNING]',
  error: '[ERROR]',
};
const JSON_LEVELS: Readonly<Record<LineLevel, string>> = {
  debug: 'DEBUG',
  info: 'INFO',
  warning: 'WARN',
  error: 'ERROR',
};

/** One line of a plugin. @param timeMs Unix time; only JSON has it */
export function formatPluginLine(
  format: LineFormat,
  level: LineLevel,
  plugin: string,
  message: string,
  timeMs: number,
): string {
  if (format === 'text') return `${TEXT_LEVELS[level]} plugin/${plugin}: ${message}\n`;
  return `${jsonHead(level, message, plugin, timeMs)}}\n`;
}

/** What a line of `log` begins with: it alone does not name itself. */
export const QUERY_LINE_HEAD: string = `${TEXT_LEVELS.info} `;

/** The object as far as all lines have it, still open. */
export function jsonHead(level: LineLevel, message: string, plugin: string, timeMs: number): string {
  const time = isoTime(timeMs);
  return `{"time":"${time}","level":"${JSON_LEVELS[level]}","msg":${JSON.stringify(message)},"plugin":"${plugin}"`;
}

/** A batch of queries has one time: the text is made once. */
let lastTimeMs = Number.NaN;
let lastTime = '';

function isoTime(timeMs: number): string {
  if (timeMs !== lastTimeMs) {
    lastTime = new Date(timeMs).toISOString();
    lastTimeMs = timeMs;
  }
  return lastTime;
}
