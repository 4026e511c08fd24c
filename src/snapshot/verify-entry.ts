/** The shape of one ENTRY: is everything in it what its kind's payload says, and how long is it? */
import {
  ENTRY_FLAG,
  ENTRY_FLAGS_SHIFT,
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  ENTRY_SPACE_SHIFT,
  ENDPOINTS,
  ADDRESS,
  ALIAS,
  CLIENT,
  isReverseSpace,
  KEY_SPACE,
  KEY_SPACE_MAX,
  KIND,
  wordsFor,
} from './snapshot-layout.ts';

/** Ends the verification: what is wrong. */
export type Fault = (what: string) => never;

const FLAGS_ALL = Object.values(ENTRY_FLAG).reduce((all, flag) => all | flag, 0);
const NAME_SIZE_MAX = 255;

/**
 * Check one entry.
 *
 * @param at     index of its word 0
 * @param end    index of the first word that can't be its own
 * @returns its number of words
 */
export function measureEntry(words: Uint32Array, at: number, end: number, fault: Fault): number {
  const head = words[at]!;
  const keySize = head & ENTRY_KEY_SIZE_MASK;
  const keySpace = (head >>> ENTRY_SPACE_SHIFT) & 0xf;
  const flags = head >>> ENTRY_FLAGS_SHIFT;
  const payloadAt = at + 1 + wordsFor(keySize);
  if (payloadAt >= end) fault('the key runs over the end');
  if (keySpace > KEY_SPACE_MAX) fault(`key space ${keySpace}`);
  if ((flags & ~FLAGS_ALL) !== 0) fault(`flags ${flags}`);
  const kind = (head >>> ENTRY_KIND_SHIFT) & 0xf;
  if ((keySpace === KEY_SPACE.CLIENT) !== (kind === KIND.CLIENT)) fault(`kind ${kind} in key space ${keySpace}`);
  if (keySpace === KEY_SPACE.CLIENT) {
    if (keySize !== 4 && keySize !== 16) fault(`address of ${keySize} octets`);
  } else {
    const labels = countLabels(words, at + 1, keySize, false, fault, 'key');
    if (isReverseSpace(keySpace)) checkReverse(kind, keySpace, labels, fault);
  }
  return measurePayload(words, kind, payloadAt, end, fault) - at;
}

function checkReverse(kind: number, keySpace: number, labels: number, fault: Fault): void {
  const isIPv4 = keySpace === KEY_SPACE.REVERSE4 || keySpace === KEY_SPACE.EXTERNAL_REVERSE4;
  const labelsFull = isIPv4 ? 4 : 32;
  if (kind === KIND.POINTER ? labels !== labelsFull : kind !== KIND.ENT || labels >= labelsFull || labels === 0) {
    fault(`kind ${kind} at a reverse name of ${labels} labels`);
  }
}

/** @returns index of the word after the payload */
function measurePayload(words: Uint32Array, kind: number, at: number, end: number, fault: Fault): number {
  switch (kind) {
    case KIND.ENT:
      return at + 1;
    case KIND.ADDRESS:
      return measureAddress(words, at, end, fault);
    case KIND.ENDPOINTS:
      return measureEndpoints(words, at, end, fault);
    case KIND.ALIAS:
      return measureAlias(words, at, end, fault);
    case KIND.CLIENT:
      return measureClient(words, at, end, fault);
    case KIND.POINTER:
      return measurePointer(words, at, end, fault);
    case KIND.RAW:
      return measureRaw(words, at, end, fault);
    case KIND.RRSETS:
      return measureRrsets(words, at, end, fault);
    default:
      return fault(`kind ${kind}`);
  }
}

function measureAddress(words: Uint32Array, at: number, end: number, fault: Fault): number {
  if (at + ADDRESS.words > end) fault('the payload runs over the end');
  const count4 = words[at + ADDRESS.at.count4]!;
  const count6 = words[at + ADDRESS.at.count6]!;
  const portCount = words[at + ADDRESS.at.srv]! & 0xffff;
  const next = at + ADDRESS.words + ((portCount + 1) >>> 1) + count4 + 4 * count6;
  if (next > end) fault('the addresses run over the end');
  return next;
}

function measureAlias(words: Uint32Array, at: number, end: number, fault: Fault): number {
  if (at + ALIAS.words > end) fault('the payload runs over the end');
  const size = words[at + ALIAS.at.targetSize]!;
  if (size === 0 || size > NAME_SIZE_MAX) fault(`target of ${size} octets`);
  const portsAt = endOfName(words, at + ALIAS.at.target, size, true, end, fault, 'target');
  const next = portsAt + (((words[at + ALIAS.at.srv]! & 0xffff) + 1) >>> 1);
  if (next > end) fault('the ports run over the end');
  return next;
}

function measureClient(words: Uint32Array, at: number, end: number, fault: Fault): number {
  const sizes = words[at + CLIENT.at.sizes]!;
  const next = at + CLIENT.words + wordsFor((sizes & 0xff) + ((sizes >>> 8) & 0xff) + (sizes >>> 16));
  if (next > end) fault('the names run over the end');
  return next;
}

