/** Questions, the answers they are owed, and how a response is held against them. */
import { differences, type Expected } from '../oracle/expected.ts';
import { endsWith, parseName } from '../wire/names.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';

const UDP_SIZE = 4096;

export interface Question {
  /** presentation form with trailing dot */
  readonly qname: string;
  readonly qtype: number;
  /** for messages */
  readonly line: string;
  /** why CoreDNS's answer is another */
  readonly kept?: string | undefined;
}

export interface OwedAnswer {
  readonly question: Question;
  readonly expected: Expected;
}

export function queryOf({ qname, qtype }: Question): Uint8Array {
  return buildQuery({ name: qname, type: qtype, edns: { udpSize: UDP_SIZE } });
}

/**
 * What is wrong with a response; nothing: empty.
 *
 * @param zones  those that the server has
 */
export function answerFaults(
  response: Uint8Array | undefined,
  { question: { qname, qtype }, expected }: OwedAnswer,
  zones: readonly string[],
): string[] {
  if (response === undefined) return ['no response'];
  const name = parseName(qname);
  const zone = zones
    .map(parseName)
    .filter((one) => endsWith(name, one))
    .toSorted((a, b) => b.length - a.length)[0];
  const written = zone === undefined ? undefined : name.slice(name.length - zone.length);
  try {
    return differences(decodeStrictly(response), expected, { name: qname, type: qtype }, written);
  } catch (error) {
    return [`${(error as Error).message}: ${Buffer.from(response).toString('hex')}`];
  }
}
