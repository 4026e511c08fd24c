/**
 * Padding of responses (RFC 7830): the answerer leaves an empty option at the end of the message, and who sends it over an
 * encrypted transport fills it, so that the whole is a multiple of 468 octets (RFC 8467 §4.1). A message that is signed is filled
 * before, by who signs it: the signature covers the padding, and counts as part of the whole.
 */
import { EDNS_OPTION, TYPE } from './iana.ts';
import { ANCOUNT_AT, ARCOUNT_AT, HEADER_SIZE, NSCOUNT_AT, POINTER_BITS, QDCOUNT_AT } from './wire-header.ts';

const BLOCK_SIZE = 468;
const MESSAGE_SIZE_MAX = 65_535;
/** Octets that padding takes at most. */
export const PADDING_ROOM: number = BLOCK_SIZE;
/** Code and length of the empty option. */
export const PADDING_OPTION_SIZE = 4;
/** TYPE, CLASS, TTL and RDLENGTH; the last of them lies at … */
const RECORD_FIXED_SIZE = 10;
const RDLENGTH_AT = 8;

/**
 * Fill the empty option at the end of a message.
 *
 * @param at          of the message in `view`, with room behind it up to 65,535 octets or the next multiple of 468: with less
 *                    room it gets less padding
 * @param behindSize  octets of what is still to follow the message, and belongs to it: its signature
 * @returns size of the message; what it was if it does not end with an empty padding option of its OPT record
 */
export function padMessage(view: DataView, at: number, size: number, behindSize: number = 0): number {
  const optionAt = at + size - PADDING_OPTION_SIZE;
  if (size < HEADER_SIZE + RECORD_FIXED_SIZE || view.getUint32(optionAt) !== EDNS_OPTION.PADDING << 16) return size;
  const lengthAt = optLengthAt(view, at, at + size);
  if (lengthAt < 0) return size;
  const wantedSize = Math.ceil((size + behindSize) / BLOCK_SIZE) * BLOCK_SIZE;
  const paddedSize = Math.max(size, Math.min(MESSAGE_SIZE_MAX, view.byteLength - at, wantedSize) - behindSize);
  const paddingSize = paddedSize - size;
  view.setUint16(optionAt + 2, paddingSize);
  view.setUint16(lengthAt, view.getUint16(lengthAt) + paddingSize);
  for (let index = at + size; index < at + paddedSize; index++) view.setUint8(index, 0);
  return paddedSize;
}

/** The same for a message with no room behind it. @returns the message, or a longer one */
export function withPadding(message: Uint8Array): Uint8Array {
  const { length } = message;
  const isEmptyOption =
    length > HEADER_SIZE && message[length - 1] === 0 && message[length - 3] === EDNS_OPTION.PADDING;
  if (!isEmptyOption) return message;
  const octets = new Uint8Array(length + BLOCK_SIZE);
  octets.set(message);
  return octets.subarray(0, padMessage(new DataView(octets.buffer), 0, length));
}

/** Whether the last option of an OPT record is an empty one to be filled. @param start  of the record, whose owner is the root */
export function hasEmptyPadding(view: DataView, start: number, end: number): boolean {
  let at = start + 1 + RECORD_FIXED_SIZE;
  while (at + PADDING_OPTION_SIZE < end) at += PADDING_OPTION_SIZE + view.getUint16(at + 2);
  return at + PADDING_OPTION_SIZE === end && view.getUint32(at) === EDNS_OPTION.PADDING << 16;
}

/** Where the RDLENGTH of the last record lies, if that is an OPT record and ends at `end`; else -1. */
function optLengthAt(view: DataView, messageAt: number, end: number): number {
  let at = messageAt + HEADER_SIZE;
  for (let left = view.getUint16(messageAt + QDCOUNT_AT); left > 0; left--) at = behindName(view, at, end) + 4;
  let fixedAt = -1;
  let count = view.getUint16(messageAt + ANCOUNT_AT) + view.getUint16(messageAt + NSCOUNT_AT);
  count += view.getUint16(messageAt + ARCOUNT_AT);
  for (; count > 0; count--) {
    fixedAt = behindName(view, at, end);
    if (fixedAt + RECORD_FIXED_SIZE > end) return -1;
    at = fixedAt + RECORD_FIXED_SIZE + view.getUint16(fixedAt + RDLENGTH_AT);
  }
  return at === end && fixedAt >= 0 && view.getUint16(fixedAt) === TYPE.OPT ? fixedAt + RDLENGTH_AT : -1;
}

function behindName(view: DataView, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const size = view.getUint8(at);
    if (size >= POINTER_BITS) return at + 2;
    at += size + 1;
    if (size === 0) break;
  }
  return at;
}
