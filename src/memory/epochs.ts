/**
 * Reclamation by epoch: when a block that readers may still hold can be used again.
 *
 *   writer (main)                                  reader (any thread with a slot)
 *   1  write new blocks, plainly                   a  g = load GENERATION
 *   2  store ROOT                                  b  store slot = g
 *   3  store GENERATION = G                        c  root = load ROOT; read what it reaches, plainly
 *   4  retire what the old root alone reached,     d  store slot = IDLE
 *      tagged G
 *   5  free what is tagged T if every slot is IDLE or holds a generation >= T
 *
 * Why it holds: a slot that says g >= T was stored after its reader loaded g, which the writer stored after the root of
 * T: that reader's root is T's or newer and does not reach the block. A slot that step 5 read before (b) belongs to a
 * reader whose (c) comes after step 2, with the same result. Steps 2, 3, 5, a – d are sequentially consistent atomics,
 * and (d) before 5 orders the reader's plain reads before the writer's plain writes of the reused block. The order of
 * 2 and 3, and of b and c, is the protocol: test/concurrency/epoch-model.test.ts finds the fault of any other.
 *
 * A reader that dies never reaches (d): main releases its slot once the thread is gone. One that hangs keeps what it
 * holds; it is reported, ended and released like a dead one. A slot is never released while its thread may still read.
 */
import { assert } from '../base/assert.ts';
import {
  BUFFER_HEADER,
  PIN,
  READER_IDLE,
  READER_MAX,
  READER_SLOT,
  READER_SLOT_STRIDE,
  READER_SLOTS_AT,
} from './buffer-layout.ts';

const ROOT_AT = BUFFER_HEADER.at.root;
const GENERATION_AT = BUFFER_HEADER.at.generation;

function slotAt(slot: number): number {
  return READER_SLOTS_AT + slot * READER_SLOT_STRIDE;
}

/** The generation after `generation`: u32, skips 0, which is READER_IDLE. */
export function nextGeneration(generation: number): number {
  const next = (generation + 1) >>> 0;
  return next === READER_IDLE ? 1 : next;
}

/** A reading thread's side. Hot: no method allocates. The slot was claimed by main for this thread. */
export class EpochReader {
  readonly #words: Uint32Array;
  readonly #generationAt: number;
  readonly #turnsAt: number;

  constructor(buffer: SharedArrayBuffer, slot: number) {
    assert(slot >= 0 && slot < READER_MAX, 'reader slot out of range');
    this.#words = new Uint32Array(buffer);
    this.#generationAt = slotAt(slot) + READER_SLOT.at.generation;
    this.#turnsAt = slotAt(slot) + READER_SLOT.at.turns;
  }

