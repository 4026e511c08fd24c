/**
 * A reader that keeps one snapshot over many turns of its event loop, for work that takes longer than a turn and has to be
 * consistent: a zone transfer. Between the turns it rests, and while it rests main may take the snapshot back, so that what
 * is retained for a slow client has a bound (PINNED_SIZE_MAX):
 *
 *   NONE ──enter──► READING ──rest──► RESTING ──main──► REVOKED
 *                      ▲                 │                  │
 *                      └─────resume──────┘          resume fails, leave
 *
 * Its slot says a generation all the while, as that of any reader within a batch (epochs.ts), so all that holds there holds
 * here. Both ways out of RESTING are a compareExchange, and only one of two can succeed: a reader that has resumed cannot
 * be revoked, one that was revoked reads nothing more. What it read before, it read before it stored RESTING, which main
 * has seen. A slot that main passes over as REVOKED is never one that was entered anew: `enter` says READING first.
 */
import { assert } from '../base/assert.ts';
import { BUFFER_HEADER, PIN, READER_IDLE, READER_SLOT, READER_SLOT_STRIDE, READER_SLOTS_AT } from './buffer-layout.ts';

export class PinnedReader {
  readonly #words: Uint32Array;
  readonly #generationAt: number;
  readonly #turnsAt: number;
  readonly #pinAt: number;

  /** @param slot  claimed by main for this thread and nothing else */
  constructor(buffer: SharedArrayBuffer, slot: number) {
    this.#words = new Uint32Array(buffer);
    const at = READER_SLOTS_AT + slot * READER_SLOT_STRIDE;
    this.#generationAt = at + READER_SLOT.at.generation;
    this.#turnsAt = at + READER_SLOT.at.turns;
    this.#pinAt = at + READER_SLOT.at.pin;
  }

  /** Take the current snapshot, to be read until `rest` or `leave`. @returns reference of the root, 0: nothing is published */
  enter(): number {
    assert(Atomics.load(this.#words, this.#generationAt) === READER_IDLE, 'a snapshot is held already');
    Atomics.store(this.#words, this.#pinAt, PIN.READING);
    Atomics.add(this.#words, this.#turnsAt, 1);
    Atomics.store(this.#words, this.#generationAt, Atomics.load(this.#words, BUFFER_HEADER.at.generation));
    return Atomics.load(this.#words, BUFFER_HEADER.at.root);
  }

  /** Read nothing until `resume`; the snapshot is kept. Before every await. */
  rest(): void {
    Atomics.store(this.#words, this.#pinAt, PIN.RESTING);
  }

  /** Go on reading. @returns false if the snapshot was taken back: only `leave` is left */
  resume(): boolean {
    if (Atomics.compareExchange(this.#words, this.#pinAt, PIN.RESTING, PIN.READING) !== PIN.RESTING) return false;
    Atomics.add(this.#words, this.#turnsAt, 1);
    return true;
  }

  /** Let go of the snapshot, whoever has it. */
  leave(): void {
    Atomics.store(this.#words, this.#generationAt, READER_IDLE);
    Atomics.store(this.#words, this.#pinAt, PIN.NONE);
  }
}
