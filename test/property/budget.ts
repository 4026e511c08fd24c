/** Seeds and time of the property tests: a failing run prints what to set to see it again. */
import type { Parameters } from 'fast-check';

/** PROPERTY_SEED: replay; random if not set. */
export const SEED: number = Number(process.env['PROPERTY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** PROPERTY_MS: time for each property, ms. */
const BUDGET_MS = Number(process.env['PROPERTY_MS'] ?? 3000);
/** PROPERTY_PATH: as printed by fast-check, to go straight to a counterexample. */
const PATH = process.env['PROPERTY_PATH'];

/** Runs until the time is over. */
export function budget<T>(): Parameters<T> {
  return {
    seed: SEED,
    numRuns: 1_000_000,
    interruptAfterTimeLimit: BUDGET_MS,
    markInterruptAsFailure: false,
    ...(PATH === undefined ? {} : { path: PATH }),
  };
}

/** Numbers from a seed (mulberry32), in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}
