/**
 * A model of the epoch protocol (src/memory/epochs.ts) and a search through all of its executions, bounded by the
 * number of publications, readers and rounds.
 *
 * One writer publishes roots, each a block it has written plainly, retires the block before, and takes freed blocks
 * again. Readers enter, read the block of the root they got, plainly, and leave. Every step is one access to shared
 * memory; the search tries each order of the steps of all threads. It looks for two faults:
 *
 * - a *freed octet*: a reader sees another content than the root it holds stands for;
 * - a *data race*: two plain accesses to a block, one of them a write, that are not ordered by happens-before. That
 *   order is kept with vector clocks and comes from the atomics alone: a load is ordered after the store it reads from
 *   (synchronizes-with), and a thread's steps are ordered among themselves.
 *
 * Why interleavings are enough although processors and compilers reorder plain accesses: the search covers all
 * sequentially consistent executions of the bounded program. The ECMAScript memory model promises that a program with
 * no data race in any of those has no other executions (SC-DRF; it holds since ES2020, Watt et al., PLDI 2020). So a
 * reordering that could be seen shows itself here as a race. Sequence locks, which race by design, would fail.
 *
 * Generations are the real u32 numbers around the wrap, 0 left out.
 */

/** One way to get the protocol wrong. */
export const MUTANTS = {
  'root loaded before the slot is stored': true,
  'generation stored before the root': true,
  'freed at once': true,
  'leave before the last read': true,
  'retired under the generation before': true,
  'generations compared without wrap-around': true,
  'generation 0 before the first publication': true,
  'leave without release': true,
  'root stored without release': true,
  'slot of a living reader cleared': true,
  'block written after the root is stored': true,
} as const;
export type Mutant = keyof typeof MUTANTS;

export interface ModelBounds {
  readonly publications: number;
  readonly readers: number;
  readonly rounds: number;
  readonly blocks: number;
}

export interface SearchResult {
  readonly states: number;
  /** undefined: none in any execution */
  readonly fault: string | undefined;
  /** steps that lead to the fault */
  readonly trace: readonly string[];
}

const GENERATIONS = [0xffff_fffe, 0xffff_ffff, 1, 2, 3, 4, 5, 6];
const IDLE = 0;
const THREADS_MAX = 3;
const BLOCKS_MAX = 4;
const WRITER = 0;

/** Values of atomics are small: index into GENERATIONS plus 1, block plus 1. */
const ROOT = 0;
const GENERATION = 1;
const SLOTS = 2;
const LOCATIONS_MAX = SLOTS + THREADS_MAX - 1;

/** A state is one Uint8Array, so that copying and comparing it is cheap. Offsets: */
const VALUE = 0; //                            per location
const VALUE_STAMP = VALUE + LOCATIONS_MAX; //  of ROOT: content its block had when it was published
const RELEASED = VALUE_STAMP + 1; //           per location: clock of the store it holds
const CLOCK = RELEASED + LOCATIONS_MAX * THREADS_MAX;
const CONTENT = CLOCK + THREADS_MAX * THREADS_MAX; // per block
const WRITTEN = CONTENT + BLOCKS_MAX; //       per block: writer's clock at its last write
const READ = WRITTEN + BLOCKS_MAX; //          per block and thread: clock at its last read
const PC = READ + BLOCKS_MAX * THREADS_MAX; // per thread
const DEAD = PC + THREADS_MAX; //              per thread: 1 dead, 2 its slot is cleared
const ROUND = DEAD + THREADS_MAX; //           per thread
const HELD = ROUND + THREADS_MAX; //           per reader: root it holds (block plus 1)
const HELD_STAMP = HELD + THREADS_MAX;
const SEEN = HELD_STAMP + THREADS_MAX; //      per reader: generation it loaded
const CURRENT = SEEN + THREADS_MAX; //         writer: block of the current root plus 1
const NEXT = CURRENT + 1; //                   writer: block being published plus 1
const RETIRED = NEXT + 1; //                   writer: per block: tag (generation index plus 1), 0 not retired
const FREE = RETIRED + BLOCKS_MAX; //          writer: per block
const BLOCKED = FREE + BLOCKS_MAX; //          writer: per block: some slot seen in this scan forbids it
const STATE_SIZE = BLOCKED + BLOCKS_MAX;

