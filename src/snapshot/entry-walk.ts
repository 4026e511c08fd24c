/** All entries of a dataset, for dump and statistics. Off the hot path; the caller is main or holds the snapshot. */
import {
  CHUNK_BITS,
  CHUNK_PAGES,
  CLIENT,
  DATASET,
  ENTRY_KEY_SIZE_MASK,
  PAGE_WORDS,
  wordsFor,
} from './snapshot-layout.ts';
import { octetAt } from './verify-entry.ts';

/** Word index of each page of a dataset, once. */
export function* pagesOf(words: Uint32Array, datasetAt: number): Generator<number, void> {
  const topAt = words[datasetAt + DATASET.at.top]! * 2;
  const count = 1 << words[datasetAt + DATASET.at.depth]!;
  let previous = 0;
  for (let index = 0; index < count; index++) {
    const page = words[words[topAt + (index >>> CHUNK_BITS)]! * 2 + (index & (CHUNK_PAGES - 1))]!;
    if (page !== previous) yield page * 2;
    previous = page;
  }
}

/** Word index of each entry of a dataset, in the order of the table. */
export function* entriesOf(words: Uint32Array, datasetAt: number): Generator<number, void> {
  for (const pageAt of pagesOf(words, datasetAt)) {
    for (let at = pageAt + 1; at < pageAt + PAGE_WORDS; at += 2) if (words[at] !== 0) yield words[at]! * 2;
  }
}

/** Octets that lie in key words, copied. */
export function octetsAt(words: Uint32Array, at: number, size: number): Uint8Array {
  const octets = new Uint8Array(size);
  for (let offset = 0; offset < size; offset++) octets[offset] = octetAt(words, at, offset);
  return octets;
}

/** The key of an entry: relative wire form. */
export function keyOf(words: Uint32Array, entryAt: number): Uint8Array {
  return octetsAt(words, entryAt + 1, words[entryAt]! & ENTRY_KEY_SIZE_MASK);
}

/** Namespace, name and labels (key and value in turn) of the pod of an entry of KEY_SPACE.CLIENT. */
export function clientOf(
  words: Uint32Array,
  entryAt: number,
): { readonly namespace: string; readonly name: string; readonly labels: readonly string[] } {
  const payloadAt = entryAt + 1 + wordsFor(words[entryAt]! & ENTRY_KEY_SIZE_MASK);
  const sizes = words[payloadAt + CLIENT.at.sizes]!;
  const namespaceSize = sizes & 0xff;
  const labelsStart = namespaceSize + ((sizes >>> 8) & 0xff);
  const size = labelsStart + (sizes >>> 16);
  const text = Buffer.from(octetsAt(words, payloadAt + CLIENT.at.names, size)).toString('latin1');
  return {
    namespace: text.slice(0, namespaceSize),
    name: text.slice(namespaceSize, labelsStart),
    labels: size === labelsStart ? [] : text.slice(labelsStart).split('\0'),
  };
}
