/**
 * Answers that are made of others: what the steps behind a step answer, and then, if need be, what other questions are answered.
 *
 *   step ─► what is behind it, in place ─► enough? ─► another question: an answerer of its own ─► a response out of both
 *                                                           └ has to be asked upstream: the query is kept, and answered
 *                                                             again from the start when that response is there
 *
 * Answered again, a query takes the same way: responses that it had are known by what names their questions, so each question
 * is asked once. Snapshot and configuration may be others by then. One object a thread, made by the first query that needs it.
 */
import { assert } from '../base/assert.ts';
import { Answerer, ANSWER_PENDING, ANSWER_WITHHELD, ROLE } from '../answer/answerer.ts';
import type {
  AnswererOptions,
  ComposedAnswerer,
  Composer,
  Continuation,
  HeldQuestion,
} from '../answer/answerer-options.ts';
import { STEP_RESULT } from '../answer/steps/step-result.ts';
import { CLASS, TYPE } from '../dns/iana.ts';
import {
  AD,
  ARCOUNT_AT,
  CD,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  NAME_SIZE_MAX,
  OPT_SIZE,
  QDCOUNT_AT,
  RD,
} from '../dns/wire-header.ts';
import { QUERY_ERROR } from '../observability/queries/query-error.ts';
import type { SnapshotReader } from '../snapshot/reader.ts';
import { STEP } from '../snapshot/snapshot-layout.ts';
import { AutopathStep } from './autopath-step.ts';
import { Composition, type InnerResponse } from './composition.ts';
import { addGlue } from './glue.ts';
import type { Asked, Lookups } from './lookups.ts';
import { MessageRecords } from './message-records.ts';
import { ResponseComposer } from './response-composer.ts';
import { TargetStep } from './target-step.ts';
import { TranslationStep } from './translation-step.ts';

/** Questions of one answer: more than any chain of steps asks unless it is a loop. */
const QUESTIONS_MAX = 64;
/** Answers within answers: nine CNAME targets that become others, and what stands around them. */
const DEPTH_MAX = 12;

const MESSAGE_AT = 64;
const MESSAGE_CAPACITY = 65_535 + 9;
const UDP_SIZE = 0xffff;

export class ThreadComposer implements Composer, Lookups {
  readonly writer = new ResponseComposer();
  isTranslating = false;
  isFailed = false;

  readonly #options: AnswererOptions;
  readonly #reader: SnapshotReader;
  readonly #autopath: AutopathStep;
  readonly #translation: TranslationStep;
  readonly #targets: TargetStep;
  /** by depth: who answers questions of answers in the making */
  readonly #answerers: Answerer[] = [];
  /** answers clients again */
  #again: Answerer | undefined = undefined;
  #resumed: Composition | undefined = undefined;
  readonly #resume = (composition: Composition): number => this.#answerAgain(composition);

  /** of the answer in the making: who answers the client */
  #root: ComposedAnswerer | undefined = undefined;
  #known: Map<string, InnerResponse> | undefined = undefined;
  /** what names the questions of the answer in hand begins with this */
  #path = '';
  #awaited = '';
  #depth = 0;
  #questionCount = 0;
  readonly #held: HeldQuestion[] = [];
  #heldCount = 0;
  /** what to count, and for which scope */
  readonly #counted: { readonly what: number; readonly scope: number }[] = [];

  constructor(options: AnswererOptions, reader: SnapshotReader) {
    this.#options = options;
    this.#reader = reader;
    this.#autopath = new AutopathStep(reader);
    this.#translation = new TranslationStep(reader);
    this.#targets = new TargetStep(reader);
  }

