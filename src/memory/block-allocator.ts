/**
 * Blocks of the shared buffer: who has which octets. Used by main only; its books are main's own memory, but for the
 * free lists, which lie in the free blocks themselves. No JavaScript object per block.
 *
 *   BLOCKS_AT
 *   │ chunk 0: 64 KiB of one size class │ chunk 1: another class │ chunks 2 – 4: one large block │ chunk 5: free │ …
 *
 * A chunk belongs to one size class as long as one of its blocks is live; then it goes back to the pool. Chunks are
 * taken lowest first, so that what was touched is used again before new pages are. Block sizes are multiples of 8
 * octets; past half a chunk a block is a run of whole chunks.
 */
import { assert } from '../base/assert.ts';
import { BLOCKS_AT, UNIT_SIZE } from './buffer-layout.ts';

export const CHUNK_SIZE = 65_536;
const CHUNK_UNITS = CHUNK_SIZE / UNIT_SIZE;
const BLOCKS_AT_UNITS = BLOCKS_AT / UNIT_SIZE;
const SMALL_SIZE_MAX = 512;
/** Above SMALL_SIZE_MAX: classes for every doubling of the size, so about an eighth of a block is lost at most. */
const STEPS_PER_DOUBLING = 8;
const CLASS_SIZE_MAX = CHUNK_SIZE / 2;

/** Octets of a block of each class, rising. Above SMALL_SIZE_MAX as large as still as many fit into a chunk. */
export const CLASS_SIZES: readonly number[] = classSizes();
/** class of a block of `index` units */
const CLASS_OF_UNITS = classOfUnits();

const CHUNK_FREE = 255;
const CHUNK_LARGE_HEAD = 254;
const CHUNK_LARGE_REST = 253;
const NONE = 0xffff_ffff;

export interface BlockAllocatorOptions {
  /** told when chunks go back to the pool: their pages may be given back to the kernel */
  readonly onChunkFree?: (offset: number, size: number) => void;
  /**
   * Chunks only `allocate` with `isReserveOpen` may take, so that what does not grow (a removal copies a page before
   * it frees one) works in a full buffer. Default: a 32nd of all, at most 32.
   */
  readonly reserveChunkCount?: number;
}

export interface BlockStatistics {
  /** octets of all live blocks, rounded up to their classes */
  readonly liveSize: number;
  readonly liveCount: number;
  /** chunks in use and in all */
  readonly chunkCount: number;
  readonly chunkCountMax: number;
  /** per size class that has chunks */
  readonly classes: readonly {
    readonly blockSize: number;
    readonly liveCount: number;
    readonly reservedSize: number;
  }[];
  /** octets of runs of chunks for large blocks */
  readonly largeSize: number;
}

export class BlockAllocator {
  readonly #words: Uint32Array;
  readonly #onChunkFree: ((offset: number, size: number) => void) | undefined;
  readonly #chunkCountMax: number;
  readonly #reserveChunkCount: number;
  #chunkCount = 0;
  #liveSize = 0;
  #liveCount = 0;
  /** no chunk below this one is free */
  #lowestFree = 0;

  /** class of the chunk, or CHUNK_FREE, CHUNK_LARGE_HEAD, CHUNK_LARGE_REST */
  readonly #class: Uint8Array;
  /** live blocks of a chunk; of a large block's head: its number of chunks */
  readonly #live: Uint32Array;
  /** first free block that was used before, as offset in the chunk in units, plus 1; 0: none */
  readonly #freed: Uint16Array;
  /** blocks from the chunk's start that were ever used */
  readonly #used: Uint16Array;
  /** chunks of a class that have room, as a ring per class: next and previous chunk */
  readonly #next: Uint32Array;
  readonly #previous: Uint32Array;
  /** head of each class's list, NONE if empty */
  readonly #roomy = new Uint32Array(CLASS_SIZES.length).fill(NONE);

  constructor(buffer: SharedArrayBuffer, options: BlockAllocatorOptions = {}) {
    this.#words = new Uint32Array(buffer);
    this.#onChunkFree = options.onChunkFree;
    const count = Math.floor((buffer.byteLength - BLOCKS_AT) / CHUNK_SIZE);
    this.#chunkCountMax = count;
    this.#reserveChunkCount = options.reserveChunkCount ?? Math.min(32, Math.floor(count / 32));
    this.#class = new Uint8Array(count).fill(CHUNK_FREE);
    this.#live = new Uint32Array(count);
    this.#freed = new Uint16Array(count);
    this.#used = new Uint16Array(count);
    this.#next = new Uint32Array(count);
    this.#previous = new Uint32Array(count);
  }

  /** Octets of all live blocks, rounded up to their classes. */
  get liveSize(): number {
    return this.#liveSize;
  }

