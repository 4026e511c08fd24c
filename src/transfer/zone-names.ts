/**
 * The names of a zone in an order that is the same in every process: Services by name, then by namespace, each before its
 * own names; addresses by their reverse name. In generators that pause often, since a zone has a hundred thousand names:
 * the caller decides after each pause whether it goes on or looks after others first.
 */
import {
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  ENTRY_SPACE_SHIFT,
  isReverseSpace,
  KIND,
  PAGE_WORDS,
} from '../snapshot/snapshot-layout.ts';
import { pagesOf } from '../snapshot/entry-walk.ts';
import { octetAt } from '../snapshot/verify-entry.ts';
import type { TransferZone } from './transfer-zone.ts';

/** The label `svc`. */
const SVC = Buffer.from('\x03svc', 'latin1');
const FIRST_CAPACITY = 1024;
/** Names merged between two pauses. */
const MERGED_BEFORE_PAUSE = 256;
const LABELS_MAX = 127;

/**
 * Word index of each entry of the zone that can have records in a transfer, in order.
 *
 * Memory: 8 octets a name while it is sorted, 4 then.
 */
export function* namesInOrder(zone: TransferZone): Generator<void, Uint32Array> {
  const { words } = zone.reader;
  const found = yield* collectNames(words, zone.datasetAt, (entryAt) => isOfZone(zone, entryAt));
  const serviceLabels = isReverseSpace(zone.keySpace) ? 0 : serviceLabelsOf(zone);
  const order = new NameOrder(words, serviceLabels);
  return yield* sorted(found, order);
}

/** The same of a zone with records of its own, all in canonical order (RFC 4034 §6.1). @param datasetAt  word index of its DATASET */
export function* storedNamesInOrder(words: Uint32Array, datasetAt: number): Generator<void, Uint32Array> {
  const hasRecords = (entryAt: number): boolean => ((words[entryAt]! >>> ENTRY_KIND_SHIFT) & 0xf) === KIND.RRSETS;
  const found = yield* collectNames(words, datasetAt, hasRecords);
  return yield* sorted(found, new NameOrder(words, 0));
}

function* collectNames(
  words: Uint32Array,
  datasetAt: number,
  isTaken: (entryAt: number) => boolean,
): Generator<void, Uint32Array> {
  let names = new Uint32Array(FIRST_CAPACITY);
  let count = 0;
  for (const pageAt of pagesOf(words, datasetAt)) {
    for (let at = pageAt + 1; at < pageAt + PAGE_WORDS; at += 2) {
      const entryAt = words[at]! * 2;
      if (entryAt === 0 || !isTaken(entryAt)) continue;
      if (count === names.length) {
        const larger = new Uint32Array(count * 2);
        larger.set(names);
        names = larger;
      }
      names[count++] = entryAt;
    }
    yield;
  }
  return names.subarray(0, count);
}

function isOfZone({ reader: { words }, keySpace, apexKey, apexName }: TransferZone, entryAt: number): boolean {
  const head = words[entryAt]!;
  if (((head >>> ENTRY_SPACE_SHIFT) & 0xf) !== keySpace) return false;
  const kind = (head >>> ENTRY_KIND_SHIFT) & 0xf;
  if (isReverseSpace(keySpace)) return kind === KIND.POINTER && endsIn(words, entryAt, apexKey);
  if (kind !== KIND.ADDRESS && kind !== KIND.ENDPOINTS && kind !== KIND.ALIAS) return false;
  // What lies below the apex name of an external zone is written with the name servers.
  return apexName.length > 0 ? !endsIn(words, entryAt, apexName) : endsIn(words, entryAt, SVC);
}

/** Whether a key is `suffix` or a name below it: no label of a Kubernetes name has an octet like that of a length. */
function endsIn(words: Uint32Array, entryAt: number, suffix: Uint8Array): boolean {
  const start = (words[entryAt]! & ENTRY_KEY_SIZE_MASK) - suffix.length;
  if (start < 0) return false;
  for (let index = suffix.length - 1; index >= 0; index--) {
    if (octetAt(words, entryAt + 1, start + index) !== suffix[index]) return false;
  }
  return true;
}

/** Labels of a Service's own name in the keys of a zone: `S.N.svc`, in an external zone `S.N`. */
export function serviceLabelsOf(zone: TransferZone): number {
  return zone.apexName.length > 0 ? 2 : 3;
}

/** Compares keys label by label: forward names by Service, Namespace, then leftwards; reverse names from the right. */
class NameOrder {
  readonly #words: Uint32Array;
  readonly #serviceLabels: number;
  readonly #startsA = new Uint8Array(LABELS_MAX);
  readonly #startsB = new Uint8Array(LABELS_MAX);

  /** @param serviceLabels  of a Service's own name, which come first, in their order; 0: there are none */
  constructor(words: Uint32Array, serviceLabels: number) {
    this.#words = words;
    this.#serviceLabels = serviceLabels;
  }

  compare(a: number, b: number): number {
    const countA = this.#labelsOf(a, this.#startsA);
    const countB = this.#labelsOf(b, this.#startsB);
    const count = Math.min(countA, countB);
    for (let index = 0; index < count; index++) {
      const fromRight = this.#labelAt(index);
      const startA = this.#startsA[countA - 1 - fromRight]!;
      const order = this.#compareLabels(a, startA, b, this.#startsB[countB - 1 - fromRight]!);
      if (order !== 0) return order;
    }
    return countA - countB;
  }

  /** Which label, counted from the right, is compared at which place. */
  #labelAt(index: number): number {
    return index < this.#serviceLabels ? this.#serviceLabels - 1 - index : index;
  }

  #labelsOf(entryAt: number, starts: Uint8Array): number {
    const size = this.#words[entryAt]! & ENTRY_KEY_SIZE_MASK;
    let count = 0;
    for (let at = 0; at < size; at += octetAt(this.#words, entryAt + 1, at) + 1) starts[count++] = at;
    return count;
  }

  #compareLabels(a: number, startA: number, b: number, startB: number): number {
    const words = this.#words;
    const sizeA = octetAt(words, a + 1, startA);
    const sizeB = octetAt(words, b + 1, startB);
    const size = Math.min(sizeA, sizeB);
    for (let index = 1; index <= size; index++) {
      const order = octetAt(words, a + 1, startA + index) - octetAt(words, b + 1, startB + index);
      if (order !== 0) return order;
    }
    return sizeA - sizeB;
  }
}

/** Merge sort from the bottom up, so that it can pause anywhere. */
function* sorted(names: Uint32Array, order: NameOrder): Generator<void, Uint32Array> {
  let from = names;
  let to: Uint32Array = new Uint32Array(names.length);
  for (let width = 1; width < names.length; width *= 2) {
    let untilPause = MERGED_BEFORE_PAUSE;
    for (let start = 0; start < names.length; start += 2 * width) {
      const middle = Math.min(start + width, names.length);
      const end = Math.min(middle + width, names.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const isLeft = left < middle && (right === end || order.compare(from[left]!, from[right]!) <= 0);
        to[at] = isLeft ? from[left++]! : from[right++]!;
        if (--untilPause > 0) continue;
        untilPause = MERGED_BEFORE_PAUSE;
        yield;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