  answer(
    answerer: ComposedAnswerer,
    step: number,
    programAt: number,
    flags: number,
    stepAt: number,
    stepCount: number,
  ): number {
    return this.#compose(answerer, () => {
      if (step === STEP.AUTOPATH) return this.#autopath.answer(this, answerer, programAt, flags, stepAt, stepCount);
      if (step === STEP.REWRITE) return this.#targets.answer(this, answerer, programAt, stepAt, stepCount);
      return this.#translation.answer(this, answerer, step, programAt, stepAt, stepCount);
    });
  }

  addGlue(answerer: ComposedAnswerer): number {
    return this.#compose(answerer, () => addGlue(this, answerer));
  }

  /** @param run  a step, of the client's answer or of one within it */
  #compose(answerer: ComposedAnswerer, run: () => number): number {
    const isOutermost = answerer.client.composing === undefined;
    if (isOutermost) this.#begin(answerer);
    const heldCount = this.#heldCount;
    const result = run();
    this.#heldCount = heldCount;
    if (isOutermost && result !== STEP_RESULT.NEXT) this.#end(result);
    if (isOutermost) answerer.client.composing = undefined;
    return result;
  }

  #begin(answerer: ComposedAnswerer): void {
    answerer.client.composing = this;
    this.#root = answerer;
    this.#known = this.#resumed?.known;
    this.#path = '';
    this.#awaited = '';
    this.#depth = 0;
    this.#questionCount = 0;
    this.#heldCount = 0;
    this.#counted.length = 0;
    this.isTranslating = false;
    this.#targets.begin();
  }

  #end(result: number): void {
    if (result === STEP_RESULT.PENDING) return;
    for (const { what, scope } of this.#counted) this.#options.counters.countComposed(scope, what);
  }

  count(what: number, scope: number): void {
    this.#counted.push({ what, scope });
  }

  hold(answerer: ComposedAnswerer): HeldQuestion {
    const index = this.#heldCount++;
    const held = (this.#held[index] ??= { octets: new Uint8Array(NAME_SIZE_MAX + 4), size: 0, rewriting: undefined });
    answerer.holdQuestion(held);
    return held;
  }

  first(answerer: ComposedAnswerer, name: string, stepAt: number, stepCount: number, restAt: number): number {
    const { client, query, response } = answerer;
    this.isFailed = false;
    const key = this.#path + name;
    let known = this.#known?.get(key);
    if (known === undefined && client.rewriting !== undefined) {
      // What comes back from upstream is the client's response, changed back: not what this step is to see.
      const asked = this.#ask(answerer, restAt, questionName(answerer), query.qtype, key);
      if (asked === 'pending') return STEP_RESULT.PENDING;
      known = asked;
    }
    if (known !== undefined) {
      this.isFailed = known.isFailed;
      answerer.plugin = known.plugin;
      const message = new MessageRecords(known.message);
      this.writer.begin(response, query);
      for (const record of message.records) this.writer.add(message, record);
      this.writer.end(message);
      return STEP_RESULT.DONE;
    }
    const outer = this.#awaited;
    this.#awaited = key;
    const result = answerer.answerBehind(stepAt, stepCount);
    if (result === STEP_RESULT.DONE) this.#awaited = outer;
    this.isFailed = client.error !== QUERY_ERROR.NONE;
    return result;
  }

  ask(answerer: ComposedAnswerer, tableAt: number, name: Uint8Array, qtype: number): Asked {
    const scope = tableAt === 0 ? '?' : '>';
    const key = `${this.#path}${scope}${qtype} ${Buffer.from(name).toString('latin1')}`;
    const known = this.#known?.get(key) ?? this.#ask(answerer, tableAt, name, qtype, key);
    if (known === undefined || known === 'pending') return known;
    answerer.plugin = known.plugin;
    this.isFailed = known.isFailed;
    return new MessageRecords(known.message);
  }

  #ask(
    answerer: ComposedAnswerer,
    tableAt: number,
    name: Uint8Array,
    qtype: number,
    key: string,
  ): InnerResponse | 'pending' | undefined {
    if (this.#depth === DEPTH_MAX || ++this.#questionCount > QUESTIONS_MAX) return undefined;
    const { isTranslating } = this;
    const path = this.#path;
    const awaited = this.#awaited;
    const inner = this.#answererAt(this.#depth++);
    const size = writeQuestion(inner.response.bytes, answerer, name, qtype);
    this.#path = `${key}\n`;
    this.#awaited = key;
    inner.joinBatch();
    const answered = inner.answerInner(tableAt, MESSAGE_AT, size, answerer.client);
    this.#depth--;
    this.#path = path;
    this.isTranslating = isTranslating;
    if (answered === ANSWER_PENDING) return 'pending';
    this.#awaited = awaited;
    // Who is not to have a response has none to this either.
    if (answered === ANSWER_WITHHELD) return undefined;
    const message = inner.response.bytes.slice(MESSAGE_AT, MESSAGE_AT + answered);
    const known = { message, plugin: inner.chain.plugin, isFailed: inner.client.error !== QUERY_ERROR.NONE };
    this.#known ??= new Map();
    this.#known.set(key, known);
    return known;
  }

  #answererAt(depth: number): Answerer {
    let answerer = this.#answerers[depth];
    if (answerer === undefined) {
      const { transfers: _, ...options } = this.#options;
      const arena = new ArrayBuffer(MESSAGE_AT + MESSAGE_CAPACITY);
      const own = { ...options, arena, messageCapacity: MESSAGE_CAPACITY };
      answerer = new Answerer(own, ROLE.ANSWER, this.#reader, this);
      this.#answerers[depth] = answerer;
    }
    return answerer;
  }

  suspend(): Continuation {
    const root = this.#root;
    assert(root !== undefined, 'an answer in the making has a client');
    const known = this.#known ?? new Map<string, InnerResponse>();
    const resumed = this.#resumed;
    if (resumed === undefined) return new Composition(root, known, this.#awaited, this.#resume);
    resumed.awaited = this.#awaited;
    return resumed;
  }

  /** @returns as Answerer.answer does */
  #answerAgain(composition: Composition): number {
    const { query, peer, peerPort, listener } = composition;
    this.#again ??= this.#createAgain();
    const answerer = this.#again;
    const { bytes } = answerer.response;
    bytes.set(peer, 0);
    bytes.set(query, MESSAGE_AT);
    answerer.opt.idleTimeoutUnits = composition.idleTimeoutUnits;
    answerer.client.proxyVector = composition.proxyVector;
    composition.octets = bytes;
    composition.messageAt = MESSAGE_AT;
    this.#resumed = composition;
    answerer.enterBatch();
    try {
      return composition.isStream
        ? answerer.answerStream(listener, MESSAGE_AT, query.length, 0, peer.length, peerPort)
        : answerer.answer(listener, MESSAGE_AT, query.length, 0, peer.length, peerPort);
    } finally {
      answerer.leaveBatch();
      this.#resumed = undefined;
    }
  }

  #createAgain(): Answerer {
    const { transfers: _, messageCapacity, ...options } = this.#options;
    const arena = new ArrayBuffer(MESSAGE_AT + Math.max(messageCapacity, MESSAGE_CAPACITY));
    return new Answerer({ ...options, arena, messageCapacity }, ROLE.CLIENT_AGAIN, this.#reader, this);
  }
}

