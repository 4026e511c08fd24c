/**
 * Keeps one kind of objects in step with the API server: lists, watches, and goes on from where it was when something ends
 * or fails. What was handed on stays valid meanwhile; a new list replaces it object by object.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ObjectKind } from '../kubernetes/object-sink.ts';
import { ApiConnectionFault, ApiFault } from './api-fault.ts';
import type { Contact } from './contact.ts';
import { FaultLog } from './fault-log.ts';
import { FollowPlan, restartReason } from './follow-plan.ts';
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

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #receiver: ObjectReceiver;
  readonly #plan: FollowPlan;
  readonly #faultLog: FaultLog;
  #isSynced = false;
  #error: SkyshardError | undefined;
  /** A watch runs, or has run, in this step. */
  #hasWatched = false;
  /** and has proved that it works */
  #isSettled = false;
  #settleTimer: NodeJS.Timeout | undefined;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    const { kind, timing, log, contact } = options;
    this.#plan = new FollowPlan(timing, API_RESOURCES[kind].isCustom);
    this.#receiver = new ObjectReceiver({
      ...options,
      onContact: () => contact.signal(),
      onListed: () => this.#listed(),
      onWatching: () => {
        this.#hasWatched = true;
        this.#settleTimer = setTimeout(() => this.#settle(), timing.steadyMs);
      },
      onItems: () => {
        this.#plan.noteItems();
        if (!this.#isSettled) this.#settle();
      },
    });
    this.#faultLog = new FaultLog(resourceName(API_RESOURCES[kind]), timing.logAgainMs, log);
  }

  get status(): KindStatus {
    const { isWatching, lastContactMs } = this.#receiver;
    const error = isWatching ? undefined : this.#error;
    return { kind: this.#options.kind, isSynced: this.#isSynced, isWatching, lastContactMs, error };
  }

  /** Goes on until the signal aborts. Only a bug, here or in the sink, makes it fail. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#hasWatched = this.#isSettled = false;
      let fault: SkyshardError | undefined;
      try {
        await this.#takeStep(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof SkyshardError) || error.code === 'INTERNAL_ASSERTION') throw error;
        fault = error;
      } finally {
        clearTimeout(this.#settleTimer);
      }
      if (fault !== undefined) await this.#recover(fault, signal);
      else if (this.#hasWatched) await this.#restart(signal);
    }
  }

  async #takeStep(signal: AbortSignal): Promise<void> {
    const { step, relistReason } = this.#plan;
    if (step === 'watch') return this.#receiver.watch(signal);
    if (relistReason !== undefined) this.#options.metrics.countRelist(this.#options.kind, relistReason);
    if (step === 'streaming list') return this.#receiver.listAndWatch(signal);
    return this.#receiver.list(signal, step === 'whole list');
  }

  #listed(): void {
    this.#plan.noteListed();
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#options.onSynced(this.#options.kind);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#error = undefined;
    this.#plan.noteSettled();
    this.#faultLog.clear();
  }

  /** The watch's time was up. */
  async #restart(signal: AbortSignal): Promise<void> {
    const { kind, metrics, contact } = this.#options;
    metrics.countRestart(kind, 'ended');
    const waitMs = this.#plan.noteEnd(this.#isSettled);
    if (waitMs > 0) await contact.wait(waitMs, false, signal);
  }

  async #recover(fault: SkyshardError, signal: AbortSignal): Promise<void> {
    const { kind, metrics, contact, timing } = this.#options;
    metrics.countError(kind, errorLabel(fault));
    if (this.#hasWatched) metrics.countRestart(kind, restartReason(fault));
    const recovery = this.#plan.noteFault(fault, this.#receiver.isListing);
    if (recovery.forgetsVersion) this.#receiver.forgetVersion();
    if (recovery.expectsNoBookmarks) this.#receiver.expectNoBookmarks();
    if (recovery.waitMs === 0) return;
    this.#error = fault;
    this.#faultLog.report(fault, recovery.waitMs, this.#isSynced ? timing.logGraceMs : 0);
    await contact.wait(recovery.waitMs, recovery.wakesOnContact, signal);
  }
}

function errorLabel(fault: SkyshardError): string {
  if (fault instanceof ApiConnectionFault) return fault.what;
  return fault instanceof ApiFault ? String(fault.status) : fault.code;
}
