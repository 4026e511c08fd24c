/**
 * The names of one dataset: extendible hashing with a directory of two levels, copied on write.
 *
 * The directory has 2^depth page references, indexed by the top bits of the hash; a page whose local depth is lower
 * stands in several of them in a row. A full page is split alone; the directory doubles when a page that stands in one
 * place only is split, and halves when no page needs the last bit any more. Whatever the change set has not made itself
 * is copied before it is written (BlockTransaction.own), once.
 */
import { assert } from '../base/assert.ts';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { BlockTransaction } from './block-transaction.ts';
import {
  CHUNK_BITS,
  CHUNK_PAGES,
  DEPTH_MAX,
  ENTRY_SPACE_SHIFT,
  PAGE_FILL_MAX,
  PAGE_SLOTS,
  PAGE_WORDS,
  wordsFor,
} from './snapshot-layout.ts';

const SLOT_MASK = PAGE_SLOTS - 1;
const CHUNK_MASK = CHUNK_PAGES - 1;
/** Two buddies that hold no more than this together become one page: far below PAGE_FILL_MAX, so they don't flap. */
const MERGE_FILL_MAX = 24;
/** Key size and key space: what must be equal besides the key words. */
const KEY_HEAD_MASK = 0xff | (0xf << ENTRY_SPACE_SHIFT);

/** Rows that are remembered one by one; a change set of more is looked at as a whole. */
const ROWS_MAX = 1024;

/** What a table is, apart from its blocks: kept and put back when a change set is given up. */
interface TableState {
  top: number;
  depth: number;
  entryCount: number;
  readonly pagesAtDepth: Uint32Array;
}

/** Where a change set has put pages: directory entries of the present depth, of each row of equal ones any. May repeat one. */
export interface ChangedRows {
  readonly indexes: Uint32Array;
  readonly count: number;
}

export class NamesTable {
  readonly #blocks: BlockTransaction;
  readonly #words: Uint32Array;
  #top = 0;
  #depth = 1;
  #entryCount = 0;
  /** number of pages of each local depth */
  readonly #pagesAtDepth = new Uint32Array(DEPTH_MAX + 1);
  readonly #scratch = new Uint32Array(PAGE_WORDS);
  readonly #kept: TableState = { top: 0, depth: 1, entryCount: 0, pagesAtDepth: new Uint32Array(DEPTH_MAX + 1) };
  readonly #changed = { indexes: new Uint32Array(ROWS_MAX), count: 0 };

  constructor(blocks: BlockTransaction) {
    this.#blocks = blocks;
    this.#words = blocks.words;
  }

  get top(): number {
    return this.#top;
  }

