/**
 * When nobody can hold any more what was taken out of reach: each reader slot has been idle, or has entered anew, since. A reader
 * that keeps its snapshot for minutes (pinned-reader.ts) has nothing but that: it is not waited for.
 *
 * For memory that any reading thread may take back, beside the generations of the one writer (epochs.ts). Why it holds: a
 * reader that enters after `begin` stored its turn after what went before `begin`, so it cannot find what was unlinked then;
 * one that had entered before shows its next turn, or IDLE, only when it has let go of everything. All of it are sequentially
 * consistent atomics. test/concurrency/cache-model.test.ts finds the fault of any other order.
 */
import { PIN, READER_IDLE, READER_MAX, READER_SLOT, READER_SLOT_STRIDE, READER_SLOTS_AT } from './buffer-layout.ts';

export class GracePeriod {
  readonly #words: Uint32Array;
  readonly #ownSlot: number;
  readonly #turns: Uint32Array = new Uint32Array(READER_MAX);

  /**
   * @param buffer   the snapshot's, where the reader slots are
   * @param ownSlot  of the calling thread, which holds nothing when it asks; -1: it has none
   */
  constructor(buffer: SharedArrayBuffer, ownSlot: number) {
    this.#words = new Uint32Array(buffer);
    this.#ownSlot = ownSlot;
  }

  /** It begins: everything that shall be waited for is out of reach by now. */
  begin(): void {
    for (let slot = 0; slot < READER_MAX; slot++) {
      this.#turns[slot] = Atomics.load(this.#words, turnsAt(slot));
    }
  }

  /** Whether what was out of reach when it began is held by nobody else. */
  isOver(): boolean {
    for (let slot = 0; slot < READER_MAX; slot++) {
      if (slot === this.#ownSlot || Atomics.load(this.#words, generationAt(slot)) === READER_IDLE) continue;
      if (Atomics.load(this.#words, pinAt(slot)) !== PIN.NONE) continue;
      if (Atomics.load(this.#words, turnsAt(slot)) === this.#turns[slot]) return false;
    }
    return true;
  }
}

function turnsAt(slot: number): number {
  return READER_SLOTS_AT + slot * READER_SLOT_STRIDE + READER_SLOT.at.turns;
}

function pinAt(slot: number): number {
  return READER_SLOTS_AT + slot * READER_SLOT_STRIDE + READER_SLOT.at.pin;
}

function generationAt(slot: number): number {
  return READER_SLOTS_AT + slot * READER_SLOT_STRIDE + READER_SLOT.at.generation;
}
