/**
 * Deadlines of transactions: a ring of lists, one a tick. Setting, moving and clearing one costs the same few stores
 * whatever its time is, and all arrays exist from the start.
 */

/** Resolution of a deadline. */
export const TICK_MS = 10;
/** Ticks of the ring: 5.12 s, more than any deadline lies ahead. */
const RING_SIZE = 512;
const RING_MASK = RING_SIZE - 1;
/** No deadline may lie further ahead than this. */
export const AHEAD_MAX_MS: number = (RING_SIZE - 2) * TICK_MS;

export class TimerWheel {
  /** by tick: the first item of its list, 0: none */
  readonly #heads = new Uint16Array(RING_SIZE);
  readonly #next: Uint16Array;
  readonly #previous: Uint16Array;
  /** place in the ring + 1; 0: no deadline */
  readonly #place: Uint16Array;
  /** last tick whose items were handed out */
  #tick = 0;
  #count = 0;

  /** @param itemMax  items are numbered from 1 to this */
  constructor(itemMax: number) {
    this.#next = new Uint16Array(itemMax + 1);
    this.#previous = new Uint16Array(itemMax + 1);
    this.#place = new Uint16Array(itemMax + 1);
  }

  /** Set the deadline of an item; it is handed out within a tick after it. */
  set(item: number, deadlineMs: number, nowMs: number): void {
    if (this.#place[item] !== 0) this.clear(item);
    if (this.#count === 0) this.#tick = Math.floor(nowMs / TICK_MS);
    let tick = Math.ceil(deadlineMs / TICK_MS);
    if (tick <= this.#tick) tick = this.#tick + 1;
    else if (tick >= this.#tick + RING_SIZE) tick = this.#tick + RING_SIZE - 1;
    const place = tick & RING_MASK;
    const head = this.#heads[place]!;
    this.#next[item] = head;
    this.#previous[item] = 0;
    if (head !== 0) this.#previous[head] = item;
    this.#heads[place] = item;
    this.#place[item] = place + 1;
    this.#count++;
  }

  clear(item: number): void {
    const place = this.#place[item]!;
    if (place === 0) return;
    const next = this.#next[item]!;
    const previous = this.#previous[item]!;
    if (next !== 0) this.#previous[next] = previous;
    if (previous !== 0) this.#next[previous] = next;
    else this.#heads[place - 1] = next;
    this.#place[item] = 0;
    this.#count--;
  }

  /**
   * Take out one item whose deadline is over.
   *
   * @returns 0 when there is none left
   */
  takeDue(nowMs: number): number {
    if (this.#count === 0) return 0;
    const nowTick = Math.floor(nowMs / TICK_MS);
    while (this.#tick < nowTick) {
      const item = this.#heads[(this.#tick + 1) & RING_MASK]!;
      if (item !== 0) {
        this.clear(item);
        return item;
      }
      this.#tick++;
      if (this.#count === 0) return 0;
    }
    return 0;
  }

  /** How long until the next deadline, at most `maxMs`. */
  waitMs(nowMs: number, maxMs: number): number {
    if (this.#count === 0) return maxMs;
    const nowTick = Math.floor(nowMs / TICK_MS);
    const end = nowTick + Math.ceil(maxMs / TICK_MS);
    for (let tick = this.#tick + 1; tick <= end; tick++) {
      if (this.#heads[tick & RING_MASK] === 0) continue;
      const wait = Math.ceil(tick * TICK_MS - nowMs);
      return wait <= 0 ? 0 : wait < maxMs ? wait : maxMs;
    }
    return maxMs;
  }
}
