/**
 * Names whose content can be checked without knowing what was written last: each entry holds the version of the change
 * set that wrote it, and words that follow from its name and that version. The two names of a pair are always written
 * in the same change set, so in every snapshot they have the same version or neither is there.
 */
import { parseRelativeName } from '../../src/dns/name.ts';
import type { EntryContent } from '../../src/snapshot/entry-content.ts';
import { ADDRESS } from '../../src/snapshot/snapshot-layout.ts';

export const PAIR_COUNT = 400;
/** word indexes in the control array */
export const CONTROL = { STOP: 0, HANG: 1, BATCHES: 2, FAULTS: 3, FOUND: 4, WORDS: 5 } as const;

export interface StressWorkerData {
  readonly buffer: SharedArrayBuffer;
  readonly slot: number;
  readonly control: SharedArrayBuffer;
  readonly seed: number;
}

export function pairName(pair: number, side: number): Uint8Array {
  return parseRelativeName(`${side === 0 ? 'left' : 'right'}-${pair}.stress.svc`)!;
}

function mixed(pair: number, side: number, version: number, index: number): number {
  let word = Math.imul(pair * 2 + side + 1, 0x9e37_79b1) ^ Math.imul(version + index, 0x85eb_ca6b);
  word ^= word >>> 15;
  return Math.imul(word, 0xc2b2_ae35) >>> 0;
}

/** Between 1 and 24 addresses: entries of many size classes. */
function countOf(pair: number, version: number): number {
  return 1 + ((pair * 7 + version) % 24);
}

export function pairContent(pair: number, side: number, version: number): EntryContent {
  const count = countOf(pair, version);
  const addresses4 = [version, ...Array.from({ length: count }, (_, index) => mixed(pair, side, version, index))];
  return { kind: 'address', ports: [pair + 1], weight: 100, targetSkip: 0, addresses4, addresses6: [] };
}

/**
 * @param payloadAt  word index of an ADDRESS payload
 * @returns the version, −1 if the words are not those of one
 */
export function checkedVersion(words: Uint32Array, payloadAt: number, pair: number, side: number): number {
  const addressesAt = payloadAt + ADDRESS.words + 1;
  const version = words[addressesAt]!;
  const count = countOf(pair, version);
  if (words[payloadAt + ADDRESS.at.count4] !== count + 1) return -1;
  if (words[payloadAt + ADDRESS.words] !== pair + 1) return -1;
  for (let index = 0; index < count; index++) {
    if (words[addressesAt + 1 + index] !== mixed(pair, side, version, index)) return -1;
  }
  return version;
}
