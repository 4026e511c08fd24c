/**
 * Pods by namespace: the dashed labels of their addresses, how many pods of a namespace share one, and, if clients are
 * kept, which pod an address belongs to.
 */
import type { Pod } from '../kubernetes/objects.ts';
import { layout } from '../memory/layout.ts';
import { addressOf, addressOfDashed, type Address } from './address.ts';
import { toBinary } from './binary-text.ts';
import { ClientClaims } from './client-claims.ts';
import type { OctetPool } from './octet-pool.ts';
import { PairIndex } from './pair-index.ts';
import { link, RowTable, unlink, type ListHeads } from './row-table.ts';

const POD = layout('pod row', [
  ['namespace', 1, 'row'],
  ['name', 1, 'bits 0–29 pooled · bit 30 HOST_NETWORK · bit 31 LISTED'],
  ['first', 1, 'pooled: the label of its first address'],
  ['rest', 1, 'pooled: the labels of its other addresses, joined by spaces'],
  ['next', 1, 'row, in the namespace'],
  ['previous', 1, 'row, in the namespace'],
]);
const LISTED = 0x8000_0000;
const HOST_NETWORK = 0x4000_0000;
const NAME_MASK = 0x3fff_ffff;

export interface PodTableOptions {
  /** `hasLabel` is asked */
  readonly labels: boolean;
  /** `clientOf` is asked */
  readonly clients: boolean;
}

/** Labels (binary text) that a pod got or lost. */
export type LabelsTouched = (labels: readonly string[]) => void;

export class PodTable {
  readonly #pool: OctetPool;
  readonly #heads: ListHeads;
  readonly #options: PodTableOptions;
  readonly #rows = new RowTable(POD.words);
  /** (namespace row, name) → row */
  readonly #index = new PairIndex();
  /** (namespace row, label) → number of pods with that address; an entry holds one reference to the label */
  readonly #counts = new PairIndex();
  readonly #claims: ClientClaims;

  /** @param heads  the field of a namespace row that holds its first pod */
  constructor(pool: OctetPool, heads: ListHeads, options: PodTableOptions) {
    this.#pool = pool;
    this.#heads = heads;
    this.#options = options;
    this.#claims = new ClientClaims(pool);
  }

  get count(): number {
    return this.#rows.count;
  }

  get byteSize(): number {
    return this.#rows.byteSize + this.#index.byteSize + this.#counts.byteSize + this.#claims.byteSize;
  }

  /**
   * A pod that is ending keeps what it has, and does not come to be.
   *
   * @returns whether the pod is new or its addresses differ
   */
  put(namespace: number, object: Pod, touch: LabelsTouched): boolean {
    let pod = this.find(namespace, object.name);
    if (object.isTerminating) {
      if (pod !== 0) this.#setBits(pod, LISTED);
      return false;
    }
    const isNew = pod === 0;
    if (isNew) pod = this.#create(namespace, object.name);
    this.#setBits(pod, LISTED);
    const labels = object.podIPs.filter((text) => addressOf(text) !== undefined).map(labelOf);
    const old = this.#labelsOf(pod);
    if (labels.join(' ') === old.join(' ') && object.isHostNetwork === this.#isHostNetwork(pod)) return isNew;
    touch([...labels, ...old]);
    this.#drop(namespace, pod, old);
    this.#take(namespace, pod, labels, object.isHostNetwork);
    return true;
  }

  remove(namespace: number, pod: number, touch: LabelsTouched): void {
    const old = this.#labelsOf(pod);
    const nameId = this.#nameId(pod);
    touch(old);
    this.#drop(namespace, pod, old);
    unlink(this.#rows, POD.at, pod, this.#heads, namespace);
    this.#index.delete(namespace, nameId);
    this.#rows.free(pod);
    this.#pool.release(nameId);
  }

  /** @returns the pod's row, 0 if there is none */
  find(namespace: number, name: string): number {
    const nameId = this.#pool.find(toBinary(name));
    return namespace === 0 || nameId <= 0 ? 0 : this.#index.get(namespace, nameId);
  }

  hasLabel(namespace: number, label: string): boolean {
    const id = this.#pool.find(label);
    return id > 0 && this.#counts.get(namespace, id) !== 0;
  }

  /** The row of the pod that alone has the address; 0 if there is none. */
  clientOf(address: Address): number {
    return this.#claims.ownerOf(address);
  }

  namespaceOf(pod: number): number {
    return this.#rows.get(pod, POD.at.namespace);
  }

  /** Binary text. */
  nameOf(pod: number): string {
    return this.#pool.text(this.#nameId(pod));
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

  beginList(): void {
    this.#rows.clearBits(POD.at.name, LISTED);
  }

  /** Rows that were not put since `beginList`; each may be removed when it is seen. */
  *unlisted(): Generator<number, void> {
    for (let pod = 1; pod < this.#rows.idEnd; pod++) {
      const name = this.#rows.get(pod, POD.at.name);
      if (name !== 0 && (name & LISTED) === 0) yield pod;
    }
  }

  #create(namespace: number, name: string): number {
    const nameId = this.#pool.intern(toBinary(name));
    const pod = this.#rows.allocate();
    this.#rows.set(pod, POD.at.namespace, namespace);
    this.#rows.set(pod, POD.at.name, nameId);
    this.#index.set(namespace, nameId, pod);
    link(this.#rows, POD.at, pod, this.#heads, namespace);
    return pod;
  }

  #drop(namespace: number, pod: number, labels: readonly string[]): void {
    for (const label of labels) this.#count(namespace, label, -1);
    if (this.#options.clients) {
      for (const address of addressesOf(labels)) this.#claims.remove(address, pod, this.#isHostNetwork(pod));
    }
    this.#pool.release(this.#rows.get(pod, POD.at.first));
    this.#pool.release(this.#rows.get(pod, POD.at.rest));
    this.#rows.set(pod, POD.at.first, 0);
    this.#rows.set(pod, POD.at.rest, 0);
  }

  #take(namespace: number, pod: number, labels: readonly string[], isHostNetwork: boolean): void {
    for (const label of labels) this.#count(namespace, label, 1);
    if (this.#options.clients) {
      for (const address of addressesOf(labels)) this.#claims.add(address, pod, isHostNetwork);
    }
    this.#rows.set(pod, POD.at.first, this.#pool.intern(labels[0] ?? ''));
    this.#rows.set(pod, POD.at.rest, this.#pool.intern(labels.slice(1).join(' ')));
    const name = this.#rows.get(pod, POD.at.name);
    this.#rows.set(pod, POD.at.name, (isHostNetwork ? name | HOST_NETWORK : name & ~HOST_NETWORK) >>> 0);
  }

  #count(namespace: number, label: string, step: 1 | -1): void {
    if (!this.#options.labels) return;
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

  #nameId(pod: number): number {
    return this.#rows.get(pod, POD.at.name) & NAME_MASK;
  }

  #isHostNetwork(pod: number): boolean {
    return (this.#rows.get(pod, POD.at.name) & HOST_NETWORK) !== 0;
  }

  #setBits(pod: number, bits: number): void {
    this.#rows.set(pod, POD.at.name, (this.#rows.get(pod, POD.at.name) | bits) >>> 0);
  }
}

/** The label of a pod's address: as it is written, without an appended 0. */
function labelOf(text: string): string {
  return text.toLowerCase().replaceAll(/[.:]/g, '-');
}

/** Each address once: a pod claims it once, however often it says so. */
export function addressesOf(labels: readonly string[]): Set<Address> {
  return new Set(labels.map(addressOfDashed).filter((address) => address !== undefined));
}
