/**
 * A model of the hand-off rings (src/forward/handoff-ring.ts) and a search through all of its executions: one ring with a
 * thread that writes frames and one that reads them, and the doorbell the reader sleeps on. Either may be killed at any
 * step; a successor starts with what shared memory says.
 *
 * Every step is one access to shared memory, or one to a word of the ring. The search tries each order of the steps and
 * looks for these faults:
 *
 * - a *data race*: a word of the ring is written and read, or written twice, without happens-before in between (vector
 *   clocks, as in epoch-model.ts; without one, SC-DRF says that there are no other executions than those searched). A
 *   successor is ordered after its predecessor: main starts it when that one is gone;
 * - a *wrong frame*: the reader sees words that are not those of the next frame;
 * - a *lost frame*: the writer is done, frames are published, and the reader sleeps.
 */

/** One way to get the protocol wrong. */
export const HANDOFF_MUTANTS = {
  'tail stored before the frame is written': true,
  'head stored before the frame is read': true,
  'one word more than there is room for': true,
  'tail stored without release': true,
  'head stored without release': true,
  'doorbell looked at after the ring': true,
  'doorbell rung before the tail is stored': true,
  'a successor writes from the start': true,
  'a successor reads from the tail': true,
} as const;
export type HandoffMutant = keyof typeof HANDOFF_MUTANTS;

export interface HandoffBounds {
  /** frames that are written: sizes in words, each at least 1 */
  readonly frames: readonly number[];
  /** words of the ring, a power of two */
  readonly ringWords: number;
  /** times the writer, and the reader, may be killed */
  readonly writerDeaths: number;
  readonly readerDeaths: number;
}

export interface HandoffSearch {
  readonly states: number;
  readonly fault: string | undefined;
  readonly trace: readonly string[];
  /** whether some execution got all frames through */
  readonly isFinished: boolean;
}

const WRITER = 0;
const READER = 1;
const TAIL = 0;
const HEAD = 1;
const BELL = 2;

/** Everything a step may change; small numbers, so that a state has one text. */
interface State {
  /** atomics and the clocks released with them */
  value: [tail: number, head: number, bell: number];
  released: [number[], number[], number[]];
  clock: [writer: number[], reader: number[]];
  /** by word of the ring: content (frame * 10 + index), clocks of the last write and the last read */
  word: { content: number; written: number; read: number }[];
  writer: Writer;
  reader: Reader;
  isAsleep: boolean;
}

interface Writer {
  pc: 'load tail' | 'load head' | 'room' | 'word' | 'tail' | 'bell' | 'done';
  tail: number;
  head: number;
  frame: number;
  index: number;
  deaths: number;
}

interface Reader {
  pc: 'load head' | 'bell' | 'tail' | 'word' | 'head' | 'sleep';
  head: number;
  tail: number;
  bell: number;
  /** the next frame that has not been read to its end, and the word of it that is next */
  frame: number;
  index: number;
  /** frames whose place was given back: what a successor goes by */
  released: number;
  deaths: number;
}

class ModelFault extends Error {}

export class HandoffModel {
  readonly #bounds: HandoffBounds;
  readonly #mutant: HandoffMutant | undefined;

  constructor(bounds: HandoffBounds, mutant?: HandoffMutant) {
    this.#bounds = bounds;
    this.#mutant = mutant;
  }

