/** An ObjectSink that keeps the objects, and fails when it is used in a way it need not bear. */
import assert from 'node:assert/strict';
import type { ObjectKind, ObjectSink } from '../../src/kubernetes/object-sink.ts';
import type { ClusterObject, ObjectChange } from '../../src/kubernetes/objects.ts';

export class RecordingSink implements ObjectSink {
  /** by kind, then `NAMESPACE/NAME` */
  readonly objects = new Map<ObjectKind, Map<string, ClusterObject>>();
  /** changes of each call of `apply` */
  readonly calls: (readonly ObjectChange[])[] = [];
  /** what happened in which order: `beginList Service`, `put Service default/web` … */
  readonly events: string[] = [];
  /** how long `apply` takes */
  delayMs = 0;
  readonly #listed = new Map<ObjectKind, Set<string>>();
  readonly #busy = new Set<ObjectKind>();

  async beginList(kind: ObjectKind): Promise<void> {
    await this.#alone(kind, () => {
      this.events.push(`beginList ${kind}`);
      this.#listed.set(kind, new Set());
    });
  }

  async endList(kind: ObjectKind): Promise<void> {
    await this.#alone(kind, () => {
      this.events.push(`endList ${kind}`);
      const listed = this.#listed.get(kind);
      assert.ok(listed, `endList of ${kind} without beginList`);
      const known = this.#of(kind);
      for (const key of known.keys()) if (!listed.has(key)) known.delete(key);
      this.#listed.delete(kind);
    });
  }

  async apply(changes: readonly ObjectChange[]): Promise<void> {
    const [first] = changes;
    assert.ok(first, 'a call without changes');
    this.calls.push(changes);
    await this.#alone(kindOf(first), () => {
      for (const change of changes) this.#apply(change);
    });
  }

  /** All objects of a kind, sorted by key. */
  list(kind: ObjectKind): ClusterObject[] {
    return [...this.#of(kind)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  names(kind: ObjectKind): string[] {
    return [...this.#of(kind).keys()].sort();
  }

  #apply(change: ObjectChange): void {
    const kind = kindOf(change);
    const key = change.op === 'put' ? keyOf(change.object) : `${change.namespace}/${change.name}`;
    this.events.push(`${change.op} ${kind} ${key}`);
    if (change.op === 'put') this.#of(kind).set(key, change.object);
    else this.#of(kind).delete(key);
    if (change.op === 'put') this.#listed.get(kind)?.add(key);
    else this.#listed.get(kind)?.delete(key);
  }

  /** Calls for one kind come one after the other. */
  async #alone(kind: ObjectKind, work: () => void): Promise<void> {
    assert.ok(!this.#busy.has(kind), `${kind}: a call before the last one was done`);
    this.#busy.add(kind);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    else await Promise.resolve();
    work();
    this.#busy.delete(kind);
  }

  #of(kind: ObjectKind): Map<string, ClusterObject> {
    const found = this.objects.get(kind) ?? new Map<string, ClusterObject>();
    this.objects.set(kind, found);
    return found;
  }
}

function kindOf(change: ObjectChange): ObjectKind {
  return change.op === 'put' ? change.object.kind : change.kind;
}

function keyOf(object: ClusterObject): string {
  return object.kind === 'Namespace' ? `/${object.name}` : `${object.namespace}/${object.name}`;
}