type State = Uint8Array;

class ModelFault extends Error {}

export class EpochModel {
  readonly #bounds: ModelBounds;
  readonly #mutant: Mutant | undefined;
  readonly #isWithDeath: boolean;

  constructor(bounds: ModelBounds, options: { readonly mutant?: Mutant; readonly isWithDeath?: boolean } = {}) {
    this.#bounds = bounds;
    this.#mutant = options.mutant;
    this.#isWithDeath = options.isWithDeath ?? false;
  }

  /** Depth first through every reachable state, each once. */
  search(): SearchResult {
    const visited = new Set<string>();
    const initial = this.#initial();
    const stack: { readonly state: State; readonly from: number; readonly step: string }[] = [];
    const path: { readonly parent: number; readonly step: string }[] = [];
    stack.push({ state: initial, from: -1, step: '' });
    while (stack.length > 0) {
      const { state, from, step } = stack.pop()!;
      const key = Buffer.from(state).toString('latin1');
      if (visited.has(key)) continue;
      visited.add(key);
      const at = path.push({ parent: from, step }) - 1;
      for (let thread = 0; thread <= this.#bounds.readers; thread++) {
        for (const choice of [0, 1]) {
          const next = state.slice();
          try {
            const name = this.#step(next, thread, choice);
            if (name !== undefined) stack.push({ state: next, from: at, step: `${threadName(thread)}: ${name}` });
          } catch (error) {
            if (!(error instanceof ModelFault)) throw error;
            const trace = [error.message];
            for (let index = at; index >= 0; index = path[index]!.parent) trace.push(path[index]!.step);
            return { states: visited.size, fault: error.message, trace: trace.reverse() };
          }
        }
      }
    }
    return { states: visited.size, fault: undefined, trace: [] };
  }

  #initial(): State {
    const state = new Uint8Array(STATE_SIZE);
    state[VALUE + GENERATION] = this.#mutant === 'generation 0 before the first publication' ? IDLE : 1;
    for (let thread = 0; thread < THREADS_MAX; thread++) state[CLOCK + thread * THREADS_MAX + thread] = 1;
    for (let block = 0; block < this.#bounds.blocks; block++) state[FREE + block] = 1;
    return state;
  }

  /** Let a thread take its next step, in place. @returns what it did, undefined if it can't or there is no choice 1 */
  #step(state: State, thread: number, choice: number): string | undefined {
    if (thread === WRITER) return choice === 0 ? this.#writerStep(state) : this.#clearSlot(state);
    if (state[DEAD + thread] !== 0) return undefined;
    if (choice === 1) {
      // Only the last reader may be killed: one is enough, and the search stays small.
      if (!this.#isWithDeath || thread !== this.#bounds.readers) return undefined;
      state[DEAD + thread] = 1;
      return 'killed';
    }
    return this.#readerStep(state, thread);
  }

  // — the writer: EpochWriter.publish, retire, reclaim —

  #writerStep(state: State): string | undefined {
    const order = this.#writerOrder();
    const pc = state[PC]!;
    if (pc < order.length) return this.#publishStep(state, order[pc]!, pc + 1 === order.length);
    const slot = pc - order.length;
    if (slot < this.#bounds.readers) return this.#scanStep(state, slot);
    return undefined;
  }

