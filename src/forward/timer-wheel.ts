/**
 * Deadlines of transactions: a ring of lists, one a tick. Setting, moving and clearing one costs the same few stores
 * whatever its time is, and all arrays exist from the start.
 */

/** Resolution of a deadline. */
export const TICK_MS = 10;
/** Ticks of the ring: 5.12 s, more than any deadline lies ahead. */
const RING_SIZE = 512;
const RING_MASK = RING_SIZE - 1;

/** The tick a time lies in. Ticks wrap at 2^31, after 248 days: they are compared by their difference. */
export function tickOf(timeMs: number): number {
  return (timeMs / TICK_MS) | 0;
}

/** The first tick that begins at or after a time. */
export function deadlineTickOf(timeMs: number): number {
  return Math.ceil(timeMs / TICK_MS) | 0;
}

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

  /**
   * Set the deadline of an item. Times are ticks, small integers, because a time in milliseconds would be boxed for each
   * call.
   *
   * @param deadlineTick  of deadlineTickOf; further ahead than the ring reaches is as far as it reaches
   * @param nowTick       of tickOf
   */
  set(item: number, deadlineTick: number, nowTick: number): void {
    if (this.#place[item] !== 0) this.clear(item);
    if (this.#count === 0) this.#tick = nowTick;
    let ahead = (deadlineTick - this.#tick) | 0;
    if (ahead < 1) ahead = 1;
    else if (ahead >= RING_SIZE) ahead = RING_SIZE - 1;
    const tick = this.#tick + ahead;
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
  takeDue(nowTick: number): number {
    if (this.#count === 0) return 0;
    while (((nowTick - this.#tick) | 0) > 0) {
      const item = this.#heads[(this.#tick + 1) & RING_MASK]!;
      if (item !== 0) {
        this.clear(item);
        return item;
      }
      this.#tick = (this.#tick + 1) | 0;
      if (this.#count === 0) return 0;
    }
    return 0;
  }

  /** How long until the next deadline, at most `maxMs`. */
  waitMs(nowMs: number, maxMs: number): number {
    if (this.#count === 0) return maxMs;
    const late = (tickOf(nowMs) - this.#tick) | 0;
    const end = late + Math.ceil(maxMs / TICK_MS);
    for (let ahead = 1; ahead <= end && ahead < RING_SIZE; ahead++) {
      if (this.#heads[(this.#tick + ahead) & RING_MASK] === 0) continue;
      const waitMs = (ahead - late) * TICK_MS - Math.floor(nowMs % TICK_MS);
      return waitMs <= 0 ? 0 : waitMs < maxMs ? waitMs : maxMs;
    }
    return maxMs;
  }
}
