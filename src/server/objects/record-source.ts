/**
 * Where one source of objects puts what it finds: the names of all instances that it feeds follow from it.
 *
 * Until every kind of object is listed nothing of it is visible; then all of it is at once. From then on each call is
 * published by itself, and a list that comes again changes only what differs.
 */
import type { ObjectKind, ObjectSink } from '../../kubernetes/object-sink.ts';
import type { ObjectChange } from '../../kubernetes/objects.ts';
import type { RecordInstance } from './record-instance.ts';
import type { TurnSlice } from '../turn-slice.ts';

/** What a source needs of the publisher. */
export interface RecordQueue {
  readonly slice: TurnSlice;
  /** Run something after all that was asked for before. */
  enqueue(task: () => Promise<void> | void): Promise<void>;
  /** Make visible what was written. Only for a task. @returns to be waited for; undefined: it is done */
  publish(): Promise<void> | undefined;
  /** What was written is not to be seen yet. Only for a task. */
  hold(): void;
}

/** Told of objects when their names are published, or have to wait for others; `isListed`: slices belong to a list. */
export type AppliedListener = (changes: readonly ObjectChange[], isListed: boolean) => void;

export class RecordSource implements ObjectSink {
  /** those that have to be listed */
  readonly kinds: readonly ObjectKind[];
  onApplied: AppliedListener | undefined;
  readonly #queue: RecordQueue;
  readonly #missing: Set<ObjectKind>;
  /** lists that have begun and not ended */
  readonly #listing = new Set<ObjectKind>();
  #instances: readonly RecordInstance[];
  readonly #synced = Promise.withResolvers<void>();
  #isClosed = false;

  /** @param kinds  those that have to be listed; objects of other kinds may come nevertheless */
  constructor(kinds: readonly ObjectKind[], instances: readonly RecordInstance[], queue: RecordQueue) {
    this.kinds = kinds;
    this.#missing = new Set(kinds);
    this.#instances = instances;
    this.#queue = queue;
  }

  get instances(): readonly RecordInstance[] {
    return this.#instances;
  }

  get isSynced(): boolean {
    return this.#missing.size === 0;
  }

  /** A list has begun and not ended. */
  get isListing(): boolean {
    return this.#listing.size > 0;
  }

  /** Resolves when every kind was listed once; after `close` it may never. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** Objects of each kind, as the first instance has them. */
  objectCounts(): readonly (readonly [ObjectKind, number])[] {
    const counts = this.#instances[0]?.records.state.objectCounts;
    return counts === undefined ? [] : this.kinds.map((kind) => [kind, counts[kind]]);
  }

  beginList(kind: ObjectKind): Promise<void> {
    return this.#enqueue(() => {
      this.#listing.add(kind);
      for (const { records } of this.#instances) records.beginList(kind);
    });
  }

  apply(changes: readonly ObjectChange[]): Promise<void> {
    return this.#enqueue(async () => {
      for (const instance of this.#instances) {
        // To wait for what is there already takes a good part of the time of a small change.
        const result = this.#queue.slice.runSoon(instance.records.applyInSteps(changes));
        if (typeof result === 'boolean' ? result : await result) instance.moveSerial();
        if (!instance.isSynced) await this.#queue.slice.run(instance.prepareInSteps());
      }
      if (this.isSynced) {
        const published = this.#queue.publish();
        if (published !== undefined) await published;
      } else this.#queue.hold();
      this.onApplied?.(changes, this.#listing.has('EndpointSlice'));
    });
  }

  endList(kind: ObjectKind): Promise<void> {
    return this.#enqueue(async () => {
      this.#listing.delete(kind);
      for (const instance of this.#instances) {
        if (await this.#queue.slice.run(instance.records.endListInSteps(kind))) instance.moveSerial();
      }
      this.#missing.delete(kind);
      if (!this.isSynced) return this.#queue.hold();
      for (const instance of this.#instances) await this.#queue.slice.run(instance.completeInSteps());
      await this.#queue.publish();
      this.#synced.resolve();
    });
  }

  /** For the publisher: from now on only these are fed. */
  keep(instances: readonly RecordInstance[]): void {
    this.#instances = instances;
  }

  /** What comes after this is passed over. */
  close(): void {
    this.#isClosed = true;
  }

  #enqueue(task: () => Promise<void> | void): Promise<void> {
    return this.#queue.enqueue(() => (this.#isClosed ? undefined : task()));
  }
}
