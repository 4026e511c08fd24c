/** Faults that last are said once, again from time to time, and once more when they are over. */
import type { SkyshardError } from '../base/skyshard-error.ts';
import { ApiConnectionFault, ApiFault } from './api-fault.ts';

/** One line for the operator. */
export type LogFunction = (level: 'info' | 'warn' | 'error', text: string) => void;

export class FaultLog {
  readonly #what: string;
  readonly #againMs: number;
  readonly #log: LogFunction;
  /** since when all was not well, and since when it is this fault */
  #sinceMs: number | undefined;
  #key = '';
  #keySinceMs = 0;
  /** when this fault was said last; -Infinity: never */
  #saidAtMs = -Infinity;
  #hasSaid = false;

  /** @param what  in the line that says it is over */
  constructor(what: string, againMs: number, log: LogFunction) {
    this.#what = what;
    this.#againMs = againMs;
    this.#log = log;
  }

  /** @param graceMs  how long a fault has to last before it is said */
  report(fault: SkyshardError, nextTryMs: number, graceMs: number): void {
    const nowMs = performance.now();
    this.#sinceMs ??= nowMs;
    const key = faultKey(fault);
    if (key !== this.#key) {
      this.#key = key;
      this.#keySinceMs = nowMs;
      this.#saidAtMs = -Infinity;
    }
    if (nowMs - this.#keySinceMs < graceMs || nowMs - this.#saidAtMs < this.#againMs) return;
    this.#saidAtMs = nowMs;
    this.#hasSaid = true;
    const isPassing = fault.code === 'API_UNREACHABLE' || fault.code === 'API_REFUSED' || fault.code === 'API_RESPONSE';
    const level = isPassing ? 'warn' : 'error';
    this.#log(level, `${fault.code}: ${fault.message}; next try in ${formatSeconds(nextTryMs)}`);
  }

  /** All is well: says so if something was reported. */
  clear(): void {
    if (this.#hasSaid && this.#sinceMs !== undefined) {
      const time = formatSeconds(performance.now() - this.#sinceMs);
      this.#log('info', `${this.#what}: in step with the API server after ${time}`);
    }
    this.#hasSaid = false;
    this.#key = '';
    this.#sinceMs = undefined;
  }
}

/** What makes two faults the same to the reader; messages may hold a version or a port that differs each time. */
function faultKey(fault: SkyshardError): string {
  if (fault instanceof ApiConnectionFault) return `${fault.code} ${fault.what}`;
  return fault instanceof ApiFault ? `${fault.code} ${fault.status}` : `${fault.code} ${fault.message}`;
}

function formatSeconds(timeMs: number): string {
  return timeMs < 1000 ? `${Math.round(timeMs)} ms` : `${(timeMs / 1000).toFixed(1)} s`;
}
