/** IP addresses as 4 or 16 octets, for the oracle and the strict decoder: no shortcuts, no sharing with the product. */

/** Octets of an address in text form, undefined if it is none. Zero-padded IPv4 parts and zone ids are none. */
export function parseAddress(text: string): readonly number[] | undefined {
  return text.includes(':') ? parseAddress6(text) : parseAddress4(text);
}

function parseAddress4(text: string): readonly number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const octets = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return octets.every((octet) => octet < 256) ? octets : undefined;
}

function parseAddress6(text: string): readonly number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!);
  const tail = halves.length === 2 ? parseGroups(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** Colon-separated groups, the last possibly in dotted form, as octets. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const octets: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 0xff);
      continue;
    }
    const dotted = i === groups.length - 1 ? parseAddress4(group) : undefined;
    if (dotted === undefined) return undefined;
    octets.push(...dotted);
  }
  return octets;
}

/** Canonical text: RFC 5952, without the dotted form. */
export function formatAddress(octets: readonly number[]): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[2 * i]! << 8) | octets[2 * i + 1]!).toString(16));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === '0') length++;
    if (length > best.length) best = { at, length };
  }
  if (best.at < 0) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

/** Labels of the reverse name below in-addr.arpa or ip6.arpa. */
export function reverseLabels(octets: readonly number[]): string[] {
  if (octets.length === 4) return octets.toReversed().map(String);
  return octets.toReversed().flatMap((octet) => [(octet & 15).toString(16), (octet >> 4).toString(16)]);
}

/** The address of the labels of a full reverse name; undefined if it is none. */
export function addressOfReverse(labels: readonly string[], family: 4 | 6): readonly number[] | undefined {
  if (family === 4) return labels.length === 4 ? parseAddress4(labels.toReversed().join('.')) : undefined;
  if (labels.length !== 32 || !labels.every((label) => /^[0-9a-fA-F]$/.test(label))) return undefined;
  const digits = labels.toReversed();
  return Array.from({ length: 16 }, (_, i) => Number.parseInt(digits[2 * i]! + digits[2 * i + 1]!, 16));
}
