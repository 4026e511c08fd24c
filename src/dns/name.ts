/**
 * Domain names: wire form (octets, RFC 1035 §3.1) and presentation form (text with `\.` and `\DDD` escapes, §5.1).
 *
 * An *absolute* wire name ends with the root label; a *relative* one is labels only, so that names join by concatenation.
 * A name is octets, never text: presentation form escapes every octet that is not printable ASCII, so nothing is lost.
 */

/** Largest label, octets without the length octet. */
export const LABEL_SIZE_MAX = 63;
/** Largest absolute name, octets with all length octets and the root label. */
export const NAME_SIZE_MAX = 255;
/** Most labels an absolute name can have, the root label not counted. */
export const LABELS_MAX = 127;

const DOT = 0x2e;
const BACKSLASH = 0x5c;
/** Characters with a meaning in zone files: `"` `$` `(` `)` `.` `;` `@` `\`. */
const ESCAPED = new Set([0x22, 0x24, 0x28, 0x29, DOT, 0x3b, 0x40, BACKSLASH]);

const encoder = new TextEncoder();

/**
 * Presentation form to absolute wire form; a final dot may be missing; `.` and the empty text are the root.
 * A character that is not ASCII stands for its UTF-8 octets. Letter case is kept.
 *
 * @returns null if an escape is bad, a label is empty or longer than 63 octets, or the name is longer than 255
 */
export function parseName(text: string): Uint8Array | null {
  const relative = parseRelativeName(text.endsWith('.') && !endsEscaped(text) ? text.slice(0, -1) : text);
  if (relative === null) return null;
  const wire = new Uint8Array(relative.length + 1);
  wire.set(relative);
  return wire;
}

/** As parseName, but without the root label: a final dot is an error. The empty text is the empty name. */
export function parseRelativeName(text: string): Uint8Array | null {
  if (text === '') return new Uint8Array(0);
  const octets = encoder.encode(text);
  const wire = new Uint8Array(octets.length + 1);
  let size = 1;
  let lengthAt = 0;
  for (let at = 0; at < octets.length; at++) {
    let octet = octets[at]!;
    if (octet === DOT) {
      if (size - lengthAt === 1) return null;
      wire[lengthAt] = size - lengthAt - 1;
      lengthAt = size++;
      continue;
    }
    if (octet === BACKSLASH) {
      octet = readEscape(octets, at + 1);
      if (octet < 0) return null;
      at += isDigit(octets[at + 1]!) ? 3 : 1;
    }
    wire[size++] = octet;
    if (size - lengthAt - 1 > LABEL_SIZE_MAX) return null;
  }
  if (size - lengthAt === 1) return null;
  wire[lengthAt] = size - lengthAt - 1;
  return size + 1 > NAME_SIZE_MAX ? null : wire.slice(0, size);
}

/** Absolute or relative wire form to presentation form; an absolute name gets its final dot, the root is `.`. */
export function formatName(wire: Uint8Array, offset = 0, end = wire.length): string {
  let text = '';
  let at = offset;
  while (at < end) {
    const size = wire[at]!;
    if (size === 0) return text === '' ? '.' : `${text}.`;
    if (at > offset) text += '.';
    text += formatLabel(wire, at + 1, Math.min(at + 1 + size, end));
    at += 1 + size;
  }
  return text;
}

/** The octets of one label in presentation form. */
export function formatLabel(octets: Uint8Array, offset = 0, end = octets.length): string {
  let text = '';
  for (let at = offset; at < end; at++) {
    const octet = octets[at]!;
    if (octet <= 0x20 || octet >= 0x7f) text += `\\${String(octet).padStart(3, '0')}`;
    else text += ESCAPED.has(octet) ? `\\${String.fromCharCode(octet)}` : String.fromCharCode(octet);
  }
  return text;
}

/**
 * One label that is plain text (an object's name, a port's name): nothing is an escape, a dot is part of the label.
 *
 * @returns the octets without length octet, lower-cased; null if empty or longer than 63 octets
 */
export function parseLabel(text: string): Uint8Array | null {
  const octets = encoder.encode(text);
  if (octets.length === 0 || octets.length > LABEL_SIZE_MAX) return null;
  return lowerCaseName(octets);
}

/** Lower-case a wire name or label in place (ASCII only, RFC 4343). Length octets are at most 63, so no letter. */
export function lowerCaseName(wire: Uint8Array, offset = 0, end = wire.length): Uint8Array {
  for (let at = offset; at < end; at++) {
    const octet = wire[at]!;
    if (octet >= 0x41 && octet <= 0x5a) wire[at] = octet | 0x20;
  }
  return wire;
}