  /** Octets of chunks in use: what the process pays for, as far as freed chunks are given back. */
  get reservedSize(): number {
    return this.#chunkCount * CHUNK_SIZE;
  }

  /** Octets of all chunks. */
  get capacity(): number {
    return this.#chunkCountMax * CHUNK_SIZE;
  }

  /**
   * Take a block. Its content is whatever was there: the caller overwrites every word it will be read by.
   *
   * @param wordCount      u32 words, at least 1
   * @param isReserveOpen  the last chunks may be taken too
   * @returns reference, 0 if there is no room
   */
  allocate(wordCount: number, isReserveOpen = false): number {
    assert(wordCount > 0, 'a block has at least one word');
    const units = (wordCount + 1) >>> 1;
    if (units * UNIT_SIZE > CLASS_SIZE_MAX) return this.#allocateLarge(units, isReserveOpen);
    const sizeClass = CLASS_OF_UNITS[units]!;
    let chunk = this.#roomy[sizeClass]!;
    if (chunk === NONE) {
      chunk = this.#takeChunks(1, isReserveOpen);
      if (chunk === NONE) return 0;
      this.#class[chunk] = sizeClass;
      this.#live[chunk] = 0;
      this.#freed[chunk] = 0;
      this.#used[chunk] = 0;
      this.#link(chunk, sizeClass);
    }
    return this.#takeBlock(chunk, sizeClass);
  }

  /** Give a block back at once. No thread may read it any more: epochs.ts says when. */
  free(reference: number): void {
    const chunk = this.#chunkOf(reference);
    const sizeClass = this.#class[chunk]!;
    if (sizeClass === CHUNK_LARGE_HEAD) {
      this.#freeLarge(chunk, reference);
      return;
    }
    assert(sizeClass < CLASS_SIZES.length, 'freed a block that is not live');
    const blockSize = CLASS_SIZES[sizeClass]!;
    const offset = (reference - BLOCKS_AT_UNITS) % CHUNK_UNITS;
    assert((offset * UNIT_SIZE) % blockSize === 0, 'freed a reference into the middle of a block');
    const live = this.#live[chunk]!;
    assert(live > 0, 'freed a block that is not live');
    const isFull = this.#isFull(chunk, blockSize);
    this.#words[reference * 2] = this.#freed[chunk]!;
    this.#freed[chunk] = offset + 1;
    this.#live[chunk] = live - 1;
    this.#liveCount--;
    this.#liveSize -= blockSize;
    if (live === 1) {
      if (!isFull) this.#unlink(chunk, sizeClass);
      this.#giveChunks(chunk, 1);
    } else if (isFull) {
      this.#link(chunk, sizeClass);
    }
  }

  /** Octets of the block at a reference: at least what was asked for. */
  sizeOf(reference: number): number {
    const chunk = this.#chunkOf(reference);
    const sizeClass = this.#class[chunk]!;
    if (sizeClass === CHUNK_LARGE_HEAD) return this.#live[chunk]! * CHUNK_SIZE;
    assert(sizeClass < CLASS_SIZES.length, 'no block there');
    return CLASS_SIZES[sizeClass]!;
  }

  statistics(): BlockStatistics {
    const chunks = new Uint32Array(CLASS_SIZES.length);
    const live = new Uint32Array(CLASS_SIZES.length);
    let largeSize = 0;
    for (let chunk = 0; chunk < this.#chunkCountMax; chunk++) {
      const sizeClass = this.#class[chunk]!;
      if (sizeClass === CHUNK_LARGE_HEAD) largeSize += this.#live[chunk]! * CHUNK_SIZE;
      if (sizeClass >= CLASS_SIZES.length) continue;
      chunks[sizeClass]!++;
      live[sizeClass]! += this.#live[chunk]!;
    }
    return {
      liveSize: this.#liveSize,
      liveCount: this.#liveCount,
      chunkCount: this.#chunkCount,
      chunkCountMax: this.#chunkCountMax,
      classes: CLASS_SIZES.flatMap((blockSize, index) =>
        chunks[index] === 0 ? [] : [{ blockSize, liveCount: live[index]!, reservedSize: chunks[index]! * CHUNK_SIZE }],
      ),
      largeSize,
    };
  }

  #chunkOf(reference: number): number {
    const chunk = Math.floor((reference - BLOCKS_AT_UNITS) / CHUNK_UNITS);
    assert(chunk >= 0 && chunk < this.#chunkCountMax, 'reference outside of the blocks');
    return chunk;
  }

