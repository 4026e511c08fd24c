/**
 * The dashed address of a pod name (`10-0-0-1.N.pod.D`, `fd01--1.N.pod.D`), parsed out of a label without allocation.
 *
 * Exactly three dashes, none doubled: IPv4. Otherwise every dash is a colon: IPv6. Spelled as Go's net.ParseIP takes it.
 */

const DASH = 0x2d;
const IPV4_DASHES = 3;
const GROUPS = 8;

/** The address found: one word if `family` is 4, four words if 6. One object a thread. */
export class PodAddress {
  readonly words = new Uint32Array(4);
  private readonly groups = new Uint16Array(GROUPS);

  /** @returns 4, 6, or 0 if the label is no address. A mapped IPv4 address (`--ffff-a00-1`) is IPv4. */
  parse(bytes: Uint8Array, at: number, size: number): 0 | 4 | 6 {
    let dashes = 0;
    let isDoubled = false;
    for (let index = 0; index < size; index++) {
      if (bytes[at + index] !== DASH) continue;
      dashes++;
      if (index > 0 && bytes[at + index - 1] === DASH) isDoubled = true;
    }
    if (dashes === IPV4_DASHES && !isDoubled) return this.parse4(bytes, at, size) ? 4 : 0;
    if (!this.parse6(bytes, at, size)) return 0;
    const words = this.words;
    if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
      words[0] = words[3]!;
      return 4;
    }
    return 6;
  }

  private parse4(bytes: Uint8Array, at: number, size: number): boolean {
    let address = 0;
    let octet = 0;
    let digits = 0;
    for (let index = 0; index <= size; index++) {
      const byte = index === size ? DASH : bytes[at + index]!;
      if (byte === DASH) {
        if (digits === 0) return false;
        address = (address << 8) | octet;
        octet = 0;
        digits = 0;
        continue;
      }
      if (byte < 0x30 || byte > 0x39) return false;
      // No leading zeros: they meant octal to some.
      if (digits > 0 && octet === 0) return false;
      octet = octet * 10 + byte - 0x30;
      digits++;
      if (octet > 255) return false;
    }
    this.words[0] = address;
    return true;
  }

  private parse6(bytes: Uint8Array, at: number, size: number): boolean {
    const groups = this.groups;
    let count = 0;
    let gap = -1;
    let index = 0;
    if (size >= 2 && bytes[at] === DASH) {
      if (bytes[at + 1] !== DASH) return false;
      gap = 0;
      index = 2;
      if (size === 2) return this.spread(0, 0);
    }
    for (;;) {
      let value = 0;
      let digits = 0;
      for (; index < size && bytes[at + index] !== DASH; index++, digits++) {
        const digit = hexDigit(bytes[at + index]!);
        if (digit < 0 || digits === 4) return false;
        value = (value << 4) | digit;
      }
      if (digits === 0 || count === GROUPS) return false;
      groups[count++] = value;
      if (index === size) break;
      index++;
      if (index === size) return false;
      if (bytes[at + index] === DASH) {
        if (gap >= 0) return false;
        gap = count;
        index++;
        if (index === size) break;
      }
    }
    if (gap < 0 ? count !== GROUPS : count === GROUPS) return false;
    return this.spread(count, gap);
  }

  /** Groups to words; the gap is filled with zero groups. */
  private spread(count: number, gap: number): boolean {
    const missing = GROUPS - count;
    for (let group = 0; group < GROUPS; group++) {
      let value = 0;
      if (gap < 0 || group < gap) value = this.groups[group]!;
      else if (group >= gap + missing) value = this.groups[group - missing]!;
      const word = group >> 1;
      this.words[word] = (group & 1) === 0 ? value << 16 : this.words[word]! | value;
    }
    return true;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  return -1;
}
