/** The weights of `loadbalance weighted`: how often an address is to be the first of its name's. */
import { quoteText } from './corefile/corefile-token.ts';
import { parseIP } from './network.ts';
import { parseInteger } from './number.ts';
import { canonicalName } from './zone-name.ts';

/** Addresses of a name: one word (IPv4) or four big-endian words (IPv6), and the weight, 1 … 255. */
export interface NameWeights {
  /** canonical */
  readonly name: string;
  readonly addresses: readonly { readonly words: readonly number[]; readonly weight: number }[];
}

const WEIGHT_MAX = 255;

/**
 * A line of a domain name, then lines `IP WEIGHT` that belong to it; `#` starts a comment line.
 *
 * @returns what is wrong, and in which line, as text
 */
export function readWeights(text: string): readonly NameWeights[] | string {
  const byName = new Map<string, { words: readonly number[]; weight: number }[]>();
  let current: { words: readonly number[]; weight: number }[] | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [first, weight, more] = line.trim().split(/\s+/);
    if (first === undefined || first === '' || first.startsWith('#')) continue;
    const where = `line ${index + 1}`;
    const address = parseIP(first);
    if (weight === undefined) {
      const name = address === undefined ? canonicalName(first) : undefined;
      if (name === undefined) return `${where}: ${quoteText(first)} is no domain name`;
      current = byName.get(name) ?? [];
      byName.set(name, current);
      continue;
    }
    if (more !== undefined || address === undefined) return `${where}: expected a domain name, or IP WEIGHT`;
    if (current === undefined) return `${where}: expected a domain name before the first IP WEIGHT`;
    const value = parseInteger(weight);
    if (value === undefined || value < 1 || value > WEIGHT_MAX) {
      return `${where}: weight ${quoteText(weight)}, expected 1 to ${WEIGHT_MAX}`;
    }
    current.push({ words: address.words, weight: value });
  }
  return [...byName].map(([name, addresses]) => ({ name, addresses }));
}
