/** Namespaces: whether they are there and exposed, and the heads of the lists of what is in them. */
import { layout } from '../memory/layout.ts';
import { toBinary } from './binary-text.ts';
import type { OctetPool } from './octet-pool.ts';
import { RowTable, type ListHeads } from './row-table.ts';

/** A Namespace that is not there, but has Services or pods, has a row too. */
const NAMESPACE = layout('namespace row', [
  ['name', 1, 'pooled'],
  ['flags', 1, 'NAMESPACE_FLAG bits'],
  ['firstService', 1, 'row'],
  ['firstPod', 1, 'row'],
]);

export const NAMESPACE_FLAG = {
  EXISTS: 1,
  EXPOSED: 2,
  /** put since the list began */
  LISTED: 4,
} as const;

export class NamespaceTable {
  readonly services: ListHeads;
  readonly pods: ListHeads;
  readonly #pool: OctetPool;
  readonly #rows = new RowTable(NAMESPACE.words);
  /** by name in binary text */
  readonly #byName = new Map<string, number>();

  constructor(pool: OctetPool) {
    this.#pool = pool;
    this.services = { rows: this.#rows, field: NAMESPACE.at.firstService };
    this.pods = { rows: this.#rows, field: NAMESPACE.at.firstPod };
  }

  /** Those that are only referred to count too. */
  get count(): number {
    return this.#rows.count;
  }

  /** Those that are there. Cost: one pass over the rows. */
  get existingCount(): number {
    let count = 0;
    for (let row = 1; row < this.#rows.idEnd; row++) {
      if ((this.#rows.get(row, NAMESPACE.at.flags) & NAMESPACE_FLAG.EXISTS) !== 0) count++;
    }
    return count;
  }

  get byteSize(): number {
    return this.#rows.byteSize;
  }

  /** @returns 0 if there is none */
  find(name: string): number {
    return this.#byName.get(toBinary(name)) ?? 0;
  }

  /** The row of a name, made if there is none. */
  rowOf(name: string): number {
    const key = toBinary(name);
    const found = this.#byName.get(key);
    if (found !== undefined) return found;
    const row = this.#rows.allocate();
    this.#rows.set(row, NAMESPACE.at.name, this.#pool.intern(key));
    this.#byName.set(key, row);
    return row;
  }

  /** In binary text. */
  names(): Iterable<string> {
    return this.#byName.keys();
  }

  rows(): Iterable<number> {
    return this.#byName.values();
  }

  /** Binary text. */
  nameOf(row: number): string {
    return this.#pool.text(this.#rows.get(row, NAMESPACE.at.name));
  }

  firstService(row: number): number {
    return this.#rows.get(row, NAMESPACE.at.firstService);
  }

  firstPod(row: number): number {
    return this.#rows.get(row, NAMESPACE.at.firstPod);
  }

  isExposed(row: number): boolean {
    return row !== 0 && (this.#rows.get(row, NAMESPACE.at.flags) & NAMESPACE_FLAG.EXPOSED) !== 0;
  }

  /** @returns the flags it had */
  setFlags(row: number, flags: number): number {
    const old = this.#rows.get(row, NAMESPACE.at.flags);
    this.#rows.set(row, NAMESPACE.at.flags, flags);
    return old;
  }

  freeIfUnused(row: number): void {
    const { name, flags, firstService, firstPod } = NAMESPACE.at;
    if ((this.#rows.get(row, flags) & NAMESPACE_FLAG.EXISTS) !== 0) return;
    if (this.#rows.get(row, firstService) !== 0 || this.#rows.get(row, firstPod) !== 0) return;
    const nameId = this.#rows.get(row, name);
    this.#byName.delete(this.#pool.text(nameId));
    this.#pool.release(nameId);
    this.#rows.free(row);
  }

  beginList(): void {
    this.#rows.clearBits(NAMESPACE.at.flags, NAMESPACE_FLAG.LISTED);
  }

  /** Rows that were not put since `beginList`; each may be freed when it is seen. */
  *unlisted(): Generator<number, void> {
    const { EXISTS, LISTED } = NAMESPACE_FLAG;
    for (let row = 1; row < this.#rows.idEnd; row++) {
      if ((this.#rows.get(row, NAMESPACE.at.flags) & (EXISTS | LISTED)) === EXISTS) yield row;
    }
  }
}
