/**
 * Keeps one kind of objects in step with the API server: lists, watches, and goes on from where it was when something ends
 * or fails. What was handed on stays valid meanwhile; a new list replaces it object by object.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ObjectKind } from '../kubernetes/object-sink.ts';
import { ApiConnectionFault, ApiFault } from './api-fault.ts';
import type { RestartReason } from './api-metrics.ts';
import { Backoff } from './api-timing.ts';
import type { Contact } from './contact.ts';
import { FaultLog } from './fault-log.ts';
import { ObjectReceiver, type ObjectReceiverEvents, type ObjectReceiverOptions } from './object-receiver.ts';
import { API_RESOURCES, resourceName } from './resources.ts';

export interface ReflectorOptions extends Omit<ObjectReceiverOptions, keyof ObjectReceiverEvents> {
  readonly contact: Contact;
  /** the first list is complete and handed on */
  readonly onSynced: (kind: ObjectKind) => void;
}

export interface KindStatus {
  readonly kind: ObjectKind;
  /** The first list is complete; stays true. */
  readonly isSynced: boolean;
  /** A watch is open: what changes is seen. */
  readonly isWatching: boolean;
  /** Unix time at which the server sent something of this kind; 0: never */
  readonly lastContactMs: number;
  /** why it is not watching */
  readonly error: SkyshardError | undefined;
}

