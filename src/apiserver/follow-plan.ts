/** What a reflector does next, and when: decided from what went well and what failed so far. No I/O. */
import type { SkyshardError } from '../base/skyshard-error.ts';
import { ApiConnectionFault, ApiFault } from './api-fault.ts';
import type { RelistReason, RestartReason } from './api-metrics.ts';
import { type ApiTiming, Backoff } from './api-timing.ts';

/**
 * `streaming list`: a watch that begins with all objects. `paged list`: by pages, then a watch. `whole list`: in one answer,
 * then a watch.
 */
export type FollowStep = 'watch' | 'streaming list' | 'paged list' | 'whole list';

export interface Recovery {
  readonly waitMs: number;
  /** whether the wait is over when anybody reaches the server */
  readonly wakesOnContact: boolean;
  /** The next list is what the server has, however old it is: it does not know the version that was read last. */
  readonly forgetsVersion: boolean;
  /** Watches are to be trusted though they send no bookmarks. */
  readonly expectsNoBookmarks: boolean;
}

/** Faults in a row after which a watch is given up for a new list. */
const WATCH_FAULTS_MAX = 3;
/** Watches in a row that said nothing, not even a bookmark, after which that is believed to be the server's way. */
const SILENT_WATCHES_MAX = 2;

export class FollowPlan {
  readonly #timing: ApiTiming;
  readonly #isCustom: boolean;
  readonly #nowMs: () => number;
  readonly #backoff: Backoff;
  /** Lists that are needed again and again wait by themselves: no other fault makes the first of them wait long. */
  readonly #expiryBackoff: Backoff;
  #needsList = true;
  #relistReason: RelistReason | undefined;
  /** The server has no streaming lists; when to see whether it has learnt. */
  #streamingFromMs = -Infinity;
  /** The last streaming list failed, for whatever reason: the next one is paged. */
  #isPagedNext = false;
  /** A continue token ran out before the list was read: the next one is asked for in one. */
  #isWholeNext = false;
  /** when all is compared once more, in case an event was lost on the way */
  #reconcileAtMs = Infinity;
  #watchFaults = 0;
  #silentWatches = 0;
  #wasUnreachable = false;

  /** @param isCustom  the cluster may be without the resource */
  constructor(timing: ApiTiming, isCustom: boolean, nowMs = () => performance.now()) {
    this.#timing = timing;
    this.#isCustom = isCustom;
    this.#nowMs = nowMs;
    this.#backoff = new Backoff(timing.backoffMinMs);
    this.#expiryBackoff = new Backoff(timing.backoffMinMs);
  }

