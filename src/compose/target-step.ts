/** `rewrite cname`: a CNAME record of the response leads elsewhere, and what is there takes the place of what was behind it. */
import type { ComposedAnswerer } from '../answer/answerer-options.ts';
import { presentName } from '../answer/name-text.ts';
import { replaceTarget, type TargetRule } from '../answer/rewrite/rewrite-program.ts';
import { STEP_RESULT } from '../answer/steps/step-result.ts';
import { TYPE } from '../dns/iana.ts';
import { parseName } from '../dns/name.ts';
import type { SnapshotReader } from '../snapshot/reader.ts';
import { PROGRAM } from '../snapshot/snapshot-layout.ts';
import type { Lookups } from './lookups.ts';
import { DATA_AT, expandName, findAnswer, messageOf, MessageRecords } from './message-records.ts';

/** Targets that become others within one answer, as with CoreDNS; the next one stays as it is. */
const TARGETS_MAX = 9;

export class TargetStep {
  readonly #reader: SnapshotReader;
  /** names that the answer in the making has been at, in text form, lower-cased: a target became the next one */
  readonly #names: string[] = [];

  constructor(reader: SnapshotReader) {
    this.#reader = reader;
  }

  /** Another answer begins. */
  begin(): void {
    this.#names.length = 0;
  }

  /** @returns STEP_RESULT */
  answer(lookups: Lookups, answerer: ComposedAnswerer, programAt: number, stepAt: number, stepCount: number): number {
    const { query, response, targetRules } = answerer;
    const held = lookups.hold(answerer);
    const restAt = this.#reader.words[programAt + PROGRAM.at.rest]! * 2;
    const { qtype } = query;
    const result = lookups.first(answerer, 'cname', stepAt, stepCount, restAt);
    if (result !== STEP_RESULT.DONE || findAnswer(response, query.questionEnd, TYPE.CNAME) === 0) return result;
    const message = new MessageRecords(messageOf(response, query.questionEnd));
    const found = findTarget(message, targetRules);
    if (found === undefined || this.#names.length === TARGETS_MAX) return STEP_RESULT.DONE;
    const { plugin } = answerer;
    this.#names.push(textOf(held.octets));
    // It would go round.
    const isKnown = this.#names.includes(textOf(found.target));
    const asked = isKnown ? undefined : lookups.ask(answerer, 0, found.target, qtype);
    this.#names.pop();
    if (asked === 'pending') return STEP_RESULT.PENDING;
    answerer.plugin = plugin;
    if (asked === undefined) return STEP_RESULT.DONE;
    const { writer } = lookups;
    answerer.beginAnew(held);
    answerer.plugin = plugin;
    writer.begin(response, query);
    for (const [index, record] of message.answers.entries()) {
      if (index === found.index) {
        writer.addRetargeted(message, record, found.target);
        break;
      }
      if (record.type === TYPE.CNAME) writer.add(message, record);
    }
    for (const record of asked.answers) writer.add(asked, record);
    writer.addRest(asked);
    writer.end(asked);
    // It speaks of the first owner name (RFC 1035 §4.1.1).
    response.isAuthoritative = message.isAuthoritative;
    return STEP_RESULT.DONE;
  }
}

/** @param name  wire form, without pointers */
function textOf(name: Uint8Array): string {
  return presentName(name, 0).toLowerCase();
}

/** The first CNAME record that a rule is about. */
function findTarget(
  message: MessageRecords,
  rules: readonly TargetRule[],
): { readonly index: number; readonly target: Uint8Array } | undefined {
  for (const [index, { type, typeAt }] of message.answers.entries()) {
    if (type !== TYPE.CNAME) continue;
    const text = textOf(expandName(message.octets, typeAt + DATA_AT));
    for (const rule of rules.toReversed()) {
      const target = parseName(replaceTarget(rule, text) ?? '');
      if (target !== null && target.length > 1) return { index, target };
    }
  }
  return undefined;
}
