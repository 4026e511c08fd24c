/**
 * What one change set has done to the blocks of the buffer: new ones that no reader has seen yet, and published ones
 * that the next root no longer reaches. Either all of it happens (commit) or nothing did (rollBack).
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import type { BlockAllocator } from '../memory/block-allocator.ts';
import type { EpochWriter } from '../memory/epochs.ts';
import { UNIT_SIZE } from '../memory/buffer-layout.ts';

export class BlockTransaction {
  /** the whole buffer */
  readonly words: Uint32Array;
  readonly #allocator: BlockAllocator;
  readonly #epochs: EpochWriter;
  /** one bit a unit of the buffer, set for the blocks of this change set; pages never set stay untouched memory */
  readonly freshBits: Uint32Array;
  /** references taken in this change set; those given back since have their bit clear, those taken twice stand twice */
  #taken = new ReferenceList();
  /** published blocks that are out of use with the next root */
  #replaced = new ReferenceList();
  /** a fault left the change set half done: only rollBack is left */
  #isBroken = false;
  /** octets of the blocks taken */
  #takenSize = 0;

  constructor(buffer: SharedArrayBuffer, allocator: BlockAllocator, epochs: EpochWriter) {
    this.words = new Uint32Array(buffer);
    this.#allocator = allocator;
    this.#epochs = epochs;
    this.freshBits = new Uint32Array(Math.ceil(buffer.byteLength / UNIT_SIZE / 32));
  }

  get isEmpty(): boolean {
    return this.#taken.count === 0 && this.#replaced.count === 0;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Octets taken for blocks since the change set began. */
  get takenSize(): number {
    return this.#takenSize;
  }

  /** The block belongs to this change set: it may be written in place. */
  isFresh(reference: number): boolean {
    return (this.freshBits[reference >>> 5]! & (1 << (reference & 31))) !== 0;
  }

  /**
   * Take a block; its content is undefined.
   *
   * @param isReserveOpen  for what is no growth: the block takes the place of one that is not smaller
   * @throws SkyshardError SNAPSHOT_FULL; the change set is broken then
   */
  take(wordCount: number, isReserveOpen: boolean): number {
    let reference = this.#allocator.allocate(wordCount, isReserveOpen);
    if (reference === 0) {
      this.#epochs.reclaim();
      reference = this.#allocator.allocate(wordCount, isReserveOpen);
    }
    if (reference === 0) {
      this.#isBroken = true;
      throw new SkyshardError('SNAPSHOT_FULL', `no room for a block of ${wordCount * 4} octets`);
    }
    this.freshBits[reference >>> 5]! |= 1 << (reference & 31);
    this.#taken.push(reference);
    this.#takenSize += this.#allocator.sizeOf(reference);
    return reference;
  }

  /** Octets of a block: at least what was asked for. */
  sizeOf(reference: number): number {
    return this.#allocator.sizeOf(reference);
  }

  /** A fault of another kind left the change set half done. */
  breakOff(): void {
    this.#isBroken = true;
  }

  /** The next root does not reach the block: free it at once if it is fresh, else after publication. */
  drop(reference: number): void {
    if (this.isFresh(reference)) {
      this.#clearFresh(reference);
      this.#allocator.free(reference);
    } else {
      this.#replaced.push(reference);
    }
  }

  /** The block if it is fresh, else a copy of it that takes its place: its octets come back after publication. */
  own(reference: number, wordCount: number): number {
    if (this.isFresh(reference)) return reference;
    const copy = this.take(wordCount, true);
    this.words.copyWithin(copy * 2, reference * 2, reference * 2 + wordCount);
    this.#replaced.push(reference);
    return copy;
  }

  /** After the new root is published: nothing is private any more, what was replaced waits for its readers. */
  commit(): void {
    const taken = this.#taken;
    for (let index = 0; index < taken.count; index++) this.#clearFresh(taken.references[index]!);
    const replaced = this.#replaced;
    for (let index = 0; index < replaced.count; index++) this.#epochs.retire(replaced.references[index]!);
    this.#forget();
  }

  rollBack(): void {
    const taken = this.#taken;
    for (let index = 0; index < taken.count; index++) {
      const reference = taken.references[index]!;
      if (!this.isFresh(reference)) continue;
      this.#clearFresh(reference);
      this.#allocator.free(reference);
    }
    this.#forget();
  }

  #clearFresh(reference: number): void {
    this.freshBits[reference >>> 5]! &= ~(1 << (reference & 31));
  }

  #forget(): void {
    this.#taken.clear();
    this.#replaced.clear();
    this.#takenSize = 0;
    this.#isBroken = false;
  }
}

const LIST_CAPACITY_MIN = 256;

/** A list of references without an object each. */
class ReferenceList {
  references = new Uint32Array(LIST_CAPACITY_MIN);
  count = 0;

  push(reference: number): void {
    if (this.count === this.references.length) {
      const grown = new Uint32Array(this.count * 2);
      grown.set(this.references);
      this.references = grown;
    }
    this.references[this.count++] = reference;
  }

  clear(): void {
    this.count = 0;
    if (this.references.length > 64 * LIST_CAPACITY_MIN) this.references = new Uint32Array(LIST_CAPACITY_MIN);
  }
}
