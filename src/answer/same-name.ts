/** Compare two uncompressed names without regard to letter case. */
export function isSameName(bytes: Uint8Array, first: number, second: number): boolean {
  for (let index = 0; ;) {
    const size = bytes[first + index]!;
    if (size !== bytes[second + index]) return false;
    if (size === 0) return true;
    for (const end = index + size; index < end;) {
      index++;
      if (lowerCase(bytes[first + index]!) !== lowerCase(bytes[second + index]!)) return false;
    }
    index++;
  }
}

function lowerCase(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}
