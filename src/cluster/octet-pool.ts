/**
 * Octet strings, each kept once and counted: names, labels, lists of ports, IPv6 addresses. A string is known by its id,
 * from 1 on; 0 is the empty string. Text goes in and out as *binary text*: one character (U+0000 … U+00FF) an octet.
 *
 * Released strings leave holes, which are closed once they make up half of the memory: the cost of that is amortised by
 * the releases before it.
 */
import { randomInt } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { layout } from '../memory/layout.ts';
import { RowTable } from './row-table.ts';

const STRING = layout('pooled string', [
  ['offset', 1, 'of the octets in the arena; in a free row the chain of free rows'],
  ['size', 1, 'octets'],
  ['references', 1, 'how often it is used; 0: a free row'],
  ['hash', 1, 'of the octets'],
]);
const { offset: OFFSET, size: SIZE, references: REFERENCES, hash: HASH } = STRING.at;

const ARENA_SIZE_MIN = 4096;
const SLOTS_MIN = 64;

export class OctetPool {
  readonly #rows = new RowTable(STRING.words);
  #arena = new Uint8Array(ARENA_SIZE_MIN);
  #arenaUsed = 0;
  #arenaDead = 0;
  /** ids by hash, open addressing; 0 free; at most three quarters full */
  #slots = new Uint32Array(SLOTS_MIN);
  /** secret, so that nobody who may create objects can choose names of one hash */
  readonly #hashSeed = randomInt(2 ** 32);

  /** Number of strings. */
  get count(): number {
    return this.#rows.count;
  }

  get byteSize(): number {
    return this.#rows.byteSize + this.#arena.byteLength + this.#slots.byteLength;
  }

  /** The id of a string, which from now on has one more reference. */
  intern(text: string): number {
    if (text === '') return 0;
    const hash = hashOf(text, this.#hashSeed);
    const slot = this.#findSlot(text, hash);
    const found = this.#slots[slot]!;
    if (found !== 0) {
      this.#rows.words[found * STRING.words + REFERENCES]!++;
      return found;
    }
    const id = this.#rows.allocate();
    const offset = this.#store(text);
    const at = id * STRING.words;
    const { words } = this.#rows;
    words[at + OFFSET] = offset;
    words[at + SIZE] = text.length;
    words[at + REFERENCES] = 1;
    words[at + HASH] = hash;
    this.#slots[slot] = id;
    if (this.#rows.count * 4 > this.#slots.length * 3) this.#resizeSlots(this.#slots.length * 2);
    return id;
  }

  /** The id of a string if it is there, without another reference; -1 if not. */
  find(text: string): number {
    if (text === '') return 0;
    const id = this.#slots[this.#findSlot(text, hashOf(text, this.#hashSeed))]!;
    return id === 0 ? -1 : id;
  }

  /** One more user of a string that is there. */
  retain(id: number): number {
    if (id !== 0) this.#rows.words[id * STRING.words + REFERENCES]!++;
    return id;
  }

  /** One user less; the last one frees the string. @returns whether this was the last */
  release(id: number): boolean {
    if (id === 0) return false;
    const at = id * STRING.words + REFERENCES;
    const { words } = this.#rows;
    assert(words[at]! > 0, 'a string that is released has a reference');
    words[at]!--;
    if (words[at] !== 0) return false;
    this.#removeSlot(id);
    this.#arenaDead += words[id * STRING.words + SIZE]!;
    this.#rows.free(id);
    if (this.#arenaDead > ARENA_SIZE_MIN && this.#arenaDead * 2 > this.#arenaUsed) this.#compact();
    return true;
  }

  text(id: number): string {
    if (id === 0) return '';
    const at = id * STRING.words;
    const offset = this.#rows.words[at + OFFSET]!;
    const end = offset + this.#rows.words[at + SIZE]!;
    // Short strings are most of them; one call a string costs less than a decoder.
    let text = '';
    for (let i = offset; i < end; i++) text += String.fromCharCode(this.#arena[i]!);
    return text;
  }

  #store(text: string): number {
    const offset = this.#arenaUsed;
    const end = offset + text.length;
    if (end > this.#arena.length) {
      const arena = new Uint8Array(Math.max(end, Math.ceil(this.#arena.length * 1.5)));
      arena.set(this.#arena.subarray(0, offset));
      this.#arena = arena;
    }
    for (let i = 0; i < text.length; i++) {
      const octet = text.charCodeAt(i);
      assert(octet <= 0xff, 'pooled text is octets');
      this.#arena[offset + i] = octet;
    }
    this.#arenaUsed = end;
    return offset;
  }

  /** Slot of the string, or the free slot where it belongs. */
  #findSlot(text: string, hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const id = this.#slots[slot]!;
      if (id === 0 || this.#isAt(id, text, hash)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isAt(id: number, text: string, hash: number): boolean {
    const { words } = this.#rows;
    const at = id * STRING.words;
    if (words[at + HASH] !== hash || words[at + SIZE] !== text.length) return false;
    const offset = words[at + OFFSET]!;
    for (let i = 0; i < text.length; i++) if (this.#arena[offset + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Free the slot of a string and move up what a search would no longer find behind it. */
  #removeSlot(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#rows.words[id * STRING.words + HASH]! & mask;
    while (slots[hole] !== id) hole = (hole + 1) & mask;
    for (let next = (hole + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const home = this.#rows.words[slots[next]! * STRING.words + HASH]! & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        slots[hole] = slots[next]!;
        hole = next;
      }
    }
    slots[hole] = 0;
  }

  #resizeSlots(length: number): void {
    const old = this.#slots;
    const slots = new Uint32Array(length);
    const mask = length - 1;
    for (const id of old) {
      if (id === 0) continue;
      let slot = this.#rows.words[id * STRING.words + HASH]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id;
    }
    this.#slots = slots;
  }

  /** Copy what is alive to a new arena; halve the slots where three quarters of them are free. */
  #compact(): void {
    const { words } = this.#rows;
    const live = this.#arenaUsed - this.#arenaDead;
    const arena = new Uint8Array(Math.max(ARENA_SIZE_MIN, Math.ceil(live * 1.25)));
    let used = 0;
    for (const id of this.#slots) {
      if (id === 0) continue;
      const at = id * STRING.words;
      const offset = words[at + OFFSET]!;
      arena.set(this.#arena.subarray(offset, offset + words[at + SIZE]!), used);
      words[at + OFFSET] = used;
      used += words[at + SIZE]!;
    }
    this.#arena = arena;
    this.#arenaUsed = used;
    this.#arenaDead = 0;
    const { length } = this.#slots;
    if (length > SLOTS_MIN && this.#rows.count * 4 < length) this.#resizeSlots(length / 2);
  }
}

/** FNV-1a from a seed on, finished by multiplications that spread the high bits. */
function hashOf(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
