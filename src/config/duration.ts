import { argumentFault } from './corefile/line-reader.ts';
import { quoteText, type CorefileToken } from './corefile/corefile-token.ts';

const MS_OF_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's longest duration, 2⁶³ nanoseconds. */
const DURATION_MS_MAX = 2 ** 63 / 1e6;

export const DAY_MS = 24 * 3_600_000;

/**
 * A duration as Go writes it: `5s`, `1m30s`, `500ms`, `-1.5h`, or a plain `0`.
 *
 * @returns milliseconds, which may have a fraction; undefined if the text is no duration
 */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const rest = text.replace(/^[-+]/, '');
  if (rest === '0') return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined;
  let milliseconds = 0;
  for (const [, amount, unit] of rest.matchAll(/([\d.]+)([^\d.]+)/g)) {
    milliseconds += Number(amount) * MS_OF_UNIT[unit!]!;
  }
  return milliseconds < DURATION_MS_MAX ? sign * milliseconds : undefined;
}

export interface DurationLimits {
  readonly minMs?: number;
  readonly maxMs?: number;
  /** a bare number is seconds */
  readonly isBareSeconds?: boolean;
}

/**
 * A duration of an option, in milliseconds; not negative unless the limits say so.
 *
 * @param what  the option, for the message
 */
export function readDuration(token: CorefileToken, what: string, limits: DurationLimits = {}): number {
  const { minMs = 0, maxMs = Infinity, isBareSeconds = false } = limits;
  const isBare = isBareSeconds && /^[-+]?\d+$/.test(token.text);
  const milliseconds = parseDuration(isBare ? `${token.text}s` : token.text);
  if (milliseconds === undefined) {
    throw argumentFault(
      token,
      `invalid duration ${quoteText(token.text)} for ${what}, expected such as '5s' or '1m30s'`,
    );
  }
  if (milliseconds < minMs || milliseconds > maxMs) {
    const range = maxMs === Infinity ? `at least ${formatMs(minMs)}` : `${formatMs(minMs)} to ${formatMs(maxMs)}`;
    throw argumentFault(token, `duration ${quoteText(token.text)} for ${what} is out of range, expected ${range}`);
  }
  return milliseconds;
}

function formatMs(milliseconds: number): string {
  if (milliseconds === 0) return '0';
  if (milliseconds % 3_600_000 === 0) return `${milliseconds / 3_600_000}h`;
  if (milliseconds % 60_000 === 0) return `${milliseconds / 60_000}m`;
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}
