/**
 * POINTER entries are edited where they stand: the targets of one Service are taken out and its new ones merged in.
 * One address may be an endpoint of thousands of Services (hostNetwork), so targets are never made into objects.
 *
 * Order of targets: those from cluster IPs first, then by their words; the same set is always the same entry.
 */
import type { WordWriter } from './entry-encoder.ts';
import {
  ENTRY_FLAG,
  ENTRY_FLAGS_SHIFT,
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  ENTRY_SPACE_SHIFT,
} from './snapshot-layout.ts';
import { KEY_SPACE, KIND, wordsFor } from './snapshot-layout.ts';
import type { KeySpace } from './snapshot-layout.ts';

const SIZE_MASK = 0xff;
const CLUSTER_IP_BIT = 0x100;

/** of the target that is being written: longer than any name */
const targetName = new Uint8Array(512);

/**
 * Write the targets one Service gives an address, in order: per target its word and its name, as in a POINTER payload.
 * Parameters as in RecordSink.point.
 */
export function encodeTargets(
  writer: WordWriter,
  serviceName: Uint8Array,
  labels: readonly Uint8Array[],
  isOwn: boolean,
): void {
  writer.reset();
  if (isOwn) {
    writer.push(serviceName.length | CLUSTER_IP_BIT);
    writer.pushOctets(serviceName);
    return;
  }
  const starts: number[] = [];
  const name = targetName;
  for (const label of labels) {
    let size = 0;
    name[size++] = label.length;
    for (let at = 0; at < label.length; at++) name[size++] = label[at]!;
    for (let at = 0; at < serviceName.length; at++) name[size++] = serviceName[at]!;
    if (labels.length > 1) starts.push(writer.count);
    writer.push(size);
    writer.pushOctets(name, 0, size);
  }
  if (starts.length < 2) return;
  const words = writer.words.slice(0, writer.count);
  starts.sort((a, b) => compareTargets(words, a, words, b));
  writer.reset();
  for (const [index, start] of starts.entries()) {
    if (index > 0 && compareTargets(words, starts[index - 1]!, words, start) === 0) continue;
    copyTarget(writer, words, start);
  }
}

/**
 * Write the POINTER entry of an address: the targets of the present entry without those of the Service, and `targets`.
 *
 * @param entry    reference of the present entry, 0 if there is none
 * @param targets  from encodeTargets
 * @returns false if no target is left: the writer holds no entry then
 */
export function mergePointer(
  writer: WordWriter,
  address: Uint8Array,
  keySpace: KeySpace,
  words: Uint32Array,
  entry: number,
  targets: WordWriter,
  serviceName: Uint8Array,
): boolean {
  writer.reset();
  writer.push(0);
  writer.pushOctets(address);
  const countAt = writer.count;
  writer.push(0);
  let at = entry * 2 + 1 + wordsFor(words[entry * 2]! & ENTRY_KEY_SIZE_MASK);
  let left = entry === 0 ? 0 : words[at++]!;
  let mergeAt = 0;
  let count = 0;
  for (;;) {
    while (left > 0 && isTargetOf(words, at, serviceName)) {
      at += targetWords(words, at);
      left--;
    }
    const isMergeLeft = mergeAt < targets.count;
    if (left === 0 && !isMergeLeft) break;
    count++;
    if (left > 0 && (!isMergeLeft || compareTargets(words, at, targets.words, mergeAt) < 0)) {
      at = copyTarget(writer, words, at);
      left--;
    } else {
      mergeAt = copyTarget(writer, targets.words, mergeAt);
    }
  }
  if (count === 0) return false;
  const isExternal = keySpace === KEY_SPACE.EXTERNAL_REVERSE4 || keySpace === KEY_SPACE.EXTERNAL_REVERSE6;
  const isFirstOnly = !isExternal && (writer.words[countAt + 1]! & CLUSTER_IP_BIT) !== 0;
  writer.words[0] =
    address.length |
    (keySpace << ENTRY_SPACE_SHIFT) |
    (KIND.POINTER << ENTRY_KIND_SHIFT) |
    ((isFirstOnly ? ENTRY_FLAG.FIRST_ONLY : 0) << ENTRY_FLAGS_SHIFT);
  writer.words[countAt] = count;
  return true;
}

function targetWords(words: Uint32Array, at: number): number {
  return 1 + wordsFor(words[at]! & SIZE_MASK);
}

/** The target is the Service's name or one label before it. */
function isTargetOf(words: Uint32Array, at: number, serviceName: Uint8Array): boolean {
  const size = words[at]! & SIZE_MASK;
  const skip = size - serviceName.length;
  if (skip < 0 || (skip > 0 && (words[at + 1]! & 0xff) + 1 !== skip)) return false;
  for (let index = 0; index < serviceName.length; index++) {
    const offset = skip + index;
    if (((words[at + 1 + (offset >>> 2)]! >>> ((offset & 3) * 8)) & 0xff) !== serviceName[index]) return false;
  }
  return true;
}

function compareTargets(wordsA: Uint32Array, atA: number, wordsB: Uint32Array, atB: number): number {
  const headA = wordsA[atA]!;
  const headB = wordsB[atB]!;
  const byCluster = (headB & CLUSTER_IP_BIT) - (headA & CLUSTER_IP_BIT);
  if (byCluster !== 0) return byCluster;
  const bySize = (headA & SIZE_MASK) - (headB & SIZE_MASK);
  if (bySize !== 0) return bySize;
  const count = wordsFor(headA & SIZE_MASK);
  for (let index = 1; index <= count; index++) {
    const byWord = wordsA[atA + index]! - wordsB[atB + index]!;
    if (byWord !== 0) return byWord;
  }
  return 0;
}

/** @returns where the next target stands */
function copyTarget(writer: WordWriter, words: Uint32Array, at: number): number {
  const end = at + targetWords(words, at);
  for (; at < end; at++) writer.push(words[at]!);
  return at;
}
