/** Names as text, as regexes and the rules of `rewrite` see them: CoreDNS's DNS library writes them so. */

/** Octets that CoreDNS writes with a backslash: a regex sees them so. */
const ESCAPED = '. \'@;()"\\';

/** An uncompressed name as CoreDNS's DNS library writes it. */
export function presentName(bytes: Uint8Array, start: number): string {
  let text = '';
  for (let at = start; bytes[at] !== 0;) {
    const end = at + 1 + bytes[at]!;
    for (at++; at < end; at++) {
      const octet = bytes[at]!;
      const sign = String.fromCharCode(octet);
      if (ESCAPED.includes(sign)) text += `\\${sign}`;
      else if (octet < 0x20 || octet > 0x7e) text += `\\${String(octet).padStart(3, '0')}`;
      else text += sign;
    }
    text += '.';
  }
  return text === '' ? '.' : text;
}

/**
 * The same as octets, without allocating.
 *
 * @param to  room for NAME_TEXT_SIZE_MAX octets
 * @returns number of octets
 */
export function writeNameText(bytes: Uint8Array, start: number, to: Uint8Array): number {
  let size = 0;
  for (let at = start; bytes[at] !== 0;) {
    const end = at + 1 + bytes[at]!;
    for (at++; at < end; at++) {
      const octet = bytes[at]!;
      if (octet < 0x20 || octet > 0x7e) {
        to[size++] = BACKSLASH;
        to[size++] = DIGIT_0 + ((octet / 100) | 0);
        to[size++] = DIGIT_0 + (((octet / 10) | 0) % 10);
        to[size++] = DIGIT_0 + (octet % 10);
      } else {
        if (isEscaped(octet)) to[size++] = BACKSLASH;
        to[size++] = octet;
      }
    }
    to[size++] = DOT;
  }
  if (size === 0) to[size++] = DOT;
  return size;
}

/** Each octet may take four. */
export const NAME_TEXT_SIZE_MAX = 1024;

const DOT = 0x2e;
const BACKSLASH = 0x5c;
const DIGIT_0 = 0x30;

function isEscaped(octet: number): boolean {
  for (let index = 0; index < ESCAPED.length; index++) if (ESCAPED.charCodeAt(index) === octet) return true;
  return false;
}