  #isFull(chunk: number, blockSize: number): boolean {
    return this.#freed[chunk] === 0 && (this.#used[chunk]! + 1) * blockSize > CHUNK_SIZE;
  }

  #takeBlock(chunk: number, sizeClass: number): number {
    const blockSize = CLASS_SIZES[sizeClass]!;
    const chunkAt = BLOCKS_AT_UNITS + chunk * CHUNK_UNITS;
    let reference: number;
    const freed = this.#freed[chunk]!;
    if (freed !== 0) {
      reference = chunkAt + freed - 1;
      this.#freed[chunk] = this.#words[reference * 2]!;
    } else {
      reference = chunkAt + (this.#used[chunk]! * blockSize) / UNIT_SIZE;
      this.#used[chunk]!++;
    }
    this.#live[chunk]!++;
    this.#liveCount++;
    this.#liveSize += blockSize;
    if (this.#isFull(chunk, blockSize)) this.#unlink(chunk, sizeClass);
    return reference;
  }

  #allocateLarge(units: number, isReserveOpen: boolean): number {
    const count = Math.ceil(units / CHUNK_UNITS);
    const chunk = this.#takeChunks(count, isReserveOpen);
    if (chunk === NONE) return 0;
    this.#class.fill(CHUNK_LARGE_REST, chunk, chunk + count);
    this.#class[chunk] = CHUNK_LARGE_HEAD;
    this.#live[chunk] = count;
    this.#liveCount++;
    this.#liveSize += count * CHUNK_SIZE;
    return BLOCKS_AT_UNITS + chunk * CHUNK_UNITS;
  }

  #freeLarge(chunk: number, reference: number): void {
    assert(reference === BLOCKS_AT_UNITS + chunk * CHUNK_UNITS, 'freed a reference into the middle of a block');
    const count = this.#live[chunk]!;
    this.#liveCount--;
    this.#liveSize -= count * CHUNK_SIZE;
    this.#giveChunks(chunk, count);
  }

  /** The lowest run of `count` free chunks, NONE if there is none. */
  #takeChunks(count: number, isReserveOpen: boolean): number {
    const usable = this.#chunkCountMax - (isReserveOpen ? 0 : this.#reserveChunkCount);
    if (this.#chunkCount + count > usable) return NONE;
    let run = 0;
    let isLowest = true;
    for (let chunk = this.#lowestFree; chunk < this.#chunkCountMax; chunk++) {
      if (this.#class[chunk] !== CHUNK_FREE) {
        run = 0;
        continue;
      }
      if (isLowest && run === 0) {
        this.#lowestFree = chunk;
        isLowest = false;
      }
      if (++run < count) continue;
      const first = chunk - count + 1;
      if (first === this.#lowestFree) this.#lowestFree = chunk + 1;
      this.#chunkCount += count;
      return first;
    }
    return NONE;
  }

  #giveChunks(chunk: number, count: number): void {
    this.#class.fill(CHUNK_FREE, chunk, chunk + count);
    this.#chunkCount -= count;
    if (chunk < this.#lowestFree) this.#lowestFree = chunk;
    this.#onChunkFree?.(BLOCKS_AT + chunk * CHUNK_SIZE, count * CHUNK_SIZE);
  }

  #link(chunk: number, sizeClass: number): void {
    const head = this.#roomy[sizeClass]!;
    this.#next[chunk] = head;
    this.#previous[chunk] = NONE;
    if (head !== NONE) this.#previous[head] = chunk;
    this.#roomy[sizeClass] = chunk;
  }

  #unlink(chunk: number, sizeClass: number): void {
    const next = this.#next[chunk]!;
    const previous = this.#previous[chunk]!;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous === NONE) this.#roomy[sizeClass] = next;
    else this.#next[previous] = next;
  }
}

function classSizes(): number[] {
  const sizes: number[] = [];
  for (let size = UNIT_SIZE; size <= SMALL_SIZE_MAX; size += UNIT_SIZE) sizes.push(size);
  for (let step = 1; ; step++) {
    const wanted = SMALL_SIZE_MAX * 2 ** (step / STEPS_PER_DOUBLING);
    const count = Math.floor(CHUNK_SIZE / wanted);
    const size = Math.floor(CHUNK_SIZE / count / UNIT_SIZE) * UNIT_SIZE;
    if (size >= CLASS_SIZE_MAX) break;
    if (size > sizes.at(-1)!) sizes.push(size);
  }
  sizes.push(CLASS_SIZE_MAX);
  return sizes;
}

function classOfUnits(): Uint8Array {
  const classes = new Uint8Array(CLASS_SIZE_MAX / UNIT_SIZE + 1);
  let sizeClass = 0;
  for (let units = 1; units < classes.length; units++) {
    while (CLASS_SIZES[sizeClass]! < units * UNIT_SIZE) sizeClass++;
    classes[units] = sizeClass;
  }
  return classes;
}