  /**
   * Hold the current snapshot until `leave` or the next `enter`, which lets go of the one held before.
   *
   * @returns reference of the root, 0 if nothing is published yet
   */
  enter(): number {
    // The slot's thread alone writes it: also where parts of it enter for themselves, one after the other, no turn is repeated.
    Atomics.store(this.#words, this.#turnsAt, (this.#words[this.#turnsAt]! + 1) >>> 0);
    Atomics.store(this.#words, this.#generationAt, Atomics.load(this.#words, GENERATION_AT));
    return Atomics.load(this.#words, ROOT_AT);
  }

  /** Nothing that was reached from the root may be read from here on. Before blocking and before every await. */
  leave(): void {
    Atomics.store(this.#words, this.#generationAt, READER_IDLE);
  }
}

/** Who gets a block back once no reader can hold it. */
export interface BlockOwner {
  free(reference: number): void;
  /** octets the block occupies */
  sizeOf(reference: number): number;
}

/** A reader that has been busy without moving. */
export interface StalledReader {
  readonly slot: number;
  /** thread id the slot was claimed for */
  readonly owner: number;
  readonly generation: number;
  readonly stalledMs: number;
}

/** How long a busy reader may stand still before it counts as hanging. */
export const STALLED_AFTER_MS = 1000;
/**
 * Octets that may be retained while a reader rests on an old snapshot (pinned-reader.ts); beyond that it is taken back.
 * Some seconds of a large headless Service that changes all the time, and a tenth of a manifest's 170 MiB.
 */
export const PINNED_SIZE_MAX = 16 << 20;

const RETIRED_CAPACITY_MIN = 1024;

/** The writing thread's side: main only. */
export class EpochWriter {
  readonly #words: Uint32Array;
  readonly #blocks: BlockOwner;
  /** ring of (reference, generation) pairs in order of retirement; its capacity in pairs is a power of two */
  #retired = new Uint32Array(RETIRED_CAPACITY_MIN * 2);
  #head = 0;
  #count = 0;
  #retainedSize = 0;
  /** behind the last slot that was ever claimed: each is a line of memory of its own */
  #slotEnd = 0;
  readonly #turnsSeen = new Uint32Array(READER_MAX);
  /** when the slot was first seen busy at `turnsSeen`, ms; NaN: idle */
  readonly #sinceMs = new Float64Array(READER_MAX).fill(NaN);

  constructor(buffer: SharedArrayBuffer, blocks: BlockOwner) {
    this.#words = new Uint32Array(buffer);
    this.#blocks = blocks;
  }

  /** Generation of the current root. */
  get generation(): number {
    return Atomics.load(this.#words, GENERATION_AT);
  }

  /** Reference of the current root, 0 if none. */
  get root(): number {
    return Atomics.load(this.#words, ROOT_AT);
  }

  /** Blocks that are retired and not yet free, and their octets. */
  get retainedCount(): number {
    return this.#count;
  }

  get retainedSize(): number {
    return this.#retainedSize;
  }

  /**
   * Give a slot to a thread.
   *
   * @param owner  thread id, not 0
   * @returns slot, -1 if all READER_MAX are taken
   */
  claimSlot(owner: number): number {
    assert(owner > 0, 'a reader slot needs an owner');
    for (let slot = 0; slot < READER_MAX; slot++) {
      const at = slotAt(slot);
      if (Atomics.compareExchange(this.#words, at + READER_SLOT.at.owner, 0, owner) !== 0) continue;
      Atomics.store(this.#words, at + READER_SLOT.at.generation, READER_IDLE);
      this.#sinceMs[slot] = NaN;
      this.#slotEnd = Math.max(this.#slotEnd, slot + 1);
      return slot;
    }
    return -1;
  }

  /** Take a slot back and let go of what it held. Only when its thread is gone or can't read any more. */
  releaseSlot(slot: number): void {
    assert(slot >= 0 && slot < READER_MAX, 'reader slot out of range');
    const at = slotAt(slot);
    Atomics.store(this.#words, at + READER_SLOT.at.generation, READER_IDLE);
    Atomics.store(this.#words, at + READER_SLOT.at.pin, PIN.NONE);
    Atomics.store(this.#words, at + READER_SLOT.at.owner, 0);
    this.#sinceMs[slot] = NaN;
  }

  /** Make `root` current under the generation after the present one. What it replaces is to be retired after this. */
  publish(root: number): number {
    const generation = nextGeneration(this.generation);
    Atomics.store(this.#words, ROOT_AT, root);
    Atomics.store(this.#words, GENERATION_AT, generation);
    return generation;
  }

  /** Free a block when no reader can hold it. It must be out of reach of the current root. */
  retire(reference: number): void {
    if (this.#count * 2 === this.#retired.length) this.#grow();
    const at = ((this.#head + this.#count) * 2) & (this.#retired.length - 1);
    this.#retired[at] = reference;
    this.#retired[at + 1] = this.generation;
    this.#count++;
    this.#retainedSize += this.#blocks.sizeOf(reference);
  }

  /**
   * Free what no reader can hold any more, and take snapshots back from resting readers that retain too much. Cost: a look
   * at each slot, then the blocks freed.
   */
  reclaim(): void {
    if (this.#count === 0) return;
    const current = this.generation;
    this.#free(current, this.#oldestAge(current));
    while (this.#retainedSize > PINNED_SIZE_MAX) {
      if (!this.#revoke(current, this.#oldestAge(current))) break;
      this.#free(current, this.#oldestAge(current));
    }
    if (this.#count === 0 && this.#retired.length > RETIRED_CAPACITY_MIN * 2) {
      this.#retired = new Uint32Array(RETIRED_CAPACITY_MIN * 2);
      this.#head = 0;
    }
  }

  /** How many publications ago the oldest snapshot was current that a reader holds. */
  #oldestAge(current: number): number {
    let ageMax = 0;
    for (let slot = 0; slot < this.#slotEnd; slot++) {
      const at = slotAt(slot);
      const generation = Atomics.load(this.#words, at + READER_SLOT.at.generation);
      if (generation === READER_IDLE || this.#pinOf(at) === PIN.REVOKED) continue;
      // Ages, not generations, are compared: generations wrap. One skipped number (0) does not change an order.
      const age = (current - generation) >>> 0;
      if (age > ageMax) ageMax = age;
    }
    return ageMax;
  }

  #free(current: number, ageMax: number): void {
    while (this.#count > 0) {
      const at = (this.#head * 2) & (this.#retired.length - 1);
      if ((current - this.#retired[at + 1]!) >>> 0 < ageMax) break;
      const reference = this.#retired[at]!;
      this.#retainedSize -= this.#blocks.sizeOf(reference);
      this.#blocks.free(reference);
      this.#head = (this.#head + 1) & (this.#retired.length / 2 - 1);
      this.#count--;
    }
  }

  /** Take the snapshots of this age back from readers that rest on them. @returns whether there were any */
  #revoke(current: number, age: number): boolean {
    let isRevoked = false;
    for (let slot = 0; slot < this.#slotEnd; slot++) {
      const at = slotAt(slot);
      const generation = Atomics.load(this.#words, at + READER_SLOT.at.generation);
      if (generation === READER_IDLE || (current - generation) >>> 0 !== age) continue;
      const pinAt = at + READER_SLOT.at.pin;
      if (Atomics.compareExchange(this.#words, pinAt, PIN.RESTING, PIN.REVOKED) === PIN.RESTING) isRevoked = true;
    }
    return isRevoked;
  }

  #pinOf(slotAtWord: number): number {
    return Atomics.load(this.#words, slotAtWord + READER_SLOT.at.pin);
  }

  /**
   * Readers that are busy and have not entered anew for STALLED_AFTER_MS. To be called a few times a second: a
   * reader's time starts when a call first sees it busy.
   *
   * @param nowMs  monotonic clock
   */
  stalledReaders(nowMs: number): readonly StalledReader[] {
    const stalled: StalledReader[] = [];
    for (let slot = 0; slot < this.#slotEnd; slot++) {
      const at = slotAt(slot);
      const generation = Atomics.load(this.#words, at + READER_SLOT.at.generation);
      const turns = Atomics.load(this.#words, at + READER_SLOT.at.turns);
      const pin = this.#pinOf(at);
      if (generation === READER_IDLE || pin === PIN.RESTING || pin === PIN.REVOKED) {
        this.#sinceMs[slot] = NaN;
        continue;
      }
      if (Number.isNaN(this.#sinceMs[slot]!) || turns !== this.#turnsSeen[slot]) {
        this.#sinceMs[slot] = nowMs;
        this.#turnsSeen[slot] = turns;
        continue;
      }
      const stalledMs = nowMs - this.#sinceMs[slot]!;
      if (stalledMs < STALLED_AFTER_MS) continue;
      const owner = Atomics.load(this.#words, at + READER_SLOT.at.owner);
      stalled.push({ slot, owner, generation, stalledMs });
    }
    return stalled;
  }

  #grow(): void {
    const capacity = this.#retired.length / 2;
    const grown = new Uint32Array(capacity * 4);
    for (let index = 0; index < this.#count; index++) {
      const at = ((this.#head + index) & (capacity - 1)) * 2;
      grown[index * 2] = this.#retired[at]!;
      grown[index * 2 + 1] = this.#retired[at + 1]!;
    }
    this.#retired = grown;
    this.#head = 0;
  }
}
