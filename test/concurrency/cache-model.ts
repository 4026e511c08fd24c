/**
 * A model of how the cache takes memory back (src/memory/grace-period.ts, src/cache/cache-writer.ts) and a search through all
 * of its executions, bounded by laps, readers and rounds. What it looks for, and why interleavings are enough, is said in
 * epoch-model.ts: a reader that sees another content than the slot it followed stands for, and a data race.
 *
 * One writer writes an entry plainly, links it, unlinks it, waits for the grace period, and writes over it. Readers store their
 * turn and generation, follow the slot, read the entry twice, and enter anew, or leave.
 */

/** One way to get the protocol wrong. */
export const CACHE_MUTANTS = [
  'no waiting at all',
  'turns noted before the entry is unlinked',
  'only readers that were idle are waited for',
  'linked before it is written',
  'slot followed before the turn is stored',
  'slot followed before the generation is stored',
  'left before the last read',
] as const;
export type CacheMutant = (typeof CACHE_MUTANTS)[number];

export interface CacheModelBounds {
  readonly laps: number;
  readonly readers: number;
  readonly rounds: number;
}

export interface CacheSearchResult {
  readonly states: number;
  /** undefined: none in any execution */
  readonly fault: string | undefined;
}

const READERS_MAX = 2;
const WRITER = READERS_MAX;
const THREADS = READERS_MAX + 1;
const IDLE = 0;

/** Shared words that are accessed atomically: the slot, then turns and generation of each reader. */
const SLOT = 0;
const ATOMICS = 1 + READERS_MAX * 2;
function turnsOf(reader: number): number {
  return 1 + reader * 2;
}
function generationOf(reader: number): number {
  return 2 + reader * 2;
}

/** A state is one Uint8Array. Offsets: */
const VALUE = 0; //                     per atomic
const RELEASED = VALUE + ATOMICS; //    per atomic: clock of the store it holds
const CLOCK = RELEASED + ATOMICS * THREADS;
const CONTENT = CLOCK + THREADS * THREADS; // of the entry: the lap that wrote it
const WRITTEN = CONTENT + 1; //         writer's clock at its last write
const READ = WRITTEN + 1; //            per reader: clock at its last read
const PC = READ + READERS_MAX; //       per thread
const ROUND = PC + THREADS; //          per thread: rounds, or laps, done
const HELD = ROUND + THREADS; //        per reader: the lap it followed, 0: none
const NOTED = HELD + READERS_MAX; //    writer: turns noted, per reader
const SEEN = NOTED + READERS_MAX; //    writer: reader it looks at
const SIZE = SEEN + 1;

type State = Uint8Array;

class Fault extends Error {}

type Operation = (state: State) => void;

export class CacheModel {
  readonly #bounds: CacheModelBounds;
  readonly #mutant: CacheMutant | undefined;

  constructor(bounds: CacheModelBounds, mutant?: CacheMutant) {
    this.#bounds = bounds;
    this.#mutant = mutant;
  }

  search(): CacheSearchResult {
    const initial = new Uint8Array(SIZE);
    for (let thread = 0; thread < THREADS; thread++) initial[CLOCK + thread * THREADS + thread] = 1;
    const visited = new Set<string>();
    const stack: State[] = [initial];
    try {
      for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
        const key = Buffer.from(state).toString('latin1');
        if (visited.has(key)) continue;
        visited.add(key);
        for (let thread = 0; thread < THREADS; thread++) {
          for (const operation of this.#next(state, thread)) {
            const next = state.slice();
            operation(next);
            stack.push(next);
          }
        }
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { states: visited.size, fault: error.message };
    }
    return { states: visited.size, fault: undefined };
  }