  get depth(): number {
    return this.#depth;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** Since `keep` or `restore`; undefined: any may have changed. */
  get changedRows(): ChangedRows | undefined {
    return this.#changed.count > ROWS_MAX ? undefined : this.#changed;
  }

  /** What is now is what `restore` puts back. */
  keep(): void {
    const kept = this.#kept;
    kept.top = this.#top;
    kept.depth = this.#depth;
    kept.entryCount = this.#entryCount;
    for (let depth = 0; depth <= DEPTH_MAX; depth++) kept.pagesAtDepth[depth] = this.#pagesAtDepth[depth]!;
    this.#changed.count = 0;
  }

  restore(): void {
    const kept = this.#kept;
    this.#top = kept.top;
    this.#depth = kept.depth;
    this.#entryCount = kept.entryCount;
    this.#pagesAtDepth.set(kept.pagesAtDepth);
    this.#changed.count = 0;
  }

  /** Make the empty table: one page under both entries of a directory of depth 1. */
  create(): void {
    this.#noteAll();
    this.#depth = 1;
    this.#entryCount = 0;
    this.#pagesAtDepth.fill(0);
    this.#pagesAtDepth[0] = 1;
    this.#top = this.#takeTop();
    this.#setRange(0, 2, this.#takePage());
  }

  /** Drop every block of the table, its entries too. */
  destroy(): void {
    const count = 1 << this.#depth;
    let previous = 0;
    for (let index = 0; index < count; index++) {
      const page = this.#pageAt(index);
      if (page === previous) continue;
      previous = page;
      for (let at = page * 2 + 1; at < page * 2 + PAGE_WORDS; at += 2) {
        if (this.#words[at] !== 0) this.#blocks.drop(this.#words[at]!);
      }
      this.#blocks.drop(page);
    }
    this.#dropDirectory(this.#top, this.#depth);
    this.#top = 0;
    this.#entryCount = 0;
  }

  /** References of all entries. The table must not change on the way. */
  *entries(): Generator<number, void> {
    let previous = 0;
    for (let index = 0; index < 1 << this.#depth; index++) {
      const page = this.#pageAt(index);
      if (page === previous) continue;
      previous = page;
      for (let at = page * 2 + 1; at < page * 2 + PAGE_WORDS; at += 2) {
        if (this.#words[at] !== 0) yield this.#words[at]!;
      }
    }
  }

  /**
   * @param key  entry whose word 0 and key words are compared: an ENTRY in `words` from `at` on
   * @returns reference of the entry, 0 if the name is not there
   */
  find(hash: number, words: Uint32Array, at: number): number {
    const page = this.#pageAt(this.#indexOf(hash));
    const slot = this.#slotOf(page, hash, words, at);
    return slot < 0 ? 0 : this.#words[page * 2 + slot * 2 + 1]!;
  }

  /** Let `entry` stand for a name that is not there yet. */
  insert(hash: number, entry: number): void {
    for (;;) {
      const index = this.#indexOf(hash);
      const page = this.#pageAt(index);
      if (this.#fillOf(page) < PAGE_FILL_MAX) {
        this.#putInto(this.#ownPage(index), hash, entry);
        this.#entryCount++;
        return;
      }
      this.#split(index);
    }
  }

  /** Let `entry` stand for a name in the place of `previous`, which is dropped. */
  replace(hash: number, previous: number, entry: number): void {
    const page = this.#ownPage(this.#indexOf(hash));
    this.#words[page * 2 + this.#slotWith(page, hash, previous) * 2 + 1] = entry;
    this.#blocks.drop(previous);
  }

  /** Take a name out; `entry` is dropped. The page is written anew: no tombstones. */
  remove(hash: number, entry: number): void {
    const index = this.#indexOf(hash);
    const page = this.#ownPage(index);
    const removed = this.#slotWith(page, hash, entry);
    const scratch = this.#scratch;
    const base = page * 2;
    for (let at = 0; at < PAGE_WORDS; at++) scratch[at] = this.#words[base + at]!;
    scratch[removed * 2 + 1] = 0;
    this.#words.fill(0, base, base + PAGE_WORDS);
    for (let at = 0; at < PAGE_WORDS; at += 2) {
      if (scratch[at + 1] !== 0) this.#putInto(page, scratch[at]!, scratch[at + 1]!);
    }
    this.#blocks.drop(entry);
    this.#entryCount--;
    this.#merge(hash);
  }

  #indexOf(hash: number): number {
    return hash >>> (32 - this.#depth);
  }

  #pageAt(index: number): number {
    return this.#words[this.#words[this.#top * 2 + (index >>> CHUNK_BITS)]! * 2 + (index & CHUNK_MASK)]!;
  }

  #slotOf(page: number, hash: number, key: Uint32Array, keyAt: number): number {
    const words = this.#words;
    const base = page * 2;
    const keyHead = key[keyAt]! & KEY_HEAD_MASK;
    const keyEnd = 1 + wordsFor(keyHead & 0xff);
    for (let slot = hash & SLOT_MASK; ; slot = (slot + 1) & SLOT_MASK) {
      const entry = words[base + slot * 2 + 1]!;
      if (entry === 0) return -1;
      if (words[base + slot * 2] !== hash) continue;
      if ((words[entry * 2]! & KEY_HEAD_MASK) !== keyHead) continue;
      let at = 1;
      while (at < keyEnd && words[entry * 2 + at] === key[keyAt + at]) at++;
      if (at === keyEnd) return slot;
    }
  }

  #slotWith(page: number, hash: number, entry: number): number {
    const base = page * 2;
    for (let slot = hash & SLOT_MASK, probe = 0; probe < PAGE_SLOTS; slot = (slot + 1) & SLOT_MASK, probe++) {
      if (this.#words[base + slot * 2 + 1] === entry) return slot;
    }
    assert(false, 'entry not in its page');
    return -1;
  }

  #fillOf(page: number): number {
    let fill = 0;
    for (let at = page * 2 + 1, end = at + PAGE_WORDS; at < end; at += 2) if (this.#words[at] !== 0) fill++;
    return fill;
  }

  #putInto(page: number, hash: number, entry: number): void {
    const base = page * 2;
    let slot = hash & SLOT_MASK;
    while (this.#words[base + slot * 2 + 1] !== 0) slot = (slot + 1) & SLOT_MASK;
    this.#words[base + slot * 2] = hash;
    this.#words[base + slot * 2 + 1] = entry;
  }

  /** log2 of the number of directory entries, in a row and aligned to their number, that hold the page of `index`. */
  #spanBitsOf(index: number): number {
    const page = this.#pageAt(index);
    let bits = 0;
    while (bits < this.#depth) {
      const first = (index >>> (bits + 1)) << (bits + 1);
      // Pages stand in aligned rows: when both ends of the next larger row are this page, all of it is.
      if (this.#pageAt(first) !== page || this.#pageAt(first + (2 << bits) - 1) !== page) break;
      bits++;
    }
    return bits;
  }

  #ownPage(index: number): number {
    const page = this.#pageAt(index);
    if (this.#blocks.isFresh(page)) return page;
    const bits = this.#spanBitsOf(index);
    const copy = this.#blocks.own(page, PAGE_WORDS);
    this.#setRange((index >>> bits) << bits, 1 << bits, copy);
    return copy;
  }

  /** Let `count` directory entries from `first` on hold a page. */
  #setRange(first: number, count: number, page: number): void {
    const changed = this.#changed;
    if (changed.count < ROWS_MAX) changed.indexes[changed.count++] = first;
    else this.#noteAll();
    for (let index = first; index < first + count;) {
      const chunk = this.#ownChunk(index >>> CHUNK_BITS);
      const end = Math.min(first + count, ((index >>> CHUNK_BITS) + 1) << CHUNK_BITS);
      const base = chunk * 2 - ((index >>> CHUNK_BITS) << CHUNK_BITS);
      for (; index < end; index++) this.#words[base + index] = page;
    }
  }

