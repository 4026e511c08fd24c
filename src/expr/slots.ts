/** Where names of `let` and pointers have their values in an evaluation: numbered when an expression is compiled. */
import type { PointerName } from '../config/expr/expr-tree.ts';
import { ExprError } from './expr-value.ts';

/** Slots of a loop. */
export interface LoopSlots {
  readonly item: number;
  readonly index: number;
  readonly acc: number;
}

export class ExprSlots {
  readonly #names: { readonly name: string; readonly slot: number }[] = [];
  readonly #loops: LoopSlots[] = [];
  #next = 0;

  /** From here on the name means this slot. */
  open(name: string): number {
    const slot = this.#next++;
    this.#names.push({ name, slot });
    return slot;
  }

  /** The name that was opened last means what it did before. */
  close(): void {
    this.#names.pop();
  }

  find(name: string): number | undefined {
    return this.#names.findLast((known) => known.name === name)?.slot;
  }

  openLoop(): LoopSlots {
    const loop = { item: this.#next, index: this.#next + 1, acc: this.#next + 2 };
    this.#next += 3;
    this.#loops.push(loop);
    return loop;
  }

  closeLoop(): void {
    this.#loops.pop();
  }

  findPointer(name: PointerName): number {
    const loop = this.#loops.at(-1);
    if (loop === undefined) throw new ExprError(`there is no loop around #${name}`);
    return name === '' ? loop.item : loop[name];
  }
}
