/** What the frames of the hand-off stress test hold, and what its threads share. */

/** Words of the control buffer. */
export const HANDOFF_CONTROL = { STOP: 0, WRITTEN: 1, READ: 2, FAULTS: 3, WORDS: 4 } as const;

export interface HandoffWorkerData {
  readonly buffer: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly role: 'writer' | 'reader';
}

/** Octets of a frame's message, 0: it says that there is none. Some are as large as a message can be. */
export function sizeOf(number: number): number {
  const hash = Math.imul(number + 1, 0x9e3779b1) >>> 8;
  if (hash % 19 === 0) return 0;
  return hash % 97 === 0 ? 65_535 - (hash % 5) : 1 + (hash % 700);
}

export function octetOf(number: number, index: number): number {
  return (Math.imul(number, 31) + Math.imul(index, 7)) & 0xff;
}