  #ownChunk(chunkIndex: number): number {
    const chunk = this.#words[this.#top * 2 + chunkIndex]!;
    if (this.#blocks.isFresh(chunk)) return chunk;
    this.#top = this.#blocks.own(this.#top, topWordsOf(this.#depth));
    const copy = this.#blocks.own(chunk, CHUNK_PAGES);
    this.#words[this.#top * 2 + chunkIndex] = copy;
    return copy;
  }

  /** Indexes of another depth mean others. */
  #noteAll(): void {
    this.#changed.count = ROWS_MAX + 1;
  }

  #takePage(): number {
    const page = this.#blocks.take(PAGE_WORDS, false);
    this.#words.fill(0, page * 2, page * 2 + PAGE_WORDS);
    return page;
  }

  /** A directory of the present depth whose entries hold no page yet. */
  #takeTop(isReserveOpen = false): number {
    const count = topWordsOf(this.#depth);
    const top = this.#blocks.take(count, isReserveOpen);
    for (let chunkIndex = 0; chunkIndex < count; chunkIndex++) {
      const chunk = this.#blocks.take(CHUNK_PAGES, isReserveOpen);
      this.#words.fill(0, chunk * 2, chunk * 2 + CHUNK_PAGES);
      this.#words[top * 2 + chunkIndex] = chunk;
    }
    return top;
  }

  #dropDirectory(top: number, depth: number): void {
    const count = topWordsOf(depth);
    for (let at = top * 2; at < top * 2 + count; at++) this.#blocks.drop(this.#words[at]!);
    this.#blocks.drop(top);
  }

  #split(index: number): void {
    let bits = this.#spanBitsOf(index);
    if (bits === 0) {
      this.#double();
      index *= 2;
      bits = 1;
    }
    const page = this.#pageAt(index);
    const first = (index >>> bits) << bits;
    const half = 1 << (bits - 1);
    const localDepth = this.#depth - bits;
    const low = this.#takePage();
    const high = this.#takePage();
    for (let at = page * 2, end = at + PAGE_WORDS; at < end; at += 2) {
      const entry = this.#words[at + 1]!;
      const hash = this.#words[at]!;
      if (entry !== 0) this.#putInto((hash >>> (31 - localDepth)) & 1 ? high : low, hash, entry);
    }
    this.#setRange(first, half, low);
    this.#setRange(first + half, half, high);
    this.#blocks.drop(page);
    this.#pagesAtDepth[localDepth]!--;
    this.#pagesAtDepth[localDepth + 1]! += 2;
  }

  #double(): void {
    if (this.#depth === DEPTH_MAX) {
      // With a secret hash seed this takes hundreds of millions of names.
      this.#blocks.breakOff();
      throw new SkyshardError('SNAPSHOT_FULL', `more than ${PAGE_FILL_MAX} names share ${DEPTH_MAX} bits of hash`);
    }
    this.#resize(this.#depth + 1, false);
  }

  /** Write the directory anew, one bit deeper or shallower. */
  #resize(depth: number, isReserveOpen: boolean): void {
    this.#noteAll();
    const oldTop = this.#top;
    const oldDepth = this.#depth;
    this.#depth = depth;
    const top = this.#takeTop(isReserveOpen);
    const words = this.#words;
    for (let index = 0; index < 1 << depth; index++) {
      const old = depth > oldDepth ? index >>> 1 : index << 1;
      const page = words[words[oldTop * 2 + (old >>> CHUNK_BITS)]! * 2 + (old & CHUNK_MASK)]!;
      words[words[top * 2 + (index >>> CHUNK_BITS)]! * 2 + (index & CHUNK_MASK)] = page;
    }
    this.#dropDirectory(oldTop, oldDepth);
    this.#top = top;
  }

  /** Join the page of `hash` with its buddy while both are nearly empty. */
  #merge(hash: number): void {
    for (;;) {
      const index = this.#indexOf(hash);
      const bits = this.#spanBitsOf(index);
      if (bits >= this.#depth) return;
      const first = (index >>> bits) << bits;
      const buddy = first ^ (1 << bits);
      if (this.#spanBitsOf(buddy) !== bits) return;
      const other = this.#pageAt(buddy);
      const page = this.#pageAt(index);
      if (this.#fillOf(page) + this.#fillOf(other) > MERGE_FILL_MAX) return;
      for (let at = other * 2, end = at + PAGE_WORDS; at < end; at += 2) {
        if (this.#words[at + 1] !== 0) this.#putInto(page, this.#words[at]!, this.#words[at + 1]!);
      }
      this.#setRange(Math.min(first, buddy), 2 << bits, page);
      this.#blocks.drop(other);
      const localDepth = this.#depth - bits;
      this.#pagesAtDepth[localDepth]! -= 2;
      this.#pagesAtDepth[localDepth - 1]!++;
      this.#halve();
    }
  }

  /** Only when two bits are not needed: a table that grows and shrinks by a few names does not flap. */
  #halve(): void {
    while (this.#depth > 2 && this.#pagesAtDepth[this.#depth] === 0 && this.#pagesAtDepth[this.#depth - 1] === 0) {
      this.#resize(this.#depth - 1, true);
    }
  }
}

function topWordsOf(depth: number): number {
  return depth <= CHUNK_BITS ? 1 : 1 << (depth - CHUNK_BITS);
}
