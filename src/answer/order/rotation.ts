import { POLICY_FLAG } from '../../snapshot/snapshot-layout.ts';

/**
 * Round robin of address records: each answer starts at another one. Xorshift, so that no state is shared by threads.
 */
export class Rotation {
  /** never 0 */
  private state: number;
  private isOn = false;

  /** @param seed  any number */
  constructor(seed: number) {
    this.state = seed | 1;
  }

  /** @param policyFlags  POLICY_FLAG bits of the server block */
  setPolicy(policyFlags: number): void {
    this.isOn = (policyFlags & POLICY_FLAG.ROTATE) !== 0;
  }

  /** Index of the record to begin with, 0 … count - 1. */
  start(count: number): number {
    if (count < 2 || !this.isOn) return 0;
    let state = this.state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return (state >>> 0) % count;
  }
}