  #writerOrder(): readonly ('pick' | 'write' | 'root' | 'generation')[] {
    if (this.#mutant === 'generation stored before the root') return ['pick', 'write', 'generation', 'root'];
    if (this.#mutant === 'block written after the root is stored') return ['pick', 'root', 'write', 'generation'];
    return ['pick', 'write', 'root', 'generation'];
  }

  #publishStep(state: State, step: 'pick' | 'write' | 'root' | 'generation', isLast: boolean): string | undefined {
    let name: string = step;
    if (step === 'pick') {
      if (state[ROUND] === this.#bounds.publications) return undefined;
      let block = 0;
      while (block < this.#bounds.blocks && state[FREE + block] === 0) block++;
      if (block === this.#bounds.blocks) {
        this.#beginScan(state);
        return 'buffer full: look at the readers';
      }
      state[FREE + block] = 0;
      state[NEXT] = block + 1;
      name = `take block ${block}`;
    } else if (step === 'write') {
      this.#plainWrite(state, state[NEXT]! - 1, state[ROUND]! + 1);
    } else if (step === 'root') {
      this.#store(state, WRITER, ROOT, state[NEXT]!, this.#mutant !== 'root stored without release');
      state[VALUE_STAMP] = state[ROUND]! + 1;
    } else {
      this.#store(state, WRITER, GENERATION, state[VALUE + GENERATION]! + 1, true);
    }
    state[PC]!++;
    if (isLast) this.#retire(state);
    return name;
  }

  #retire(state: State): void {
    const old = state[CURRENT]!;
    state[CURRENT] = state[NEXT]!;
    state[NEXT] = 0;
    state[ROUND]!++;
    if (old !== 0) {
      if (this.#mutant === 'freed at once') state[FREE + old - 1] = 1;
      else {
        const isTooOld = this.#mutant === 'retired under the generation before';
        state[RETIRED + old - 1] = state[VALUE + GENERATION]! - (isTooOld ? 1 : 0);
      }
    }
    this.#beginScan(state);
  }

  #beginScan(state: State): void {
    state[PC] = this.#writerOrder().length;
    state.fill(0, BLOCKED, BLOCKED + BLOCKS_MAX);
  }

  #scanStep(state: State, slot: number): string {
    const seen = this.#load(state, WRITER, SLOTS + slot);
    for (let block = 0; block < this.#bounds.blocks; block++) {
      const tag = state[RETIRED + block]!;
      if (tag !== 0 && seen !== IDLE && !this.#isAtLeast(seen, tag)) state[BLOCKED + block] = 1;
    }
    state[PC]!++;
    if (slot + 1 === this.#bounds.readers) {
      for (let block = 0; block < this.#bounds.blocks; block++) {
        if (state[RETIRED + block] === 0 || state[BLOCKED + block] !== 0) continue;
        state[RETIRED + block] = 0;
        state[FREE + block] = 1;
      }
      state.fill(0, BLOCKED, BLOCKED + BLOCKS_MAX);
      state[PC] = 0;
    }
    return `look at slot ${slot}`;
  }

  /** Is generation `a` the same as `b` or newer? Both as index into GENERATIONS plus 1. */
  #isAtLeast(a: number, b: number): boolean {
    const generationA = GENERATIONS[a - 1]!;
    const generationB = GENERATIONS[b - 1]!;
    if (this.#mutant === 'generations compared without wrap-around') return generationA >= generationB;
    return ((generationA - generationB) | 0) >= 0;
  }

  /** EpochWriter.releaseSlot of the last reader, between two other steps of the writer. */
  #clearSlot(state: State): string | undefined {
    const thread = this.#bounds.readers;
    if (state[DEAD + thread] === 2 || !this.#isWithDeath) return undefined;
    if (this.#mutant === 'slot of a living reader cleared') {
      if (state[VALUE + SLOTS + thread - 1] === IDLE) return undefined;
    } else {
      if (state[DEAD + thread] !== 1) return undefined;
      state[DEAD + thread] = 2;
      // The thread's end is seen by an event that comes after all it did.
      this.#join(state, CLOCK + WRITER * THREADS_MAX, CLOCK + thread * THREADS_MAX);
    }
    this.#store(state, WRITER, SLOTS + thread - 1, IDLE, true);
    return 'clear the slot';
  }

  // — a reader: EpochReader.enter, the reads of a batch, leave —

  #readerStep(state: State, thread: number): string | undefined {
    if (state[ROUND + thread] === this.#bounds.rounds) return undefined;
    const order = this.#readerOrder();
    const pc = state[PC + thread]!;
    const step = order[pc]!;
    const slot = SLOTS + thread - 1;
    if (step === 'generation') {
      state[SEEN + thread] = this.#load(state, thread, GENERATION);
    } else if (step === 'slot') {
      this.#store(state, thread, slot, state[SEEN + thread]!, true);
    } else if (step === 'root') {
      state[HELD + thread] = this.#load(state, thread, ROOT);
      state[HELD_STAMP + thread] = state[VALUE_STAMP]!;
    } else if (step === 'read') {
      const held = state[HELD + thread]!;
      if (held !== 0) this.#plainRead(state, thread, held - 1, state[HELD_STAMP + thread]!);
    } else {
      this.#store(state, thread, slot, IDLE, this.#mutant !== 'leave without release');
    }
    state[PC + thread] = pc + 1 === order.length ? 0 : pc + 1;
    if (pc + 1 === order.length) {
      state[ROUND + thread]!++;
      // What a reader knew before does not matter any more: fewer states.
      state[HELD + thread] = 0;
      state[HELD_STAMP + thread] = 0;
      state[SEEN + thread] = 0;
    }
    return step;
  }

  #readerOrder(): readonly ('generation' | 'slot' | 'root' | 'read' | 'leave')[] {
    if (this.#mutant === 'root loaded before the slot is stored') {
      return ['generation', 'root', 'slot', 'read', 'read', 'leave'];
    }
    if (this.#mutant === 'leave before the last read') return ['generation', 'slot', 'root', 'read', 'leave', 'read'];
    return ['generation', 'slot', 'root', 'read', 'read', 'leave'];
  }

  // — memory —

  #store(state: State, thread: number, location: number, value: number, isRelease: boolean): void {
    state[VALUE + location] = value;
    const released = RELEASED + location * THREADS_MAX;
    const clock = CLOCK + thread * THREADS_MAX;
    for (let other = 0; other < THREADS_MAX; other++) {
      state[released + other] = isRelease ? state[clock + other]! : 0;
    }
    state[clock + thread]!++;
  }

