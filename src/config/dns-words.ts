import { CLASS, OPCODE } from '../dns/iana.ts';
import { argumentFault } from './line-reader.ts';
import { quoteText, type CorefileToken } from './corefile-token.ts';

/** The mnemonics a Corefile may name: the IANA registries as CoreDNS knows them. */
const TYPE_WORDS =
  'A 1 NS 2 MD 3 MF 4 CNAME 5 SOA 6 MB 7 MG 8 MR 9 NULL 10 PTR 12 HINFO 13 MINFO 14 MX 15 TXT 16 RP 17 AFSDB 18 X25 19 ' +
  'ISDN 20 RT 21 NSAP-PTR 23 SIG 24 KEY 25 PX 26 GPOS 27 AAAA 28 LOC 29 NXT 30 EID 31 NIMLOC 32 SRV 33 ATMA 34 NAPTR 35 ' +
  'KX 36 CERT 37 DNAME 39 OPT 41 APL 42 DS 43 SSHFP 44 IPSECKEY 45 RRSIG 46 NSEC 47 DNSKEY 48 DHCID 49 NSEC3 50 ' +
  'NSEC3PARAM 51 TLSA 52 SMIMEA 53 HIP 55 NINFO 56 RKEY 57 TALINK 58 CDS 59 CDNSKEY 60 OPENPGPKEY 61 CSYNC 62 ZONEMD 63 ' +
  'SVCB 64 HTTPS 65 SPF 99 UINFO 100 UID 101 GID 102 UNSPEC 103 NID 104 L32 105 L64 106 LP 107 EUI48 108 EUI64 109 ' +
  'NXNAME 128 TKEY 249 TSIG 250 IXFR 251 AXFR 252 MAILB 253 MAILA 254 ANY 255 URI 256 CAA 257 AVC 258 AMTRELAY 260 ' +
  'RESINFO 261 TA 32768 DLV 32769';

const RCODE_WORDS =
  'NOERROR 0 FORMERR 1 SERVFAIL 2 NXDOMAIN 3 NOTIMP 4 NOTIMPL 4 REFUSED 5 YXDOMAIN 6 YXRRSET 7 NXRRSET 8 NOTAUTH 9 ' +
  'NOTZONE 10 DSOTYPENI 11 BADSIG 16 BADVERS 16 BADKEY 17 BADTIME 18 BADMODE 19 BADNAME 20 BADALG 21 BADTRUNC 22 BADCOOKIE 23';

const TYPES = numbersOf(TYPE_WORDS);
const RCODES = numbersOf(RCODE_WORDS);
const CLASSES: ReadonlyMap<string, number> = new Map([...Object.entries(CLASS), ['CS', 2]]);
const OPCODES: ReadonlyMap<string, number> = new Map(
  (['QUERY', 'IQUERY', 'STATUS', 'NOTIFY', 'UPDATE'] as const).map((word) => [word, OPCODE[word]]),
);

/** `A` or `TYPE65280` (RFC 3597 §5), in capitals. */
export function parseType(text: string): number | undefined {
  const known = TYPES.get(text);
  if (known !== undefined) return known;
  const digits = /^TYPE(\d{1,5})$/.exec(text)?.[1];
  return digits !== undefined && Number(digits) <= 0xffff ? Number(digits) : undefined;
}

export function readType(token: CorefileToken, text = token.text): number {
  return readFrom(parseType(text), token, 'record type', 'such as A or AAAA, in capitals');
}

export function parseClass(text: string): number | undefined {
  return CLASSES.get(text);
}

export function readClass(token: CorefileToken, text = token.text): number {
  return readFrom(CLASSES.get(text), token, 'class', 'IN, CH, HS, NONE or ANY, in capitals');
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

function numbersOf(words: string): ReadonlyMap<string, number> {
  return new Map([...words.matchAll(/(\S+) (\d+)/g)].map(([, word, number]) => [word!, Number(number)]));
}
