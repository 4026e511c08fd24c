/** Programs of steps in the form in which this thread runs them, made once of what the snapshot says. */
import type { SnapshotReader } from '../snapshot/reader.ts';
import { PROGRAM } from '../snapshot/snapshot-layout.ts';

/** More than any configuration has; what is left over from earlier ones goes when it is reached. */
const PROGRAMS_MAX = 4096;

/** What a high word counts. `2 ** 32` where it is used would call the C library's pow each time. */
const HIGH_WORD = 0x1_0000_0000;

export class Programs<Program> {
  readonly #reader: SnapshotReader;
  readonly #parse: (text: Uint8Array) => Program;
  /** by number, which no other program ever has */
  readonly #programs = new Map<number, Program>();

  /** @param parse  of the JSON that the snapshot holds */
  constructor(reader: SnapshotReader, parse: (text: Uint8Array) => Program) {
    this.#reader = reader;
    this.#parse = parse;
  }

  /** @param programAt  word index of the PROGRAM */
  at(programAt: number): Program {
    const { words } = this.#reader;
    const number = words[programAt + PROGRAM.at.idLow]! + words[programAt + PROGRAM.at.idHigh]! * HIGH_WORD;
    let program = this.#programs.get(number);
    if (program === undefined) {
      program = this.#parse(octetsAt(words, programAt + PROGRAM.at.text, words[programAt + PROGRAM.at.size]!));
      if (this.#programs.size === PROGRAMS_MAX) this.#programs.clear();
      this.#programs.set(number, program);
    }
    return program;
  }
}

/** Octets that lie in the snapshot as key words. @param at  index of the first word */
export function octetsAt(words: Uint32Array, at: number, size: number): Uint8Array {
  const octets = new Uint8Array(size);
  for (let index = 0; index < size; index++) octets[index] = (words[at + (index >>> 2)]! >>> ((index & 3) << 3)) & 0xff;
  return octets;
}
