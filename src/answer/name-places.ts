/**
 * Where names stand in the message that is being written, so that later ones can end in a pointer to them (RFC 1035
 * §4.1.4). A name is compared octet for octet: one in another letter case is not taken, what was written stays as it was.
 *
 * One object a thread; nothing here allocates. Places are found by the size of what they stand for: few have the same.
 */
import { LABELS_MAX, NAME_SIZE_MAX, POINTER_BITS, POINTER_OFFSET_MAX } from '../dns/wire-header.ts';

/** Places that are remembered: what comes later is found less often. */
const PLACES_MAX = 64;

export class NamePlaces {
  /** the name in hand, uncompressed */
  readonly name: Uint8Array = new Uint8Array(NAME_SIZE_MAX + 1);
  private readonly labels = new Uint8Array(LABELS_MAX + 1);
  private labelCount = 0;
  private size = 0;
  private readonly bytes: Uint8Array;
  private messageAt = 0;
  /** by place: its offset in the message, and the octets of the name there, uncompressed, root label included */
  private readonly offsets = new Uint16Array(PLACES_MAX);
  private readonly sizes = new Uint8Array(PLACES_MAX);
  private count = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Another message begins. */
  begin(messageAt: number): void {
    this.messageAt = messageAt;
    this.count = 0;
  }

  /** What `rollBack` goes back to. */
  get mark(): number {
    return this.count;
  }

  /** What was written since is gone. */
  rollBack(mark: number): void {
    this.count = mark;
  }

  /** Remember an uncompressed name that stands in the message, and all that it ends in. */
  add(offset: number, labelStarts: Uint8Array, labelCount: number, nameSize: number): void {
    for (let label = 0; label < labelCount; label++) {
      this.remember(offset + labelStarts[label]!, nameSize - labelStarts[label]!);
    }
  }

  /**
   * Take a name from octets that lie in words.
   *
   * @param octetAt  where it starts there
   * @returns its octets, root label included
   */
  load(words: Uint32Array, wordAt: number, octetAt: number): number {
    const { name, labels } = this;
    let size = 0;
    let count = 0;
    for (;;) {
      const from = octetAt + size;
      const length = (words[wordAt + (from >>> 2)]! >>> ((from & 3) << 3)) & 0xff;
      name[size] = length;
      if (length === 0 || size + length + 1 > NAME_SIZE_MAX) break;
      labels[count++] = size;
      for (let index = 1; index <= length; index++) {
        const at = from + index;
        name[size + index] = (words[wordAt + (at >>> 2)]! >>> ((at & 3) << 3)) & 0xff;
      }
      size += length + 1;
    }
    this.labelCount = count;
    this.size = size + 1;
    return this.size;
  }

  /**
   * Write the name in hand.
   *
   * @param limit         it has to end there at the latest
   * @param isCompressed  it may end in a pointer
   * @returns its end, 0: it does not fit
   */
  write(to: number, limit: number, isCompressed: boolean): number {
    const { name, labels, bytes, size } = this;
    let label = 0;
    let place = -1;
    if (isCompressed) {
      for (; label < this.labelCount; label++) {
        place = this.find(labels[label]!);
        if (place >= 0) break;
      }
    } else {
      label = this.labelCount;
    }
    const literal = place < 0 ? size : labels[label]!;
    const end = to + literal + (place < 0 ? 0 : 2);
    if (end > limit) return 0;
    for (let index = 0; index < literal; index++) bytes[to + index] = name[index]!;
    if (place >= 0) {
      bytes[end - 2] = POINTER_BITS | (place >>> 8);
      bytes[end - 1] = place & 0xff;
    }
    const offset = to - this.messageAt;
    for (let index = 0; index < label; index++) this.remember(offset + labels[index]!, size - labels[index]!);
    return end;
  }

  private remember(offset: number, size: number): void {
    if (this.count === PLACES_MAX || offset > POINTER_OFFSET_MAX) return;
    this.offsets[this.count] = offset;
    this.sizes[this.count++] = size;
  }

  /** @returns the offset of a place where the name in hand goes on as it does from `start`, -1: none */
  private find(start: number): number {
    const size = this.size - start;
    for (let index = 0; index < this.count; index++) {
      if (this.sizes[index] === size && this.isAt(this.offsets[index]!, start)) return this.offsets[index]!;
    }
    return -1;
  }

  /** Places lead backwards, so following their pointers ends. */
  private isAt(place: number, start: number): boolean {
    const { bytes, name, messageAt } = this;
    let at = messageAt + place;
    let index = start;
    for (;;) {
      while (bytes[at]! >= POINTER_BITS) at = messageAt + (((bytes[at]! & 0x3f) << 8) | bytes[at + 1]!);
      const length = bytes[at]!;
      if (length !== name[index]) return false;
      if (length === 0) return true;
      for (const end = index + length; index < end;) if (bytes[++at] !== name[++index]) return false;
      at++;
      index++;
    }
  }
}
