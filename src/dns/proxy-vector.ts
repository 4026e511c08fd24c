/** What a proxy tells beside addresses in a binary header: a vector of type, length and value each. */

const HEAD_SIZE = 3;
/** Octets that are there to fill up. */
const TYPE_NOOP = 4;

/**
 * The vector in hexadecimal, as `proxyproto/tlv` of metadata has it. What fills up loses its octets, as in CoreDNS.
 *
 * @returns undefined if it is empty, or ends within an element
 */
export function proxyVectorText(octets: Uint8Array, start: number, end: number): string | undefined {
  const pieces: string[] = [];
  for (let at = start; at < end;) {
    if (end - at < HEAD_SIZE) return undefined;
    const size = (octets[at + 1]! << 8) | octets[at + 2]!;
    const next = at + HEAD_SIZE + size;
    if (next > end) return undefined;
    pieces.push(octets[at] === TYPE_NOOP ? '040000' : Buffer.from(octets.subarray(at, next)).toString('hex'));
    at = next;
  }
  return pieces.length === 0 ? undefined : pieces.join('');
}
