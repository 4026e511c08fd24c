/** Finds the row of a pair of ids, such as (namespace, name): an open-addressing table in one typed array. */
const SLOT_WORDS = 3;
const SLOTS_MIN = 64;

export class PairIndex {
  /** per slot: first and second of the pair, value (0: the slot is free); at most three quarters full */
  #slots = new Uint32Array(SLOTS_MIN * SLOT_WORDS);
  #mask = SLOTS_MIN - 1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get byteSize(): number {
    return this.#slots.byteLength;
  }

  /** @returns the value, 0 if the pair is not there */
  get(first: number, second: number): number {
    return this.#slots[this.#findSlot(first, second) * SLOT_WORDS + 2]!;
  }

  /** @param value not 0 */
  set(first: number, second: number, value: number): void {
    let at = this.#findSlot(first, second) * SLOT_WORDS;
    if (this.#slots[at + 2] === 0) {
      this.#count++;
      if (this.#count * 4 > (this.#mask + 1) * 3) {
        this.#resize((this.#mask + 1) * 2);
        at = this.#findSlot(first, second) * SLOT_WORDS;
      }
    }
    this.#slots[at] = first;
    this.#slots[at + 1] = second;
    this.#slots[at + 2] = value;
  }

  delete(first: number, second: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = this.#findSlot(first, second);
    if (slots[hole * SLOT_WORDS + 2] === 0) return;
    this.#count--;
    for (let next = (hole + 1) & mask; slots[next * SLOT_WORDS + 2] !== 0; next = (next + 1) & mask) {
      const at = next * SLOT_WORDS;
      const home = hashOf(slots[at]!, slots[at + 1]!) & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        slots.copyWithin(hole * SLOT_WORDS, at, at + SLOT_WORDS);
        hole = next;
      }
    }
    slots.fill(0, hole * SLOT_WORDS, (hole + 1) * SLOT_WORDS);
    if (mask + 1 > SLOTS_MIN && this.#count * 8 < mask + 1) this.#resize((mask + 1) / 2);
  }

  #findSlot(first: number, second: number): number {
    const slots = this.#slots;
    let slot = hashOf(first, second) & this.#mask;
    for (;;) {
      const at = slot * SLOT_WORDS;
      if (slots[at + 2] === 0 || (slots[at] === first && slots[at + 1] === second)) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  #resize(length: number): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(length * SLOT_WORDS);
    this.#mask = length - 1;
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (old[at + 2] === 0) continue;
      const to = this.#findSlot(old[at]!, old[at + 1]!) * SLOT_WORDS;
      this.#slots.set(old.subarray(at, at + SLOT_WORDS), to);
    }
  }
}

function hashOf(first: number, second: number): number {
  let hash = Math.imul(first, 0x9e37_79b1) ^ Math.imul(second, 0x85eb_ca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
