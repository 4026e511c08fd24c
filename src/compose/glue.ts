/** The addresses of an SRV target that is elsewhere, in the additional section, as whoever asks for it does next. */
import type { ComposedAnswerer } from '../answer/answerer-options.ts';
import { SECTION } from '../answer/response.ts';
import { STEP_RESULT } from '../answer/steps/step-result.ts';
import { RCODE, TYPE } from '../dns/iana.ts';
import type { Lookups } from './lookups.ts';
import { expandName, messageOf, type MessageRecord, MessageRecords } from './message-records.ts';

interface Glue {
  readonly message: MessageRecords;
  readonly records: readonly MessageRecord[];
}

/** @returns STEP_RESULT: DONE or PENDING */
export function addGlue(lookups: Lookups, answerer: ComposedAnswerer): number {
  const { query, response, plugin } = answerer;
  if (response.isTruncated) return STEP_RESULT.DONE;
  const target = expandName(response.bytes, response.messageAt + response.followOffset);
  const held = lookups.hold(answerer);
  const whole = new MessageRecords(messageOf(response, query.questionEnd));
  const families: Glue[] = [];
  for (const qtype of [TYPE.A, TYPE.AAAA]) {
    const asked = lookups.ask(answerer, 0, target, qtype);
    if (asked === 'pending') return STEP_RESULT.PENDING;
    // Nobody who asks waits for what fails twice.
    if (asked === undefined || asked.rcode === RCODE.SERVFAIL) break;
    families.push({ message: asked, records: glueOf(asked, families) });
  }
  const { writer } = lookups;
  // All addresses of a family, or none of them.
  for (let count = families.length; count >= 0; count--) {
    answerer.beginAnew(held);
    writer.begin(response, query);
    for (const record of whole.records) writer.add(whole, record);
    for (const { message, records } of families.slice(0, count)) {
      for (const record of records) writer.add(message, { ...record, section: SECTION.ADDITIONAL });
    }
    if (!writer.isFull) break;
  }
  writer.end(whole);
  answerer.plugin = plugin;
  return STEP_RESULT.DONE;
}

/** The CNAME records that lead to addresses of both families are there once. */
function glueOf({ answers }: MessageRecords, before: readonly Glue[]): MessageRecord[] {
  const hasAliases = before.some(({ records }) => records.some(({ type }) => type === TYPE.CNAME));
  return answers.filter(({ type }) => type !== TYPE.CNAME || !hasAliases);
}
