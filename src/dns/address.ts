/**
 * IP addresses: an IPv4 address is a number (10.0.0.1 = 0x0a000001), an IPv6 address four big-endian u32 words.
 * Text is read as strictly as Go's net.ParseIP does: no leading zeros in IPv4, no zone, no port, no spaces.
 */

const COLON = 0x3a;
const DOT = 0x2e;

/** @returns the address as a u32, null if the text is no IPv4 address in dotted decimal */
export function parseIPv4(text: string): number | null {
  const value = parseIPv4At(text, 0);
  return value < 0 ? null : value;
}

/**
 * @param into    receives four words from `offset` on; undefined content if the text is bad
 * @returns whether the text is an IPv6 address (also one with a dotted IPv4 tail)
 */
export function parseIPv6Into(text: string, into: Uint32Array, offset = 0): boolean {
  const groups = scratchGroups;
  let count = 0;
  let elisionAt = -1;
  let at = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false;
    elisionAt = 0;
    at = 2;
  }
  while (at < text.length && count < 8) {
    let value = 0;
    let digits = 0;
    for (; at + digits < text.length; digits++) {
      const digit = hexDigit(text.charCodeAt(at + digits));
      if (digit < 0) break;
      if (digits === 4) return false;
      value = value * 16 + digit;
    }
    if (digits === 0) return false;
    if (text.charCodeAt(at + digits) === DOT) {
      const tail = parseIPv4At(text, at);
      if (tail < 0 || count > 6 || (elisionAt < 0 && count !== 6)) return false;
      groups[count++] = tail >>> 16;
      groups[count++] = tail & 0xffff;
      at = text.length;
      break;
    }
    groups[count++] = value;
    at += digits;
    if (at === text.length) break;
    if (text.charCodeAt(at) !== COLON || at + 1 === text.length) return false;
    at++;
    if (text.charCodeAt(at) === COLON) {
      if (elisionAt >= 0) return false;
      elisionAt = count;
      at++;
    }
  }
  if (at !== text.length || text.length === 0) return false;
  if (count === 8 ? elisionAt >= 0 : elisionAt < 0) return false;
  spreadGroups(groups, count, elisionAt, into, offset);
  return true;
}

/** @returns four big-endian words, null if the text is no IPv6 address */
export function parseIPv6(text: string): Uint32Array | null {
  const words = new Uint32Array(4);
  return parseIPv6Into(text, words) ? words : null;
}

/**
 * Read an address of either family. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is the IPv4 address.
 *
 * @param into  receives one word (family 4) or four words (family 6) from `offset` on
 * @returns 4 or 6; 0 if the text is no address
 */
export function parseAddress(text: string, into: Uint32Array, offset = 0): 0 | 4 | 6 {
  const address4 = parseIPv4At(text, 0);
  if (address4 >= 0) {
    into[offset] = address4;
    return 4;
  }
  if (!parseIPv6Into(text, into, offset)) return 0;
  if (into[offset] === 0 && into[offset + 1] === 0 && into[offset + 2] === 0xffff) {
    into[offset] = into[offset + 3]!;
    return 4;
  }
  return 6;
}

/** Dotted decimal. */
export function formatIPv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Canonical text (RFC 5952): lower case, the first longest run of two or more zero groups elided. */
export function formatIPv6(words: ArrayLike<number>, offset = 0): string {
  let runAt = -1;
  let runLength = 1;
  for (let group = 0; group < 8; group++) {
    let length = 0;
    while (group + length < 8 && groupOf(words, offset, group + length) === 0) length++;
    if (length > runLength) {
      runAt = group;
      runLength = length;
    }
    group += length;
  }
  let text = '';
  for (let group = 0; group < 8; group++) {
    if (group === runAt) {
      text += '::';
      group += runLength - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += groupOf(words, offset, group).toString(16);
  }
  return text;
}

const scratchGroups = new Uint16Array(8);

/** Write the groups as words, the elided ones as zeros at `elisionAt`. */
function spreadGroups(groups: Uint16Array, count: number, elisionAt: number, into: Uint32Array, offset: number): void {
  const gap = 8 - count;
  for (let word = 0; word < 4; word++) into[offset + word] = 0;
  for (let group = 0; group < count; group++) {
    const at = elisionAt >= 0 && group >= elisionAt ? group + gap : group;
    const value = groups[group]!;
    into[offset + (at >> 1)]! |= at % 2 === 0 ? value << 16 : value;
  }
}

function groupOf(words: ArrayLike<number>, offset: number, group: number): number {
  const word = words[offset + (group >> 1)]!;
  return group % 2 === 0 ? word >>> 16 : word & 0xffff;
}

/** The IPv4 address that the text from `start` on is, -1 if it is none. */
function parseIPv4At(text: string, start: number): number {
  let address = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  if (text.length - start > 15) return -1;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0 || dots === 3) return -1;
      address = address * 256 + octet;
      octet = 0;
      digits = 0;
      dots++;
      continue;
    }
    if (code < 0x30 || code > 0x39 || (digits === 1 && octet === 0)) return -1;
    octet = octet * 10 + code - 0x30;
    digits++;
    if (octet > 255) return -1;
  }
  return dots === 3 && digits > 0 ? address * 256 + octet : -1;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const DASH = 0x2d;
/** `255-255-255-255` */
export const DASHED_SIZE_MAX = 15;

/** Write an IPv4 address with dashes, `10-0-0-1`, from `start` on. @returns where it ends */
export function dashedIPv4Into(address: number, into: Uint8Array, start: number): number {
  let at = start;
  for (let shift = 24; shift >= 0; shift -= 8) {
    const octet = (address >>> shift) & 0xff;
    if (octet >= 100) into[at++] = 0x30 + ((octet / 100) | 0);
    if (octet >= 10) into[at++] = 0x30 + (((octet / 10) | 0) % 10);
    into[at++] = 0x30 + (octet % 10);
    if (shift > 0) into[at++] = DASH;
  }
  return at;
}
