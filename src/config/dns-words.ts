/** Words of DNS in a Corefile: classes, types, rcodes. */
import { OPCODE } from '../dns/iana.ts';
import { numbersOf, parseClass, parseType } from '../dns/records/record-words.ts';
import { argumentFault } from './corefile/line-reader.ts';
import { quoteText, type CorefileToken } from './corefile/corefile-token.ts';

/** The mnemonics a Corefile may name: the IANA registries as CoreDNS knows them. */
const RCODE_WORDS =
  'NOERROR 0 FORMERR 1 SERVFAIL 2 NXDOMAIN 3 NOTIMP 4 NOTIMPL 4 REFUSED 5 YXDOMAIN 6 YXRRSET 7 NXRRSET 8 NOTAUTH 9 ' +
  'NOTZONE 10 DSOTYPENI 11 BADSIG 16 BADVERS 16 BADKEY 17 BADTIME 18 BADMODE 19 BADNAME 20 BADALG 21 BADTRUNC 22 BADCOOKIE 23';

const RCODES = numbersOf(RCODE_WORDS);
const OPCODES: ReadonlyMap<string, number> = new Map(
  (['QUERY', 'IQUERY', 'STATUS', 'NOTIFY', 'UPDATE'] as const).map((word) => [word, OPCODE[word]]),
);

export function readType(token: CorefileToken, text = token.text): number {
  return readFrom(parseType(text), token, 'record type', 'such as A or AAAA, in capitals');
}

export function readClass(token: CorefileToken, text = token.text): number {
  return readFrom(parseClass(text), token, 'class', 'IN, CH, HS, NONE or ANY, in capitals');
}

export function readRcode(token: CorefileToken, text = token.text): number {
  return readFrom(RCODES.get(text), token, 'rcode', 'such as NXDOMAIN');
}

export function readOpcode(token: CorefileToken): number {
  return readFrom(OPCODES.get(token.text), token, 'opcode', [...OPCODES.keys()].join(', '));
}

function readFrom(value: number | undefined, token: CorefileToken, what: string, expected: string): number {
  if (value === undefined)
    throw argumentFault(token, `${quoteText(token.text)} is not a valid ${what}, expected ${expected}`);
  return value;
}
