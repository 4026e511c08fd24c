import { argumentFault } from './corefile/line-reader.ts';
import { quoteText, type CorefileToken } from './corefile/corefile-token.ts';

export const U16_MAX = 0xffff;
export const U32_MAX = 0xffffffff;

/** A whole number in decimal, or undefined. */
export function parseInteger(text: string): number | undefined {
  if (!/^[-+]?\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A whole number of an option within its limits, both included. */
export function readInteger(token: CorefileToken, what: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  const value = parseInteger(token.text);
  if (value === undefined)
    throw argumentFault(token, `${what} ${quoteText(token.text)} is no whole number, expected ${range(min, max)}`);
  if (value < min || value > max)
    throw argumentFault(token, `${what} ${value} is out of range, expected ${range(min, max)}`);
  return value;
}

/** A number that may have a fraction. */
export function readFloat(token: CorefileToken, what: string, min: number): number {
  const value = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(token.text) ? Number(token.text) : Number.NaN;
  if (!(value >= min)) throw argumentFault(token, `${what} ${quoteText(token.text)} is no number of at least ${min}`);
  return value;
}

function range(min: number, max: number): string {
  if (max === Number.MAX_SAFE_INTEGER) return `a number of at least ${min}`;
  return `a number from ${min} to ${max}`;
}