function measureEndpoints(words: Uint32Array, start: number, end: number, fault: Fault): number {
  if (start + ENDPOINTS.words > end) fault('the payload runs over the end');
  const field = ENDPOINTS.at;
  const portSetCount = words[start + field.srv]! & 0xffff;
  let at = start + ENDPOINTS.words + words[start + field.count4]! + 4 * words[start + field.count6]!;
  if (at > end) fault('the addresses run over the end');
  const portSetsAt = at;
  for (let index = 0; index < portSetCount; index++) {
    if (at >= end) fault('the port sets run over the end');
    at += 1 + ((words[at]! + 1) >>> 1);
  }
  let srvCount = 0;
  let additionalCount = 0;
  for (let index = 0; index < words[start + field.groupCount]!; index++) {
    if (at + 2 > end) fault('the names of endpoints run over the end');
    const nameSize = words[at]! & 0xff;
    const portSet = words[at]! >>> 8;
    const count4 = words[at + 1]! & 0xffff;
    const count6 = words[at + 1]! >>> 16;
    if (portSet >= portSetCount) fault(`port set ${portSet} of ${portSetCount}`);
    if (nameSize < 2) fault(`name of an endpoint of ${nameSize} octets`);
    const next = endOfName(words, at + 2, nameSize, false, end, fault, 'name of an endpoint') + count4 + 4 * count6;
    if (next > end) fault('the names of endpoints run over the end');
    srvCount += portCountOf(words, portSetsAt, portSet);
    additionalCount += count4 + count6;
    at = next;
  }
  if (at > end) fault('the port sets run over the end');
  if (srvCount !== words[start + field.srvCount]) fault(`srvCount, counted ${srvCount}`);
  if (additionalCount !== words[start + field.additionalCount]) fault(`additionalCount, counted ${additionalCount}`);
  return at;
}

function portCountOf(words: Uint32Array, portSetsAt: number, portSet: number): number {
  let at = portSetsAt;
  for (let index = 0; index < portSet; index++) at += 1 + ((words[at]! + 1) >>> 1);
  return words[at]!;
}

function measurePointer(words: Uint32Array, start: number, end: number, fault: Fault): number {
  const count = words[start]!;
  if (count === 0) fault('no target');
  let at = start + 1;
  for (let index = 0; index < count; index++) {
    if (at >= end) fault('the targets run over the end');
    if (words[at]! >>> 9 !== 0) fault('bits of a target');
    const size = words[at]! & 0xff;
    if (size === 0) fault('target of 0 octets');
    at = endOfName(words, at + 1, size, false, end, fault, 'target');
  }
  return at;
}

function measureRaw(words: Uint32Array, start: number, end: number, fault: Fault): number {
  let at = start + 1;
  for (let index = 0; index < words[start]!; index++) {
    if (at + 2 > end) fault('the RRsets run over the end');
    at += 2 + wordsFor(words[at + 1]!);
    if (at > end) fault('the records run over the end');
  }
  return at;
}

function measureRrsets(words: Uint32Array, start: number, end: number, fault: Fault): number {
  const next = measureRaw(words, start, end, fault);
  let at = start + 1;
  let previous = -1;
  for (let index = 0; index < words[start]!; index++) {
    const type = words[at]! & 0xffff;
    if (type <= previous) fault(`RRset of type ${type} behind ${previous}`);
    previous = type;
    const size = words[at + 1]!;
    let offset = 0;
    for (let left = words[at]! >>> 16; left > 0 && offset <= size; left--) {
      offset += 6 + ((octetAt(words, at + 2, offset + 4) << 8) | octetAt(words, at + 2, offset + 5));
    }
    if (offset !== size) fault(`records of type ${type}`);
    at += 2 + wordsFor(size);
  }
  return next;
}

/**
 * Check a name in wire form.
 *
 * @param at      index of its first word
 * @param size    octets
 * @param isFull  it ends with the root label
 * @returns index of the word after it
 */
export function endOfName(
  words: Uint32Array,
  at: number,
  size: number,
  isFull: boolean,
  end: number,
  fault: Fault,
  what: string,
): number {
  const next = at + wordsFor(size);
  if (next > end) fault(`the ${what} runs over the end`);
  countLabels(words, at, size, isFull, fault, what);
  return next;
}

/** Labels of a name in wire form, checked; the octets after it in its last word are zero. */
export function countLabels(
  words: Uint32Array,
  at: number,
  size: number,
  isFull: boolean,
  fault: Fault,
  what: string,
): number {
  const sizeOfLabels = isFull ? size - 1 : size;
  let labels = 0;
  let offset = 0;
  while (offset < sizeOfLabels) {
    const labelSize = octetAt(words, at, offset);
    if (labelSize === 0 || labelSize > 63) fault(`${what}: label of ${labelSize} octets`);
    offset += labelSize + 1;
    labels++;
  }
  if (offset !== sizeOfLabels) fault(`${what}: its labels end after it`);
  if (isFull && octetAt(words, at, offset) !== 0) fault(`${what}: no root label`);
  for (let rest = size; rest % 4 !== 0; rest++) if (octetAt(words, at, rest) !== 0) fault(`${what}: padding`);
  return labels;
}

export function octetAt(words: Uint32Array, at: number, offset: number): number {
  return (words[at + (offset >>> 2)]! >>> ((offset & 3) * 8)) & 0xff;
}