  search(): HandoffSearch {
    const visited = new Set<string>();
    const path: { readonly parent: number; readonly step: string }[] = [];
    const stack = [{ state: this.#initial(), from: -1, step: '' }];
    let isFinished = false;
    const trace = (at: number, last: string): string[] => {
      const steps = [last];
      for (let index = at; index >= 0; index = path[index]!.parent) steps.push(path[index]!.step);
      return steps.reverse();
    };
    for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
      const { state, from, step } = item;
      const key = JSON.stringify(state);
      if (visited.has(key)) continue;
      visited.add(key);
      const at = path.push({ parent: from, step }) - 1;
      let hasNext = false;
      for (const move of this.#moves(state)) {
        const next = structuredCloneOf(state);
        try {
          stack.push({ state: next, from: at, step: move(next) });
          hasNext = true;
        } catch (error) {
          if (!(error instanceof ModelFault)) throw error;
          return { states: visited.size, fault: error.message, trace: trace(at, error.message), isFinished };
        }
      }
      if (hasNext) continue;
      if (state.reader.released < this.#bounds.frames.length) {
        const fault = 'lost: the reader sleeps before frames that are published';
        return { states: visited.size, fault, trace: trace(at, fault), isFinished };
      }
      isFinished = true;
    }
    return { states: visited.size, fault: undefined, trace: [], isFinished };
  }

  #initial(): State {
    return {
      value: [0, 0, 0],
      released: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      clock: [
        [1, 0],
        [0, 1],
      ],
      word: Array.from({ length: this.#bounds.ringWords }, () => ({ content: -1, written: 0, read: 0 })),
      writer: { pc: 'load tail', tail: 0, head: 0, frame: 0, index: 0, deaths: 0 },
      reader: { pc: 'load head', head: 0, tail: 0, bell: 0, frame: 0, index: 0, released: 0, deaths: 0 },
      isAsleep: false,
    };
  }

  /** What can happen next; each changes the state it is given and says what it was. */
  #moves(state: State): ((next: State) => string)[] {
    const moves: ((next: State) => string)[] = [];
    if (state.writer.pc !== 'done') moves.push((next) => `writer: ${this.#writerStep(next)}`);
    if (!state.isAsleep) moves.push((next) => `reader: ${this.#readerStep(next)}`);
    if (state.writer.deaths < this.#bounds.writerDeaths && state.writer.pc !== 'done') {
      moves.push((next) => this.#killWriter(next));
    }
    if (state.reader.deaths < this.#bounds.readerDeaths) moves.push((next) => this.#killReader(next));
    return moves;
  }

  // — the writer: HandoffWriter.write, Doorbell.ring —

  #writerStep(state: State): string {
    const { writer } = state;
    const { pc } = writer;
    const size = this.#bounds.frames[writer.frame] ?? 0;
    switch (pc) {
      case 'load tail':
        writer.tail = this.#load(state, WRITER, TAIL);
        if (this.#mutant === 'a successor writes from the start' && writer.deaths > 0) writer.tail = 0;
        writer.pc = 'load head';
        break;
      case 'load head':
        writer.head = this.#load(state, WRITER, HEAD);
        writer.pc = 'room';
        break;
      case 'room': {
        const slack = this.#mutant === 'one word more than there is room for' ? 1 : 0;
        const hasRoom = this.#bounds.ringWords + slack - (writer.tail - writer.head) >= size;
        writer.index = 0;
        writer.pc = !hasRoom ? 'load head' : this.#isTailFirst ? 'tail' : 'word';
        break;
      }
      case 'word':
        this.#write(
          state,
          writer.tail + writer.index - (this.#isTailFirst ? size : 0),
          writer.frame * 10 + writer.index,
        );
        if (++writer.index === size) writer.pc = this.#isTailFirst ? 'bell' : this.#isBellFirst ? 'bell' : 'tail';
        break;
      case 'tail':
        writer.tail += size;
        this.#store(state, WRITER, TAIL, writer.tail, this.#mutant !== 'tail stored without release');
        writer.pc = this.#isTailFirst ? 'word' : this.#isBellFirst ? this.#afterFrame(writer) : 'bell';
        break;
      case 'bell':
        this.#store(state, WRITER, BELL, state.value[BELL] + 1, true);
        state.isAsleep = false;
        writer.pc = this.#isBellFirst ? 'tail' : this.#afterFrame(writer);
        break;
      case 'done':
        break;
    }
    return `${pc} (frame ${writer.frame})`;
  }

  get #isTailFirst(): boolean {
    return this.#mutant === 'tail stored before the frame is written';
  }

  get #isBellFirst(): boolean {
    return this.#mutant === 'doorbell rung before the tail is stored';
  }

  #afterFrame(writer: Writer): Writer['pc'] {
    writer.frame++;
    return writer.frame === this.#bounds.frames.length ? 'done' : 'room';
  }

  /** Its successor writes what was not published; one that starts rings once. */
  #killWriter(state: State): string {
    const { writer } = state;
    let published = 0;
    for (let words = 0; words < state.value[TAIL]; published++) words += this.#bounds.frames[published]!;
    state.writer = { pc: 'load tail', tail: 0, head: 0, frame: published, index: 0, deaths: writer.deaths + 1 };
    // Nothing is left to write: what was published before the bell could ring waits for the next bell.
    if (published === this.#bounds.frames.length) state.writer.pc = 'done';
    if (state.writer.pc === 'done') {
      this.#store(state, WRITER, BELL, state.value[BELL] + 1, true);
      state.isAsleep = false;
    }
    return 'the writer is killed';
  }

