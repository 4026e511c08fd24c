/**
 * What part of the questions for upstreams is taken up. All of them, until queries queue because a shard can't keep up: then
 * fewer, so that what the kernel drops in the end is not what the server could have answered itself. A question for an upstream
 * costs several times as much as an answer of one's own.
 *
 * The part follows from how long the queue is now: with a long one hardly any are taken up, it gets shorter, and more are again. So it
 * settles where what is taken up is what can be, and all is as before when the queue is short again. What is a long queue follows
 * from what was lost: where the room is too small for what comes while a shard has no CPU, any queue is.
 */

/** Parts of the whole; all of them are taken up at this. */
export const ADMITTED_ALL = 64;
/**
 * All are taken up where the queue is no fuller than this: a shard that had no CPU for a moment finds what has come meanwhile, and
 * the kernel's figure is up to a quarter of the room too large.
 */
const FILL_LOW = 1 / 4;
/** At this and above hardly any are; the rest of the room is for what comes while a shard has no CPU. */
const FILL_HIGH = 1 / 2;
/** A queue that was never empty for so long counts as one that takes all the room: what waits, waits too long. */
const STANDING_MAX_MS = 400;
/** What the two limits become in a window with losses, the least they become, and what they get back in a window without, parts of them. */
const SHORTENED = 1 / 2;
const TOLERANCE_MIN = 1 / 64;
const TOLERANCE_STEP = 1 / 64;
/** With less of the queries than this part for the server's own data, there is nothing to protect. */
const OWN_SHARE_MIN = 1 / 50;
/** What is left of a window's figures in the next. */
const REMEMBERED = 1 / 2;

export class Admission {
  /** of ADMITTED_ALL */
  admitted: number = ADMITTED_ALL;
  /** questions for upstreams in this window, taken up or not */
  asked = 0;
  /** what part of the limits counts */
  #tolerance = 1;
  #queries = 0;
  #asked = 0;
  #hasOwn = false;
  /** since when something waits, ms; -1: nothing does */
  #standingFromMs = -1;

  /** whether it is of use to know how full the queue is */
  get isOfUse(): boolean {
    return this.#hasOwn && this.asked + this.#asked > 0;
  }

  /** Nothing waits. */
  rest(): void {
    this.admitted = ADMITTED_ALL;
    this.#standingFromMs = -1;
  }

  /**
   * There is more than could be taken at once.
   *
   * @param fill  what part of the room for queries that wait is taken; 0 where that is not known
   */
  look(fill: number, nowMs: number): void {
    if (this.#standingFromMs < 0) this.#standingFromMs = nowMs;
    const standing = (nowMs - this.#standingFromMs) / STANDING_MAX_MS;
    const pressure = fill > standing ? fill : standing;
    const low = FILL_LOW * this.#tolerance;
    if (pressure <= low || !this.#hasOwn) {
      this.admitted = ADMITTED_ALL;
    } else {
      const high = FILL_HIGH * this.#tolerance;
      // Never none: it has to be known whether upstreams answer.
      this.admitted = pressure >= high ? 1 : Math.ceil(((high - pressure) / (high - low)) * ADMITTED_ALL);
    }
  }

  /**
   * A window is over.
   *
   * @param queries  all there were in it
   * @param drops    datagrams that the kernel dropped in it
   */
  endWindow(queries: number, drops: number): void {
    this.#queries = this.#queries * REMEMBERED + queries;
    this.#asked = this.#asked * REMEMBERED + this.asked;
    this.asked = 0;
    // Less than one in a while: doubles have no end to this.
    if (this.#queries < 1) this.#queries = this.#asked = 0;
    this.#hasOwn = this.#queries - this.#asked > this.#queries * OWN_SHARE_MIN;
    if (drops === 0) this.#tolerance = Math.min(1, this.#tolerance + TOLERANCE_STEP);
    else if (this.#hasOwn) this.#tolerance = Math.max(TOLERANCE_MIN, this.#tolerance * SHORTENED);
  }
}
