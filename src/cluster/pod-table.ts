/**
 * Pods by namespace: the dashed labels of their addresses, how many pods of a namespace share one, and, if clients are
 * kept, which pod an address belongs to.
 */
import type { Pod } from '../kubernetes/objects.ts';
import { layout } from '../memory/layout.ts';
import { addressOf, addressOfDashed, dashedLabel, type Address } from './address.ts';
import { toBinary } from './binary-text.ts';
import { ClientClaims } from './client-claims.ts';
import type { OctetPool } from './octet-pool.ts';
import { PairIndex } from './pair-index.ts';
import { link, RowTable, unlink, type ListHeads } from './row-table.ts';

const POD = layout('pod row', [
  ['namespace', 1, 'row'],
  ['name', 1, 'bits 0–28 pooled · bit 29 IS_IPV4 · bit 30 HOST_NETWORK · bit 31 LISTED'],
  ['first', 1, 'its first address if that is IPv4; else pooled: its label'],
  ['rest', 1, 'pooled: the labels of its other addresses, joined by spaces'],
  ['next', 1, 'row, in the namespace'],
  ['previous', 1, 'row, in the namespace'],
]);
const LISTED = 0x8000_0000;
const HOST_NETWORK = 0x4000_0000;
const IS_IPV4 = 0x2000_0000;
const NAME_MASK = 0x1fff_ffff;

export interface PodTableOptions {
  /** `hasLabel` is asked */
  readonly labels: boolean;
  /** `clientOf` is asked */
  readonly clients: boolean;
  /** keys of pod labels that `clientLabelsOf` tells */
  readonly clientLabels: readonly string[];
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
  /** (namespace row, IPv4 address) → number of pods with that address */
  readonly #counts4 = new PairIndex();
  /** (namespace row, label of another address) → the same; an entry holds one reference to the label */
  readonly #counts = new PairIndex();
  readonly #claims: ClientClaims;
  /** pod row → pooled: its labels as `clientLabelsOf` tells them; pods that have none are not there */
  readonly #clientLabels = new Map<number, number>();

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
    const parts = [this.#rows, this.#index, this.#counts4, this.#counts, this.#claims];
    return parts.reduce((sum, part) => sum + part.byteSize, 0);
  }

  /**
   * A pod that is ending keeps what it has, and does not come to be.
   *
   * @returns whether the pod is new or its addresses differ
   */
  put(namespace: number, object: Pod, touch: LabelsTouched): boolean {
    let pod = this.find(namespace, object.name);
    if (object.isTerminating) {
      if (pod !== 0) this.#setBit(pod, LISTED, true);
      return false;
    }
    const isNew = pod === 0;
    if (isNew) pod = this.#create(namespace, object.name);
    this.#setBit(pod, LISTED, true);
    const labels = object.podIPs.filter((text) => addressOf(text) !== undefined).map(labelOf);
    const old = this.#labelsOf(pod);
    const isRelabelled = this.#relabel(pod, object);
    const isSame = labels.join(' ') === old.join(' ') && object.isHostNetwork === this.#isHostNetwork(pod);
    if (isSame && !isRelabelled) return isNew;
    touch([...labels, ...old]);
    this.#drop(namespace, pod, old);
    this.#take(namespace, pod, labels, object.isHostNetwork);
    return true;
  }

  remove(namespace: number, pod: number, touch: LabelsTouched): void {
    const old = this.#labelsOf(pod);
    const nameId = this.#nameId(pod);
    touch(old);
    this.#setClientLabels(pod, '');
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
    const address = ipv4Of(label);
    if (address !== undefined) return this.#counts4.get(namespace, address) !== 0;
    const id = this.#pool.find(label);
    return id > 0 && this.#counts.get(namespace, id) !== 0;
  }

  /** The row of the pod that alone has the address; 0 if there is none. */
  clientOf(address: Address): number {
    return this.#claims.ownerOf(address);
  }

