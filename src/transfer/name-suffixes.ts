/**
 * Compression of names that come in order (RFC 1035 §4.1.4): a name shares its last labels with the one before it, and
 * what they share is a pointer to where it stands already. Everything a name can point to is in the same message.
 */
import { LABELS_MAX, NAME_SIZE_MAX } from '../dns/wire-header.ts';

export class NameSuffixes {
  /** the name written last: octets, start of each label and where its suffix from there on stands in the message */
  readonly #name = new Uint8Array(NAME_SIZE_MAX);
  readonly #starts = new Uint8Array(LABELS_MAX + 1);
  readonly #offsets = new Uint16Array(LABELS_MAX + 1);
  #labels = 0;
  readonly #newStarts = new Uint8Array(LABELS_MAX + 1);

  /** Another message begins. */
  reset(): void {
    this.#labels = 0;
  }

  /**
   * Write a name, and remember it.
   *
   * @param into  the message, which may have POINTER_OFFSET_MAX octets; the name goes to offset `at`
   * @param name  `size` octets in wire form, relative to the name at `base` in the message, without a root label
   * @returns the end of the name: `size` + 2 octets further on at most
   */
  write(into: Uint8Array, at: number, name: Uint8Array, size: number, base: number): number {
    const starts = this.#newStarts;
    let labels = 0;
    for (let start = 0; start < size; start += name[start]! + 1) starts[labels++] = start;
    let common = 0;
    while (common < labels && common < this.#labels && this.#isSameLabel(name, starts[labels - 1 - common]!, common)) {
      common++;
    }
    const own = labels - common;
    const literalSize = own < labels ? starts[own]! : size;
    const target = common === 0 ? base : this.#offsets[this.#labels - common]!;
    for (let index = 0; index < literalSize; index++) into[at + index] = name[index]!;
    into[at + literalSize] = 0xc0 | (target >>> 8);
    into[at + literalSize + 1] = target & 0xff;
    this.#remember(name, size, labels, own, at);
    return at + literalSize + 2;
  }

  /** @param index  which label of the name before, counted from its end */
  #isSameLabel(name: Uint8Array, start: number, index: number): boolean {
    const known = this.#starts[this.#labels - 1 - index]!;
    const size = name[start]!;
    for (let offset = 0; offset <= size; offset++) {
      if (name[start + offset] !== this.#name[known + offset]) return false;
    }
    return true;
  }

  #remember(name: Uint8Array, size: number, labels: number, own: number, at: number): void {
    const common = labels - own;
    // What is shared keeps its offsets; it moves to the end of a name with another number of labels.
    this.#offsets.copyWithin(own, this.#labels - common, this.#labels);
    for (let index = 0; index < own; index++) this.#offsets[index] = at + this.#newStarts[index]!;
    for (let index = 0; index < labels; index++) this.#starts[index] = this.#newStarts[index]!;
    for (let index = 0; index < size; index++) this.#name[index] = name[index]!;
    this.#labels = labels;
  }
}
