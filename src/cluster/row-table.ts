/**
 * Rows of u32 fields in one growing array: the memory of the cluster state. A row is known by its id, from 1 on; 0 is no
 * row. Freed ids are used again, so that churn does not grow the table.
 */
import { assert } from '../base/assert.ts';

const ROWS_MIN = 64;
/** Growth of a full table: half as much again, so that at most a third of it lies idle. */
const GROWTH = 1.5;

export class RowTable {
  /** Field f of row r is at `r * stride + f`. Another array after `allocate` grew the table: never keep it. */
  words: Uint32Array;
  readonly stride: number;
  #used = 1;
  #free = 0;
  #count = 0;

  constructor(stride: number) {
    this.stride = stride;
    this.words = new Uint32Array(ROWS_MIN * stride);
  }

  /** Number of rows in use. */
  get count(): number {
    return this.#count;
  }

  get byteSize(): number {
    return this.words.byteLength;
  }

  get(id: number, field: number): number {
    return this.words[id * this.stride + field]!;
  }

  set(id: number, field: number, value: number): void {
    this.words[id * this.stride + field] = value;
  }

  /** @returns the id of a row whose fields are all 0 */
  allocate(): number {
    this.#count++;
    const id = this.#free;
    if (id !== 0) {
      this.#free = this.words[id * this.stride]!;
      this.words[id * this.stride] = 0;
      return id;
    }
    if ((this.#used + 1) * this.stride > this.words.length) this.#grow();
    return this.#used++;
  }

  /** The ids of all rows, used and free ones, are below this. */
  get idEnd(): number {
    return this.#used;
  }

  /** Clear bits of a field of every row; not of the first field: free rows keep their chain there. */
  clearBits(field: number, bits: number): void {
    assert(field > 0, 'not the first field');
    const { words, stride } = this;
    const end = this.#used * stride;
    for (let at = stride + field; at < end; at += stride) words[at]! &= ~bits;
  }

  free(id: number): void {
    assert(id > 0 && id < this.#used, 'a row that is freed exists');
    this.#count--;
    this.words.fill(0, id * this.stride, (id + 1) * this.stride);
    this.words[id * this.stride] = this.#free;
    this.#free = id;
  }

  #grow(): void {
    const rows = Math.ceil((this.words.length / this.stride) * GROWTH);
    const words = new Uint32Array(rows * this.stride);
    words.set(this.words);
    this.words = words;
  }
}

/** Fields of a row that is in a list. */
export interface ListLinks {
  readonly next: number;
  readonly previous: number;
}

/** Where the first rows of lists are kept: a field of another table. */
export interface ListHeads {
  readonly rows: RowTable;
  readonly field: number;
}

/** Put a row at the head of the list of `head`. */
export function link(rows: RowTable, at: ListLinks, id: number, heads: ListHeads, head: number): void {
  const next = heads.rows.get(head, heads.field);
  rows.set(id, at.next, next);
  rows.set(id, at.previous, 0);
  if (next !== 0) rows.set(next, at.previous, id);
  heads.rows.set(head, heads.field, id);
}

/** Take a row out of the list of `head`. */
export function unlink(rows: RowTable, at: ListLinks, id: number, heads: ListHeads, head: number): void {
  const next = rows.get(id, at.next);
  const previous = rows.get(id, at.previous);
  if (next !== 0) rows.set(next, at.previous, previous);
  if (previous === 0) heads.rows.set(head, heads.field, next);
  else rows.set(previous, at.next, next);
}
