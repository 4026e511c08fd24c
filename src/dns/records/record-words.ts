/** The mnemonics of record types and classes: the IANA registries as CoreDNS knows them. */
import { CLASS } from '../iana.ts';

const TYPE_WORDS =
  'A 1 NS 2 MD 3 MF 4 CNAME 5 SOA 6 MB 7 MG 8 MR 9 NULL 10 PTR 12 HINFO 13 MINFO 14 MX 15 TXT 16 RP 17 AFSDB 18 X25 19 ' +
  'ISDN 20 RT 21 NSAP-PTR 23 SIG 24 KEY 25 PX 26 GPOS 27 AAAA 28 LOC 29 NXT 30 EID 31 NIMLOC 32 SRV 33 ATMA 34 NAPTR 35 ' +
  'KX 36 CERT 37 DNAME 39 OPT 41 APL 42 DS 43 SSHFP 44 IPSECKEY 45 RRSIG 46 NSEC 47 DNSKEY 48 DHCID 49 NSEC3 50 ' +
  'NSEC3PARAM 51 TLSA 52 SMIMEA 53 HIP 55 NINFO 56 RKEY 57 TALINK 58 CDS 59 CDNSKEY 60 OPENPGPKEY 61 CSYNC 62 ZONEMD 63 ' +
  'SVCB 64 HTTPS 65 SPF 99 UINFO 100 UID 101 GID 102 UNSPEC 103 NID 104 L32 105 L64 106 LP 107 EUI48 108 EUI64 109 ' +
  'NXNAME 128 TKEY 249 TSIG 250 IXFR 251 AXFR 252 MAILB 253 MAILA 254 ANY 255 URI 256 CAA 257 AVC 258 AMTRELAY 260 ' +
  'RESINFO 261 TA 32768 DLV 32769';

const TYPES = numbersOf(TYPE_WORDS);
const TYPE_NAMES: ReadonlyMap<number, string> = new Map([...TYPES].map(([word, number]) => [number, word]));
const CLASSES: ReadonlyMap<string, number> = new Map([...Object.entries(CLASS), ['CS', 2]]);

/** `A` or `TYPE65280` (RFC 3597 §5), in capitals. */
export function parseType(text: string): number | undefined {
  const known = TYPES.get(text);
  if (known !== undefined) return known;
  const digits = /^TYPE(\d{1,5})$/.exec(text)?.[1];
  return digits !== undefined && Number(digits) <= 0xffff ? Number(digits) : undefined;
}

/** In capitals. */
export function parseClass(text: string): number | undefined {
  return CLASSES.get(text);
}

/** The mnemonic of a type; undefined if it has none. */
export function typeWord(type: number): string | undefined {
  return TYPE_NAMES.get(type);
}

/** The mnemonic of a class; undefined if it has none. */
export function classWord(qclass: number): string | undefined {
  for (const [word, number] of CLASSES) if (number === qclass) return word;
  return undefined;
}

/** `A 1 NS 2 …` */
export function numbersOf(words: string): ReadonlyMap<string, number> {
  return new Map([...words.matchAll(/(\S+) (\d+)/g)].map(([, word, number]) => [word!, Number(number)]));
}
