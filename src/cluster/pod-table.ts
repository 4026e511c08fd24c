/** Pods by namespace: the dashed labels of their addresses, and how many pods of a namespace share one. */
import type { Pod } from '../kubernetes/objects.ts';
import { layout } from '../memory/layout.ts';
import { addressOf } from './address.ts';
import { toBinary } from './binary-text.ts';
import type { OctetPool } from './octet-pool.ts';
import { PairIndex } from './pair-index.ts';
import { link, RowTable, unlink, type ListHeads } from './row-table.ts';

const POD = layout('pod row', [
  ['namespace', 1, 'row'],
  ['name', 1, 'pooled'],
  ['first', 1, 'pooled: the label of its first address'],
  ['rest', 1, 'pooled: the labels of its other addresses, joined by spaces'],
  ['next', 1, 'row, in the namespace'],
  ['previous', 1, 'row, in the namespace'],
]);

/** Labels (binary text) that a pod got or lost. */
export type LabelsTouched = (labels: readonly string[]) => void;

export class PodTable {
  readonly #pool: OctetPool;
  readonly #heads: ListHeads;
  readonly #rows = new RowTable(POD.words);
  /** (namespace row, name) → row */
  readonly #index = new PairIndex();
  /** (namespace row, label) → number of pods with that address; an entry holds one reference to the label */
  readonly #counts = new PairIndex();

  /** @param heads  the field of a namespace row that holds its first pod */
  constructor(pool: OctetPool, heads: ListHeads) {
    this.#pool = pool;
    this.#heads = heads;
  }

  get count(): number {
    return this.#rows.count;
  }

  get byteSize(): number {
    return this.#rows.byteSize + this.#index.byteSize + this.#counts.byteSize;
  }

  /** @returns whether the pod is new or its addresses differ */
  put(namespace: number, object: Pod, touch: LabelsTouched): boolean {
    const nameId = this.#pool.intern(toBinary(object.name));
    let pod = this.#index.get(namespace, nameId);
    const isNew = pod === 0;
    if (isNew) {
      pod = this.#rows.allocate();
      this.#rows.set(pod, POD.at.namespace, namespace);
      this.#rows.set(pod, POD.at.name, nameId);
      this.#index.set(namespace, nameId, pod);
      link(this.#rows, POD.at, pod, this.#heads, namespace);
    } else {
      this.#pool.release(nameId);
    }
    const labels = object.podIPs.filter((text) => addressOf(text) !== undefined).map(labelOf);
    const old = this.#labelsOf(pod);
    if (labels.join(' ') === old.join(' ')) return isNew;
    this.#setLabels(namespace, pod, labels, old, touch);
    return true;
  }

  /** @returns whether there was such a pod */
  delete(namespace: number, name: string, touch: LabelsTouched): boolean {
    const nameId = this.#pool.find(toBinary(name));
    const pod = nameId < 0 ? 0 : this.#index.get(namespace, nameId);
    if (pod === 0) return false;
    this.#setLabels(namespace, pod, [], this.#labelsOf(pod), touch);
    unlink(this.#rows, POD.at, pod, this.#heads, namespace);
    this.#index.delete(namespace, nameId);
    this.#rows.free(pod);
    this.#pool.release(nameId);
    return true;
  }

  hasLabel(namespace: number, label: string): boolean {
    const id = this.#pool.find(label);
    return id > 0 && this.#counts.get(namespace, id) !== 0;
  }

  /**
   * Touch the labels of a namespace's pods. Pauses after each pod.
   *
   * @param first  row of the first pod
   */
  *touchAll(first: number, touch: LabelsTouched): Generator<void, void> {
    for (let pod = first; pod !== 0; pod = this.#rows.get(pod, POD.at.next)) {
      touch(this.#labelsOf(pod));
      yield;
    }
  }

  #setLabels(
    namespace: number,
    pod: number,
    labels: readonly string[],
    old: readonly string[],
    touch: LabelsTouched,
  ): void {
    touch([...labels, ...old]);
    for (const label of labels) this.#count(namespace, label, 1);
    for (const label of old) this.#count(namespace, label, -1);
    const first = this.#pool.intern(labels[0] ?? '');
    const rest = this.#pool.intern(labels.slice(1).join(' '));
    this.#pool.release(this.#rows.get(pod, POD.at.first));
    this.#pool.release(this.#rows.get(pod, POD.at.rest));
    this.#rows.set(pod, POD.at.first, first);
    this.#rows.set(pod, POD.at.rest, rest);
  }

  #count(namespace: number, label: string, step: 1 | -1): void {
    const id = this.#pool.intern(label);
    const count = this.#counts.get(namespace, id) + step;
    if (count === 0) this.#counts.delete(namespace, id);
    else this.#counts.set(namespace, id, count);
    // A new entry keeps the reference taken above; one that goes gives its own back too.
    const isNewEntry = step === 1 && count === 1;
    if (!isNewEntry) this.#pool.release(id);
    if (count === 0) this.#pool.release(id);
  }

  #labelsOf(pod: number): string[] {
    const first = this.#pool.text(this.#rows.get(pod, POD.at.first));
    if (first === '') return [];
    const rest = this.#pool.text(this.#rows.get(pod, POD.at.rest));
    return rest === '' ? [first] : [first, ...rest.split(' ')];
  }
}

/** The label of a pod's address: as it is written, without an appended 0. */
function labelOf(text: string): string {
  return text.toLowerCase().replaceAll(/[.:]/g, '-');
}
