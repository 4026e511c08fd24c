/** Median and quartiles, and ratios of what was measured in the same round. */

export interface Quartiles {
  readonly lower: number;
  readonly median: number;
  readonly upper: number;
}

/** Quartiles by linear interpolation between the nearest ranks. `values` is not empty; it is left as it is. */
export function quartiles(values: readonly number[]): Quartiles {
  if (values.length === 0) throw new RangeError('quartiles of no values');
  const sorted = values.toSorted((a, b) => a - b);
  return { lower: quantile(sorted, 0.25), median: quantile(sorted, 0.5), upper: quantile(sorted, 0.75) };
}

function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (position - below);
}

/**
 * Ratio of each round's value to the reference's value of the same round. What slows the whole machine for a while (a
 * neighbour, a warmer CPU) slows both and leaves the ratio alone; a ratio of two medians would keep it.
 */
export function pairedRatios(values: readonly number[], reference: readonly number[]): number[] {
  if (values.length !== reference.length) throw new RangeError('paired ratios want the same rounds on both sides');
  return values.map((value, round) => value / reference[round]!);
}