/** Concatenate wire names: relative ones, of which the last may be absolute. */
export function joinNames(...names: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const name of names) size += name.length;
  const joined = new Uint8Array(size);
  let at = 0;
  for (const name of names) {
    joined.set(name, at);
    at += name.length;
  }
  return joined;
}

/** A relative name of one label. Requires 1 … 63 octets. */
export function nameOfLabel(label: Uint8Array): Uint8Array {
  const name = new Uint8Array(label.length + 1);
  name[0] = label.length;
  name.set(label, 1);
  return name;
}

/** The labels of a wire name from left to right, without length octets and without the root label. Views, not copies. */
export function* labelsOf(wire: Uint8Array): Generator<Uint8Array, void> {
  for (let at = 0; at < wire.length && wire[at] !== 0; at += 1 + wire[at]!) {
    yield wire.subarray(at + 1, at + 1 + wire[at]!);
  }
}

/** Number of labels, the root label not counted. */
export function labelCount(wire: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < wire.length && wire[at] !== 0; at += 1 + wire[at]!) count++;
  return count;
}

/** Whether the octets are one whole absolute, uncompressed name within the limits. */
export function isAbsoluteName(wire: Uint8Array): boolean {
  return wire.length <= NAME_SIZE_MAX && endOfLabels(wire) === wire.length - 1 && wire[wire.length - 1] === 0;
}

/** Whether the octets are one whole relative, uncompressed name that leaves room for the root label; may be empty. */
export function isRelativeName(wire: Uint8Array): boolean {
  return wire.length < NAME_SIZE_MAX && endOfLabels(wire) === wire.length;
}

/** Whether two names or labels are the same octets (letter case counts: lower-case both first). */
export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Order of octet strings: by the first octet that differs, a prefix first. */
export function compareOctets(a: Uint8Array, b: Uint8Array): number {
  const size = Math.min(a.length, b.length);
  for (let at = 0; at < size; at++) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * The key of an IPv4 address in the reverse key space: the four labels left of `in-addr.arpa`.
 *
 * @param address  10.0.0.1 = 0x0a000001
 */
export function reverseKey4(address: number): Uint8Array {
  const wire = new Uint8Array(REVERSE_KEY4_SIZE_MAX);
  return wire.slice(0, reverseKey4Into(address, wire));
}

/** Octets of the longest key of an IPv4 address. */
export const REVERSE_KEY4_SIZE_MAX = 16;

/** As reverseKey4. @returns its size */
export function reverseKey4Into(address: number, into: Uint8Array): number {
  let size = 0;
  for (let shift = 0; shift < 32; shift += 8) {
    const octet = (address >>> shift) & 0xff;
    into[size++] = octet >= 100 ? 3 : octet >= 10 ? 2 : 1;
    if (octet >= 100) into[size++] = 0x30 + ((octet / 100) | 0);
    if (octet >= 10) into[size++] = 0x30 + (((octet / 10) | 0) % 10);
    into[size++] = 0x30 + (octet % 10);
  }
  return size;
}

/**
 * The key of an IPv6 address in the reverse key space: the 32 labels left of `ip6.arpa`.
 *
 * @param words  four big-endian words from `offset` on
 */
export function reverseKey6(words: ArrayLike<number>, offset = 0): Uint8Array {
  const wire = new Uint8Array(64);
  let size = 0;
  for (let word = 3; word >= 0; word--) {
    for (let shift = 0; shift < 32; shift += 4) {
      const nibble = (words[offset + word]! >>> shift) & 0xf;
      wire[size++] = 1;
      wire[size++] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble;
    }
  }
  return wire;
}

/** Offset where the labels end: at the root label, at the end of the octets, or -1 if a label is cut or not a label. */
function endOfLabels(wire: Uint8Array): number {
  let at = 0;
  while (at < wire.length && wire[at] !== 0) {
    if (wire[at]! > LABEL_SIZE_MAX) return -1;
    at += 1 + wire[at]!;
  }
  return at > wire.length ? -1 : at;
}

/** The octet an escape stands for, from the octet after the backslash on; -1 if bad. */
function readEscape(octets: Uint8Array, at: number): number {
  if (at >= octets.length) return -1;
  const first = octets[at]!;
  if (!isDigit(first)) return first;
  if (at + 2 >= octets.length || !isDigit(octets[at + 1]!) || !isDigit(octets[at + 2]!)) return -1;
  const value = (first - 0x30) * 100 + (octets[at + 1]! - 0x30) * 10 + (octets[at + 2]! - 0x30);
  return value > 255 ? -1 : value;
}

/** Whether the last character of the text is escaped: an odd number of backslashes before it. */
function endsEscaped(text: string): boolean {
  let count = 0;
  for (let at = text.length - 2; at >= 0 && text[at] === '\\'; at--) count++;
  return count % 2 === 1;
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}
