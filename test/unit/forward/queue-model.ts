/** A shard that shares its CPU, and the kernel's queue before it: how many of the server's own names are answered? */
import { ADMITTED_ALL, type Admission } from '../../../src/forward/admission.ts';

const BATCH_MAX = 64;
const WINDOW_MS = 20;
/** What a query takes of the CPU, µs. */
const OWN_US = 4;
const ASKED_US = 16;
const REFUSED_US = 2;

export interface ModelLoad {
  /** queries a second */
  readonly own: number;
  readonly others: number;
  readonly seconds: number;
}

export interface ModelShard {
  /** datagrams that the queue takes */
  readonly room: number;
  /** the shard runs for so long, then something else does, ms */
  readonly onMs: number;
  readonly offMs: number;
}

export interface ModelResult {
  readonly ownShare: number;
  readonly asked: number;
  readonly refused: number;
  readonly dropped: number;
  readonly longestWaitMs: number;
}

export class QueueModel {
  readonly #admission: Admission;
  readonly #shard: ModelShard;
  /** when each came, negative: a question for an upstream */
  readonly #queue: number[] = [];
  #nowMs = 1;
  #sent = { own: 0, others: 0 };
  #lost = 0;
  #asked = 0;
  #refused = 0;
  #dropped = 0;
  #longestWaitMs = 0;
  #turn = 0;

  constructor(admission: Admission, shard: ModelShard) {
    this.#admission = admission;
    this.#shard = shard;
  }

  run({ own, others, seconds }: ModelLoad): ModelResult {
    const { room, onMs, offMs } = this.#shard;
    const startMs = this.#nowMs;
    let [windowMs, windowQueries, windowDrops] = [startMs, 0, 0];
    this.#sent = { own: 0, others: 0 };
    this.#lost = this.#asked = this.#refused = this.#dropped = this.#longestWaitMs = 0;
    const arrive = (): void => {
      const isDue = (kind: 'own' | 'others', rate: number): boolean =>
        this.#sent[kind] < ((this.#nowMs - startMs) / 1000) * rate;
      while (isDue('own', own) || isDue('others', others)) {
        const kind = isDue('own', own) && this.#sent.own * others <= this.#sent.others * own ? 'own' : 'others';
        const chosen = isDue(kind, kind === 'own' ? own : others) ? kind : kind === 'own' ? 'others' : 'own';
        this.#sent[chosen]++;
        const cameMs = startMs + (this.#sent[chosen] * 1000) / (chosen === 'own' ? own : others);
        if (this.#queue.length < room) {
          this.#queue.push(chosen === 'own' ? cameMs : -cameMs);
          continue;
        }
        windowDrops++;
        if (chosen === 'own') this.#lost++;
      }
    };
    while (this.#nowMs < startMs + seconds * 1000) {
      arrive();
      windowQueries += this.#serve(room);
      if (this.#nowMs - windowMs >= WINDOW_MS) {
        this.#admission.endWindow(windowQueries, windowDrops);
        this.#dropped += windowDrops;
        [windowMs, windowQueries, windowDrops] = [this.#nowMs, 0, 0];
      }
      if (this.#nowMs % (onMs + offMs) >= onMs) this.#nowMs += offMs;
    }
    return {
      ownShare: 1 - this.#lost / this.#sent.own,
      asked: this.#asked,
      refused: this.#refused,
      dropped: this.#dropped + windowDrops,
      longestWaitMs: this.#longestWaitMs,
    };
  }

  /** One turn. @returns queries taken */
  #serve(room: number): number {
    const admission = this.#admission;
    const batch = this.#queue.splice(0, BATCH_MAX);
    if (batch.length < BATCH_MAX) admission.rest();
    else admission.look(this.#queue.length / room, this.#nowMs);
    for (const cameMs of batch) {
      if (cameMs > 0) {
        this.#nowMs += OWN_US / 1000;
        this.#longestWaitMs = Math.max(this.#longestWaitMs, this.#nowMs - cameMs);
        continue;
      }
      admission.asked++;
      this.#turn = (this.#turn + 37) % ADMITTED_ALL;
      const isTaken = this.#turn < admission.admitted;
      if (isTaken) this.#asked++;
      else this.#refused++;
      this.#nowMs += (isTaken ? ASKED_US : REFUSED_US) / 1000;
    }
    if (batch.length === 0) this.#nowMs += 0.05;
    return batch.length;
  }
}