  #load(state: State, thread: number, location: number): number {
    this.#join(state, CLOCK + thread * THREADS_MAX, RELEASED + location * THREADS_MAX);
    return state[VALUE + location]!;
  }

  #join(state: State, clock: number, other: number): void {
    for (let thread = 0; thread < THREADS_MAX; thread++) {
      if (state[other + thread]! > state[clock + thread]!) state[clock + thread] = state[other + thread]!;
    }
  }

  #plainWrite(state: State, block: number, content: number): void {
    for (let thread = 1; thread <= this.#bounds.readers; thread++) {
      const read = state[READ + block * THREADS_MAX + thread]!;
      if (read > state[CLOCK + WRITER * THREADS_MAX + thread]!) {
        throw new ModelFault(`race: block ${block} is written, ${threadName(thread)} read it without order`);
      }
    }
    state[CONTENT + block] = content;
    state[WRITTEN + block] = state[CLOCK + WRITER * THREADS_MAX + WRITER]!;
  }

  #plainRead(state: State, thread: number, block: number, expected: number): void {
    if (state[WRITTEN + block]! > state[CLOCK + thread * THREADS_MAX + WRITER]!) {
      throw new ModelFault(`race: ${threadName(thread)} reads block ${block}, which was written without order`);
    }
    if (state[CONTENT + block] !== expected) {
      throw new ModelFault(`freed: ${threadName(thread)} reads ${state[CONTENT + block]} for ${expected}`);
    }
    state[READ + block * THREADS_MAX + thread] = state[CLOCK + thread * THREADS_MAX + thread]!;
  }
}

function threadName(thread: number): string {
  return thread === WRITER ? 'writer' : `reader ${thread}`;
}