/** Faults in a row after which a watch is given up for a new list. */
const WATCH_FAULTS_MAX = 3;
/** Watches in a row that said nothing, not even a bookmark, after which that is believed to be the server's way. */
const SILENT_WATCHES_MAX = 2;

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #receiver: ObjectReceiver;
  readonly #faultLog: FaultLog;
  readonly #backoff: Backoff;
  #isSynced = false;
  #needsList = true;
  /** why there has to be another list; undefined for the first one */
  #relistReason: RestartReason | undefined;
  #error: SkyshardError | undefined;
  /** The server has no streaming lists; when to see whether it has learnt. */
  #streamingFromMs = -Infinity;
  /** The last streaming list failed, for whatever reason: the next one is paged. */
  #isPagedNext = false;
  /** A continue token ran out before the list was read: the next one is asked for in one. */
  #isWholeNext = false;
  #watchFaults = 0;
  #silentWatches = 0;
  /** The watch that runs has proved that it works. */
  #isSettled = false;
  /** and said something */
  #hasItems = false;
  #settleTimer: NodeJS.Timeout | undefined;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    const { kind, timing, log, contact } = options;
    this.#receiver = new ObjectReceiver({
      ...options,
      onContact: () => contact.signal(),
      onListed: () => this.#listed(),
      onWatching: () => {
        this.#settleTimer = setTimeout(() => this.#settle(), timing.steadyMs);
      },
      onItems: () => {
        this.#hasItems = true;
        if (!this.#isSettled) this.#settle();
      },
    });
    this.#faultLog = new FaultLog(resourceName(API_RESOURCES[kind]), timing.logAgainMs, log);
    this.#backoff = new Backoff(timing.backoffMinMs);
  }

  get status(): KindStatus {
    const { isWatching, lastContactMs } = this.#receiver;
    const error = isWatching ? undefined : this.#error;
    return { kind: this.#options.kind, isSynced: this.#isSynced, isWatching, lastContactMs, error };
  }

  /** Goes on until the signal aborts. Only a bug, here or in the sink, makes it fail. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isSettled = this.#hasItems = false;
      let fault: SkyshardError | undefined;
      let hasEnded = false;
      try {
        hasEnded = await this.#takeStep(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof SkyshardError) || error.code === 'INTERNAL_ASSERTION') throw error;
        fault = error;
      } finally {
        clearTimeout(this.#settleTimer);
      }
      if (fault !== undefined) await this.#recover(fault, signal);
      else if (hasEnded) await this.#restart(signal);
    }
  }

  /** @returns whether a watch ran, and the server ended it as it should */
  async #takeStep(signal: AbortSignal): Promise<boolean> {
    const { kind, metrics } = this.#options;
    if (!this.#needsList) {
      await this.#receiver.watch(signal);
      return true;
    }
    if (this.#relistReason !== undefined) metrics.countRelist(kind, this.#relistReason);
    if (this.#isPagedNext || this.#isWholeNext || performance.now() < this.#streamingFromMs) {
      await this.#receiver.list(signal, this.#isWholeNext);
      return false;
    }
    await this.#receiver.listAndWatch(signal);
    return true;
  }

  #listed(): void {
    this.#needsList = this.#isPagedNext = this.#isWholeNext = false;
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#options.onSynced(this.#options.kind);
  }

  /**
   * A server that is watched for a while, or says something, works: what comes next is a new story. A list alone proves
   * little, or lists that are followed by refused watches would be repeated without a pause.
   */
  #settle(): void {
    this.#isSettled = true;
    this.#error = undefined;
    this.#faultLog.clear();
    this.#backoff.reset();
    this.#watchFaults = 0;
  }

  /** The watch's time was up. Servers that end each watch at once are not asked without a pause. */
  async #restart(signal: AbortSignal): Promise<void> {
    const { kind, metrics, timing } = this.#options;
    metrics.countRestart(kind, 'ended');
    if (!this.#isSettled) await this.#wait(this.#backoff.next(timing.backoffMaxMs), false, signal);
  }

  async #recover(fault: SkyshardError, signal: AbortSignal): Promise<void> {
    const { kind, metrics, timing } = this.#options;
    const { isListing } = this.#receiver;
    const reason = restartReason(fault);
    metrics.countError(kind, errorLabel(fault));
    if (isListing) {
      if (this.#changeList(fault)) return;
    } else {
      metrics.countRestart(kind, reason);
      this.#changeWatch(fault, reason);
    }
    this.#error = fault;
    const isConnecting = fault instanceof ApiConnectionFault && fault.what === 'connect';
    let waitMs = this.#backoff.next(isConnecting ? timing.connectBackoffMaxMs : timing.backoffMaxMs);
    if (fault instanceof ApiFault && fault.retryAfterSeconds !== undefined) {
      const askedMs = Math.min(fault.retryAfterSeconds * 1000, timing.retryAfterMaxMs);
      waitMs = Math.max(waitMs, askedMs + (Math.random() * askedMs) / 4);
    }
    if (fault.code === 'API_MISSING' && API_RESOURCES[kind].isCustom) waitMs = Math.max(waitMs, timing.missingRetryMs);
    // A watch that was cut or has grown too old is nothing to speak of unless it goes on like that.
    const isOrdinary = !isListing && this.#backoff.failures === 1 && ORDINARY.has(reason);
    if (!isOrdinary) this.#faultLog.report(fault, waitMs);
    await this.#wait(waitMs, isConnecting, signal);
  }

  /** A list failed: how to list next. @returns whether to do so at once */
  #changeList(fault: SkyshardError): boolean {
    if (!(fault instanceof ApiFault)) {
      this.#isPagedNext = fault.code === 'API_RESPONSE';
      return false;
    }
    const isStreaming = !this.#isPagedNext && !this.#isWholeNext && performance.now() >= this.#streamingFromMs;
    if (fault.isTooNew) this.#receiver.forgetVersion();
    if (!isStreaming) {
      if (fault.isExpired) this.#isWholeNext = true;
      return false;
    }
    if (hasNoStreaming(fault)) {
      this.#streamingFromMs = performance.now() + this.#options.timing.streamingRetryMs;
      return true;
    }
    if (fault.isExpired) this.#receiver.forgetVersion();
    const isPlain = fault.status === 0 && !(fault instanceof ApiConnectionFault && fault.what === 'connect');
    if (isPlain || (fault.status >= 500 && fault.retryAfterSeconds === undefined)) this.#isPagedNext = true;
    return false;
  }

  /** A watch failed: whether the next one can go on from there, or all has to be listed. */
  #changeWatch(fault: SkyshardError, reason: RestartReason): void {
    this.#watchFaults++;
    this.#silentWatches = reason === 'silent' && !this.#hasItems ? this.#silentWatches + 1 : 0;
    const isRefused = fault instanceof ApiFault && (fault.isTooNew || REFUSED_VERSION.has(fault.status));
    const isExpired = fault instanceof ApiFault && fault.isExpired;
    const isMute = this.#silentWatches >= SILENT_WATCHES_MAX;
    if (isMute) {
      // Either it sends no bookmarks, or it waits for a version that will never come.
      this.#receiver.expectNoBookmarks();
      this.#silentWatches = 0;
    }
    if (isMute || isRefused) this.#receiver.forgetVersion();
    const isHopeless = this.#watchFaults >= WATCH_FAULTS_MAX && !isOutage(fault);
    if (!isExpired && !isRefused && !isMute && !isHopeless) return;
    this.#needsList = true;
    this.#relistReason = reason;
  }

  async #wait(timeMs: number, wakesOnContact: boolean, signal: AbortSignal): Promise<void> {
    await this.#options.contact.wait(timeMs, wakesOnContact, signal);
  }
}

/** Ends of a watch that belong to a cluster's day: servers restart, proxies cut what is idle. */
const ORDINARY: ReadonlySet<RestartReason> = new Set(['cut', 'expired']);
/** What a server says that cannot read the resourceVersion of a watch. */
const REFUSED_VERSION: ReadonlySet<number> = new Set([400, 422]);

/** 400 or 422: it knows no such thing. 500 in the stream: its etcd can't tell it how far it has come. */
function hasNoStreaming({ status, isEvent }: ApiFault): boolean {
  return status === 400 || status === 422 || (isEvent && status === 500);
}

/** A fault that a list would meet as well. */
function isOutage(fault: SkyshardError): boolean {
  if (fault instanceof ApiConnectionFault) return fault.what === 'connect';
  return fault instanceof ApiFault && [401, 403, 404, 429, 503].includes(fault.status);
}

function restartReason(fault: SkyshardError): RestartReason {
  if (fault instanceof ApiConnectionFault) return fault.what;
  if (!(fault instanceof ApiFault)) return 'other';
  return fault.isExpired ? 'expired' : 'refused';
}

function errorLabel(fault: SkyshardError): string {
  if (fault instanceof ApiConnectionFault) return fault.what;
  return fault instanceof ApiFault ? String(fault.status) : fault.code;
}
