/** A name where it stands in a message, with its compression pointers followed (RFC 1035 §4.1.4). Off the hot path. */
import { LABEL_SIZE_MAX, NAME_SIZE_MAX, POINTER_BITS } from './wire-header.ts';

export interface MessageName {
  /** wire form with root label, uncompressed; a copy */
  readonly name: Uint8Array;
  /** where what follows the name starts */
  readonly end: number;
}

/**
 * Read a name.
 *
 * @param messageAt  where the message starts in `octets`: what pointers count from
 * @param at         where the name starts
 * @param end        of the octets it and what it points to may have
 * @returns undefined if it is no name. Pointers lead backwards only, so following them ends.
 */
export function readMessageName(
  octets: Uint8Array,
  messageAt: number,
  at: number,
  end: number,
): MessageName | undefined {
  const name = new Uint8Array(NAME_SIZE_MAX);
  let size = 0;
  let position = at;
  let lowest = at;
  let nameEnd = 0;
  while (position < end) {
    const length = octets[position]!;
    if (length >= POINTER_BITS) {
      if (position + 2 > end) return undefined;
      if (nameEnd === 0) nameEnd = position + 2;
      position = messageAt + (((length & 0x3f) << 8) | octets[position + 1]!);
      if (position >= lowest) return undefined;
      lowest = position;
      continue;
    }
    if (length > LABEL_SIZE_MAX || size + length + 1 > NAME_SIZE_MAX || position + length >= end) return undefined;
    for (const labelEnd = position + length + 1; position < labelEnd;) name[size++] = octets[position++]!;
    if (length === 0) return { name: name.slice(0, size), end: nameEnd === 0 ? position : nameEnd };
  }
  return undefined;
}
