/** What a question is owed, in presentation form, and how a decoded response is held against it. */
import { RCODE, TYPE, typeName } from '../../src/dns/iana.ts';
import type { DecodedMessage, DecodedRecord } from '../wire/strict-message.ts';
import { endsWith, formatName, leftOf, lowerAscii, parseName, type Labels } from '../wire/names.ts';

/** Records as `owner ttl TYPE rdata`; names without regard to letter case; sets without order. */
export interface Expected {
  readonly rcode: keyof typeof RCODE;
  readonly aa: boolean;
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  /** the reference leaves it open: property tests do not ask it */
  readonly unclear?: string;
}

/** The SOA serial changes with the clock: it is read as `*`. */
export function formatRecord(record: DecodedRecord): string {
  const rdata = record.type === TYPE.SOA ? record.rdata.replace(/^(\S+ \S+) \d+ /, '$1 * ') : record.rdata;
  return `${formatName(record.owner)} ${record.ttlSeconds} ${typeName(record.type)} ${rdata}`;
}

/**
 * Differences between a response and what is owed, one sentence each; empty: none.
 *
 * @param question  name as the client wrote it
 * @param zone      the zone that serves it, undefined if none
 */
export function differences(
  response: DecodedMessage,
  expected: Expected,
  question: { readonly name: string; readonly type: number },
  zone: Labels | undefined,
): string[] {
  const found: string[] = [];
  const say = (what: string, got: unknown, wanted: unknown) => {
    if (got !== wanted) found.push(`${what}: got ${String(got)}, wanted ${String(wanted)}`);
  };
  say('QR', response.qr, true);
  say('opcode', response.opcode, 0);
  say('rcode', rcodeText(response.rcode), expected.rcode);
  say('RA', response.ra, false);
  say('AD', response.ad, false);
  say('Z', response.z, false);
  say('question count', response.questions.length, 1);
  const asked = response.questions[0];
  if (asked !== undefined) {
    say('question', formatName(asked.name), formatName(parseName(question.name)));
    say('question type', asked.type, question.type);
  }
  // A failed resolution may show what it found on the way.
  if (expected.rcode === 'SERVFAIL') return found;
  say('AA', response.aa, expected.aa);
  say('TC', response.tc, false);
  compareSection(found, 'answer', response.answer, expected.answer);
  compareSection(found, 'authority', response.authority, expected.authority);
  compareSection(found, 'additional', response.additional, expected.additional);
  if (response.answer[0] !== undefined) {
    say('first owner', formatName(response.answer[0].owner), formatName(parseName(question.name)));
  }
  checkChain(found, response.answer);
  if (zone !== undefined) checkZoneCase(found, response, question.name, zone);
  return found;
}

/** A CNAME stands before the records of its target. */
function checkChain(found: string[], answer: readonly DecodedRecord[]): void {
  for (const [i, record] of answer.entries()) {
    if (record.type !== TYPE.CNAME || answer[i + 1] === undefined) continue;
    const next = lowerAscii(formatName(answer[i + 1]!.owner));
    if (next !== lowerAscii(record.rdata)) found.push(`chain: ${record.rdata} is followed by ${next}`);
  }
}

/**
 * Names in the zone that was asked repeat the zone as the client wrote it (kubernetes-records.md section 3), except in
 * PTR and CNAME targets, and what follows a CNAME, which are as configured or as the object says.
 */
function checkZoneCase(found: string[], response: DecodedMessage, question: string, zone: Labels): void {
  if (response.answer.some((record) => record.type === TYPE.CNAME || record.type === TYPE.PTR)) return;
  const asked = parseName(question);
  const written = formatName(asked.slice(asked.length - zone.length));
  for (const record of [...response.answer, ...response.authority, ...response.additional]) {
    for (const name of [record.owner, ...record.targets]) {
      if (!endsWith(name, zone)) continue;
      const own = formatName(name.slice(leftOf(name, zone).length));
      if (own !== written) found.push(`zone of ${formatName(name)} is not written ${written}`);
    }
  }
}

function compareSection(
  found: string[],
  section: string,
  got: readonly DecodedRecord[],
  wanted: readonly string[],
): void {
  const gotLines = got.map((record) => lowerAscii(formatRecord(record))).toSorted();
  const wantedLines = wanted.map(lowerAscii).toSorted();
  for (const line of wantedLines) if (!gotLines.includes(line)) found.push(`${section} lacks ${line}`);
  for (const line of gotLines) if (!wantedLines.includes(line)) found.push(`${section} has ${line}`);
  if (gotLines.length !== wantedLines.length) found.push(`${section}: ${gotLines.length} records`);
}

export function rcodeText(rcode: number): string {
  return Object.entries(RCODE).find(([, number]) => number === rcode)?.[0] ?? String(rcode);
}