  // — the reader: HandoffService.run, HandoffReader.read, release —

  #readerStep(state: State): string {
    const { reader } = state;
    const { pc } = reader;
    const isBellLate = this.#mutant === 'doorbell looked at after the ring';
    const size = this.#bounds.frames[reader.frame] ?? 0;
    switch (pc) {
      case 'load head':
        reader.head = this.#load(state, READER, HEAD);
        if (this.#mutant === 'a successor reads from the tail' && reader.deaths > 0) {
          reader.head = this.#load(state, READER, TAIL);
        }
        reader.pc = isBellLate ? 'tail' : 'bell';
        break;
      case 'bell':
        reader.bell = this.#load(state, READER, BELL);
        reader.pc = isBellLate ? 'sleep' : 'tail';
        break;
      case 'tail':
        reader.tail = this.#load(state, READER, TAIL);
        reader.index = 0;
        if (reader.tail === reader.head) reader.pc = isBellLate ? 'bell' : 'sleep';
        else reader.pc = this.#isHeadFirst ? 'head' : 'word';
        break;
      case 'word': {
        const expected = reader.frame * 10 + reader.index;
        this.#read(state, reader.head + reader.index - (this.#isHeadFirst ? size : 0), expected);
        if (++reader.index === size) reader.pc = this.#isHeadFirst ? this.#afterRead(reader, isBellLate) : 'head';
        break;
      }
      case 'head':
        reader.head += size;
        this.#store(state, READER, HEAD, reader.head, this.#mutant !== 'head stored without release');
        reader.released++;
        reader.pc = this.#isHeadFirst ? 'word' : this.#afterRead(reader, isBellLate);
        break;
      case 'sleep':
        // Compared and put to sleep in one step, as Atomics.waitAsync does.
        if (this.#load(state, READER, BELL) === reader.bell) state.isAsleep = true;
        reader.pc = isBellLate ? 'tail' : 'bell';
        break;
    }
    return `${pc} (frame ${reader.frame})`;
  }

  get #isHeadFirst(): boolean {
    return this.#mutant === 'head stored before the frame is read';
  }

  #afterRead(reader: Reader, isBellLate: boolean): Reader['pc'] {
    reader.frame++;
    reader.index = 0;
    if (reader.head !== reader.tail) return this.#isHeadFirst ? 'head' : 'word';
    return isBellLate ? 'tail' : 'bell';
  }

  #killReader(state: State): string {
    const { released, deaths } = state.reader;
    state.reader = {
      pc: 'load head',
      head: 0,
      tail: 0,
      bell: 0,
      frame: released,
      index: 0,
      released,
      deaths: deaths + 1,
    };
    state.isAsleep = false;
    return 'the reader is killed';
  }

  // — memory —

  #store(state: State, thread: number, location: number, value: number, isRelease: boolean): void {
    state.value[location] = value;
    const clock = state.clock[thread]!;
    state.released[location] = isRelease ? [...clock] : [0, 0];
    clock[thread]!++;
  }

  #load(state: State, thread: number, location: number): number {
    const clock = state.clock[thread]!;
    for (const [index, time] of state.released[location]!.entries()) clock[index] = Math.max(clock[index]!, time);
    return state.value[location]!;
  }

  #write(state: State, position: number, content: number): void {
    const word = state.word[position & (this.#bounds.ringWords - 1)]!;
    if (word.read > state.clock[WRITER]![READER]!)
      throw new ModelFault('race: a word is written that may be being read');
    word.content = content;
    word.written = state.clock[WRITER]![WRITER]!;
  }

  #read(state: State, position: number, expected: number): void {
    const word = state.word[position & (this.#bounds.ringWords - 1)]!;
    if (word.written > state.clock[READER]![WRITER]!)
      throw new ModelFault('race: a word is read that may be being written');
    if (word.content !== expected) throw new ModelFault(`wrong: ${word.content} is read for ${expected}`);
    word.read = state.clock[READER]![READER]!;
  }
}

function structuredCloneOf(state: State): State {
  return {
    value: [...state.value],
    released: [[...state.released[0]], [...state.released[1]], [...state.released[2]]],
    clock: [[...state.clock[0]], [...state.clock[1]]],
    word: state.word.map((word) => ({ ...word })),
    writer: { ...state.writer },
    reader: { ...state.reader },
    isAsleep: state.isAsleep,
  };
}
