/**
 * Where a JSON value ends, in octets that come in chunks cut anywhere. Only strings and brackets are looked at: octets of a
 * UTF-8 sequence are all above 0x7f, so a cut inside one does not matter. Whether it is JSON, JSON.parse says.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export const JSON_SPACE = 1;
/** what a number, true, false or null ends before */
const DELIMITER = 2;
const OPEN = 3;
const CLOSE = 4;
const STRING = 5;

const CLASSES = new Uint8Array(256);
for (const char of ' \t\n\r') CLASSES[char.charCodeAt(0)] = JSON_SPACE;
for (const char of ',:') CLASSES[char.charCodeAt(0)] = DELIMITER;
for (const char of '{[') CLASSES[char.charCodeAt(0)] = OPEN;
for (const char of '}]') CLASSES[char.charCodeAt(0)] = CLOSE;
CLASSES[QUOTE] = STRING;

export function isJsonSpace(octet: number): boolean {
  return CLASSES[octet] === JSON_SPACE;
}

export class JsonValueScanner {
  #depth = 0;
  #isInString = false;
  /** the last octet of the chunk before was a backslash in a string, itself not escaped */
  #isEscaped = false;
  #isScalar = false;

  /** A value starts; `scan` begins with its first octet. */
  begin(firstOctet: number): void {
    this.#depth = 0;
    this.#isInString = false;
    this.#isEscaped = false;
    const first = CLASSES[firstOctet]!;
    this.#isScalar = first !== OPEN && first !== STRING;
  }

  /**
   * @returns offset behind the value; -1 if it goes on in the next chunk. A number or a word ends with the delimiter behind
   *   it, which is not part of it.
   */
  scan(chunk: Uint8Array, start: number): number {
    if (this.#isScalar) return scanScalar(chunk, start);
    let at = start;
    let depth = this.#depth;
    if (this.#isInString) {
      at = this.#endOfString(chunk, at);
      if (at < 0 || depth === 0) return at;
    }
    const { length } = chunk;
    while (at < length) {
      const kind = CLASSES[chunk[at++]!]!;
      if (kind < OPEN) continue;
      if (kind === STRING) {
        at = this.#endOfString(chunk, at);
        if (at < 0 || depth === 0) {
          this.#depth = depth;
          return at;
        }
      } else if (kind === OPEN) depth++;
      else if (--depth <= 0) return at;
    }
    this.#depth = depth;
    return -1;
  }

  /** @returns offset behind the closing quote; -1 if the string goes on in the next chunk */
  #endOfString(chunk: Uint8Array, start: number): number {
    const { length } = chunk;
    let at = start;
    if (this.#isEscaped && at < length) {
      this.#isEscaped = false;
      at++;
    }
    for (; at < length; at++) {
      const octet = chunk[at]!;
      if (octet === QUOTE) {
        this.#isInString = false;
        return at + 1;
      }
      if (octet === BACKSLASH && ++at === length) this.#isEscaped = true;
    }
    this.#isInString = true;
    return -1;
  }
}

function scanScalar(chunk: Uint8Array, start: number): number {
  for (let at = start; at < chunk.length; at++) if (CLASSES[chunk[at]!] !== 0) return at;
  return -1;
}
