/** What a step that makes answers of others may ask for. */
import type { ComposedAnswerer, HeldQuestion } from '../answer/answerer-options.ts';
import type { MessageRecords } from './message-records.ts';
import type { ResponseComposer } from './response-composer.ts';

/** What a question of an answer in the making leads to; undefined: it is not asked, for there were too many. */
export type Asked = MessageRecords | 'pending' | undefined;

/** What the steps use. */
export interface Lookups {
  readonly writer: ResponseComposer;
  /** the answer in the making is part of the translation of addresses: what it asks is not translated */
  isTranslating: boolean;
  /** no plugin answered what `first` or `ask` ran last: it failed */
  readonly isFailed: boolean;

  /** A place for the question in hand, kept until the step is done. */
  hold(answerer: ComposedAnswerer): HeldQuestion;

  /**
   * What the steps behind this one answer to the question in hand.
   *
   * @param restAt  LISTENER block of those steps: word index, where the question may be another than the client's
   * @returns STEP_RESULT; the response is written in place if it is DONE
   */
  first(answerer: ComposedAnswerer, name: string, stepAt: number, stepCount: number, restAt: number): number;

  /**
   * Ask another question for the answer in hand.
   *
   * @param tableAt  LISTENER block whose routes answer it: word index, 0: the whole server
   * @param name     wire form
   */
  ask(answerer: ComposedAnswerer, tableAt: number, name: Uint8Array, qtype: number): Asked;

  /** Count it once the client has its response. */
  count(what: number, scope: number): void;
}