  get step(): FollowStep {
    if (!this.#needsList) return 'watch';
    if (this.#isWholeNext) return 'whole list';
    return this.#isPagedNext || this.#nowMs() < this.#streamingFromMs ? 'paged list' : 'streaming list';
  }

  /** Why the next list is needed; undefined for the first one. */
  get relistReason(): RelistReason | undefined {
    return this.#relistReason;
  }

  /** A list is complete. */
  noteListed(): void {
    const { reconcileMs } = this.#timing;
    this.#reconcileAtMs = this.#nowMs() + reconcileMs * (1 + Math.random() / 2);
    this.#needsList = this.#isPagedNext = this.#isWholeNext = false;
  }

  /** A watch said something, if only a bookmark. */
  noteItems(): void {
    this.#silentWatches = 0;
  }

  /**
   * A watch lasts, or says something: what comes next is a new story. A list alone proves little, or lists that are followed
   * by refused watches would be repeated without a pause.
   */
  noteSettled(): void {
    this.#backoff.reset();
    this.#expiryBackoff.reset();
    this.#watchFaults = 0;
    this.#wasUnreachable = false;
  }

  /**
   * A watch ended as it should.
   *
   * @param isSettled  it had lasted, or said something
   * @returns how long to wait: a server that ends each watch at once is not asked without a pause
   */
  noteEnd(isSettled: boolean): number {
    if (this.#nowMs() >= this.#reconcileAtMs) {
      this.#needsList = true;
      this.#relistReason = 'reconcile';
    }
    return isSettled ? 0 : this.#backoff.next(this.#timing.backoffMaxMs);
  }

  /** @param isListing  the fault is one of a list, not of the watch after it */
  noteFault(fault: SkyshardError, isListing: boolean): Recovery {
    const reason = restartReason(fault);
    if (isListing && this.#isWithoutStreaming(fault)) {
      this.#streamingFromMs = this.#nowMs() + this.#timing.streamingRetryMs;
      return { waitMs: 0, wakesOnContact: false, forgetsVersion: false, expectsNoBookmarks: false };
    }
    const isRefused = fault instanceof ApiFault && (fault.isTooNew || (!isListing && BAD_REQUEST.has(fault.status)));
    const isMute = !isListing && this.#isMute(reason);
    if (isListing) this.#changeList(fault);
    else this.#changeWatch(fault, reason, isRefused || isMute);
    return {
      waitMs: this.#waitMs(fault, reason),
      wakesOnContact: reason === 'connect',
      // A mute server waits, perhaps, for a version that will never come.
      forgetsVersion: isRefused || isMute,
      expectsNoBookmarks: isMute,
    };
  }

  /** 400 or 422: it knows no such thing. 500 in the stream: its etcd can't tell it how far it has come. */
  #isWithoutStreaming(fault: SkyshardError): boolean {
    if (this.step !== 'streaming list' || !(fault instanceof ApiFault)) return false;
    return BAD_REQUEST.has(fault.status) || (fault.isEvent && fault.status === 500);
  }

  #isMute(reason: RestartReason): boolean {
    if (reason !== 'silent') return false;
    this.#silentWatches++;
    if (this.#silentWatches < SILENT_WATCHES_MAX) return false;
    this.#silentWatches = 0;
    return true;
  }

  /** What a streaming list can't give, one in pages may; and the other way round. */
  #changeList(fault: SkyshardError): void {
    if (isOutage(fault)) return;
    if (this.step === 'streaming list') {
      this.#isPagedNext = true;
      return;
    }
    this.#isPagedNext = this.#isWholeNext = false;
    if (fault instanceof ApiFault && fault.isExpired) this.#isWholeNext = true;
  }

  #changeWatch(fault: SkyshardError, reason: RestartReason, isRefused: boolean): void {
    this.#watchFaults++;
    const isHopeless = this.#watchFaults >= WATCH_FAULTS_MAX && !isOutage(fault) && !isForbidden(fault);
    if (reason !== 'expired' && !isRefused && !isHopeless) return;
    this.#needsList = true;
    this.#relistReason = reason;
  }

  #waitMs(fault: SkyshardError, reason: RestartReason): number {
    const { backoffMaxMs, connectBackoffMaxMs, retryAfterMaxMs, missingRetryMs } = this.#timing;
    if (reason === 'expired') return this.#expiryBackoff.next(backoffMaxMs);
    // A server that was away and answers again, if only with an error while it starts, will soon be well.
    const isUnreachable = reason === 'connect';
    if (this.#wasUnreachable && !isUnreachable) this.#backoff.reset();
    this.#wasUnreachable = isUnreachable;
    const waitMs = this.#backoff.next(isUnreachable ? connectBackoffMaxMs : backoffMaxMs);
    if (fault.code === 'API_MISSING' && this.#isCustom) return Math.max(waitMs, missingRetryMs);
    if (!(fault instanceof ApiFault) || fault.retryAfterSeconds === undefined) return waitMs;
    const askedMs = Math.min(fault.retryAfterSeconds * 1000, retryAfterMaxMs);
    return Math.max(waitMs, askedMs + (Math.random() * askedMs) / 4);
  }
}

const BAD_REQUEST: ReadonlySet<number> = new Set([400, 422]);

/** A fault that any other request would meet as well. */
function isOutage(fault: SkyshardError): boolean {
  if (fault instanceof ApiConnectionFault) return fault.what === 'connect';
  return fault.code === 'API_ACCESS' || (fault instanceof ApiFault && [401, 404, 429, 503].includes(fault.status));
}

function isForbidden(fault: SkyshardError): boolean {
  return fault instanceof ApiFault && fault.status === 403;
}

/** The word of the metrics for it. */
export function restartReason(fault: SkyshardError): RestartReason {
  if (fault instanceof ApiConnectionFault) return fault.what;
  if (!(fault instanceof ApiFault)) return 'other';
  return fault.isExpired ? 'expired' : 'refused';
}