/** Name of the question in hand, as it was written. */
export function questionName({ query, response }: ComposedAnswerer): Uint8Array {
  const at = response.messageAt + HEADER_SIZE;
  return response.bytes.slice(at, query.questionEnd - 4);
}

/** A query for an answer in the making, with what of the client's query counts for it. @returns its size */
function writeQuestion(octets: Uint8Array, answerer: ComposedAnswerer, name: Uint8Array, qtype: number): number {
  const { client, query, response } = answerer;
  const { bytes, messageAt } = response;
  const view = new DataView(octets.buffer);
  for (let index = 0; index < client.peerSize; index++) octets[index] = bytes[client.peerOffset + index]!;
  octets.fill(0, MESSAGE_AT, MESSAGE_AT + HEADER_SIZE);
  octets[MESSAGE_AT + FLAGS_HIGH_AT] = bytes[messageAt + FLAGS_HIGH_AT]! & RD;
  octets[MESSAGE_AT + FLAGS_LOW_AT] = bytes[messageAt + FLAGS_LOW_AT]! & (AD | CD);
  view.setUint16(MESSAGE_AT + QDCOUNT_AT, 1);
  let at = MESSAGE_AT + HEADER_SIZE;
  octets.set(name, at);
  at += name.length;
  view.setUint16(at, qtype);
  view.setUint16(at + 2, CLASS.IN);
  at += 4;
  if (query.hasEdns) {
    octets.fill(0, at, at + OPT_SIZE);
    view.setUint16(MESSAGE_AT + ARCOUNT_AT, 1);
    view.setUint16(at + 1, TYPE.OPT);
    view.setUint16(at + 3, UDP_SIZE);
    view.setUint32(at + 5, query.isDo << 15);
    at += OPT_SIZE;
  }
  return at - MESSAGE_AT;
}
