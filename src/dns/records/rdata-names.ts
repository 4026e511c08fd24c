/**
 * Where names stand in rdata: for the types whose names may be compressed (RFC 1035, RFC 3597 §4) and those in which some
 * servers compress them all the same (RFC 2782, RFC 2535). Of all others rdata is octets.
 */

export interface RdataNames {
  /** octets before the first name */
  readonly before: number;
  /** how many names follow; what stands behind them is octets */
  readonly names: number;
  /** they may be compressed when they are sent */
  readonly isCompressible: boolean;
}

const shape = (before: number, names: number, isCompressible: boolean): RdataNames => ({
  before,
  names,
  isCompressible,
});

/** By type. */
export const RDATA_NAMES: ReadonlyMap<number, RdataNames> = new Map([
  [2, shape(0, 1, true)],
  [3, shape(0, 1, true)],
  [4, shape(0, 1, true)],
  [5, shape(0, 1, true)],
  [6, shape(0, 2, true)],
  [7, shape(0, 1, true)],
  [8, shape(0, 1, true)],
  [9, shape(0, 1, true)],
  [12, shape(0, 1, true)],
  [14, shape(0, 2, true)],
  [15, shape(2, 1, true)],
  [17, shape(0, 2, false)],
  [18, shape(2, 1, false)],
  [21, shape(2, 1, false)],
  [26, shape(2, 2, false)],
  [33, shape(6, 1, false)],
  [36, shape(2, 1, false)],
  [39, shape(0, 1, false)],
]);
