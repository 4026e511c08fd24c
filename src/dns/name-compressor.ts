/** Writes names into a message, each with a pointer to the longest end of it that stands there already. */
import { LABELS_MAX, NAME_SIZE_MAX, POINTER_BITS, POINTER_OFFSET_MAX } from './wire-header.ts';

/** Places that later names may point to. */
const PLACES_MAX = 128;

export class NameCompressor {
  /** end in the source of the name written last, behind its pointer if it has one */
  sourceEnd = 0;

  readonly #octets: Uint8Array;
  readonly #name: Uint8Array = new Uint8Array(NAME_SIZE_MAX);
  readonly #labels: Uint8Array = new Uint8Array(LABELS_MAX + 1);
  #labelCount = 0;
  /** offsets in the message where the rest of a name starts */
  readonly #places: Uint16Array = new Uint16Array(PLACES_MAX);
  #placeCount = 0;

  /** @param octets  the message is written here, from its start on */
  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  /** Another message begins. */
  begin(): void {
    this.#placeCount = 0;
  }

  /**
   * Write a name.
   *
   * @param from          message the name stands in, which starts at `messageAt` and ends at `messageEnd`
   * @param nameAt        where it starts there
   * @param to            where it goes
   * @param isCompressed  it may end in a pointer
   * @returns end of what was written, 0 if it is no name or has no room
   */
  write(
    from: Uint8Array,
    messageAt: number,
    messageEnd: number,
    nameAt: number,
    to: number,
    isCompressed: boolean,
  ): number {
    if (!this.#expand(from, messageAt, messageEnd, nameAt)) return 0;
    const name = this.#name;
    const octets = this.#octets;
    let at = to;
    for (let label = 0; label < this.#labelCount; label++) {
      const start = this.#labels[label]!;
      const place = isCompressed ? this.#find(start) : -1;
      if (place >= 0) {
        if (at + 2 > octets.length) return 0;
        octets[at] = POINTER_BITS | (place >>> 8);
        octets[at + 1] = place & 0xff;
        return at + 2;
      }
      if (at <= POINTER_OFFSET_MAX && this.#placeCount < PLACES_MAX) this.#places[this.#placeCount++] = at;
      const end = start + name[start]! + 1;
      if (at + end - start >= octets.length) return 0;
      for (let index = start; index < end; index++) octets[at++] = name[index]!;
    }
    octets[at] = 0;
    return at + 1;
  }

  /** The name without pointers, and where its labels start. Pointers lead backwards, so following them ends. */
  #expand(from: Uint8Array, messageAt: number, messageEnd: number, nameAt: number): boolean {
    let position = nameAt;
    let lowest = nameAt - messageAt;
    let size = 0;
    this.#labelCount = 0;
    this.sourceEnd = 0;
    while (position < messageEnd) {
      const length = from[position]!;
      if (length >= POINTER_BITS) {
        if (this.sourceEnd === 0) this.sourceEnd = position + 2;
        const target = ((length & 0x3f) << 8) | from[position + 1]!;
        if (target >= lowest) return false;
        lowest = target;
        position = messageAt + target;
        continue;
      }
      if (length > 63 || size + length + 1 > NAME_SIZE_MAX) return false;
      if (length === 0) {
        this.#name[size] = 0;
        if (this.sourceEnd === 0) this.sourceEnd = position + 1;
        return true;
      }
      if (this.#labelCount > LABELS_MAX || position + length >= messageEnd) return false;
      this.#labels[this.#labelCount++] = size;
      for (const end = position + length + 1; position < end; position++) this.#name[size++] = from[position]!;
    }
    return false;
  }

  /** A place where the same labels follow, in the same letter case. @returns its offset, -1: none */
  #find(start: number): number {
    for (let index = 0; index < this.#placeCount; index++) {
      if (this.#isAt(this.#places[index]!, start)) return this.#places[index]!;
    }
    return -1;
  }

  #isAt(place: number, start: number): boolean {
    const octets = this.#octets;
    const name = this.#name;
    let at = place;
    let index = start;
    for (;;) {
      while (octets[at]! >= POINTER_BITS) at = ((octets[at]! & 0x3f) << 8) | octets[at + 1]!;
      const length = octets[at]!;
      if (length !== name[index]) return false;
      if (length === 0) return true;
      for (const end = index + length; index < end;) if (octets[++at] !== name[++index]) return false;
      at++;
      index++;
    }
  }
}
