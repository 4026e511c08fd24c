import { rcodeName, typeName } from '../../src/dns/iana.ts';
import { formatName } from '../wire/names.ts';
import type { DecodedMessage } from '../wire/strict-message.ts';

/** A question `NAME TYPE` and the lines of its response. */
export interface Lookup {
  readonly question: string;
  readonly lines: readonly string[];
}

/** The table of zone-lookups.ts: a question a line, indented below it its response. */
export function parseLookups(text: string): Lookup[] {
  const lookups: { question: string; lines: string[] }[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('  ')) lookups.at(-1)!.lines.push(line.slice(2));
    else if (line !== '') lookups.push({ question: line, lines: [] });
  }
  return lookups;
}

/** A response as the table has it. */
export function linesOf(message: DecodedMessage): string[] {
  const lines = [`${rcodeName(message.rcode)}${message.aa ? ' aa' : ''}${message.tc ? ' tc' : ''}`];
  for (const section of ['answer', 'authority', 'additional'] as const) {
    const records = message[section].map(
      ({ owner, ttlSeconds, type, rdata }) =>
        `${section} ${formatName(owner).toLowerCase()} ${ttlSeconds} ${typeName(type)} ${rdata.toLowerCase()}`,
    );
    lines.push(...(section === 'answer' ? records : records.sort()));
  }
  return lines;
}