  /** What a thread may do next: one access, or one of two where it chooses. */
  #next(state: State, thread: number): readonly Operation[] {
    if (thread === WRITER) return this.#writerNext(state);
    return thread < this.#bounds.readers ? this.#readerNext(state, thread) : [];
  }

  #writerNext(state: State): readonly Operation[] {
    const lap = state[ROUND + WRITER]! + 1;
    if (lap > this.#bounds.laps) return [];
    const isEarlyLink = this.#mutant === 'linked before it is written';
    const isEarlyNote = this.#mutant === 'turns noted before the entry is unlinked';
    const write: Operation = (next) => writePlainly(next, lap);
    const link: Operation = (next) => store(next, WRITER, SLOT, lap);
    const unlink: Operation = (next) => store(next, WRITER, SLOT, 0);
    switch (state[PC + WRITER]) {
      case 0:
        return [then(isEarlyLink ? link : write, WRITER, 1)];
      case 1:
        return [then(isEarlyLink ? write : link, WRITER, isEarlyNote ? 3 : 2)];
      case 2:
        return [then(unlink, WRITER, isEarlyNote ? 4 : 3)];
      case 3:
        // begin(): the turns of one reader after the other.
        return [
          (next) => {
            const reader = next[SEEN]!;
            next[NOTED + reader] = load(next, WRITER, turnsOf(reader));
            advance(next, this.#bounds.readers, isEarlyNote ? 2 : 4);
          },
        ];
      case 4:
        if (this.#mutant === 'no waiting at all') return [(next) => finishLap(next)];
        // isOver(): one reader after the other; who still holds something is looked at again.
        return [
          (next) => {
            const reader = next[SEEN]!;
            if (load(next, WRITER, generationOf(reader)) === IDLE) advance(next, this.#bounds.readers, 6);
            else if (this.#mutant === 'only readers that were idle are waited for')
              advance(next, this.#bounds.readers, 6);
            else next[PC + WRITER] = 5;
          },
        ];
      case 5:
        return [
          (next) => {
            const reader = next[SEEN]!;
            if (load(next, WRITER, turnsOf(reader)) === next[NOTED + reader]) next[PC + WRITER] = 4;
            else advance(next, this.#bounds.readers, 6);
          },
        ];
      default:
        return [(next) => finishLap(next)];
    }
  }

  #readerNext(state: State, reader: number): readonly Operation[] {
    if (state[ROUND + reader]! >= this.#bounds.rounds && state[PC + reader] === 0) return [];
    const mutant = this.#mutant;
    const turn: Operation = (next) => store(next, reader, turnsOf(reader), next[VALUE + turnsOf(reader)]! + 1);
    const busy: Operation = (next) => store(next, reader, generationOf(reader), 1);
    const follow: Operation = (next) => {
      next[HELD + reader] = load(next, reader, SLOT);
    };
    const read: Operation = (next) => readPlainly(next, reader);
    const leave: Operation = (next) => store(next, reader, generationOf(reader), IDLE);
    const order: Operation[] = [turn, busy, follow];
    if (mutant === 'slot followed before the turn is stored') order.unshift(order.pop()!);
    if (mutant === 'slot followed before the generation is stored') order.splice(1, 2, follow, busy);
    order.push(read, ...(mutant === 'left before the last read' ? [leave, read] : [read, leave]));
    const pc = state[PC + reader]!;
    const isLast = pc === order.length - 1;
    const operations = [isLast ? endRound(order[pc]!, reader) : then(order[pc]!, reader, pc + 1)];
    // Another batch follows at once: the reader enters anew without leaving.
    if (isLast && order[pc] === leave) operations.push(endRound(() => undefined, reader));
    return operations;
  }
}

function then(operation: Operation, thread: number, pc: number): Operation {
  return (next) => {
    operation(next);
    next[PC + thread] = pc;
  };
}

function endRound(operation: Operation, reader: number): Operation {
  return (next) => {
    operation(next);
    next[HELD + reader] = 0;
    next[PC + reader] = 0;
    next[ROUND + reader]!++;
  };
}

function advance(state: State, readers: number, pc: number): void {
  state[SEEN]!++;
  if (state[SEEN]! < readers) {
    if (pc === 6) state[PC + WRITER] = 4;
    return;
  }
  state[SEEN] = 0;
  state[PC + WRITER] = pc;
}

function finishLap(state: State): void {
  state[ROUND + WRITER]!++;
  state[PC + WRITER] = 0;
}

function store(state: State, thread: number, location: number, value: number): void {
  state[VALUE + location] = value;
  for (let other = 0; other < THREADS; other++) {
    state[RELEASED + location * THREADS + other] = state[CLOCK + thread * THREADS + other]!;
  }
  state[CLOCK + thread * THREADS + thread]!++;
}

function load(state: State, thread: number, location: number): number {
  for (let other = 0; other < THREADS; other++) {
    const at = CLOCK + thread * THREADS + other;
    state[at] = Math.max(state[at]!, state[RELEASED + location * THREADS + other]!);
  }
  return state[VALUE + location]!;
}

function writePlainly(state: State, lap: number): void {
  for (let reader = 0; reader < READERS_MAX; reader++) {
    if (state[READ + reader]! > state[CLOCK + WRITER * THREADS + reader]!) throw new Fault('a race with a read');
  }
  state[CONTENT] = lap;
  state[WRITTEN] = state[CLOCK + WRITER * THREADS + WRITER]!;
}

function readPlainly(state: State, reader: number): void {
  const held = state[HELD + reader]!;
  if (held === 0) return;
  if (state[WRITTEN]! > state[CLOCK + reader * THREADS + WRITER]!) throw new Fault('a race with a write');
  if (state[CONTENT] !== held) throw new Fault(`an entry of lap ${held} reads as one of lap ${state[CONTENT]}`);
  state[READ + reader] = state[CLOCK + reader * THREADS + reader]!;
}
