/** The client's address as octets, for the answerer, from the text an event-loop socket gives. No allocation. */

const DOT = 46;
const COLON = 58;
const PERCENT = 37;

/** Where the address of `size` octets starts when `parseAddress` wrote at `at`: addresses end at the same octet. */
export const PEER_ADDRESS_END = 16;

/**
 * Write an address so that its octets end PEER_ADDRESS_END octets behind `at`.
 *
 * @param text  as the kernel's address is printed: `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`, `fe80::1%eth0`
 * @returns 4 or 16; `::ffff:a.b.c.d` is IPv4
 */
export function parseAddress(into: Uint8Array, at: number, text: string, isIPv6: boolean): number {
  const end = at + PEER_ADDRESS_END;
  if (!isIPv6) {
    parseIPv4(into, end - 4, text, 0);
    return 4;
  }
  return parseIPv6(into, at, text);
}

function parseIPv4(into: Uint8Array, at: number, text: string, from: number): void {
  let octet = 0;
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      into[at++] = octet;
      octet = 0;
    } else {
      octet = octet * 10 + code - 48;
    }
  }
  into[at] = octet;
}

function parseIPv6(into: Uint8Array, at: number, text: string): number {
  const end = at + PEER_ADDRESS_END;
  into.fill(0, at, end);
  let to = at;
  let gapAt = -1;
  let word = 0;
  let partStart = 0;
  let i = 0;
  for (; i < text.length && text.charCodeAt(i) !== PERCENT; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      parseIPv4(into, end - 4, text, partStart);
      return isMappedPrefix(into, at) ? 4 : 16;
    }
    if (code !== COLON) {
      word = word * 16 + hexDigit(code);
      continue;
    }
    if (i > partStart) {
      into[to] = word >>> 8;
      into[to + 1] = word & 0xff;
      to += 2;
    } else if (i > 0) {
      gapAt = to;
    }
    word = 0;
    partStart = i + 1;
  }
  if (i > partStart) {
    into[to] = word >>> 8;
    into[to + 1] = word & 0xff;
    to += 2;
  }
  if (gapAt >= 0 && to < end) {
    into.copyWithin(gapAt + end - to, gapAt, to);
    into.fill(0, gapAt, gapAt + end - to);
  }
  return 16;
}

/** `::ffff:` was read into the first words; the prefix lies in octets 10 and 11. */
function isMappedPrefix(into: Uint8Array, at: number): boolean {
  return into[at] === 0xff && into[at + 1] === 0xff;
}

function hexDigit(code: number): number {
  return code <= 57 ? code - 48 : (code | 0x20) - 87;
}
