/**
 * Binary text: one character (U+0000 … U+00FF) an octet, so that octet strings compare in octet order and serve as keys.
 */

/** Text to binary text: the octets of its UTF-8 form. ASCII is itself. */
export function toBinary(text: string): string {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}

/** Binary text to octets. */
export function toOctets(binary: string): Uint8Array {
  const octets = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) octets[at] = binary.charCodeAt(at);
  return octets;
}
