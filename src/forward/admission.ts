/**
 * What part of the questions for upstreams is taken up. All of them, until the kernel drops datagrams because a shard can't
 * keep up: then fewer, so that what is dropped is not what the server could have answered itself. A question for an upstream
 * costs several times as much as an answer of one's own.
 */

/** Parts of the whole; all of them are taken up at this. */
export const ADMITTED_ALL = 64;
/** With less of a window's queries than this part for the server's own data, there is nothing to protect. */
const OWN_SHARE_MIN = 1 / 50;

export class Admission {
  /** of ADMITTED_ALL */
  admitted: number = ADMITTED_ALL;
  /** questions for upstreams in this window, taken up or not */
  asked = 0;

  /**
   * A window is over.
   *
   * @param queries  all there were in it
   * @param drops    datagrams that the kernel dropped in it
   */
  endWindow(queries: number, drops: number): void {
    const own = queries - this.asked;
    this.asked = 0;
    if (drops === 0) {
      if (this.admitted < ADMITTED_ALL) this.admitted++;
      return;
    }
    if (own >= queries * OWN_SHARE_MIN) this.admitted = Math.max(1, (this.admitted * 3) >> 2);
    else if (this.admitted < ADMITTED_ALL) this.admitted++;
  }
}