  /** The labels of a pod whose keys were asked for: key and value in turn, an octet 0 between two; binary text. */
  clientLabelsOf(pod: number): string {
    const id = this.#clientLabels.get(pod);
    return id === undefined ? '' : this.#pool.text(id);
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

  /** @returns whether labels that count are others than before */
  #relabel(pod: number, { labels = {} }: Pod): boolean {
    const { clientLabels } = this.#options;
    if (clientLabels.length === 0) return false;
    const found = clientLabels.filter((key) => Object.hasOwn(labels, key)).flatMap((key) => [key, labels[key]!]);
    const text = toBinary(found.join('\0'));
    if (text === this.clientLabelsOf(pod)) return false;
    this.#setClientLabels(pod, text);
    return true;
  }

  #setClientLabels(pod: number, text: string): void {
    const old = this.#clientLabels.get(pod);
    if (text === '') this.#clientLabels.delete(pod);
    else this.#clientLabels.set(pod, this.#pool.intern(text));
    if (old !== undefined) this.#pool.release(old);
  }

  #drop(namespace: number, pod: number, labels: readonly string[]): void {
    for (const label of labels) this.#count(namespace, label, -1);
    if (this.#options.clients) {
      for (const address of addressesOf(labels)) this.#claims.remove(address, pod, this.#isHostNetwork(pod));
    }
    if (!this.#hasBit(pod, IS_IPV4)) this.#pool.release(this.#rows.get(pod, POD.at.first));
    this.#pool.release(this.#rows.get(pod, POD.at.rest));
    this.#rows.set(pod, POD.at.first, 0);
    this.#rows.set(pod, POD.at.rest, 0);
    this.#setBit(pod, IS_IPV4, false);
  }

  #take(namespace: number, pod: number, labels: readonly string[], isHostNetwork: boolean): void {
    for (const label of labels) this.#count(namespace, label, 1);
    if (this.#options.clients) {
      for (const address of addressesOf(labels)) this.#claims.add(address, pod, isHostNetwork);
    }
    const [first = ''] = labels;
    const address = ipv4Of(first);
    this.#rows.set(pod, POD.at.first, address ?? this.#pool.intern(first));
    this.#rows.set(pod, POD.at.rest, this.#pool.intern(labels.slice(1).join(' ')));
    this.#setBit(pod, IS_IPV4, address !== undefined);
    this.#setBit(pod, HOST_NETWORK, isHostNetwork);
  }

  #count(namespace: number, label: string, step: 1 | -1): void {
    if (!this.#options.labels) return;
    const address = ipv4Of(label);
    if (address !== undefined) {
      const count4 = this.#counts4.get(namespace, address) + step;
      if (count4 === 0) this.#counts4.delete(namespace, address);
      else this.#counts4.set(namespace, address, count4);
      return;
    }
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
    const word = this.#rows.get(pod, POD.at.first);
    const first = this.#hasBit(pod, IS_IPV4) ? dashedLabel(word) : this.#pool.text(word);
    if (first === '') return [];
    const rest = this.#pool.text(this.#rows.get(pod, POD.at.rest));
    return rest === '' ? [first] : [first, ...rest.split(' ')];
  }

  #nameId(pod: number): number {
    return this.#rows.get(pod, POD.at.name) & NAME_MASK;
  }

  #isHostNetwork(pod: number): boolean {
    return this.#hasBit(pod, HOST_NETWORK);
  }

  #hasBit(pod: number, bit: number): boolean {
    return (this.#rows.get(pod, POD.at.name) & bit) !== 0;
  }

  #setBit(pod: number, bit: number, isSet: boolean): void {
    const name = this.#rows.get(pod, POD.at.name);
    this.#rows.set(pod, POD.at.name, (isSet ? name | bit : name & ~bit) >>> 0);
  }
}

/** The label of a pod's address: as it is written, without an appended 0. */
function labelOf(text: string): string {
  return text.toLowerCase().replaceAll(/[.:]/g, '-');
}

/** The IPv4 address whose dashed text the label is. */
function ipv4Of(label: string): number | undefined {
  const address = addressOfDashed(label);
  return typeof address === 'number' && dashedLabel(address) === label ? address : undefined;
}

/** Each address once: a pod claims it once, however often it says so. */
export function addressesOf(labels: readonly string[]): Set<Address> {
  return new Set(labels.map(addressOfDashed).filter((address) => address !== undefined));
}
